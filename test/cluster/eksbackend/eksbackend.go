// Package eksbackend puts a fleet of real control planes behind the simulated EKS.
package eksbackend

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

// Backend is a fleet as the simulated EKS wants it. It authorizes what access
// policies allow (eks.Granter) and sees requests to deprecated APIs
// (eks.APIObserver) and whether add-ons have their replicas (eks.AddonObserver).
type Backend struct{ *cluster.Fleet }

// New returns the backend of a fleet.
func New(f *cluster.Fleet) Backend { return Backend{f} }

var _ interface {
	eks.ClusterBackend
	eks.Granter
	eks.APIObserver
	eks.AddonObserver
} = Backend{}

func (b Backend) CreateCluster(ctx context.Context, name, version string) (eks.Endpoint, error) {
	endpoint, err := b.Fleet.CreateCluster(ctx, name, version)
	return eks.Endpoint{URL: endpoint.URL, CAData: endpoint.CAData, Issuer: endpoint.URL}, err // its API servers name themselves
}

func (b Backend) ScaleNodegroup(ctx context.Context, name, nodegroup string, n eks.Nodes) error {
	return b.Fleet.ScaleNodegroup(ctx, name, nodegroup, cluster.Nodes(n))
}

func (b Backend) AddNodes(ctx context.Context, name string, nodes []eks.Node) error {
	var add []cluster.Node
	for _, n := range nodes {
		add = append(add, cluster.Node{Name: n.Name, IP: n.IP, ProviderID: n.ProviderID, KubeletVersion: n.KubeletVersion, OSImage: n.OSImage, Windows: n.Windows, ARM: n.ARM,
			CPU: n.CPU, Pods: n.Pods, MemoryMiB: n.MemoryMiB, Labels: n.Labels, Taints: taints(n.Taints)})
	}
	return b.Fleet.AddNodes(ctx, name, add)
}

func (b Backend) ChangeNodes(ctx context.Context, name string, nodes []string, c eks.NodeChange) error {
	return b.Fleet.ChangeNodes(ctx, name, nodes, cluster.NodeChange{Labels: c.Labels, RemoveLabels: c.RemoveLabels, Taints: taints(c.Taints), RemoveTaints: taints(c.RemoveTaints)})
}

func (b Backend) Drain(ctx context.Context, name string, nodes []string, force bool) ([]eks.BlockedPod, error) {
	left, err := b.Fleet.Drain(ctx, name, nodes, force)
	var blocked []eks.BlockedPod
	for _, p := range left {
		blocked = append(blocked, eks.BlockedPod(p))
	}
	return blocked, err
}

func (b Backend) ApplyAddon(ctx context.Context, name string, w eks.Workload, overwrite, preserve bool) ([]string, error) {
	return b.Fleet.ApplyAddon(ctx, name, cluster.Workload(w), overwrite, preserve)
}

func (b Backend) RemoveAddon(ctx context.Context, name string, w eks.Workload) error {
	return b.Fleet.RemoveAddon(ctx, name, cluster.Workload(w))
}

// AddonReady implements eks.AddonObserver.
func (b Backend) AddonReady(ctx context.Context, name string, w eks.Workload, wait bool) (bool, error) {
	return b.Fleet.AddonReady(ctx, name, cluster.Workload(w), wait)
}

func taints(in []eks.Taint) []cluster.Taint {
	var out []cluster.Taint
	for _, t := range in {
		out = append(out, cluster.Taint(t))
	}
	return out
}
