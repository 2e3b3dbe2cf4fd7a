// Package records keeps what an upgrade did: one durable record per step,
// written before the act and after it, the health verdicts, the gates of points
// of no return and the approvals. A handler that starts again after a crash
// decides on these records, so reads are consistent and writes are conditional.
//
// The DynamoDB table has the string keys "upgrade" (the upgrade's id) and
// "key": step#<mode>#<index>, health#<cluster>, gate#<step>,
// approval#<plan hash>.
package records

import (
	"context"
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Store is the records of all upgrades.
type Store struct {
	table table.Table
	clock clock.Clock
}

// New returns the store in the DynamoDB table of that name.
func New(api table.API, name string, c clock.Clock) *Store {
	return &Store{table: table.New(api, name), clock: c}
}

func keyOf(upgradeID, format string, args ...any) table.Key {
	return table.Key{"upgrade": upgradeID, "key": fmt.Sprintf(format, args...)}
}

func stepKey(upgradeID string, mode upgrade.Mode, index int) table.Key {
	return keyOf(upgradeID, "step#%s#%06d", mode, index) // six digits: the sort key orders like the number
}

// StartStep records that a step of the plan begins and returns its record. A
// step that was begun before keeps its record, with its first start. The record
// of another step in the same place is a PlanMismatch.
func (s *Store) StartStep(ctx context.Context, run upgrade.Run, plan upgrade.Plan, index int) (upgrade.StepRecord, error) {
	const op = "record the start of a step"
	step, err := plan.Step(index)
	if err != nil {
		return upgrade.StepRecord{}, err
	}
	if plan.Upgrade != run.ID {
		return upgrade.StepRecord{}, upgrade.KindPlanMismatch.Errorf(op, "the plan is of upgrade %q, not of %q", plan.Upgrade, run.ID)
	}
	now := upgrade.At(s.clock.Now())
	return table.Update(ctx, s.table, stepKey(run.ID, plan.Mode, index), func(old upgrade.StepRecord, found bool) (upgrade.StepRecord, bool, error) {
		if !found {
			return upgrade.StepRecord{Upgrade: run.ID, Mode: plan.Mode, Index: index, Step: step.ID, Kind: step.Kind, Title: step.Title, StartedAt: now}, true, nil
		}
		return old, false, sameStep(op, old, step.ID)
	})
}

// UpdateStep writes the progress of a step that was started. What is known
// stays known: StartedAt, DoneAt and VerifiedAt keep their first values, and an
// empty note or verdict does not erase one. A step without a record is a
// Precondition error.
func (s *Store) UpdateStep(ctx context.Context, rec upgrade.StepRecord) error {
	const op = "record the progress of a step"
	_, err := table.Update(ctx, s.table, stepKey(rec.Upgrade, rec.Mode, rec.Index), func(old upgrade.StepRecord, found bool) (upgrade.StepRecord, bool, error) {
		if !found {
			return old, false, upgrade.KindStepUnrecorded.Errorf(op, "%s step %d, %s, has no record of its start", rec.Mode, rec.Index, rec.Step)
		}
		if err := sameStep(op, old, rec.Step); err != nil {
			return old, false, err
		}
		next := old
		if next.DoneAt.IsZero() {
			next.DoneAt = rec.DoneAt
		}
		if next.VerifiedAt.IsZero() {
			next.VerifiedAt = rec.VerifiedAt
		}
		if rec.Note != "" {
			next.Note = rec.Note
		}
		if rec.Verdict != nil {
			next.Verdict = rec.Verdict
		}
		return next, true, nil
	})
	return err
}

func sameStep(op string, rec upgrade.StepRecord, step string) error {
	if rec.Step == step {
		return nil
	}
	return upgrade.KindRecordMismatch.Errorf(op, "%s step %d is recorded as %q, not as %q", rec.Mode, rec.Index, rec.Step, step)
}

// Step returns the record of one step.
func (s *Store) Step(ctx context.Context, upgradeID string, mode upgrade.Mode, index int) (rec upgrade.StepRecord, found bool, err error) {
	rec, version, err := table.Get[upgrade.StepRecord](ctx, s.table, stepKey(upgradeID, mode, index))
	return rec, version > 0, err
}

// Steps returns the records of all steps that were started, the forward ones
// first, each part in order.
func (s *Store) Steps(ctx context.Context, upgradeID string) ([]upgrade.StepRecord, error) {
	// "forward" sorts before "rollback": the sort key's order is the wanted one.
	return table.Query[upgrade.StepRecord](ctx, s.table, "upgrade", upgradeID, "key", "step#")
}

// PutHealth records a verdict on a whole cluster. An older verdict never
// replaces a newer one.
func (s *Store) PutHealth(ctx context.Context, upgradeID string, h upgrade.Health) error {
	_, err := table.Update(ctx, s.table, keyOf(upgradeID, "health#%s", h.Cluster), func(old upgrade.Health, found bool) (upgrade.Health, bool, error) {
		return h, !found || h.ObservedAt.After(old.ObservedAt.Time), nil
	})
	return err
}

// Health returns the latest verdict on a cluster.
func (s *Store) Health(ctx context.Context, upgradeID, cluster string) (h upgrade.Health, found bool, err error) {
	h, version, err := table.Get[upgrade.Health](ctx, s.table, keyOf(upgradeID, "health#%s", cluster))
	return h, version > 0, err
}

// OpenGate writes the record that must stand before a point of no return. The
// same gate again is no error and keeps its first evidence and time; a gate of
// another plan is a PlanMismatch.
func (s *Store) OpenGate(ctx context.Context, g upgrade.Gate) error {
	_, err := table.Update(ctx, s.table, keyOf(g.Upgrade, "gate#%s", g.Step), func(old upgrade.Gate, found bool) (upgrade.Gate, bool, error) {
		if found && old.PlanHash != g.PlanHash {
			return old, false, upgrade.KindRecordMismatch.Errorf("open gate", "the gate of step %q was opened for plan %.12s, not for %.12s", g.Step, old.PlanHash, g.PlanHash)
		}
		return g, !found, nil
	})
	return err
}

// Gate returns the gate of a step.
func (s *Store) Gate(ctx context.Context, upgradeID, step string) (g upgrade.Gate, found bool, err error) {
	g, version, err := table.Get[upgrade.Gate](ctx, s.table, keyOf(upgradeID, "gate#%s", step))
	return g, version > 0, err
}
