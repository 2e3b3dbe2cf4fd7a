package eks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// lastAL2 is the last minor with Amazon Linux 2 AMIs.
const lastAL2 = 32

// CreateNodegroup starts a managed node group at the cluster's version.
func (s *Service) CreateNodegroup(_ *wire.Call, in *sdk.CreateNodegroupInput) (*sdk.CreateNodegroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.activeCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("nodegroupName", in.NodegroupName, "nodeRole", in.NodeRole, "subnets", in.Subnets); err != nil {
		return nil, err
	}
	if !nodegroupName.MatchString(*in.NodegroupName) {
		return nil, invalidParameter(c.Name, "nodegroupName must match %s", nodegroupName)
	}
	if !roleARN.MatchString(*in.NodeRole) {
		return nil, invalidParameter(c.Name, "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole %s", *in.NodeRole)
	}
	if c.nodegroups[*in.NodegroupName] != nil {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, NodegroupName: in.NodegroupName,
			Message: ptr(fmt.Sprintf("NodeGroup already exists with name %s and cluster name %s", *in.NodegroupName, *c.Name))}
	}
	n, err := s.newNodegroup(c, in)
	if err != nil {
		return nil, err
	}
	c.nodegroups[*n.NodegroupName] = n
	s.after(s.takes(WorkCreateNodegroup, *c.Name+"/"+*n.NodegroupName), s.scale(n, n.ScalingConfig.DesiredSize), func(err error) {
		n.ModifiedAt = s.now()
		n.Status = types.NodegroupStatusActive
		if err != nil {
			n.Status = types.NodegroupStatusCreateFailed
			n.Health = &types.NodegroupHealth{Issues: []types.Issue{{Code: types.NodegroupIssueCodeNodeCreationFailure, Message: ptr(err.Error()), ResourceIds: []string{*n.NodegroupName}}}}
		}
	})
	return &sdk.CreateNodegroupOutput{Nodegroup: ptr(*n)}, nil
}

func (s *Service) newNodegroup(c *cluster, in *sdk.CreateNodegroupInput) (*types.Nodegroup, error) {
	if in.LaunchTemplate != nil {
		return nil, invalidParameter(c.Name, "the simulated EKS has no launch templates")
	}
	if in.Version != nil && *in.Version != *c.Version {
		return nil, invalidParameter(c.Name, "Requested Nodegroup version %s must match the cluster's version %s", *in.Version, *c.Version)
	}
	for _, id := range in.Subnets {
		if vpc, _, _, ok := s.subnet(id); !ok || vpc != *c.ResourcesVpcConfig.VpcId {
			return nil, invalidParameter(c.Name, "Subnet %s was not found in the VPC of the cluster (Ec2SubnetNotFound)", id)
		}
	}
	scaling, err := scalingOf(c, in.ScalingConfig, types.NodegroupScalingConfig{MinSize: ptr(int32(1)), MaxSize: ptr(int32(2)), DesiredSize: ptr(int32(2))})
	if err != nil {
		return nil, err
	}
	v, _ := findVersion(*c.Version)
	n := &types.Nodegroup{
		NodegroupName: in.NodegroupName, ClusterName: c.Name, NodeRole: in.NodeRole, Subnets: slices.Clone(in.Subnets),
		NodegroupArn: s.arn("nodegroup/%s/%s/%s", *c.Name, *in.NodegroupName, s.uuid()),
		AmiType:      in.AmiType, CapacityType: in.CapacityType, DiskSize: in.DiskSize, InstanceTypes: slices.Clone(in.InstanceTypes),
		Labels: maps.Clone(in.Labels), Taints: slices.Clone(in.Taints), Tags: cloneTags(in.Tags), ScalingConfig: scaling,
		UpdateConfig: in.UpdateConfig, NodeRepairConfig: in.NodeRepairConfig, RemoteAccess: in.RemoteAccess,
		CreatedAt: s.now(), ModifiedAt: s.now(), Status: types.NodegroupStatusCreating,
		Version: ptr(v.version), ReleaseVersion: ptr(v.release()), Health: &types.NodegroupHealth{Issues: []types.Issue{}},
		Resources: &types.NodegroupResources{AutoScalingGroups: []types.AutoScalingGroup{{Name: ptr("eks-" + *in.NodegroupName + "-" + s.uuid())}}},
	}
	if n.AmiType == "" {
		n.AmiType = types.AMITypesAl2023X8664Standard
	}
	if n.CapacityType == "" {
		n.CapacityType = types.CapacityTypesOnDemand
	}
	if n.DiskSize == nil {
		n.DiskSize = ptr(int32(20))
	}
	if len(n.InstanceTypes) == 0 {
		n.InstanceTypes = []string{"t3.medium"}
	}
	if n.UpdateConfig == nil {
		n.UpdateConfig = &types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(1))}
	}
	return n, checkAMI(c, n.AmiType, v.version)
}

