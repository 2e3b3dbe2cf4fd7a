package provision

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (r *run) createNodegroups(ctx context.Context) error {
	for _, wanted := range r.spec.NodeGroups {
		now, err := r.nodegroup(ctx, r.spec.Cluster, wanted.Name)
		if err != nil {
			return err
		}
		if now != nil {
			continue
		}
		like, err := r.nodegroup(ctx, r.spec.Like, wanted.Name)
		if err != nil {
			return err
		}
		_, err = r.api.CreateNodegroup(ctx, r.nodegroupInput(wanted, like))
		if err != nil {
			return awserr.Wrap("create node group "+wanted.Name, err)
		}
	}
	return nil
}

func (r *run) nodegroup(ctx context.Context, cluster, name string) (*types.Nodegroup, error) {
	out, err := r.api.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe node group "+name+" of "+cluster, err)
	}
	return out.Nodegroup, nil
}

// nodegroupInput takes what the specification says, and from the node group of
// the same name in the other cluster (nil: there is none) what it does not.
func (r *run) nodegroupInput(wanted upgrade.NodeGroup, like *types.Nodegroup) *eks.CreateNodegroupInput {
	in := &eks.CreateNodegroupInput{
		ClusterName: &r.spec.Cluster, NodegroupName: aws.String(wanted.Name), NodeRole: aws.String(wanted.RoleARN),
		ClientRequestToken: r.token("create node group " + wanted.Name),
		Subnets:            wanted.Subnets, AmiType: types.AMITypes(wanted.AMIType), CapacityType: types.CapacityTypes(wanted.CapacityType),
		InstanceTypes: wanted.InstanceTypes, Labels: wanted.Labels, Taints: taints(wanted.Taints),
		ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(int32(wanted.Min)), MaxSize: aws.Int32(int32(wanted.Max)), DesiredSize: aws.Int32(int32(wanted.Desired))},
		Tags:          ownTags(nil, r.opts.Upgrade),
	}
	if len(in.Subnets) == 0 {
		in.Subnets = r.spec.Subnets
	}
	if in.AmiType != types.AMITypesCustom { // a custom image has its version inside
		version := wanted.Version
		if version == (upgrade.Version{}) {
			version = r.spec.Version
		}
		in.Version = aws.String(version.String())
	}
	if like == nil {
		return in
	}
	in.UpdateConfig, in.NodeRepairConfig = like.UpdateConfig, like.NodeRepairConfig
	in.Tags = ownTags(like.Tags, r.opts.Upgrade)
	if t := like.LaunchTemplate; t != nil {
		in.LaunchTemplate = &types.LaunchTemplateSpecification{Id: t.Id, Version: t.Version}
	} else {
		in.DiskSize, in.RemoteAccess = like.DiskSize, like.RemoteAccess // both belong in a launch template when there is one
	}
	return in
}

func taints(ts []upgrade.Taint) []types.Taint {
	var out []types.Taint
	for _, t := range ts {
		taint := types.Taint{Key: aws.String(t.Key), Effect: types.TaintEffect(t.Effect)}
		if t.Value != "" {
			taint.Value = aws.String(t.Value)
		}
		out = append(out, taint)
	}
	return out
}

func (r *run) awaitNodegroups(ctx context.Context) error {
	return r.await(ctx, func() (bool, error) {
		all := true
		for _, wanted := range r.spec.NodeGroups {
			now, err := r.nodegroup(ctx, r.spec.Cluster, wanted.Name)
			if err != nil {
				return false, err
			}
			if now == nil {
				return false, r.failed("node group "+wanted.Name, "is gone: somebody deleted it")
			}
			switch now.Status {
			case types.NodegroupStatusActive:
			case types.NodegroupStatusCreating, types.NodegroupStatusUpdating:
				all = false
			default: // CREATE_FAILED, DEGRADED, DELETING, DELETE_FAILED
				return false, r.failed("node group "+wanted.Name, "is %s: %s", now.Status, groupIssues(now))
			}
			r.say("node group "+wanted.Name, "%s", now.Status)
		}
		return all, nil
	})
}

func groupIssues(group *types.Nodegroup) string {
	var texts []string
	if group.Health != nil {
		for _, issue := range group.Health.Issues {
			texts = append(texts, fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message)))
		}
	}
	return orNoReason(texts)
}
