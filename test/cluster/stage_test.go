package cluster

import (
	"slices"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
)

func TestStagesPutWhatIsNeededFirst(t *testing.T) {
	all, err := manifests.Parse("order.yaml", []byte(`
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: h}}
---
{apiVersion: monitoring.coreos.com/v1, kind: Prometheus, metadata: {name: g}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: f}}
---
{apiVersion: v1, kind: Service, metadata: {name: e}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: d}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: c}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: b}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: a}}
`))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b manifests.Manifest) int { return stage(a.Object) - stage(b.Object) })
	var got string
	for _, m := range all {
		got += m.Object.GetName()
	}
	if got != "abcdefgh" {
		t.Errorf("order %q", got)
	}
}
