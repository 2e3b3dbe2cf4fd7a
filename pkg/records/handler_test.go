package records_test

import (
	"context"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics/metricstest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type plans struct{ plan upgrade.Plan }

func (p plans) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) { return p.plan, nil }

type guard struct {
	err     error
	atLeast time.Duration
}

func (g *guard) Check(_ context.Context, _ upgrade.Run, atLeast time.Duration) error {
	g.atLeast = atLeast
	return g.err
}

// recorded returns a handler whose first step was executed and judged.
func recorded(t *testing.T, verdict *upgrade.StepVerdict, done bool) (*records.Handler, *guard, upgrade.StepInput, *clock.Virtual) {
	t.Helper()
	store, _, now := newStore()
	p := plan(t, upgrade.Forward, "shift-10", "shift-25")
	p.Steps[1].Timeout, p.Steps[1].Bake, p.Steps[1].VerifyTimeout = upgrade.Duration(time.Hour), upgrade.Duration(time.Minute), upgrade.Duration(time.Second)
	must(t, p.Seal())
	rec, err := store.StartStep(t.Context(), run, p, 0)
	must(t, err)
	rec.Verdict = verdict
	if done {
		rec.DoneAt = upgrade.At(now.Now())
	}
	must(t, store.UpdateStep(t.Context(), rec))
	g := &guard{}
	return &records.Handler{Plans: plans{p}, Guard: g, Store: store}, g, upgrade.StepInput{Run: run, PlanHash: p.Hash, Mode: upgrade.Forward}, now
}

func verdict(step string, status upgrade.Status) *upgrade.StepVerdict {
	return &upgrade.StepVerdict{Step: step, Status: status, Verdicts: []upgrade.Verdict{}, Reason: "because"}
}

func TestRecordMarksAVerifiedStep(t *testing.T) {
	h, g, in, now := recorded(t, verdict("shift-10", upgrade.Pass), true)
	for range 2 { // the second one is a redo
		out, err := h.Handle(t.Context(), in)
		must(t, err)
		if out.Next != 1 {
			t.Errorf("next is %d", out.Next)
		}
		now.Advance(time.Minute)
	}
	if want := time.Hour + time.Minute + time.Second; g.atLeast != want {
		t.Errorf("the lease was renewed for %s, the next step may take %s", g.atLeast, want)
	}
	rec, _, err := h.Store.Step(t.Context(), run.ID, upgrade.Forward, 0)
	must(t, err)
	if !rec.VerifiedAt.Equal(start) {
		t.Errorf("verified at %v", rec.VerifiedAt)
	}
}

func TestRecordRefusesWhatDidNotPass(t *testing.T) {
	for name, c := range map[string]struct {
		verdict *upgrade.StepVerdict
		done    bool
	}{
		"no verdict":           {nil, true},
		"failed":               {verdict("shift-10", upgrade.Fail), true},
		"inconclusive":         {verdict("shift-10", upgrade.Inconclusive), true},
		"no status":            {verdict("shift-10", ""), true},
		"another step's":       {verdict("shift-25", upgrade.Pass), true},
		"passed, but not done": {verdict("shift-10", upgrade.Pass), false},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, in, _ := recorded(t, c.verdict, c.done)
			_, err := h.Handle(t.Context(), in)
			wantCode(t, err, upgrade.CodePrecondition)
			rec, _, err := h.Store.Step(t.Context(), run.ID, upgrade.Forward, 0)
			must(t, err)
			if !rec.VerifiedAt.IsZero() {
				t.Error("it was marked verified")
			}
		})
	}
}

func TestRecordRefusesAnotherPlanOrStep(t *testing.T) {
	h, _, in, _ := recorded(t, verdict("shift-10", upgrade.Pass), true)
	other := in
	other.PlanHash = "other"
	_, err := h.Handle(t.Context(), other)
	wantCode(t, err, upgrade.CodePlanMismatch)
	other = in
	other.Mode = upgrade.RollingBack
	_, err = h.Handle(t.Context(), other)
	wantCode(t, err, upgrade.CodePlanMismatch)
	other = in
	other.Run.ID = "other"
	_, err = h.Handle(t.Context(), other)
	wantCode(t, err, upgrade.CodePlanMismatch)
	other = in
	other.Index = 1
	_, err = h.Handle(t.Context(), other)
	wantCode(t, err, upgrade.CodePrecondition)
	other.Index = 2
	_, err = h.Handle(t.Context(), other)
	wantCode(t, err, upgrade.CodeInvalidRequest)
}

func TestRecordWithALostLease(t *testing.T) {
	h, g, in, _ := recorded(t, verdict("shift-10", upgrade.Pass), true)
	g.err = upgrade.Errorf(upgrade.CodeLeaseLost, "renew", "gone")
	_, err := h.Handle(t.Context(), in)
	wantCode(t, err, upgrade.CodeLeaseLost)
}

func TestRecordMeasuresTheStep(t *testing.T) {
	h, _, in, now := recorded(t, verdict("shift-10", upgrade.Pass), true)
	now.Advance(90 * time.Second)
	got := metricstest.Record(t, func(ctx context.Context) {
		_, err := h.Handle(ctx, in)
		must(t, err)
	})
	if got["StepDuration"] != 90. || got["StepKind"] != "verify" {
		t.Error(got)
	}
}
