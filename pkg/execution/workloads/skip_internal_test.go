package workloads

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestTargetGroupBindingsOfTheControllerAreNotDelivered(t *testing.T) {
	for label, left := range map[string]bool{
		"ingress.k8s.aws/stack": true, "service.k8s.aws/stack-name": true, "ingress.eks.amazonaws.com/stack": true,
		"app": false, "k8s.aws/stack-of-plates": false,
	} {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "elbv2.k8s.aws/v1beta1", "kind": "TargetGroupBinding"}}
		o.SetName("k8s-web")
		o.SetNamespace("default")
		o.SetLabels(map[string]string{label: "default-web"})
		if got := skip(o) != ""; got != left {
			t.Errorf("label %s: left out %t, want %t", label, got, left)
		}
	}
}
