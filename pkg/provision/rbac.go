package provision

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Kubernetes is the new cluster as who makes it: EKS lets the maker of a cluster
// administer it.
type Kubernetes interface {
	// Caller returns the ARN of the caller's identity.
	Caller(ctx context.Context) (string, error)
	// Apply applies objects to a cluster, one after the other.
	Apply(ctx context.Context, cluster string, objects []map[string]any) error
}

// patience is how many looks a new cluster may refuse its maker: access entries
// take a while to arrive.
const patience = 10

// authorize lets the agent's roles into the new cluster: their access entries,
// and what their groups may do there. The build is then no administrator any
// more: it gives its own entry up, so that nothing of the agent is one. When it
// runs again and has none, all of this was done.
func (r *run) authorize(ctx context.Context, like *types.Cluster) error {
	there, err := r.principals(ctx, r.spec.Cluster)
	if err != nil {
		return err
	}
	principals := map[string]bool{}
	for _, p := range there {
		principals[p] = true
	}
	if err := r.ownEntries(ctx, like, principals); err != nil {
		return err
	}
	caller, err := r.opts.Kubernetes.Caller(ctx)
	if err != nil {
		return err
	}
	own := r.entryOf(caller, there)
	if sessionRole(caller) == access.ProvisionProject && own == "" {
		return nil
	}
	denied := 0
	if err := r.await(ctx, func() (bool, error) {
		err := r.opts.Kubernetes.Apply(ctx, r.spec.Cluster, access.Objects(true))
		if upgrade.CodeOf(err) == upgrade.CodePermissionDenied && denied < patience {
			denied++
			r.say("permissions", "%v", err)
			return false, nil
		}
		return err == nil, err
	}); err != nil {
		return err
	}
	r.say("permissions", "applied")
	if sessionRole(caller) != access.ProvisionProject {
		return nil
	}
	_, err = r.api.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{ClusterName: &r.spec.Cluster, PrincipalArn: &own})
	if notFound(err) {
		return nil
	}
	return awserr.Wrap("give up the administration of "+r.spec.Cluster, err)
}

// ownEntries makes the access entries of the agent's roles that are missing:
// those that the other cluster has were copied from it.
func (r *run) ownEntries(ctx context.Context, like *types.Cluster, there map[string]bool) error {
	cluster, err := arn.Parse(aws.ToString(like.Arn))
	if err != nil {
		return upgrade.KindAWSUnexpected.Errorf("read the ARN of "+r.spec.Like, "%w", err)
	}
	names := access.Names{Partition: cluster.Partition, Account: cluster.AccountID}
	for _, e := range access.Entries() {
		principal := names.Role(e.Role)
		if there[principal] {
			continue
		}
		_, err := r.api.CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{ClusterName: &r.spec.Cluster, PrincipalArn: &principal, Type: aws.String(standard),
			KubernetesGroups: []string{string(e.Group)}, ClientRequestToken: r.token("access " + principal)})
		if err != nil && !awserr.Is(err, "ResourceInUseException") {
			return awserr.Wrap("create access entry "+principal, err)
		}
	}
	return nil
}

// sessionRole returns the name of the role whose session an identity is; "" for
// users.
func sessionRole(identity string) string {
	_, session, _ := strings.Cut(identity, ":assumed-role/")
	role, _, _ := strings.Cut(session, "/")
	return role
}

// entryOf returns which of the principals an identity is; "" when none is.
func (r *run) entryOf(identity string, principals []string) string {
	for _, p := range principals {
		_, path, isRole := strings.Cut(p, ":role/")
		if p == identity || isRole && path[strings.LastIndex(path, "/")+1:] == sessionRole(identity) {
			return p
		}
	}
	return ""
}
