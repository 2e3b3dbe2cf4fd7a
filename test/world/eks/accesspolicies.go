package eks

import (
	"context"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	policyPrefix       = "arn:aws:eks::aws:cluster-access-policy/"
	clusterAdminPolicy = "AmazonEKSClusterAdminPolicy"
)

// accessPolicies are the policies that EKS has, and the ClusterRole of
// Kubernetes that comes close to each; "" for those of EKS's own components.
// Source: EKS User Guide, "Review access policy permissions".
var accessPolicies = map[string]string{
	clusterAdminPolicy:               "cluster-admin",
	"AmazonEKSAdminPolicy":           "admin",
	"AmazonEKSEditPolicy":            "edit",
	"AmazonEKSViewPolicy":            "view",
	"AmazonEKSAdminViewPolicy":       RoleAdminView,
	"AmazonEKSSecretReaderPolicy":    RoleSecretReader,
	"AmazonAIOpsAssistantPolicy":     "view",
	"AmazonEKSClusterInsightsPolicy": "",
	"AmazonEKSEventPolicy":           "",
	"AmazonEKSAutoNodePolicy":        "",
	"AmazonEKSBlockStoragePolicy":    "", "AmazonEKSBlockStorageClusterPolicy": "",
	"AmazonEKSComputePolicy": "", "AmazonEKSComputeClusterPolicy": "",
	"AmazonEKSLoadBalancingPolicy": "", "AmazonEKSLoadBalancingClusterPolicy": "",
	"AmazonEKSNetworkingPolicy": "", "AmazonEKSNetworkingClusterPolicy": "",
	"AmazonEKSHybridPolicy": "", "AmazonARCRegionSwitchScalingPolicy": "",
	"AmazonEMRJobPolicy": "", "AmazonSagemakerHyperpodClusterPolicy": "", "AmazonSagemakerHyperpodControllerPolicy": "",
	"AWSBackupFullAccessPolicyForBackup": "", "AWSBackupFullAccessPolicyForRestore": "",
}

// ClusterRoles that a Granter makes: reading everything, reading secrets.
const (
	RoleAdminView    = "eks:admin-view"
	RoleSecretReader = "eks:secret-reader"
)

// Grant gives a Kubernetes group the rights of a ClusterRole, in one namespace
// or, with "", in all of the cluster.
type Grant struct{ Group, ClusterRole, Namespace string }

// Granter is a ClusterBackend that can authorize what access policies allow.
// EKS has an authorizer of its own for them; here each policy with its scope
// stands for a group, which tokens of the principal carry (see AccessGroups).
type Granter interface {
	// Grant binds the role to the group; a repetition changes nothing. A namespace
	// that does not exist is no error: there is nothing to have rights to.
	Grant(ctx context.Context, cluster string, g Grant) error
}

// AccessGroups returns the Kubernetes groups that stand for an access policy with
// its scope.
func AccessGroups(a types.AssociatedAccessPolicy) []string {
	name, _ := strings.CutPrefix(value(a.PolicyArn), policyPrefix)
	switch {
	case accessPolicies[name] == "" || a.AccessScope == nil:
		return nil
	case a.AccessScope.Type != types.AccessScopeTypeCluster:
		var groups []string
		for _, ns := range a.AccessScope.Namespaces {
			groups = append(groups, "eks-access-policy:"+name+":"+ns)
		}
		return groups
	case name == clusterAdminPolicy:
		return []string{"system:masters"} // which needs no binding
	}
	return []string{"eks-access-policy:" + name}
}

// grantsOf returns what an association grants in Kubernetes.
func grantsOf(a types.AssociatedAccessPolicy) []Grant {
	var grants []Grant
	for i, group := range AccessGroups(a) {
		g := Grant{Group: group, ClusterRole: accessPolicies[strings.TrimPrefix(*a.PolicyArn, policyPrefix)]}
		if a.AccessScope.Type == types.AccessScopeTypeNamespace {
			g.Namespace = a.AccessScope.Namespaces[i]
		}
		if group != "system:masters" {
			grants = append(grants, g)
		}
	}
	return grants
}

func checkPolicyARN(c *cluster, arn *string) error {
	if err := required("policyArn", arn); err != nil {
		return err
	}
	name, ok := strings.CutPrefix(*arn, policyPrefix)
	if _, known := accessPolicies[name]; !ok || !known {
		return invalidParameter(c.Name, "The policyArn parameter format is not valid")
	}
	return nil
}

