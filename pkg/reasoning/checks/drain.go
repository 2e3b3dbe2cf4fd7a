package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/drain"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var drainNeeds = []upgrade.Part{KubeNodes, KubeWorkloads, Pods, Budgets}

var drainChecks = []Check{
	{ID: "drain-blocked", Family: Drain, Title: "A node could not be drained", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: drainNeeds,
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html", Remedy: "let the pod go: relax or merge its disruption budgets, add a replica, or make room for its replacement", run: drainBlocked},
	{ID: "drain-homeless", Family: Drain, Title: "Evicted pods would find no node", Severity: upgrade.High, Blocks: BlocksNever, Needs: drainNeeds,
		Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/", Remedy: "make room before the nodes are replaced: add nodes, in the zones of the volumes, or lower what the pods request", run: drainHomeless},
	{ID: "drain-not-simulated", Family: Drain, Title: "Nodes whose drain was not simulated", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: drainNeeds,
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", Remedy: "replace these nodes by the means of who made them, one at a time, and watch", run: drainNotSimulated},
}

// forecast simulates the drain when what it needs was seen; else it is nil.
func (v View) forecast() *upgrade.DrainForecast {
	if len(v.unseen(drainNeeds)) > 0 {
		return nil
	}
	f := drain.Simulate(v.AWS, v.Kubernetes, v.Request.Target, drain.Estimates())
	return &f
}

func drainBlocked(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.drain.Groups {
		for i, b := range g.Blocks {
			evidence := fmt.Sprintf("the update of node group %s would fail %s after it began: %s", g.Name, b.At.D()-g.Start.D(), drain.Sentence(b))
			if i == len(g.Blocks)-1 && g.Blocked > len(g.Blocks) {
				evidence += fmt.Sprintf("; %d more pods stay", g.Blocked-len(g.Blocks))
			}
			f := c.found(v, evidence)
			if v.Request.Strategy == upgrade.BlueGreen {
				f.Evidence += "; a blue/green upgrade drains no node, so that it does not block it"
				f.Severity = upgrade.Medium
			}
			if b.Pod != nil {
				f = on(f, upgrade.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: b.Pod.Namespace, Name: b.Pod.Name})
			}
			out = append(out, f)
		}
	}
	return out
}

func drainHomeless(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.drain.Groups {
		if g.Homeless > 0 {
			f := c.found(v, fmt.Sprintf("after the update of node group %s, %d of the %d pods that it moves have no node", g.Name, g.Homeless, g.Moved))
			if v.Request.Strategy == upgrade.BlueGreen {
				f.Severity = upgrade.Low
			}
			out = append(out, f)
		}
	}
	return out
}

func drainNotSimulated(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy == upgrade.BlueGreen {
		return nil // it drains no node
	}
	var out []upgrade.Finding
	for _, what := range v.drain.NotSimulated {
		out = append(out, c.unseen(what, c.Remedy))
	}
	return out
}
