// Package awsstate perceives a cluster as AWS describes it: EKS, EC2, EC2 Auto
// Scaling and Service Quotas. It asks for a refresh of EKS's insights and changes
// nothing else.
package awsstate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// ClusterAPI describes the cluster and the versions that EKS offers.
type ClusterAPI interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	DescribeClusterVersions(context.Context, *eks.DescribeClusterVersionsInput, ...func(*eks.Options)) (*eks.DescribeClusterVersionsOutput, error)
}

// NodeGroupAPI describes managed node groups.
type NodeGroupAPI interface {
	ListNodegroups(context.Context, *eks.ListNodegroupsInput, ...func(*eks.Options)) (*eks.ListNodegroupsOutput, error)
	DescribeNodegroup(context.Context, *eks.DescribeNodegroupInput, ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error)
}

// FargateAPI describes Fargate profiles.
type FargateAPI interface {
	ListFargateProfiles(context.Context, *eks.ListFargateProfilesInput, ...func(*eks.Options)) (*eks.ListFargateProfilesOutput, error)
	DescribeFargateProfile(context.Context, *eks.DescribeFargateProfileInput, ...func(*eks.Options)) (*eks.DescribeFargateProfileOutput, error)
}

// AddonAPI describes add-ons and what EKS offers of them.
type AddonAPI interface {
	ListAddons(context.Context, *eks.ListAddonsInput, ...func(*eks.Options)) (*eks.ListAddonsOutput, error)
	DescribeAddon(context.Context, *eks.DescribeAddonInput, ...func(*eks.Options)) (*eks.DescribeAddonOutput, error)
	DescribeAddonVersions(context.Context, *eks.DescribeAddonVersionsInput, ...func(*eks.Options)) (*eks.DescribeAddonVersionsOutput, error)
}

// InsightAPI tells what EKS itself thinks of an upgrade.
type InsightAPI interface {
	ListInsights(context.Context, *eks.ListInsightsInput, ...func(*eks.Options)) (*eks.ListInsightsOutput, error)
	DescribeInsight(context.Context, *eks.DescribeInsightInput, ...func(*eks.Options)) (*eks.DescribeInsightOutput, error)
	StartInsightsRefresh(context.Context, *eks.StartInsightsRefreshInput, ...func(*eks.Options)) (*eks.StartInsightsRefreshOutput, error)
	DescribeInsightsRefresh(context.Context, *eks.DescribeInsightsRefreshInput, ...func(*eks.Options)) (*eks.DescribeInsightsRefreshOutput, error)
}

// TemplateAPI describes launch templates.
type TemplateAPI interface {
	DescribeLaunchTemplates(context.Context, *ec2.DescribeLaunchTemplatesInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplatesOutput, error)
	DescribeLaunchTemplateVersions(context.Context, *ec2.DescribeLaunchTemplateVersionsInput, ...func(*ec2.Options)) (*ec2.DescribeLaunchTemplateVersionsOutput, error)
}

// InstanceAPI describes instances, their volumes, types and images.
type InstanceAPI interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
	DescribeVolumes(context.Context, *ec2.DescribeVolumesInput, ...func(*ec2.Options)) (*ec2.DescribeVolumesOutput, error)
	DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error)
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
}

// SubnetAPI describes subnets.
type SubnetAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
}

// ScalingAPI describes Auto Scaling groups.
type ScalingAPI interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	DescribeLaunchConfigurations(context.Context, *autoscaling.DescribeLaunchConfigurationsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeLaunchConfigurationsOutput, error)
}

// QuotaAPI tells quotas.
type QuotaAPI interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
	GetAWSDefaultServiceQuota(context.Context, *servicequotas.GetAWSDefaultServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error)
}

// EKS is what is asked of EKS; *eks.Client satisfies it.
type EKS interface {
	ClusterAPI
	NodeGroupAPI
	FargateAPI
	AddonAPI
	InsightAPI
}

// EC2 is what is asked of EC2; *ec2.Client satisfies it.
type EC2 interface {
	TemplateAPI
	InstanceAPI
	SubnetAPI
}

// Collector looks at AWS.
type Collector struct {
	clusters   ClusterAPI
	nodeGroups NodeGroupAPI
	fargate    FargateAPI
	addons     AddonAPI
	insights   InsightAPI
	templates  TemplateAPI
	instances  InstanceAPI
	subnets    SubnetAPI
	scaling    ScalingAPI
	quotas     QuotaAPI
	clock      clock.Clock
}

// New returns the collector. The clock measures how long a refresh of insights
// is waited for.
func New(eks EKS, ec2 EC2, scaling ScalingAPI, quotas QuotaAPI, c clock.Clock) *Collector {
	return &Collector{clusters: eks, nodeGroups: eks, fargate: eks, addons: eks, insights: eks,
		templates: ec2, instances: ec2, subnets: ec2, scaling: scaling, quotas: quotas, clock: c}
}

// parallel calls stay well below the rates of AWS's APIs, which are shared by
// the whole account.
const parallel = 4

// Collect implements perception.Collector. A cluster that does not exist is
// NotFound. A part that may not be seen is left nil and named in NotChecked.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	state, err := c.cluster(ctx, in.Run.Request.Cluster)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	l := look{Collector: c, state: &state, versions: versions(state.Version, in.Run.Request.Target), controlPlane: state.Subnets}
	if err := l.all(ctx); err != nil {
		return upgrade.Snapshot{}, "", err
	}
	summary := fmt.Sprintf("EKS %s %s, %d node groups, %d self-managed groups, %d instances, %d add-ons, %d insights", state.Version, state.Status, len(state.NodeGroups),
		selfManaged(state.ScalingGroups), len(state.Instances), len(state.Addons), len(state.Insights))
	return upgrade.Snapshot{AWS: &state, NotChecked: l.notChecked}, summary, nil
}

