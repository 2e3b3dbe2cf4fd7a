// Package bench measures perception on a real API server with many objects. See
// docs/performance.md.
package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// entry is one object in etcd.
type entry struct {
	key   string
	value []byte
}

// stored is an object as the API server keeps it.
func stored(key, apiVersion, kind string, object interface{ Marshal() ([]byte, error) }) entry {
	raw, err := object.Marshal()
	if err != nil {
		panic(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: apiVersion, Kind: kind}, Raw: raw}
	value, err := unknown.Marshal()
	if err != nil {
		panic(err)
	}
	return entry{"/registry/" + key, append([]byte("k8s\x00"), value...)}
}

var made = metav1.NewTime(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC))

func meta(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(fmt.Sprintf("%032x", name)[:32]), CreationTimestamp: made, Generation: 1, Labels: labels}
}

func pointer[T any](v T) *T { return &v }

// podSpec is of a web server with what people usually write.
func podSpec(node string) corev1.PodSpec {
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}, PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3}
	return corev1.PodSpec{NodeName: node, ServiceAccountName: "web", RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, SchedulerName: "default-scheduler",
		TerminationGracePeriodSeconds: pointer(int64(30)), EnableServiceLinks: pointer(true), SecurityContext: &corev1.PodSecurityContext{},
		Containers: []corev1.Container{{Name: "web", Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.27.3", Args: []string{"--listen=:8080", "--log-level=info"},
			ReadinessProbe: probe, LivenessProbe: probe, ImagePullPolicy: corev1.PullIfNotPresent, TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
			Env: []corev1.EnvVar{{Name: "DATABASE_HOST", Value: "orders.cluster-abc.eu-west-1.rds.amazonaws.com"}, {Name: "DATABASE_PASSWORD", ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "database"}, Key: "password"}}}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")}}}},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "web"}, DefaultMode: pointer(int32(420))}}}},
		Tolerations: []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: pointer(int64(300))},
			{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: pointer(int64(300))}}}
}

// fields is about what managedFields of such an object hold.
var fields = []byte(`{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}},"f:labels":{".":{},"f:app":{}}},"f:spec":{` +
	strings.Repeat(`"f:progressDeadlineSeconds":{},`, 20) + `"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}}}}}}`)

func writers(manager, apiVersion string) []metav1.ManagedFieldsEntry {
	return []metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: apiVersion, Time: &made, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(fields))},
		{Manager: "kube-controller-manager", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: apiVersion, Time: &made, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(fields)), Subresource: "status"}}
}

func deployment(i int) entry {
	namespace, name := fmt.Sprintf("team-%02d", i%50), fmt.Sprintf("web-%05d", i)
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{ObjectMeta: meta(namespace, name, labels),
		Spec: appsv1.DeploymentSpec{Replicas: pointer(int32(20)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec("")}},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 20, ReadyReplicas: 20, UpdatedReplicas: 20, AvailableReplicas: 20}}
	applied, err := json.Marshal(map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": namespace, "name": name}, "spec": d.Spec})
	if err != nil {
		panic(err)
	}
	d.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(applied), "deployment.kubernetes.io/revision": "1"}
	d.ManagedFields = writers("kubectl-client-side-apply", "apps/v1")
	return stored("deployments/"+namespace+"/"+name, "apps/v1", "Deployment", d)
}

func configMap(i int) entry {
	namespace, name := fmt.Sprintf("team-%02d", i%50), fmt.Sprintf("settings-%05d", i)
	c := &corev1.ConfigMap{ObjectMeta: meta(namespace, name, nil), Data: map[string]string{"settings": string(bytes.Repeat([]byte("0123456789abcdef"), 256))}}
	return stored("configmaps/"+namespace+"/"+name, "v1", "ConfigMap", c)
}