func checkAMI(c *cluster, ami types.AMITypes, version string) error {
	if strings.HasPrefix(string(ami), "AL2_") && minor(version) > lastAL2 {
		return invalidParameter(c.Name, "AMI Type %s is only supported for kubernetes versions 1.%d or earlier", ami, lastAL2)
	}
	return nil
}

// scalingOf merges a requested scaling configuration over the present one.
func scalingOf(c *cluster, in *types.NodegroupScalingConfig, present types.NodegroupScalingConfig) (*types.NodegroupScalingConfig, error) {
	if in != nil {
		for _, f := range []struct{ to, from **int32 }{{&present.MinSize, &in.MinSize}, {&present.MaxSize, &in.MaxSize}, {&present.DesiredSize, &in.DesiredSize}} {
			if *f.from != nil {
				*f.to = *f.from
			}
		}
	}
	switch lo, hi, n := *present.MinSize, *present.MaxSize, *present.DesiredSize; {
	case lo < 0 || hi < 1:
		return nil, invalidParameter(c.Name, "Minimum capacity must be at least 0 and maximum capacity at least 1")
	case lo > hi:
		return nil, invalidParameter(c.Name, "Minimum capacity %d can't be greater than maximum capacity %d", lo, hi)
	case n < lo:
		return nil, invalidParameter(c.Name, "desired capacity %d can't be less than min size %d", n, lo)
	case n > hi:
		return nil, invalidParameter(c.Name, "desired capacity %d can't be greater than max size %d", n, hi)
	}
	return &present, nil
}

// scale returns the backend's work of giving the node group its nodes as it is
// described now, count of them.
func (s *Service) scale(n *types.Nodegroup, count *int32) func(context.Context) error {
	v, _ := findVersion(*n.Version)
	nodes := Nodes{Count: int(*count), KubeletVersion: v.kubelet(), InstanceType: n.InstanceTypes[0], Labels: map[string]string{
		"eks.amazonaws.com/nodegroup":    *n.NodegroupName,
		"eks.amazonaws.com/capacityType": string(n.CapacityType),
	}}
	maps.Copy(nodes.Labels, n.Labels)
	for _, id := range n.Subnets {
		if _, zone, _, ok := s.subnet(id); ok && !slices.Contains(nodes.Zones, zone) {
			nodes.Zones = append(nodes.Zones, zone)
		}
	}
	slices.Sort(nodes.Zones)
	cluster, name := *n.ClusterName, *n.NodegroupName
	return func(ctx context.Context) error { return s.opts.Clusters.ScaleNodegroup(ctx, cluster, name, nodes) }
}

// DescribeNodegroup describes a node group.
func (s *Service) DescribeNodegroup(_ *wire.Call, in *sdk.DescribeNodegroupInput) (*sdk.DescribeNodegroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	n, err := c.nodegroup(in.NodegroupName)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeNodegroupOutput{Nodegroup: ptr(*n)}, nil
}

// ListNodegroups lists names, sorted.
func (s *Service) ListNodegroups(_ *wire.Call, in *sdk.ListNodegroupsInput) (*sdk.ListNodegroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(c.nodegroups)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListNodegroupsOutput{Nodegroups: names, NextToken: next}, nil
}

// DeleteNodegroup removes a node group and its nodes.
func (s *Service) DeleteNodegroup(_ *wire.Call, in *sdk.DeleteNodegroupInput) (*sdk.DeleteNodegroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	n, err := c.nodegroup(in.NodegroupName)
	if err != nil {
		return nil, err
	}
	if n.Status == types.NodegroupStatusDeleting || n.Status == types.NodegroupStatusCreating || n.Status == types.NodegroupStatusUpdating {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, NodegroupName: n.NodegroupName,
			Message: ptr(fmt.Sprintf("Cannot delete because nodegroup %s is in %s status", *n.NodegroupName, n.Status))}
	}
	n.Status, n.ModifiedAt = types.NodegroupStatusDeleting, s.now()
	s.after(s.takes(WorkDeleteNodegroup, *c.Name+"/"+*n.NodegroupName), s.scale(n, ptr(int32(0))), func(err error) {
		if err == nil {
			delete(c.nodegroups, *n.NodegroupName)
			return
		}
		n.Status = types.NodegroupStatusDeleteFailed
		n.Health = &types.NodegroupHealth{Issues: []types.Issue{{Code: types.NodegroupIssueCodeNodeTerminationFailure, Message: ptr(err.Error()), ResourceIds: []string{*n.NodegroupName}}}}
	})
	return &sdk.DeleteNodegroupOutput{Nodegroup: ptr(*n)}, nil
}
