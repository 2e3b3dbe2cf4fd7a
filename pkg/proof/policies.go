package proof

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// marker is an object that only the policy of the same name refuses. Policies
// take effect some time after they were made, in the order in which they were:
// when the marker is refused, all before it are in force.
const marker = "eks-upgrade-proof-marker"

// policiesStall bounds the wait for policies (real time).
const policiesStall = 30 * time.Second

func (s *server) waitPolicies(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, policiesStall, upgrade.Detailf("%v have passed", policiesStall))
	defer cancel()
	group := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	for kind, spec := range map[string]map[string]any{
		"ValidatingAdmissionPolicy": {"failurePolicy": "Fail", "validations": []any{map[string]any{"expression": "object.metadata.name != '" + marker + "'"}},
			"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"configmaps"}}}}},
		"ValidatingAdmissionPolicyBinding": {"policyName": marker, "validationActions": []any{"Deny"}},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": group.String(), "kind": kind, "metadata": map[string]any{"name": marker}, "spec": spec}}
		if _, err := s.post(ctx, s.resources[group.WithKind(kind)], o, false); err != nil {
			return failed(ctx, "load the admission policies", err)
		}
	}
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": marker, "namespace": "default"}}}
	return controlplane.Poll(ctx, "the admission policies", func(ctx context.Context) (bool, error, error) {
		a, err := s.post(ctx, s.resources[schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}], o, true)
		return err == nil && a.code >= 400, err, nil
	})
}
