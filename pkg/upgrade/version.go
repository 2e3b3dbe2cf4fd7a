package upgrade

import (
	"fmt"
	"regexp"
	"strconv"
)

// Version is a Kubernetes minor version, "1.35" in text and JSON.
type Version struct{ Major, Minor int }

// MaxKubeletSkew is how many minors a kubelet may be older than the API
// server. Source: https://kubernetes.io/releases/version-skew-policy/#kubelet
const MaxKubeletSkew = 3

var (
	minorPattern = regexp.MustCompile(`^([0-9]{1,3})\.([0-9]{1,3})$`)
	buildPattern = regexp.MustCompile(`^v?([0-9]{1,3})\.([0-9]{1,3})(?:\.[0-9]+)?(?:[-+].*)?$`)
)

// ParseVersion parses a minor version such as "1.35".
func ParseVersion(s string) (Version, error) {
	return parseVersion(minorPattern, s)
}

// ParseBuildVersion parses what a server or a kubelet says of itself, such as
// "v1.34.2-eks-2d5f9a1", and drops the patch and the suffix.
func ParseBuildVersion(s string) (Version, error) {
	return parseVersion(buildPattern, s)
}

func parseVersion(p *regexp.Regexp, s string) (Version, error) {
	m := p.FindStringSubmatch(s)
	if m == nil {
		return Version{}, invalid("", fmt.Sprintf("%q is not a Kubernetes version", s), `write it as major.minor, for example "1.35"`)
	}
	major, _ := strconv.Atoi(m[1]) // the pattern admits digits only
	minor, _ := strconv.Atoi(m[2])
	return Version{Major: major, Minor: minor}, nil
}

// String returns "1.35", or "" for the zero Version.
func (v Version) String() string {
	if v == (Version{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

// Next returns the minor after v.
func (v Version) Next() Version { return Version{v.Major, v.Minor + 1} }

// Compare returns -1, 0 or +1 when v is older than, equal to or newer than o.
func (v Version) Compare(o Version) int {
	switch {
	case v.Major != o.Major:
		return sign(v.Major - o.Major)
	default:
		return sign(v.Minor - o.Minor)
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; empty text is the zero
// Version.
func (v *Version) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*v = Version{}
		return nil
	}
	parsed, err := ParseVersion(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// Hop is one minor version of an upgrade. EKS moves a control plane one minor
// at a time.
type Hop struct {
	From Version `json:"from"`
	To   Version `json:"to"`
}

// Hops returns the minors between from and to, in order. It is an error when
// to is not newer than from or of another major.
func Hops(from, to Version) ([]Hop, error) {
	if from.Major != to.Major {
		return nil, invalid("target", fmt.Sprintf("%s is not of the same major version as %s", to, from), "name a minor of the cluster's major version")
	}
	if to.Compare(from) <= 0 {
		return nil, invalid("target", fmt.Sprintf("%s is not newer than the cluster's version %s", to, from), fmt.Sprintf("name %s", from.Next()))
	}
	var hops []Hop
	for v := from; v.Compare(to) < 0; v = v.Next() {
		hops = append(hops, Hop{From: v, To: v.Next()})
	}
	return hops, nil
}

// SkewProblem says why a kubelet of version kubelet may not run under an API
// server of version server, or "" when it may.
func SkewProblem(server, kubelet Version) string {
	switch {
	case kubelet.Compare(server) > 0:
		return fmt.Sprintf("kubelet %s is newer than the control plane %s", kubelet, server)
	case kubelet.Major != server.Major || server.Minor-kubelet.Minor > MaxKubeletSkew:
		return fmt.Sprintf("kubelet %s is more than %d minors older than the control plane %s", kubelet, MaxKubeletSkew, server)
	}
	return ""
}
