// Package reasoningtest describes a cluster without any problem, for tests that
// give it one.
package reasoningtest

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Now is when the cluster is judged.
var Now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// Issuer is who issues the cluster's service account tokens, without https://.
const Issuer = "oidc.eks.eu-west-1.amazonaws.com/id/SHOP"

// Cluster is what was seen of cluster "shop" at 1.34.
type Cluster struct {
	AWS        *upgrade.ClusterState    // nil: no snapshot
	Kubernetes *upgrade.KubernetesState // nil: no snapshot
	Notes      []upgrade.ReleaseNote
	Scans      []upgrade.Scan
	Proof      *upgrade.Proof
	NotChecked []upgrade.NotChecked // of AWS
	TakenAt    time.Time
	Without    upgrade.Source // leave out this snapshot
	EmptyAWS   bool           // the snapshot of AWS holds nothing
}

// Request asks to upgrade the cluster to 1.35.
func Request() upgrade.Request {
	return upgrade.Request{Cluster: "shop", Target: upgrade.Version{Major: 1, Minor: 35},
		Traffic: upgrade.Traffic{HostedZone: "Z0123456789ABC", Record: "shop.example.com", Service: upgrade.ObjectName{Namespace: "default", Name: "frontend"}}}.WithDefaults()
}

// Healthy returns the cluster without any problem; each call a new one.
func Healthy() Cluster {
	v34, v35 := upgrade.Version{Major: 1, Minor: 34}, upgrade.Version{Major: 1, Minor: 35}
	return Cluster{
		AWS: &upgrade.ClusterState{
			Name: "shop", ARN: "arn:aws:eks:eu-west-1:123456789012:cluster/shop", Version: v34, Status: "ACTIVE",
			RoleARN: "arn:aws:iam::123456789012:role/shop", VPC: "vpc-1", SecurityGroups: []string{"sg-1"},
			Subnets: []upgrade.Subnet{{ID: "subnet-a", Zone: "eu-west-1a", FreeIPs: 200}, {ID: "subnet-b", Zone: "eu-west-1b", FreeIPs: 200}},
			NodeGroups: []upgrade.NodeGroup{{Name: "general", Version: v34, Status: "ACTIVE", AMIType: "AL2023_x86_64_STANDARD", CapacityType: "ON_DEMAND",
				InstanceTypes: []string{"m7i.large"}, RoleARN: "arn:aws:iam::123456789012:role/nodes", Subnets: []string{"subnet-a", "subnet-b"}, Min: 2, Max: 4, Desired: 2}},
			Addons: []upgrade.Addon{
				{Name: "kube-proxy", Version: "v1.34.0-eksbuild.2", Status: "ACTIVE", Compatible: map[string]upgrade.AddonChoice{
					"1.34": {Default: "v1.34.0-eksbuild.2", Versions: []string{"v1.34.1-eksbuild.1", "v1.34.0-eksbuild.2"}},
					"1.35": {Default: "v1.35.0-eksbuild.2", Versions: []string{"v1.35.0-eksbuild.2"}}}},
				{Name: "vpc-cni", Version: "v1.21.0-eksbuild.1", Status: "ACTIVE", RoleARN: "arn:aws:iam::123456789012:role/cni", Configuration: `{"env":{"X":"1"}}`, Compatible: map[string]upgrade.AddonChoice{
					"1.34": {Default: "v1.20.3-eksbuild.1", Versions: []string{"v1.21.0-eksbuild.1", "v1.20.3-eksbuild.1"}},
					"1.35": {Default: "v1.20.3-eksbuild.10", Versions: []string{"v1.21.0-eksbuild.1", "v1.20.3-eksbuild.10"}}}},
			},
			Insights:      []upgrade.Insight{{ID: "1", Name: "Deprecated APIs removed in Kubernetes v1.35", Category: "UPGRADE_READINESS", Version: v35, Status: "PASSING", RefreshedAt: upgrade.At(Now.Add(-time.Hour))}},
			ScalingGroups: []upgrade.AutoScalingGroup{{Name: "eks-general", NodeGroup: "general", Min: 2, Max: 4, Desired: 2, InstanceTypes: []string{"m7i.large"}, Subnets: []string{"subnet-a", "subnet-b"}}},
			Instances: []upgrade.Instance{{ID: "i-a", Type: "m7i.large", VCPUs: 2, Zone: "eu-west-1a", Subnet: "subnet-a", Image: "ami-1", Provisioner: upgrade.ByNodeGroup, Group: "general"},
				{ID: "i-b", Type: "m7i.large", VCPUs: 2, Zone: "eu-west-1b", Subnet: "subnet-b", Image: "ami-1", Provisioner: upgrade.ByNodeGroup, Group: "general"}},
			Images:          []upgrade.Image{{ID: "ami-1", Name: "amazon-eks-node-al2023-x86_64-standard-1.34-v20260704", Owner: "amazon", Architecture: "x86_64", Family: "AL2023", Version: v34}},
			InstanceTypes:   []upgrade.InstanceType{{Name: "m7i.large", VCPUs: 2, MemoryMiB: 8192, Architectures: []string{"x86_64"}, Interfaces: 3, Addresses: 10}},
			LaunchTemplates: []upgrade.LaunchTemplate{}, FargateProfiles: []upgrade.FargateProfile{}, PodNetwork: &upgrade.PodNetwork{},
			NodeSubnets: []upgrade.Subnet{{ID: "subnet-a", Zone: "eu-west-1a", FreeIPs: 200}, {ID: "subnet-b", Zone: "eu-west-1b", FreeIPs: 200}},
			Quotas: []upgrade.Quota{{Service: "ec2", Code: "L-1216C47A", Name: "Running On-Demand Standard instances", Class: "standard", Unit: "vCPU", Limit: 64, Used: 4},
				{Service: "ebs", Code: "L-7A658B76", Name: "Storage for gp3 volumes", Class: "gp3", Unit: "TiB", Limit: 50, Used: 0.04}},
			InsightsRefresh: &upgrade.InsightsRefresh{Status: "COMPLETED", StartedAt: upgrade.At(Now.Add(-6 * time.Minute)), EndedAt: upgrade.At(Now.Add(-5 * time.Minute))},
			SupportType:     "EXTENDED",
			Available:       []upgrade.AvailableVersion{{Version: v34, Status: "STANDARD_SUPPORT", EndOfStandard: upgrade.At(Now.AddDate(0, 6, 0))}, {Version: v35, Status: "STANDARD_SUPPORT", EndOfStandard: upgrade.At(Now.AddDate(0, 10, 0))}},
			OIDCIssuer:      "https://" + Issuer,
			Surroundings: &upgrade.Surroundings{SecurityGroup: "sg-blue", Networks: []string{"10.0.0.0/20", "10.0.16.0/20"}, NodeSecurityGroups: []string{},
				Providers: []upgrade.OIDCProvider{}, Roles: []upgrade.TrustedRole{}, PodIdentities: []upgrade.PodIdentity{}, Logins: []upgrade.LoginProvider{},
				LoadBalancers: []upgrade.LoadBalancer{}, TargetGroups: []upgrade.TargetGroup{}, Databases: []upgrade.Datastore{}, Caches: []upgrade.Datastore{},
				Names: &upgrade.NameOwners{Zone: "Z0123456789ABC", Records: 4}},
		},
		Kubernetes: &upgrade.KubernetesState{
			ServerVersion: v34, GitVersion: "v1.34.2-eks-2d5f9a1", Issuer: "https://" + Issuer, OuterSecrets: []upgrade.OuterSecret{},
			Nodes:     []upgrade.Node{{Name: "node-a", Provisioner: upgrade.ByNodeGroup, NodeGroup: "general", KubeletVersion: v34, Ready: true}, {Name: "node-b", Provisioner: upgrade.ByNodeGroup, NodeGroup: "general", KubeletVersion: v34, Ready: true}},
			Workloads: []upgrade.Workload{Frontend()},
			Budgets: []upgrade.DisruptionBudget{{Object: upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "default", Name: "frontend"},
				Selector: upgrade.LabelSelector{Labels: map[string]string{"app": "frontend"}}, MinAvailable: "1", ExpectedPods: 2, CurrentHealthy: 2, DesiredHealthy: 1, DisruptionsAllowed: 1, Observed: true}},
			DeprecatedAPIs: []upgrade.DeprecatedAPI{}, RequestedAPIs: []upgrade.RequestedAPI{}, HelmReleases: []upgrade.HelmRelease{}, Objects: map[string]int{"apps/v1, Deployment": 1},
			Pods:        []upgrade.Pod{{Namespace: "default", Name: "frontend-1", Node: 0}, {Namespace: "default", Name: "frontend-2", Node: 1}},
			Autoscalers: []upgrade.Autoscaler{}, Namespaces: []upgrade.Namespace{{Name: "default"}, {Name: "kube-system"}}, PriorityClasses: []upgrade.PriorityClass{},
			Services: []upgrade.Service{}, Ingresses: []upgrade.Ingress{}, IngressClasses: []upgrade.IngressClass{}, ServiceAccounts: []upgrade.ServiceAccount{},
			StorageClasses: []upgrade.StorageClass{}, Volumes: []upgrade.PersistentVolume{}, Attachments: []upgrade.VolumeAttachment{},
			Webhooks: []upgrade.Webhook{}, AdmissionPolicies: []upgrade.AdmissionPolicy{}, CustomResources: []upgrade.CustomResource{}, APIServices: []upgrade.APIService{},
			TargetGroupBindings: []upgrade.TargetGroupBinding{}, GitOps: []upgrade.GitOpsSource{}, Karpenter: &upgrade.Karpenter{}, KubeProxy: &upgrade.KubeProxy{},
			Usage: &upgrade.Usage{Nodes: map[string]upgrade.Resources{}},
		},
		Notes:   []upgrade.ReleaseNote{{Version: v35, Section: "Feature", Text: "Something new."}},
		Proof:   &upgrade.Proof{Version: v35, Against: v34, Tried: 12, BySource: map[string]int{upgrade.FromLive: 12}, Results: []upgrade.ProofResult{}},
		TakenAt: Now.Add(-5 * time.Minute),
	}
}

