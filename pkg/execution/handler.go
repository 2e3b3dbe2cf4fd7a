package execution

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Executor brings one kind of step forward. Reconcile observes before it acts,
// is safe to repeat at any point, and checks the Guard before each change.
// Progress that is not done and has no After lets the handler choose when to
// look again.
type Executor interface {
	Reconcile(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) (upgrade.Progress, error)
}

// Guard proves that the run still holds the lease of its cluster, for at least
// the given time from now. A stale generation is LeaseLost; a lease store that
// does not answer is an error too: then nothing may change.
type Guard interface {
	Check(ctx context.Context, run upgrade.Run, atLeast time.Duration) error
}

// Plans reads stored plans.
type Plans interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
}

// StepRecords is the durable trace of steps. StartStep returns the record that
// exists when the step was begun before.
type StepRecords interface {
	StartStep(ctx context.Context, run upgrade.Run, plan upgrade.Plan, index int) (upgrade.StepRecord, error)
	UpdateStep(ctx context.Context, record upgrade.StepRecord) error
}

// Lease is how long the lease must still last before a change is begun: longer
// than any single call that changes something may take.
const Lease = 2 * time.Minute

// Handler is the execute phase. All fields are needed.
type Handler struct {
	Plans     Plans
	Guard     Guard
	Records   StepRecords
	Executors map[upgrade.StepKind]Executor
	Clock     clock.Clock
}

// Handle takes one look at one step. It fails with PlanMismatch when the
// stored plan is not the one of the input, LeaseLost when another holder took
// over, StepTimeout when the step is not done in its time, and with whatever
// the executor says.
func (h *Handler) Handle(ctx context.Context, in upgrade.StepInput) (upgrade.ExecuteOutput, error) {
	plan, step, err := h.load(ctx, in)
	if err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	executor, known := h.Executors[step.Kind]
	if !known {
		return upgrade.ExecuteOutput{}, upgrade.KindExecutorMissing.Errorf("execute step "+step.ID, "there is no executor for steps of kind %q", step.Kind)
	}
	if err := h.Guard.Check(ctx, in.Run, Lease); err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	record, err := h.Records.StartStep(ctx, in.Run, plan, in.Index)
	if err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	if !record.DoneAt.IsZero() {
		return done(step, record.Note), nil // we, or an earlier call of us, were here already
	}
	progress, err := executor.Reconcile(ctx, in.Run, plan, step, record)
	if err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	return h.conclude(ctx, in.Run, step, record, progress)
}

func (h *Handler) load(ctx context.Context, in upgrade.StepInput) (upgrade.Plan, upgrade.Step, error) {
	plan, err := LoadPlan(ctx, h.Plans, in.Plan, in.PlanHash, in.Run.ID)
	if err != nil {
		return upgrade.Plan{}, upgrade.Step{}, err
	}
	if plan.Mode != in.Mode {
		return upgrade.Plan{}, upgrade.Step{}, upgrade.KindPlanMismatch.Errorf("load plan", "the plan's mode is %q, but %q was asked for", plan.Mode, in.Mode)
	}
	step, err := plan.Step(in.Index)
	return plan, step, err
}

// LoadPlan reads a plan and proves that it is whole, of this upgrade and the
// one with that hash.
func LoadPlan(ctx context.Context, plans Plans, ref upgrade.Ref, hash, upgradeID string) (upgrade.Plan, error) {
	const op = "load plan"
	plan, err := plans.Plan(ctx, ref)
	if err != nil {
		return upgrade.Plan{}, err
	}
	if err := plan.Validate(); err != nil {
		return upgrade.Plan{}, err
	}
	if plan.Hash != hash {
		return upgrade.Plan{}, upgrade.KindPlanMismatch.Errorf(op, "the stored plan has the hash %.12s, but %.12s was asked for", plan.Hash, hash).
			WithRemedy("start a new upgrade: a plan is never edited")
	}
	if plan.Upgrade != upgradeID {
		return upgrade.Plan{}, upgrade.KindPlanMismatch.Errorf(op, "the plan is of upgrade %q, not of %q", plan.Upgrade, upgradeID)
	}
	return plan, nil
}

// conclude records the progress and keeps the lease for as long as the state
// machine is going to wait.
func (h *Handler) conclude(ctx context.Context, run upgrade.Run, step upgrade.Step, record upgrade.StepRecord, progress upgrade.Progress) (upgrade.ExecuteOutput, error) {
	now := h.Clock.Now()
	elapsed := now.Sub(record.StartedAt.Time)
	record.Note = progress.Note
	wait := progress.After.D()
	switch {
	case progress.Done:
		record.DoneAt, wait = upgrade.At(now), step.Bake.D()
	case wait <= 0:
		wait = interval(elapsed)
	}
	if err := h.Guard.Check(ctx, run, wait); err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	if err := h.Records.UpdateStep(ctx, record); err != nil {
		return upgrade.ExecuteOutput{}, err
	}
	if progress.Done {
		return done(step, progress.Note), nil
	}
	if elapsed >= step.Timeout.D() {
		return upgrade.ExecuteOutput{}, upgrade.KindStepTimeout.Errorf("execute step "+step.ID, "it is not done after %s: %s", step.Timeout, progress.Note)
	}
	wait = min(wait, step.Timeout.D()-elapsed) // the last look is at the deadline, not long after it
	return upgrade.ExecuteOutput{Step: step.ID, WaitSeconds: max(upgrade.Duration(wait).Seconds(), 1), Note: progress.Note}, nil
}

func done(step upgrade.Step, note string) upgrade.ExecuteOutput {
	return upgrade.ExecuteOutput{Step: step.ID, Done: true, BakeSeconds: step.Bake.Seconds(), Note: note}
}

// interval grows with the time that a step has taken: a sixth of it, between 5
// seconds and 2 minutes. An hour's work is looked at some 40 times, which
// keeps the history of the execution short.
func interval(elapsed time.Duration) time.Duration {
	return min(max(elapsed/6, 5*time.Second), 2*time.Minute).Round(time.Second)
}

// Input decodes the input of a step strictly, naming the step when it is not
// whole.
func Input[T any](step upgrade.Step) (T, error) {
	v, err := upgrade.Decode[T](step.Input)
	if err != nil {
		return v, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	return v, nil
}
