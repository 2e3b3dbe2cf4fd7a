package kubestate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/kubetest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

func number(n int32) *int32 { return &n }

var (
	autoscalers = kube.Resource{Group: "autoscaling", Version: "v2", Name: "horizontalpodautoscalers", Kind: "HorizontalPodAutoscaler", Namespaced: true}
	oldScalers  = kube.Resource{Group: "autoscaling", Version: "v1", Name: "horizontalpodautoscalers", Kind: "HorizontalPodAutoscaler", Namespaced: true}
	configMaps  = kube.Resource{Version: "v1", Name: "configmaps", Kind: "ConfigMap", Namespaced: true}
	secrets     = kube.Resource{Version: "v1", Name: "secrets", Kind: "Secret", Namespaced: true}
	reviews     = kube.Resource{Group: "authorization.k8s.io", Version: "v1", Name: "subjectaccessreviews", Kind: "SubjectAccessReview", Verbs: []string{"create"}}
)

// shop serves a small cluster with one of everything that is looked at.
func shop(t *testing.T) *kubetest.Server {
	server := kubetest.New(t, "v1.34.2-eks-2d5f9a1")
	server.Serve(t, kube.Resource{Version: "v1", Name: "nodes", Kind: "Node"},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"eks.amazonaws.com/nodegroup": "general", "topology.kubernetes.io/zone": "eu-west-1a", "node.kubernetes.io/instance-type": "m7i.large"}},
			Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.34.1-eks-113cf36"}, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: corev1.NodeSpec{Unschedulable: true},
			Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.33.0"}, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}}})
	labels := map[string]string{"app": "web"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Generation: 3}, Spec: appsv1.DeploymentSpec{Replicas: number(2), Selector: selector, Template: template},
			Status: appsv1.DeploymentStatus{ObservedGeneration: 3, ReadyReplicas: 2}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "stale", Generation: 4}, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template},
			Status: appsv1.DeploymentStatus{ObservedGeneration: 3, ReadyReplicas: 1}})
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1", Name: "statefulsets", Kind: "StatefulSet", Namespaced: true},
		&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}, Spec: appsv1.StatefulSetSpec{Replicas: number(1), Selector: selector, Template: template}, Status: appsv1.StatefulSetStatus{ReadyReplicas: 1}})
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1", Name: "daemonsets", Kind: "DaemonSet", Namespaced: true},
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy"}, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 2, NumberReady: 1}})
	one := intstr.FromInt32(1)
	half := intstr.FromString("50%")
	server.Serve(t, kube.Resource{Group: "policy", Version: "v1", Name: "poddisruptionbudgets", Kind: "PodDisruptionBudget", Namespaced: true},
		&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Generation: 1}, Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: &one},
			Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, ExpectedPods: 2, CurrentHealthy: 2, DesiredHealthy: 1, DisruptionsAllowed: 1}},
		&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "new", Generation: 1}, Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &half}})
	at := metav1.NewTime(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC))
	applied := `{"apiVersion":"autoscaling/v2beta2","kind":"HorizontalPodAutoscaler"}`
	server.Serve(t, autoscalers,
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "written", Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": applied},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "autoscaling/v2beta2", Time: &at},
				{Manager: "kube-controller-manager", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "autoscaling/v2"}}}},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "applied", Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": applied},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", APIVersion: "autoscaling/v2"}}}},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "fine", Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{cut off"}}})
	server.Serve(t, oldScalers) // the same objects in another version
	// Of what cannot age nothing is read, Secrets least of all, but for those of Helm.
	server.Serve(t, secrets, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}})
	server.Serve(t, configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}})
	server.Serve(t, kube.Resource{Version: "v1", Name: "endpoints", Kind: "Endpoints", Namespaced: true}, // deprecated since 1.33
		endpoints("web", "kube-controller-manager"), endpoints("lock", "leader"))
	server.Serve(t, reviews)
	server.Serve(t, kube.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true})
	return server
}

