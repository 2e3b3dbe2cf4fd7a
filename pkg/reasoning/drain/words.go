package drain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const behaviour = "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html"

// assumptions are what the forecast takes for given, with their sources.
func (s *simulation) assumptions() []string {
	out := []string{
		fmt.Sprintf("EKS drains the nodes of a group by name and the groups one after the other; in truth it chooses the order within a group (%s)", behaviour),
		fmt.Sprintf("EKS gives up on a node after %s without Force, and waits %s between a node's last pod and its end (%s)", s.d.Limit, s.d.Terminate, behaviour),
		fmt.Sprintf("a new node is Ready after %s and runs the same DaemonSets as the group's first old one (estimate)", s.d.Launch),
		fmt.Sprintf("a pod is ready %s after it was placed, %s with a readiness or startup probe, and %s later when a volume follows it (estimate)", s.d.Startup, s.d.Probed, s.d.Attach),
		"a pod takes its whole grace period to end; most take less",
		"a pod that is not ready now is not ready on another node either",
		"nobody else changes the cluster: no autoscaler adds or removes nodes, and nobody scales or deploys",
		"required anti-affinity holds between pods of one workload; preferred affinity, topology spread and preemption by priority do not count",
	}
	if s.aws == nil {
		out = append(out, "update settings of the node groups were not seen: DEFAULT, one node at a time")
	}
	if s.addresses == nil {
		out = append(out, "free addresses of subnets were not seen: there are enough")
	}
	if s.addresses != nil && (s.aws.PodNetwork == nil || s.aws.PodNetwork.CustomNetworking || s.aws.PodNetwork.PrefixDelegation) {
		out = append(out, "addresses are counted for nodes and not for their pods, whose network was not seen, or has subnets or prefixes of its own")
	}
	if s.kube.Volumes == nil {
		out = append(out, "volumes were not seen: none is bound to a zone")
	}
	if slices.ContainsFunc(s.kube.Nodes, func(n upgrade.Node) bool { return n.CPU == 0 || n.MaxPods == 0 }) {
		out = append(out, "the capacity of some nodes was not seen: it is enough")
	}
	return out
}

// leftOut names the nodes that no managed node group updates.
func (s *simulation) leftOut() []string {
	count := map[upgrade.Provisioner]int{}
	for i := range s.kube.Nodes {
		if n := &s.kube.Nodes[i]; n.Provisioner != upgrade.ByNodeGroup || n.NodeGroup == "" {
			count[n.Provisioner]++
		}
	}
	var out []string
	for _, p := range []struct {
		who upgrade.Provisioner
		say string
	}{
		{upgrade.ByKarpenter, "of Karpenter, which replaces them by drift"}, {upgrade.ByAutoMode, "of EKS Auto Mode"}, {upgrade.ByFargate, "of Fargate, which change when their pods do"},
		{upgrade.ByItself, "that are self-managed"}, {upgrade.ByHybrid, "that are hybrid"}, {upgrade.ByNodeGroup, "of a node group that they do not name"}, {"", "of which it is not known who made them"},
	} {
		if n := count[p.who]; n > 0 {
			out = append(out, fmt.Sprintf("%d nodes %s", n, p.say))
		}
	}
	return out
}

// Summary says in one line how the drain would go.
func Summary(f upgrade.DrainForecast) string {
	nodes, moved := 0, 0
	for _, g := range f.Groups {
		nodes, moved = nodes+g.Nodes, moved+g.Moved
	}
	switch {
	case len(f.Groups) == 0:
		return "no node of a managed node group has to be replaced"
	case f.FirstBlock == nil:
		return fmt.Sprintf("%d nodes of %d node groups go in about %s, with %d pods moved", nodes, len(f.Groups), short(f.Duration), moved)
	}
	return fmt.Sprintf("the update of node group %s fails after about %s: %s", f.FirstBlock.Group, short(f.FirstBlock.At), Sentence(*f.FirstBlock))
}

// Sentence says what a block is, by name.
func Sentence(b upgrade.DrainBlock) string {
	if b.Pod == nil {
		return b.Reason
	}
	who := fmt.Sprintf("pod %s/%s", b.Pod.Namespace, b.Pod.Name)
	if b.Moved {
		who = "the pod that replaces " + b.Pod.Namespace + "/" + b.Pod.Name
	}
	return fmt.Sprintf("%s stays on node %s: %s", who, b.Node, b.Reason)
}

// Header are the columns of Rows.
func Header() []string {
	return []string{"Node group", "Start", "Takes", "Nodes", "Pods", "Waits for"}
}

// Rows are the batches as rows of a table for people: at most limit of a group,
// and one row that counts the rest; 0: all.
func Rows(f upgrade.DrainForecast, limit int) [][]string {
	var out [][]string
	for _, g := range f.Groups {
		shown := g.Batches
		if limit > 0 {
			shown = shown[:min(limit, len(shown))]
		}
		for _, b := range shown {
			out = append(out, []string{g.Name, short(b.Start), short(b.Duration), names(b.Nodes), strconv.Itoa(b.Moved), waits(b.Waits)})
		}
		if rest := g.Batches[len(shown):]; len(rest) > 0 {
			nodes, moved := 0, 0
			for _, b := range rest {
				nodes, moved = nodes+len(b.Nodes), moved+b.Moved
			}
			out = append(out, []string{g.Name, short(rest[0].Start), short(g.Start + g.Duration - rest[0].Start), fmt.Sprintf("%d more nodes in %d batches", nodes, len(rest)), strconv.Itoa(moved), ""})
		}
		for _, b := range g.Blocks[:min(len(g.Blocks), 3)] {
			out = append(out, []string{g.Name, short(b.At), "fails", b.Node, "", Sentence(b)})
		}
	}
	return out
}

func names(all []string) string {
	if len(all) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:3], ", "), len(all)-3)
	}
	return strings.Join(all, ", ")
}

func waits(all []upgrade.DrainWait) string {
	var out []string
	for _, w := range all {
		out = append(out, fmt.Sprintf("%s/%s %s for %s", w.Pod.Namespace, w.Pod.Name, short(w.Waited), w.Budget.Name))
	}
	return strings.Join(out, "; ")
}

func short(d upgrade.Duration) string { return d.D().Round(time.Second).String() }
