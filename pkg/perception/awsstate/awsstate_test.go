package awsstate_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/awsstate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

// cloud is an account with EKS clusters, instances and subnets. Its lists have
// pages of one. errors holds what an operation answers instead.
type cloud struct {
	machines

	cluster  *types.Cluster
	versions []types.ClusterVersionInformation
	groups   map[string]*types.Nodegroup
	addons   map[string]*types.Addon
	offers   map[string]map[string][]types.AddonVersionInfo // by add-on and Kubernetes version
	insights []types.Insight
	subnets  map[string]int32 // free addresses
	errors   map[string]error
}

// page returns one item and the token of the next.
func page[T any](items []T, token *string) ([]T, *string) {
	start, _ := strconv.Atoi(aws.ToString(token))
	if start >= len(items) {
		return nil, nil
	}
	if start+1 == len(items) {
		return items[start:], nil
	}
	return items[start : start+1], aws.String(strconv.Itoa(start + 1))
}

func (c *cloud) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	if *in.Name != *c.cluster.Name {
		return nil, &types.ResourceNotFoundException{Message: aws.String("No cluster found for name: " + *in.Name)}
	}
	return &eks.DescribeClusterOutput{Cluster: c.cluster}, c.errors["DescribeCluster"]
}

func (c *cloud) DescribeClusterVersions(_ context.Context, in *eks.DescribeClusterVersionsInput, _ ...func(*eks.Options)) (*eks.DescribeClusterVersionsOutput, error) {
	items, next := page(c.versions, in.NextToken)
	return &eks.DescribeClusterVersionsOutput{ClusterVersions: items, NextToken: next}, c.errors["DescribeClusterVersions"]
}

func (c *cloud) ListNodegroups(_ context.Context, in *eks.ListNodegroupsInput, _ ...func(*eks.Options)) (*eks.ListNodegroupsOutput, error) {
	items, next := page(slices.Sorted(maps.Keys(c.groups)), in.NextToken)
	return &eks.ListNodegroupsOutput{Nodegroups: items, NextToken: next}, c.errors["ListNodegroups"]
}

func (c *cloud) DescribeNodegroup(_ context.Context, in *eks.DescribeNodegroupInput, _ ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error) {
	return &eks.DescribeNodegroupOutput{Nodegroup: c.groups[*in.NodegroupName]}, c.errors["DescribeNodegroup "+*in.NodegroupName]
}

func (c *cloud) ListAddons(_ context.Context, in *eks.ListAddonsInput, _ ...func(*eks.Options)) (*eks.ListAddonsOutput, error) {
	items, next := page(slices.Sorted(maps.Keys(c.addons)), in.NextToken)
	return &eks.ListAddonsOutput{Addons: items, NextToken: next}, c.errors["ListAddons"]
}

func (c *cloud) DescribeAddon(_ context.Context, in *eks.DescribeAddonInput, _ ...func(*eks.Options)) (*eks.DescribeAddonOutput, error) {
	return &eks.DescribeAddonOutput{Addon: c.addons[*in.AddonName]}, c.errors["DescribeAddon"]
}

func (c *cloud) DescribeAddonVersions(_ context.Context, in *eks.DescribeAddonVersionsInput, _ ...func(*eks.Options)) (*eks.DescribeAddonVersionsOutput, error) {
	items, next := page(c.offers[*in.AddonName][*in.KubernetesVersion], in.NextToken)
	return &eks.DescribeAddonVersionsOutput{Addons: []types.AddonInfo{{AddonName: in.AddonName, AddonVersions: items}}, NextToken: next}, c.errors["DescribeAddonVersions"]
}

func (c *cloud) ListInsights(_ context.Context, in *eks.ListInsightsInput, _ ...func(*eks.Options)) (*eks.ListInsightsOutput, error) {
	var all []types.InsightSummary
	for _, i := range c.insights {
		if slices.Contains(in.Filter.Categories, i.Category) {
			all = append(all, types.InsightSummary{Id: i.Id, Name: i.Name, Category: i.Category, InsightStatus: i.InsightStatus, KubernetesVersion: i.KubernetesVersion, LastRefreshTime: i.LastRefreshTime, LastTransitionTime: i.LastTransitionTime})
		}
	}
	c.listed = true
	items, next := page(all, in.NextToken)
	return &eks.ListInsightsOutput{Insights: items, NextToken: next}, c.errors["ListInsights"]
}

func (c *cloud) DescribeInsight(_ context.Context, in *eks.DescribeInsightInput, _ ...func(*eks.Options)) (*eks.DescribeInsightOutput, error) {
	for _, i := range c.insights {
		if *i.Id == *in.Id {
			return &eks.DescribeInsightOutput{Insight: &i}, c.errors["DescribeInsight"]
		}
	}
	return nil, &types.ResourceNotFoundException{}
}

