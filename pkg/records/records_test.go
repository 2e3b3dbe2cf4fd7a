package records_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

var run = upgrade.Run{ID: "shop-135", StartedAt: upgrade.At(start)}

func plan(t *testing.T, mode upgrade.Mode, ids ...string) upgrade.Plan {
	t.Helper()
	p := upgrade.Plan{Upgrade: run.ID, Mode: mode}
	for _, id := range ids {
		p.Steps = append(p.Steps, upgrade.Step{ID: id, Kind: upgrade.StepVerify, Title: "Step " + id, Input: json.RawMessage("null"),
			Verify: []upgrade.Criterion{{Kind: upgrade.ClusterGone}}, Timeout: 1, VerifyTimeout: 1})
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func newStore() (*records.Store, *tabletest.Fake, *clock.Virtual) {
	api, now := &tabletest.Fake{}, clock.NewVirtual(start)
	return records.New(api, "records", now), api, now
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, want upgrade.Code) {
	t.Helper()
	if got := upgrade.CodeOf(err); got != want {
		t.Fatalf("code %q of error %v, want %q", got, err, want)
	}
}

func TestStartStepKeepsTheFirstStart(t *testing.T) {
	store, api, now := newStore()
	p := plan(t, upgrade.Forward, "verify-blue", "provision")
	first, err := store.StartStep(t.Context(), run, p, 1)
	must(t, err)
	want := upgrade.StepRecord{Upgrade: run.ID, Mode: upgrade.Forward, Index: 1, Step: "provision", Kind: upgrade.StepVerify, Title: "Step provision", StartedAt: upgrade.At(start)}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Fatal(diff)
	}
	now.Advance(time.Hour)
	again, err := store.StartStep(t.Context(), run, p, 1)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Fatal(diff)
	}
	if api.Writes() != 1 {
		t.Errorf("%d writes, want 1", api.Writes())
	}
}

func TestStartStepRefusesAnotherPlan(t *testing.T) {
	store, _, _ := newStore()
	_, err := store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "provision"), 0)
	must(t, err)
	_, err = store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "shift-10"), 0)
	wantCode(t, err, upgrade.CodePlanMismatch)
	_, err = store.StartStep(t.Context(), upgrade.Run{ID: "other"}, plan(t, upgrade.Forward, "provision"), 0)
	wantCode(t, err, upgrade.CodePlanMismatch)
	_, err = store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "provision"), 1)
	wantCode(t, err, upgrade.CodeInvalidRequest)
}

func TestUpdateStepForgetsNothing(t *testing.T) {
	store, _, _ := newStore()
	rec, err := store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "provision"), 0)
	must(t, err)
	stale := rec
	rec.Note, rec.DoneAt = "created", upgrade.At(start.Add(time.Minute))
	rec.Verdict = &upgrade.StepVerdict{Step: "provision", Status: upgrade.Pass, Verdicts: []upgrade.Verdict{}}
	must(t, store.UpdateStep(t.Context(), rec))
	stale.StartedAt = upgrade.At(start.Add(time.Hour))
	must(t, store.UpdateStep(t.Context(), stale))
	got, found, err := store.Step(t.Context(), run.ID, upgrade.Forward, 0)
	must(t, err)
	if diff := cmp.Diff(rec, got); diff != "" || !found {
		t.Fatal(found, diff)
	}
}

func TestUpdateStepNeedsTheStart(t *testing.T) {
	store, _, _ := newStore()
	wantCode(t, store.UpdateStep(t.Context(), upgrade.StepRecord{Upgrade: run.ID, Mode: upgrade.Forward, Step: "provision"}), upgrade.CodePrecondition)
	_, err := store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "provision"), 0)
	must(t, err)
	wantCode(t, store.UpdateStep(t.Context(), upgrade.StepRecord{Upgrade: run.ID, Mode: upgrade.Forward, Step: "shift-10"}), upgrade.CodePlanMismatch)
}

func TestStepsAreInOrderOverAllPages(t *testing.T) {
	store, api, _ := newStore()
	api.PageSize = 2
	ids := make([]string, 12)
	for i := range ids {
		ids[i] = string(rune('a' + i))
	}
	for _, p := range []upgrade.Plan{plan(t, upgrade.RollingBack, "y", "z"), plan(t, upgrade.Forward, ids...)} {
		for i := len(p.Steps) - 1; i >= 0; i-- {
			_, err := store.StartStep(t.Context(), run, p, i)
			must(t, err)
		}
	}
	must(t, store.PutHealth(t.Context(), run.ID, upgrade.Health{Cluster: "shop"}))
	steps, err := store.Steps(t.Context(), run.ID)
	must(t, err)
	var got []string
	for _, s := range steps {
		got = append(got, s.Step)
	}
	if diff := cmp.Diff(append(ids, "y", "z"), got); diff != "" {
		t.Error(diff)
	}
	none, err := store.Steps(t.Context(), "other")
	must(t, err)
	if none == nil || len(none) != 0 {
		t.Errorf("steps of an unknown upgrade: %v", none)
	}
}

func TestHealthKeepsTheNewest(t *testing.T) {
	store, _, _ := newStore()
	newer := upgrade.Health{Cluster: "shop", Status: upgrade.Fail, ObservedAt: upgrade.At(start.Add(time.Minute))}
	older := upgrade.Health{Cluster: "shop", Status: upgrade.Pass, ObservedAt: upgrade.At(start)}
	must(t, store.PutHealth(t.Context(), run.ID, newer))
	must(t, store.PutHealth(t.Context(), run.ID, older))
	got, found, err := store.Health(t.Context(), run.ID, "shop")
	must(t, err)
	if diff := cmp.Diff(newer, got); diff != "" || !found {
		t.Error(found, diff)
	}
	if _, found, err := store.Health(t.Context(), run.ID, "shop-green"); found || err != nil {
		t.Errorf("found %t, err %v", found, err)
	}
}

