package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var budgetChecks = []Check{
	{ID: "disruption-budgets", Family: Disruption, Title: "Disruption budget allows no disruption", Severity: upgrade.Medium, Blocks: BlocksInPlace, Needs: []upgrade.Part{Budgets},
		Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/", Remedy: "add a replica, repair the pods or relax the budget", run: blockingBudgets},
}

// blockingBudgets does not block: a blue/green upgrade drains no node. It would
// stop the drain of an in-place upgrade, and of any repair of blue.
func blockingBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, b := range v.Kubernetes.Budgets {
		switch {
		case !b.Observed:
			out = append(out, on(at(c.unseen("its status is not of its present generation", "see that the disruption controller runs: kubectl get pdb shows the status"), upgrade.Low), b.Object))
		case b.ExpectedPods > 0 && b.DisruptionsAllowed == 0:
			out = append(out, on(c.finding(fmt.Sprintf("it allows no disruption now: %d of %d pods are healthy and %d must be (%s); a blue/green upgrade drains no node, so that it does not block it",
				b.CurrentHealthy, b.ExpectedPods, b.DesiredHealthy, written(b)), "add a replica, repair the pods or relax the budget"), b.Object))
		}
	}
	return out
}

func written(b upgrade.DisruptionBudget) string {
	switch {
	case b.MinAvailable != "":
		return "minAvailable " + b.MinAvailable
	case b.MaxUnavailable != "":
		return "maxUnavailable " + b.MaxUnavailable
	}
	return "neither minAvailable nor maxUnavailable is set"
}
