// Package lifecycle knows when versions of APIs were deprecated and when they
// are no longer served: those of Kubernetes by a table that is generated from the
// APILifecycle methods which the API server itself obeys, and those of well-known
// products that bring CustomResourceDefinitions by products.json.
package lifecycle

import (
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:generate go run ./gen

// API is one version of one kind.
type API struct {
	Group, Version, Kind string
	Plural               string          // as in paths; empty: not known, and none of a product's
	Product              string          // whose releases the versions below are; empty: Kubernetes
	Introduced           upgrade.Version // zero: not known
	Deprecated           upgrade.Version // zero: not deprecated
	Removed              upgrade.Version // first release that does not serve it; zero: no removal is announced
	Replacement          Kind            // zero: none is named
	Source               string          // link to the announcement; empty: the generated table
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

// Table is a set of APIs, each at most once.
type Table []API

// Official returns the generated table of Kubernetes; do not change it. Newest
// is the last release that it knows: about later ones it says nothing.
func Official() Table { return official }

// Newest is the last release that the table was made from.
func Newest() upgrade.Version { return newest }

// All returns the tables of Kubernetes and of the products.
func All() Table { return slices.Concat(Official(), Products()) }

// With returns the table with more APIs; what both have is taken from more.
func (t Table) With(more Table) Table {
	out := make(Table, 0, len(t)+len(more))
	for _, a := range t {
		if _, again := more.Lookup(a.Group, a.Version, a.Kind); !again {
			out = append(out, a)
		}
	}
	return append(out, more...)
}

func v(major, minor int) upgrade.Version { return upgrade.Version{Major: major, Minor: minor} }

// Lookup returns the entry of an API.
func (t Table) Lookup(group, version, kind string) (API, bool) {
	i := slices.IndexFunc(t, func(a API) bool { return a.Group == group && a.Version == version && a.Kind == kind })
	if i < 0 {
		return API{}, false
	}
	return t[i], true
}

// Ageing returns the APIs through which an object of the group and kind may
// have been written and that are deprecated or removed at the release of
// Kubernetes: its own group's, and those of another group that this one replaced,
// as extensions/v1beta1 Ingress was by networking.k8s.io/v1. Products have releases
// of their own, so that theirs are returned whatever the release is.
func (t Table) Ageing(group, kind string, at upgrade.Version) []API {
	var out []API
	for _, a := range t {
		same := a.Group == group && a.Kind == kind
		moved := a.Replacement.Group == group && a.Replacement.Kind == kind
		if (same || moved) && a.aged(at) {
			out = append(out, a)
		}
	}
	return out
}

// aged reports whether the API is deprecated or removed at a release of
// Kubernetes, or at any of its product.
func (a API) aged(at upgrade.Version) bool {
	if a.Product != "" {
		return a.Deprecated != (upgrade.Version{}) || a.Removed != (upgrade.Version{})
	}
	return reached(a.Deprecated, at) || reached(a.Removed, at)
}

// Aged returns the entry of an API when it is deprecated or removed at the
// release of Kubernetes, or at any of its product.
func (t Table) Aged(apiVersion, kind string, at upgrade.Version) (API, bool) {
	group, version := Split(apiVersion)
	a, ok := t.Lookup(group, version, kind)
	return a, ok && a.aged(at)
}

// Split takes an apiVersion apart: "policy/v1" is "policy" and "v1", "v1" is ""
// and "v1".
func Split(apiVersion string) (group, version string) {
	if group, version, ok := strings.Cut(apiVersion, "/"); ok {
		return group, version
	}
	return "", apiVersion
}

// Describe starts what is known of an object in the API.
func (a API) Describe(namespace, name string) upgrade.DeprecatedAPI {
	return upgrade.DeprecatedAPI{
		Object:     upgrade.ObjectRef{APIVersion: a.APIVersion(), Kind: a.Kind, Namespace: namespace, Name: name},
		Deprecated: a.Deprecated, Removed: a.Removed, Replacement: a.ReplacedBy(), Product: a.Product, Source: a.Source,
	}
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

// Resource returns the kind of an API by its plural, as in paths and metrics.
func (t Table) Resource(group, version, plural string) (API, bool) {
	i := slices.IndexFunc(t, func(a API) bool {
		return a.Group == group && a.Version == version && (a.Plural == plural || a.Plural == "" && Plural(a.Kind) == plural)
	})
	if i < 0 {
		return API{}, false
	}
	return t[i], true
}

// Plural returns what a kind is called in paths: "ingresses" for Ingress, as
// Kubernetes' own kinds are.
func Plural(kind string) string {
	name := strings.ToLower(kind)
	switch {
	case name == "endpoints":
		return name
	case strings.HasSuffix(name, "s"), strings.HasSuffix(name, "x"), strings.HasSuffix(name, "ch"), strings.HasSuffix(name, "sh"):
		return name + "es"
	case strings.HasSuffix(name, "y") && !strings.HasSuffix(name, "ay") && !strings.HasSuffix(name, "ey"):
		return strings.TrimSuffix(name, "y") + "ies"
	}
	return name + "s"
}

// clusterScoped are kinds of the tables that have no namespace, besides those
// whose name begins with "Cluster".
var clusterScoped = map[string]bool{"APIService": true, "CSIDriver": true, "CSINode": true, "CertificateSigningRequest": true, "ComponentStatus": true,
	"CustomResourceDefinition": true, "DeviceClass": true, "DeviceTaintRule": true, "EC2NodeClass": true, "FlowSchema": true, "GatewayClass": true,
	"IPAddress": true, "IngressClass": true, "MeshPolicy": true, "MutatingAdmissionPolicy": true, "MutatingAdmissionPolicyBinding": true,
	"MutatingWebhookConfiguration": true, "Namespace": true, "Node": true, "NodeClaim": true, "NodePool": true, "PersistentVolume": true,
	"PodSecurityPolicy": true, "PriorityClass": true, "PriorityLevelConfiguration": true, "Provisioner": true, "ResourceSlice": true, "RuntimeClass": true,
	"ServiceCIDR": true, "StorageClass": true, "StorageVersionMigration": true, "ValidatingAdmissionPolicy": true, "ValidatingAdmissionPolicyBinding": true,
	"ValidatingWebhookConfiguration": true, "VolumeAttachment": true, "VolumeAttributesClass": true, "VolumeSnapshotClass": true, "VolumeSnapshotContent": true,
	"AWSNodeTemplate": true, "Machine": true, "ResourcePoolStatusRequest": true}

// ClusterScoped reports whether objects of a kind of the tables have no
// namespace.
func ClusterScoped(kind string) bool {
	return clusterScoped[kind] || strings.HasPrefix(kind, "Cluster")
}
