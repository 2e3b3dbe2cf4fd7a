package kube

import (
	"context"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Resource is one kind of object that the API server serves.
type Resource struct {
	Group, Version, Name, Kind string // Name is the plural in paths: "deployments"
	Namespaced                 bool
	Verbs                      []string
}

// GVR returns the resource's address.
func (r Resource) GVR() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Name}
}

// GVK returns the resource's kind.
func (r Resource) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

// APIVersion returns "apps/v1", or "v1" for the core group.
func (r Resource) APIVersion() string {
	return schema.GroupVersion{Group: r.Group, Version: r.Version}.String()
}

// Can reports whether the resource supports a verb, such as "list".
func (r Resource) Can(verb string) bool { return slices.Contains(r.Verbs, verb) }

// Resources is what an API server serves.
type Resources struct {
	All        []Resource // each version; within a group the preferred version first
	Unanswered []string   // "metrics.k8s.io/v1beta1": groups whose own server does not answer
}

// ByKind returns the resource of a kind.
func (r Resources) ByKind(kind schema.GroupVersionKind) (Resource, bool) {
	i := slices.IndexFunc(r.All, func(x Resource) bool { return x.GVK() == kind })
	if i < 0 {
		return Resource{}, false
	}
	return r.All[i], true
}

// Preferred returns every resource once, in the version that the server
// prefers among those that have it.
func (r Resources) Preferred() []Resource {
	var out []Resource
	seen := map[schema.GroupResource]bool{}
	for _, x := range r.All {
		if id := x.GVR().GroupResource(); !seen[id] {
			seen[id] = true
			out = append(out, x)
		}
	}
	return out
}

// acceptDiscovery asks for everything in one answer. The server makes it from
// what it knows already, so that an aggregated API server that is down is
// marked as stale instead of failing the call.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
const acceptDiscovery = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"

// Resources asks the server what it serves.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	var found Resources
	for _, path := range []string{"/api", "/apis"} {
		op := "list the APIs of " + c.cluster
		data, err := c.rest.Get().AbsPath(path).SetHeader("Accept", acceptDiscovery).DoRaw(ctx)
		if err != nil {
			return Resources{}, Wrap(op, err)
		}
		var list discovery
		if err := json.Unmarshal(data, &list); err != nil {
			return Resources{}, upgrade.KindKubernetesUnavailable.Errorf(op, "the answer to %s cannot be read: %w", path, err)
		}
		if list.Kind != "APIGroupDiscoveryList" {
			return Resources{}, upgrade.KindKubernetesUnexpected.Errorf(op, "the server answers %s with %q instead of aggregated discovery", path, list.Kind).
				WithRemedy("the agent needs Kubernetes 1.30 or newer")
		}
		found.add(list)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources = found
	return found, nil
}

// discovery is the part of an APIGroupDiscoveryList that is read.
// Source: https://pkg.go.dev/k8s.io/api/apidiscovery/v2
type discovery struct {
	Kind  string
	Items []struct {
		Metadata struct{ Name string }
		Versions []struct {
			Version   string
			Freshness string
			Resources []struct {
				Resource     string
				ResponseKind *struct{ Kind string }
				Scope        string
				Verbs        []string
			}
		}
	}
}

func (r *Resources) add(list discovery) {
	for _, group := range list.Items {
		for _, version := range group.Versions {
			if version.Freshness == "Stale" {
				r.Unanswered = append(r.Unanswered, schema.GroupVersion{Group: group.Metadata.Name, Version: version.Version}.String())
			}
			for _, x := range version.Resources {
				resource := Resource{Group: group.Metadata.Name, Version: version.Version, Name: x.Resource,
					Namespaced: x.Scope == "Namespaced", Verbs: x.Verbs}
				if x.ResponseKind != nil {
					resource.Kind = x.ResponseKind.Kind
				}
				r.All = append(r.All, resource)
			}
		}
	}
}

// Resource returns the resource of a kind; it asks the server again when the
// kind was not there before, as after a CustomResourceDefinition was created.
func (c *Client) Resource(ctx context.Context, kind schema.GroupVersionKind) (Resource, error) {
	c.mu.Lock()
	known := c.resources
	c.mu.Unlock()
	if resource, ok := known.ByKind(kind); ok {
		return resource, nil
	}
	found, err := c.Resources(ctx)
	if err != nil {
		return Resource{}, err
	}
	resource, ok := found.ByKind(kind)
	if !ok {
		return Resource{}, upgrade.KindKubernetesAPIMissing.Errorf("find the API of "+kind.Kind, "%s does not serve %s", c.cluster, kind.GroupVersion()).
			WithRemedy("install its CustomResourceDefinition, or use a version that the cluster serves")
	}
	return resource, nil
}