// AssociateAccessPolicy gives a principal the rights of a policy; a repetition
// replaces the scope.
func (s *Service) AssociateAccessPolicy(_ *wire.Call, in *sdk.AssociateAccessPolicyInput) (*sdk.AssociateAccessPolicyOutput, error) {
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
	if err := checkPolicyARN(c, in.PolicyArn); err != nil {
		return nil, err
	}
	if err := checkScope(c, in.AccessScope); err != nil {
		return nil, err
	}
	if *e.Type != entryStandard && *e.Type != entryAutoMode {
		return nil, invalidRequest(c.Name, "Access policies cannot be associated with access entries of type %s", *e.Type)
	}
	a := s.associate(e, *in.PolicyArn, in.AccessScope)
	s.grant(c, grantsOf(a))
	return &sdk.AssociateAccessPolicyOutput{ClusterName: c.Name, PrincipalArn: e.PrincipalArn, AssociatedAccessPolicy: &a}, nil
}

func checkScope(c *cluster, scope *types.AccessScope) error {
	if scope == nil {
		return invalidParameter(c.Name, "Missing required parameter: accessScope")
	}
	if err := checkEnum(c.Name, "accessScope.type", scope.Type, scope.Type.Values()); err != nil {
		return err
	}
	switch {
	case scope.Type == types.AccessScopeTypeNamespace && len(scope.Namespaces) == 0:
		return invalidParameter(c.Name, "The namespaces must be specified when the access scope type is namespace")
	case scope.Type != types.AccessScopeTypeNamespace && len(scope.Namespaces) > 0:
		return invalidParameter(c.Name, "The namespaces must not be specified when the access scope type is cluster")
	case scope.Type == "":
		return invalidParameter(c.Name, "Missing required parameter: accessScope.type")
	}
	return nil
}

// associate adds a policy to an entry, or changes its scope.
func (s *Service) associate(e *accessEntry, arn string, scope *types.AccessScope) types.AssociatedAccessPolicy {
	a := e.policies[arn]
	if a.AssociatedAt == nil {
		a.AssociatedAt = s.now()
	}
	a.PolicyArn, a.ModifiedAt = ptr(arn), s.now()
	a.AccessScope = &types.AccessScope{Type: scope.Type, Namespaces: append([]string{}, scope.Namespaces...)}
	e.policies[arn] = a
	return a
}

// grant has the backend authorize the groups, soon: on AWS, too, a change of
// access is effective after some seconds.
func (s *Service) grant(c *cluster, grants []Grant) {
	granter, ok := s.opts.Clusters.(Granter)
	if !ok || c.Endpoint == nil {
		return // a cluster that is being created gets its grants when its API answers
	}
	s.after(0, func(ctx context.Context) error {
		for _, g := range grants {
			if err := granter.Grant(ctx, *c.Name, g); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		if err != nil {
			c.Health = &types.ClusterHealth{Issues: append(slices.Clone(c.Health.Issues), types.ClusterIssue{
				Code: types.ClusterIssueCodeInternalFailure, Message: ptr(err.Error()), ResourceIds: []string{*c.Name}})}
		}
	})
}

// DisassociateAccessPolicy takes a policy from a principal. The group that stood
// for it stays bound, but tokens no longer carry it.
func (s *Service) DisassociateAccessPolicy(_ *wire.Call, in *sdk.DisassociateAccessPolicyInput) (*sdk.DisassociateAccessPolicyOutput, error) {
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
	if err := checkPolicyARN(c, in.PolicyArn); err != nil {
		return nil, err
	}
	if _, ok := e.policies[*in.PolicyArn]; !ok {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr("The specified policyArn is not associated with the specified principalArn.")}
	}
	delete(e.policies, *in.PolicyArn)
	return &sdk.DisassociateAccessPolicyOutput{}, nil
}

// ListAssociatedAccessPolicies lists the policies of a principal, by ARN.
func (s *Service) ListAssociatedAccessPolicies(_ *wire.Call, in *sdk.ListAssociatedAccessPoliciesInput) (*sdk.ListAssociatedAccessPoliciesOutput, error) {
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
	arns, next, err := page(slices.Sorted(maps.Keys(e.policies)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListAssociatedAccessPoliciesOutput{ClusterName: c.Name, PrincipalArn: e.PrincipalArn, NextToken: next, AssociatedAccessPolicies: []types.AssociatedAccessPolicy{}}
	for _, arn := range arns {
		out.AssociatedAccessPolicies = append(out.AssociatedAccessPolicies, e.policies[arn])
	}
	return out, nil
}

// ListAccessPolicies lists the policies that EKS has, by name.
func (s *Service) ListAccessPolicies(_ *wire.Call, in *sdk.ListAccessPoliciesInput) (*sdk.ListAccessPoliciesOutput, error) {
	names, next, err := page(slices.Sorted(maps.Keys(accessPolicies)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListAccessPoliciesOutput{NextToken: next, AccessPolicies: []types.AccessPolicy{}}
	for _, n := range names {
		out.AccessPolicies = append(out.AccessPolicies, types.AccessPolicy{Name: ptr(n), Arn: ptr(policyPrefix + n)})
	}
	return out, nil
}
