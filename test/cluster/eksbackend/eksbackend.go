// Package eksbackend puts a fleet of real control planes behind the simulated EKS.
package eksbackend

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

// New returns the fleet as the simulated EKS wants it.
func New(f *cluster.Fleet) eks.ClusterBackend { return backend{f} }

type backend struct{ *cluster.Fleet }

func (b backend) CreateCluster(ctx context.Context, name, version string) (eks.Endpoint, error) {
	endpoint, err := b.Fleet.CreateCluster(ctx, name, version)
	return eks.Endpoint(endpoint), err
}

func (b backend) ScaleNodegroup(ctx context.Context, name, nodegroup string, n eks.Nodes) error {
	return b.Fleet.ScaleNodegroup(ctx, name, nodegroup, cluster.Nodes(n))
}
