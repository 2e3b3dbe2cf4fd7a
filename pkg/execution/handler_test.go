package execution_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type plans map[string]upgrade.Plan

func (p plans) Plan(_ context.Context, ref upgrade.Ref) (upgrade.Plan, error) { return p[ref.Key], nil }

// scripted is an executor that says what the test says.
type scripted struct {
	progress upgrade.Progress
	err      error
	calls    int
}

func (s *scripted) Reconcile(context.Context, upgrade.Run, upgrade.Plan, upgrade.Step, upgrade.StepRecord) (upgrade.Progress, error) {
	s.calls++
	return s.progress, s.err
}

type setup struct {
	*lab.Lab
	plan     upgrade.Plan
	executor *scripted
	handler  *execution.Handler
}

func newSetup(t *testing.T) setup {
	t.Helper()
	l := lab.New(t)
	plan := upgrade.Plan{Upgrade: l.Run.ID, Cluster: lab.Blue, Green: lab.Green, Mode: upgrade.Forward, Steps: []upgrade.Step{{
		ID: "only", Kind: upgrade.StepShift, Input: json.RawMessage(`{}`), Verify: []upgrade.Criterion{{Kind: upgrade.WeightsHold}},
		Timeout: upgrade.Duration(10 * time.Minute), Bake: upgrade.Duration(5 * time.Minute), VerifyTimeout: upgrade.Duration(time.Minute)}}}
	if err := plan.Seal(); err != nil {
		t.Fatal(err)
	}
	s := setup{Lab: l, plan: plan, executor: &scripted{}}
	s.handler = &execution.Handler{Plans: plans{"plan": plan}, Guard: l.Leases, Records: l.Records, Clock: l.Clock,
		Executors: map[upgrade.StepKind]execution.Executor{upgrade.StepShift: s.executor}}
	return s
}

func (s setup) input() upgrade.StepInput {
	return upgrade.StepInput{Run: s.Run, Plan: upgrade.Ref{Key: "plan"}, PlanHash: s.plan.Hash, Mode: upgrade.Forward}
}

func (s setup) record(t *testing.T) (upgrade.StepRecord, bool) {
	t.Helper()
	r, found, err := s.Records.Step(t.Context(), s.Run.ID, upgrade.Forward, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r, found
}

func TestHandleRecordsProgressAndWaitsLongerAndLonger(t *testing.T) {
	s := newSetup(t)
	s.executor.progress = upgrade.Progress{Note: "working"}
	var waits []int
	for range 5 {
		out, err := s.handler.Handle(t.Context(), s.input())
		if err != nil || out.Done {
			t.Fatalf("%+v, %v", out, err)
		}
		waits = append(waits, out.WaitSeconds)
		s.Clock.Advance(time.Duration(out.WaitSeconds) * time.Second)
		s.Clock.Advance(time.Minute)
	}
	if diff := cmp.Diff([]int{5, 11, 23, 37, 53}, waits); diff != "" {
		t.Error("waits (-want +got):\n" + diff)
	}
	if r, found := s.record(t); !found || r.Note != "working" || !r.StartedAt.Equal(lab.Start) || !r.DoneAt.IsZero() {
		t.Errorf("record %+v", r)
	}
}

func TestHandleTakesTheExecutorsWait(t *testing.T) {
	s := newSetup(t)
	s.executor.progress = upgrade.Progress{After: upgrade.Duration(90 * time.Second)}
	out, err := s.handler.Handle(t.Context(), s.input())
	if err != nil || out.WaitSeconds != 90 {
		t.Fatalf("%+v, %v", out, err)
	}
	s.executor.progress.After = upgrade.Duration(time.Hour)
	out, err = s.handler.Handle(t.Context(), s.input())
	if err != nil || out.WaitSeconds != 600 {
		t.Errorf("%+v, %v: the last look belongs at the deadline", out, err)
	}
}

func TestDoneIsRecordedOnceAndNotRunAgain(t *testing.T) {
	s := newSetup(t)
	s.executor.progress = upgrade.Progress{Done: true, Note: "there"}
	want := upgrade.ExecuteOutput{Step: "only", Done: true, BakeSeconds: 300, Note: "there"}
	for range 2 {
		out, err := s.handler.Handle(t.Context(), s.input())
		if diff := cmp.Diff(want, out); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		s.Clock.Advance(time.Hour)
	}
	if s.executor.calls != 1 {
		t.Errorf("the executor ran %d times", s.executor.calls)
	}
	if r, _ := s.record(t); !r.DoneAt.Equal(lab.Start) {
		t.Errorf("done at %s", r.DoneAt)
	}
}

func TestAStepTimesOutAfterALastLook(t *testing.T) {
	s := newSetup(t)
	s.executor.progress = upgrade.Progress{Note: "still creating"}
	if _, err := s.handler.Handle(t.Context(), s.input()); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(10 * time.Minute)
	_, err := s.handler.Handle(t.Context(), s.input())
	if upgrade.CodeOf(err) != upgrade.CodeStepTimeout {
		t.Errorf("error %v", err)
	}
	if s.executor.calls != 2 {
		t.Errorf("%d looks", s.executor.calls)
	}
}

func TestHandleRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*setup, *upgrade.StepInput)
		code   upgrade.Code
	}{
		"another hash": {func(_ *setup, in *upgrade.StepInput) { in.PlanHash = "f00" }, upgrade.CodePlanMismatch},
		"a plan that was edited": {func(s *setup, _ *upgrade.StepInput) {
			p := s.plan
			p.Green = "elsewhere"
			s.handler.Plans = plans{"plan": p}
		}, upgrade.CodePlanMismatch},
		"another upgrade's plan":  {func(_ *setup, in *upgrade.StepInput) { in.Run.ID = "up-2" }, upgrade.CodePlanMismatch},
		"the other mode":          {func(_ *setup, in *upgrade.StepInput) { in.Mode = upgrade.RollingBack }, upgrade.CodePlanMismatch},
		"an index beyond":         {func(_ *setup, in *upgrade.StepInput) { in.Index = 1 }, upgrade.CodeInvalidRequest},
		"a stale lease":           {func(s *setup, in *upgrade.StepInput) { in.Run = s.Stale() }, upgrade.CodeLeaseLost},
		"a kind without executor": {func(s *setup, _ *upgrade.StepInput) { s.handler.Executors = nil }, upgrade.CodeInternal},
		"a lease store that does not answer": {func(s *setup, _ *upgrade.StepInput) {
			s.Dynamo.Before = func(string) error { return lab.APIError("ServiceUnavailable") }
		}, upgrade.CodeUnavailable},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSetup(t)
			in := s.input()
			c.change(&s, &in)
			_, err := s.handler.Handle(t.Context(), in)
			if upgrade.CodeOf(err) != c.code {
				t.Errorf("error %v, want code %s", err, c.code)
			}
			s.Dynamo.Before = nil
			if _, found := s.record(t); found || s.executor.calls > 0 {
				t.Error("something was done")
			}
		})
	}
}

