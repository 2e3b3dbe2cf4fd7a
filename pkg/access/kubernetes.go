package access

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Group is a Kubernetes group that access entries map the agent's roles to and
// that the manifest binds to cluster roles.
type Group string

// The groups.
const (
	Readers Group = "eks-upgrade-agent:readers"
	Writers Group = "eks-upgrade-agent:writers"
	Provers Group = "eks-upgrade-agent:provers" // see prove.go
)

// Rule allows verbs on resources, or on paths of the API server.
type Rule struct {
	Why       string   `json:"why"`
	Verbs     []string `json:"verbs"`
	APIGroups []string `json:"apiGroups,omitempty"` // "" is the core group
	Resources []string `json:"resources,omitempty"` // plurals
	Names     []string `json:"resourceNames,omitempty"`
	URLs      []string `json:"nonResourceURLs,omitempty"`
	Wide      string   `json:"wide,omitempty"` // why it has a "*"; empty when it has none
}

// ClusterRole is what a group may do in a cluster.
type ClusterRole struct {
	Name      string // also of its binding
	Purpose   string // part of a sentence
	Group     Group
	User      string // who it is bound to instead of the group
	GreenOnly bool   // only in a cluster that is being filled
	Optional  string // what is missed where an owner leaves it out; empty: it is needed
	Rules     []Rule
	Collects  []Selector // it has the rules of cluster roles that one of these picks, and none of its own
}

// Names of the cluster roles and of their bindings.
const (
	ReadRole    = "eks-upgrade-agent:read"
	ExportRole  = "eks-upgrade-agent:export"
	DeliverRole = "eks-upgrade-agent:deliver"
)

// groupOf returns the group of a role by its name; empty when it talks to no
// cluster. The build that makes green clusters has none: EKS lets who makes a
// cluster administer it, and the build gives that up when the manifest is
// applied.
func groupOf(role string) Group {
	switch role {
	case FunctionName(upgrade.PhasePerceive), FunctionName(upgrade.PhaseValidate):
		return Readers
	case ScanProject:
		return Provers
	case FunctionName(upgrade.PhaseExecute):
		return Writers
	}
	return ""
}

// Entry is an EKS access entry, of type STANDARD and without access policies.
type Entry struct {
	Role  string // name of the IAM role
	Group Group
}

// Entries returns the access entries that the agent needs in each cluster.
func Entries() []Entry {
	var all []Entry
	for _, r := range Roles(Names{}) {
		if r.Group != "" {
			all = append(all, Entry{r.Name, r.Group})
		}
	}
	return all
}

var discovery = Rule{Why: "asks for the version and for what is served", Verbs: []string{"get"}, URLs: []string{"/version", "/api", "/apis"}}

// Kubernetes returns the cluster roles. Those of GreenOnly are for a cluster
// that is being filled; the agent takes them back when it is full.
func Kubernetes() []ClusterRole {
	return slices.Concat([]ClusterRole{
		{Name: ReadRole, Purpose: "perceive and validate read what an upgrade can break", Group: Readers, Rules: reading},
		helm,
		{Name: ExportRole, Purpose: "execute reads what it delivers to green", Group: Writers, Rules: []Rule{
			discovery,
			{Why: "reads what is delivered, and whether nodes and workloads are healthy", Verbs: []string{"list"}, APIGroups: []string{"*"}, Resources: []string{"*"},
				Wide: "what a cluster holds is open-ended, custom resources of any group. Secrets are among it: they travel from cluster to cluster and are stored nowhere"},
			{Why: "finds the load balancer of the Service that takes the traffic", Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"services"}},
		}},
		{Name: DeliverRole, Purpose: "execute fills a green cluster; it then takes this binding away from itself", Group: Writers, GreenOnly: true, Rules: []Rule{
			{Why: "delivers by server-side apply", Verbs: []string{"create", "patch"}, APIGroups: []string{"*"}, Resources: []string{"*"},
				Wide: "what is delivered is open-ended, custom resources of any group"},
			{Why: "an admission policy is only taken from somebody who may read its parameters", Verbs: []string{"get"}, APIGroups: []string{"*"}, Resources: []string{"*"},
				Wide: "parameters are objects of any kind"},
			{Why: "delivers roles and bindings as they are: nobody else may give rights that he does not have", Verbs: []string{"bind", "escalate"},
				APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"clusterroles", "roles"}},
			{Why: "gives these rights back when all is delivered", Verbs: []string{"delete"}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"clusterrolebindings"}, Names: []string{DeliverRole}},
		}},
	}, proving())
}

// ageing lists the kinds of which Kubernetes has deprecated a version at some
// time, by the table of package lifecycle; a test compares them. Their metadata
// says through which version they were written. Secrets and ConfigMaps are not
// among them.
var ageing = []Rule{
	aged("", "componentstatuses", "endpoints"),
	aged("admissionregistration.k8s.io", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations",
		"validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations"),
	aged("apiextensions.k8s.io", "customresourcedefinitions"),
	aged("apiregistration.k8s.io", "apiservices"),
	aged("apps", "controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"),
	aged("autoscaling", "horizontalpodautoscalers"),
	aged("batch", "cronjobs"),
	aged("certificates.k8s.io", "certificatesigningrequests", "clustertrustbundles", "podcertificaterequests"),
	aged("coordination.k8s.io", "leasecandidates", "leases"),
	aged("discovery.k8s.io", "endpointslices"),
	aged("events.k8s.io", "events"),
	aged("flowcontrol.apiserver.k8s.io", "flowschemas", "prioritylevelconfigurations"),
	aged("lifecycle.k8s.io", "evictionrequests", "evictions"),
	aged("networking.k8s.io", "ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"),
	aged("node.k8s.io", "runtimeclasses"),
	aged("policy", "poddisruptionbudgets"),
	aged("rbac.authorization.k8s.io", "clusterrolebindings", "clusterroles", "rolebindings", "roles"),
	aged("resource.k8s.io", "deviceclasses", "devicetaintrules", "resourceclaims", "resourceclaimtemplates", "resourcepoolstatusrequests", "resourceslices"),
	aged("scheduling.k8s.io", "podgroups", "priorityclasses", "workloads"),
	aged("storage.k8s.io", "csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments", "volumeattributesclasses"),
	aged("storagemigration.k8s.io", "storageversionmigrations"),
}

func aged(group string, resources ...string) Rule {
	return Rule{Why: "finds objects written through deprecated API versions, and looks at workloads", Verbs: []string{"list"}, APIGroups: []string{group}, Resources: resources}
}
