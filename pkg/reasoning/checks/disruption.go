package checks

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const budgetsPage = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"

var disruptionChecks = []Check{
	{ID: "pdb-blocks-drain", Family: Disruption, Title: "Disruption budget never allows a disruption", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Budgets},
		Source: budgetsPage, Remedy: "set maxUnavailable to 1 or more, or minAvailable below the number of replicas, or add a replica", run: blockingBudgets},
	{ID: "pdb-exhausted", Family: Disruption, Title: "Disruption budget allows no disruption now", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Budgets},
		Source: budgetsPage, Remedy: "repair the pods that are not healthy, or add a replica, before nodes are drained", run: exhaustedBudgets},
	{ID: "pdb-unhealthy-pods", Family: Disruption, Title: "Pods that are not healthy cannot be evicted", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Budgets},
		Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy", Remedy: "set unhealthyPodEvictionPolicy: AlwaysAllow in the budget", run: unhealthyHeld},
	{ID: "pdb-overlap", Family: Disruption, Title: "Two disruption budgets select the same pods", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Budgets, KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-budgets", Remedy: "narrow the selectors, or delete one of the budgets: the eviction of a pod with two is refused with error 500", run: overlappingBudgets},
	{ID: "pdb-missing", Family: Disruption, Title: "No disruption budget protects the pods", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Budgets, KubeWorkloads, Services},
		Source: budgetsPage, Eksup: "K8S004", Remedy: "add a PodDisruptionBudget with maxUnavailable 1: without one, drains of several nodes can stop all replicas together", run: missingBudgets},
	{ID: "pdb-selects-nothing", Family: Disruption, Title: "Disruption budget selects no pods", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{Budgets, KubeWorkloads, Pods},
		Source: budgetsPage, Remedy: "correct the selector, or delete the budget", run: idleBudgets},
	{ID: "drain-holds", Family: Disruption, Title: "Annotations keep nodes from being replaced", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Pods, KubeNodes},
		Source: "https://karpenter.sh/docs/concepts/disruption/#pod-level-controls", Remedy: "take the annotation away for the time of the upgrade, or set terminationGracePeriod in the NodePool", run: drainHolds},
}

// expected is how many pods a budget selects: as its status says, or, when it
// has none, as the workloads that it selects want.
func (x *index) expected(b *upgrade.DisruptionBudget) int {
	if b.Observed {
		return b.ExpectedPods
	}
	n := 0
	for _, w := range x.selected(b.Object.Namespace, b.Selector) {
		n += x.replicas(w)
	}
	return max(n, b.ExpectedPods)
}

// allowed is how many of the pods a budget lets go when all are healthy. Both
// percentages round up.
// Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/#rounding-logic-when-specifying-percentages
func allowed(b *upgrade.DisruptionBudget, expected int) int {
	switch {
	case b.MaxUnavailable != "":
		return share(b.MaxUnavailable, expected)
	case b.MinAvailable != "":
		return expected - share(b.MinAvailable, expected)
	}
	return expected
}

// share is "2" or "50%" of so many; all of them when it cannot be read.
func share(text string, of int) int {
	percent, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(percent)
	switch {
	case err != nil:
		return of
	case isPercent:
		return (n*of + 99) / 100
	}
	return n
}

func blockingBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Budgets {
		b := &v.Kubernetes.Budgets[i]
		n := v.index.expected(b)
		if n == 0 || allowed(b, n) > 0 {
			continue
		}
		evidence := fmt.Sprintf("%s of %d pods: not one of them may be evicted, even when all are healthy", written(b), n)
		if strings.HasSuffix(b.MinAvailable, "%") && b.MinAvailable != "100%" && b.MaxUnavailable == "" {
			evidence = fmt.Sprintf("%s of %d pods rounds up to %d: not one of them may be evicted, even when all are healthy", written(b), n, share(b.MinAvailable, n))
		}
		out = append(out, on(c.drained(v, evidence+blueGreenDrainsNothing(v)), b.Object))
	}
	return out
}

func blueGreenDrainsNothing(v View) string {
	if v.Request.Strategy != upgrade.BlueGreen {
		return ""
	}
	return "; a blue/green upgrade drains no node, so that it does not block it"
}

// exhaustedBudgets are those that would allow a disruption if all pods were
// healthy. The status of a budget that stands in a file only is not missed.
func exhaustedBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Budgets {
		b := &v.Kubernetes.Budgets[i]
		switch {
		case !b.Observed && !v.index.files:
			out = append(out, on(at(c.unseen("its status is not of its present generation", "see that the disruption controller runs: kubectl get pdb shows the status"), upgrade.Low), b.Object))
		case b.Observed && b.ExpectedPods > 0 && b.DisruptionsAllowed == 0 && allowed(b, b.ExpectedPods) > 0:
			out = append(out, on(c.drained(v, fmt.Sprintf("%d of %d pods are healthy and %d must be (%s)%s", b.CurrentHealthy, b.ExpectedPods, b.DesiredHealthy, written(b), blueGreenDrainsNothing(v))), b.Object))
		}
	}
	return out
}

// unhealthyHeld finds what a drain waits for in vain: a pod that never becomes
// ready, whose application is below its budget because of it.
func unhealthyHeld(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Budgets {
		b := &v.Kubernetes.Budgets[i]
		if !b.Observed || b.UnhealthyPodEvictionPolicy == "AlwaysAllow" || b.CurrentHealthy >= b.DesiredHealthy || b.CurrentHealthy >= b.ExpectedPods {
			continue
		}
		evidence := fmt.Sprintf("%d of %d pods are healthy and %d must be; the policy IfHealthyBudget then lets none of the others go either", b.CurrentHealthy, b.ExpectedPods, b.DesiredHealthy)
		if name, restarts := v.index.crashing(b); restarts > 0 {
			evidence += fmt.Sprintf("; pod %s was started again %d times", name, restarts)
		}
		out = append(out, on(c.drained(v, evidence), b.Object))
	}
	return out
}