func (c *cloud) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	for _, id := range slices.Sorted(maps.Keys(c.subnets)) {
		if slices.Contains(in.SubnetIds, id) || in.Filters != nil && strings.HasPrefix(id, "subnet-cni") {
			out.Subnets = append(out.Subnets, ec2types.Subnet{SubnetId: &id, AvailabilityZone: aws.String("eu-west-1" + id[len(id)-1:]), AvailableIpAddressCount: aws.Int32(c.subnets[id])})
		}
	}
	return out, c.errors["DescribeSubnets"]
}

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func newCloud() *cloud {
	offer := func(version, kubernetes string, isDefault bool) types.AddonVersionInfo {
		return types.AddonVersionInfo{AddonVersion: &version, Compatibilities: []types.Compatibility{{ClusterVersion: aws.String("1.20"), DefaultVersion: true}, {ClusterVersion: &kubernetes, DefaultVersion: isDefault}}}
	}
	return &cloud{
		cluster: &types.Cluster{Name: aws.String("shop"), Arn: aws.String("arn:shop"), Version: aws.String("1.34"), PlatformVersion: aws.String("eks.9"), Status: types.ClusterStatusActive, RoleArn: aws.String("role"),
			ResourcesVpcConfig: &types.VpcConfigResponse{VpcId: aws.String("vpc-1"), SecurityGroupIds: []string{"sg-1"}, SubnetIds: []string{"subnet-b", "subnet-a"}},
			Health:             &types.ClusterHealth{Issues: []types.ClusterIssue{{Code: types.ClusterIssueCodeEc2SubnetNotFound, Message: aws.String("gone"), ResourceIds: []string{"subnet-x"}}}}, Tags: map[string]string{"team": "shop"}},
		versions: []types.ClusterVersionInformation{{ClusterVersion: aws.String("1.35"), VersionStatus: types.VersionStatusStandardSupport, EndOfStandardSupportDate: &noon},
			{ClusterVersion: aws.String("1.31"), Status: types.ClusterVersionStatusExtendedSupport}},
		groups: map[string]*types.Nodegroup{
			"general": {NodegroupName: aws.String("general"), Version: aws.String("1.34"), Status: types.NodegroupStatusActive, AmiType: types.AMITypesAl2023X8664Standard, CapacityType: types.CapacityTypesOnDemand,
				InstanceTypes: []string{"m7i.large"}, NodeRole: aws.String("nodes"), Subnets: []string{"subnet-a"}, Labels: map[string]string{"a": "b"}, ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(1), MaxSize: aws.Int32(3), DesiredSize: aws.Int32(2)},
				Taints: []types.Taint{{Key: aws.String("k"), Value: aws.String("x"), Effect: types.TaintEffectNoSchedule}}},
			"custom": {NodegroupName: aws.String("custom"), Status: types.NodegroupStatusDegraded, AmiType: types.AMITypesCustom, Health: &types.NodegroupHealth{Issues: []types.Issue{{Code: types.NodegroupIssueCodeAccessDenied, Message: aws.String("no")}}}},
		},
		addons: map[string]*types.Addon{
			"coredns": {AddonName: aws.String("coredns"), AddonVersion: aws.String("v1.12.1-eksbuild.2"), Status: types.AddonStatusActive, ServiceAccountRoleArn: aws.String("dns"), ConfigurationValues: aws.String("{}")},
			"vpc-cni": {AddonName: aws.String("vpc-cni"), AddonVersion: aws.String("v1.20.0-eksbuild.1"), Status: types.AddonStatusDegraded, Health: &types.AddonHealth{Issues: []types.AddonIssue{{Code: types.AddonIssueCodeUnsupportedAddonModification, Message: aws.String("odd")}}}},
		},
		offers: map[string]map[string][]types.AddonVersionInfo{"coredns": {"1.34": {offer("v1.12.1-eksbuild.2", "1.34", true)}, "1.35": {offer("v1.12.4-eksbuild.9", "1.35", true), offer("v1.12.4-eksbuild.10", "1.35", false), offer("v1.11.0-eksbuild.1", "1.36", true)}}},
		insights: []types.Insight{{Id: aws.String("1"), Name: aws.String("Kubelet version skew"), Category: types.CategoryUpgradeReadiness, InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueWarning, Reason: aws.String("old")}, KubernetesVersion: aws.String("1.35"), LastRefreshTime: &noon, Recommendation: aws.String("update")},
			{Id: aws.String("2"), Name: aws.String("Hybrid"), Category: types.CategoryMisconfiguration}, {Id: aws.String("3"), Name: aws.String("Silent"), Category: types.CategoryUpgradeReadiness}},
		subnets: map[string]int32{"subnet-a": 100, "subnet-b": 7, "subnet-c": 50, "subnet-pods-a": 3, "subnet-cni-b": 9}, errors: map[string]error{},
		machines: newMachines(),
	}
}

