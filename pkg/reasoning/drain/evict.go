package drain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const maxWaits = 3

// cordon keeps new pods off nodes, or takes that back.
func (s *simulation) cordon(nodes []int32, on bool) {
	for _, n := range nodes {
		m := &s.nodes[n]
		was := m.cordoned
		m.cordoned = on || m.barred
		if was && !m.cordoned {
			s.capacity++
			s.offer(n)
		}
	}
}

// remove takes empty nodes of a group away.
func (s *simulation) remove(g *group, nodes []int32) {
	for _, n := range nodes {
		m := &s.nodes[n]
		m.gone = true
		g.inZone[m.zone]--
		for _, p := range m.pods {
			if s.pods[p].stays && s.pods[p].node == n {
				s.pods[p].node = -1
			}
		}
		m.pods = nil
		if s.addresses != nil && m.zone != "" {
			s.addresses[m.zone]++
		}
	}
}

// drain evicts the pods of nodes until all are empty, or EKS gives up on them;
// then it returns the pods that are left, in the order of the nodes.
func (s *simulation) drain(g *group, batch []int32) (upgrade.DrainBatch, []upgrade.DrainBlock) {
	out := upgrade.DrainBatch{Start: upgrade.Duration(s.now), Nodes: make([]string, len(batch))}
	start, limit := s.now, s.now+s.d.Limit
	s.waits, s.movedNow, s.drainStart = nil, 0, start
	for i, n := range batch {
		out.Nodes[i] = s.nodes[n].name
		s.nodes[n].left, s.nodes[n].leaving = 0, 0
		slices.Sort(s.nodes[n].pods)
		for _, p := range s.nodes[n].pods {
			if s.pods[p].stays || s.pods[p].node != n {
				continue
			}
			s.nodes[n].left++
			s.try(p)
		}
	}
	for s.any(batch, func(m *node) bool { return m.left > 0 }) && len(s.events) > 0 && s.events[0].at <= limit {
		s.next()
	}
	var blocks []upgrade.DrainBlock
	if s.any(batch, func(m *node) bool { return m.left > 0 }) {
		s.advance(limit)
		blocks = s.blocksOf(g, batch)
	}
	for len(blocks) == 0 && s.any(batch, func(m *node) bool { return m.leaving > 0 }) {
		s.next()
	}
	out.Duration, out.Moved = upgrade.Duration(s.now-start), s.movedNow
	slices.SortStableFunc(s.waits, func(a, b upgrade.DrainWait) int { return cmp.Compare(b.Waited, a.Waited) })
	out.Waits = s.waits[:min(len(s.waits), maxWaits)]
	return out, blocks
}

// any reports whether something holds of any of some nodes.
func (s *simulation) any(nodes []int32, holds func(*node) bool) bool {
	return slices.ContainsFunc(nodes, func(n int32) bool { return holds(&s.nodes[n]) })
}

// try evicts a pod if the eviction API would let it go, and else lets it wait.
// The rules are those of the API server: pods that are over or have not begun
// are not protected; more than one budget is an error; a pod that is not ready
// may go while its budget is met. Source:
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/#how-api-initiated-eviction-works
func (s *simulation) try(p int32) {
	x := &s.pods[p]
	switch {
	case x.over || x.pending:
	case len(x.overlaps) > 0:
		return // for ever
	case x.budget < 0:
	default:
		if b := &s.budgets[x.budget]; !b.allows(x) {
			if !x.waiting {
				x.waiting = true
				b.waiting = append(b.waiting, p)
			}
			return
		}
	}
	s.evict(p)
}

// retry tries the pods that wait for a budget, as long as it lets any go.
func (s *simulation) retry(b *budget) {
	for len(b.waiting) > 0 && b.allows(&s.pods[b.waiting[0]]) {
		p := b.waiting[0]
		b.waiting = b.waiting[1:]
		s.pods[p].waiting = false
		if n := s.pods[p].node; n >= 0 && s.nodes[n].cordoned {
			s.waits = append(s.waits, upgrade.DrainWait{Node: s.nodes[n].name, Pod: s.name(p), Budget: b.object, Waited: upgrade.Duration(s.now - s.drainStart)})
			s.try(p)
		}
	}
}

