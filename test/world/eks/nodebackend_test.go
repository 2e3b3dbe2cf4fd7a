package eks

import (
	"context"
	"fmt"
)

func (b *backend) AddNodes(ctx context.Context, cluster string, nodes []Node) error {
	b.mu.Lock()
	b.added = append(b.added, nodes...)
	b.mu.Unlock()
	return b.run(ctx, fmt.Sprintf("add %s %d", cluster, len(nodes)))
}

func (b *backend) ChangeNodes(ctx context.Context, cluster string, nodes []string, change NodeChange) error {
	return b.run(ctx, fmt.Sprintf("change %s %d", cluster, len(nodes)))
}

func (b *backend) Cordon(ctx context.Context, cluster string, nodes []string, on bool) error {
	return b.run(ctx, fmt.Sprintf("cordon %s %d %v", cluster, len(nodes), on))
}

func (b *backend) Drain(ctx context.Context, cluster string, nodes []string, force bool) ([]BlockedPod, error) {
	err := b.run(ctx, fmt.Sprintf("drain %s %d %v", cluster, len(nodes), force))
	b.mu.Lock()
	defer b.mu.Unlock()
	var blocked []BlockedPod
	for _, n := range nodes {
		if pod := b.blocks[n]; pod != "" && !force {
			blocked = append(blocked, BlockedPod{Node: n, Pod: pod, Reason: "Cannot evict pod as it would violate the pod's disruption budget."})
		}
	}
	return blocked, err
}

func (b *backend) RemoveNodes(ctx context.Context, cluster string, nodes []string) error {
	b.mu.Lock()
	b.removed = append(b.removed, nodes...)
	b.mu.Unlock()
	return b.run(ctx, fmt.Sprintf("remove %s %d", cluster, len(nodes)))
}

func (b *backend) ApplyAddon(ctx context.Context, cluster string, w Workload, overwrite, preserve bool) ([]string, error) {
	err := b.run(ctx, fmt.Sprintf("apply %s %s %s %v %v", cluster, w.Addon, w.Version, overwrite, preserve))
	if overwrite || preserve {
		return nil, err
	}
	return b.conflicts, err
}

func (b *backend) RemoveAddon(ctx context.Context, cluster string, w Workload) error {
	return b.run(ctx, fmt.Sprintf("remove %s addon %s", cluster, w.Addon))
}
