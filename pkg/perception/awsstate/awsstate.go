// Package awsstate perceives a cluster as EKS and EC2 describe it.
package awsstate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
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

// AddonAPI describes add-ons and what EKS offers of them.
type AddonAPI interface {
	ListAddons(context.Context, *eks.ListAddonsInput, ...func(*eks.Options)) (*eks.ListAddonsOutput, error)
	DescribeAddon(context.Context, *eks.DescribeAddonInput, ...func(*eks.Options)) (*eks.DescribeAddonOutput, error)
	DescribeAddonVersions(context.Context, *eks.DescribeAddonVersionsInput, ...func(*eks.Options)) (*eks.DescribeAddonVersionsOutput, error)
}

// InsightAPI describes what EKS itself thinks of an upgrade.
type InsightAPI interface {
	ListInsights(context.Context, *eks.ListInsightsInput, ...func(*eks.Options)) (*eks.ListInsightsOutput, error)
	DescribeInsight(context.Context, *eks.DescribeInsightInput, ...func(*eks.Options)) (*eks.DescribeInsightOutput, error)
}

// SubnetAPI describes subnets.
type SubnetAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
}

// Collector looks at EKS and EC2.
type Collector struct {
	clusters   ClusterAPI
	nodeGroups NodeGroupAPI
	addons     AddonAPI
	insights   InsightAPI
	subnets    SubnetAPI
}

// New returns the collector; *eks.Client and *ec2.Client satisfy it.
func New(eks interface {
	ClusterAPI
	NodeGroupAPI
	AddonAPI
	InsightAPI
}, ec2 SubnetAPI) *Collector {
	return &Collector{clusters: eks, nodeGroups: eks, addons: eks, insights: eks, subnets: ec2}
}

// parallel calls stay well below the rates of EKS's API, which are shared by
// the whole account.
const parallel = 4

// Collect implements perception.Collector. A cluster that does not exist is
// NotFound. A part that may not be seen is left nil and named in NotChecked.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	cluster := in.Run.Request.Cluster
	state, err := c.cluster(ctx, cluster)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	versions := slices.Compact([]upgrade.Version{state.Version, in.Run.Request.Target})
	var subnets []string
	for _, s := range state.Subnets {
		subnets = append(subnets, s.ID)
	}
	parts := []part{
		{"node groups", func(ctx context.Context) (err error) { state.NodeGroups, err = c.groups(ctx, cluster); return }},
		{"add-ons", func(ctx context.Context) (err error) {
			state.Addons, err = c.installed(ctx, cluster, versions)
			return
		}},
		{"insights", func(ctx context.Context) (err error) { state.Insights, err = c.readiness(ctx, cluster); return }},
		{"versions that EKS offers", func(ctx context.Context) (err error) { state.Available, err = c.available(ctx); return }},
		{"free IP addresses of the subnets", func(ctx context.Context) (err error) { state.Subnets, err = c.describe(ctx, subnets); return }},
	}
	unseen, err := partial.Each(ctx, parallel, parts, look)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	snapshot := upgrade.Snapshot{AWS: &state}
	for _, u := range unseen {
		if u != (upgrade.NotChecked{}) {
			snapshot.NotChecked = append(snapshot.NotChecked, u)
		}
	}
	summary := fmt.Sprintf("EKS %s %s, %d node groups, %d add-ons, %d insights", state.Version, state.Status, len(state.NodeGroups), len(state.Addons), len(state.Insights))
	return snapshot, summary, nil
}

// part is one thing to look at beside the cluster itself; each writes to a
// field of its own.
type part struct {
	what string
	look func(context.Context) error
}

func look(ctx context.Context, p part) (upgrade.NotChecked, error) {
	if err := p.look(ctx); err != nil {
		return partial.Unseen(p.what, err)
	}
	return upgrade.NotChecked{}, nil
}

