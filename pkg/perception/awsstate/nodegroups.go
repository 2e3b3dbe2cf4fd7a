package awsstate

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

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
			return nil, wrap("list node groups", err)
		}
		names = append(names, page.Nodegroups...)
	}
	slices.Sort(names)
	return partial.Each(ctx, parallel, names, func(ctx context.Context, name string) (upgrade.NodeGroup, error) {
		out, err := c.nodeGroups.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
		if err != nil {
			return upgrade.NodeGroup{}, wrap("describe node group "+name, err)
		}
		return nodeGroup(out.Nodegroup)
	})
}

func nodeGroup(from *types.Nodegroup) (upgrade.NodeGroup, error) {
	group := upgrade.NodeGroup{
		Name: aws.ToString(from.NodegroupName), Status: string(from.Status), AMIType: string(from.AmiType), CapacityType: string(from.CapacityType),
		InstanceTypes: from.InstanceTypes, DiskGiB: int(aws.ToInt32(from.DiskSize)), RoleARN: aws.ToString(from.NodeRole), Subnets: from.Subnets, Labels: from.Labels,
		ReleaseVersion: aws.ToString(from.ReleaseVersion), WarmPool: from.WarmPoolConfig != nil && aws.ToBool(from.WarmPoolConfig.Enabled),
	}
	if t := from.LaunchTemplate; t != nil {
		group.Template = &upgrade.TemplateUse{ID: aws.ToString(t.Id), Name: aws.ToString(t.Name), Version: aws.ToString(t.Version)}
	}
	if u := from.UpdateConfig; u != nil {
		group.Update = upgrade.NodeUpdate{MaxUnavailable: int(aws.ToInt32(u.MaxUnavailable)), MaxUnavailablePercent: int(aws.ToInt32(u.MaxUnavailablePercentage)), Strategy: string(u.UpdateStrategy)}
	}
	if from.Resources != nil {
		for _, g := range from.Resources.AutoScalingGroups {
			group.ScalingGroups = append(group.ScalingGroups, aws.ToString(g.Name))
		}
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
