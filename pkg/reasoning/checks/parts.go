package checks

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Parts of the snapshots that checks need. A new list in a snapshot gets a part
// here, and the collector names the part in NotChecked when it may not see it.
const (
	AWSCluster    upgrade.Part = "aws.cluster"
	AWSNodeGroups upgrade.Part = "aws.nodeGroups"
	AWSAddons     upgrade.Part = "aws.addons"
	AWSInsights   upgrade.Part = "aws.insights"
	AWSVersions   upgrade.Part = "aws.available"
	AWSSubnets    upgrade.Part = "aws.subnets"

	AWSScalingGroups   upgrade.Part = "aws.autoScalingGroups"
	AWSLaunchTemplates upgrade.Part = "aws.launchTemplates"
	AWSInstances       upgrade.Part = "aws.instances"
	AWSImages          upgrade.Part = "aws.images"
	AWSFargate         upgrade.Part = "aws.fargateProfiles"
	AWSNodeSubnets     upgrade.Part = "aws.nodeSubnets"
	AWSPodNetwork      upgrade.Part = "aws.podNetwork"
	AWSInstanceTypes   upgrade.Part = "aws.instanceTypes"
	AWSQuotas          upgrade.Part = "aws.quotas"

	AWSNetworks       upgrade.Part = "aws.networks"
	AWSProviders      upgrade.Part = "aws.oidcProviders"
	AWSTrustedRoles   upgrade.Part = "aws.trustedRoles"
	AWSPodIdentities  upgrade.Part = "aws.podIdentities"
	AWSLoginProviders upgrade.Part = "aws.loginProviders"
	AWSLoadBalancers  upgrade.Part = "aws.loadBalancers"
	AWSTargetGroups   upgrade.Part = "aws.targetGroups"
	AWSDatabases      upgrade.Part = "aws.databases"
	AWSCaches         upgrade.Part = "aws.caches"
	AWSInbound        upgrade.Part = "aws.inbound"
	AWSNames          upgrade.Part = "aws.names"

	Cluster         upgrade.Part = "kubernetes.version"
	KubeNodes       upgrade.Part = "kubernetes.nodes"
	KubeWorkloads   upgrade.Part = "kubernetes.workloads"
	Pods            upgrade.Part = "kubernetes.pods"
	Budgets         upgrade.Part = "kubernetes.disruptionBudgets"
	Autoscalers     upgrade.Part = "kubernetes.autoscalers"
	Namespaces      upgrade.Part = "kubernetes.namespaces"
	PriorityClasses upgrade.Part = "kubernetes.priorityClasses"
	Services        upgrade.Part = "kubernetes.services"
	Ingresses       upgrade.Part = "kubernetes.ingresses"
	IngressClasses  upgrade.Part = "kubernetes.ingressClasses"
	ServiceAccounts upgrade.Part = "kubernetes.serviceAccounts"
	DeprecatedAPIs  upgrade.Part = "kubernetes.deprecatedApis"
	RequestedAPIs   upgrade.Part = "kubernetes.requestedApis"
	HelmReleases    upgrade.Part = "kubernetes.helmReleases"
	StorageClasses  upgrade.Part = "kubernetes.storageClasses"
	Volumes         upgrade.Part = "kubernetes.persistentVolumes"
	Attachments     upgrade.Part = "kubernetes.volumeAttachments"
	Webhooks        upgrade.Part = "kubernetes.webhooks"
	Policies        upgrade.Part = "kubernetes.admissionPolicies"
	CustomResources upgrade.Part = "kubernetes.customResourceDefinitions"
	APIServices     upgrade.Part = "kubernetes.apiServices"
	TargetBindings  upgrade.Part = "kubernetes.targetGroupBindings"
	OuterSecrets    upgrade.Part = "kubernetes.outerSecrets"
	GitOps          upgrade.Part = "kubernetes.gitOps"
	Karpenter       upgrade.Part = "kubernetes.karpenter"
	KubeProxy       upgrade.Part = "kubernetes.kubeProxy"
	Usage           upgrade.Part = "kubernetes.usage"

	TargetProof upgrade.Part = "scanners.proof"
)

// part says whether a part was seen.
type part struct {
	id        upgrade.Part
	what      string // "the nodes"
	source    upgrade.Source
	essential bool // no plan is made without it
	seen      func(View) bool
}

func aws(id upgrade.Part, what string, essential bool, seen func(*upgrade.ClusterState) bool) part {
	return part{id, what, upgrade.SourceAWS, essential, func(v View) bool { return v.AWS != nil && seen(v.AWS) }}
}

