package sts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// masters is the group that Kubernetes allows everything.
const masters = "system:masters"

// entry returns the Kubernetes name and groups of a principal, from its access
// entry in the cluster. On AWS an authorizer of its own judges access policies;
// here groups stand for them, to which the cluster binds roles.
func (s *Service) entry(ctx context.Context, cluster, principal, session string) (username string, groups []string, err error) {
	ask := func(operation string, in any) (any, error) {
		return s.mux.Peek(&wire.Call{Context: ctx, Service: "eks", Operation: operation}, in)
	}
	out, err := ask("DescribeAccessEntry", &awseks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
	if err != nil {
		if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
			return "", nil, fmt.Errorf("%s has no access entry in the cluster %s", principal, cluster)
		}
		return "", nil, err
	}
	e := out.(*awseks.DescribeAccessEntryOutput).AccessEntry
	groups = slices.Clone(e.KubernetesGroups)
	if groups == nil {
		groups = []string{}
	}
	if slices.Contains(s.mux.Operations("eks"), "ListAssociatedAccessPolicies") {
		out, err := ask("ListAssociatedAccessPolicies", &awseks.ListAssociatedAccessPoliciesInput{ClusterName: &cluster, PrincipalArn: &principal})
		if err != nil {
			return "", nil, err
		}
		for _, p := range out.(*awseks.ListAssociatedAccessPoliciesOutput).AssociatedAccessPolicies {
			groups = append(groups, eks.AccessGroups(p)...)
		}
	}
	if e.Username != nil {
		username = *e.Username
	}
	return expand(username, principal, session), groups, nil
}

// expand fills the placeholders of a username (source: aws-iam-authenticator,
// pkg/server; a session's name has - for @ unless it is asked for raw).
func expand(username, principal, session string) string {
	return strings.NewReplacer(
		"{{SessionNameRaw}}", session, "{{SessionName}}", strings.ReplaceAll(session, "@", "-"), "{{AccountID}}", accountOf(principal),
	).Replace(username)
}
