package validation

import (
	"context"
	"fmt"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Cluster reads one cluster.
type Cluster interface {
	Nodes(ctx context.Context) ([]objects.Node, error)
	Deployments(ctx context.Context) ([]objects.Deployment, error)
	StatefulSets(ctx context.Context) ([]objects.StatefulSet, error)
	DaemonSets(ctx context.Context) ([]objects.DaemonSet, error)
}

// Connect connects to the API server of an EKS cluster.
type Connect func(ctx context.Context, cluster string) (Cluster, error)

// NodesReady checks that every node is Ready and that there is at least one.
type NodesReady struct{ Connect Connect }

// Check implements Checker.
func (n NodesReady) Check(ctx context.Context, _ upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (Result, error) {
	client, err := n.Connect(ctx, c.Cluster)
	if err != nil {
		return Result{}, err
	}
	nodes, err := client.Nodes(ctx)
	if err != nil {
		return Result{}, err
	}
	if len(nodes) == 0 {
		return inconclusive("there are no nodes"), nil
	}
	var bad []string
	for _, node := range nodes {
		if why := notReady(node); why != "" {
			bad = append(bad, node.Name+" "+why)
		}
	}
	if len(bad) > 0 {
		return fail("%d of %d nodes are not Ready: %s", len(bad), len(nodes), some(bad)), nil
	}
	return pass("%d nodes are Ready", len(nodes)), nil
}

func notReady(node objects.Node) string {
	for _, condition := range node.Status.Conditions {
		if condition.Type != objects.NodeReady {
			continue
		}
		if condition.Status == objects.True {
			return ""
		}
		return strings.TrimSpace(fmt.Sprintf("is Ready=%s %s", condition.Status, condition.Reason))
	}
	return "says nothing of being ready"
}

// WorkloadsReady checks that every Deployment, StatefulSet and DaemonSet has
// the replicas that it wants, as observed of its present generation. With Like,
// every one of that other cluster must be there too.
type WorkloadsReady struct{ Connect Connect }

// Check implements Checker.
func (w WorkloadsReady) Check(ctx context.Context, _ upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (Result, error) {
	apps, err := w.applications(ctx, c.Cluster)
	if err != nil {
		return Result{}, err
	}
	var missing, bad []string
	if c.Like != "" {
		like, err := w.applications(ctx, c.Like)
		if err != nil {
			return Result{}, err
		}
		if len(like) == 0 {
			return inconclusive("%s, to compare with, has no applications", c.Like), nil
		}
		there := map[string]bool{}
		for _, app := range apps {
			there[app.name] = true
		}
		for _, app := range like {
			if !there[app.name] {
				missing = append(missing, app.name)
			}
		}
	}
	if len(apps) == 0 {
		return inconclusive("there are no applications"), nil
	}
	for _, app := range apps {
		if app.problem != "" {
			bad = append(bad, app.name+" "+app.problem)
		}
	}
	switch {
	case len(missing) > 0:
		return fail("%d applications of %s are missing: %s", len(missing), c.Like, some(missing)), nil
	case len(bad) > 0:
		return fail("%d of %d applications are not ready: %s", len(bad), len(apps), some(bad)), nil
	}
	return pass("%d applications are ready", len(apps)), nil
}

type application struct{ name, problem string }

func (w WorkloadsReady) applications(ctx context.Context, cluster string) ([]application, error) {
	client, err := w.Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	deployments, err := client.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	statefulSets, err := client.StatefulSets(ctx)
	if err != nil {
		return nil, err
	}
	daemonSets, err := client.DaemonSets(ctx)
	if err != nil {
		return nil, err
	}
	var apps []application
	for _, d := range deployments {
		apps = append(apps, application{"Deployment " + d.Namespace + "/" + d.Name,
			unready(d.Generation, d.Status.ObservedGeneration, replicas(d.Spec.Replicas), d.Status.ReadyReplicas, d.Status.UpdatedReplicas)})
	}
	for _, s := range statefulSets {
		updated := s.Status.UpdatedReplicas
		if s.Spec.UpdateStrategy.Type == objects.OnDelete {
			updated = replicas(s.Spec.Replicas) // people replace the pods themselves
		}
		apps = append(apps, application{"StatefulSet " + s.Namespace + "/" + s.Name,
			unready(s.Generation, s.Status.ObservedGeneration, replicas(s.Spec.Replicas), s.Status.ReadyReplicas, updated)})
	}
	for _, d := range daemonSets {
		wanted, updated := d.Status.DesiredNumberScheduled, d.Status.UpdatedNumberScheduled
		if d.Spec.UpdateStrategy.Type == objects.OnDelete {
			updated = wanted
		}
		apps = append(apps, application{"DaemonSet " + d.Namespace + "/" + d.Name,
			unready(d.Generation, d.Status.ObservedGeneration, wanted, d.Status.NumberReady, updated)})
	}
	return apps, nil
}

// replicas returns the default of Kubernetes, 1, when none are given.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func unready(generation, observed int64, wanted, ready, updated int32) string {
	switch {
	case observed < generation:
		return "is not yet observed by its controller"
	case updated < wanted:
		return fmt.Sprintf("has %d of %d replicas of the present version", updated, wanted)
	case ready < wanted:
		return fmt.Sprintf("has %d of %d replicas ready", ready, wanted)
	}
	return ""
}

// some names the first few, so that evidence stays readable.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
