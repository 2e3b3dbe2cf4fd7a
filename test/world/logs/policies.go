package logs

import (
	"encoding/json"
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxPolicies is how many resource policies a region has, maxPolicy how long one
// is at most (source: PutResourcePolicy).
const (
	maxPolicies = 10
	maxPolicy   = 5120
)

// PutResourcePolicy lets other services of AWS write to log groups. Policies are
// kept and shown; the simulated services that write logs ask no permission.
func (s *Service) PutResourcePolicy(_ *wire.Call, in *sdk.PutResourcePolicyInput) (*sdk.PutResourcePolicyOutput, error) {
	if in.ResourceArn != nil || in.ExpectedRevisionId != nil {
		return nil, invalid("the simulated AWS knows only resource policies of the account")
	}
	if value(in.PolicyName) == "" {
		return nil, invalid("policyName must not be empty")
	}
	if text := value(in.PolicyDocument); len(text) > maxPolicy || !json.Valid([]byte(text)) {
		return nil, invalid("Document not valid. The policy must be JSON of at most %d characters.", maxPolicy)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.policies == nil {
		s.policies = map[string]types.ResourcePolicy{}
	}
	if _, there := s.policies[*in.PolicyName]; !there && len(s.policies) >= maxPolicies {
		return nil, &types.LimitExceededException{Message: ptr("Resource limit exceeded.")}
	}
	p := types.ResourcePolicy{PolicyName: in.PolicyName, PolicyDocument: in.PolicyDocument, LastUpdatedTime: ptr(s.clock.Now().UnixMilli()), PolicyScope: types.PolicyScopeAccount}
	s.policies[*in.PolicyName] = p
	return &sdk.PutResourcePolicyOutput{ResourcePolicy: &p}, nil
}

// DeleteResourcePolicy deletes a resource policy.
func (s *Service) DeleteResourcePolicy(_ *wire.Call, in *sdk.DeleteResourcePolicyInput) (*sdk.DeleteResourcePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.policies[value(in.PolicyName)]; !there {
		return nil, &types.ResourceNotFoundException{Message: ptr("Policy with name [" + value(in.PolicyName) + "] does not exist")}
	}
	delete(s.policies, *in.PolicyName)
	return &sdk.DeleteResourcePolicyOutput{}, nil
}

// DescribeResourcePolicies lists the resource policies by name.
func (s *Service) DescribeResourcePolicies(_ *wire.Call, in *sdk.DescribeResourcePoliciesInput) (*sdk.DescribeResourcePoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.ResourcePolicy{}
	for _, name := range slices.Sorted(maps.Keys(s.policies)) {
		all = append(all, s.policies[name])
	}
	page, next, ok := paging.Cut(all, in.NextToken, filtersPage)
	if !ok {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &sdk.DescribeResourcePoliciesOutput{ResourcePolicies: page, NextToken: next}, nil
}
