package awsstate_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/smithy-go"
)

// machines are what is beside EKS in a cloud, a refresh of insights, and the
// time, which passes only in sleeps.
type machines struct {
	scalingGroups    []scaling.AutoScalingGroup
	configurations   []scaling.LaunchConfiguration
	templates        map[string]ec2types.LaunchTemplate
	templateVersions map[string][]ec2types.LaunchTemplateVersion
	instances        []ec2types.Instance
	volumes          []ec2types.Volume
	images           []ec2types.Image
	limits           map[string]float64 // own, by code
	defaults         map[string]float64
	profiles         []types.FargateProfile

	now       time.Time
	refreshed bool // a refresh was asked for
	polls     int  // how often it is still in progress
	listed    bool // insights were listed
	early     bool // ... before the refresh had ended
}

func (c *cloud) Now() time.Time { return c.now }

func (c *cloud) AfterFunc(d time.Duration, f func()) func() bool {
	c.now = c.now.Add(d)
	go f()
	return func() bool { return false }
}

func (c *cloud) StartInsightsRefresh(context.Context, *eks.StartInsightsRefreshInput, ...func(*eks.Options)) (*eks.StartInsightsRefreshOutput, error) {
	c.refreshed = true
	return &eks.StartInsightsRefreshOutput{Status: types.InsightsRefreshStatusInProgress}, c.errors["StartInsightsRefresh"]
}

func (c *cloud) DescribeInsightsRefresh(context.Context, *eks.DescribeInsightsRefreshInput, ...func(*eks.Options)) (*eks.DescribeInsightsRefreshOutput, error) {
	out := &eks.DescribeInsightsRefreshOutput{Status: types.InsightsRefreshStatusCompleted, StartedAt: &noon, EndedAt: &noon}
	c.early = c.early || c.listed
	if c.polls--; c.polls >= 0 {
		out.Status, out.EndedAt = types.InsightsRefreshStatusInProgress, nil
	}
	return out, c.errors["DescribeInsightsRefresh"]
}

func (c *cloud) ListFargateProfiles(_ context.Context, in *eks.ListFargateProfilesInput, _ ...func(*eks.Options)) (*eks.ListFargateProfilesOutput, error) {
	var names []string
	for _, p := range c.profiles {
		names = append(names, *p.FargateProfileName)
	}
	items, next := page(names, in.NextToken)
	return &eks.ListFargateProfilesOutput{FargateProfileNames: items, NextToken: next}, c.errors["ListFargateProfiles"]
}

func (c *cloud) DescribeFargateProfile(_ context.Context, in *eks.DescribeFargateProfileInput, _ ...func(*eks.Options)) (*eks.DescribeFargateProfileOutput, error) {
	i := slices.IndexFunc(c.profiles, func(p types.FargateProfile) bool { return *p.FargateProfileName == *in.FargateProfileName })
	return &eks.DescribeFargateProfileOutput{FargateProfile: &c.profiles[i]}, c.errors["DescribeFargateProfile"]
}

func (c *cloud) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	var all []scaling.AutoScalingGroup
	for _, g := range c.scalingGroups {
		if slices.ContainsFunc(g.Tags, func(t scaling.TagDescription) bool {
			return *in.Filters[0].Name == "tag-key" && slices.Contains(in.Filters[0].Values, *t.Key)
		}) {
			all = append(all, g)
		}
	}
	items, next := page(all, in.NextToken)
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: items, NextToken: next}, c.errors["DescribeAutoScalingGroups"]
}

func (c *cloud) DescribeLaunchConfigurations(_ context.Context, in *autoscaling.DescribeLaunchConfigurationsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeLaunchConfigurationsOutput, error) {
	all := slices.DeleteFunc(slices.Clone(c.configurations), func(l scaling.LaunchConfiguration) bool {
		return !slices.Contains(in.LaunchConfigurationNames, *l.LaunchConfigurationName)
	})
	items, next := page(all, in.NextToken)
	return &autoscaling.DescribeLaunchConfigurationsOutput{LaunchConfigurations: items, NextToken: next}, c.errors["DescribeLaunchConfigurations"]
}

func (c *cloud) DescribeLaunchTemplates(_ context.Context, in *ec2.DescribeLaunchTemplatesInput, _ ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error) {
	t, ok := c.templates[in.LaunchTemplateIds[0]]
	if !ok {
		return nil, &smithy.GenericAPIError{Code: "InvalidLaunchTemplateId.NotFound"}
	}
	return &ec2.DescribeLaunchTemplatesOutput{LaunchTemplates: []ec2types.LaunchTemplate{t}}, c.errors["DescribeLaunchTemplates"]
}

