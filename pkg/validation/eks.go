package validation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS describes clusters.
type EKS interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
}

// ClusterActive checks that EKS says ACTIVE, of the criterion's version when it
// names one, without health issues. A cluster that the plan deletes in the end
// must not be protected from it.
type ClusterActive struct{ EKS EKS }

// Check implements Checker.
func (a ClusterActive) Check(ctx context.Context, _ upgrade.Run, plan upgrade.Plan, c upgrade.Criterion) (Result, error) {
	cluster, err := describe(ctx, a.EKS, c.Cluster)
	if err != nil {
		return Result{}, err
	}
	if cluster == nil {
		return fail("EKS knows no such cluster"), nil
	}
	version := aws.ToString(cluster.Version)
	switch {
	case cluster.Status == types.ClusterStatusCreating || cluster.Status == types.ClusterStatusUpdating || cluster.Status == types.ClusterStatusPending:
		return inconclusive("it is %s", cluster.Status), nil
	case cluster.Status != types.ClusterStatusActive:
		return fail("it is %s", cluster.Status), nil
	case c.Version != (upgrade.Version{}) && version != c.Version.String():
		return fail("it has version %s instead of %s", version, c.Version), nil
	case cluster.Health != nil && len(cluster.Health.Issues) > 0:
		return fail("EKS reports %s", issues(cluster.Health.Issues)), nil
	case aws.ToBool(cluster.DeletionProtection) && plan.Mode == upgrade.Forward && c.Cluster == plan.Cluster && deletesBlue(plan):
		return fail("its deletion protection is on, and the plan deletes it in the end; turn it off in EKS, or ask with decommission: keep"), nil
	}
	return pass("ACTIVE at %s", version), nil
}

func deletesBlue(plan upgrade.Plan) bool {
	return slices.ContainsFunc(plan.Steps, func(s upgrade.Step) bool { return s.Kind == upgrade.StepDecommission })
}

func issues(all []types.ClusterIssue) string {
	texts := make([]string, len(all))
	for i, issue := range all {
		texts[i] = fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message))
	}
	return strings.Join(texts, "; ")
}

// ClusterGone checks that EKS does not know the cluster. A cluster with the
// green one's name that this upgrade did not make is not a rollback's to
// delete: for it, its being another's is the pass.
type ClusterGone struct{ EKS EKS }

// Check implements Checker.
func (g ClusterGone) Check(ctx context.Context, run upgrade.Run, plan upgrade.Plan, c upgrade.Criterion) (Result, error) {
	cluster, err := describe(ctx, g.EKS, c.Cluster)
	if err != nil {
		return Result{}, err
	}
	switch {
	case cluster == nil:
		return pass("EKS knows no such cluster"), nil
	case cluster.Status == types.ClusterStatusDeleting:
		return inconclusive("it is being deleted"), nil
	case plan.Mode == upgrade.RollingBack && c.Cluster == plan.Green && cluster.Tags[provision.UpgradeTag] != run.ID:
		return pass("the cluster of this name was not made by this upgrade and was left alone"), nil
	}
	return fail("it is still there, %s", cluster.Status), nil
}

func describe(ctx context.Context, api EKS, name string) (*types.Cluster, error) {
	out, err := api.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if awserr.Is(err, "ResourceNotFoundException") {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe cluster "+name, err)
	}
	return out.Cluster, nil
}
