package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// budget selects pods with label app=of and has the status of all pods healthy.
func budget(name, of string, expected int, change ...func(*upgrade.DisruptionBudget)) func(*state) {
	return func(s *state) {
		b := upgrade.DisruptionBudget{Object: upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "shop", Name: name},
			Selector: upgrade.LabelSelector{Labels: map[string]string{"app": of}}, ExpectedPods: expected, CurrentHealthy: expected, Observed: true, DisruptionsAllowed: 1}
		for _, c := range change {
			c(&b)
		}
		s.Budgets = append(s.Budgets, b)
	}
}

func TestDisruptionChecks(t *testing.T) {
	type pdb = upgrade.DisruptionBudget
	most := func(x string) func(*pdb) { return func(b *pdb) { b.MaxUnavailable = x } }
	least := func(x string) func(*pdb) { return func(b *pdb) { b.MinAvailable = x } }
	healthy := func(now, must int) func(*pdb) {
		return func(b *pdb) { b.CurrentHealthy, b.DesiredHealthy, b.DisruptionsAllowed = now, must, max(0, now-must) }
	}
	unseen := func(b *pdb) { b.Observed, b.ExpectedPods = false, 0 }
	always := func(b *pdb) { b.UnhealthyPodEvictionPolicy = "AlwaysAllow" }
	crashing := func(s *state) {
		p := &s.Pods[len(s.Pods)-1]
		p.NotReady, p.Restarts = true, 42
	}
	inFile := func(w *upgrade.Workload) { w.Source = "api.yaml" }
	only := func(change func(*state)) func(*state) { // what files say, without a cluster
		return func(s *state) {
			nodes := s.Nodes
			s.Workloads, s.Pods, s.Budgets = nil, []upgrade.Pod{}, nil
			change(s)
			s.Nodes = nodes
		}
	}
	hold := func(x string) func(*upgrade.Workload) {
		return pods(func(t *upgrade.PodTemplate) { t.Holds = []string{x} })
	}
	const karpenterHold, autoscalerHold = "karpenter.sh/do-not-disrupt=true", "cluster-autoscaler.kubernetes.io/safe-to-evict=false"
	karpenter := nodes(func(n *upgrade.Node) { n.Provisioner = upgrade.ByKarpenter })
	odd := func(labels map[string]string) func(*state) {
		return func(s *state) { s.Pods[len(s.Pods)-1].Labels = labels }
	}
	testChecks(t, []checkCase{
		{check: "pdb-blocks-drain", name: "maxUnavailable 0", change: budget("b", "api", 3, most("0")), want: []string{"critical blocks b: maxUnavailable 0 of 3 pods"}},
		{check: "pdb-blocks-drain", name: "maxUnavailable 0%", change: budget("b", "api", 3, most("0%")), want: []string{"critical blocks b: maxUnavailable 0%"}},
		{check: "pdb-blocks-drain", name: "minAvailable 100%", change: budget("b", "api", 3, least("100%")), want: []string{"critical blocks b: minAvailable 100% of 3 pods:"}},
		{check: "pdb-blocks-drain", name: "as many as there are", change: budget("b", "api", 1, least("1")), want: []string{"critical blocks b: minAvailable 1 of 1 pods"}},
		{check: "pdb-blocks-drain", name: "more than there are", change: budget("b", "api", 2, least("5")), want: []string{"critical blocks b: minAvailable 5 of 2 pods"}},
		{check: "pdb-blocks-drain", name: "a share that rounds up", change: budget("b", "api", 2, least("51%")), want: []string{"critical blocks b: rounds up to 2"}},
		{check: "pdb-blocks-drain", name: "the same, blue/green", change: budget("b", "api", 1, least("1")), blueGreen: true, want: []string{"medium b: a blue/green upgrade drains no node"}},
		{check: "pdb-blocks-drain", name: "in files only", change: only(and(alone(deployment("api", 2, inFile)), budget("b", "api", 0, least("2"), unseen))), want: []string{"critical blocks b: of 2 pods"}},
		{check: "pdb-blocks-drain", name: "half of two", change: budget("b", "api", 2, least("50%"))},
		{check: "pdb-blocks-drain", name: "a tenth of three may go: one", change: budget("b", "api", 3, most("10%"))},
		{check: "pdb-blocks-drain", name: "no pods", change: budget("b", "api", 0, most("0"))},
		{check: "pdb-blocks-drain", name: "neither is set", change: budget("b", "api", 2)},
		{check: "pdb-blocks-drain", name: "a pod is not healthy now", change: budget("b", "api", 3, least("2"), healthy(2, 2))},

		{check: "pdb-exhausted", name: "a pod is not healthy now", change: budget("b", "api", 3, least("2"), healthy(2, 2)), want: []string{"high b: 2 of 3 pods are healthy and 2 must be (minAvailable 2)"}},
		{check: "pdb-exhausted", name: "the same, blue/green", change: budget("b", "api", 3, least("2"), healthy(2, 2)), blueGreen: true, want: []string{"low b: drains no node"}},
		{check: "pdb-exhausted", name: "the status is old", change: budget("b", "api", 3, unseen), want: []string{"low not checked b: not of its present generation"}},
		{check: "pdb-exhausted", name: "the status of a file is not missed", change: only(and(alone(deployment("api", 2, inFile)), budget("b", "api", 0, unseen)))},
		{check: "pdb-exhausted", name: "all are healthy", change: budget("b", "api", 3, least("2"), healthy(3, 2))},
		{check: "pdb-exhausted", name: "never allows one", change: budget("b", "api", 1, least("1"), healthy(1, 1))},

		{check: "pdb-unhealthy-pods", name: "a crashing pod", change: and(alone(deployment("api", 3)), crashing, budget("b", "api", 3, least("3"), healthy(2, 3))), want: []string{"medium b: pod api-2 was started again 42 times"}},
		{check: "pdb-unhealthy-pods", name: "a crashing pod that may be evicted", change: and(alone(deployment("api", 3)), crashing, budget("b", "api", 3, least("3"), healthy(2, 3), always))},
		{check: "pdb-unhealthy-pods", name: "a crashing pod, and enough others", change: and(alone(deployment("api", 3)), crashing, budget("b", "api", 3, least("2"), healthy(2, 2)))},

		{check: "pdb-overlap", name: "two of one Deployment", change: and(alone(deployment("api", 3)), budget("a", "api", 3), budget("b", "api", 3)), want: []string{"critical blocks api: 2 budgets: a, b"}},
		{check: "pdb-overlap", name: "a pod of its own", change: and(alone(deployment("api", 3)), odd(map[string]string{"app": "api", "canary": "yes"}), budget("a", "api", 3),
			budget("b", "api", 1, func(b *pdb) { b.Selector.Labels = map[string]string{"canary": "yes"} })), want: []string{"critical blocks api: 2 budgets: a, b"}},
		{check: "pdb-overlap", name: "all pods of the namespace, and one", change: and(alone(deployment("api", 3)), budget("a", "api", 3), budget("all", "", 3, func(b *pdb) { b.Selector = upgrade.LabelSelector{Empty: true} })),
			blueGreen: true, want: []string{"medium api: 2 budgets: a, all"}},
		{check: "pdb-overlap", name: "two of two Deployments", change: and(alone(deployment("api", 3), deployment("web", 3)), budget("a", "api", 3), budget("b", "web", 3))},
		{check: "pdb-overlap", name: "the same labels in two namespaces", change: and(alone(deployment("api", 3), deployment("api", 3, in("other"))), budget("a", "api", 3), budget("b", "api", 3, func(b *pdb) { b.Object.Namespace = "other" }))},
		{check: "pdb-overlap", name: "two of nothing", change: and(alone(deployment("api", 0)), budget("a", "api", 0), budget("b", "api", 0))},

		{check: "pdb-missing", name: "three that serve", change: have(deployment("api", 3)), want: []string{"medium api: 3 replicas answer requests of Service api"}},
		{check: "pdb-missing", name: "three that work", change: alone(deployment("api", 3))},
		{check: "pdb-missing", name: "one that serves", change: have(deployment("api", 1))},
		{check: "pdb-missing", name: "a budget by expression", change: and(have(deployment("api", 3)), budget("b", "", 3, func(b *pdb) {
			b.Selector = upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "app", Operator: "In", Values: []string{"web", "api"}}}}
		}))},

		{check: "pdb-selects-nothing", name: "a label that nobody has", change: and(alone(deployment("api", 3)), budget("b", "apis", 0)), want: []string{"low b: matches no workload and no pod"}},
		{check: "pdb-selects-nothing", name: "no selector", change: budget("b", "", 0, func(b *pdb) { b.Selector = upgrade.LabelSelector{} }), want: []string{"low b: it has no selector"}},
		{check: "pdb-selects-nothing", name: "in files: an operator makes the pods", change: only(and(alone(deployment("api", 3, inFile)), budget("b", "db", 0)))},
		{check: "pdb-selects-nothing", name: "a workload that is scaled to nothing", change: and(alone(deployment("api", 0)), budget("b", "api", 0))},
		{check: "pdb-selects-nothing", name: "a pod without a workload", change: and(budget("b", "debug", 0), func(s *state) {
			s.Pods = append(s.Pods, upgrade.Pod{Namespace: "shop", Name: "debug", Workload: -1, Bare: &upgrade.PodTemplate{Labels: map[string]string{"app": "debug"}}})
		})},

		{check: "drain-holds", name: "Karpenter", change: and(alone(deployment("api", 3, hold(karpenterHold))), karpenter), want: []string{"medium api: Karpenter replaces no node"}},
		{check: "drain-holds", name: "one pod of a Deployment", change: and(alone(deployment("api", 3)), karpenter, func(s *state) { s.Pods[len(s.Pods)-1].Holds = []string{karpenterHold} }), want: []string{"medium api: Karpenter replaces no node"}},
		{check: "drain-holds", name: "the Cluster Autoscaler", change: alone(deployment("api", 3, hold(autoscalerHold))), want: []string{"info api: the Cluster Autoscaler removes no node"}},
		{check: "drain-holds", name: "a DaemonSet", change: and(alone(daemonSet("agent", hold(karpenterHold))), karpenter)},
		{check: "drain-holds", name: "no annotation", change: and(alone(deployment("api", 3)), karpenter)},
	})
}
