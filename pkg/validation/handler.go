package validation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Checker evaluates one criterion. An error means that it could not be
// evaluated: the handler makes it Inconclusive, with the error's text.
type Checker interface {
	Check(ctx context.Context, run upgrade.Run, plan upgrade.Plan, c upgrade.Criterion) (Result, error)
}

// Result is what a checker saw.
type Result struct {
	Status   upgrade.Status
	Evidence string
}

func pass(format string, args ...any) Result {
	return Result{upgrade.Pass, fmt.Sprintf(format, args...)}
}

func fail(format string, args ...any) Result {
	return Result{upgrade.Fail, fmt.Sprintf(format, args...)}
}

func inconclusive(format string, args ...any) Result {
	return Result{upgrade.Inconclusive, fmt.Sprintf(format, args...)}
}

// Plans reads stored plans.
type Plans interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
}

// Records is the durable trace of steps and of the clusters' health.
type Records interface {
	Step(ctx context.Context, upgradeID string, mode upgrade.Mode, index int) (record upgrade.StepRecord, found bool, err error)
	UpdateStep(ctx context.Context, record upgrade.StepRecord) error
	PutHealth(ctx context.Context, upgradeID string, h upgrade.Health) error
}

// Handler is the validate phase. All fields are needed.
type Handler struct {
	Plans    Plans
	Records  Records
	Checkers map[upgrade.CriterionKind]Checker
	Clock    clock.Clock
}

// Handle evaluates all criteria of one step and records the verdict, and with
// it the health of each cluster that it is about. A step whose execution is not
// recorded as done is a Precondition error.
func (h *Handler) Handle(ctx context.Context, in upgrade.StepInput) (upgrade.ValidateOutput, error) {
	plan, err := loadPlan(ctx, h.Plans, in)
	if err != nil {
		return upgrade.ValidateOutput{}, err
	}
	step, err := plan.Step(in.Index)
	if err != nil {
		return upgrade.ValidateOutput{}, err
	}
	record, found, err := h.Records.Step(ctx, in.Run.ID, in.Mode, in.Index)
	if err != nil {
		return upgrade.ValidateOutput{}, err
	}
	if !found || record.Step != step.ID || record.DoneAt.IsZero() {
		return upgrade.ValidateOutput{}, upgrade.KindStepNotDone.Errorf("validate step "+step.ID, "there is no record that it was done")
	}
	verdict := h.evaluate(ctx, in.Run, plan, step, record)
	now := h.Clock.Now()
	waited := now.Sub(record.DoneAt.Add(step.Bake.D()))
	if verdict.Status == upgrade.Inconclusive && waited >= step.VerifyTimeout.D() {
		verdict.Status, verdict.Reason = upgrade.Fail, fmt.Sprintf("no verdict within %s: %s", step.VerifyTimeout, verdict.Reason)
	}
	record.Verdict = &verdict
	if verdict.Status == upgrade.Pass {
		record.VerifiedAt = upgrade.At(now)
	}
	for _, health := range healths(verdict.Verdicts) {
		if err := h.Records.PutHealth(ctx, in.Run.ID, health); err != nil {
			return upgrade.ValidateOutput{}, err
		}
	}
	if err := h.Records.UpdateStep(ctx, record); err != nil {
		return upgrade.ValidateOutput{}, err
	}
	metrics.From(ctx).Add(metrics.Verdicts, 1, metrics.Dims{metrics.Result: string(verdict.Status)})
	out := upgrade.ValidateOutput{Step: step.ID, Status: verdict.Status, Reason: verdict.Reason}
	if verdict.Status == upgrade.Inconclusive {
		out.WaitSeconds = upgrade.Duration(interval(waited, step.VerifyTimeout.D()-waited)).Seconds()
	}
	return out, nil
}

func loadPlan(ctx context.Context, plans Plans, in upgrade.StepInput) (upgrade.Plan, error) {
	plan, err := plans.Plan(ctx, in.Plan)
	if err != nil {
		return upgrade.Plan{}, err
	}
	if err := plan.Validate(); err != nil {
		return upgrade.Plan{}, err
	}
	if plan.Hash != in.PlanHash || plan.Upgrade != in.Run.ID || plan.Mode != in.Mode {
		return upgrade.Plan{}, upgrade.KindPlanMismatch.Errorf("load plan", "the stored plan (%.12s, %s of %s) is not the one asked for (%.12s, %s of %s)",
			plan.Hash, plan.Mode, plan.Upgrade, in.PlanHash, in.Mode, in.Run.ID)
	}
	return plan, nil
}