func (c *cloud) DescribeLaunchTemplateVersions(_ context.Context, in *ec2.DescribeLaunchTemplateVersionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error) {
	t := c.templates[*in.LaunchTemplateId]
	var all []ec2types.LaunchTemplateVersion
	for _, v := range c.templateVersions[*in.LaunchTemplateId] {
		for _, want := range in.Versions { // EC2 repeats one that is asked for by two names
			if want == strconv.FormatInt(*v.VersionNumber, 10) || want == "$Default" && *v.VersionNumber == *t.DefaultVersionNumber || want == "$Latest" && *v.VersionNumber == *t.LatestVersionNumber {
				all = append(all, v)
			}
		}
	}
	items, next := page(all, in.NextToken)
	return &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: items, NextToken: next}, c.errors["DescribeLaunchTemplateVersions"]
}

func (c *cloud) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	items, next := page(c.instances, in.NextToken)
	return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: items}}, NextToken: next}, c.errors["DescribeInstances"]
}

func (c *cloud) DescribeVolumes(_ context.Context, in *ec2.DescribeVolumesInput, _ ...func(*ec2.Options)) (*ec2.DescribeVolumesOutput, error) {
	items, next := page(c.volumes, in.NextToken)
	return &ec2.DescribeVolumesOutput{Volumes: items, NextToken: next}, c.errors["DescribeVolumes"]
}

func (c *cloud) DescribeInstanceTypes(_ context.Context, in *ec2.DescribeInstanceTypesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error) {
	var all []ec2types.InstanceTypeInfo
	for _, name := range in.Filters[0].Values {
		if name != "gone.large" {
			all = append(all, ec2types.InstanceTypeInfo{InstanceType: ec2types.InstanceType(name), VCpuInfo: &ec2types.VCpuInfo{DefaultVCpus: aws.Int32(2)}, MemoryInfo: &ec2types.MemoryInfo{SizeInMiB: aws.Int64(8192)},
				ProcessorInfo: &ec2types.ProcessorInfo{SupportedArchitectures: []ec2types.ArchitectureType{ec2types.ArchitectureTypeX8664}},
				NetworkInfo:   &ec2types.NetworkInfo{MaximumNetworkInterfaces: aws.Int32(3), Ipv4AddressesPerInterface: aws.Int32(10)}})
		}
	}
	items, next := page(all, in.NextToken)
	return &ec2.DescribeInstanceTypesOutput{InstanceTypes: items, NextToken: next}, c.errors["DescribeInstanceTypes"]
}

func (c *cloud) DescribeImages(_ context.Context, in *ec2.DescribeImagesInput, _ ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error) {
	all := slices.DeleteFunc(slices.Clone(c.images), func(i ec2types.Image) bool { return !slices.Contains(in.Filters[0].Values, *i.ImageId) })
	items, next := page(all, in.NextToken)
	return &ec2.DescribeImagesOutput{Images: items, NextToken: next}, c.errors["DescribeImages"]
}

func (c *cloud) GetServiceQuota(_ context.Context, in *servicequotas.GetServiceQuotaInput, _ ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error) {
	limit, ok := c.limits[*in.QuotaCode]
	if !ok && c.errors["GetServiceQuota"] == nil {
		return nil, &quotatypes.NoSuchResourceException{}
	}
	return &servicequotas.GetServiceQuotaOutput{Quota: &quotatypes.ServiceQuota{QuotaName: aws.String("own " + *in.QuotaCode), Value: &limit}}, c.errors["GetServiceQuota"]
}

func (c *cloud) GetAWSDefaultServiceQuota(_ context.Context, in *servicequotas.GetAWSDefaultServiceQuotaInput, _ ...func(*servicequotas.Options)) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error) {
	limit := c.defaults[*in.QuotaCode]
	return &servicequotas.GetAWSDefaultServiceQuotaOutput{Quota: &quotatypes.ServiceQuota{QuotaName: aws.String("default " + *in.QuotaCode), Value: &limit}}, c.errors["GetAWSDefaultServiceQuota"]
}

func tagged(id, kind string, spot bool, tags ...string) ec2types.Instance {
	i := ec2types.Instance{InstanceId: &id, InstanceType: ec2types.InstanceType(kind), ImageId: aws.String("ami-" + id), SubnetId: aws.String("subnet-a"), LaunchTime: &noon,
		Placement: &ec2types.Placement{AvailabilityZone: aws.String("eu-west-1a")}, CpuOptions: &ec2types.CpuOptions{CoreCount: aws.Int32(2), ThreadsPerCore: aws.Int32(2)}}
	if spot {
		i.InstanceLifecycle = ec2types.InstanceLifecycleTypeSpot
	}
	for n := 0; n < len(tags); n += 2 {
		i.Tags = append(i.Tags, ec2types.Tag{Key: &tags[n], Value: &tags[n+1]})
	}
	return i
}

