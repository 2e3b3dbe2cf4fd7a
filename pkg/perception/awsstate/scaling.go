package awsstate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/nodeconfig"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// scalingGroups lists the Auto Scaling groups whose nodes join the cluster: their
// nodes need the tag kubernetes.io/cluster/NAME, or else the autoscaler's tag
// k8s.io/cluster-autoscaler/NAME shows to which cluster they belong. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/worker.html
func (c *Collector) scalingGroups(ctx context.Context, cluster string) ([]upgrade.AutoScalingGroup, error) {
	groups := []upgrade.AutoScalingGroup{}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(c.scaling, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(100),
		Filters: []types.Filter{{Name: aws.String("tag-key"), Values: []string{"kubernetes.io/cluster/" + cluster, "k8s.io/cluster-autoscaler/" + cluster}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list Auto Scaling groups", err)
		}
		for _, g := range page.AutoScalingGroups {
			groups = append(groups, scalingGroup(g))
		}
	}
	slices.SortFunc(groups, func(a, b upgrade.AutoScalingGroup) int { return cmp.Compare(a.Name, b.Name) })
	if err := c.launchConfigurations(ctx, groups); err != nil {
		return nil, err
	}
	return groups, nil
}

func scalingGroup(from types.AutoScalingGroup) upgrade.AutoScalingGroup {
	group := upgrade.AutoScalingGroup{Name: aws.ToString(from.AutoScalingGroupName), Min: int(aws.ToInt32(from.MinSize)), Max: int(aws.ToInt32(from.MaxSize)), Desired: int(aws.ToInt32(from.DesiredCapacity)),
		LaunchConfiguration: aws.ToString(from.LaunchConfigurationName), WarmPool: from.WarmPoolConfiguration != nil, Template: template(from.LaunchTemplate)}
	for _, t := range from.Tags {
		if aws.ToString(t.Key) == "eks:nodegroup-name" {
			group.NodeGroup = aws.ToString(t.Value)
		}
	}
	for id := range strings.SplitSeq(aws.ToString(from.VPCZoneIdentifier), ",") {
		if id = strings.TrimSpace(id); id != "" {
			group.Subnets = append(group.Subnets, id)
		}
	}
	for _, p := range from.SuspendedProcesses {
		group.Suspended = append(group.Suspended, aws.ToString(p.ProcessName))
	}
	if m := from.MixedInstancesPolicy; m != nil && m.LaunchTemplate != nil {
		group.Template = template(m.LaunchTemplate.LaunchTemplateSpecification)
		for _, o := range m.LaunchTemplate.Overrides {
			if o.InstanceType != nil {
				group.InstanceTypes = append(group.InstanceTypes, *o.InstanceType)
			}
		}
	}
	for _, i := range from.Instances {
		if aws.ToString(i.HealthStatus) == "Unhealthy" {
			group.Unhealthy++
		}
		if from.LaunchConfigurationName != nil && aws.ToString(i.LaunchConfigurationName) != *from.LaunchConfigurationName ||
			group.Template != nil && (i.LaunchTemplate == nil || aws.ToString(i.LaunchTemplate.LaunchTemplateId) != group.Template.ID) {
			group.Outdated++ // of another version of the same template: the template says
		}
	}
	return group
}

func template(from *types.LaunchTemplateSpecification) *upgrade.TemplateUse {
	if from == nil {
		return nil
	}
	return &upgrade.TemplateUse{ID: aws.ToString(from.LaunchTemplateId), Name: aws.ToString(from.LaunchTemplateName), Version: aws.ToString(from.Version)}
}

// launchConfigurations adds what the groups' launch configurations say.
func (c *Collector) launchConfigurations(ctx context.Context, groups []upgrade.AutoScalingGroup) error {
	var names []string
	for _, g := range groups {
		if g.LaunchConfiguration != "" && !slices.Contains(names, g.LaunchConfiguration) {
			names = append(names, g.LaunchConfiguration)
		}
	}
	for some := range slices.Chunk(names, 50) { // more the API does not take at once
		pages := autoscaling.NewDescribeLaunchConfigurationsPaginator(c.scaling, &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: some})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return wrap("describe launch configurations", err)
			}
			for _, l := range page.LaunchConfigurations {
				for i := range groups {
					if groups[i].LaunchConfiguration == aws.ToString(l.LaunchConfigurationName) {
						groups[i].Image, groups[i].InstanceTypes = aws.ToString(l.ImageId), []string{aws.ToString(l.InstanceType)}
						groups[i].Node = nodeconfig.ReadBase64(aws.ToString(l.UserData))
					}
				}
			}
		}
	}
	return nil
}
