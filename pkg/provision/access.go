package provision

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
)

// standard is the type of access entries that people make; EKS makes those of
// node roles itself. Source:
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessEntry.html
const standard = "STANDARD"

// access lets into the new cluster whom the other one lets in. The ones who
// are missing there would find a cluster that they cannot operate, the agent
// first of all.
func (r *run) access(ctx context.Context, like *types.Cluster) error {
	if like.AccessConfig == nil || like.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return nil // there are no entries; the ConfigMap aws-auth is delivered with the workloads
	}
	from, err := r.principals(ctx, r.spec.Like)
	if err != nil {
		return err
	}
	there, err := r.principals(ctx, r.spec.Cluster)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, p := range there {
		known[p] = true
	}
	for _, p := range from {
		if err := r.copyEntry(ctx, p, known[p]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) principals(ctx context.Context, cluster string) ([]string, error) {
	var arns []string
	pages := eks.NewListAccessEntriesPaginator(r.api, &eks.ListAccessEntriesInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list access entries of "+cluster, err)
		}
		arns = append(arns, page.AccessEntries...)
	}
	return arns, nil
}

func (r *run) copyEntry(ctx context.Context, principal string, exists bool) error {
	out, err := r.api.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: &r.spec.Like, PrincipalArn: &principal})
	if err != nil {
		return awserr.Wrap("describe access entry "+principal, err)
	}
	entry := out.AccessEntry
	if kind := aws.ToString(entry.Type); kind != "" && kind != standard {
		return nil
	}
	if !exists {
		_, err := r.api.CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{
			ClusterName: &r.spec.Cluster, PrincipalArn: &principal, Type: entry.Type, Username: entry.Username,
			KubernetesGroups: entry.KubernetesGroups, ClientRequestToken: r.token("access " + principal),
		})
		if err != nil && !awserr.Is(err, "ResourceInUseException") {
			return awserr.Wrap("create access entry "+principal, err)
		}
	}
	return r.copyPolicies(ctx, principal)
}

// copyPolicies associates every time: the call changes nothing when it repeats.
func (r *run) copyPolicies(ctx context.Context, principal string) error {
	pages := eks.NewListAssociatedAccessPoliciesPaginator(r.api, &eks.ListAssociatedAccessPoliciesInput{ClusterName: &r.spec.Like, PrincipalArn: &principal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("list access policies of "+principal, err)
		}
		for _, policy := range page.AssociatedAccessPolicies {
			_, err := r.api.AssociateAccessPolicy(ctx, &eks.AssociateAccessPolicyInput{
				ClusterName: &r.spec.Cluster, PrincipalArn: &principal, PolicyArn: policy.PolicyArn, AccessScope: policy.AccessScope})
			if err != nil {
				return awserr.Wrap("associate access policy with "+principal, err)
			}
		}
	}
	return nil
}