func endpoints(name, manager string) map[string]any {
	return map[string]any{"metadata": map[string]any{"namespace": "default", "name": name,
		"managedFields": []any{map[string]any{"manager": manager, "apiVersion": "v1"}}}}
}

func collect(t *testing.T, server *kubetest.Server, target upgrade.Version) (upgrade.Snapshot, string, error) {
	t.Helper()
	collector := kubestate.Collector{Table: lifecycle.Official(), Newest: v(37),
		Connect: func(context.Context, string) (*kube.Client, error) { return server.KubeClient(t), nil }}
	return collector.Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Target: target}}})
}

func TestCollectSeesTheWholeCluster(t *testing.T) {
	server := shop(t)
	snapshot, summary, err := collect(t, server, v(35))
	if err != nil {
		t.Fatal(err)
	}
	web := map[string]string{"app": "web"}
	app := func(kind, namespace, name string, desired, ready int) upgrade.Workload {
		return upgrade.Workload{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: kind, Namespace: namespace, Name: name}, Desired: desired, Ready: ready, Selector: upgrade.LabelSelector{Labels: web}, Template: upgrade.PodTemplate{Labels: web}}
	}
	budget := func(name string) upgrade.ObjectRef {
		return upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "default", Name: name}
	}
	scaler := func(name string, evidence ...upgrade.Evidence) upgrade.DeprecatedAPI {
		return upgrade.DeprecatedAPI{Object: upgrade.ObjectRef{APIVersion: "autoscaling/v2beta2", Kind: "HorizontalPodAutoscaler", Namespace: "default", Name: name},
			Deprecated: v(23), Removed: v(26), Replacement: "autoscaling/v2 HorizontalPodAutoscaler", Evidence: evidence}
	}
	autoscaler := func(name string) upgrade.Autoscaler {
		return upgrade.Autoscaler{Object: upgrade.ObjectRef{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler", Namespace: "default", Name: name}, Target: upgrade.ObjectRef{Namespace: "default"}, Min: 1}
	}
	want := upgrade.Snapshot{Kubernetes: &upgrade.KubernetesState{
		ServerVersion: v(34), GitVersion: "v1.34.2-eks-2d5f9a1",
		Nodes: []upgrade.Node{{Name: "a", Provisioner: upgrade.ByNodeGroup, NodeGroup: "general", Labels: map[string]string{"eks.amazonaws.com/nodegroup": "general", "topology.kubernetes.io/zone": "eu-west-1a", "node.kubernetes.io/instance-type": "m7i.large"}, Zone: "eu-west-1a", InstanceType: "m7i.large", KubeletVersion: v(34), Ready: true},
			{Name: "b", Provisioner: upgrade.ByItself, KubeletVersion: v(33), Unschedulable: true}},
		Workloads: []upgrade.Workload{app("DaemonSet", "kube-system", "proxy", 2, 1), app("Deployment", "default", "stale", 1, 0), app("Deployment", "default", "web", 2, 2), app("StatefulSet", "default", "db", 1, 1)},
		Budgets: []upgrade.DisruptionBudget{{Object: budget("web"), MinAvailable: "1", ExpectedPods: 2, CurrentHealthy: 2, DesiredHealthy: 1, DisruptionsAllowed: 1, Observed: true},
			{Object: budget("new"), MaxUnavailable: "50%"}},
		DeprecatedAPIs: []upgrade.DeprecatedAPI{
			{Object: upgrade.ObjectRef{APIVersion: "v1", Kind: "Endpoints", Namespace: "default", Name: "lock"}, Deprecated: v(33), Replacement: "discovery.k8s.io/v1 EndpointSlice", Evidence: []upgrade.Evidence{{Kind: upgrade.EvidenceManager, By: "leader"}}},
			scaler("applied", upgrade.Evidence{Kind: upgrade.EvidenceLastApplied}),
			scaler("written", upgrade.Evidence{Kind: upgrade.EvidenceManager, By: "helm", Operation: "Update", At: upgrade.At(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC))}, upgrade.Evidence{Kind: upgrade.EvidenceLastApplied})},
		Objects:     map[string]int{"apps/v1, Deployment": 2, "apps/v1, StatefulSet": 1, "apps/v1, DaemonSet": 1, "policy/v1, PodDisruptionBudget": 2, "autoscaling/v2, HorizontalPodAutoscaler": 3, "v1, Endpoints": 2, "v1, Node": 2},
		Autoscalers: []upgrade.Autoscaler{autoscaler("written"), autoscaler("applied"), autoscaler("fine")},
		// Seen to be empty, what is not installed too.
		Pods: []upgrade.Pod{}, Namespaces: []upgrade.Namespace{}, PriorityClasses: []upgrade.PriorityClass{}, Services: []upgrade.Service{}, Ingresses: []upgrade.Ingress{}, IngressClasses: []upgrade.IngressClass{},
		ServiceAccounts: []upgrade.ServiceAccount{}, RequestedAPIs: []upgrade.RequestedAPI{}, HelmReleases: []upgrade.HelmRelease{}, StorageClasses: []upgrade.StorageClass{}, Volumes: []upgrade.PersistentVolume{},
		Attachments: []upgrade.VolumeAttachment{}, Webhooks: []upgrade.Webhook{}, AdmissionPolicies: []upgrade.AdmissionPolicy{}, CustomResources: []upgrade.CustomResource{},
		APIServices: []upgrade.APIService{}, TargetGroupBindings: []upgrade.TargetGroupBinding{}, OuterSecrets: []upgrade.OuterSecret{}, GitOps: []upgrade.GitOpsSource{},
		Karpenter: &upgrade.Karpenter{}, KubeProxy: &upgrade.KubeProxy{}, Usage: &upgrade.Usage{},
	}}
	if diff := cmp.Diff(want, snapshot); diff != "" {
		t.Error(diff)
	}
	for _, r := range server.Requests() {
		ofHelm := strings.Contains(r, "/secrets?fieldSelector=type%3Dhelm.sh%2Frelease.v1&") || strings.Contains(r, "/configmaps?labelSelector=owner%3Dhelm&")
		if !ofHelm && (strings.Contains(r, "/secrets") || strings.Contains(r, "/configmaps") && !strings.Contains(r, "/namespaces/kube-system/configmaps/kube-proxy")) {
			t.Errorf("it asked for %s", r)
		}
	}
	if summary != "Kubernetes v1.34.2-eks-2d5f9a1, 2 nodes, 4 workloads, 13 objects, 3 on deprecated APIs" {
		t.Errorf("summary %q", summary)
	}
}

