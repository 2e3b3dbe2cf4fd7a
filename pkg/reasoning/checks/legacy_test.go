package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
)

// Real manifests of versions that are gone are judged by what they say.
func TestLegacyManifestsAreRead(t *testing.T) {
	files, err := manifests.Read("../../../test/testdata/clusters/legacy")
	if err != nil {
		t.Fatal(err)
	}
	var objects []kubestate.Object
	for _, m := range files {
		objects = append(objects, kubestate.Object{Unstructured: *m.Object, Source: m.File})
	}
	s, unread := kubestate.FromObjects(objects)
	if len(unread) > 0 || len(s.Workloads) != 1 || len(s.Budgets) != 1 || len(s.Autoscalers) != 1 || len(s.Ingresses) != 1 {
		t.Errorf("unread %v, %d workloads, %d budgets, %d autoscalers, %d ingresses", unread, len(s.Workloads), len(s.Budgets), len(s.Autoscalers), len(s.Ingresses))
	}
}