func newMachines() machines {
	const owned = "kubernetes.io/cluster/shop"
	asg := func(key, value string) []scaling.TagDescription {
		return []scaling.TagDescription{{Key: &key, Value: &value}}
	}
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n/etc/eks/bootstrap.sh shop --kubelet-extra-args '--max-pods=20'\nexport TOKEN=hunter2\n"))
	return machines{
		now: noon,
		scalingGroups: []scaling.AutoScalingGroup{
			{AutoScalingGroupName: aws.String("self"), Tags: asg(owned, "owned"), MinSize: aws.Int32(1), MaxSize: aws.Int32(3), DesiredCapacity: aws.Int32(2), VPCZoneIdentifier: aws.String("subnet-a, subnet-c"),
				LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: aws.String("1")}, SuspendedProcesses: []scaling.SuspendedProcess{{ProcessName: aws.String("Launch")}},
				Instances: []scaling.Instance{{HealthStatus: aws.String("Healthy"), LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1")}}, {HealthStatus: aws.String("Unhealthy")}}},
			{AutoScalingGroupName: aws.String("old"), Tags: asg("k8s.io/cluster-autoscaler/shop", ""), LaunchConfigurationName: aws.String("lc")},
			{AutoScalingGroupName: aws.String("mixed"), Tags: asg(owned, "owned"), MixedInstancesPolicy: &scaling.MixedInstancesPolicy{LaunchTemplate: &scaling.LaunchTemplate{
				LaunchTemplateSpecification: &scaling.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-gone")}, Overrides: []scaling.LaunchTemplateOverrides{{InstanceType: aws.String("g5.xlarge")}, {InstanceType: aws.String("gone.large")}}}}},
			{AutoScalingGroupName: aws.String("eks-general"), Tags: slices.Concat(asg(owned, "owned"), asg("eks:nodegroup-name", "general")), LaunchTemplate: &scaling.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-of-eks")}},
			{AutoScalingGroupName: aws.String("another"), Tags: asg("kubernetes.io/cluster/other", "owned")},
		},
		configurations: []scaling.LaunchConfiguration{{LaunchConfigurationName: aws.String("lc"), ImageId: aws.String("ami-al2"), InstanceType: aws.String("m5.large"), UserData: &data}},
		templates:      map[string]ec2types.LaunchTemplate{"lt-1": {LaunchTemplateId: aws.String("lt-1"), LaunchTemplateName: aws.String("workers"), DefaultVersionNumber: aws.Int64(2), LatestVersionNumber: aws.Int64(3)}},
		templateVersions: map[string][]ec2types.LaunchTemplateVersion{"lt-1": {{VersionNumber: aws.Int64(1), LaunchTemplateData: &ec2types.ResponseLaunchTemplateData{ImageId: aws.String("ami-al2"), UserData: &data,
			BlockDeviceMappings: []ec2types.LaunchTemplateBlockDeviceMapping{{Ebs: &ec2types.LaunchTemplateEbsBlockDevice{VolumeType: ec2types.VolumeTypeGp3, VolumeSize: aws.Int32(80)}}}}}, {VersionNumber: aws.Int64(2)}, {VersionNumber: aws.Int64(3)}, {VersionNumber: aws.Int64(4)}}},
		instances: []ec2types.Instance{tagged("1", "m7i.large", false, "eks:cluster-name", "shop", "eks:nodegroup-name", "general", "aws:ec2launchtemplate:id", "lt-of-eks", "aws:ec2launchtemplate:version", "2"),
			tagged("2", "g5.xlarge", true, owned, "owned", "karpenter.sh/nodepool", "gpu"), tagged("3", "c7g.large", false, "eks:eks-cluster-name", "shop", "eks:kubernetes-node-pool-name", "system"),
			tagged("4", "t3.large", false, owned, "owned", "aws:autoscaling:groupName", "self"), tagged("5", "inf2.xlarge", false, "kubernetes.io/cluster/other", "owned"), tagged("6", "m5.large", false)},
		volumes:  []ec2types.Volume{{VolumeType: ec2types.VolumeTypeGp3, Size: aws.Int32(1024)}, {VolumeType: ec2types.VolumeTypeGp3, Size: aws.Int32(512)}, {VolumeType: ec2types.VolumeTypeGp2, Size: aws.Int32(256)}},
		images:   []ec2types.Image{{ImageId: aws.String("ami-al2"), Name: aws.String("amazon-eks-node-1.32-v20251101"), ImageOwnerAlias: aws.String("amazon"), Architecture: ec2types.ArchitectureValuesX8664, CreationDate: aws.String("2026-08-01T12:00:00.000Z")}, {ImageId: aws.String("ami-1"), Name: aws.String("ours"), OwnerId: aws.String("123456789012")}},
		limits:   map[string]float64{"L-1216C47A": 64},
		defaults: map[string]float64{"L-7A658B76": 50, "L-D18FCD1D": 50},
		profiles: []types.FargateProfile{{FargateProfileName: aws.String("batch"), Status: types.FargateProfileStatusActive, Subnets: []string{"subnet-b"}, Selectors: []types.FargateProfileSelector{{Namespace: aws.String("batch")}}}},
	}
}
