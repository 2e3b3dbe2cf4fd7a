// Package lifecycle is Kubernetes's own table of when each beta and alpha API
// was deprecated and when it is no longer served. The table is generated from
// the APILifecycle methods of k8s.io/api, which the API server itself obeys,
// not from a hand-kept list.
package lifecycle

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:generate go run ./gen

// API is one version of one kind.
type API struct {
	Group, Version, Kind string
	Introduced           upgrade.Version
	Deprecated           upgrade.Version // zero: not deprecated
	Removed              upgrade.Version // first release that does not serve it; zero: no removal is announced
	Replacement          Kind            // zero: none is named
}

// Kind names a kind of a version.
type Kind struct{ Group, Version, Kind string }

// APIVersion returns "policy/v1beta1", or "v1" for the core group.
func (a API) APIVersion() string { return apiVersion(a.Group, a.Version) }

// ReplacedBy returns "policy/v1 PodDisruptionBudget", or "" when nothing is
// named.
func (a API) ReplacedBy() string {
	if a.Replacement == (Kind{}) {
		return ""
	}
	return apiVersion(a.Replacement.Group, a.Replacement.Version) + " " + a.Replacement.Kind
}

func apiVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// Table is a set of APIs.
type Table []API

// Official returns the generated table; do not change it. Newest is the last
// release that it knows: about later ones it says nothing.
func Official() Table { return official }

// Newest is the last release that the table was made from.
func Newest() upgrade.Version { return newest }

// Lookup returns the entry of an API.
func (t Table) Lookup(group, version, kind string) (API, bool) {
	i := slices.IndexFunc(t, func(a API) bool { return a.Group == group && a.Version == version && a.Kind == kind })
	if i < 0 {
		return API{}, false
	}
	return t[i], true
}

// Ageing returns the APIs through which an object of the group and kind may
// have been written and that are deprecated or removed at the version: its own
// group's, and those of another group that this one replaced, as
// extensions/v1beta1 Ingress was by networking.k8s.io/v1.
func (t Table) Ageing(group, kind string, at upgrade.Version) []API {
	var out []API
	for _, a := range t {
		same := a.Group == group && a.Kind == kind
		moved := a.Replacement.Group == group && a.Replacement.Kind == kind
		if (same || moved) && (reached(a.Deprecated, at) || reached(a.Removed, at)) {
			out = append(out, a)
		}
	}
	return out
}

// Ages reports whether any version of a kind, or of one that it replaces, was
// or will be deprecated or removed. Of the other kinds nothing can be found.
func (t Table) Ages(group, kind string) bool {
	return slices.ContainsFunc(t, func(a API) bool {
		same := a.Group == group && a.Kind == kind
		moved := a.Replacement.Group == group && a.Replacement.Kind == kind
		return (same || moved) && (a.Deprecated != (upgrade.Version{}) || a.Removed != (upgrade.Version{}))
	})
}

func reached(v, at upgrade.Version) bool { return v != (upgrade.Version{}) && v.Compare(at) <= 0 }
