package lifecycle_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version {
	if minor == 0 {
		return upgrade.Version{}
	}
	return upgrade.Version{Major: 1, Minor: minor}
}

// Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
func TestTableAgreesWithTheDeprecationGuide(t *testing.T) {
	tests := []struct {
		group, version, kind string
		removed              int
		replacement          string
	}{
		{"policy", "v1beta1", "PodDisruptionBudget", 25, "policy/v1 PodDisruptionBudget"},
		{"policy", "v1beta1", "PodSecurityPolicy", 25, ""},
		{"flowcontrol.apiserver.k8s.io", "v1beta3", "FlowSchema", 32, "flowcontrol.apiserver.k8s.io/v1 FlowSchema"},
		{"flowcontrol.apiserver.k8s.io", "v1beta3", "PriorityLevelConfiguration", 32, "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration"},
		{"flowcontrol.apiserver.k8s.io", "v1beta2", "FlowSchema", 29, "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema"},
		{"flowcontrol.apiserver.k8s.io", "v1beta1", "FlowSchema", 26, "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema"},
		{"storage.k8s.io", "v1beta1", "CSIStorageCapacity", 27, "storage.k8s.io/v1 CSIStorageCapacity"},
		{"autoscaling", "v2beta2", "HorizontalPodAutoscaler", 26, "autoscaling/v2 HorizontalPodAutoscaler"},
		{"autoscaling", "v2beta1", "HorizontalPodAutoscaler", 25, "autoscaling/v2 HorizontalPodAutoscaler"},
		{"batch", "v1beta1", "CronJob", 25, "batch/v1 CronJob"},
		{"discovery.k8s.io", "v1beta1", "EndpointSlice", 25, "discovery.k8s.io/v1 EndpointSlice"},
		{"events.k8s.io", "v1beta1", "Event", 25, ""},
		{"node.k8s.io", "v1beta1", "RuntimeClass", 25, ""},
		{"networking.k8s.io", "v1beta1", "Ingress", 22, "networking.k8s.io/v1 Ingress"},
		{"extensions", "v1beta1", "Ingress", 22, "networking.k8s.io/v1 Ingress"},
		{"rbac.authorization.k8s.io", "v1beta1", "Role", 22, "rbac.authorization.k8s.io/v1 Role"},
		{"extensions", "v1beta1", "Deployment", 16, "apps/v1 Deployment"},
		{"apps", "v1beta2", "Deployment", 16, "apps/v1 Deployment"},
		{"autoscaling", "v2", "HorizontalPodAutoscaler", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.group+"/"+tt.version+" "+tt.kind, func(t *testing.T) {
			api, ok := lifecycle.Official().Lookup(tt.group, tt.version, tt.kind)
			if !ok {
				t.Fatal("it is not in the table")
			}
			if api.Removed != v(tt.removed) || api.ReplacedBy() != tt.replacement {
				t.Errorf("removed in %q, replaced by %q; want %q and %q", api.Removed, api.ReplacedBy(), v(tt.removed), tt.replacement)
			}
		})
	}
}

func TestTableIsConsistent(t *testing.T) {
	for _, a := range lifecycle.Official() {
		if a.Version == "" || a.Kind == "" || a.Introduced == (upgrade.Version{}) {
			t.Errorf("%+v is not whole", a)
		}
		if a.Removed != (upgrade.Version{}) && a.Removed.Compare(a.Introduced) <= 0 {
			t.Errorf("%s %s is removed in %s and introduced in %s", a.APIVersion(), a.Kind, a.Removed, a.Introduced)
		}
	}
	if lifecycle.Newest().Compare(v(37)) < 0 {
		t.Errorf("the table ends with %s", lifecycle.Newest())
	}
}

func TestAgeingFindsTheVersionsAnObjectMayHaveBeenWrittenIn(t *testing.T) {
	tests := []struct {
		name, group, kind string
		at                int
		want              []string
	}{
		{"its own group", "autoscaling", "HorizontalPodAutoscaler", 25, []string{"autoscaling/v2beta1", "autoscaling/v2beta2"}},
		{"not deprecated yet", "autoscaling", "HorizontalPodAutoscaler", 21, nil},
		{"a group that was left", "networking.k8s.io", "Ingress", 35, []string{"extensions/v1beta1", "networking.k8s.io/v1beta1"}},
		{"a kind that is no built-in", "monitoring.coreos.com", "Prometheus", 35, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, a := range lifecycle.Official().Ageing(tt.group, tt.kind, v(tt.at)) {
				got = append(got, a.APIVersion())
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}
