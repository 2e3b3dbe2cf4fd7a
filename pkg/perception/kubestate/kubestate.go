// Package kubestate perceives a cluster as its API server describes it.
package kubestate

import (
	"context"
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Collector looks at the Kubernetes API of a cluster.
type Collector struct {
	Connect func(ctx context.Context, cluster string) (*kube.Client, error)
	Table   lifecycle.Table // normally lifecycle.Official()
	Newest  upgrade.Version // the last release that Table knows, normally lifecycle.Newest()
}

// parallel lists at once: enough to be quick, few enough for a small control
// plane.
const parallel = 6

// Collect implements perception.Collector. A part that may not be seen is left
// nil and named in NotChecked.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	client, err := c.Connect(ctx, in.Run.Request.Cluster)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	state := upgrade.KubernetesState{}
	if state.GitVersion, state.ServerVersion, err = client.Version(ctx); err != nil {
		return upgrade.Snapshot{}, "", err
	}
	var unlisted []upgrade.NotChecked
	parts := []part{
		{"nodes", func(ctx context.Context) (err error) { state.Nodes, err = nodes(ctx, client); return }},
		{"workloads", func(ctx context.Context) (err error) { state.Workloads, err = workloads(ctx, client); return }},
		{"disruption budgets", func(ctx context.Context) (err error) { state.Budgets, err = budgets(ctx, client); return }},
		{"objects and the API versions they are written in", func(ctx context.Context) (err error) {
			state.Objects, state.DeprecatedAPIs, unlisted, err = c.objects(ctx, client, in.Run.Request.Target)
			return
		}},
	}
	unseen, err := partial.Each(ctx, len(parts), parts, look)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	snapshot := upgrade.Snapshot{Kubernetes: &state}
	for _, u := range slices.Concat(unseen, unlisted) {
		if u != (upgrade.NotChecked{}) {
			snapshot.NotChecked = append(snapshot.NotChecked, u)
		}
	}
	if in.Run.Request.Target.Compare(c.Newest) > 0 {
		snapshot.NotChecked = append(snapshot.NotChecked, upgrade.NotChecked{What: fmt.Sprintf("APIs that %s removes", in.Run.Request.Target),
			Why: fmt.Sprintf("the agent's table of API lifecycles ends with %s", c.Newest), Remedy: "install a newer version of the agent"})
	}
	total := 0
	for _, n := range state.Objects {
		total += n
	}
	summary := fmt.Sprintf("Kubernetes %s, %d nodes, %d workloads, %d objects, %d on deprecated APIs",
		state.GitVersion, len(state.Nodes), len(state.Workloads), total, len(state.DeprecatedAPIs))
	return snapshot, summary, nil
}

// part is one thing to look at; each writes to a field of its own.
type part struct {
	what string
	look func(context.Context) error
}

func look(ctx context.Context, p part) (upgrade.NotChecked, error) {
	if err := p.look(ctx); err != nil {
		return partial.Unseen(p.what, err)
	}
	return upgrade.NotChecked{}, nil
}
