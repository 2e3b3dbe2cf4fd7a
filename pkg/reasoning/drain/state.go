package drain

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// simulation is a cluster at an instant. Nodes, pods and budgets are addressed
// by index: there can be a hundred thousand.
type simulation struct {
	aws    *upgrade.ClusterState
	kube   *upgrade.KubernetesState
	target upgrade.Version
	d      Durations

	now      time.Duration
	events   events
	order    int64 // of events at the same time
	nodes    []node
	pods     []pod
	budgets  []budget
	kinds    []kind // of pods, as the scheduler sees them: one for each workload, then one for each other pod
	pending  []int32
	homeless int // pods that wait for a node

	addresses map[string]int // free, by zone; nil: not known
	classes   []class
	classOf   map[string]int32
	keys      []string // label keys that node selectors use
	capacity  int      // grows when a node becomes schedulable
	taken     map[placeKey]int

	daemons map[int32][]int32 // pods that stay, by node

	drainStart time.Duration // of the present batch
	movedNow   int
	waits      []upgrade.DrainWait

	lost, local, everywhere, slow tally
}

// tally counts pods and keeps the first.
type tally struct {
	count int
	first upgrade.ObjectName
}

func (t *tally) add(name upgrade.ObjectName) {
	if t.count++; t.count == 1 {
		t.first = name
	}
}

type node struct {
	name     string
	zone     string
	labels   map[string]string
	taints   []upgrade.NodeTaint
	cpu, mem int64 // free; with boundless there is no end
	room     int   // pods; with boundless there is no end
	noCPU    bool  // no figures were seen
	noRoom   bool
	cordoned bool
	barred   bool // cordoned, or not ready, before the simulation began
	gone     bool
	fresh    bool // launched in the simulation
	pods     []int32
	leaving  int // pods that were evicted and end
	left     int // pods that must be evicted still
	class    int32
}

type pod struct {
	node     int32 // -1: none
	kind     int32
	budget   int32 // -1: none
	overlaps []int32
	cpu, mem int64
	volumes  []int32 // in kube.Volumes, those that are bound to zones or nodes
	claims   bool
	ready    bool
	sick     bool // it runs and is not ready: moving it does not heal it
	over     bool // Succeeded or Failed
	pending  bool // not started: budgets do not count
	stays    bool // of a DaemonSet or the node itself
	nobody   bool // nobody makes it again
	inOrder  bool // of a StatefulSet: made again when it has gone
	moved    bool
	waiting  bool
}

// kind is what the scheduler asks of pods that are made from one template.
type kind struct {
	selector    map[string]string
	tolerations []upgrade.Toleration
	alone       []string // topology keys of which no two pods of the kind share a value
	hostNetwork bool
	probed      bool
	grace       time.Duration
	fits        map[int32]bool // classes
	failedAt    int            // capacity at which no node was found; 0: never
}

type budget struct {
	object   upgrade.ObjectName
	healthy  int
	desired  int
	expected int
	always   bool // unhealthy pods may always go
	written  string
	waiting  []int32
	pending  int // of its pods, those that have no node
	example  int32
}

// allows reports whether one of the budget's pods may go now.
func (b *budget) allows(p *pod) bool {
	return b.healthy > b.desired || !p.ready && (b.always || b.healthy >= b.desired && b.desired > 0)
}

func newSimulation(aws *upgrade.ClusterState, kube *upgrade.KubernetesState, target upgrade.Version, d Durations) *simulation {
	s := &simulation{aws: aws, kube: kube, target: target, d: d, classOf: map[string]int32{}, taken: map[placeKey]int{}, daemons: map[int32][]int32{}, capacity: 1}
	s.readKinds()
	s.readNodes()
	s.readBudgets()
	s.readPods()
	s.readAddresses()
	return s
}