func (c *Collector) cluster(ctx context.Context, name string) (upgrade.ClusterState, error) {
	op := "describe cluster " + name
	out, err := c.clusters.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if awserr.Is(err, "ResourceNotFoundException") {
		return upgrade.ClusterState{}, upgrade.KindClusterNotFound.Field(op, "cluster", fmt.Sprintf("EKS knows no cluster %q in this account and region", name),
			"correct the name, or run in the cluster's account and region")
	}
	if err != nil {
		return upgrade.ClusterState{}, awserr.Wrap(op, err)
	}
	from := out.Cluster
	version, err := upgrade.ParseVersion(aws.ToString(from.Version))
	if err != nil {
		return upgrade.ClusterState{}, upgrade.KindSourceUnreadable.Errorf(op, "%w", err)
	}
	state := upgrade.ClusterState{
		Name: name, ARN: aws.ToString(from.Arn), Version: version, PlatformVersion: aws.ToString(from.PlatformVersion),
		Status: string(from.Status), RoleARN: aws.ToString(from.RoleArn), Tags: from.Tags,
	}
	if vpc := from.ResourcesVpcConfig; vpc != nil {
		state.VPC, state.SecurityGroups = aws.ToString(vpc.VpcId), vpc.SecurityGroupIds
		for _, id := range vpc.SubnetIds {
			state.Subnets = append(state.Subnets, upgrade.Subnet{ID: id})
		}
	}
	if from.Health != nil {
		for _, i := range from.Health.Issues {
			state.Health = append(state.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
		}
	}
	return state, nil
}

func (c *Collector) available(ctx context.Context) ([]upgrade.AvailableVersion, error) {
	found := []upgrade.AvailableVersion{}
	pages := eks.NewDescribeClusterVersionsPaginator(c.clusters, &eks.DescribeClusterVersionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list the versions that EKS offers", err)
		}
		for _, v := range page.ClusterVersions {
			version, err := upgrade.ParseVersion(aws.ToString(v.ClusterVersion))
			if err != nil {
				return nil, upgrade.KindSourceUnreadable.Errorf("list the versions that EKS offers", "%w", err)
			}
			found = append(found, upgrade.AvailableVersion{Version: version, Status: versionStatus(v),
				EndOfStandard: instant(v.EndOfStandardSupportDate), EndOfExtended: instant(v.EndOfExtendedSupportDate)})
		}
	}
	return found, nil
}

// versionStatus prefers the field that replaced the other, older one, which
// spells the same in lower case with hyphens.
func versionStatus(v types.ClusterVersionInformation) string {
	if v.VersionStatus != "" {
		return string(v.VersionStatus)
	}
	return strings.ToUpper(strings.ReplaceAll(string(v.Status), "-", "_"))
}

func (c *Collector) describe(ctx context.Context, ids []string) ([]upgrade.Subnet, error) {
	op := "describe the cluster's subnets"
	found := []upgrade.Subnet{}
	if len(ids) == 0 {
		return found, nil // without ids EC2 would describe all subnets
	}
	pages := ec2.NewDescribeSubnetsPaginator(c.subnets, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap(op, err)
		}
		for _, s := range page.Subnets {
			if s.AvailableIpAddressCount == nil {
				return nil, upgrade.KindSourceUnreadable.Errorf(op, "EC2 does not say how many addresses are free in %s", aws.ToString(s.SubnetId))
			}
			found = append(found, upgrade.Subnet{ID: aws.ToString(s.SubnetId), Zone: aws.ToString(s.AvailabilityZone), FreeIPs: int(*s.AvailableIpAddressCount)})
		}
	}
	if len(found) != len(ids) {
		return nil, upgrade.KindSubnetMissing.Errorf(op, "EC2 describes %d of the %d subnets", len(found), len(ids)).
			WithRemedy("give the cluster subnets that exist")
	}
	slices.SortFunc(found, func(a, b upgrade.Subnet) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

func instant(t *time.Time) upgrade.Time {
	if t == nil {
		return upgrade.Time{}
	}
	return upgrade.At(*t)
}
