package rollback_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation/rollback"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// plans stores plans by their hash.
type plans map[string]upgrade.Plan

func (p plans) Plan(_ context.Context, ref upgrade.Ref) (upgrade.Plan, error) { return p[ref.Key], nil }

func (p plans) PutPlan(_ context.Context, plan upgrade.Plan) (upgrade.Ref, error) {
	p[plan.Hash] = plan
	return upgrade.Ref{Key: plan.Hash}, nil
}

func step(id string, kind upgrade.StepKind, back ...upgrade.Step) upgrade.Step {
	return upgrade.Step{ID: id, Kind: kind, Verify: []upgrade.Criterion{{Kind: upgrade.WeightsHold}}, Timeout: 1, VerifyTimeout: 1, Rollback: back}
}

// forward shifts twice and then destroys.
func forward(t *testing.T) upgrade.Plan {
	t.Helper()
	home := step("traffic-home", upgrade.StepShift)
	destroy := step("destroy-blue", upgrade.StepDecommission)
	destroy.NoReturn = true
	p := upgrade.Plan{Upgrade: "up-1", Mode: upgrade.Forward, Steps: []upgrade.Step{
		step("provision", upgrade.StepProvision, step("destroy-green", upgrade.StepDecommission)),
		step("shift-50", upgrade.StepShift, home), step("shift-100", upgrade.StepShift, home), destroy}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRollbackUndoesWhatWasBegun(t *testing.T) {
	for what, c := range map[string]struct {
		begun  int
		gate   bool
		steps  []string
		closed string
	}{
		"nothing begun":              {0, false, []string{}, ""},
		"provisioning begun":         {1, false, []string{"destroy-green"}, ""},
		"the first shift begun":      {2, false, []string{"traffic-home", "destroy-green"}, ""},
		"all shifts, once each":      {3, false, []string{"traffic-home", "destroy-green"}, ""},
		"destruction only looked at": {4, false, []string{"traffic-home", "destroy-green"}, ""},
		"the gate is open":           {4, true, nil, "destroy-blue"},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, p := t.Context(), forward(t)
			store := records.New(&tabletest.Fake{}, "records", clock.NewVirtual(start))
			run := upgrade.Run{ID: "up-1"}
			for i := range c.begun {
				if _, err := store.StartStep(ctx, run, p, i); err != nil {
					t.Fatal(err)
				}
			}
			if c.gate {
				if err := store.OpenGate(ctx, upgrade.Gate{Upgrade: "up-1", Step: "destroy-blue", PlanHash: p.Hash}); err != nil {
					t.Fatal(err)
				}
			}
			stored := plans{"forward": p}
			h := &rollback.Handler{Plans: stored, Records: store, Clock: clock.NewVirtual(start)}
			out, err := h.Handle(ctx, upgrade.RollbackInput{Run: run, Plan: upgrade.Ref{Key: "forward"}, PlanHash: p.Hash})
			if err != nil {
				t.Fatal(err)
			}
			if out.Closed != c.closed || out.Steps != len(c.steps) {
				t.Errorf("%+v", out)
			}
			if c.closed != "" {
				if out.PlanHash != "" || len(stored) != 1 {
					t.Errorf("a closed way back has a plan: %+v", out)
				}
				return
			}
			back := stored[out.Plan.Key]
			ids := []string{}
			for _, s := range back.Steps {
				ids = append(ids, s.ID)
			}
			if diff := cmp.Diff(c.steps, ids); diff != "" || back.Mode != upgrade.RollingBack || back.Hash != out.PlanHash || back.Validate() != nil {
				t.Errorf("%s\n%+v", diff, back)
			}
		})
	}
}

func TestRollbackRefusesAnotherPlan(t *testing.T) {
	p := forward(t)
	edited := p
	edited.Green = "elsewhere"
	back := p
	back.Mode = upgrade.RollingBack
	if err := back.Seal(); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		plan upgrade.Plan
		hash string
		run  string
	}{
		"another hash":    {p, "f00", "up-1"},
		"an edited plan":  {edited, p.Hash, "up-1"},
		"another upgrade": {p, p.Hash, "up-2"},
		"a rollback plan": {back, back.Hash, "up-1"},
	} {
		t.Run(what, func(t *testing.T) {
			h := &rollback.Handler{Plans: plans{"plan": c.plan}, Records: records.New(&tabletest.Fake{}, "records", clock.NewVirtual(start)), Clock: clock.NewVirtual(start)}
			_, err := h.Handle(t.Context(), upgrade.RollbackInput{Run: upgrade.Run{ID: c.run}, Plan: upgrade.Ref{Key: "plan"}, PlanHash: c.hash})
			if upgrade.CodeOf(err) != upgrade.CodePlanMismatch {
				t.Errorf("error %v", err)
			}
		})
	}
}