func TestTheLeaseOutlastsTheWait(t *testing.T) {
	s := newSetup(t)
	s.executor.progress = upgrade.Progress{After: upgrade.Duration(10 * time.Minute)}
	if _, err := s.handler.Handle(t.Context(), s.input()); err != nil {
		t.Fatal(err)
	}
	s.executor.progress = upgrade.Progress{Done: true}
	s.handler.Guard = guard(func(atLeast time.Duration) error {
		if atLeast == 5*time.Minute {
			return upgrade.Errorf(upgrade.CodeLeaseLost, "check", "overtaken")
		}
		return nil
	})
	if _, err := s.handler.Handle(t.Context(), s.input()); upgrade.CodeOf(err) != upgrade.CodeLeaseLost {
		t.Errorf("error %v: the bake of 5 minutes was not asked for", err)
	}
}

type guard func(time.Duration) error

func (g guard) Check(_ context.Context, _ upgrade.Run, atLeast time.Duration) error {
	return g(atLeast)
}

func TestAnExecutorsErrorIsPassedOn(t *testing.T) {
	s := newSetup(t)
	s.executor.err = upgrade.Errorf(upgrade.CodeDrift, "shift", "changed")
	_, err := s.handler.Handle(t.Context(), s.input())
	if !errors.Is(err, s.executor.err) {
		t.Errorf("error %v", err)
	}
	if r, found := s.record(t); !found || !r.DoneAt.IsZero() {
		t.Error("the begun step has no record, or is done")
	}
}

func TestSoakWaitsFromItsFirstCall(t *testing.T) {
	l := lab.New(t)
	step := upgrade.Step{ID: "soak", Input: json.RawMessage(`{"for":"1h"}`)}
	record := upgrade.StepRecord{StartedAt: upgrade.At(lab.Start)}
	soak := execution.Soak{Clock: l.Clock}
	l.Clock.Advance(20 * time.Minute)
	p, err := soak.Reconcile(t.Context(), l.Run, upgrade.Plan{}, step, record)
	if err != nil || p.Done || p.After.D() != 40*time.Minute {
		t.Errorf("%+v, %v", p, err)
	}
	l.Clock.Advance(40 * time.Minute)
	if p, err := soak.Reconcile(t.Context(), l.Run, upgrade.Plan{}, step, record); err != nil || !p.Done {
		t.Errorf("%+v, %v", p, err)
	}
	step.Input = json.RawMessage(`{"fro":"1h"}`)
	if _, err := soak.Reconcile(t.Context(), l.Run, upgrade.Plan{}, step, record); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
		t.Errorf("error %v", err)
	}
}

func TestVerifyIsDoneAtOnce(t *testing.T) {
	if p, err := (execution.Verify{}).Reconcile(t.Context(), upgrade.Run{}, upgrade.Plan{}, upgrade.Step{}, upgrade.StepRecord{}); err != nil || !p.Done {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTokensDifferByEachPart(t *testing.T) {
	seen := map[string]bool{}
	for _, token := range []string{execution.Token("u", "s", "i"), execution.Token("u", "si", ""), execution.Token("us", "", "i"), execution.Token("u", "s", "j")} {
		if seen[token] || len(token) != 64 {
			t.Errorf("token %q", token)
		}
		seen[token] = true
	}
	if first, again := execution.Token("u", "s", "i"), execution.Token("u", "s", "i"); first != again {
		t.Error("a token is not repeatable")
	}
}