// Frontend is the healthy cluster's one application.
func Frontend() upgrade.Workload {
	app := map[string]string{"app": "frontend"}
	return upgrade.Workload{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "frontend"},
		Desired: 2, Ready: 2, MinReadySeconds: 10, UpdateStrategy: "RollingUpdate", Selector: upgrade.LabelSelector{Labels: app},
		Template: upgrade.PodTemplate{Labels: app, Spread: []string{"kubernetes.io/hostname"},
			Containers: []upgrade.Container{{Name: "server", Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/frontend:1.2.3", ReadinessProbe: true, CPU: 100, Memory: 64 << 20}}}}
}

// About makes EKS's insights and offers, and the proof, speak of another minor.
func (c *Cluster) About(minor int) {
	for i := range c.AWS.Insights {
		c.AWS.Insights[i].Version.Minor = minor
	}
	c.Proof.Version.Minor, c.Proof.Against.Minor = minor, minor-1
}

// Snapshots returns what was seen, as perception stores it.
func (c Cluster) Snapshots() []upgrade.Snapshot {
	var out []upgrade.Snapshot
	add := func(s upgrade.Snapshot, seen bool) {
		if seen && s.Source != c.Without {
			s.Cluster, s.TakenAt = "shop", upgrade.At(c.TakenAt)
			out = append(out, s)
		}
	}
	aws := upgrade.Snapshot{Source: upgrade.SourceAWS, AWS: c.AWS, NotChecked: c.NotChecked}
	if c.EmptyAWS {
		aws.AWS = nil
	}
	add(aws, c.AWS != nil)
	add(upgrade.Snapshot{Source: upgrade.SourceKubernetes, Kubernetes: c.Kubernetes}, c.Kubernetes != nil)
	add(upgrade.Snapshot{Source: upgrade.SourceReleaseNotes, Notes: c.Notes}, true)
	add(upgrade.Snapshot{Source: upgrade.SourceScanners, Scans: c.Scans, Proof: c.Proof}, true)
	return out
}
