// Package reasoning judges what was perceived and plans the upgrade. It calls
// nothing but the artifact store: the same snapshots always give the same
// findings and the same steps.
package reasoning

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/strategy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Handler is the reason phase.
type Handler struct {
	Artifacts *artifacts.Store
	Clock     clock.Clock

	ProvisionTimeout upgrade.Duration // how long making green may take; an hour is usual
	MetricsPeriod    upgrade.Duration // resolution of the metrics that bakes are judged by; a minute is usual
	Rules            string           // key of the rules file; empty: there is none
}

// Handle reads the snapshots, stores the assessment under
// "assessments/<upgrade>" and, unless the decision is a no-go, the sealed plan
// under "plans/<upgrade>".
func (h *Handler) Handle(ctx context.Context, in upgrade.ReasonInput) (upgrade.ReasonOutput, error) {
	request := in.Run.Request
	assessment := upgrade.Assessment{Upgrade: in.Run.ID, Cluster: request.Cluster, Target: request.Target,
		Snapshots: make([]upgrade.Ref, len(in.Snapshots)), MadeAt: upgrade.At(h.Clock.Now())}
	snapshots := make([]upgrade.Snapshot, len(in.Snapshots))
	for i, p := range in.Snapshots {
		var err error
		if snapshots[i], err = artifacts.Get[upgrade.Snapshot](ctx, h.Artifacts, p.Snapshot); err != nil {
			return upgrade.ReasonOutput{}, err
		}
		assessment.Snapshots[i] = p.Snapshot
	}
	view, err := checks.NewView(request, assessment.MadeAt.Time, snapshots)
	if err != nil {
		return upgrade.ReasonOutput{}, err
	}
	if view.Rules, err = rules.Load(ctx, h.Artifacts, h.Rules); err != nil {
		return upgrade.ReasonOutput{}, err
	}
	if err := view.Rules.Unknown(checks.IDs()); err != nil {
		return upgrade.ReasonOutput{}, err
	}
	if view.AWS != nil {
		assessment.From = view.AWS.Version
	}
	result := checks.Run(view)
	assessment.Strategy, assessment.Findings, assessment.Checks, assessment.Drain = request.Strategy, result.Findings, result.Outcomes, result.Drain
	assessment.Judge()
	stored, err := h.Artifacts.Put(ctx, "assessments/"+in.Run.ID, assessment)
	if err != nil {
		return upgrade.ReasonOutput{}, err
	}
	out := upgrade.ReasonOutput{Decision: assessment.Decision, Reason: assessment.Reason, Assessment: stored}
	if assessment.Decision == upgrade.NoGo {
		return out, nil
	}

	plan, err := h.makePlan(in.Run, *view.AWS, assessment, stored)
	if err != nil {
		return upgrade.ReasonOutput{}, err
	}
	if out.Plan, err = h.Artifacts.Put(ctx, "plans/"+in.Run.ID, plan); err != nil {
		return upgrade.ReasonOutput{}, err
	}
	out.PlanHash, out.Steps = plan.Hash, len(plan.Steps)
	out.ApprovalRequired = request.Approval.Mode != upgrade.ApprovalOnFindings || assessment.Decision != upgrade.Go
	out.ApprovalSeconds = request.Approval.Timeout.Seconds()
	return out, nil
}

// makePlan plans what was assessed; without a blocking finding the cluster's
// state in EKS was seen.
func (h *Handler) makePlan(run upgrade.Run, cluster upgrade.ClusterState, a upgrade.Assessment, stored upgrade.Ref) (upgrade.Plan, error) {
	steps, err := strategy.For(run.Request.Strategy)
	if err != nil {
		return upgrade.Plan{}, err
	}
	plan := upgrade.Plan{Upgrade: run.ID, Cluster: run.Request.Cluster, Green: run.Request.Green, From: cluster.Version, Target: run.Request.Target,
		Strategy: run.Request.Strategy, Mode: upgrade.Forward, Assessment: stored, MadeAt: a.MadeAt}
	if plan.Steps, err = steps(strategy.Input{Request: run.Request, Cluster: cluster, ProvisionTimeout: h.ProvisionTimeout, MetricsPeriod: h.MetricsPeriod}); err != nil {
		return upgrade.Plan{}, err
	}
	if err := plan.Seal(); err != nil {
		return upgrade.Plan{}, err
	}
	return plan, plan.Validate()
}
