// Package drain simulates the rolling update of the managed node groups from a
// snapshot: which nodes go when, which pod waits for what, and what makes the
// update fail. It is a pure function of the snapshot: no clock, no randomness,
// no calls.
package drain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Durations are what the snapshot does not say. EKS gives up on a node after
// fifteen minutes and waits a minute after it has cordoned one; the others are
// estimates. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
type Durations struct {
	Setup       time.Duration // launch template and Auto Scaling group of an update
	Launch      time.Duration // of a node, until it is Ready
	Terminate   time.Duration // of a node that is empty
	Startup     time.Duration // of a pod, from its creation until it is ready
	Probed      time.Duration // the same of a pod with a readiness or startup probe
	Attach      time.Duration // of a volume on another node, after it was detached
	GracePeriod time.Duration // of a pod that says none
	Limit       time.Duration // after which EKS gives up on a node
}

// Estimates returns the durations that are assumed.
func Estimates() Durations {
	return Durations{Setup: 30 * time.Second, Launch: 90 * time.Second, Terminate: time.Minute, Startup: 15 * time.Second, Probed: 45 * time.Second,
		Attach: 30 * time.Second, GracePeriod: 30 * time.Second, Limit: 15 * time.Minute}
}

// Simulate rolls every managed node group that has nodes older than the target,
// one after the other, as EKS does without Force. aws may be nil; then update
// settings and addresses are not known, and the forecast says so. A zero target
// replaces every node.
func Simulate(aws *upgrade.ClusterState, kube *upgrade.KubernetesState, target upgrade.Version, d Durations) upgrade.DrainForecast {
	s := newSimulation(aws, kube, target, d)
	out := upgrade.DrainForecast{Completes: true, Groups: []upgrade.DrainGroup{}}
	for _, g := range s.groups() {
		result := s.roll(g)
		out.Groups = append(out.Groups, result)
		if len(result.Blocks) > 0 {
			out.Completes = false
			if out.FirstBlock == nil {
				out.FirstBlock = &result.Blocks[0]
			}
		}
	}
	out.Duration = upgrade.Duration(s.now)
	out.Risks, out.Assumptions, out.NotSimulated = s.risks(), s.assumptions(), s.leftOut()
	return out
}

// group is a node group with what is to be replaced of it.
type group struct {
	name    string
	minimal bool
	atOnce  int
	desired int
	zones   []string
	subnets []string // none: any
	old     []int32  // nodes to replace, in order
	fresh   int      // nodes that need not be, or are new
	inZone  map[string]int
	known   bool // EKS described it
}

// maxAtOnce is the most nodes of a group that EKS updates together. Source:
// https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupUpdateConfig.html
const maxAtOnce = 100

// groups lists the node groups in the order of the snapshot, each with its nodes
// by name.
func (s *simulation) groups() []*group {
	byName := map[string]*group{}
	var all []*group
	add := func(name string) *group {
		g := byName[name]
		if g == nil {
			g = &group{name: name, atOnce: 1, inZone: map[string]int{}}
			byName[name] = g
			all = append(all, g)
		}
		return g
	}
	if s.aws != nil {
		for _, n := range s.aws.NodeGroups {
			g := add(n.Name)
			g.known, g.minimal, g.desired, g.subnets = true, n.Update.Strategy == "MINIMAL", n.Desired, n.Subnets
			g.atOnce = max(n.Update.MaxUnavailable, 1)
			if n.Update.MaxUnavailablePercent > 0 {
				g.atOnce = max(n.Desired*n.Update.MaxUnavailablePercent/100, 1)
			}
			g.atOnce = min(g.atOnce, maxAtOnce)
		}
	}
	for i := range s.kube.Nodes {
		n := &s.kube.Nodes[i]
		if n.Provisioner != upgrade.ByNodeGroup || n.NodeGroup == "" {
			continue
		}
		g := add(n.NodeGroup)
		if s.target == (upgrade.Version{}) || n.KubeletVersion.Compare(s.target) < 0 {
			g.old = append(g.old, int32(i))
		} else {
			g.fresh++
		}
		g.inZone[n.Zone]++
		if n.Zone != "" && !slices.Contains(g.zones, n.Zone) {
			g.zones = append(g.zones, n.Zone)
		}
	}
	for _, g := range all {
		slices.Sort(g.zones)
		slices.SortFunc(g.old, func(a, b int32) int { return cmp.Compare(s.nodes[a].name, s.nodes[b].name) })
		if g.desired == 0 {
			g.desired = len(g.old) + g.fresh
		}
	}
	return slices.DeleteFunc(all, func(g *group) bool { return len(g.old) == 0 })
}

// roll updates one node group in the phases of EKS: set up; with DEFAULT launch
// new nodes (twice the number of zones, or as many as are drained at once when
// that is more) and cordon all old ones; drain and terminate batch after batch.
func (s *simulation) roll(g *group) upgrade.DrainGroup {
	out := upgrade.DrainGroup{Name: g.name, Strategy: "DEFAULT", AtOnce: g.atOnce, Nodes: len(g.old), Start: upgrade.Duration(s.now), Batches: []upgrade.DrainBatch{}}
	s.homeless = 0
	s.advance(s.now + s.d.Setup)
	old := g.old
	end := func(blocks []upgrade.DrainBlock) upgrade.DrainGroup {
		if len(blocks) == 0 {
			s.advance(s.now + s.d.Setup) // the sizes of the Auto Scaling group
		} else {
			s.cordon(old, false)
		}
		out.Blocked, out.Blocks = len(blocks), blocks[:min(len(blocks), upgrade.MaxDrainBlocks)]
		out.Duration, out.Homeless = upgrade.Duration(s.now)-out.Start, s.homeless
		return out
	}
	if g.minimal {
		out.Strategy = "MINIMAL"
	} else {
		out.Surge = min(max(2*max(len(g.zones), 1), g.atOnce), len(old))
		if block := s.launch(g, out.Surge); block != nil {
			return end([]upgrade.DrainBlock{*block})
		}
		s.cordon(old, true)
	}
	for len(old) > 0 {
		batch := old[:min(g.atOnce, len(old))]
		s.cordon(batch, true)
		result, blocks := s.drain(g, batch)
		out.Batches = append(out.Batches, result)
		out.Moved += result.Moved
		if len(blocks) > 0 {
			return end(blocks)
		}
		s.advance(s.now + s.d.Terminate)
		s.remove(g, batch)
		old = old[len(batch):]
		if n := min(len(batch), g.desired-g.fresh); n > 0 {
			if block := s.launch(g, n); block != nil {
				return end([]upgrade.DrainBlock{*block})
			}
		}
	}
	return end(nil)
}

func (s *simulation) block(g *group, kind upgrade.DrainBlockKind, format string, args ...any) upgrade.DrainBlock {
	return upgrade.DrainBlock{Kind: kind, At: upgrade.Duration(s.now), Group: g.name, Reason: fmt.Sprintf(format, args...)}
}
