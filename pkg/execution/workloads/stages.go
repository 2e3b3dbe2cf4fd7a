// Package workloads delivers what runs in one cluster to another one: it reads
// the objects live from blue's API server and applies them to green's. Nothing
// is stored in between, so that no Secret ever leaves the two clusters.
//
// Delivered is what people and their tools made. What a cluster makes itself is
// not: see kept. Neither are data of volumes (a claim is delivered, and gets a
// new, empty volume), Jobs and what else runs once (they would run a second
// time), what binds a cluster to targets or machines of its own, and pods
// without a controller. CronJobs are delivered as they are and run in both clusters while
// both exist.
package workloads

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
)

// stage is a part of the delivery. Stages come one after the other, so that
// whatever an object needs is there before it.
type stage int

const (
	namespaces stage = iota
	definitions
	clusterWide // permissions, classes
	configuration
	services
	applications
	customs // custom resources, and whatever is not named below
	budgets
	autoscalers
	aggregations
	admissions // webhooks and policies: last, or they would refuse what is still to come
	stages     // how many there are
)

var names = [stages]string{"namespaces", "custom resource definitions", "cluster-wide objects", "configuration", "services",
	"applications", "custom resources", "disruption budgets", "autoscalers", "API services", "admission webhooks"}

func (s stage) String() string { return names[s] }

const definitionsGroup = "apiextensions.k8s.io"