func (s *simulation) readKinds() {
	used := map[string]bool{}
	for i := range s.kube.Workloads {
		k := s.kindOf(&s.kube.Workloads[i].Template)
		for key := range k.selector {
			used[key] = true
		}
		s.kinds = append(s.kinds, k)
	}
	for i := range s.kube.Pods {
		if t := s.kube.Pods[i].Bare; t != nil {
			for key := range t.NodeSelector {
				used[key] = true
			}
		}
	}
	delete(used, hostname)
	for key := range used {
		s.keys = append(s.keys, key)
	}
	slices.Sort(s.keys)
}

const hostname = "kubernetes.io/hostname"

func (s *simulation) kindOf(t *upgrade.PodTemplate) kind {
	k := kind{selector: t.NodeSelector, tolerations: t.Tolerations, hostNetwork: t.HostNetwork, grace: s.d.GracePeriod, fits: map[int32]bool{}}
	if t.GracePeriod != nil {
		k.grace = time.Duration(*t.GracePeriod) * time.Second
	}
	if t.RequiredAnti {
		k.alone = slices.Clone(t.AntiAffinity)
	}
	if len(t.HostPorts) > 0 && !slices.Contains(k.alone, hostname) {
		k.alone = append(k.alone, hostname)
	}
	for _, c := range slices.Concat(t.Containers, t.InitContainers) {
		k.probed = k.probed || c.ReadinessProbe || c.StartupProbe
	}
	return k
}

func (s *simulation) readNodes() {
	for i := range s.kube.Nodes {
		n := &s.kube.Nodes[i]
		s.nodes = append(s.nodes, node{name: n.Name, zone: n.Zone, labels: n.Labels, taints: n.Taints, cpu: n.CPU, mem: n.Memory, room: n.MaxPods,
			noCPU: n.CPU == 0, noRoom: n.MaxPods == 0})
		m := &s.nodes[i]
		m.barred = n.Unschedulable || !n.Ready || n.Provisioner == upgrade.ByFargate
		m.cordoned = m.barred
		s.classify(int32(i))
	}
}

func (s *simulation) readBudgets() {
	for i := range s.kube.Budgets {
		b := &s.kube.Budgets[i]
		written := "maxUnavailable " + b.MaxUnavailable
		if b.MinAvailable != "" {
			written = "minAvailable " + b.MinAvailable
		}
		s.budgets = append(s.budgets, budget{object: upgrade.ObjectName{Namespace: b.Object.Namespace, Name: b.Object.Name}, healthy: b.CurrentHealthy, desired: b.DesiredHealthy,
			expected: b.ExpectedPods, always: b.UnhealthyPodEvictionPolicy == "AlwaysAllow", written: written, example: -1})
	}
}