func (h *Handler) evaluate(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) upgrade.StepVerdict {
	verdict := upgrade.StepVerdict{Step: step.ID, Verdicts: make([]upgrade.Verdict, 0, len(step.Verify))}
	for _, c := range step.Verify {
		result := h.check(ctx, run, plan, c)
		now := h.Clock.Now()
		if settled := now.Sub(record.DoneAt.Time); result.Status == upgrade.Fail && settled < c.Within.D() {
			result = inconclusive("still settling, %s of %s: %s", settled.Round(time.Second), c.Within, result.Evidence)
		}
		verdict.Verdicts = append(verdict.Verdicts, upgrade.Verdict{Criterion: c.Kind, Cluster: c.Cluster, Status: result.Status, Evidence: result.Evidence, ObservedAt: upgrade.At(now)})
	}
	verdict.Conclude()
	return verdict
}

func (h *Handler) check(ctx context.Context, run upgrade.Run, plan upgrade.Plan, c upgrade.Criterion) Result {
	checker, known := h.Checkers[c.Kind]
	if !known {
		return inconclusive("there is no checker of this kind")
	}
	result, err := checker.Check(ctx, run, plan, c)
	if err != nil {
		return inconclusive("%v", err)
	}
	return result
}

// aboutHealth are the criteria that say how a cluster is, rather than what
// happened to it.
var aboutHealth = map[upgrade.CriterionKind]bool{
	upgrade.NodesReady: true, upgrade.WorkloadsReady: true, upgrade.EndpointAnswers: true, upgrade.ErrorRate: true, upgrade.ClusterActive: true,
}

// serving are the criteria without which a cluster is not known to be fit for
// traffic: a cluster that is merely ACTIVE passes none of them.
var serving = []upgrade.CriterionKind{upgrade.WorkloadsReady, upgrade.EndpointAnswers}

// healths sums the verdicts up by cluster, in the order of their first one. A
// pass needs the criteria about serving too; without them nothing is recorded
// unless something is wrong.
func healths(verdicts []upgrade.Verdict) []upgrade.Health {
	var clusters []string
	byCluster := map[string][]upgrade.Verdict{}
	for _, v := range verdicts {
		if v.Cluster == "" || !aboutHealth[v.Criterion] {
			continue
		}
		if _, seen := byCluster[v.Cluster]; !seen {
			clusters = append(clusters, v.Cluster)
		}
		byCluster[v.Cluster] = append(byCluster[v.Cluster], v)
	}
	var out []upgrade.Health
	for _, cluster := range clusters {
		if h := sum(cluster, byCluster[cluster]); h.Status != upgrade.Pass || covers(byCluster[cluster], serving) {
			out = append(out, h)
		}
	}
	return out
}

// sum is the health that several verdicts on one cluster make: as good as the
// worst, as old as the oldest.
func sum(cluster string, verdicts []upgrade.Verdict) upgrade.Health {
	total := upgrade.StepVerdict{Verdicts: verdicts}
	total.Conclude()
	h := upgrade.Health{Cluster: cluster, Status: total.Status, Evidence: total.Reason}
	var kinds []string
	for _, v := range verdicts {
		kinds = append(kinds, fmt.Sprintf("%s: %s", v.Criterion, v.Evidence))
		if h.ObservedAt.IsZero() || v.ObservedAt.Before(h.ObservedAt.Time) {
			h.ObservedAt = v.ObservedAt
		}
	}
	if h.Status == upgrade.Pass {
		h.Evidence = strings.Join(kinds, "; ")
	}
	return h
}

func covers(verdicts []upgrade.Verdict, kinds []upgrade.CriterionKind) bool {
	has := map[upgrade.CriterionKind]bool{}
	for _, v := range verdicts {
		has[v.Criterion] = true
	}
	for _, k := range kinds {
		if !has[k] {
			return false
		}
	}
	return true
}

// interval grows with the time waited, from 10 seconds to a minute, and ends
// at the deadline.
func interval(waited, left time.Duration) time.Duration {
	return max(min(max(waited/5, 10*time.Second), time.Minute, left), time.Second)
}
