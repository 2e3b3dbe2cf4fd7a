package awsstate

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"golang.org/x/mod/semver"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// groups describes all managed node groups or errs: half of them would make a
// green cluster with half of the nodes.
func (c *Collector) groups(ctx context.Context, cluster string) ([]upgrade.NodeGroup, error) {
	names := []string{}
	pages := eks.NewListNodegroupsPaginator(c.nodeGroups, &eks.ListNodegroupsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list node groups", err)
		}
		names = append(names, page.Nodegroups...)
	}
	slices.Sort(names)
	return partial.Each(ctx, parallel, names, func(ctx context.Context, name string) (upgrade.NodeGroup, error) {
		out, err := c.nodeGroups.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
		if err != nil {
			return upgrade.NodeGroup{}, awserr.Wrap("describe node group "+name, err)
		}
		return nodeGroup(out.Nodegroup)
	})
}

func nodeGroup(from *types.Nodegroup) (upgrade.NodeGroup, error) {
	group := upgrade.NodeGroup{
		Name: aws.ToString(from.NodegroupName), Status: string(from.Status), AMIType: string(from.AmiType), CapacityType: string(from.CapacityType),
		InstanceTypes: from.InstanceTypes, RoleARN: aws.ToString(from.NodeRole), Subnets: from.Subnets, Labels: from.Labels,
	}
	// A group whose launch template names an AMI has no version of its own; its
	// nodes tell theirs.
	if from.Version != nil {
		version, err := upgrade.ParseVersion(*from.Version)
		if err != nil {
			return group, upgrade.KindSourceUnreadable.Errorf("describe node group "+group.Name, "%w", err)
		}
		group.Version = version
	}
	if s := from.ScalingConfig; s != nil {
		group.Min, group.Max, group.Desired = int(aws.ToInt32(s.MinSize)), int(aws.ToInt32(s.MaxSize)), int(aws.ToInt32(s.DesiredSize))
	}
	for _, t := range from.Taints {
		group.Taints = append(group.Taints, upgrade.Taint{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value), Effect: string(t.Effect)})
	}
	if from.Health != nil {
		for _, i := range from.Health.Issues {
			group.Health = append(group.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
		}
	}
	return group, nil
}

// installed describes all add-ons with what EKS offers of each for the
// versions, or errs.
func (c *Collector) installed(ctx context.Context, cluster string, versions []upgrade.Version) ([]upgrade.Addon, error) {
	names := []string{}
	pages := eks.NewListAddonsPaginator(c.addons, &eks.ListAddonsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list add-ons", err)
		}
		names = append(names, page.Addons...)
	}
	slices.Sort(names)
	return partial.Each(ctx, parallel, names, func(ctx context.Context, name string) (upgrade.Addon, error) {
		out, err := c.addons.DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: &cluster, AddonName: &name})
		if err != nil {
			return upgrade.Addon{}, awserr.Wrap("describe add-on "+name, err)
		}
		from := out.Addon
		addon := upgrade.Addon{Name: name, Version: aws.ToString(from.AddonVersion), Status: string(from.Status),
			RoleARN: aws.ToString(from.ServiceAccountRoleArn), Configuration: aws.ToString(from.ConfigurationValues), Compatible: map[string]upgrade.AddonChoice{}}
		if from.Health != nil {
			for _, i := range from.Health.Issues {
				addon.Health = append(addon.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
			}
		}
		for _, v := range versions {
			if addon.Compatible[v.String()], err = c.offered(ctx, name, v); err != nil {
				return upgrade.Addon{}, err
			}
		}
		return addon, nil
	})
}

// offered returns the versions of an add-on for a Kubernetes version, the
// newest first; none when EKS offers none.
func (c *Collector) offered(ctx context.Context, addon string, version upgrade.Version) (upgrade.AddonChoice, error) {
	choice := upgrade.AddonChoice{Versions: []string{}}
	pages := eks.NewDescribeAddonVersionsPaginator(c.addons, &eks.DescribeAddonVersionsInput{AddonName: &addon, KubernetesVersion: aws.String(version.String())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return choice, awserr.Wrap("list the versions of add-on "+addon, err)
		}
		for _, info := range page.Addons {
			for _, v := range info.AddonVersions {
				for _, compatible := range v.Compatibilities {
					if aws.ToString(compatible.ClusterVersion) != version.String() {
						continue
					}
					choice.Versions = append(choice.Versions, aws.ToString(v.AddonVersion))
					if compatible.DefaultVersion {
						choice.Default = aws.ToString(v.AddonVersion)
					}
					break
				}
			}
		}
	}
	slices.SortFunc(choice.Versions, func(a, b string) int { return cmp.Or(semver.Compare(b, a), cmp.Compare(b, a)) })
	choice.Versions = slices.Compact(choice.Versions)
	return choice, nil
}

// readiness returns EKS's upgrade insights; those that do not pass with their
// recommendation.
func (c *Collector) readiness(ctx context.Context, cluster string) ([]upgrade.Insight, error) {
	summaries := []types.InsightSummary{}
	pages := eks.NewListInsightsPaginator(c.insights, &eks.ListInsightsInput{ClusterName: &cluster,
		Filter: &types.InsightsFilter{Categories: []types.Category{types.CategoryUpgradeReadiness}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list insights", err)
		}
		summaries = append(summaries, page.Insights...)
	}
	return partial.Each(ctx, parallel, summaries, func(ctx context.Context, from types.InsightSummary) (upgrade.Insight, error) {
		insight := upgrade.Insight{ID: aws.ToString(from.Id), Name: aws.ToString(from.Name), Category: string(from.Category),
			Status: string(types.InsightStatusValueUnknown), RefreshedAt: instant(from.LastRefreshTime)}
		if from.InsightStatus != nil {
			insight.Status, insight.Reason = string(from.InsightStatus.Status), aws.ToString(from.InsightStatus.Reason)
		}
		op := "describe insight " + insight.Name
		if from.KubernetesVersion != nil {
			version, err := upgrade.ParseVersion(*from.KubernetesVersion)
			if err != nil {
				return insight, upgrade.KindSourceUnreadable.Errorf(op, "%w", err)
			}
			insight.Version = version
		}
		if insight.Status == string(types.InsightStatusValuePassing) {
			return insight, nil
		}
		out, err := c.insights.DescribeInsight(ctx, &eks.DescribeInsightInput{ClusterName: &cluster, Id: from.Id})
		if err != nil {
			return insight, awserr.Wrap(op, err)
		}
		if out.Insight != nil {
			insight.Recommendation = aws.ToString(out.Insight.Recommendation)
		}
		return insight, nil
	})
}
