package eks

import (
	"fmt"
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CreateNodegroup starts a managed node group at the cluster's version. It is
// ACTIVE when its nodes are Ready, CREATE_FAILED when they do not become so.
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
	if n, err := answered[types.Nodegroup](c, in.ClientRequestToken, in); n != nil || err != nil {
		return &sdk.CreateNodegroupOutput{Nodegroup: n}, err
	}
	if c.nodegroups[*in.NodegroupName] != nil {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, NodegroupName: in.NodegroupName,
			Message: ptr(fmt.Sprintf("NodeGroup already exists with name %s and cluster name %s", *in.NodegroupName, *c.Name))}
	}
	if len(c.nodegroups) >= maxNodegroups {
		return nil, &types.ResourceLimitExceededException{ClusterName: c.Name, NodegroupName: in.NodegroupName, Message: ptr(fmt.Sprintf("Managed node groups per cluster limit of %d exceeded", maxNodegroups))}
	}
	n, err := s.newNodegroup(c, in)
	if err != nil {
		return nil, err
	}
	c.nodegroups[*n.NodegroupName] = n
	s.grantNodes(c, *n.NodeRole, entryOf(n.AmiType))
	out := ptr(n.Nodegroup)
	c.answer(in.ClientRequestToken, in, out)
	d := s.takes(WorkCreateNodegroup, *c.Name+"/"+*n.NodegroupName)
	created := func(failure *issue) {
		n.ModifiedAt = s.now()
		n.Status = types.NodegroupStatusActive
		if failure != nil {
			n.report(*failure)
			n.Status = types.NodegroupStatusCreateFailed
		}
	}
	if i := s.struck(c, *n.NodegroupName, ""); i != nil {
		s.after(d, nil, func(error) { created(i.issue(n)) })
	} else {
		s.launch(c, n, n, int(*n.ScalingConfig.DesiredSize), d, created)
	}
	return &sdk.CreateNodegroupOutput{Nodegroup: out}, nil
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
	return &sdk.DescribeNodegroupOutput{Nodegroup: ptr(n.Nodegroup)}, nil
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

// DeleteNodegroup removes a node group and its nodes. The nodes go without
// regard to disruption budgets.
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
	out := ptr(n.Nodegroup)
	d := s.takes(WorkDeleteNodegroup, *c.Name+"/"+*n.NodegroupName)
	failed := func(i issue) {
		n.report(i)
		n.Status = types.NodegroupStatusDeleteFailed
	}
	if i := s.struck(c, *n.NodegroupName, ""); i != nil {
		s.after(d, nil, func(error) { failed(*i.issue(n)) })
		return &sdk.DeleteNodegroupOutput{Nodegroup: out}, nil
	}
	s.remove(c, n, slices.Clone(n.nodes), d, func(err error) {
		if err != nil {
			failed(issue{types.NodegroupIssueCodeNodeTerminationFailure, err.Error(), instancesOf(n.nodes)})
			return
		}
		delete(c.nodegroups, *n.NodegroupName)
	})
	return &sdk.DeleteNodegroupOutput{Nodegroup: out}, nil
}