func TestCollectGoesOnWithoutWhatItMayNotSee(t *testing.T) {
	tests := []struct {
		name, path string
		seen       func(*upgrade.KubernetesState) bool // whether the part is there
		what       string
	}{
		{"nodes", "/api/v1/nodes", func(k *upgrade.KubernetesState) bool { return k.Nodes != nil }, "nodes"},
		{"budgets", "/apis/policy/v1/poddisruptionbudgets", func(k *upgrade.KubernetesState) bool { return k.Budgets != nil }, "disruption budgets"},
		{"one kind of application", "/apis/apps/v1/daemonsets", func(k *upgrade.KubernetesState) bool { return k.Workloads != nil }, "DaemonSets"},
		{"one kind of object", "/api/v1/endpoints", func(k *upgrade.KubernetesState) bool { _, seen := k.Objects["v1, Endpoints"]; return seen }, "objects of v1, Endpoints"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := shop(t)
			server.Fail(tt.path, 403, 403, 403)
			snapshot, _, err := collect(t, server, v(35))
			if err != nil {
				t.Fatal(err)
			}
			if tt.seen(snapshot.Kubernetes) {
				t.Error("what may not be seen is in the snapshot")
			}
			found := false
			for _, n := range snapshot.NotChecked {
				found = found || n.What == tt.what && strings.Contains(n.Why, "as told: 403") && strings.Contains(n.Remedy, "access entry")
			}
			if !found {
				t.Errorf("not checked: %+v", snapshot.NotChecked)
			}
		})
	}
}

