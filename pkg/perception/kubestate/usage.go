package kubestate

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// used is what one node or pod uses.
type used struct {
	name string
	upgrade.Resources
}

// usage reads what metrics.k8s.io measured. The server behind it sends each list
// in one piece; it is read while it arrives.
func usage(ctx context.Context, s *scan, nodes, pods kube.Resource) (*upgrade.Usage, error) {
	out := &upgrade.Usage{Nodes: map[string]upgrade.Resources{}}
	byNode, err := gatherSome(ctx, s, nodes, kube.Selection{}, false, func(m *objects.NodeMetrics) (used, bool) {
		return used{m.Name, upgrade.Resources{CPU: m.Usage["cpu"].Milli(), Memory: m.Usage["memory"].Value()}}, true
	})
	if err != nil {
		return nil, err
	}
	for _, n := range byNode {
		out.Nodes[n.name] = n.Resources
	}
	byPod, err := gatherSome(ctx, s, pods, kube.Selection{}, false, func(m *objects.PodMetrics) (upgrade.Resources, bool) {
		var sum upgrade.Resources
		for _, c := range m.Containers {
			sum.CPU += c.Usage["cpu"].Milli()
			sum.Memory += c.Usage["memory"].Value()
		}
		return sum, true
	})
	if err != nil {
		return nil, err
	}
	for _, p := range byPod {
		out.Pods.CPU += p.CPU
		out.Pods.Memory += p.Memory
	}
	return out, nil
}