func kubernetes(id upgrade.Part, what string, essential bool, seen func(*upgrade.KubernetesState) bool) part {
	return part{id, what, upgrade.SourceKubernetes, essential, func(v View) bool { return v.Kubernetes != nil && seen(v.Kubernetes) }}
}

func around(id upgrade.Part, what string, seen func(*upgrade.Surroundings) bool) part {
	return aws(id, what, false, func(s *upgrade.ClusterState) bool { return s.Surroundings != nil && seen(s.Surroundings) })
}

var parts = []part{
	aws(AWSCluster, "the cluster's properties in EKS", true, func(*upgrade.ClusterState) bool { return true }),
	aws(AWSNodeGroups, "the node groups", true, func(s *upgrade.ClusterState) bool { return s.NodeGroups != nil }),
	aws(AWSAddons, "the add-ons", true, func(s *upgrade.ClusterState) bool { return s.Addons != nil }),
	aws(AWSSubnets, "the subnets", true, func(s *upgrade.ClusterState) bool { return s.Subnets != nil }),
	aws(AWSVersions, "the versions that EKS offers", true, func(s *upgrade.ClusterState) bool { return s.Available != nil }),
	aws(AWSInsights, "the insights", false, func(s *upgrade.ClusterState) bool { return s.Insights != nil }),
	aws(AWSScalingGroups, "the Auto Scaling groups", false, func(s *upgrade.ClusterState) bool { return s.ScalingGroups != nil }),
	aws(AWSLaunchTemplates, "the launch templates", false, func(s *upgrade.ClusterState) bool { return s.LaunchTemplates != nil }),
	aws(AWSInstances, "the instances", false, func(s *upgrade.ClusterState) bool { return s.Instances != nil }),
	aws(AWSImages, "the images of nodes", false, func(s *upgrade.ClusterState) bool { return s.Images != nil }),
	aws(AWSFargate, "the Fargate profiles", false, func(s *upgrade.ClusterState) bool { return s.FargateProfiles != nil }),
	aws(AWSNodeSubnets, "the nodes' subnets", false, func(s *upgrade.ClusterState) bool { return s.NodeSubnets != nil }),
	aws(AWSPodNetwork, "the pods' network", false, func(s *upgrade.ClusterState) bool { return s.PodNetwork != nil }),
	aws(AWSInstanceTypes, "the instance types", false, func(s *upgrade.ClusterState) bool { return s.InstanceTypes != nil }),
	aws(AWSQuotas, "the quotas of EC2 and EBS", false, func(s *upgrade.ClusterState) bool { return s.Quotas != nil }),

	around(AWSNetworks, "the address blocks of the subnets", func(s *upgrade.Surroundings) bool { return s.Networks != nil }),
	around(AWSProviders, "the OpenID Connect providers of the account", func(s *upgrade.Surroundings) bool { return s.Providers != nil }),
	around(AWSTrustedRoles, "the roles that trust the cluster's service accounts", func(s *upgrade.Surroundings) bool { return s.Roles != nil }),
	around(AWSPodIdentities, "the Pod Identity associations", func(s *upgrade.Surroundings) bool { return s.PodIdentities != nil }),
	around(AWSLoginProviders, "the identity providers of the cluster", func(s *upgrade.Surroundings) bool { return s.Logins != nil }),
	around(AWSLoadBalancers, "the load balancers", func(s *upgrade.Surroundings) bool { return s.LoadBalancers != nil }),
	around(AWSTargetGroups, "the target groups", func(s *upgrade.Surroundings) bool { return s.TargetGroups != nil }),
	around(AWSDatabases, "the databases", func(s *upgrade.Surroundings) bool { return s.Databases != nil }),
	around(AWSCaches, "the caches", func(s *upgrade.Surroundings) bool { return s.Caches != nil }),
	around(AWSInbound, "who may connect to databases and caches", func(s *upgrade.Surroundings) bool { return s.NodeSecurityGroups != nil }),
	around(AWSNames, "the owners of names in the hosted zone", func(s *upgrade.Surroundings) bool { return s.Names != nil }),

	kubernetes(Cluster, "the API server's version", true, func(s *upgrade.KubernetesState) bool { return s.ServerVersion != (upgrade.Version{}) }),
	kubernetes(KubeNodes, "the nodes", true, func(s *upgrade.KubernetesState) bool { return s.Nodes != nil }),
	kubernetes(KubeWorkloads, "the workloads", true, func(s *upgrade.KubernetesState) bool { return s.Workloads != nil }),
	kubernetes(DeprecatedAPIs, "the API versions that objects are written in", true, func(s *upgrade.KubernetesState) bool { return s.DeprecatedAPIs != nil }),
	kubernetes(RequestedAPIs, "the deprecated API versions that were requested", false, func(s *upgrade.KubernetesState) bool { return s.RequestedAPIs != nil }),
	kubernetes(HelmReleases, "the Helm releases", false, func(s *upgrade.KubernetesState) bool { return s.HelmReleases != nil }),
	kubernetes(Pods, "the pods", false, func(s *upgrade.KubernetesState) bool { return s.Pods != nil }),
	kubernetes(Budgets, "the disruption budgets", false, func(s *upgrade.KubernetesState) bool { return s.Budgets != nil }),
	kubernetes(Autoscalers, "the autoscalers", false, func(s *upgrade.KubernetesState) bool { return s.Autoscalers != nil }),
	kubernetes(Namespaces, "the namespaces", false, func(s *upgrade.KubernetesState) bool { return s.Namespaces != nil }),
	kubernetes(PriorityClasses, "the priority classes", false, func(s *upgrade.KubernetesState) bool { return s.PriorityClasses != nil }),
	kubernetes(Services, "the services", false, func(s *upgrade.KubernetesState) bool { return s.Services != nil }),
	kubernetes(Ingresses, "the ingresses", false, func(s *upgrade.KubernetesState) bool { return s.Ingresses != nil }),
	kubernetes(IngressClasses, "the ingress classes", false, func(s *upgrade.KubernetesState) bool { return s.IngressClasses != nil }),
	kubernetes(ServiceAccounts, "the service accounts", false, func(s *upgrade.KubernetesState) bool { return s.ServiceAccounts != nil }),
	kubernetes(StorageClasses, "the storage classes", false, func(s *upgrade.KubernetesState) bool { return s.StorageClasses != nil }),
	kubernetes(Volumes, "the persistent volumes", false, func(s *upgrade.KubernetesState) bool { return s.Volumes != nil }),
	kubernetes(Attachments, "the volume attachments", false, func(s *upgrade.KubernetesState) bool { return s.Attachments != nil }),
	kubernetes(Webhooks, "the webhooks", false, func(s *upgrade.KubernetesState) bool { return s.Webhooks != nil }),
	kubernetes(Policies, "the admission policies", false, func(s *upgrade.KubernetesState) bool { return s.AdmissionPolicies != nil }),
	kubernetes(CustomResources, "the custom resource definitions", false, func(s *upgrade.KubernetesState) bool { return s.CustomResources != nil }),
	kubernetes(APIServices, "the API services", false, func(s *upgrade.KubernetesState) bool { return s.APIServices != nil }),
	kubernetes(TargetBindings, "the target group bindings", false, func(s *upgrade.KubernetesState) bool { return s.TargetGroupBindings != nil }),
	kubernetes(OuterSecrets, "the secrets that come from outside", false, func(s *upgrade.KubernetesState) bool { return s.OuterSecrets != nil }),
	kubernetes(GitOps, "the objects of Argo CD and Flux", false, func(s *upgrade.KubernetesState) bool { return s.GitOps != nil }),
	kubernetes(Karpenter, "the objects of Karpenter", false, func(s *upgrade.KubernetesState) bool { return s.Karpenter != nil }),
	kubernetes(KubeProxy, "the configuration of kube-proxy", false, func(s *upgrade.KubernetesState) bool { return s.KubeProxy != nil }),
	kubernetes(Usage, "the use of resources", false, func(s *upgrade.KubernetesState) bool { return s.Usage != nil }),

	{TargetProof, "the manifests tried on the target version", upgrade.SourceScanners, false, func(v View) bool { return v.Proof != nil }},
}

// unseen returns what those parts are called that were not seen. A part that is
// not in the table was not seen.
func (v View) unseen(needs []upgrade.Part) []string {
	var out []string
	for _, id := range needs {
		i := slices.IndexFunc(parts, func(p part) bool { return p.id == id })
		switch {
		case i < 0:
			out = append(out, string(id))
		case !parts[i].seen(v):
			out = append(out, parts[i].what)
		}
	}
	return out
}

// Known reports whether a part is in the table.
func Known(id upgrade.Part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.id == id })
}

// Seen reports whether a part was seen.
func (v View) Seen(id upgrade.Part) bool { return len(v.unseen([]upgrade.Part{id})) == 0 }

// From is the version that runs: as EKS says, or else the API server.
func (v View) From() (upgrade.Version, bool) {
	switch {
	case v.AWS != nil:
		return v.AWS.Version, true
	case v.Seen(Cluster):
		return v.Kubernetes.ServerVersion, true
	}
	return upgrade.Version{}, false
}

// What calls a part by a name for people, such as "the nodes".
func What(id upgrade.Part) string {
	if i := slices.IndexFunc(parts, func(p part) bool { return p.id == id }); i >= 0 {
		return parts[i].what
	}
	return string(id)
}
