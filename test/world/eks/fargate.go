package eks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Quotas of Fargate profiles. Source: EKS User Guide, "View and manage Amazon
// EKS and Fargate service quotas".
const (
	maxProfiles       = 10
	maxSelectors      = 5
	maxSelectorLabels = 5
)

// CreateFargateProfile starts a profile. In a cluster, one is created or deleted
// at a time.
func (s *Service) CreateFargateProfile(_ *wire.Call, in *sdk.CreateFargateProfileInput) (*sdk.CreateFargateProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.activeCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("fargateProfileName", in.FargateProfileName, "podExecutionRoleArn", in.PodExecutionRoleArn); err != nil {
		return nil, err
	}
	if p, err := answered[types.FargateProfile](c, in.ClientRequestToken, in); p != nil || err != nil {
		return &sdk.CreateFargateProfileOutput{FargateProfile: p}, err
	}
	if err := s.checkProfile(c, in); err != nil {
		return nil, err
	}
	p := &types.FargateProfile{
		ClusterName: c.Name, FargateProfileName: in.FargateProfileName, PodExecutionRoleArn: in.PodExecutionRoleArn, CreatedAt: s.now(),
		FargateProfileArn: s.arn("fargateprofile/%s/%s/%s", *c.Name, *in.FargateProfileName, s.uuid()),
		Selectors:         slices.Clone(in.Selectors), Subnets: slices.Clone(in.Subnets), Tags: cloneTags(in.Tags),
		Status: types.FargateProfileStatusCreating, Health: &types.FargateProfileHealth{Issues: []types.FargateProfileIssue{}},
	}
	if len(p.Subnets) == 0 {
		p.Subnets = slices.Clone(c.ResourcesVpcConfig.SubnetIds)
	}
	c.profiles[*p.FargateProfileName] = p
	s.grantNodes(c, *p.PodExecutionRoleArn, entryFargate)
	s.after(s.takes(WorkFargateProfile, *c.Name+"/"+*p.FargateProfileName), nil, func(error) {
		p.Status = types.FargateProfileStatusActive
		if len(p.Health.Issues) > 0 {
			p.Status = types.FargateProfileStatusCreateFailed
		}
	})
	answer := ptr(*p)
	c.answer(in.ClientRequestToken, in, answer)
	return &sdk.CreateFargateProfileOutput{FargateProfile: answer}, nil
}

func (s *Service) checkProfile(c *cluster, in *sdk.CreateFargateProfileInput) error {
	name := *in.FargateProfileName
	switch {
	case !nodegroupName.MatchString(name):
		return invalidParameter(c.Name, "fargateProfileName must match %s", nodegroupName)
	case strings.HasPrefix(name, "eks-"):
		return invalidParameter(c.Name, "Fargate Profile name %s is invalid: it must not start with eks-", name)
	case !roleARN.MatchString(*in.PodExecutionRoleArn):
		return invalidParameter(c.Name, "Misconfigured PodExecutionRole Trust Policy; Please add the eks-fargate-pods.amazonaws.com Service Principal")
	case c.profiles[name] != nil:
		return inUse(c.Name, "A Fargate Profile already exists with this name in this cluster.")
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if err := c.profileMoving("create", name); err != nil {
		return err
	}
	if len(c.profiles) >= maxProfiles {
		return &types.ResourceLimitExceededException{ClusterName: c.Name, Message: ptr(fmt.Sprintf("Fargate Profile limit exceeded: at most %d per cluster", maxProfiles))}
	}
	for _, id := range in.Subnets {
		if vpc, _, _, ok := s.subnet(id); !ok || vpc != *c.ResourcesVpcConfig.VpcId {
			return invalidParameter(c.Name, "Subnet %s provided in Fargate Profile does not exist in the VPC of the cluster", id)
		}
	}
	if n := len(in.Selectors); n < 1 || n > maxSelectors {
		return invalidParameter(c.Name, "Fargate Profile must have 1 to %d selectors", maxSelectors)
	}
	for _, sel := range in.Selectors {
		if value(sel.Namespace) == "" {
			return invalidParameter(c.Name, "Fargate Profile selector must have a namespace")
		}
		if len(sel.Labels) > maxSelectorLabels {
			return invalidParameter(c.Name, "Fargate Profile selector must have at most %d labels", maxSelectorLabels)
		}
	}
	return nil
}

// profileMoving refuses work on a profile while another is created or deleted.
func (c *cluster) profileMoving(verb, name string) error {
	for _, other := range slices.Sorted(maps.Keys(c.profiles)) {
		if st := c.profiles[other].Status; st == types.FargateProfileStatusCreating || st == types.FargateProfileStatusDeleting {
			return inUse(c.Name, "Cannot %s Fargate Profile %s because cluster %s currently has Fargate profile %s in status %s", verb, name, *c.Name, other, st)
		}
	}
	return nil
}

func (c *cluster) profile(name *string) (*types.FargateProfile, error) {
	if err := required("fargateProfileName", name); err != nil {
		return nil, err
	}
	p := c.profiles[*name]
	if p == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, FargateProfileName: name, Message: ptr(fmt.Sprintf("No Fargate Profile found with name: %s.", *name))}
	}
	return p, nil
}

// DescribeFargateProfile describes one profile.
func (s *Service) DescribeFargateProfile(_ *wire.Call, in *sdk.DescribeFargateProfileInput) (*sdk.DescribeFargateProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	p, err := c.profile(in.FargateProfileName)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeFargateProfileOutput{FargateProfile: ptr(*p)}, nil
}

// ListFargateProfiles lists names, sorted.
func (s *Service) ListFargateProfiles(_ *wire.Call, in *sdk.ListFargateProfilesInput) (*sdk.ListFargateProfilesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(c.profiles)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListFargateProfilesOutput{FargateProfileNames: names, NextToken: next}, nil
}

// DeleteFargateProfile removes a profile.
func (s *Service) DeleteFargateProfile(_ *wire.Call, in *sdk.DeleteFargateProfileInput) (*sdk.DeleteFargateProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	p, err := c.profile(in.FargateProfileName)
	if err != nil {
		return nil, err
	}
	if err := c.profileMoving("delete", *p.FargateProfileName); err != nil {
		return nil, err
	}
	p.Status = types.FargateProfileStatusDeleting
	s.after(s.takes(WorkFargateProfile, *c.Name+"/"+*p.FargateProfileName), nil, func(error) {
		if len(p.Health.Issues) > 0 {
			p.Status = types.FargateProfileStatusDeleteFailed
			return
		}
		delete(c.profiles, *p.FargateProfileName)
	})
	return &sdk.DeleteFargateProfileOutput{FargateProfile: ptr(*p)}, nil
}

// SetFargateHealth replaces the health issues of a profile. With issues, what is
// going on with it fails: CREATE_FAILED or DELETE_FAILED.
func (s *Service) SetFargateHealth(cluster, profile string, issues ...types.FargateProfileIssue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	p, err := c.profile(&profile)
	if err != nil {
		return err
	}
	for _, i := range issues {
		if !slices.Contains(i.Code.Values(), i.Code) {
			return fmt.Errorf("eks: %q is no code of a Fargate profile's issue", i.Code)
		}
	}
	p.Health = &types.FargateProfileHealth{Issues: append([]types.FargateProfileIssue{}, issues...)}
	return nil
}