var stageOf = map[schema.GroupResource]stage{
	{Resource: "namespaces"}: namespaces,
	{Group: definitionsGroup, Resource: "customresourcedefinitions"}: definitions,

	{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}:                   clusterWide,
	{Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"}:            clusterWide,
	{Group: "storage.k8s.io", Resource: "storageclasses"}:                            clusterWide,
	{Group: "storage.k8s.io", Resource: "csidrivers"}:                                clusterWide,
	{Group: "storage.k8s.io", Resource: "volumeattributesclasses"}:                   clusterWide,
	{Group: "scheduling.k8s.io", Resource: "priorityclasses"}:                        clusterWide,
	{Group: "node.k8s.io", Resource: "runtimeclasses"}:                               clusterWide,
	{Group: "networking.k8s.io", Resource: "ingressclasses"}:                         clusterWide,
	{Group: "flowcontrol.apiserver.k8s.io", Resource: "prioritylevelconfigurations"}: clusterWide,
	{Group: "flowcontrol.apiserver.k8s.io", Resource: "flowschemas"}:                 clusterWide,
	{Group: "resource.k8s.io", Resource: "deviceclasses"}:                            clusterWide,

	{Resource: "serviceaccounts"}:                                  configuration,
	{Resource: "secrets"}:                                          configuration,
	{Resource: "configmaps"}:                                       configuration,
	{Resource: "limitranges"}:                                      configuration,
	{Resource: "resourcequotas"}:                                   configuration,
	{Resource: "persistentvolumeclaims"}:                           configuration,
	{Group: "rbac.authorization.k8s.io", Resource: "roles"}:        configuration,
	{Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}: configuration,
	{Group: "networking.k8s.io", Resource: "networkpolicies"}:      configuration,

	{Resource: "services"}:                                  services,
	{Resource: "endpoints"}:                                 services,
	{Group: "discovery.k8s.io", Resource: "endpointslices"}: services,
	{Group: "networking.k8s.io", Resource: "ingresses"}:     services,

	{Resource: "podtemplates"}:                applications,
	{Resource: "replicationcontrollers"}:      applications,
	{Group: "apps", Resource: "deployments"}:  applications,
	{Group: "apps", Resource: "statefulsets"}: applications,
	{Group: "apps", Resource: "daemonsets"}:   applications,
	{Group: "apps", Resource: "replicasets"}:  applications,
	{Group: "batch", Resource: "cronjobs"}:    applications,

	{Group: "policy", Resource: "poddisruptionbudgets"}:                                    budgets,
	{Group: "autoscaling", Resource: "horizontalpodautoscalers"}:                           autoscalers,
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:                             aggregations,
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"}:     admissions,
	{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"}:   admissions,
	{Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"}:       admissions,
	{Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicybindings"}: admissions,
	{Group: "admissionregistration.k8s.io", Resource: "mutatingadmissionpolicies"}:         admissions,
	{Group: "admissionregistration.k8s.io", Resource: "mutatingadmissionpolicybindings"}:   admissions,
}

// kept are the resources that a cluster makes itself, or that belong to its
// nodes; no object of theirs is delivered.
var kept = map[schema.GroupResource]bool{
	{Resource: "bindings"}: true, {Resource: "componentstatuses"}: true, {Resource: "events"}: true, {Resource: "nodes"}: true,
	{Resource: "pods"}: true, {Resource: "persistentvolumes"}: true,
	{Group: "apps", Resource: "controllerrevisions"}:                true,
	{Group: "batch", Resource: "jobs"}:                              true,
	{Group: "events.k8s.io", Resource: "events"}:                    true,
	{Group: "networking.k8s.io", Resource: "ipaddresses"}:           true,
	{Group: "networking.k8s.io", Resource: "servicecidrs"}:          true,
	{Group: "resource.k8s.io", Resource: "resourceslices"}:          true,
	{Group: "resource.k8s.io", Resource: "resourceclaims"}:          true,
	{Group: "vpcresources.k8s.aws", Resource: "cninodes"}:           true,
	{Group: "networking.k8s.aws", Resource: "policyendpoints"}:      true,
	{Group: "storage.k8s.io", Resource: "csinodes"}:                 true,
	{Group: "storage.k8s.io", Resource: "csistoragecapacities"}:     true,
	{Group: "storage.k8s.io", Resource: "volumeattachments"}:        true,
	{Group: "certificates.k8s.io", Resource: "clustertrustbundles"}: true,

	// Bound to load balancers and machines of this cluster: with the same target
	// group, the controllers of both clusters would take out each other's targets.
	{Group: "elbv2.k8s.aws", Resource: "targetgroupbindings"}: true,
	{Group: "karpenter.sh", Resource: "nodeclaims"}:           true,

	// They run once, as Jobs do, and would run again without their status.
	{Group: "argoproj.io", Resource: "workflows"}:                  true,
	{Group: "tekton.dev", Resource: "pipelineruns"}:                true,
	{Group: "tekton.dev", Resource: "taskruns"}:                    true,
	{Group: "tekton.dev", Resource: "customruns"}:                  true,
	{Group: "velero.io", Resource: "backups"}:                      true,
	{Group: "velero.io", Resource: "restores"}:                     true,
	{Group: "velero.io", Resource: "deletebackuprequests"}:         true,
	{Group: "velero.io", Resource: "podvolumebackups"}:             true,
	{Group: "velero.io", Resource: "podvolumerestores"}:            true,
	{Group: "velero.io", Resource: "datauploads"}:                  true,
	{Group: "velero.io", Resource: "datadownloads"}:                true,
	{Group: "sparkoperator.k8s.io", Resource: "sparkapplications"}: true,
	{Group: "ray.io", Resource: "rayjobs"}:                         true,
}

// keptGroups are groups of which everything is kept.
var keptGroups = []string{"coordination.k8s.io", "internal.apiserver.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"storagemigration.k8s.io", "certificates.k8s.io"}

// delivery is one resource, in a version that both clusters serve.
type delivery struct {
	resource kube.Resource
	stage    stage
	common   bool // false: green serves no version that blue serves
}

// deliveries lists the resources of blue that are delivered, in the order of
// their stages. Groups that another API server serves (aggregated) have their
// objects elsewhere and are left out.
func deliveries(blue, green kube.Resources, aggregated map[string]bool) []delivery {
	var out []delivery
	for _, resource := range blue.Preferred() {
		id := resource.GVR().GroupResource()
		if kept[id] || slices.Contains(keptGroups, id.Group) || aggregated[id.Group] || !resource.Can("list") || !resource.Can("create") {
			continue
		}
		s, named := stageOf[id]
		if !named {
			s = customs
		}
		version, common := shared(resource, blue, green)
		out = append(out, delivery{resource: version, stage: s, common: common})
	}
	slices.SortStableFunc(out, func(a, b delivery) int { return int(a.stage - b.stage) })
	return out
}

// shared returns the resource in the version that green likes best among those
// that blue serves too.
func shared(resource kube.Resource, blue, green kube.Resources) (kube.Resource, bool) {
	for _, candidate := range green.All {
		if candidate.Group != resource.Group || candidate.Name != resource.Name {
			continue
		}
		if found, ok := blue.ByKind(candidate.GVK()); ok && found.Can("list") {
			return found, true
		}
	}
	return resource, false
}