func collect(t *testing.T, c *cloud, cluster string) (upgrade.Snapshot, string, error) {
	t.Helper()
	return awsstate.New(c, c, c, c, c).Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: cluster, Target: v(35)}}})
}

func TestCollectSeesTheWholeCluster(t *testing.T) {
	snapshot, summary, err := collect(t, newCloud(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want := upgrade.Snapshot{AWS: &upgrade.ClusterState{
		Name: "shop", ARN: "arn:shop", Version: v(34), PlatformVersion: "eks.9", Status: "ACTIVE", RoleARN: "role", VPC: "vpc-1", SecurityGroups: []string{"sg-1"},
		Subnets: []upgrade.Subnet{{ID: "subnet-a", Zone: "eu-west-1a", FreeIPs: 100}, {ID: "subnet-b", Zone: "eu-west-1b", FreeIPs: 7}},
		Health:  []upgrade.HealthIssue{{Code: "Ec2SubnetNotFound", Message: "gone", Resources: []string{"subnet-x"}}}, Tags: map[string]string{"team": "shop"},
		NodeGroups: []upgrade.NodeGroup{
			{Name: "custom", Status: "DEGRADED", AMIType: "CUSTOM", Health: []upgrade.HealthIssue{{Code: "AccessDenied", Message: "no"}}},
			{Name: "general", Version: v(34), Status: "ACTIVE", AMIType: "AL2023_x86_64_STANDARD", CapacityType: "ON_DEMAND", InstanceTypes: []string{"m7i.large"}, RoleARN: "nodes", Subnets: []string{"subnet-a"},
				Min: 1, Max: 3, Desired: 2, Labels: map[string]string{"a": "b"}, Taints: []upgrade.Taint{{Key: "k", Value: "x", Effect: "NO_SCHEDULE"}}}},
		Addons: []upgrade.Addon{
			{Name: "coredns", Version: "v1.12.1-eksbuild.2", Status: "ACTIVE", RoleARN: "dns", Configuration: "{}", Compatible: map[string]upgrade.AddonChoice{
				"1.34": {Default: "v1.12.1-eksbuild.2", Versions: []string{"v1.12.1-eksbuild.2"}},
				"1.35": {Default: "v1.12.4-eksbuild.9", Versions: []string{"v1.12.4-eksbuild.10", "v1.12.4-eksbuild.9"}}}},
			{Name: "vpc-cni", Version: "v1.20.0-eksbuild.1", Status: "DEGRADED", Health: []upgrade.HealthIssue{{Code: "UnsupportedAddonModification", Message: "odd"}},
				Compatible: map[string]upgrade.AddonChoice{"1.34": {Versions: []string{}}, "1.35": {Versions: []string{}}}}},
		Insights: []upgrade.Insight{{ID: "1", Name: "Kubelet version skew", Category: "UPGRADE_READINESS", Version: v(35), Status: "WARNING", Reason: "old", Recommendation: "update", RefreshedAt: upgrade.At(noon)},
			{ID: "3", Name: "Silent", Category: "UPGRADE_READINESS", Status: "UNKNOWN"}},
		Available: []upgrade.AvailableVersion{{Version: v(35), Status: "STANDARD_SUPPORT", EndOfStandard: upgrade.At(noon)}, {Version: v(31), Status: "EXTENDED_SUPPORT"}},
	}}
	want.AWS.InsightsRefresh = &upgrade.InsightsRefresh{Status: "COMPLETED", StartedAt: upgrade.At(noon), EndedAt: upgrade.At(noon)}
	if diff := cmp.Diff(want, snapshot, cmpopts.IgnoreFields(upgrade.ClusterState{}, "ScalingGroups", "LaunchTemplates", "Instances", "Images", "FargateProfiles", "NodeSubnets", "PodNetwork", "InstanceTypes", "Quotas")); diff != "" {
		t.Error(diff)
	}
	if summary != "EKS 1.34 ACTIVE, 2 node groups, 3 self-managed groups, 4 instances, 2 add-ons, 2 insights" {
		t.Errorf("summary %q", summary)
	}
}

func TestCollectGoesOnWithoutWhatItMayNotSee(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "is not authorized"}
	tests := []struct {
		operation, what string
		absent          func(*upgrade.ClusterState) bool
	}{
		{"ListNodegroups", "node groups", func(s *upgrade.ClusterState) bool { return s.NodeGroups == nil }},
		{"DescribeNodegroup custom", "node groups", func(s *upgrade.ClusterState) bool { return s.NodeGroups == nil }},
		{"ListAddons", "add-ons", func(s *upgrade.ClusterState) bool { return s.Addons == nil }},
		{"DescribeAddonVersions", "add-ons", func(s *upgrade.ClusterState) bool { return s.Addons == nil }},
		{"ListInsights", "insights", func(s *upgrade.ClusterState) bool { return s.Insights == nil }},
		{"DescribeInsight", "insights", func(s *upgrade.ClusterState) bool { return s.Insights == nil }},
		{"DescribeClusterVersions", "versions that EKS offers", func(s *upgrade.ClusterState) bool { return s.Available == nil }},
		{"ListFargateProfiles", "Fargate profiles", func(s *upgrade.ClusterState) bool { return s.FargateProfiles == nil && s.NodeSubnets == nil }},
		{"DescribeFargateProfile", "Fargate profiles", func(s *upgrade.ClusterState) bool { return s.FargateProfiles == nil }},
		{"DescribeAutoScalingGroups", "Auto Scaling groups", func(s *upgrade.ClusterState) bool {
			return s.ScalingGroups == nil && s.LaunchTemplates == nil && s.InstanceTypes == nil && s.Quotas == nil && s.Images == nil
		}},
		{"DescribeLaunchConfigurations", "Auto Scaling groups", func(s *upgrade.ClusterState) bool { return s.ScalingGroups == nil }},
		{"DescribeLaunchTemplates", "launch templates", func(s *upgrade.ClusterState) bool { return s.LaunchTemplates == nil && s.Images == nil }},
		{"DescribeLaunchTemplateVersions", "launch templates", func(s *upgrade.ClusterState) bool { return s.LaunchTemplates == nil }},
		{"DescribeInstances", "instances", func(s *upgrade.ClusterState) bool { return s.Instances == nil && s.Quotas == nil }},
		{"DescribeVolumes", "volumes", func(s *upgrade.ClusterState) bool { return s.Quotas == nil }},
		{"DescribeInstanceTypes", "instance types", func(s *upgrade.ClusterState) bool { return s.InstanceTypes == nil }},
		{"DescribeImages", "images of nodes", func(s *upgrade.ClusterState) bool { return s.Images == nil }},
		{"GetServiceQuota", "quotas", func(s *upgrade.ClusterState) bool { return s.Quotas == nil }},
		{"GetAWSDefaultServiceQuota", "quotas", func(s *upgrade.ClusterState) bool { return s.Quotas == nil }},
	}
	for _, tt := range tests {
		t.Run(tt.operation, func(t *testing.T) {
			c := newCloud()
			c.errors[tt.operation] = denied
			snapshot, _, err := collect(t, c, "shop")
			if err != nil {
				t.Fatal(err)
			}
			n := snapshot.NotChecked
			if len(n) != 1 || n[0].Part == "" || n[0].What != tt.what || !strings.Contains(n[0].Why, "is not authorized") || !strings.Contains(n[0].Remedy, "IAM") || !tt.absent(snapshot.AWS) {
				t.Errorf("not checked %+v, seen %+v", n, snapshot.AWS)
			}
		})
	}
}

func TestASubnetThatIsGoneIsNotOverlooked(t *testing.T) {
	c := newCloud()
	delete(c.subnets, "subnet-b")
	snapshot, _, err := collect(t, c, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if snapshot.AWS.Subnets != nil || snapshot.AWS.NodeSubnets != nil || len(snapshot.NotChecked) != 2 {
		t.Errorf("subnets %+v, not checked %+v", snapshot.AWS.Subnets, snapshot.NotChecked)
	}
}

func TestCollectErrs(t *testing.T) {
	throttled := &smithy.GenericAPIError{Code: "ThrottlingException"}
	tests := []struct {
		name, cluster, operation string
		err                      error
		code                     upgrade.Code
	}{
		{"no such cluster", "none", "", nil, upgrade.CodeNotFound},
		{"the cluster may not be described", "shop", "DescribeCluster", &smithy.GenericAPIError{Code: "AccessDeniedException"}, upgrade.CodePermissionDenied},
		{"throttled on a part", "shop", "ListAddons", throttled, upgrade.CodeThrottled},
		{"throttled deep in a part", "shop", "DescribeInsight", throttled, upgrade.CodeThrottled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud()
			c.errors[tt.operation] = tt.err
			_, _, err := collect(t, c, tt.cluster)
			if upgrade.CodeOf(err) != tt.code {
				t.Errorf("error %v has code %s, want %s", err, upgrade.CodeOf(err), tt.code)
			}
			if tt.code == upgrade.CodeNotFound && !strings.Contains(err.Error(), "correct the name") {
				t.Errorf("error %v has no remedy", err)
			}
		})
	}
}
