package kube

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Attributes are an act whose permission is asked for: a verb on a resource, or
// on a path of the API server.
type Attributes struct {
	Verb, Group, Resource, Name string // Name: one object; empty: all
	Path                        string // instead of a resource
}

// reviewer is the name that a question is asked for: permissions are given to
// groups.
const reviewer = "eks-upgrade-agent:doctor"

// Review asks whether members of the groups may do something. The caller needs
// create on subjectaccessreviews; else it is PermissionDenied.
func (c *Client) Review(ctx context.Context, groups []string, a Attributes) (bool, error) {
	spec := map[string]any{"user": reviewer, "groups": anys(groups)}
	if a.Path != "" {
		spec["nonResourceAttributes"] = map[string]any{"verb": a.Verb, "path": a.Path}
	} else {
		spec["resourceAttributes"] = map[string]any{"verb": a.Verb, "group": a.Group, "resource": a.Resource, "name": a.Name}
	}
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"metadata": map[string]any{}, "spec": spec}}
	gvr := schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
	answer, err := c.dynamic.Resource(gvr).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, Wrap("ask "+c.cluster+" who may "+a.Verb, err)
	}
	allowed, found, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	if err != nil || !found {
		return false, upgrade.KindKubernetesUnexpected.Errorf("ask "+c.cluster+" who may "+a.Verb, "the answer says neither yes nor no")
	}
	return allowed, nil
}

func anys(texts []string) []any {
	out := make([]any, 0, len(texts))
	for _, t := range slices.Sorted(slices.Values(texts)) {
		out = append(out, t)
	}
	return out
}
