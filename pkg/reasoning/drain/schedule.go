package drain

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// class is nodes that the scheduler cannot tell apart but by what is free on
// them.
type class struct {
	sample int32
	nodes  []int32
	most   free // the node with the most free is first
}

// free is a heap of nodes by what is free on them, the most first. What is free
// on a schedulable node only shrinks, so that an entry can say too much, and
// never too little; it is corrected when it comes to the top.
type free []entry

type entry struct {
	much int64
	node int32
}

func (f free) Len() int { return len(f) }
func (f free) Less(i, j int) bool {
	return f[i].much > f[j].much || f[i].much == f[j].much && f[i].node < f[j].node
}
func (f free) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *free) Push(x any)   { *f = append(*f, x.(entry)) }
func (f *free) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// much is what is free on a node, for comparison within its class: processor
// time, or places for pods where that was not seen.
func (m *node) much() int64 {
	if m.noCPU {
		return int64(m.room)
	}
	return m.cpu
}

// placeKey counts pods of a kind in one place: a node, or a zone.
type placeKey struct {
	kind  int32
	node  int32 // -1: the zone counts
	place string
}

// classify finds the class of a node.
func (s *simulation) classify(n int32) {
	m := &s.nodes[n]
	var b strings.Builder
	fmt.Fprintf(&b, "%t|%s|", m.noCPU, m.zone)
	for _, t := range m.taints {
		fmt.Fprintf(&b, "%s=%s:%s,", t.Key, t.Value, t.Effect)
	}
	for _, key := range s.keys {
		if value := m.label(key); value != "" {
			fmt.Fprintf(&b, "|%s=%s", key, value)
		}
	}
	id, ok := s.classOf[b.String()]
	if !ok {
		id = int32(len(s.classes))
		s.classOf[b.String()] = id
		s.classes = append(s.classes, class{sample: n})
	}
	m.class = id
	s.classes[id].nodes = append(s.classes[id].nodes, n)
	s.offer(n)
}

// offer lets the scheduler see a node that it may use.
func (s *simulation) offer(n int32) {
	heap.Push(&s.classes[s.nodes[n].class].most, entry{s.nodes[n].much(), n})
}

const zoneLabel = "topology.kubernetes.io/zone"

// label returns a label of the node; a new one has those of an old one, but for
// its name and zone.
func (m *node) label(key string) string {
	switch {
	case key == zoneLabel && m.zone != "":
		return m.zone
	case key == hostname && (m.fresh || m.labels[hostname] == ""):
		return m.name
	}
	return m.labels[key]
}

// put accounts for a pod on a node.
func (s *simulation) put(p, n int32) {
	x, m := &s.pods[p], &s.nodes[n]
	x.node = n
	m.pods = append(m.pods, p)
	m.cpu, m.mem, m.room = m.cpu-x.cpu, m.mem-x.mem, m.room-1
	s.count(p, n, 1)
}

// free takes a pod off its node.
func (s *simulation) free(p int32) {
	x := &s.pods[p]
	if x.over {
		return
	}
	m := &s.nodes[x.node]
	m.cpu, m.mem, m.room = m.cpu+x.cpu, m.mem+x.mem, m.room+1
	s.count(p, x.node, -1)
}

func (s *simulation) count(p, n int32, by int) {
	kind := s.pods[p].kind
	for _, key := range s.kinds[kind].alone {
		s.taken[s.placeOf(kind, n, key)] += by
	}
}

// placeOf is where a node is, by a topology key.
func (s *simulation) placeOf(kind, n int32, key string) placeKey {
	m := &s.nodes[n]
	switch key {
	case hostname:
		return placeKey{kind, n, ""}
	}
	if value := m.label(key); value != "" {
		return placeKey{kind, -1, key + "=" + value}
	}
	return placeKey{kind, n, key} // a node without the label is a place of its own
}

// place finds a node for a pod. Without one the pod waits for the next node.
func (s *simulation) place(p int32) {
	x := &s.pods[p]
	k := &s.kinds[x.kind]
	if n := s.find(p, k); n >= 0 {
		s.start(p, n)
		return
	}
	s.pending = append(s.pending, p)
	s.homeless++
	if x.budget >= 0 {
		b := &s.budgets[x.budget]
		b.pending++
		b.example = p
	}
}

