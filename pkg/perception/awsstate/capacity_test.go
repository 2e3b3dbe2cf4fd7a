package awsstate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/awsstate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func seen(t *testing.T, c *cloud) *upgrade.ClusterState {
	t.Helper()
	snapshot, _, err := collect(t, c, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(snapshot); strings.Contains(text, "hunter2") {
		t.Error("user data is kept")
	}
	return snapshot.AWS
}

func TestCollectSeesWhatRunsNodes(t *testing.T) {
	node := upgrade.NodeConfig{KubeletFlags: []string{"--max-pods=20"}}
	instance := upgrade.Instance{VCPUs: 4, Zone: "eu-west-1a", Subnet: "subnet-a", LaunchedAt: upgrade.At(noon)}
	of := func(id, kind string, by upgrade.Provisioner, group string, change func(*upgrade.Instance)) upgrade.Instance {
		i := instance
		i.ID, i.Type, i.Image, i.Provisioner, i.Group = id, kind, "ami-"+id, by, group
		if change != nil {
			change(&i)
		}
		return i
	}
	got := seen(t, newCloud())
	for name, diff := range map[string]string{
		"Auto Scaling groups": cmp.Diff([]upgrade.AutoScalingGroup{
			{Name: "eks-general", NodeGroup: "general", Template: &upgrade.TemplateUse{ID: "lt-of-eks"}},
			{Name: "mixed", InstanceTypes: []string{"g5.xlarge", "gone.large"}, Template: &upgrade.TemplateUse{ID: "lt-gone"}},
			{Name: "old", InstanceTypes: []string{"m5.large"}, LaunchConfiguration: "lc", Image: "ami-al2", Node: node},
			{Name: "self", Min: 1, Max: 3, Desired: 2, Subnets: []string{"subnet-a", "subnet-c"}, Template: &upgrade.TemplateUse{ID: "lt-1", Version: "1"}, Suspended: []string{"Launch"}, Outdated: 1, Unhealthy: 1},
		}, got.ScalingGroups),
		"launch templates": cmp.Diff([]upgrade.LaunchTemplate{
			{ID: "lt-1", Name: "workers", Default: 2, Latest: 3, Versions: []upgrade.TemplateVersion{
				{Number: 1, Image: "ami-al2", Disks: []upgrade.Disk{{Type: "gp3", GiB: 80}}, UserData: true, Node: node}, {Number: 2}, {Number: 3}}},
			{ID: "lt-gone", Gone: true, Versions: []upgrade.TemplateVersion{}},
		}, got.LaunchTemplates),
		"instances": cmp.Diff([]upgrade.Instance{
			of("1", "m7i.large", upgrade.ByNodeGroup, "general", func(i *upgrade.Instance) { i.Template, i.TemplateUsed = "lt-of-eks", "2" }),
			of("2", "g5.xlarge", upgrade.ByKarpenter, "gpu", func(i *upgrade.Instance) { i.Spot = true }),
			of("3", "c7g.large", upgrade.ByAutoMode, "system", nil),
			of("4", "t3.large", upgrade.ByItself, "self", nil),
		}, got.Instances),
		"images": cmp.Diff([]upgrade.Image{
			{ID: "ami-1", Name: "ours", Owner: "123456789012"}, {ID: "ami-2", Gone: true}, {ID: "ami-4", Gone: true},
			{ID: "ami-al2", Name: "amazon-eks-node-1.32-v20251101", Owner: "amazon", Architecture: "x86_64", Family: "AL2", Version: v(32), CreatedAt: upgrade.At(noon)},
		}, got.Images),
		"Fargate profiles": cmp.Diff([]upgrade.FargateProfile{{Name: "batch", Status: "ACTIVE", Namespaces: []string{"batch"}, Subnets: []string{"subnet-b"}}}, got.FargateProfiles),
		"nodes' subnets": cmp.Diff([]upgrade.Subnet{{ID: "subnet-a", Zone: "eu-west-1a", FreeIPs: 100}, {ID: "subnet-b", Zone: "eu-west-1b", FreeIPs: 7}, {ID: "subnet-c", Zone: "eu-west-1c", FreeIPs: 50}},
			got.NodeSubnets),
		"quotas": cmp.Diff([]upgrade.Quota{
			{Service: "ec2", Code: "L-DB2E81BA", Name: "default L-DB2E81BA", Class: "g", Unit: "vCPU", Default: true},
			{Service: "ec2", Code: "L-3819A6DF", Name: "default L-3819A6DF", Class: "spot g", Unit: "vCPU", Used: 4, Default: true},
			{Service: "ec2", Code: "L-34B43A08", Name: "default L-34B43A08", Class: "spot standard", Unit: "vCPU", Default: true},
			{Service: "ec2", Code: "L-1216C47A", Name: "own L-1216C47A", Class: "standard", Unit: "vCPU", Limit: 64, Used: 16},
			{Service: "ebs", Code: "L-D18FCD1D", Name: "default L-D18FCD1D", Class: "gp2", Unit: "TiB", Limit: 50, Used: 0.25, Default: true},
			{Service: "ebs", Code: "L-7A658B76", Name: "default L-7A658B76", Class: "gp3", Unit: "TiB", Limit: 50, Used: 1.5, Default: true},
		}, got.Quotas),
	} {
		if diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var types []string
	for _, x := range got.InstanceTypes {
		types = append(types, x.Name)
		if x.VCPUs != 2 || x.MemoryMiB != 8192 || len(x.Architectures) != 1 || x.Interfaces != 3 || x.Addresses != 10 {
			t.Errorf("%+v", x)
		}
	}
	if diff := cmp.Diff([]string{"c7g.large", "g5.xlarge", "m5.large", "m7i.large", "t3.large"}, types); diff != "" {
		t.Error(diff)
	}
}

func TestFamiliesOfImages(t *testing.T) {
	for name, want := range map[string]string{
		"amazon-eks-node-1.32-v20251101":                                                  "AL2 1.32",
		"amazon-eks-arm64-node-1.31-v20250920":                                            "AL2 1.31",
		"amazon-eks-gpu-node-1.30-v20250920":                                              "AL2 1.30",
		"amazon-eks-node-al2023-x86_64-standard-1.34-v20260704":                           "AL2023 1.34",
		"amazon-eks-node-al2023-arm64-nvidia-580-1.35-v20260704":                          "AL2023 1.35",
		"bottlerocket-aws-k8s-1.34-x86_64-v1.50.0-0123abcd":                               "Bottlerocket 1.34",
		"bottlerocket-aws-k8s-1.34-nvidia-aarch64-v1.50.0-0123abcd":                       "Bottlerocket 1.34",
		"Windows_Server-2022-English-Core-EKS_Optimized-1.33-2026.07.08":                  "Windows 1.33",
		"ubuntu-eks/k8s_1.33/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260701": "Ubuntu 1.33",
		"our-golden-image-1.34":                                                           " ",
		"ubuntu/images/hvm-ssd/ubuntu-noble-24.04-":                                       " ",
		"": " ",
	} {
		family, version := awsstate.Family(name)
		if got := family + " " + version.String(); got != want && !(want == " " && family == "" && version == (upgrade.Version{})) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestAddonsAreLookedUpForEveryHop(t *testing.T) {
	c := newCloud()
	snapshot, _, err := awsstate.New(c, c, c, c, c).Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Target: v(36)}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range snapshot.AWS.Addons {
		for _, version := range []string{"1.34", "1.35", "1.36"} {
			if _, ok := a.Compatible[version]; !ok || len(a.Compatible) != 3 {
				t.Errorf("add-on %s: %v", a.Name, a.Compatible)
			}
		}
	}
}

func TestThePodsNetworkIsReadFromTheAddon(t *testing.T) {
	cni := []upgrade.Subnet{{ID: "subnet-cni-b", Zone: "eu-west-1b", FreeIPs: 9}}
	tests := []struct {
		name, configuration string
		change              func(*cloud)
		want                *upgrade.PodNetwork
		why                 string
	}{
		{"nothing configured", "", nil, &upgrade.PodNetwork{Subnets: cni}, ""},
		{"prefixes", `{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}`, nil, &upgrade.PodNetwork{PrefixDelegation: true, Subnets: cni}, ""},
		{"switched off", `{"env":{"ENABLE_PREFIX_DELEGATION":"false","AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"false"},"eniConfig":{"subnets":{"a":{"id":"subnet-pods-a"}}}}`, nil, &upgrade.PodNetwork{Subnets: cni}, ""},
		{"custom networking", `{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"},"eniConfig":{"create":true,"subnets":{"eu-west-1a":{"id":"subnet-pods-a","securityGroups":["sg-1"]}}}}`, nil,
			&upgrade.PodNetwork{CustomNetworking: true, Subnets: []upgrade.Subnet{{ID: "subnet-pods-a", Zone: "eu-west-1a", FreeIPs: 3}}}, ""},
		{"custom networking by objects that EKS does not know", `{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"}}`, nil, nil, "ENIConfigs that are not in the configuration"},
		{"custom networking by objects, which the nodes' interfaces show", `{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"}}`, func(c *cloud) { interfaces(c, "subnet-pods-a") },
			&upgrade.PodNetwork{CustomNetworking: true, Subnets: []upgrade.Subnet{{ID: "subnet-pods-a", Zone: "eu-west-1a", FreeIPs: 3}}}, ""},
		{"no add-on, custom networking", "", func(c *cloud) { delete(c.addons, "vpc-cni"); interfaces(c, "subnet-pods-a") },
			&upgrade.PodNetwork{CustomNetworking: true, Subnets: []upgrade.Subnet{{ID: "subnet-pods-a", Zone: "eu-west-1a", FreeIPs: 3}}}, ""},
		{"no add-on, prefixes in the nodes' subnet", "", func(c *cloud) {
			delete(c.addons, "vpc-cni")
			interfaces(c, aws.ToString(c.instances[0].SubnetId))
			c.instances[0].NetworkInterfaces[1].Ipv4Prefixes = []ec2types.InstanceIpv4Prefix{{Ipv4Prefix: aws.String("10.0.0.16/28")}}
		}, &upgrade.PodNetwork{PrefixDelegation: true, Subnets: cni}, ""},
		{"another form", `[]`, nil, nil, "no JSON of the form"},
		{"no add-on", "", func(c *cloud) { delete(c.addons, "vpc-cni") }, nil, "no add-on of EKS"},
		{"Auto Mode", "", func(c *cloud) {
			delete(c.addons, "vpc-cni")
			c.cluster.ComputeConfig = &types.ComputeConfigResponse{Enabled: aws.Bool(true)}
		}, &upgrade.PodNetwork{Subnets: cni}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud()
			if tt.configuration != "" {
				c.addons["vpc-cni"].ConfigurationValues = &tt.configuration
			}
			if tt.change != nil {
				tt.change(c)
			}
			snapshot, _, err := collect(t, c, "shop")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, snapshot.AWS.PodNetwork); diff != "" {
				t.Error(diff)
			}
			if n := snapshot.NotChecked; tt.why == "" && len(n) > 0 || tt.why != "" && (len(n) != 1 || n[0].Part != "aws.podNetwork" || !strings.Contains(n[0].Why, tt.why)) {
				t.Errorf("not checked %+v", n)
			}
		})
	}
}

// interfaces gives the first instance one interface of its own and one for pods.
func interfaces(c *cloud, pods string) {
	i := &c.instances[0]
	i.NetworkInterfaces = []ec2types.InstanceNetworkInterface{
		{SubnetId: i.SubnetId, InterfaceType: aws.String("interface"), Attachment: &ec2types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(0)}},
		{SubnetId: &pods, InterfaceType: aws.String("interface"), Attachment: &ec2types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(1)}},
	}
}

