package kubestate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/kubetest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func of(kind, name string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
}

func named(name string, owners []metav1.OwnerReference, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, OwnerReferences: owners, Labels: labels}
}

// specOf is a pod that asks for an amount of CPU.
func specOf(cpu string) corev1.PodSpec {
	return corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}}}
}

var running = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}

func TestPodsFindTheirWorkloads(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	web := map[string]string{"app": "web"}
	server.Serve(t, kube.Resource{Version: "v1", Name: "nodes", Kind: "Node"}, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true},
		&appsv1.Deployment{ObjectMeta: named("web", nil, nil), Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: web}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}, Spec: specOf("100m")}}})
	none := int32(0)
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1", Name: "replicasets", Kind: "ReplicaSet", Namespaced: true},
		&appsv1.ReplicaSet{ObjectMeta: named("web-1", of("Deployment", "web"), nil)}, &appsv1.ReplicaSet{ObjectMeta: named("rollout-1", of("Rollout", "canary"), nil)},
		&appsv1.ReplicaSet{ObjectMeta: named("rollout-0", of("Rollout", "canary"), nil), Spec: appsv1.ReplicaSetSpec{Replicas: &none}}, &appsv1.ReplicaSet{ObjectMeta: named("alone", nil, nil)})
	server.Serve(t, kube.Resource{Group: "batch", Version: "v1", Name: "cronjobs", Kind: "CronJob", Namespaced: true}, &batchv1.CronJob{ObjectMeta: named("nightly", nil, nil), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *"}})
	server.Serve(t, kube.Resource{Group: "batch", Version: "v1", Name: "jobs", Kind: "Job", Namespaced: true},
		&batchv1.Job{ObjectMeta: named("nightly-1", of("CronJob", "nightly"), nil)}, &batchv1.Job{ObjectMeta: named("migrate", nil, nil)})
	mirror := named("proxy", of("Node", "a"), nil)
	mirror.Annotations = map[string]string{"kubernetes.io/config.mirror": "1"}
	held := named("held", of("ReplicaSet", "web-1"), map[string]string{"app": "web", "version": "2"})
	held.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
	bare := specOf("300m")
	bare.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}}}
	server.Serve(t, kube.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true},
		&corev1.Pod{ObjectMeta: named("plain", of("ReplicaSet", "web-1"), map[string]string{"app": "web", "pod-template-hash": "1"}), Spec: specOf("100m"), Status: running},
		&corev1.Pod{ObjectMeta: held, Spec: specOf("200m"), Status: running},
		&corev1.Pod{ObjectMeta: named("crashing", of("ReplicaSet", "web-1"), web), Spec: specOf("100m"), Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{RestartCount: 7}}}},
		&corev1.Pod{ObjectMeta: named("nightly", of("Job", "nightly-1"), nil), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
		&corev1.Pod{ObjectMeta: named("canary", of("ReplicaSet", "rollout-1"), nil), Status: running},
		&corev1.Pod{ObjectMeta: named("gone", of("ReplicaSet", "web-0"), nil), Status: corev1.PodStatus{Phase: corev1.PodFailed}},
		&corev1.Pod{ObjectMeta: mirror, Spec: corev1.PodSpec{NodeName: "a"}, Status: running},
		&corev1.Pod{ObjectMeta: named("bare", nil, web), Spec: bare, Status: corev1.PodStatus{Phase: corev1.PodPending}})

	snapshot, _, err := collect(t, server, v(35))
	if err != nil {
		t.Fatal(err)
	}
	state := snapshot.Kubernetes
	index := map[string]int{}
	for i, w := range state.Workloads {
		index[w.Object.Kind+" "+w.Object.Name] = i
	}
	if diff := cmp.Diff(map[string]int{"CronJob nightly": 0, "Deployment web": 1, "Job migrate": 2, "ReplicaSet alone": 3, "ReplicaSet rollout-1": 4}, index); diff != "" {
		t.Error(diff)
	}
	pod := func(name string, node, workload int, change func(*upgrade.Pod)) upgrade.Pod {
		p := upgrade.Pod{Namespace: "shop", Name: name, Node: node, Workload: workload}
		change(&p)
		return p
	}
	want := []upgrade.Pod{
		pod("plain", 0, 1, func(*upgrade.Pod) {}),
		pod("held", 0, 1, func(p *upgrade.Pod) {
			p.Labels, p.CPU, p.Holds = held.Labels, 200, []string{"karpenter.sh/do-not-disrupt=true"}
		}),
		pod("crashing", 0, 1, func(p *upgrade.Pod) { p.NotReady, p.Restarts = true, 7 }),
		pod("nightly", -1, 0, func(p *upgrade.Pod) { p.Phase = "Succeeded" }),
		pod("canary", -1, 4, func(*upgrade.Pod) {}),
		pod("gone", -1, -1, func(p *upgrade.Pod) { p.Owner, p.Phase = "ReplicaSet", "Failed" }),
		pod("proxy", 0, -1, func(p *upgrade.Pod) { p.Owner, p.Mirror, p.Bare = "Node", true, &upgrade.PodTemplate{} }),
		pod("bare", 0, -1, func(p *upgrade.Pod) {
			p.Labels, p.Phase, p.NotReady, p.CPU, p.Claims = web, "Pending", true, 300, []string{"data", "bare-scratch"}
			p.Bare = &upgrade.PodTemplate{Containers: []upgrade.Container{{Name: "c", CPU: 300}}, Claims: []string{"data", "scratch"}}
		}),
	}
	if diff := cmp.Diff(want, state.Pods); diff != "" {
		t.Error(diff)
	}
	if got := state.Objects["apps/v1, ReplicaSet"]; got != 4 { // those that are read again are not counted again
		t.Errorf("%d ReplicaSets", got)
	}
}

func TestServicesCountTheirReadyEndpointsOnce(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	services := kube.Resource{Version: "v1", Name: "services", Kind: "Service", Namespaced: true}
	slices := kube.Resource{Group: "discovery.k8s.io", Version: "v1", Name: "endpointslices", Kind: "EndpointSlice", Namespaced: true}
	server.Serve(t, services, &corev1.Service{ObjectMeta: named("web", nil, nil)}, &corev1.Service{ObjectMeta: named("empty", nil, nil)})
	no := false
	slice := func(family discoveryv1.AddressType, addresses ...string) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{ObjectMeta: named("web-"+string(family)+addresses[0], nil, map[string]string{"kubernetes.io/service-name": "web"}), AddressType: family}
		for _, a := range addresses {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
		}
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"not ready"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}})
		return s
	}
	server.Serve(t, slices, slice("IPv4", "10.0.0.1", "10.0.0.2"), slice("IPv4", "10.0.0.2", "10.0.0.3"), slice("IPv6", "::1", "::2"))
	ready := func() []int {
		snapshot, _, err := collect(t, server, v(35))
		if err != nil {
			t.Fatal(err)
		}
		return []int{snapshot.Kubernetes.Services[0].ReadyEndpoints, snapshot.Kubernetes.Services[1].ReadyEndpoints}
	}
	if got := ready(); got[0] != 3 || got[1] != 0 {
		t.Errorf("ready endpoints: %v", got)
	}
	server.Fail("/apis/discovery.k8s.io/v1/endpointslices", 403)
	if got := ready(); got[0] != -1 {
		t.Errorf("ready endpoints that may not be seen: %v", got)
	}
}