// start runs a pod on a node.
func (s *simulation) start(p, n int32) {
	x, k := &s.pods[p], &s.kinds[s.pods[p].kind]
	s.put(p, n)
	if s.countsAddresses(n) && !k.hostNetwork {
		s.addresses[s.nodes[n].zone]--
	}
	takes := s.d.Startup
	if k.probed {
		takes = s.d.Probed
	}
	if x.claims {
		takes += s.d.Attach
	}
	if !x.sick {
		s.later(takes, ready, p, n)
	}
}

// countsAddresses reports whether pods of a node take addresses of the subnet
// that the snapshot counted: an old node has a stock of its own, with custom
// networking pods have other subnets, and prefixes are not single addresses.
func (s *simulation) countsAddresses(n int32) bool {
	if s.addresses == nil || !s.nodes[n].fresh || s.nodes[n].zone == "" || s.aws == nil {
		return false
	}
	network := s.aws.PodNetwork
	return network != nil && !network.CustomNetworking && !network.PrefixDelegation
}

// tries is how many nodes of a class are looked at, those with the most free
// first, before all are.
const tries = 16

// find returns the node with the most free that has room for a pod, or -1. The
// scheduler prefers such nodes, too (NodeResourcesFit, LeastAllocated). Source:
// https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
func (s *simulation) find(p int32, k *kind) int32 {
	x := &s.pods[p]
	plain := len(x.volumes) == 0 && len(k.alone) == 0
	if plain && k.failedAt == s.capacity {
		return -1
	}
	best := int32(-1)
	for id := range s.classes {
		if !s.suits(k, int32(id)) || !s.reaches(x, s.classes[id].sample) {
			continue
		}
		if n := s.findIn(&s.classes[id], p, k); n >= 0 && (best < 0 || s.nodes[n].much() > s.nodes[best].much()) {
			best = n
		}
	}
	if best < 0 && plain {
		k.failedAt = s.capacity
	}
	return best
}

// findIn looks in one class: first at the nodes with the most free, and then,
// when these fail for another reason than that, at all.
func (s *simulation) findIn(c *class, p int32, k *kind) int32 {
	x := &s.pods[p]
	var seen []entry
	defer func() {
		for _, e := range seen {
			heap.Push(&c.most, e)
		}
	}()
	for len(c.most) > 0 && len(seen) < tries {
		e := c.most[0]
		m := &s.nodes[e.node]
		switch much := m.much(); {
		case m.gone || m.cordoned:
			heap.Pop(&c.most)
			continue
		case much < e.much:
			c.most[0].much = much
			heap.Fix(&c.most, 0)
			continue
		case !m.noCPU && much < x.cpu:
			return -1 // no node has more
		case s.fits(p, k, e.node):
			return e.node
		}
		seen = append(seen, heap.Pop(&c.most).(entry))
	}
	if len(c.most) == 0 {
		return -1
	}
	for _, n := range c.nodes {
		if s.fits(p, k, n) {
			return n
		}
	}
	return -1
}

// suits reports whether pods of a kind may run on nodes of a class at all.
func (s *simulation) suits(k *kind, id int32) bool {
	known, ok := k.fits[id]
	if ok {
		return known
	}
	m := &s.nodes[s.classes[id].sample]
	fit := !slices.ContainsFunc(m.taints, func(t upgrade.NodeTaint) bool {
		return (t.Effect == "NoSchedule" || t.Effect == "NoExecute") && !strings.HasPrefix(t.Key, "node.kubernetes.io/unschedulable") && !tolerates(k.tolerations, t)
	})
	for key, value := range k.selector {
		if key != hostname && m.label(key) != value {
			fit = false
		}
	}
	k.fits[id] = fit
	return fit
}

// reaches reports whether the volumes of a pod can be mounted in a node's zone.
func (s *simulation) reaches(x *pod, n int32) bool {
	return !slices.ContainsFunc(x.volumes, func(v int32) bool {
		zones := s.kube.Volumes[v].Zones
		return len(zones) > 0 && !slices.Contains(zones, s.nodes[n].zone)
	})
}

// fits reports whether a node has room for a pod now.
func (s *simulation) fits(p int32, k *kind, n int32) bool {
	x, m := &s.pods[p], &s.nodes[n]
	switch {
	case m.gone || m.cordoned:
		return false
	case !m.noCPU && (x.cpu > m.cpu || x.mem > m.mem), !m.noRoom && m.room < 1:
		return false
	case s.countsAddresses(n) && !k.hostNetwork && s.addresses[m.zone] < 1:
		return false
	}
	if host, ok := k.selector[hostname]; ok && host != m.label(hostname) {
		return false
	}
	for _, v := range x.volumes {
		if nodes := s.kube.Volumes[v].Nodes; len(nodes) > 0 && !slices.Contains(nodes, m.name) {
			return false
		}
	}
	for _, key := range k.alone {
		if s.taken[s.placeOf(x.kind, n, key)] > 0 {
			return false
		}
	}
	return true
}