// readPods places the pods and finds the budgets of each.
func (s *simulation) readPods() {
	claims := map[upgrade.ObjectName]int32{}
	for i := range s.kube.Volumes {
		if v := &s.kube.Volumes[i]; v.Claim.Name != "" {
			claims[v.Claim] = int32(i)
		}
	}
	of := s.selecting()
	ofWorkload := make([][]int32, len(s.kube.Workloads))
	for i := range s.kube.Workloads {
		w := &s.kube.Workloads[i]
		ofWorkload[i] = of(w.Object.Namespace, w.Template.Labels)
	}
	matched, healthy := make([]int, len(s.budgets)), make([]int, len(s.budgets))
	s.pods = make([]pod, len(s.kube.Pods))
	for i := range s.kube.Pods {
		in, p := &s.kube.Pods[i], &s.pods[i]
		*p = pod{node: int32(in.Node), budget: -1, cpu: in.CPU, mem: in.Memory, ready: !in.NotReady && (in.Phase == "" || in.Phase == "Running"),
			over: in.Phase == "Succeeded" || in.Phase == "Failed", pending: in.Phase == "Pending", stays: in.Mirror || in.Owner == "DaemonSet",
			sick: in.NotReady && (in.Phase == "" || in.Phase == "Running")}
		var template *upgrade.PodTemplate
		switch {
		case in.Workload >= 0 && in.Workload < len(s.kube.Workloads):
			w := &s.kube.Workloads[in.Workload]
			template, p.kind = &w.Template, int32(in.Workload)
			p.stays = p.stays || w.Object.Kind == "DaemonSet"
			p.inOrder = w.Object.Kind == "StatefulSet"
		default:
			if template = in.Bare; template == nil {
				template = &upgrade.PodTemplate{}
			}
			s.kinds = append(s.kinds, s.kindOf(template))
			p.kind, p.nobody = int32(len(s.kinds)-1), in.Owner == ""
		}
		if p.cpu == 0 && p.mem == 0 {
			p.cpu, p.mem = requests(template)
		}
		budgets := []int32(nil)
		if in.Labels == nil && in.Workload >= 0 && in.Workload < len(s.kube.Workloads) {
			budgets = ofWorkload[in.Workload]
		} else if labels := in.Labels; labels != nil || len(template.Labels) > 0 {
			if labels == nil {
				labels = template.Labels
			}
			budgets = of(in.Namespace, labels)
		}
		for _, b := range budgets {
			if !p.over {
				matched[b]++
				if p.ready {
					healthy[b]++
				}
			}
		}
		switch len(budgets) {
		case 0:
		case 1:
			p.budget = budgets[0]
		default:
			p.overlaps = budgets
		}
		for _, claim := range in.Claims {
			p.claims = true
			if v, ok := claims[upgrade.ObjectName{Namespace: in.Namespace, Name: claim}]; ok && (len(s.kube.Volumes[v].Zones) > 0 || len(s.kube.Volumes[v].Nodes) > 0) {
				p.volumes = append(p.volumes, v)
			}
		}
		if p.node >= int32(len(s.nodes)) {
			p.node = -1
		}
		if p.stays && p.node >= 0 {
			s.daemons[p.node] = append(s.daemons[p.node], int32(i))
		}
		if p.node >= 0 && !p.over {
			s.put(int32(i), p.node)
		} else if p.node >= 0 {
			s.nodes[p.node].pods = append(s.nodes[p.node].pods, int32(i))
		}
	}
	for i := range s.budgets {
		if b, in := &s.budgets[i], &s.kube.Budgets[i]; !in.Observed { // its controller will have looked at it by then
			b.expected, b.healthy, b.desired = matched[i], healthy[i], desired(in, matched[i])
		}
	}
}

// selecting returns a function that finds the budgets of labels. Budgets are
// looked up by one of the labels that they select, as a namespace can have
// thousands.
func (s *simulation) selecting() func(namespace string, labels map[string]string) []int32 {
	type label struct{ namespace, key, value string }
	byLabel, others := map[label][]int32{}, map[string][]int32{}
	for i := range s.kube.Budgets {
		b := &s.kube.Budgets[i]
		ns, selector := b.Object.Namespace, b.Selector
		switch {
		case selector.IsZero():
		case len(selector.Labels) == 0:
			others[ns] = append(others[ns], int32(i))
		default:
			first := slices.Min(slices.Collect(maps.Keys(selector.Labels)))
			at := label{ns, first, selector.Labels[first]}
			byLabel[at] = append(byLabel[at], int32(i))
		}
	}
	return func(namespace string, labels map[string]string) []int32 {
		var out []int32
		add := func(all []int32) {
			for _, b := range all {
				if s.kube.Budgets[b].Selector.Matches(labels) {
					out = append(out, b)
				}
			}
		}
		for key, value := range labels {
			add(byLabel[label{namespace, key, value}])
		}
		add(others[namespace])
		slices.Sort(out)
		return out
	}
}

// desired is how many of a budget's pods must be healthy. Both percentages round
// up. Source:
// https://kubernetes.io/docs/tasks/run-application/configure-pdb/#rounding-logic-when-specifying-percentages
func desired(b *upgrade.DisruptionBudget, expected int) int {
	share := func(text string) int {
		percent, isPercent := strings.CutSuffix(text, "%")
		n, err := strconv.Atoi(percent)
		switch {
		case err != nil:
			return expected
		case isPercent:
			return (n*expected + 99) / 100
		}
		return n
	}
	if b.MaxUnavailable != "" {
		return max(expected-share(b.MaxUnavailable), 0)
	}
	return share(b.MinAvailable)
}

