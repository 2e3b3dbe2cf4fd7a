package validation

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// HealthCheck looks at a whole cluster now: nodes, applications and the
// endpoint that takes the traffic. All fields are needed.
type HealthCheck struct {
	Nodes, Workloads, Endpoint Checker
	Clock                      clock.Clock
}

// Check returns the health of the cluster; what could not be seen makes it
// Inconclusive. The error is always nil: it is there for checks that have none.
func (h HealthCheck) Check(ctx context.Context, run upgrade.Run, cluster string, service upgrade.ObjectName) (upgrade.Health, error) {
	handler := Handler{Clock: h.Clock, Checkers: map[upgrade.CriterionKind]Checker{
		upgrade.NodesReady: h.Nodes, upgrade.WorkloadsReady: h.Workloads, upgrade.EndpointAnswers: h.Endpoint}}
	verdict := handler.evaluate(ctx, run, upgrade.Plan{}, upgrade.Step{Verify: []upgrade.Criterion{
		{Kind: upgrade.NodesReady, Cluster: cluster},
		{Kind: upgrade.WorkloadsReady, Cluster: cluster},
		{Kind: upgrade.EndpointAnswers, Cluster: cluster, Service: service},
	}}, upgrade.StepRecord{})
	return sum(cluster, verdict.Verdicts), nil
}
