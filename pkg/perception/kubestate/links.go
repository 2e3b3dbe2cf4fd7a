package kubestate

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// link adds to the workloads what selects or scales them.
func link(workloads []upgrade.Workload, services []upgrade.Service, budgets []upgrade.DisruptionBudget, autoscalers []upgrade.Autoscaler) {
	index := newSelection(workloads)
	for _, s := range services {
		if len(s.Selector) == 0 {
			continue // somebody else keeps its endpoints
		}
		for _, w := range index.selected(s.Object.Namespace, upgrade.LabelSelector{Labels: s.Selector}) {
			workloads[w].DependsOn.Services = append(workloads[w].DependsOn.Services, s.Object.Name)
		}
	}
	for _, b := range budgets {
		if b.Selector.IsZero() {
			continue
		}
		for _, w := range index.selected(b.Object.Namespace, b.Selector) {
			workloads[w].DependsOn.Budgets = append(workloads[w].DependsOn.Budgets, b.Object.Name)
		}
	}
	for _, a := range autoscalers {
		if w, ok := index.named[name{a.Target.Kind, a.Target.Namespace, a.Target.Name}]; ok {
			workloads[w].DependsOn.Autoscalers = append(workloads[w].DependsOn.Autoscalers, a.Object.Name)
		}
	}
	for i := range workloads {
		d := &workloads[i].DependsOn
		for _, names := range [][]string{d.Services, d.Budgets, d.Autoscalers} {
			slices.Sort(names)
		}
	}
}

// selection finds workloads by the labels of their pods: of thousands in one
// namespace only those are looked at that share a label with the selector.
type selection struct {
	workloads  []upgrade.Workload
	named      map[name]int
	namespaces map[string][]int
	labelled   map[[3]string][]int // namespace, key, value
}

func newSelection(workloads []upgrade.Workload) selection {
	s := selection{workloads, map[name]int{}, map[string][]int{}, map[[3]string][]int{}}
	for i, w := range workloads {
		s.named[name{w.Object.Kind, w.Object.Namespace, w.Object.Name}] = i
		s.namespaces[w.Object.Namespace] = append(s.namespaces[w.Object.Namespace], i)
		for key, value := range w.Template.Labels {
			at := [3]string{w.Object.Namespace, key, value}
			s.labelled[at] = append(s.labelled[at], i)
		}
	}
	return s
}

func (s selection) selected(namespace string, by upgrade.LabelSelector) []int {
	candidates := s.namespaces[namespace]
	for key, value := range by.Labels {
		if some := s.labelled[[3]string{namespace, key, value}]; len(some) < len(candidates) {
			candidates = some
		}
	}
	var out []int
	for _, i := range candidates {
		if by.Matches(s.workloads[i].Template.Labels) {
			out = append(out, i)
		}
	}
	return out
}
