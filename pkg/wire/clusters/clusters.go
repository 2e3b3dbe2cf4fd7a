// Package clusters connects to the API servers of EKS clusters.
package clusters

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
)

// Clusters connects to clusters by name. Each connection asks EKS anew: a
// cluster can be made again under its old name while a Lambda's process lives
// on.
type Clusters struct {
	limits    kube.Limits
	eks       *eks.Client
	presigner *sts.PresignClient
}

// New returns the connector.
func New(cfg aws.Config, k config.Kubernetes) Clusters {
	return Clusters{limits: kube.Limits{QPS: k.QPS, Burst: k.Burst, Timeout: k.RequestTimeout.D()}, eks: eks.NewFromConfig(cfg), presigner: sts.NewPresignClient(sts.NewFromConfig(cfg))}
}

// Connect connects to a cluster.
func (c Clusters) Connect(ctx context.Context, cluster string) (*kube.Client, error) {
	return kube.Connect(ctx, c.eks, c.presigner, cluster, c.limits)
}
