package eks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(.+)$`)

// CreateAccessEntry lets an IAM principal into a cluster.
func (s *Service) CreateAccessEntry(_ *wire.Call, in *sdk.CreateAccessEntryInput) (*sdk.CreateAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.activeCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("principalArn", in.PrincipalArn); err != nil {
		return nil, err
	}
	if c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return nil, invalidRequest(c.Name, "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
	}
	m := principalARN.FindStringSubmatch(*in.PrincipalArn)
	if m == nil {
		return nil, invalidParameter(c.Name, "The specified principalArn is invalid: invalid principal.")
	}
	if _, ok := c.access[*in.PrincipalArn]; ok {
		return nil, inUse(c.Name, "The specified access entry resource is already in use on this cluster.")
	}
	e := types.AccessEntry{
		ClusterName: c.Name, PrincipalArn: in.PrincipalArn, KubernetesGroups: append([]string{}, in.KubernetesGroups...),
		Tags: cloneTags(in.Tags), Type: in.Type, Username: in.Username, CreatedAt: s.now(), ModifiedAt: s.now(),
		AccessEntryArn: s.arn("access-entry/%s/%s/%s/%s/%s", *c.Name, m[2], m[1], m[3][strings.LastIndex(m[3], "/")+1:], s.uuid()),
	}
	if e.Type == nil {
		e.Type = ptr("STANDARD")
	}
	if e.Username == nil {
		e.Username = in.PrincipalArn
		if m[2] == "role" {
			e.Username = ptr(fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/{{SessionName}}", m[1], m[3][strings.LastIndex(m[3], "/")+1:]))
		}
	}
	c.access[*in.PrincipalArn] = e
	return &sdk.CreateAccessEntryOutput{AccessEntry: ptr(e)}, nil
}

// DescribeAccessEntry describes the entry of a principal.
func (s *Service) DescribeAccessEntry(_ *wire.Call, in *sdk.DescribeAccessEntryInput) (*sdk.DescribeAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	e, ok := c.access[value(in.PrincipalArn)]
	if !ok {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")}
	}
	return &sdk.DescribeAccessEntryOutput{AccessEntry: ptr(e)}, nil
}

// ListAccessEntries lists the principals that have an entry, sorted.
func (s *Service) ListAccessEntries(_ *wire.Call, in *sdk.ListAccessEntriesInput) (*sdk.ListAccessEntriesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if in.AssociatedPolicyArn != nil {
		return nil, invalidParameter(c.Name, "the simulated EKS has no access policies, so it cannot filter by associatedPolicyArn")
	}
	names, next, err := page(slices.Sorted(maps.Keys(c.access)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListAccessEntriesOutput{AccessEntries: names, NextToken: next}, nil
}

// ListFargateProfiles lists the profiles set by SetFargateProfiles.
func (s *Service) ListFargateProfiles(_ *wire.Call, in *sdk.ListFargateProfilesInput) (*sdk.ListFargateProfilesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(c.fargate, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListFargateProfilesOutput{FargateProfileNames: names, NextToken: next}, nil
}
