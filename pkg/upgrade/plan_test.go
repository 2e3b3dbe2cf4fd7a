package upgrade

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var planTime = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func testStep(id string, edit func(*Step)) Step {
	s := Step{ID: id, Kind: StepVerify, Title: id, Input: json.RawMessage(`{}`), Verify: []Criterion{{Kind: NodesReady, Cluster: "shop"}},
		Timeout: Duration(time.Hour), VerifyTimeout: Duration(time.Hour)}
	if edit != nil {
		edit(&s)
	}
	return s
}

func testPlan(t *testing.T) Plan {
	t.Helper()
	back := testStep("return-traffic", nil)
	destroy := testStep("destroy-green", nil)
	p := Plan{Upgrade: "u", Cluster: "shop", Green: "shop-green", From: Version{1, 34}, Target: Version{1, 35}, Strategy: BlueGreen, Mode: Forward, MadeAt: At(planTime),
		Steps: []Step{
			testStep("provision-green", func(s *Step) { s.Rollback = []Step{destroy} }),
			testStep("shift-10", func(s *Step) { s.Rollback = []Step{back} }),
			testStep("shift-100", func(s *Step) { s.Rollback = []Step{back} }),
			testStep("decommission-blue", func(s *Step) { s.NoReturn = true }),
		}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanIsBoundToItsHash(t *testing.T) {
	p := testPlan(t)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode[Plan](data)
	if err != nil {
		t.Fatalf("a stored plan must keep its hash: %v", err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Error(diff)
	}
	back.Steps[1].Timeout++
	if err := back.Validate(); CodeOf(err) != CodePlanMismatch {
		t.Errorf("an edited plan: err = %v, want PlanMismatch", err)
	}
}

func TestPlanRefusesStepsThatNothingVerifies(t *testing.T) {
	cases := map[string]func(*Step){
		"no criterion":        func(s *Step) { s.Verify = nil },
		"no timeout":          func(s *Step) { s.Timeout = 0 },
		"no verify timeout":   func(s *Step) { s.VerifyTimeout = 0 },
		"unknown kind":        func(s *Step) { s.Kind = "pray" },
		"no id":               func(s *Step) { s.ID = "" },
		"an id used twice":    func(s *Step) { s.ID = "shift-100" },
		"a rollback unproven": func(s *Step) { s.Rollback[0].Verify = nil },
	}
	for name, edit := range cases {
		t.Run(name, func(t *testing.T) {
			p := testPlan(t)
			edit(&p.Steps[1])
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			if err := p.Validate(); CodeOf(err) != CodeInvalidRequest {
				t.Errorf("err = %v, want InvalidRequest", err)
			}
		})
	}
}

func TestRollbackUndoesWhatWasStartedLastFirstAndOnce(t *testing.T) {
	cases := map[string]struct {
		started []string
		want    []string
		closed  string
	}{
		"nothing started":          {nil, nil, ""},
		"only green exists":        {[]string{"provision-green"}, []string{"destroy-green"}, ""},
		"traffic was shifted once": {[]string{"provision-green", "shift-10"}, []string{"return-traffic", "destroy-green"}, ""},
		"traffic was shifted more": {[]string{"provision-green", "shift-10", "shift-100"}, []string{"return-traffic", "destroy-green"}, ""},
		"blue is going":            {[]string{"provision-green", "shift-10", "shift-100", "decommission-blue"}, nil, "decommission-blue"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			started := map[string]bool{}
			for _, id := range c.started {
				started[id] = true
			}
			plan, closed, err := testPlan(t).RollbackPlan(started, planTime)
			if err != nil || closed != c.closed {
				t.Fatalf("closed %q, err %v", closed, err)
			}
			var got []string
			for _, s := range plan.Steps {
				got = append(got, s.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if closed == "" {
				if err := plan.Validate(); err != nil || plan.Mode != RollingBack {
					t.Errorf("mode %s, err %v", plan.Mode, err)
				}
			}
		})
	}
}

func TestStepOutsideThePlanIsRefused(t *testing.T) {
	for _, index := range []int{-1, 4} {
		if _, err := testPlan(t).Step(index); CodeOf(err) != CodeInvalidRequest {
			t.Errorf("Step(%d): %v", index, err)
		}
	}
}