// crashing names the pod under a budget that was restarted most often.
func (x *index) crashing(b *upgrade.DisruptionBudget) (name string, restarts int) {
	look := func(pods []int) {
		for _, i := range pods {
			if p := &x.kube.Pods[i]; p.NotReady && p.Restarts > restarts {
				name, restarts = p.Name, p.Restarts
			}
		}
	}
	for _, w := range x.selected(b.Object.Namespace, b.Selector) {
		look(x.pods[w])
	}
	look(x.oddPods(b.Object.Namespace, b.Selector))
	return name, restarts
}

// overlappingBudgets makes one finding of each workload, and of each pod without
// one.
func overlappingBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	k := v.Kubernetes
	finding := func(object upgrade.ObjectRef, budgets []int) {
		names := map[string]bool{}
		for _, b := range budgets {
			names[k.Budgets[b].Object.Name] = true
		}
		out = append(out, on(c.drained(v, fmt.Sprintf("its pods are selected by %d budgets: %s", len(budgets), some(sorted(names)))), object))
	}
	told := map[int]bool{}
	for i := range k.Workloads {
		if len(v.index.budgets[i]) > 1 && v.index.replicas(i) > 0 {
			told[i] = true
			finding(k.Workloads[i].Object, v.index.budgets[i])
		}
	}
	of := map[int][]int{} // budgets by pod
	for b := range k.Budgets {
		for _, p := range v.index.oddPods(k.Budgets[b].Object.Namespace, k.Budgets[b].Selector) {
			of[p] = append(of[p], b)
		}
	}
	for p := range k.Pods {
		if w := k.Pods[p].Workload; len(of[p]) > 1 && !told[w] {
			object := upgrade.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: k.Pods[p].Namespace, Name: k.Pods[p].Name}
			if w >= 0 && w < len(k.Workloads) {
				told[w], object = true, k.Workloads[w].Object
			}
			finding(object, of[p])
		}
	}
	return out
}

func missingBudgets(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		n := v.index.replicas(i)
		if !kept(w) || n < 2 || !v.index.serves(i) || len(v.index.budgets[i]) > 0 || len(w.DependsOn.Budgets) > 0 {
			return "", ""
		}
		return fmt.Sprintf("%d replicas answer requests of Service %s, and no PodDisruptionBudget selects them", n, v.index.serviceOf(i)), ""
	})
}

func idleBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Budgets {
		b := &v.Kubernetes.Budgets[i]
		if b.ExpectedPods > 0 || len(v.index.selected(b.Object.Namespace, b.Selector)) > 0 || len(v.index.oddPods(b.Object.Namespace, b.Selector)) > 0 {
			continue // a workload of no replicas is one all the same
		}
		if v.index.files && !b.Selector.IsZero() {
			continue // an operator makes the pods
		}
		evidence := "its selector matches no workload and no pod of its namespace"
		if b.Selector.IsZero() {
			evidence = "it has no selector, and so selects no pod"
		}
		out = append(out, on(c.found(v, evidence), b.Object))
	}
	return out
}

// drainHolds matters where Karpenter or the Cluster Autoscaler replaces nodes:
// other drains do not look at these annotations.
func drainHolds(v View, c Check) []upgrade.Finding {
	karpenter := false
	for i := range v.Kubernetes.Nodes {
		p := v.Kubernetes.Nodes[i].Provisioner
		karpenter = karpenter || p == upgrade.ByKarpenter || p == upgrade.ByAutoMode
	}
	finding := func(object upgrade.ObjectRef, holds []string) upgrade.Finding {
		f := on(c.drained(v, fmt.Sprintf("its pods have the annotation %s", some(holds))), object)
		if strings.Contains(strings.Join(holds, " "), "do-not-disrupt") && karpenter {
			f.Evidence += ": Karpenter replaces no node that such a pod runs on"
			return f
		}
		f.Evidence += ": the Cluster Autoscaler removes no node that such a pod runs on; a managed node group's update does not look at it"
		return at(f, upgrade.Info)
	}
	var out []upgrade.Finding
	told := map[int]bool{}
	k := v.Kubernetes
	for i := range k.Workloads {
		if w := &k.Workloads[i]; len(w.Template.Holds) > 0 && w.Object.Kind != "DaemonSet" {
			told[i] = true
			out = append(out, finding(w.Object, w.Template.Holds))
		}
	}
	for i := range k.Pods {
		p := &k.Pods[i]
		holds := p.Holds
		if p.Bare != nil && len(holds) == 0 {
			holds = p.Bare.Holds
		}
		if len(holds) == 0 || told[p.Workload] {
			continue
		}
		object := upgrade.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
		if p.Workload >= 0 && p.Workload < len(k.Workloads) {
			told[p.Workload], object = true, k.Workloads[p.Workload].Object
		}
		out = append(out, finding(object, holds))
	}
	return out
}

func written(b *upgrade.DisruptionBudget) string {
	switch {
	case b.MinAvailable != "":
		return "minAvailable " + b.MinAvailable
	case b.MaxUnavailable != "":
		return "maxUnavailable " + b.MaxUnavailable
	}
	return "neither minAvailable nor maxUnavailable is set"
}