func TestInsightsAreListedAfterARefresh(t *testing.T) {
	tests := []struct {
		name   string
		change func(*cloud)
		status string
		says   string
	}{
		{"at once", func(*cloud) {}, "COMPLETED", ""},
		{"after a while", func(c *cloud) { c.polls = 10 }, "COMPLETED", ""},
		{"never", func(c *cloud) { c.polls = 1000 }, "IN_PROGRESS", ""},
		{"another refresh runs", func(c *cloud) { c.errors["StartInsightsRefresh"] = &types.InvalidRequestException{} }, "COMPLETED", ""},
		{"it is not allowed", func(c *cloud) {
			c.errors["StartInsightsRefresh"] = &smithy.OperationError{ServiceID: "EKS", OperationName: "StartInsightsRefresh", Err: &smithy.GenericAPIError{Code: "AccessDeniedException"}}
		}, "NOT_STARTED", "allow eks:StartInsightsRefresh"},
		{"its end may not be seen", func(c *cloud) {
			c.errors["DescribeInsightsRefresh"] = &smithy.GenericAPIError{Code: "AccessDeniedException"}
		}, "NOT_STARTED", "AccessDenied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud()
			tt.change(c)
			state := seen(t, c)
			if r := state.InsightsRefresh; r == nil || r.Status != tt.status || !strings.Contains(r.Message, tt.says) {
				t.Errorf("refresh %+v", r)
			}
			if waited := c.now.Sub(noon).Seconds(); !c.refreshed || c.early || !c.listed || waited > 93 || len(state.Insights) != 2 {
				t.Errorf("asked %t, listed too early %t, waited %v s, %d insights", c.refreshed, c.early, waited, len(state.Insights))
			}
		})
	}
}

