// Package clusters makes the green cluster, by a CodeBuild build, and takes a
// cluster away again, by the EKS API.
package clusters

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Describer reads clusters and node groups.
type Describer interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	DescribeNodegroup(context.Context, *eks.DescribeNodegroupInput, ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error)
}

// describe returns a cluster, nil when EKS does not know it.
func describe(ctx context.Context, api Describer, name string) (*types.Cluster, error) {
	out, err := api.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe cluster "+name, err)
	}
	return out.Cluster, nil
}

// nodeGroup returns a node group, nil when EKS does not know it.
func nodeGroup(ctx context.Context, api Describer, cluster, name string) (*types.Nodegroup, error) {
	out, err := api.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe node group "+name+" of "+cluster, err)
	}
	return out.Nodegroup, nil
}

func notFound(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

// foreign says why a cluster was not made by this upgrade, or "".
func foreign(run upgrade.Run, cluster *types.Cluster) string {
	switch id := cluster.Tags[provision.UpgradeTag]; id {
	case run.ID:
		return ""
	case "":
		return fmt.Sprintf("it lacks the tag %s", provision.UpgradeTag)
	default:
		return fmt.Sprintf("its tag %s says %q", provision.UpgradeTag, id)
	}
}

func groupIssues(group *types.Nodegroup) string {
	if group.Health == nil || len(group.Health.Issues) == 0 {
		return "EKS gives no reason"
	}
	var texts []string
	for _, issue := range group.Health.Issues {
		texts = append(texts, fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message)))
	}
	return strings.Join(texts, "; ")
}