func TestGateOpensOncePerPlan(t *testing.T) {
	store, _, _ := newStore()
	gate := upgrade.Gate{Upgrade: run.ID, Step: "decommission", PlanHash: "aa", Evidence: "weight 0", OpenedAt: upgrade.At(start)}
	must(t, store.OpenGate(t.Context(), gate))
	later := gate
	later.Evidence, later.OpenedAt = "weight 0 again", upgrade.At(start.Add(time.Hour))
	must(t, store.OpenGate(t.Context(), later))
	other := gate
	other.PlanHash = "bb"
	wantCode(t, store.OpenGate(t.Context(), other), upgrade.CodePlanMismatch)
	got, found, err := store.Gate(t.Context(), run.ID, "decommission")
	must(t, err)
	if diff := cmp.Diff(gate, got); diff != "" || !found {
		t.Error(found, diff)
	}
}

func TestUseApproval(t *testing.T) {
	yes := upgrade.ApprovalRecord{Upgrade: run.ID, PlanHash: "aa", Approved: true, By: "ada", ExpiresAt: upgrade.At(start.Add(time.Hour))}
	no := yes
	no.Approved = false
	for name, c := range map[string]struct {
		recorded *upgrade.ApprovalRecord
		hash     string
		after    time.Duration
		want     upgrade.Code
	}{
		"approved":              {&yes, "aa", time.Minute, ""},
		"just before it ends":   {&yes, "aa", time.Hour - 1, ""},
		"expired":               {&yes, "aa", time.Hour, upgrade.CodeApproval},
		"refused":               {&no, "aa", time.Minute, upgrade.CodeApproval},
		"of another plan":       {&yes, "bb", time.Minute, upgrade.CodeApproval},
		"nobody answered":       {nil, "aa", time.Minute, upgrade.CodeApproval},
		"of an unnamed old one": {&yes, "", time.Minute, upgrade.CodeApproval},
	} {
		t.Run(name, func(t *testing.T) {
			store, _, _ := newStore()
			if c.recorded != nil {
				must(t, store.PutApproval(t.Context(), *c.recorded))
			}
			got, err := store.UseApproval(t.Context(), run.ID, c.hash, start.Add(c.after))
			wantCode(t, err, c.want)
			if err == nil && !got.UsedAt.Equal(start.Add(c.after)) {
				t.Errorf("used at %v", got.UsedAt)
			}
		})
	}
}

func TestUseApprovalAgainAnswersTheSame(t *testing.T) {
	store, _, _ := newStore()
	must(t, store.PutApproval(t.Context(), upgrade.ApprovalRecord{Upgrade: run.ID, PlanHash: "aa", Approved: true, ExpiresAt: upgrade.At(start.Add(time.Hour))}))
	first, err := store.UseApproval(t.Context(), run.ID, "aa", start)
	must(t, err)
	again, err := store.UseApproval(t.Context(), run.ID, "aa", start.Add(2*time.Hour))
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	_, err = store.UseApproval(t.Context(), "another-upgrade", "aa", start)
	wantCode(t, err, upgrade.CodeApproval)
}

func TestAnAnswerIsNeverChanged(t *testing.T) {
	store, _, _ := newStore()
	no := upgrade.ApprovalRecord{Upgrade: run.ID, PlanHash: "aa", By: "ada", ExpiresAt: upgrade.At(start.Add(time.Hour))}
	must(t, store.PutApproval(t.Context(), no))
	must(t, store.PutApproval(t.Context(), no))
	yes := no
	yes.Approved = true
	wantCode(t, store.PutApproval(t.Context(), yes), upgrade.CodeConflict)
	got, _, err := store.Approval(t.Context(), run.ID, "aa")
	must(t, err)
	if got.Approved {
		t.Error("the refusal became an approval")
	}
}

func TestDamagedItemsAreInternalErrors(t *testing.T) {
	for _, data := range []string{"", "{}x", `{"upgrade":1}`, `{"unknown":true}`} {
		store, api, _ := newStore()
		_, err := store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "a"), 0)
		must(t, err)
		api.Corrupt("records", data)
		_, _, err = store.Step(t.Context(), run.ID, upgrade.Forward, 0)
		wantCode(t, err, upgrade.CodeInternal)
		_, err = store.Steps(t.Context(), run.ID)
		wantCode(t, err, upgrade.CodeInternal)
	}
}

func TestAStoreThatDoesNotAnswerChangesNothing(t *testing.T) {
	store, api, _ := newStore()
	api.Before = func(string) error { return context.DeadlineExceeded }
	_, err := store.StartStep(t.Context(), run, plan(t, upgrade.Forward, "a"), 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v hides its cause", err)
	}
	if api.Writes() != 0 {
		t.Errorf("%d writes", api.Writes())
	}
}

func TestStateKeepsTheLastValue(t *testing.T) {
	store, api, _ := newStore()
	for _, v := range []string{`{"n":1}`, `{"n":2}`, `{"n":2}`} {
		must(t, store.PutState(t.Context(), run.ID, "shift", json.RawMessage(v)))
	}
	got, found, err := store.State(t.Context(), run.ID, "shift")
	must(t, err)
	if string(got) != `{"n":2}` || !found || api.Writes() != 2 {
		t.Errorf("%s, found %t, %d writes", got, found, api.Writes())
	}
	if _, found, err := store.State(t.Context(), run.ID, "other"); found || err != nil {
		t.Errorf("found %t, err %v", found, err)
	}
	wantCode(t, store.PutState(t.Context(), run.ID, "shift", json.RawMessage(`{`)), upgrade.CodeInternal)
}
