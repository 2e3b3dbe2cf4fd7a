package kubestate

import (
	"cmp"
	"context"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// The parts of a snapshot, as package checks lists them.
const (
	partNodes           upgrade.Part = "kubernetes.nodes"
	partWorkloads       upgrade.Part = "kubernetes.workloads"
	partPods            upgrade.Part = "kubernetes.pods"
	partBudgets         upgrade.Part = "kubernetes.disruptionBudgets"
	partAutoscalers     upgrade.Part = "kubernetes.autoscalers"
	partNamespaces      upgrade.Part = "kubernetes.namespaces"
	partPriorityClasses upgrade.Part = "kubernetes.priorityClasses"
	partServices        upgrade.Part = "kubernetes.services"
	partIngresses       upgrade.Part = "kubernetes.ingresses"
	partIngressClasses  upgrade.Part = "kubernetes.ingressClasses"
	partServiceAccounts upgrade.Part = "kubernetes.serviceAccounts"
	partDeprecated      upgrade.Part = "kubernetes.deprecatedApis"
	partRequested       upgrade.Part = "kubernetes.requestedApis"
	partStorageClasses  upgrade.Part = "kubernetes.storageClasses"
	partVolumes         upgrade.Part = "kubernetes.persistentVolumes"
	partAttachments     upgrade.Part = "kubernetes.volumeAttachments"
	partWebhooks        upgrade.Part = "kubernetes.webhooks"
	partPolicies        upgrade.Part = "kubernetes.admissionPolicies"
	partDefinitions     upgrade.Part = "kubernetes.customResourceDefinitions"
	partAPIServices     upgrade.Part = "kubernetes.apiServices"
	partTargetBindings  upgrade.Part = "kubernetes.targetGroupBindings"
	partOuterSecrets    upgrade.Part = "kubernetes.outerSecrets"
	partGitOps          upgrade.Part = "kubernetes.gitOps"
	partKarpenter       upgrade.Part = "kubernetes.karpenter"
	partKubeProxy       upgrade.Part = "kubernetes.kubeProxy"
	partUsage           upgrade.Part = "kubernetes.usage"
)

// cluster is what was read, by resource; it becomes a KubernetesState.
type cluster struct {
	nodes           []upgrade.Node
	deployments     []upgrade.Workload
	statefulSets    []upgrade.Workload
	daemonSets      []upgrade.Workload
	replicaSets     []upgrade.Workload // those without a Deployment
	controllers     []upgrade.Workload
	jobs            []upgrade.Workload // those without a CronJob
	cronJobs        []upgrade.Workload
	ofDeployments   []owned // ReplicaSets
	ofCronJobs      []owned // Jobs
	budgets         []upgrade.DisruptionBudget
	autoscalers     []upgrade.Autoscaler
	namespaces      []upgrade.Namespace
	priorityClasses []upgrade.PriorityClass
	services        []upgrade.Service
	endpoints       []endpoints
	ingresses       []upgrade.Ingress
	ingressClasses  []upgrade.IngressClass
	serviceAccounts []upgrade.ServiceAccount
	storageClasses  []upgrade.StorageClass
	volumes         []upgrade.PersistentVolume
	attachments     []upgrade.VolumeAttachment
	validating      [][]upgrade.Webhook
	mutating        [][]upgrade.Webhook
	policies        []upgrade.AdmissionPolicy
	mutations       []upgrade.AdmissionPolicy
	bindings        []binding
	mutationBinding []binding
	definitions     []upgrade.CustomResource
	apiServices     []upgrade.APIService
	targetBindings  []upgrade.TargetGroupBinding
	autoBindings    []upgrade.TargetGroupBinding
	secretClasses   [][]upgrade.OuterSecret
	externalSecrets [][]upgrade.OuterSecret
	applications    [][]upgrade.GitOpsSource
	kustomizations  []fluxSource
	helmReleases    []fluxSource
	gitRepositories []fluxSource
	helmSources     []fluxSource
	ociSources      []fluxSource
	nodePools       []upgrade.KarpenterPool
	nodeClasses     []upgrade.KarpenterNodeClass
	autoNodeClasses []upgrade.KarpenterNodeClass
}

// reading is one resource that a part of the snapshot comes from.
type reading struct {
	part      upgrade.Part
	what      string // what is not seen when it is refused
	group     string
	name      string
	versions  []string // those that can be read, the best first; none: any, as the server prefers
	essential bool     // without it the part is nil, not only incomplete
	from      source
}

// source makes what is kept of a resource's objects.
type source interface {
	list(ctx context.Context, s *scan, r kube.Resource) error
	decode(object []byte, apiVersion, file string) error
}

// into converts objects and keeps them in a list.
type into[T, R any] struct {
	field   *[]R
	convert func(apiVersion string) func(*T) (R, bool)
}

func (i into[T, R]) list(ctx context.Context, s *scan, r kube.Resource) (err error) {
	*i.field, err = gather(ctx, s, r, i.convert(r.APIVersion()))
	return err
}

// to keeps what does not depend on the version that is read.
func to[T, R any](field *[]R, convert func(*T) (R, bool)) source {
	return into[T, R]{field, func(string) func(*T) (R, bool) { return convert }}
}

// toIn keeps what does.
func toIn[T, R any](field *[]R, convert func(string) func(*T) (R, bool)) source {
	return into[T, R]{field, convert}
}

// v1 are resources of which another version has other fields.
var v1 = []string{"v1"}

// readings are all resources that are read, and nothing else is but for what
// listeners want. The permissions of package access are these.
func (c *cluster) readings() []reading {
	fluxKind := func(kind string) func(string) func(*fluxObject) (fluxSource, bool) {
		return func(apiVersion string) func(*fluxObject) (fluxSource, bool) { return fluxIn(apiVersion, kind) }
	}
	classKind := func(kind string) func(string) func(*nodeClass) (upgrade.KarpenterNodeClass, bool) {
		return func(apiVersion string) func(*nodeClass) (upgrade.KarpenterNodeClass, bool) {
			return nodeClassIn(apiVersion, kind)
		}
	}
	return []reading{
		{partNodes, "nodes", "", "nodes", v1, true, to(&c.nodes, node)},
		{partWorkloads, "Deployments", "apps", "deployments", v1, true, to(&c.deployments, deployment)},
		{partWorkloads, "StatefulSets", "apps", "statefulsets", v1, true, to(&c.statefulSets, statefulSet)},
		{partWorkloads, "DaemonSets", "apps", "daemonsets", v1, true, to(&c.daemonSets, daemonSet)},
		{partWorkloads, "ReplicaSets", "apps", "replicasets", v1, false, to(&c.ofDeployments, ownedBy("ReplicaSet"))},
		{partWorkloads, "ReplicationControllers", "", "replicationcontrollers", v1, false, to(&c.controllers, replicationController)},
		{partWorkloads, "Jobs", "batch", "jobs", v1, false, to(&c.ofCronJobs, ownedBy("Job"))},
		{partWorkloads, "CronJobs", "batch", "cronjobs", v1, false, to(&c.cronJobs, cronJob)},
		{partBudgets, "disruption budgets", "policy", "poddisruptionbudgets", v1, true, to(&c.budgets, budget)},
		{partAutoscalers, "autoscalers", "autoscaling", "horizontalpodautoscalers", []string{"v2"}, true, to(&c.autoscalers, autoscaler)},
		{partNamespaces, "namespaces", "", "namespaces", v1, true, to(&c.namespaces, namespace)},
		{partPriorityClasses, "priority classes", "scheduling.k8s.io", "priorityclasses", v1, true, to(&c.priorityClasses, priorityClass)},
		{partServices, "services", "", "services", v1, true, to(&c.services, service)},
		{partServices, "endpoints of services", "discovery.k8s.io", "endpointslices", v1, false, to(&c.endpoints, endpointSlice)},
		{partIngresses, "ingresses", "networking.k8s.io", "ingresses", v1, true, to(&c.ingresses, ingress)},
		{partIngressClasses, "ingress classes", "networking.k8s.io", "ingressclasses", v1, true, to(&c.ingressClasses, ingressClass)},
		{partServiceAccounts, "service accounts", "", "serviceaccounts", v1, true, to(&c.serviceAccounts, serviceAccount)},
		{partStorageClasses, "storage classes", "storage.k8s.io", "storageclasses", v1, true, to(&c.storageClasses, storageClass)},
		{partVolumes, "persistent volumes", "", "persistentvolumes", v1, true, to(&c.volumes, persistentVolume)},
		{partAttachments, "volume attachments", "storage.k8s.io", "volumeattachments", v1, true, to(&c.attachments, attachment)},
		{partWebhooks, "validating webhooks", admission, "validatingwebhookconfigurations", v1, true, to(&c.validating, validatingWebhooks)},
		{partWebhooks, "mutating webhooks", admission, "mutatingwebhookconfigurations", v1, true, to(&c.mutating, mutatingWebhooks)},
		{partPolicies, "validating admission policies", admission, "validatingadmissionpolicies", policyVersions, true, toIn(&c.policies, validatingPolicy)},
		{partPolicies, "bindings of validating admission policies", admission, "validatingadmissionpolicybindings", policyVersions, true, to(&c.bindings, policyBinding("ValidatingAdmissionPolicy"))},
		{partPolicies, "mutating admission policies", admission, "mutatingadmissionpolicies", policyVersions, true, toIn(&c.mutations, mutatingPolicy)},
		{partPolicies, "bindings of mutating admission policies", admission, "mutatingadmissionpolicybindings", policyVersions, true, to(&c.mutationBinding, policyBinding("MutatingAdmissionPolicy"))},
		{partDefinitions, "custom resource definitions", "apiextensions.k8s.io", "customresourcedefinitions", v1, true, to(&c.definitions, definition)},
		{partAPIServices, "API services", "apiregistration.k8s.io", "apiservices", v1, true, to(&c.apiServices, apiService)},
		{partTargetBindings, "target group bindings", "elbv2.k8s.aws", "targetgroupbindings", nil, true, toIn(&c.targetBindings, targetGroupBindingIn)},
		{partTargetBindings, "target group bindings of EKS Auto Mode", "eks.amazonaws.com", "targetgroupbindings", nil, true, toIn(&c.autoBindings, targetGroupBindingIn)},
		{partOuterSecrets, "SecretProviderClasses", "secrets-store.csi.x-k8s.io", "secretproviderclasses", nil, true, toIn(&c.secretClasses, secretClassIn)},
		{partOuterSecrets, "ExternalSecrets", "external-secrets.io", "externalsecrets", nil, true, toIn(&c.externalSecrets, externalSecretIn)},
		{partGitOps, "Applications of Argo CD", "argoproj.io", "applications", nil, true, toIn(&c.applications, applicationIn)},
		{partGitOps, "Kustomizations of Flux", "kustomize.toolkit.fluxcd.io", "kustomizations", nil, true, toIn(&c.kustomizations, fluxKind("Kustomization"))},
		{partGitOps, "HelmReleases of Flux", "helm.toolkit.fluxcd.io", "helmreleases", nil, true, toIn(&c.helmReleases, fluxKind("HelmRelease"))},
		{partGitOps, "Git repositories of Flux", fluxSources, "gitrepositories", nil, false, toIn(&c.gitRepositories, fluxKind("GitRepository"))},
		{partGitOps, "Helm repositories of Flux", fluxSources, "helmrepositories", nil, false, toIn(&c.helmSources, fluxKind("HelmRepository"))},
		{partGitOps, "OCI repositories of Flux", fluxSources, "ocirepositories", nil, false, toIn(&c.ociSources, fluxKind("OCIRepository"))},
		{partKarpenter, "NodePools of Karpenter", "karpenter.sh", "nodepools", nil, true, toIn(&c.nodePools, nodePoolIn)},
		{partKarpenter, "EC2NodeClasses of Karpenter", "karpenter.k8s.aws", "ec2nodeclasses", nil, true, toIn(&c.nodeClasses, classKind("EC2NodeClass"))},
		{partKarpenter, "NodeClasses of EKS Auto Mode", "eks.amazonaws.com", "nodeclasses", nil, true, toIn(&c.autoNodeClasses, classKind("NodeClass"))},
	}
}

const (
	admission   = "admissionregistration.k8s.io"
	fluxSources = "source.toolkit.fluxcd.io"
)

// policyVersions have the same fields, as far as they are read.
var policyVersions = []string{"v1", "v1beta1", "v1alpha1"}

// state joins what was read. unseen says which parts are not to be seen at all:
// they are nil, all others are not.
func (c *cluster) state(unseen func(upgrade.Part) bool) upgrade.KubernetesState {
	var state upgrade.KubernetesState
	state.Workloads = seen(unseen, partWorkloads, slices.Concat(c.deployments, c.statefulSets, c.daemonSets, c.replicaSets, c.controllers, c.jobs, c.cronJobs))
	slices.SortStableFunc(state.Workloads, func(a, b upgrade.Workload) int { return compareRefs(a.Object, b.Object) })
	state.Services = seen(unseen, partServices, c.services)
	if c.endpoints != nil {
		countEndpoints(state.Services, c.endpoints)
	}
	state.Nodes = seen(unseen, partNodes, c.nodes)
	state.Budgets = seen(unseen, partBudgets, c.budgets)
	state.Autoscalers = seen(unseen, partAutoscalers, c.autoscalers)
	state.Namespaces = seen(unseen, partNamespaces, c.namespaces)
	state.PriorityClasses = seen(unseen, partPriorityClasses, c.priorityClasses)
	state.Ingresses = seen(unseen, partIngresses, c.ingresses)
	state.IngressClasses = seen(unseen, partIngressClasses, c.ingressClasses)
	state.ServiceAccounts = seen(unseen, partServiceAccounts, c.serviceAccounts)
	state.StorageClasses = seen(unseen, partStorageClasses, c.storageClasses)
	state.Volumes = seen(unseen, partVolumes, c.volumes)
	state.Attachments = seen(unseen, partAttachments, c.attachments)
	state.Webhooks = seen(unseen, partWebhooks, slices.Concat(slices.Concat(c.validating...), slices.Concat(c.mutating...)))
	state.AdmissionPolicies = seen(unseen, partPolicies, bind(slices.Concat(c.policies, c.mutations), slices.Concat(c.bindings, c.mutationBinding)))
	state.CustomResources = seen(unseen, partDefinitions, c.definitions)
	state.APIServices = seen(unseen, partAPIServices, c.apiServices)
	state.TargetGroupBindings = seen(unseen, partTargetBindings, slices.Concat(c.targetBindings, c.autoBindings))
	state.OuterSecrets = seen(unseen, partOuterSecrets, slices.Concat(slices.Concat(c.secretClasses...), slices.Concat(c.externalSecrets...)))
	state.GitOps = seen(unseen, partGitOps, slices.Concat(slices.Concat(c.applications...),
		joinFlux(slices.Concat(c.kustomizations, c.helmReleases), slices.Concat(c.gitRepositories, c.helmSources, c.ociSources))))
	if !unseen(partKarpenter) {
		state.Karpenter = &upgrade.Karpenter{Version: karpenterVersion(state.Workloads), NodePools: c.nodePools, NodeClasses: slices.Concat(c.nodeClasses, c.autoNodeClasses)}
	}
	link(state.Workloads, state.Services, state.Budgets, state.Autoscalers)
	return state
}

func seen[T any](unseen func(upgrade.Part) bool, part upgrade.Part, list []T) []T {
	if unseen(part) {
		return nil
	}
	if list == nil {
		return []T{}
	}
	return list
}

// bind adds to policies what their bindings say.
func bind(policies []upgrade.AdmissionPolicy, bindings []binding) []upgrade.AdmissionPolicy {
	for i := range policies {
		p := &policies[i]
		for _, b := range bindings {
			if b.kind != p.Object.Kind || b.policy != p.Object.Name {
				continue
			}
			p.Bindings++
			p.Actions = append(p.Actions, b.actions...)
		}
		slices.Sort(p.Actions)
		p.Actions = slices.Compact(p.Actions)
	}
	return policies
}

func compareRefs(a, b upgrade.ObjectRef) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion))
}

// apart returns the namespaces of those that nobody keeps, or that others keep
// than who is expected: they are read whole there.
func apart(all []owned, keeper string) []string {
	namespaces := map[string]bool{}
	for _, o := range all {
		if o.controller.kind != keeper {
			namespaces[o.object.namespace] = true
		}
	}
	return keys(namespaces)
}

// whole reads those ReplicaSets and Jobs that are workloads of their own.
func (c *cluster) whole(ctx context.Context, s *scan) error {
	for _, namespace := range apart(c.ofDeployments, "Deployment") {
		some, err := gatherSome(ctx, s, kube.Resource{Group: "apps", Version: "v1", Name: "replicasets", Kind: "ReplicaSet"}, kube.Selection{Namespace: namespace}, false, replicaSet)
		if err != nil {
			return err
		}
		c.replicaSets = append(c.replicaSets, some...)
	}
	for _, namespace := range apart(c.ofCronJobs, "CronJob") {
		some, err := gatherSome(ctx, s, kube.Resource{Group: "batch", Version: "v1", Name: "jobs", Kind: "Job"}, kube.Selection{Namespace: namespace}, false, job)
		if err != nil {
			return err
		}
		c.jobs = append(c.jobs, some...)
	}
	return nil
}
