package validation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics/metricstest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
)

type plans struct{ plan upgrade.Plan }

func (p plans) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) { return p.plan, nil }

// answers is a checker that says what the test says, by cluster.
type answers map[string]validation.Result

func (a answers) Check(_ context.Context, _ upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (validation.Result, error) {
	r, ok := a[c.Cluster]
	if !ok {
		return validation.Result{}, errDown
	}
	return r, nil
}

type setup struct {
	clock   *clock.Virtual
	store   *records.Store
	plan    upgrade.Plan
	handler *validation.Handler
	said    map[upgrade.CriterionKind]answers
}

// newSetup is a step of four criteria that was done at the start, with a bake
// of 10 minutes and then 20 minutes for its verification.
func newSetup(t *testing.T) *setup {
	t.Helper()
	c := clock.NewVirtual(start)
	s := &setup{clock: c, store: records.New(&tabletest.Fake{}, "records", c), said: map[upgrade.CriterionKind]answers{}}
	s.plan = upgrade.Plan{Upgrade: run.ID, Mode: upgrade.Forward, Steps: []upgrade.Step{{ID: "shift-10", Kind: upgrade.StepShift, Timeout: 1,
		Bake: upgrade.Duration(10 * time.Minute), VerifyTimeout: upgrade.Duration(20 * time.Minute), Verify: []upgrade.Criterion{
			{Kind: upgrade.WeightsHold}, {Kind: upgrade.WorkloadsReady, Cluster: "green", Within: upgrade.Duration(15 * time.Minute)},
			{Kind: upgrade.EndpointAnswers, Cluster: "green"}, {Kind: upgrade.ErrorRate, Cluster: "blue"}}}}}
	if err := s.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	checkers := map[upgrade.CriterionKind]validation.Checker{}
	for _, c := range s.plan.Steps[0].Verify {
		s.said[c.Kind] = answers{c.Cluster: {Status: upgrade.Pass, Evidence: "fine"}}
		checkers[c.Kind] = s.said[c.Kind]
	}
	s.handler = &validation.Handler{Plans: plans{s.plan}, Records: s.store, Checkers: checkers, Clock: c}
	record, err := s.store.StartStep(t.Context(), run, s.plan, 0)
	if err != nil {
		t.Fatal(err)
	}
	record.DoneAt = upgrade.At(start)
	if err := s.store.UpdateStep(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	c.Advance(10 * time.Minute)
	return s
}

func (s *setup) input() upgrade.StepInput {
	return upgrade.StepInput{Run: run, PlanHash: s.plan.Hash, Mode: upgrade.Forward}
}

func (s *setup) handle(t *testing.T) (upgrade.ValidateOutput, upgrade.StepRecord) {
	t.Helper()
	out, err := s.handler.Handle(t.Context(), s.input())
	if err != nil {
		t.Fatal(err)
	}
	record, _, err := s.store.Step(t.Context(), run.ID, upgrade.Forward, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out, record
}

func (s *setup) health(t *testing.T, cluster string) (upgrade.Status, bool) {
	t.Helper()
	h, found, err := s.store.Health(t.Context(), run.ID, cluster)
	if err != nil {
		t.Fatal(err)
	}
	return h.Status, found
}

func TestAPassIsRecordedWithTheHealthOfItsClusters(t *testing.T) {
	s := newSetup(t)
	out, record := s.handle(t)
	if diff := cmp.Diff(upgrade.ValidateOutput{Step: "shift-10", Status: upgrade.Pass, Reason: "4 of 4 criteria pass"}, out); diff != "" {
		t.Error(diff)
	}
	if record.Verdict == nil || len(record.Verdict.Verdicts) != 4 || !record.VerifiedAt.Equal(start.Add(10*time.Minute)) {
		t.Errorf("record %+v", record)
	}
	if status, found := s.health(t, "green"); !found || status != upgrade.Pass {
		t.Errorf("green's health is %q, %t", status, found)
	}
	if status, found := s.health(t, "blue"); found {
		t.Errorf("blue's health is recorded as %q by its error rate alone", status)
	}
}

func TestOnlyPassIsAPass(t *testing.T) {
	for what, c := range map[string]struct {
		spoil  func(*setup)
		status upgrade.Status
		reason string
		green  upgrade.Status
	}{
		"a fail": {func(s *setup) {
			s.said[upgrade.EndpointAnswers]["green"] = validation.Result{Status: upgrade.Fail, Evidence: "503"}
		}, upgrade.Fail, "endpointAnswers of green: 503", upgrade.Fail},
		"no data": {func(s *setup) {
			s.said[upgrade.ErrorRate]["blue"] = validation.Result{Status: upgrade.Inconclusive, Evidence: "no data"}
		}, upgrade.Inconclusive, "no data", upgrade.Pass},
		"an error":        {func(s *setup) { delete(s.said[upgrade.WorkloadsReady], "green") }, upgrade.Inconclusive, "connection refused", upgrade.Inconclusive},
		"no checker":      {func(s *setup) { delete(s.handler.Checkers, upgrade.WeightsHold) }, upgrade.Inconclusive, "no checker", upgrade.Pass},
		"an empty status": {func(s *setup) { s.said[upgrade.WeightsHold][""] = validation.Result{} }, upgrade.Inconclusive, "weightsHold", upgrade.Pass},
		"an early fail": {func(s *setup) {
			s.said[upgrade.WorkloadsReady]["green"] = validation.Result{Status: upgrade.Fail, Evidence: "1 of 2"}
		}, upgrade.Inconclusive, "still settling, 10m0s of 15m0s: 1 of 2", upgrade.Inconclusive},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSetup(t)
			c.spoil(s)
			out, record := s.handle(t)
			if out.Status != c.status || !strings.Contains(out.Reason, c.reason) || !record.VerifiedAt.IsZero() {
				t.Errorf("%+v, verified at %s", out, record.VerifiedAt)
			}
			if (out.WaitSeconds > 0) != (c.status == upgrade.Inconclusive) {
				t.Errorf("waits %d seconds", out.WaitSeconds)
			}
			if status, _ := s.health(t, "green"); status != c.green {
				t.Errorf("green's health is %q, want %q", status, c.green)
			}
		})
	}
}

func TestAFailAfterItsTimeToSettleIsAFail(t *testing.T) {
	s := newSetup(t)
	s.said[upgrade.WorkloadsReady]["green"] = validation.Result{Status: upgrade.Fail, Evidence: "1 of 2"}
	s.clock.Advance(5 * time.Minute)
	if out, _ := s.handle(t); out.Status != upgrade.Fail {
		t.Errorf("%+v", out)
	}
}

func TestNoVerdictInTimeIsAFail(t *testing.T) {
	s := newSetup(t)
	s.said[upgrade.ErrorRate]["blue"] = validation.Result{Status: upgrade.Inconclusive, Evidence: "no data"}
	var waits []int
	for range 100 {
		out, record := s.handle(t)
		if out.Status == upgrade.Fail {
			if !strings.Contains(out.Reason, "no verdict within 20m0s: errorRate of blue: no data") || record.Verdict.Status != upgrade.Fail {
				t.Errorf("%+v", out)
			}
			if waited := s.clock.Now().Sub(start); waited != 30*time.Minute {
				t.Errorf("failed after %s, want the bake and the verify timeout exactly", waited)
			}
			return
		}
		waits = append(waits, out.WaitSeconds)
		s.clock.Advance(time.Duration(out.WaitSeconds) * time.Second)
	}
	t.Errorf("no end: waits %v", waits)
}

func TestHandleRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*setup, *upgrade.StepInput)
		code   upgrade.Code
	}{
		"another hash":    {func(_ *setup, in *upgrade.StepInput) { in.PlanHash = "f00" }, upgrade.CodePlanMismatch},
		"an edited plan":  {func(s *setup, _ *upgrade.StepInput) { p := s.plan; p.Green = "x"; s.handler.Plans = plans{p} }, upgrade.CodePlanMismatch},
		"the other mode":  {func(_ *setup, in *upgrade.StepInput) { in.Mode = upgrade.RollingBack }, upgrade.CodePlanMismatch},
		"another upgrade": {func(_ *setup, in *upgrade.StepInput) { in.Run.ID = "up-2" }, upgrade.CodePlanMismatch},
		"an index beyond": {func(_ *setup, in *upgrade.StepInput) { in.Index = 7 }, upgrade.CodeInvalidRequest},
		"a step without record": {func(s *setup, _ *upgrade.StepInput) {
			s.handler.Records = records.New(&tabletest.Fake{}, "records", s.clock)
		}, upgrade.CodePrecondition},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSetup(t)
			in := s.input()
			c.change(s, &in)
			if _, err := s.handler.Handle(t.Context(), in); upgrade.CodeOf(err) != c.code {
				t.Errorf("error %v, want %s", err, c.code)
			}
		})
	}
}

func TestVerdictsAreCounted(t *testing.T) {
	s := newSetup(t)
	s.said[upgrade.EndpointAnswers]["green"] = validation.Result{Status: upgrade.Inconclusive, Evidence: "no data"}
	got := metricstest.Record(t, func(ctx context.Context) {
		if _, err := s.handler.Handle(ctx, s.input()); err != nil {
			t.Fatal(err)
		}
	})
	if got["Verdicts"] != 1. || got["Result"] != "inconclusive" {
		t.Error(got)
	}
}
