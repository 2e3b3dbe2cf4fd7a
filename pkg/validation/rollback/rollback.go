// Package rollback makes the plan that undoes what an upgrade has begun.
package rollback

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Plans reads and stores plans.
type Plans interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
	PutPlan(ctx context.Context, plan upgrade.Plan) (upgrade.Ref, error)
}

// Records knows which steps were begun, and which gates were opened.
type Records interface {
	Steps(ctx context.Context, upgradeID string) ([]upgrade.StepRecord, error)
	Gate(ctx context.Context, upgradeID, step string) (g upgrade.Gate, found bool, err error)
}

// Handler is the rollback phase. All fields are needed.
type Handler struct {
	Plans   Plans
	Records Records
	Clock   clock.Clock
}

// Handle makes and stores the rollback plan of the forward steps that were
// begun: a step counts from the record that is written before its first act.
// A point of no return counts from its gate: until that is open the step has
// only looked. When one was passed there is no plan and Closed names it. The same
// records give a plan with the same steps; its time, and so its hash,
// is that of the call.
func (h *Handler) Handle(ctx context.Context, in upgrade.RollbackInput) (upgrade.RollbackOutput, error) {
	const op = "plan rollback"
	plan, err := h.Plans.Plan(ctx, in.Plan)
	if err != nil {
		return upgrade.RollbackOutput{}, err
	}
	if err := plan.Validate(); err != nil {
		return upgrade.RollbackOutput{}, err
	}
	if plan.Hash != in.PlanHash || plan.Upgrade != in.Run.ID || plan.Mode != upgrade.Forward {
		return upgrade.RollbackOutput{}, upgrade.KindPlanMismatch.Errorf(op, "the stored plan (%.12s, %s of %s) is not the forward plan %.12s of %s",
			plan.Hash, plan.Mode, plan.Upgrade, in.PlanHash, in.Run.ID)
	}
	started, err := h.started(ctx, plan)
	if err != nil {
		return upgrade.RollbackOutput{}, err
	}
	back, closed, err := plan.RollbackPlan(started, h.Clock.Now())
	if err != nil || closed != "" {
		return upgrade.RollbackOutput{Closed: closed}, err
	}
	ref, err := h.Plans.PutPlan(ctx, back)
	if err != nil {
		return upgrade.RollbackOutput{}, err
	}
	return upgrade.RollbackOutput{Plan: ref, PlanHash: back.Hash, Steps: len(back.Steps)}, nil
}

func (h *Handler) started(ctx context.Context, plan upgrade.Plan) (map[string]bool, error) {
	records, err := h.Records.Steps(ctx, plan.Upgrade)
	if err != nil {
		return nil, err
	}
	started := map[string]bool{}
	for _, r := range records {
		if r.Mode == upgrade.Forward {
			started[r.Step] = true
		}
	}
	for _, step := range plan.Steps {
		if !step.NoReturn || !started[step.ID] {
			continue
		}
		if _, started[step.ID], err = h.Records.Gate(ctx, plan.Upgrade, step.ID); err != nil {
			return nil, err
		}
	}
	return started, nil
}
