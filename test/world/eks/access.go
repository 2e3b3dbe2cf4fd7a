package eks

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Types of access entries. Source: CreateAccessEntryInput.Type in the SDK.
const (
	entryStandard = "STANDARD"
	entryAutoMode = "EC2"
	entryLinux    = "EC2_LINUX"
	entryWindows  = "EC2_WINDOWS"
	entryFargate  = "FARGATE_LINUX"
)

// entryDefaults are the user name and groups that EKS gives entries of nodes.
// Source: EKS User Guide, "Create access entries"; the groups are those that
// DescribeAccessEntry shows.
var entryDefaults = map[string]struct {
	username string
	groups   []string
}{
	entryStandard:    {},
	entryAutoMode:    {"system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}},
	entryLinux:       {"system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}},
	entryWindows:     {"system:node:{{EC2PrivateDNSName}}", []string{"eks:kube-proxy-windows", "system:nodes"}},
	entryFargate:     {"system:node:{{SessionName}}", []string{"system:bootstrappers", "system:node-proxier", "system:nodes"}},
	"HYBRID_LINUX":   {"system:node:{{SessionName}}", []string{"system:bootstrappers", "system:nodes"}},
	"HYPERPOD_LINUX": {"system:node:{{SessionName}}", []string{"system:nodes"}},
}

var (
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(.+)$`)
	sessionARN   = regexp.MustCompile(`^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.+$`)
)

// accessEntry is an access entry with the policies associated with it, by ARN.
type accessEntry struct {
	types.AccessEntry
	policies map[string]types.AssociatedAccessPolicy
}

// CreateAccessEntry lets an IAM principal into a cluster.
func (s *Service) CreateAccessEntry(_ *wire.Call, in *sdk.CreateAccessEntryInput) (*sdk.CreateAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.entryCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("principalArn", in.PrincipalArn); err != nil {
		return nil, err
	}
	if e, err := answered[types.AccessEntry](c, in.ClientRequestToken, in); e != nil || err != nil {
		return &sdk.CreateAccessEntryOutput{AccessEntry: e}, err
	}
	if err := s.checkEntry(c, in); err != nil {
		return nil, err
	}
	if c.access[*in.PrincipalArn] != nil {
		return nil, inUse(c.Name, "The specified access entry resource is already in use on this cluster.")
	}
	e := s.addEntry(c, *in.PrincipalArn, value(in.Type))
	e.Tags = cloneTags(in.Tags)
	if in.Username != nil {
		e.Username = in.Username
	}
	if len(in.KubernetesGroups) > 0 {
		e.KubernetesGroups = slices.Clone(in.KubernetesGroups)
	}
	answer := ptr(e.AccessEntry)
	c.answer(in.ClientRequestToken, in, answer)
	return &sdk.CreateAccessEntryOutput{AccessEntry: answer}, nil
}

// entryCluster finds a cluster that has access entries.
func (s *Service) entryCluster(name *string) (*cluster, error) {
	c, err := s.cluster(name)
	if err != nil {
		return nil, err
	}
	if c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return nil, invalidRequest(c.Name, "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
	}
	return c, nil
}

func (s *Service) checkEntry(c *cluster, in *sdk.CreateAccessEntryInput) error {
	kind := entryStandard
	if in.Type != nil {
		kind = *in.Type
	}
	m := principalARN.FindStringSubmatch(*in.PrincipalArn)
	if _, ok := entryDefaults[kind]; !ok {
		return invalidParameter(c.Name, "The specified type is invalid: %s. Valid types: %v", kind, slices.Sorted(maps.Keys(entryDefaults)))
	}
	switch {
	case m == nil:
		return invalidParameter(c.Name, "The specified principalArn is invalid: invalid principal.")
	case strings.HasPrefix(m[3], "aws-service-role/"):
		return invalidParameter(c.Name, "The specified principalArn is invalid: service-linked roles are not supported.")
	case kind != entryStandard && (m[2] != "role" || m[1] != s.opts.Account):
		return invalidParameter(c.Name, "The specified principalArn is invalid: access entries of type %s must be for an IAM role of account %s.", kind, s.opts.Account)
	case kind != entryStandard && (len(in.KubernetesGroups) > 0 || in.Username != nil):
		return invalidParameter(c.Name, "Access entries of type %s do not support kubernetesGroups and username.", kind)
	}
	return checkIdentity(c, in.Username, in.KubernetesGroups)
}

// checkIdentity bounds what an entry may say. Source: EKS User Guide, "Create
// access entries".
func checkIdentity(c *cluster, username *string, groups []string) error {
	for _, g := range groups {
		if strings.HasPrefix(g, "system:") {
			return invalidParameter(c.Name, "The kubernetes group name %s is invalid, it cannot start with system:", g)
		}
		if g == "" {
			return invalidParameter(c.Name, "The kubernetes group name is invalid, it cannot be empty")
		}
	}
	if username == nil {
		return nil
	}
	for _, p := range []string{"system:", "eks:", "aws:", "amazon:", "iam:"} {
		if strings.HasPrefix(*username, p) {
			return invalidParameter(c.Name, "The username %s is invalid, it cannot start with %s", *username, p)
		}
	}
	if before, _, ok := strings.Cut(*username, "{{SessionName"); *username == "" || (ok && !strings.Contains(before, ":")) {
		return invalidParameter(c.Name, "The username %s is invalid, it must have a colon before {{SessionName}}", *username)
	}
	return nil
}

// addEntry adds an entry with EKS's defaults. The principal must be valid.
func (s *Service) addEntry(c *cluster, principal, kind string) *accessEntry {
	m := principalARN.FindStringSubmatch(principal)
	if kind == "" {
		kind = entryStandard
	}
	base := m[3][strings.LastIndex(m[3], "/")+1:]
	username := principal
	if d := entryDefaults[kind]; d.username != "" {
		username = d.username
	} else if m[2] == "role" {
		username = fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/{{SessionName}}", m[1], base)
	}
	e := &accessEntry{policies: map[string]types.AssociatedAccessPolicy{}, AccessEntry: types.AccessEntry{
		ClusterName: c.Name, PrincipalArn: ptr(principal), Type: ptr(kind), Username: ptr(username),
		KubernetesGroups: append([]string{}, entryDefaults[kind].groups...), Tags: map[string]string{}, CreatedAt: s.now(), ModifiedAt: s.now(),
		AccessEntryArn: s.arn("access-entry/%s/%s/%s/%s/%s", *c.Name, m[2], m[1], base, s.uuid()),
	}}
	c.access[principal] = e
	return e
}

// entry finds the entry of a principal.
func (c *cluster) entry(principal *string) (*accessEntry, error) {
	if err := required("principalArn", principal); err != nil {
		return nil, err
	}
	e := c.access[*principal]
	if e == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")}
	}
	return e, nil
}

// DescribeAccessEntry describes the entry of a principal.
func (s *Service) DescribeAccessEntry(_ *wire.Call, in *sdk.DescribeAccessEntryInput) (*sdk.DescribeAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.entryCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	e, err := c.entry(in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeAccessEntryOutput{AccessEntry: ptr(e.AccessEntry)}, nil
}

// UpdateAccessEntry changes an entry's groups and user name.
func (s *Service) UpdateAccessEntry(_ *wire.Call, in *sdk.UpdateAccessEntryInput) (*sdk.UpdateAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.entryCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	e, err := c.entry(in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	if known, err := answered[types.AccessEntry](c, in.ClientRequestToken, in); known != nil || err != nil {
		return &sdk.UpdateAccessEntryOutput{AccessEntry: known}, err
	}
	if *e.Type != entryStandard && (in.KubernetesGroups != nil || in.Username != nil) {
		return nil, invalidParameter(c.Name, "Access entries of type %s do not support kubernetesGroups and username.", *e.Type)
	}
	if err := checkIdentity(c, in.Username, in.KubernetesGroups); err != nil {
		return nil, err
	}
	if in.KubernetesGroups != nil {
		e.KubernetesGroups = slices.Clone(in.KubernetesGroups)
	}
	if in.Username != nil {
		e.Username = in.Username
	}
	e.ModifiedAt = s.now()
	answer := ptr(e.AccessEntry)
	c.answer(in.ClientRequestToken, in, answer)
	return &sdk.UpdateAccessEntryOutput{AccessEntry: answer}, nil
}

// ListAccessEntries lists the principals that have an entry, sorted.
func (s *Service) ListAccessEntries(_ *wire.Call, in *sdk.ListAccessEntriesInput) (*sdk.ListAccessEntriesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.entryCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if in.AssociatedPolicyArn != nil {
		if err := checkPolicyARN(c, in.AssociatedPolicyArn); err != nil {
			return nil, err
		}
	}
	var principals []string
	for _, p := range slices.Sorted(maps.Keys(c.access)) {
		if _, ok := c.access[p].policies[value(in.AssociatedPolicyArn)]; ok || in.AssociatedPolicyArn == nil {
			principals = append(principals, p)
		}
	}
	principals, next, err := page(principals, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListAccessEntriesOutput{AccessEntries: principals, NextToken: next}, nil
}

// DeleteAccessEntry takes a principal's access away.
func (s *Service) DeleteAccessEntry(_ *wire.Call, in *sdk.DeleteAccessEntryInput) (*sdk.DeleteAccessEntryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.entryCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if _, err := c.entry(in.PrincipalArn); err != nil {
		return nil, err
	}
	delete(c.access, *in.PrincipalArn)
	return &sdk.DeleteAccessEntryOutput{}, nil
}

// serviceRole is the role that EKS itself uses in clusters with access entries.
func (s *Service) serviceRole() string {
	return fmt.Sprintf("arn:aws:iam::%s:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", s.opts.Account)
}

// grantFirst makes the entries that a cluster is born with: that of EKS, and
// that of its creator, who is its administrator unless told otherwise.
func (s *Service) grantFirst(c *cluster, call *wire.Call, in *types.CreateAccessConfigRequest) {
	if c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return
	}
	own := s.addEntry(c, s.serviceRole(), entryStandard)
	for _, p := range []string{"AmazonEKSClusterInsightsPolicy", "AmazonEKSEventPolicy"} {
		s.associate(own, policyPrefix+p, &types.AccessScope{Type: types.AccessScopeTypeCluster})
	}
	if s.opts.Principal == nil || (in != nil && in.BootstrapClusterCreatorAdminPermissions != nil && !*in.BootstrapClusterCreatorAdminPermissions) {
		return
	}
	creator := s.opts.Principal(call)
	if m := sessionARN.FindStringSubmatch(creator); m != nil {
		creator = fmt.Sprintf("arn:%s:iam::%s:role/%s", m[1], m[2], m[3])
	}
	if principalARN.MatchString(creator) && c.access[creator] == nil {
		s.associate(s.addEntry(c, creator, entryStandard), policyPrefix+clusterAdminPolicy, &types.AccessScope{Type: types.AccessScopeTypeCluster})
	}
}

// entryOf returns the type of the entry that a managed node group's role gets.
func entryOf(ami types.AMITypes) string {
	if strings.HasPrefix(string(ami), "WINDOWS_") {
		return entryWindows
	}
	return entryLinux
}

// grantNodes makes the entry of a role that nodes use, where there is none.
func (s *Service) grantNodes(c *cluster, role, kind string) *accessEntry {
	if c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap || !principalARN.MatchString(role) {
		return nil
	}
	if c.access[role] == nil {
		return s.addEntry(c, role, kind)
	}
	return nil
}

// grantAutoMode makes the entries that Auto Mode needs.
func (s *Service) grantAutoMode(c *cluster) {
	scope := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	if e := s.grantNodes(c, value(c.ComputeConfig.NodeRoleArn), entryAutoMode); e != nil {
		s.associate(e, policyPrefix+"AmazonEKSAutoNodePolicy", scope)
	}
	if e := s.grantNodes(c, *c.RoleArn, entryStandard); e != nil {
		for _, p := range []string{"BlockStorage", "BlockStorageCluster", "Compute", "ComputeCluster", "LoadBalancing", "LoadBalancingCluster", "Networking", "NetworkingCluster"} {
			s.associate(e, policyPrefix+"AmazonEKS"+p+"Policy", scope)
		}
	}
}

// grantAll tells the backend of all policies of a cluster that is new.
func (s *Service) grantAll(ctx context.Context, c *cluster) error {
	granter, ok := s.opts.Clusters.(Granter)
	if !ok {
		return nil
	}
	var grants []Grant
	s.mu.Lock()
	for _, principal := range slices.Sorted(maps.Keys(c.access)) {
		policies := c.access[principal].policies
		for _, arn := range slices.Sorted(maps.Keys(policies)) {
			grants = append(grants, grantsOf(policies[arn])...)
		}
	}
	s.mu.Unlock()
	for _, g := range grants {
		if err := granter.Grant(ctx, *c.Name, g); err != nil {
			return err
		}
	}
	return nil
}
