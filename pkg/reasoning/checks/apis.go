package checks

import (
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const deprecationGuide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

var apiChecks = []Check{
	{ID: "deprecated-apis", Title: "Objects are written through API versions that stay", Severity: upgrade.Critical, Source: deprecationGuide, run: deprecatedAPIs},
	{ID: "scanners", Title: "kubent and pluto find nothing that goes away", Severity: upgrade.High, Source: deprecationGuide, run: scanned},
}

func deprecatedAPIs(v View, c Check) []upgrade.Finding {
	if v.Kubernetes == nil {
		return nil // perception-complete blocks
	}
	var out []upgrade.Finding
	for _, d := range v.Kubernetes.DeprecatedAPIs {
		remedy := replace(d)
		switch fate := fateOf(d, v); {
		case fate == goes && d.Written:
			out = append(out, on(c.blocking(fmt.Sprintf("%s is not served any more in %s; %s", d.Object.APIVersion, d.Removed, d.Evidence), remedy), d.Object))
		case fate == goes:
			out = append(out, on(at(c.finding(fmt.Sprintf("%s is not served any more in %s; %s", d.Object.APIVersion, d.Removed, d.Evidence), remedy), upgrade.High), d.Object))
		case fate == gone:
			out = append(out, on(at(c.finding(fmt.Sprintf("%s is not served since %s already, so that the running cluster lives without it; %s", d.Object.APIVersion, d.Removed, d.Evidence), remedy), upgrade.Low), d.Object))
		default:
			out = append(out, on(at(c.finding(fmt.Sprintf("%s is deprecated since %s%s; %s", d.Object.APIVersion, d.Deprecated, later(d), d.Evidence), remedy), upgrade.Low), d.Object))
		}
	}
	return out
}

// scanned judges what the external scanners say. Their tables are kept by hand
// and are wrong in places, so that they ask a person rather than block; what
// the live objects show blocks by itself.
func scanned(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	seen := []upgrade.ObjectRef{}
	if v.Kubernetes != nil {
		for _, d := range v.Kubernetes.DeprecatedAPIs {
			seen = append(seen, d.Object)
		}
	}
	for _, s := range v.Scans {
		for _, d := range s.Findings {
			if slices.Contains(seen, d.Object) {
				continue // said by the live objects, or by the other scanner
			}
			seen = append(seen, d.Object)
			evidence := fmt.Sprintf("%s %s: %s", s.Tool, s.Version, d.Evidence)
			switch fateOf(d, v) {
			case goes:
				out = append(out, on(c.finding(evidence, replace(d)), d.Object))
			case gone:
				out = append(out, on(at(c.finding(evidence, replace(d)), upgrade.Medium), d.Object))
			default:
				out = append(out, on(at(c.finding(evidence, replace(d)), upgrade.Low), d.Object))
			}
		}
	}
	return out
}

// fate is what becomes of an API version by this upgrade.
type fate int

const (
	stays fate = iota // deprecated, still served at the target
	goes              // served now, not served at the target
	gone              // not served now either
)

func fateOf(d upgrade.DeprecatedAPI, v View) fate {
	switch {
	case d.Removed == (upgrade.Version{}) || d.Removed.Compare(v.Request.Target) > 0:
		return stays
	case v.Kubernetes != nil && d.Removed.Compare(v.Kubernetes.ServerVersion) <= 0:
		return gone
	}
	return goes
}

func replace(d upgrade.DeprecatedAPI) string {
	if d.Replacement == "" {
		return "change its source (manifest, chart or controller) to do without this API: no replacement is named"
	}
	return "change its source (manifest, chart or controller) to " + d.Replacement + " and apply it"
}

func later(d upgrade.DeprecatedAPI) string {
	if d.Removed == (upgrade.Version{}) {
		return ""
	}
	return fmt.Sprintf(" and goes in %s", d.Removed)
}