// tolerates reports whether a pod with the tolerations may run with a taint.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
func tolerates(all []upgrade.Toleration, t upgrade.NodeTaint) bool {
	return slices.ContainsFunc(all, func(x upgrade.Toleration) bool {
		switch {
		case x.Effect != "" && x.Effect != t.Effect:
			return false
		case x.Key == "":
			return x.Operator == "Exists"
		case x.Key != t.Key:
			return false
		}
		return x.Operator == "Exists" || x.Value == t.Value
	})
}

// whyHomeless says why a pod has no node.
func (s *simulation) whyHomeless(p int32) string {
	x := &s.pods[p]
	k := &s.kinds[x.kind]
	name := s.name(p)
	suitable, reachable := false, false
	for id := range s.classes {
		if !s.suits(k, int32(id)) {
			continue
		}
		for _, n := range s.classes[id].nodes {
			if m := &s.nodes[n]; m.gone || m.cordoned {
				continue
			}
			suitable = true
			reachable = reachable || s.reaches(x, n) && !slices.ContainsFunc(x.volumes, func(v int32) bool {
				nodes := s.kube.Volumes[v].Nodes
				return len(nodes) > 0 && !slices.Contains(nodes, s.nodes[n].name)
			})
		}
	}
	what := "no schedulable node has room for its requests, or it may not share one with another of its kind"
	switch {
	case !suitable:
		what = "no schedulable node has the labels that it selects and taints that it tolerates"
	case !reachable:
		volume := s.kube.Volumes[x.volumes[0]]
		what = fmt.Sprintf("its volume %s is bound to %s, where no schedulable node is", volume.Name, strings.Join(slices.Concat(volume.Zones, volume.Nodes), ", "))
	}
	return fmt.Sprintf("%s/%s: %s", name.Namespace, name.Name, what)
}

// launch adds new nodes like the old ones, each in the zone with the fewest, and
// goes on when they are Ready.
func (s *simulation) launch(g *group, count int) *upgrade.DrainBlock {
	template := s.template(g)
	s.advance(s.now + s.d.Launch)
	for range count {
		zone, ok := s.zoneFor(g)
		if !ok {
			block := s.block(g, upgrade.BlockedByAddresses, "the subnets of the node group have no free address for a new node")
			return &block
		}
		n := template
		n.zone, n.name = zone, fmt.Sprintf("new node %d of %s", g.fresh+1, g.name)
		g.fresh++
		if s.addresses != nil && zone != "" {
			s.addresses[zone]--
		}
		s.nodes = append(s.nodes, n)
		g.inZone[zone]++
		s.classify(int32(len(s.nodes) - 1))
	}
	s.capacity++
	waiting := s.pending
	s.pending = nil
	for _, p := range waiting {
		s.homeless--
		if b := s.pods[p].budget; b >= 0 {
			s.budgets[b].pending--
		}
		s.place(p)
	}
	return nil
}

// template is a new node of a group: as its first old one, with only what the
// node itself and DaemonSets run.
func (s *simulation) template(g *group) node {
	old := g.old[0]
	in := &s.kube.Nodes[old]
	n := node{labels: in.Labels, cpu: in.CPU, mem: in.Memory, room: in.MaxPods, noCPU: in.CPU == 0, noRoom: in.MaxPods == 0, fresh: true}
	for _, t := range in.Taints {
		if !strings.HasPrefix(t.Key, "node.kubernetes.io/") { // those come and go with the node's health
			n.taints = append(n.taints, t)
		}
	}
	for _, p := range s.daemons[old] {
		n.cpu, n.mem, n.room = n.cpu-s.pods[p].cpu, n.mem-s.pods[p].mem, n.room-1
	}
	return n
}

// zoneFor is the zone with the fewest nodes of the group that has an address
// left; false: none has.
func (s *simulation) zoneFor(g *group) (string, bool) {
	if len(g.zones) == 0 {
		return "", true
	}
	best, found := "", false
	for _, zone := range g.zones {
		if s.addresses != nil && s.addresses[zone] < 1 {
			continue
		}
		if !found || g.inZone[zone] < g.inZone[best] {
			best, found = zone, true
		}
	}
	return best, found
}