// evict lets a pod go. Who makes it again does so at once, a StatefulSet when it
// has gone; a volume follows when the pod has gone. A pod counts for its budget
// when it is ready, whatever minReadySeconds says. Sources:
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/ and
// https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/disruption/disruption.go (countHealthyPods)
func (s *simulation) evict(p int32) {
	x := &s.pods[p]
	n := x.node
	s.nodes[n].left--
	s.movedNow++
	k := &s.kinds[x.kind]
	if x.ready {
		if x.budget >= 0 {
			s.budgets[x.budget].healthy--
		}
		for _, b := range x.overlaps {
			s.budgets[b].healthy--
		}
	}
	s.note(p, k)
	s.free(p)
	wasOver := x.over
	x.ready, x.node = false, -1
	if wasOver || x.pending && x.nobody {
		return
	}
	grace := min(k.grace, s.d.Limit)
	if x.pending {
		grace = 0
	}
	s.nodes[n].leaving++
	s.later(grace, ended, p, n)
	if x.nobody {
		return
	}
	wait := time.Duration(0)
	if x.inOrder || x.claims {
		wait = grace
	}
	x.moved, x.pending = true, false
	s.later(wait, created, p, n)
}

// note keeps what can go wrong with a pod that is evicted.
func (s *simulation) note(p int32, k *kind) {
	x, name := &s.pods[p], s.name(p)
	if x.over || x.moved {
		return
	}
	if x.nobody {
		s.lost.add(name)
	}
	if w := s.kube.Pods[p].Workload; w >= 0 && w < len(s.kube.Workloads) && len(s.kube.Workloads[w].Template.EmptyDirs) > 0 ||
		s.kube.Pods[p].Bare != nil && len(s.kube.Pods[p].Bare.EmptyDirs) > 0 {
		s.local.add(name)
	}
	if tolerates(k.tolerations, upgrade.NodeTaint{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"}) {
		s.everywhere.add(name)
	}
	if k.grace > s.d.Limit {
		s.slow.add(name)
	}
}

// blocksOf says of each pod that is left on the nodes why.
func (s *simulation) blocksOf(g *group, batch []int32) []upgrade.DrainBlock {
	var out []upgrade.DrainBlock
	for _, n := range batch {
		for _, p := range s.nodes[n].pods {
			x := &s.pods[p]
			if x.stays || x.node != n {
				continue
			}
			var block upgrade.DrainBlock
			if len(x.overlaps) > 0 {
				block = s.block(g, upgrade.BlockedByOverlap, "%d disruption budgets select the pod, and the eviction API refuses such a pod with error 500", len(x.overlaps))
				for _, b := range x.overlaps {
					block.Budgets = append(block.Budgets, s.budgets[b].object)
				}
			} else {
				b := &s.budgets[x.budget]
				block = s.block(g, upgrade.BlockedByBudget, "%s", s.whyRefused(b))
				block.Budgets = []upgrade.ObjectName{b.object}
			}
			name := s.name(p)
			block.Node, block.Pod, block.Moved = s.nodes[n].name, &name, x.moved
			out = append(out, block)
			x.waiting = false
			if x.budget >= 0 {
				b := &s.budgets[x.budget]
				b.waiting = slices.DeleteFunc(b.waiting, func(w int32) bool { return w == p })
			}
		}
	}
	return out
}

func (s *simulation) whyRefused(b *budget) string {
	text := fmt.Sprintf("disruption budget %s/%s (%s) allows no eviction within %s: %d of %d pods are healthy and %d must be", b.object.Namespace, b.object.Name, b.written, s.d.Limit, b.healthy, b.expected, b.desired)
	switch {
	case b.desired >= b.expected:
		text += ", so that it never allows one"
	case b.pending > 0 && b.example >= 0:
		text += fmt.Sprintf("; %d of its pods wait for a node: %s", b.pending, s.whyHomeless(b.example))
	}
	return text
}