func TestInsightsHaveTheirDetails(t *testing.T) {
	c := newCloud()
	c.insights = append(c.insights[:0], types.Insight{Id: aws.String("1"), Name: aws.String("Deprecated APIs"), Category: types.CategoryRollbackReadiness, KubernetesVersion: aws.String("1.33"),
		InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}, LastRefreshTime: &noon, LastTransitionTime: &noon,
		Resources: []types.InsightResourceDetail{{KubernetesResourceUri: aws.String("/apis/x"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError, Reason: aws.String("old")}}},
		CategorySpecificSummary: &types.InsightCategorySpecificSummary{
			AddonCompatibilityDetails: []types.AddonCompatibilityDetail{{Name: aws.String("vpc-cni"), CompatibleVersions: []string{"v1"}}},
			DeprecationDetails: []types.DeprecationDetail{{Usage: aws.String("/apis/a/v1beta1/x"), ReplacedWith: aws.String("/apis/a/v1/x"), StartServingReplacementVersion: aws.String("1.29"), StopServingVersion: aws.String("1.35"),
				ClientStats: []types.ClientStat{{UserAgent: aws.String("helm\x1b[2J\nv3"), NumberOfRequestsLast30Days: 12, LastRequestTime: &noon}}}}}})
	want := []upgrade.Insight{{ID: "1", Name: "Deprecated APIs", Category: "ROLLBACK_READINESS", Version: v(33), Status: "ERROR", RefreshedAt: upgrade.At(noon), ChangedAt: upgrade.At(noon),
		Resources: []upgrade.InsightResource{{URI: "/apis/x", Status: "ERROR", Reason: "old"}}, Addons: []upgrade.InsightAddon{{Name: "vpc-cni", Compatible: []string{"v1"}}},
		Deprecations: []upgrade.InsightDeprecation{{Usage: "/apis/a/v1beta1/x", ReplacedWith: "/apis/a/v1/x", StartServing: v(29), StopServing: v(35),
			Clients: []upgrade.InsightClient{{UserAgent: "helm [2J v3", Requests30Days: 12, LastRequest: upgrade.At(noon)}}}}}}
	if diff := cmp.Diff(want, seen(t, c).Insights); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotAllowedIsNamedAsAnActionOfIAM(t *testing.T) {
	for operation, action := range map[string]string{"DescribeAutoScalingGroups": "autoscaling:DescribeAutoScalingGroups", "GetServiceQuota": "servicequotas:GetServiceQuota", "DescribeVolumes": "ec2:DescribeVolumes", "ListAddons": "eks:ListAddons"} {
		c := newCloud()
		service := map[string]string{"autoscaling": "Auto Scaling", "servicequotas": "Service Quotas", "ec2": "EC2", "eks": "EKS"}[strings.Split(action, ":")[0]]
		c.errors[operation] = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: "AccessDenied"}}
		snapshot, _, err := collect(t, c, "shop")
		if err != nil || len(snapshot.NotChecked) == 0 || !strings.Contains(snapshot.NotChecked[0].Remedy, "allow "+action) {
			t.Errorf("%v, %+v", err, snapshot.NotChecked)
		}
	}
}