func TestCollectIsRepeatedWhenTheServerDoesNotAnswer(t *testing.T) {
	for _, path := range []string{"/version", "/apis", "/apis/apps/v1/deployments", "/api/v1/endpoints"} {
		server := shop(t)
		server.Fail(path, 503, 503, 503)
		if _, _, err := collect(t, server, v(35)); upgrade.CodeOf(err) != upgrade.CodeUnavailable {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestCollectSaysWhatItCannotKnow(t *testing.T) {
	server := shop(t)
	server.Stale = []kube.Resource{{Group: "metrics.k8s.io", Version: "v1beta1", Name: "pods", Kind: "PodMetrics", Namespaced: true}}
	snapshot, _, err := collect(t, server, v(38))
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for _, n := range snapshot.NotChecked {
		what = append(what, n.What)
	}
	if diff := cmp.Diff([]string{"objects of metrics.k8s.io/v1beta1", "the use of resources", "APIs that 1.38 removes"}, what); diff != "" {
		t.Error(diff)
	}
}

func TestCollectErrsWhenItCannotConnect(t *testing.T) {
	collector := kubestate.Collector{Connect: func(context.Context, string) (*kube.Client, error) {
		return nil, upgrade.Errorf(upgrade.CodeNotFound, "connect", "no such cluster")
	}}
	if _, _, err := collector.Collect(t.Context(), upgrade.PerceiveInput{}); upgrade.CodeOf(err) != upgrade.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

// refusing answers everything but what discovery says as the API server answers
// whom it does not let in.
type refusing struct {
	http.Handler
	status int
	open   []string
}

func (r refusing) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if slices.Contains(r.open, request.URL.Path) {
		r.Handler.ServeHTTP(w, request)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","code":%d}`, r.status)
}

func TestCollectErrsWhenItIsNotLetIn(t *testing.T) {
	for name, r := range map[string]refusing{
		"nobody knows it":          {status: 401},
		"it may not even ask":      {status: 403},
		"it may list nothing":      {status: 403, open: []string{"/version", "/api", "/apis"}},
		"it may not see the kinds": {status: 403, open: []string{"/version"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := shop(t)
			r.Handler = server
			closed := httptest.NewServer(r)
			defer closed.Close()
			collector := kubestate.Collector{Table: lifecycle.Official(), Newest: lifecycle.Newest(), Connect: func(context.Context, string) (*kube.Client, error) {
				return kube.New(&rest.Config{Host: closed.URL}, "shop", kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
			}}
			_, _, err := collector.Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Target: v(35)}}})
			if upgrade.CodeOf(err) != upgrade.CodePermissionDenied || !strings.Contains(err.Error(), "access entry") || !strings.Contains(err.Error(), "docs/rbac.yaml") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Whatever is refused is named with the permission that lets it be seen.
func TestWhatIsRefusedComesWithItsGrant(t *testing.T) {
	server := shop(t)
	for _, path := range []string{"/api/v1/pods", "/metrics", "/apis/policy/v1/poddisruptionbudgets", "/api/v1/namespaces/kube-system/configmaps/kube-proxy-config"} {
		server.Fail(path, 403)
	}
	snapshot, _, err := collect(t, server, v(35))
	if err != nil {
		t.Fatal(err)
	}
	grants := map[upgrade.Part]upgrade.Grant{}
	for _, n := range snapshot.NotChecked {
		if n.Grant != nil {
			grants[n.Part] = *n.Grant
		}
	}
	want := map[upgrade.Part]upgrade.Grant{
		"kubernetes.pods":              {Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}},
		"kubernetes.disruptionBudgets": {Verbs: []string{"list"}, APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}},
		"kubernetes.requestedApis":     {Verbs: []string{"get"}, URLs: []string{"/metrics"}},
		"kubernetes.kubeProxy":         {Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, Names: []string{"kube-proxy-config", "kube-proxy"}},
	}
	if diff := cmp.Diff(want, grants); diff != "" {
		t.Error(diff)
	}
}
