package objects

// Node is a v1 Node.
type Node struct {
	ShortMeta `json:"metadata" pb:"1"`
	Spec      NodeSpec   `json:"spec" pb:"2"`
	Status    NodeStatus `json:"status" pb:"3"`
}

// NodeSpec is of a Node.
type NodeSpec struct {
	ProviderID    string  `json:"providerID" pb:"3,unique"`
	Unschedulable bool    `json:"unschedulable" pb:"4"`
	Taints        []Taint `json:"taints" pb:"5"`
}

// Taint is of a Node.
type Taint struct {
	Key    string `json:"key" pb:"1"`
	Value  string `json:"value" pb:"2"`
	Effect string `json:"effect" pb:"3"`
}

// NodeStatus is of a Node.
type NodeStatus struct {
	Allocatable map[string]Quantity `json:"allocatable" pb:"2"`
	Conditions  []NodeCondition     `json:"conditions" pb:"4"`
	NodeInfo    NodeInfo            `json:"nodeInfo" pb:"7"`
}

// NodeCondition is of a Node: Status is True, False or Unknown.
type NodeCondition struct {
	Type   string `json:"type" pb:"1"`
	Status string `json:"status" pb:"2"`
	Reason string `json:"reason" pb:"5"`
}

// NodeInfo is of a Node.
type NodeInfo struct {
	KernelVersion           string `json:"kernelVersion" pb:"4"`
	OSImage                 string `json:"osImage" pb:"5"`
	ContainerRuntimeVersion string `json:"containerRuntimeVersion" pb:"6"`
	KubeletVersion          string `json:"kubeletVersion" pb:"7"`
	KubeProxyVersion        string `json:"kubeProxyVersion" pb:"8"`
}

// NodeMetrics is a metrics.k8s.io/v1beta1 NodeMetrics.
type NodeMetrics struct {
	ShortMeta `json:"metadata" pb:"1"`
	Usage     map[string]Quantity `json:"usage" pb:"4"`
}

// PodMetrics is a metrics.k8s.io/v1beta1 PodMetrics.
type PodMetrics struct {
	Containers []ContainerMetrics `json:"containers" pb:"4"`
}

// ContainerMetrics is of PodMetrics.
type ContainerMetrics struct {
	Usage map[string]Quantity `json:"usage" pb:"2"`
}