// versions are those that the cluster passes through, the running one first. A
// target that cannot be reached is looked at by itself: a check says so.
func versions(from, target upgrade.Version) []upgrade.Version {
	hops, err := upgrade.Hops(from, target)
	if err != nil {
		return slices.Compact([]upgrade.Version{from, target})
	}
	all := []upgrade.Version{from}
	for _, h := range hops {
		all = append(all, h.To)
	}
	return all
}

func selfManaged(groups []upgrade.AutoScalingGroup) int {
	n := 0
	for _, g := range groups {
		if g.NodeGroup == "" {
			n++
		}
	}
	return n
}

// look is one look at a cluster.
type look struct {
	*Collector
	state        *upgrade.ClusterState
	versions     []upgrade.Version
	controlPlane []upgrade.Subnet // ids only
	usage        *usage           // of the region; nil: not seen
	volumes      map[string]int64 // GiB by type; nil: not seen
	notChecked   []upgrade.NotChecked
}

// part is one thing to look at; each writes to fields of its own.
type part struct {
	id   upgrade.Part
	what string
	look func(context.Context) error
}

// all looks at everything. EKS takes its time over a refresh of the insights, so
// that the rest is looked at meanwhile; what depends on other parts comes after
// them.
func (l *look) all(ctx context.Context) error {
	s, cluster := l.state, l.state.Name
	first := []part{
		{"aws.nodeGroups", "node groups", func(ctx context.Context) (err error) { s.NodeGroups, err = l.groups(ctx, cluster); return }},
		{"aws.addons", "add-ons", func(ctx context.Context) (err error) { s.Addons, err = l.installed(ctx, cluster, l.versions); return }},
		{"aws.available", "versions that EKS offers", func(ctx context.Context) (err error) { s.Available, err = l.available(ctx); return }},
		{"aws.fargateProfiles", "Fargate profiles", func(ctx context.Context) (err error) { s.FargateProfiles, err = l.profiles(ctx, cluster); return }},
		{"aws.autoScalingGroups", "Auto Scaling groups", func(ctx context.Context) (err error) { s.ScalingGroups, err = l.scalingGroups(ctx, cluster); return }},
		{"aws.instances", "instances", func(ctx context.Context) (err error) { s.Instances, l.usage, err = l.running(ctx, cluster); return }},
		{"aws.quotas", "volumes", func(ctx context.Context) (err error) { l.volumes, err = l.disks(ctx); return }},
	}
	second := []part{
		{"aws.launchTemplates", "launch templates", func(ctx context.Context) (err error) { s.LaunchTemplates, err = l.launchTemplates(ctx, s); return }},
		{"aws.subnets", "free IP addresses of the subnets", func(ctx context.Context) (err error) {
			s.Subnets, err = l.describe(ctx, ids(l.controlPlane), nil)
			return
		}},
		{"aws.nodeSubnets", "free IP addresses of the nodes' subnets", func(ctx context.Context) (err error) { s.NodeSubnets, err = l.nodeSubnets(ctx, s); return }},
		{"aws.podNetwork", "the pods' network", func(ctx context.Context) (err error) { s.PodNetwork, err = l.podNetwork(ctx, s); return }},
	}
	third := []part{
		{"aws.images", "images of nodes", func(ctx context.Context) (err error) { s.Images, err = l.images(ctx, s); return }},
		{"aws.instanceTypes", "instance types", func(ctx context.Context) (err error) { s.InstanceTypes, err = l.types(ctx, s); return }},
		{"aws.quotas", "quotas", func(ctx context.Context) (err error) { s.Quotas, err = l.limits(ctx, s); return }},
	}
	slow := []part{{"aws.insights", "insights", func(ctx context.Context) (err error) {
		s.Insights, s.InsightsRefresh, err = l.readiness(ctx, cluster)
		return
	}}}
	unseen, err := partial.Each(ctx, 2, [][][]part{{slow}, {first, second, third}}, func(ctx context.Context, waves [][]part) ([]upgrade.NotChecked, error) {
		var unseen []upgrade.NotChecked
		for _, wave := range waves {
			more, err := partial.Each(ctx, parallel, wave, see)
			if err != nil {
				return nil, err
			}
			unseen = append(unseen, more...)
		}
		return unseen, nil
	})
	if err != nil {
		return err
	}
	for _, u := range slices.Concat(unseen[1], unseen[0]) {
		if u.What != "" {
			l.notChecked = append(l.notChecked, u)
		}
	}
	return nil
}

func see(ctx context.Context, p part) (upgrade.NotChecked, error) {
	err := p.look(ctx)
	if err == nil || errors.Is(err, errSaid) {
		return upgrade.NotChecked{}, nil
	}
	unseen, err := partial.Unseen(p.what, err)
	if err != nil {
		return upgrade.NotChecked{}, err
	}
	unseen.Part = p.id
	return unseen, nil
}

// errSaid is the error of a part that could not be seen because another could
// not, of which that is said already.
var errSaid = upgrade.Detailf("it depends on what could not be seen")

func instant(t *time.Time) upgrade.Time {
	if t == nil {
		return upgrade.Time{}
	}
	return upgrade.At(*t)
}