// requests are those of a pod's containers together with its sidecars, or of its
// largest init container. Source:
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
func requests(t *upgrade.PodTemplate) (cpu, mem int64) {
	var initCPU, initMem int64
	for _, c := range t.Containers {
		cpu, mem = cpu+c.CPU, mem+c.Memory
	}
	for _, c := range t.InitContainers {
		if c.Sidecar {
			cpu, mem = cpu+c.CPU, mem+c.Memory
		} else {
			initCPU, initMem = max(initCPU, c.CPU), max(initMem, c.Memory)
		}
	}
	return max(cpu, initCPU), max(mem, initMem)
}

// readAddresses counts the free addresses of the node groups' subnets by zone.
func (s *simulation) readAddresses() {
	if s.aws == nil {
		return
	}
	subnets := s.aws.NodeSubnets
	if subnets == nil {
		subnets = s.aws.Subnets
	}
	if subnets == nil {
		return
	}
	used := map[string]bool{}
	for _, g := range s.aws.NodeGroups {
		for _, id := range g.Subnets {
			used[id] = true
		}
	}
	s.addresses = map[string]int{}
	for _, n := range subnets {
		if used[n.ID] || len(used) == 0 {
			s.addresses[n.Zone] += n.FreeIPs
		}
	}
	if len(s.addresses) == 0 {
		s.addresses = nil
	}
}

func (s *simulation) name(p int32) upgrade.ObjectName {
	return upgrade.ObjectName{Namespace: s.kube.Pods[p].Namespace, Name: s.kube.Pods[p].Name}
}

// event is something that happens to a pod.
type event struct {
	at    time.Duration
	order int64
	pod   int32
	node  int32
	what  eventKind
}

type eventKind uint8

const (
	ended   eventKind = iota // it has left its node
	created                  // its replacement is made
	ready                    // its replacement is ready
)

// events is a heap, the earliest first.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *simulation) later(after time.Duration, what eventKind, p, n int32) {
	s.order++
	heap.Push(&s.events, event{at: s.now + after, order: s.order, pod: p, node: n, what: what})
}

// advance lets time pass, with what happens meanwhile.
func (s *simulation) advance(to time.Duration) {
	for len(s.events) > 0 && s.events[0].at <= to {
		s.next()
	}
	s.now = max(s.now, to)
}

// next lets the next event happen.
func (s *simulation) next() {
	e := heap.Pop(&s.events).(event)
	s.now = max(s.now, e.at)
	p := &s.pods[e.pod]
	switch e.what {
	case ended:
		s.nodes[e.node].leaving--
	case created:
		s.place(e.pod)
	case ready:
		p.ready = true
		if p.budget >= 0 {
			b := &s.budgets[p.budget]
			b.healthy++
			s.retry(b)
		}
		for _, b := range p.overlaps {
			s.budgets[b].healthy++
		}
	}
}

func (s *simulation) risks() []upgrade.DrainRisk {
	var out []upgrade.DrainRisk
	add := func(t tally, what, source string) {
		if t.count > 0 {
			out = append(out, upgrade.DrainRisk{What: what, Count: t.count, First: t.first, Source: source})
		}
	}
	add(s.lost, "pods that nobody makes again when they are evicted", "https://kubernetes.io/docs/concepts/workloads/pods/#working-with-pods")
	add(s.local, "pods whose data on the node's disk (emptyDir) are lost", "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir")
	add(s.everywhere, "pods that tolerate a cordoned node, and can come back to the one that is drained", "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html")
	add(s.slow, fmt.Sprintf("pods that may take longer to end than the %s after which EKS gives up on a node", s.d.Limit), "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html")
	return out
}