func node(i int) entry {
	name := nodeName(i)
	labels := map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "beta.kubernetes.io/arch": "arm64", "beta.kubernetes.io/os": "linux",
		"node.kubernetes.io/instance-type": "m7g.xlarge", "topology.kubernetes.io/zone": fmt.Sprintf("eu-west-1%c", 'a'+rune(i%3)), "topology.kubernetes.io/region": "eu-west-1",
		"eks.amazonaws.com/nodegroup": fmt.Sprintf("general-%d", i%40), "eks.amazonaws.com/capacityType": "ON_DEMAND", "eks.amazonaws.com/nodegroup-image": "ami-0123456789abcdef0"}
	amount := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3920m"), corev1.ResourceMemory: resource.MustParse("15Gi"), corev1.ResourcePods: resource.MustParse("58")}
	n := &corev1.Node{ObjectMeta: meta("", name, labels), Spec: corev1.NodeSpec{ProviderID: fmt.Sprintf("aws:///eu-west-1a/i-%017x", i)},
		Status: corev1.NodeStatus{Capacity: amount, Allocatable: amount, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}},
			NodeInfo: corev1.NodeSystemInfo{KernelVersion: "6.1.141-155.222.amzn2023.aarch64", OSImage: "Amazon Linux 2023.7.20250623", ContainerRuntimeVersion: "containerd://1.7.27",
				KubeletVersion: "v1.34.1-eks-113cf36", OperatingSystem: "linux", Architecture: "arm64"}}}
	for j := range 40 { // images that it holds
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprintf("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/service-%d@sha256:%064x", j, j)}, SizeBytes: 1 << 27})
	}
	n.ManagedFields = writers("kubelet", "v1")
	return stored("minions/"+name, "v1", "Node", n)
}

func nodeName(i int) string {
	return fmt.Sprintf("ip-10-%d-%d-%d.eu-west-1.compute.internal", i>>16, i>>8&255, i&255)
}

// replicaSet is of deployment(i).
func replicaSet(i int) entry {
	namespace, name := fmt.Sprintf("team-%02d", i%50), fmt.Sprintf("web-%05d-6d4b75cb6d", i)
	labels := map[string]string{"app": fmt.Sprintf("web-%05d", i), "pod-template-hash": "6d4b75cb6d"}
	r := &appsv1.ReplicaSet{ObjectMeta: meta(namespace, name, labels), Spec: appsv1.ReplicaSetSpec{Replicas: pointer(int32(20)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec("")}}}
	r.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: fmt.Sprintf("web-%05d", i), UID: "1", Controller: pointer(true)}}
	r.ManagedFields = writers("kube-controller-manager", "apps/v1")
	return stored("replicasets/"+namespace+"/"+name, "apps/v1", "ReplicaSet", r)
}

// pod is one of 20 of deployment(i/20).
func pod(i, nodes int) entry {
	of := i / 20
	namespace, name := fmt.Sprintf("team-%02d", of%50), fmt.Sprintf("web-%05d-6d4b75cb6d-%05x", of, i)
	labels := map[string]string{"app": fmt.Sprintf("web-%05d", of), "pod-template-hash": "6d4b75cb6d"}
	p := &corev1.Pod{ObjectMeta: meta(namespace, name, labels), Spec: podSpec(nodeName(i % nodes)), Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", HostIP: "10.0.0.2", StartTime: &made,
		Conditions:        []corev1.PodCondition{{Type: "PodReadyToStartContainers", Status: "True"}, {Type: "Initialized", Status: "True"}, {Type: "Ready", Status: "True"}, {Type: "ContainersReady", Status: "True"}, {Type: "PodScheduled", Status: "True"}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: "web", Ready: true, Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.27.3", ImageID: fmt.Sprintf("sha256:%064x", 1), ContainerID: fmt.Sprintf("containerd://%064x", i), Started: pointer(true)}}}}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: fmt.Sprintf("web-%05d-6d4b75cb6d", of), UID: "1", Controller: pointer(true)}}
	p.ManagedFields = writers("kube-controller-manager", "v1")
	return stored("pods/"+namespace+"/"+name, "v1", "Pod", p)
}
