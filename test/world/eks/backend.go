package eks

import "context"

// Endpoint is where a cluster's Kubernetes API answers.
type Endpoint struct {
	URL    string
	CAData []byte // PEM
	Issuer string // of its service account tokens; empty: as EKS names it
}

// ClusterBackend runs the Kubernetes behind the simulated clusters.
type ClusterBackend interface {
	ControlPlanes
	NodeBackend
	AddonBackend
}

// ControlPlanes are the API servers of clusters.
type ControlPlanes interface {
	// CreateCluster returns when the API server is ready. version is a minor
	// version such as "1.34".
	CreateCluster(ctx context.Context, name, version string) (Endpoint, error)
	UpgradeCluster(ctx context.Context, name, version string) error
	DeleteCluster(ctx context.Context, name string) error
}

// Nodes describes all nodes of one group that is not a managed node group: Auto
// Mode's.
type Nodes struct {
	Count          int    // 0 removes the nodes
	KubeletVersion string // for example "v1.34.4-eks-3c60543"
	InstanceType   string
	Zones          []string
	Labels         map[string]string
}

// Node is one node as it registers with its cluster.
type Node struct {
	Name, IP       string
	ProviderID     string // aws:///ZONE/INSTANCE
	KubeletVersion string
	OSImage        string
	Windows, ARM   bool
	CPU, Pods      int
	MemoryMiB      int64
	Labels         map[string]string
	Taints         []Taint
}

// Taint is a taint in Kubernetes's spelling: effect NoSchedule and so on.
type Taint struct{ Key, Value, Effect string }

// NodeChange says what changes on nodes that stay.
type NodeChange struct {
	Labels       map[string]string
	RemoveLabels []string
	Taints       []Taint
	RemoveTaints []Taint // by key and effect
}

// BlockedPod is a pod that did not leave its node.
type BlockedPod struct {
	Node   string
	Pod    string // namespace/name
	Reason string // the API server's, "" when it is on its way
}

// NodeBackend does the Kubernetes side of work on nodes. Nodes that are gone are
// no errors.
type NodeBackend interface {
	// ScaleNodegroup makes a group what n says, by itself.
	ScaleNodegroup(ctx context.Context, cluster, nodegroup string, n Nodes) error
	// AddNodes registers nodes and returns when they are Ready.
	AddNodes(ctx context.Context, cluster string, nodes []Node) error
	ChangeNodes(ctx context.Context, cluster string, nodes []string, change NodeChange) error
	// Cordon makes nodes unschedulable and takes them from load balancers, or
	// takes that back.
	Cordon(ctx context.Context, cluster string, nodes []string, on bool) error
	// Drain tries once to evict the pods of nodes, but for those of DaemonSets and
	// static ones, and waits for those that may go. With force it deletes them
	// whatever disruption budgets say. It returns the pods that are still there.
	Drain(ctx context.Context, cluster string, nodes []string, force bool) ([]BlockedPod, error)
	// RemoveNodes takes nodes with their pods from the cluster.
	RemoveNodes(ctx context.Context, cluster string, nodes []string) error
}

// Workload is what an add-on runs in a cluster.
type Workload struct {
	Addon, Version, Namespace string
	Values                    string // the configuration values, JSON; may be ""
	RoleARN                   string // of the service account; may be ""
}

// AddonBackend runs the workloads of add-ons.
type AddonBackend interface {
	// ApplyAddon installs or changes a workload. overwrite takes fields that
	// others have changed back; preserve leaves them as they are. With neither
	// nothing changes when there are such fields; they are returned.
	ApplyAddon(ctx context.Context, cluster string, w Workload, overwrite, preserve bool) (conflicts []string, err error)
	RemoveAddon(ctx context.Context, cluster string, w Workload) error
}
