// Package objects has the parts of Kubernetes' own objects that the agent
// reads. k8s.io/api has all of them, and its every type, by its registration,
// ends up in each program that imports it: 1.3 MB of each Lambda's zip.
// Names and meanings are those of
// https://kubernetes.io/docs/reference/kubernetes-api/.
package objects

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// List is a list of objects, as the API server answers.
type List[T any] struct {
	metav1.ListMeta `json:"metadata"`
	Items           []T `json:"items"`
}

// Labels of nodes. Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
const (
	LabelZone         = "topology.kubernetes.io/zone"
	LabelInstanceType = "node.kubernetes.io/instance-type"
)

// Values of the fields below.
const (
	NodeReady    = "Ready"        // NodeCondition.Type
	True         = "True"         // NodeCondition.Status
	OnDelete     = "OnDelete"     // UpdateStrategy.Type: people replace the pods themselves
	LoadBalancer = "LoadBalancer" // ServiceSpec.Type
)

// Node is a v1 Node.
type Node struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              NodeSpec   `json:"spec"`
	Status            NodeStatus `json:"status"`
}

// NodeSpec is of a Node.
type NodeSpec struct {
	Unschedulable bool `json:"unschedulable"`
}

// NodeStatus is of a Node.
type NodeStatus struct {
	Conditions []NodeCondition `json:"conditions"`
	NodeInfo   NodeInfo        `json:"nodeInfo"`
}

// NodeCondition is of a Node: Status is True, False or Unknown.
type NodeCondition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// NodeInfo is of a Node.
type NodeInfo struct {
	KubeletVersion string `json:"kubeletVersion"`
}

// Service is a v1 Service.
type Service struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              ServiceSpec   `json:"spec"`
	Status            ServiceStatus `json:"status"`
}

// ServiceSpec is of a Service.
type ServiceSpec struct {
	Type string `json:"type"`
}

// ServiceStatus is of a Service.
type ServiceStatus struct {
	LoadBalancer LoadBalancerStatus `json:"loadBalancer"`
}

// LoadBalancerStatus is of a Service.
type LoadBalancerStatus struct {
	Ingress []LoadBalancerIngress `json:"ingress"`
}

// LoadBalancerIngress has a host name, on AWS, or an address.
type LoadBalancerIngress struct {
	Hostname string `json:"hostname"`
	IP       string `json:"ip"`
}

// AppSpec is of an apps/v1 Deployment, StatefulSet or DaemonSet.
type AppSpec struct {
	Replicas       *int32                `json:"replicas"` // nil: 1; a DaemonSet has none
	Selector       *metav1.LabelSelector `json:"selector"`
	Template       Template              `json:"template"`
	UpdateStrategy UpdateStrategy        `json:"updateStrategy"` // not of a Deployment
}

// Template is of the pods of an application.
type Template struct {
	metav1.ObjectMeta `json:"metadata"`
}

// UpdateStrategy is how an application's pods are replaced.
type UpdateStrategy struct {
	Type string `json:"type"`
}

// Deployment is an apps/v1 Deployment.
type Deployment struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              AppSpec       `json:"spec"`
	Status            ReplicaStatus `json:"status"`
}

// ReplicaStatus is of a Deployment or a StatefulSet.
type ReplicaStatus struct {
	ObservedGeneration int64 `json:"observedGeneration"`
	ReadyReplicas      int32 `json:"readyReplicas"`
	UpdatedReplicas    int32 `json:"updatedReplicas"`
}

// StatefulSet is an apps/v1 StatefulSet.
type StatefulSet struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              AppSpec       `json:"spec"`
	Status            ReplicaStatus `json:"status"`
}

// DaemonSet is an apps/v1 DaemonSet.
type DaemonSet struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              AppSpec         `json:"spec"`
	Status            DaemonSetStatus `json:"status"`
}

// DaemonSetStatus is of a DaemonSet.
type DaemonSetStatus struct {
	ObservedGeneration     int64 `json:"observedGeneration"`
	DesiredNumberScheduled int32 `json:"desiredNumberScheduled"`
	NumberReady            int32 `json:"numberReady"`
	UpdatedNumberScheduled int32 `json:"updatedNumberScheduled"`
}

// PodDisruptionBudget is a policy/v1 PodDisruptionBudget.
type PodDisruptionBudget struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              BudgetSpec   `json:"spec"`
	Status            BudgetStatus `json:"status"`
}

// BudgetSpec is of a PodDisruptionBudget: numbers of pods or percentages.
type BudgetSpec struct {
	MinAvailable   *intstr.IntOrString `json:"minAvailable"`
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable"`
}

// BudgetStatus is of a PodDisruptionBudget.
type BudgetStatus struct {
	ObservedGeneration int64 `json:"observedGeneration"`
	ExpectedPods       int32 `json:"expectedPods"`
	CurrentHealthy     int32 `json:"currentHealthy"`
	DesiredHealthy     int32 `json:"desiredHealthy"`
	DisruptionsAllowed int32 `json:"disruptionsAllowed"`
}
