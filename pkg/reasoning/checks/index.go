package checks

import (
	"maps"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// index answers what checks ask of each workload, pod and budget, in time that
// does not grow with the product of their numbers: a cluster can have thousands
// of each. Numbers are positions in the lists of KubernetesState.
type index struct {
	kube        *upgrade.KubernetesState
	byNamespace map[string][]int     // workloads
	byLabel     map[label][]int      // workloads, by each label of their template
	byName      map[workloadName]int // workloads
	services    [][]int              // of each workload: that select its pods
	budgets     [][]int              // of each workload: that select its pods
	scalers     [][]int              // of each workload: that scale it
	pods        [][]int              // of each workload
	odd         map[string][]int     // by namespace: pods with labels of their own, or of no workload
	oddByLabel  map[label][]int      // the same, by each label
	service     map[upgrade.ObjectName]int
	files       bool // all of it stands in files: what is not there may be made by somebody else
}

type label struct{ namespace, key, value string }

type workloadName struct{ kind, namespace, name string }

func newIndex(kube *upgrade.KubernetesState) *index {
	if kube == nil {
		kube = &upgrade.KubernetesState{}
	}
	n := len(kube.Workloads)
	x := &index{kube: kube, byNamespace: map[string][]int{}, byLabel: map[label][]int{}, byName: make(map[workloadName]int, n), odd: map[string][]int{}, oddByLabel: map[label][]int{},
		service: make(map[upgrade.ObjectName]int, len(kube.Services)), services: make([][]int, n), budgets: make([][]int, n), scalers: make([][]int, n), pods: make([][]int, n)}
	x.files = n > 0
	for i := range kube.Workloads {
		w := &kube.Workloads[i]
		x.files = x.files && w.Source != ""
		namespace := w.Object.Namespace
		x.byNamespace[namespace] = append(x.byNamespace[namespace], i)
		x.byName[workloadName{w.Object.Kind, namespace, w.Object.Name}] = i
		for key, value := range w.Template.Labels {
			at := label{namespace, key, value}
			x.byLabel[at] = append(x.byLabel[at], i)
		}
	}
	for i, p := range kube.Pods {
		if p.Workload >= 0 && p.Workload < n {
			x.pods[p.Workload] = append(x.pods[p.Workload], i)
		}
		if p.Labels != nil || p.Workload < 0 {
			x.odd[p.Namespace] = append(x.odd[p.Namespace], i)
			for key, value := range x.labelsOf(i) {
				at := label{p.Namespace, key, value}
				x.oddByLabel[at] = append(x.oddByLabel[at], i)
			}
		}
	}
	for i, s := range kube.Services {
		x.service[upgrade.ObjectName{Namespace: s.Object.Namespace, Name: s.Object.Name}] = i
		for _, w := range x.selected(s.Object.Namespace, upgrade.LabelSelector{Labels: s.Selector}) {
			x.services[w] = append(x.services[w], i)
		}
	}
	for i, b := range kube.Budgets {
		for _, w := range x.selected(b.Object.Namespace, b.Selector) {
			x.budgets[w] = append(x.budgets[w], i)
		}
	}
	for i, a := range kube.Autoscalers {
		if w, ok := x.byName[workloadName{a.Target.Kind, a.Object.Namespace, a.Target.Name}]; ok {
			x.scalers[w] = append(x.scalers[w], i)
		}
	}
	return x
}

// selected returns the workloads of a namespace whose pods a selector selects;
// none for a selector that was not given.
func (x *index) selected(namespace string, s upgrade.LabelSelector) []int {
	return pick(namespace, s, x.byNamespace, x.byLabel, func(i int) map[string]string { return x.kube.Workloads[i].Template.Labels })
}

// oddPods returns the pods of a namespace that a selector selects and that have
// labels of their own, or no workload.
func (x *index) oddPods(namespace string, s upgrade.LabelSelector) []int {
	return pick(namespace, s, x.odd, x.oddByLabel, x.labelsOf)
}

// pick looks only at those that have the rarest label that is asked for.
func pick(namespace string, s upgrade.LabelSelector, all map[string][]int, byLabel map[label][]int, labels func(int) map[string]string) []int {
	if s.IsZero() {
		return nil
	}
	candidates := all[namespace]
	for key, value := range s.Labels {
		if rarer := byLabel[label{namespace, key, value}]; len(rarer) < len(candidates) {
			candidates = rarer
		}
	}
	var out []int
	for _, i := range candidates {
		if s.Matches(labels(i)) {
			out = append(out, i)
		}
	}
	return out
}

func (x *index) labelsOf(pod int) map[string]string {
	switch p := &x.kube.Pods[pod]; {
	case p.Labels != nil:
		return p.Labels
	case p.Workload >= 0 && p.Workload < len(x.kube.Workloads):
		return x.kube.Workloads[p.Workload].Template.Labels
	case p.Bare != nil:
		return p.Bare.Labels
	}
	return nil
}

// serves reports whether a Service sends requests to the workload's pods: another
// one than monitoring's.
func (x *index) serves(workload int) bool { return x.serviceOf(workload) != "" }

// serviceOf names a Service that sends requests to the workload; "" when there is
// none.
func (x *index) serviceOf(workload int) string {
	for _, i := range x.services[workload] {
		if s := &x.kube.Services[i]; !s.Metrics {
			return s.Object.Name
		}
	}
	w := &x.kube.Workloads[workload]
	for _, name := range w.DependsOn.Services {
		if i, ok := x.service[upgrade.ObjectName{Namespace: w.Object.Namespace, Name: name}]; !ok || !x.kube.Services[i].Metrics {
			return name
		}
	}
	return ""
}

// replicas is how many pods the workload keeps: as it says, or as its autoscaler
// does at the least.
func (x *index) replicas(workload int) int {
	n := x.kube.Workloads[workload].Desired
	for _, i := range x.scalers[workload] {
		n = max(n, x.kube.Autoscalers[i].Min)
	}
	return n
}

// nodesOf counts the workload's running pods by node and by zone.
func (x *index) nodesOf(workload int) (nodes, zones map[string]int) {
	nodes, zones = map[string]int{}, map[string]int{}
	for _, i := range x.pods[workload] {
		if p := &x.kube.Pods[i]; p.Phase == "" && p.Node >= 0 && p.Node < len(x.kube.Nodes) {
			nodes[x.kube.Nodes[p.Node].Name]++
			zones[x.kube.Nodes[p.Node].Zone]++
		}
	}
	return nodes, zones
}

// systemNamespaces are those whose workloads EKS and AWS run: what they lack is
// not for the cluster's owner to repair.
var systemNamespaces = []string{"kube-system", "kube-public", "kube-node-lease", "amazon-guardduty", "amazon-cloudwatch", "amazon-network-flow-monitor", "aws-observability"}

// system reports whether EKS or AWS runs the workload.
func system(w *upgrade.Workload) bool {
	return slices.Contains(systemNamespaces, w.Object.Namespace) ||
		slices.ContainsFunc(w.ManagedBy, func(m upgrade.Manager) bool { return m.Tool == "eks" })
}

// kept reports whether the workload keeps replicas that may stand on any node:
// no DaemonSet, Job or CronJob.
func kept(w *upgrade.Workload) bool {
	switch w.Object.Kind {
	case "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController":
		return true
	}
	return false
}

// elects reports whether a workload has a leader, so that one replica is enough
// for it to work, and others only stand by.
func elects(w *upgrade.Workload) bool {
	for _, c := range w.Template.Containers {
		for _, f := range c.Flags {
			switch name, value := flagOf(f); name {
			case "leader-elect", "enable-leader-election", "leader-election":
				if value != "false" {
					return true
				}
			}
		}
	}
	return false
}

// sorted returns the members of a set.
func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
