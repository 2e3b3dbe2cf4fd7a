package records

import (
	"context"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Plans reads stored plans.
type Plans interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
}

// Guard renews the lease of a run, or says that it is lost.
type Guard interface {
	Check(ctx context.Context, run upgrade.Run, atLeast time.Duration) error
}

// Handler is the record phase: it closes a step that was verified and says
// which one is next. All fields are needed.
type Handler struct {
	Plans Plans
	Guard Guard
	Store *Store
}

// Handle marks the step as verified and renews the lease for as long as the
// next step may take. Without a recorded pass it is a Precondition error: no
// data is never a pass, whatever the state machine thinks.
func (h *Handler) Handle(ctx context.Context, in upgrade.StepInput) (upgrade.RecordOutput, error) {
	const op = "record step"
	plan, err := h.Plans.Plan(ctx, in.Plan)
	if err != nil {
		return upgrade.RecordOutput{}, err
	}
	if plan.Hash != in.PlanHash || plan.Upgrade != in.Run.ID || plan.Mode != in.Mode {
		return upgrade.RecordOutput{}, upgrade.KindPlanMismatch.Errorf(op, "the stored plan is %s plan %.12s of upgrade %s, not %s plan %.12s of %s",
			plan.Mode, plan.Hash, plan.Upgrade, in.Mode, in.PlanHash, in.Run.ID)
	}
	step, err := plan.Step(in.Index)
	if err != nil {
		return upgrade.RecordOutput{}, err
	}
	rec, found, err := h.Store.Step(ctx, in.Run.ID, in.Mode, in.Index)
	switch {
	case err != nil:
		return upgrade.RecordOutput{}, err
	case !found || rec.Step != step.ID:
		return upgrade.RecordOutput{}, upgrade.KindStepUnrecorded.Errorf(op, "step %s has no record", step.ID)
	case rec.DoneAt.IsZero():
		return upgrade.RecordOutput{}, upgrade.KindStepNotDone.Errorf(op, "step %s is not done", step.ID)
	case rec.Verdict == nil || rec.Verdict.Step != step.ID:
		return upgrade.RecordOutput{}, upgrade.KindStepNotVerified.Errorf(op, "step %s has no recorded verdict", step.ID)
	case rec.Verdict.Status != upgrade.Pass:
		return upgrade.RecordOutput{}, upgrade.KindStepNotVerified.Errorf(op, "step %s is not verified: the verdict is %s: %s", step.ID, rec.Verdict.Status, rec.Verdict.Reason)
	}
	if err := h.Guard.Check(ctx, in.Run, longest(plan, in.Index+1)); err != nil {
		return upgrade.RecordOutput{}, err
	}
	now := upgrade.At(h.Store.clock.Now())
	rec.VerifiedAt = now
	if err := h.Store.UpdateStep(ctx, rec); err != nil {
		return upgrade.RecordOutput{}, err
	}
	metrics.From(ctx).Add(metrics.StepDuration, now.Sub(rec.StartedAt.Time).Seconds(), metrics.Dims{metrics.StepKind: string(rec.Kind)})
	return upgrade.RecordOutput{Next: in.Index + 1}, nil
}

// longest is how long the step at index may take until it is verified.
func longest(plan upgrade.Plan, index int) time.Duration {
	step, err := plan.Step(index)
	if err != nil { // that was the last one
		return 0
	}
	return step.Timeout.D() + step.Bake.D() + step.VerifyTimeout.D()
}
