package checks

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// image is a reference to a container image, in parts.
type image struct {
	registry string // "registry.k8s.io"; docker.io when none is written
	path     string // "ingress-nginx/controller"
	tag      string // "v1.12.0"; empty: none
	digest   string
}

// parseImage splits a reference as container runtimes do: what stands before the
// first slash is a registry when it has a dot or a colon, or is localhost.
func parseImage(reference string) image {
	var i image
	reference, i.digest, _ = strings.Cut(reference, "@")
	i.registry, i.path = "docker.io", reference
	if head, rest, ok := strings.Cut(reference, "/"); ok && (strings.ContainsAny(head, ".:") || head == "localhost") {
		i.registry, i.path = head, rest
	}
	if at := strings.LastIndexByte(i.path, ':'); at >= 0 {
		i.path, i.tag = i.path[:at], i.path[at+1:]
	}
	return i
}

// name is the last part of the path: "controller".
func (i image) name() string { return i.path[strings.LastIndexByte(i.path, '/')+1:] }

// is reports whether the image is path, wherever it is kept: mirrors put their
// own prefix before it.
func (i image) is(path string) bool {
	return i.path == path || strings.HasSuffix(i.path, "/"+path)
}

var releasePattern = regexp.MustCompile(`^v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,5}))?(?:[-+.].*)?$`)

// release reads major, minor and patch of the tag "v1.31.0-eks-1"; false when
// the tag is no release.
func (i image) release() (productRelease, bool) { return parseRelease(i.tag) }

// productRelease is the release of a product.
type productRelease struct{ major, minor, patch int }

func parseRelease(text string) (productRelease, bool) {
	m := releasePattern.FindStringSubmatch(text)
	if m == nil {
		return productRelease{}, false
	}
	var r productRelease
	r.major, _ = strconv.Atoi(m[1]) // the pattern admits digits only
	r.minor, _ = strconv.Atoi(m[2])
	r.patch, _ = strconv.Atoi(m[3]) // 0 when there is none
	return r, true
}

// compare returns a negative number when r is older than o.
func (r productRelease) compare(o productRelease) int {
	switch {
	case r.major != o.major:
		return r.major - o.major
	case r.minor != o.minor:
		return r.minor - o.minor
	}
	return r.patch - o.patch
}

// version is the release as a version of Kubernetes.
func (r productRelease) version() upgrade.Version {
	return upgrade.Version{Major: r.major, Minor: r.minor}
}

// containersOf returns all containers of a template, init containers too.
func containersOf(t *upgrade.PodTemplate) []upgrade.Container {
	if len(t.InitContainers) == 0 {
		return t.Containers
	}
	return append(append([]upgrade.Container{}, t.InitContainers...), t.Containers...)
}

// flagOf splits "--name=value" and "-name"; the name is without dashes.
func flagOf(flag string) (name, value string) {
	name, value, _ = strings.Cut(strings.TrimLeft(flag, "-"), "=")
	return strings.TrimSpace(name), value
}
