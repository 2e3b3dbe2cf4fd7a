package traffic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var (
	steps = []upgrade.Weights{{Blue: 90, Green: 10}, {Blue: 50, Green: 50}, {Blue: 0, Green: 100}}
	name  = traffic.Name{Zone: lab.Zone, Record: lab.Record, Blue: lab.Blue, Green: lab.Green}
)

const ttl = time.Minute

// executor is made anew for each call: a process keeps nothing.
func executor(l *lab.Lab) *traffic.Traffic {
	return &traffic.Traffic{
		Route53: l.Route53, States: l.Records, Guard: l.Leases, Clock: l.Clock,
		Health:    execution.Health{Records: l.Records, Checker: l.Checker, Clock: l.Clock, MaxAge: 5 * time.Minute},
		Endpoints: lab.Endpoints{lab.Blue: lab.BlueLB, lab.Green: lab.GreenLB},
		Patience:  3 * time.Minute,
	}
}

func shift(t testing.TB, w upgrade.Weights) upgrade.Step {
	t.Helper()
	input, err := json.Marshal(upgrade.ShiftInput{HostedZone: lab.Zone, Record: lab.Record, TTL: upgrade.Duration(ttl), Blue: lab.Blue, Green: lab.Green,
		Service: lab.Service, Weights: w, Steps: steps, Safe: upgrade.Blue})
	if err != nil {
		t.Fatal(err)
	}
	return upgrade.Step{ID: fmt.Sprintf("shift-%d", w.Green), Kind: upgrade.StepShift, Input: input, Timeout: upgrade.Duration(31 * time.Minute)}
}

func look(t testing.TB, l *lab.Lab, w upgrade.Weights, started time.Time) (upgrade.Progress, error) {
	t.Helper()
	return executor(l).Reconcile(t.Context(), l.Run, upgrade.Plan{}, shift(t, w), upgrade.StepRecord{StartedAt: upgrade.At(started)})
}

// run looks until the step is done, letting as much time pass as it asks for.
// A crash is followed by another look.
func run(t testing.TB, l *lab.Lab, w upgrade.Weights) error {
	t.Helper()
	started := l.Clock.Now()
	for range 50 {
		p, err := look(t, l, w, started)
		switch {
		case errors.Is(err, lab.ErrCrash):
			continue
		case err != nil:
			return err
		case p.Done:
			return nil
		}
		l.Clock.Advance(max(p.After.D(), 5*time.Second))
	}
	t.Fatalf("weights %s are not reached after 50 looks", w)
	return nil
}

func wantCode(t testing.TB, err error, want upgrade.Code, text string) {
	t.Helper()
	if upgrade.CodeOf(err) != want || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v has code %q, want %q and the text %q", err, upgrade.CodeOf(err), want, text)
	}
}

func wantWeights(t testing.TB, l *lab.Lab, blue, green int64) {
	t.Helper()
	if diff := cmp.Diff(map[string]int64{lab.Blue: blue, lab.Green: green}, l.Route53.Weights()); diff != "" {
		t.Error("weights (-want +got):\n" + diff)
	}
	if len(l.Route53.Violations) > 0 {
		t.Error(l.Route53.Violations)
	}
}

func TestShiftGoesStepByStepAndWaitsForEachChange(t *testing.T) {
	l := lab.New(t)
	for _, w := range steps {
		before := l.Clock.Now()
		if err := run(t, l, w); err != nil {
			t.Fatal(err)
		}
		wantWeights(t, l, int64(w.Blue), int64(w.Green))
		if took := l.Clock.Now().Sub(before); took < lab.Spread+ttl {
			t.Errorf("%s was done after %s, before it was in sync and the TTL had passed", w, took)
		}
	}
	if n := len(l.Route53.Changes); n != len(steps) {
		t.Errorf("%d change batches, want %d", n, len(steps))
	}
	green := l.Route53.Get(lab.Green)
	if *green.ResourceRecords[0].Value != lab.GreenLB || *green.TTL != 60 {
		t.Errorf("green's record set is %s with TTL %d", *green.ResourceRecords[0].Value, *green.TTL)
	}
	if blue := l.Route53.Get(lab.Blue); *blue.ResourceRecords[0].Value != lab.BlueLB || *blue.TTL != 60 {
		t.Errorf("blue's record set is %s with TTL %d", *blue.ResourceRecords[0].Value, *blue.TTL)
	}
}

func TestTheFirstShiftWaitsForTheOldTTL(t *testing.T) {
	l := lab.New(t) // blue's record set has a TTL of 300 seconds
	if err := run(t, l, steps[0]); err != nil {
		t.Fatal(err)
	}
	if took := l.Clock.Now().Sub(lab.Start); took < lab.Spread+5*time.Minute {
		t.Errorf("done after %s, while clients may still hold answers of 5 minutes", took)
	}
}

func TestRollbackJumpsToTheSafeSide(t *testing.T) {
	for _, reached := range steps {
		t.Run(reached.String(), func(t *testing.T) {
			l := lab.New(t)
			for _, w := range steps {
				if err := run(t, l, w); err != nil {
					t.Fatal(err)
				}
				if w == reached {
					break
				}
			}
			if err := run(t, l, upgrade.AllBlue); err != nil {
				t.Fatal(err)
			}
			wantWeights(t, l, 100, 0)
		})
	}
}

func TestAReturnToTheSafeSideWaitsForSyncButNotForTheTTL(t *testing.T) {
	l := lab.New(t)
	if _, err := look(t, l, steps[0], lab.Start); err != nil {
		t.Fatal(err)
	}
	l.Clock.Advance(lab.Spread / 2)
	p, err := look(t, l, upgrade.AllBlue, l.Clock.Now())
	if err != nil || p.Done || len(l.Route53.Changes) != 1 {
		t.Fatalf("%+v, %v: the last change is still pending", p, err)
	}
	l.Clock.Advance(lab.Spread / 2)
	if _, err := look(t, l, upgrade.AllBlue, l.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	wantWeights(t, l, 100, 0)
	if err := run(t, l, upgrade.AllBlue); err != nil {
		t.Fatal(err)
	}
}

func TestRollbackOfNothingChangesNothing(t *testing.T) {
	l := lab.New(t)
	p, err := look(t, l, upgrade.AllBlue, lab.Start)
	if err != nil || !p.Done {
		t.Fatalf("progress %+v, error %v", p, err)
	}
	if len(l.Route53.Changes) != 0 || l.Route53.Get(lab.Green) != nil {
		t.Error("record sets were changed")
	}
}

// A crash before or after any call that has an effect must end in the same
// world.
func TestShiftSurvivesACrashAtAnyPoint(t *testing.T) {
	count := lab.New(t)
	for _, w := range steps {
		if err := run(t, count, w); err != nil {
			t.Fatal(err)
		}
	}
	if count.Fuse.Calls < 20 {
		t.Fatalf("only %d calls go through the fuse", count.Fuse.Calls)
	}
	for at := range count.Fuse.Calls {
		for _, effect := range []bool{false, true} {
			l := lab.New(t)
			l.Fuse.At, l.Fuse.Effect = at+1, effect
			if l.Fuse.Calls > at {
				continue // the lab's own set-up
			}
			for _, w := range steps {
				if err := run(t, l, w); err != nil {
					t.Fatalf("crash at call %d (%s, effect %t): %v", at+1, count.Fuse.Names[at], effect, err)
				}
			}
			wantWeights(t, l, 0, 100)
			if t.Failed() {
				t.Fatalf("after a crash at call %d (%s, effect %t)", at+1, count.Fuse.Names[at], effect)
			}
		}
	}
}

func TestAnAnswerThatWasLostIsAskedForAgainAndNotWaivedThrough(t *testing.T) {
	l := lab.New(t)
	l.Route53.Fail = nil
	if _, err := look(t, l, steps[0], lab.Start); err != nil {
		t.Fatal(err)
	}
	clean := l.Fuse.Calls
	l = lab.New(t)
	l.Fuse.At, l.Fuse.Effect = clean, true // the write of the change's id is the last
	l.Fuse.Effect = false
	if _, err := look(t, l, steps[0], lab.Start); !errors.Is(err, lab.ErrCrash) {
		t.Fatalf("error %v, want a crash", err)
	}
	p, err := look(t, l, steps[0], lab.Start)
	if err != nil || p.Done {
		t.Fatalf("progress %+v, error %v: a change without an id is not known to be in sync", p, err)
	}
	if len(l.Route53.Changes) != 2 {
		t.Errorf("%d batches, want the same one twice", len(l.Route53.Changes))
	}
	wantWeights(t, l, 90, 10)
}

func TestDriftParks(t *testing.T) {
	for what, drift := range map[string]func(*lab.Lab){
		"weights": func(l *lab.Lab) {
			l.Route53.Set(lab.Blue, 70, lab.BlueLB, 60)
			l.Route53.Set(lab.Green, 30, lab.GreenLB, 60)
		},
		"green's value": func(l *lab.Lab) { l.Route53.Set(lab.Green, 10, "elsewhere.example", 60) },
		"blue's value":  func(l *lab.Lab) { l.Route53.Set(lab.Blue, 90, "elsewhere.example", 60) },
		"all back to blue": func(l *lab.Lab) {
			l.Route53.Set(lab.Blue, 100, lab.BlueLB, 60)
			l.Route53.Set(lab.Green, 0, lab.GreenLB, 60)
		},
		"green's set is gone": func(l *lab.Lab) { l.Route53.Sets = l.Route53.Sets[:1] },
	} {
		for _, next := range []upgrade.Weights{steps[0], steps[1], upgrade.AllBlue} {
			t.Run(what+", then "+next.String(), func(t *testing.T) {
				l := lab.New(t)
				if err := run(t, l, steps[0]); err != nil {
					t.Fatal(err)
				}
				drift(l)
				before, batches := l.Route53.Weights(), len(l.Route53.Changes)
				_, err := look(t, l, next, l.Clock.Now())
				wantCode(t, err, upgrade.CodeDrift, "somebody else")
				if diff := cmp.Diff(before, l.Route53.Weights()); diff != "" || len(l.Route53.Changes) != batches {
					t.Error("it was overwritten:\n" + diff)
				}
			})
		}
	}
}

func TestShiftRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		prepare func(*lab.Lab)
		weights upgrade.Weights
		code    upgrade.Code
		text    string
	}{
		"a step that skips one":          {nil, steps[1], upgrade.CodePrecondition, "the step before"},
		"weights that are no step":       {nil, upgrade.Weights{Blue: 80, Green: 20}, upgrade.CodePrecondition, "not a step"},
		"weights that do not sum to 100": {nil, upgrade.Weights{Blue: 90, Green: 20}, upgrade.CodeInvalidRequest, "sum to 100"},
		"a beginning that is not all blue": {func(l *lab.Lab) {
			l.Route53.Set(lab.Green, 40, lab.GreenLB, 60)
			l.Route53.Set(lab.Blue, 60, lab.BlueLB, 60)
		},
			steps[0], upgrade.CodePrecondition, "give all weight"},
		"weights that are all zero": {func(l *lab.Lab) { l.Route53.Set(lab.Blue, 0, lab.BlueLB, 60) }, steps[0], upgrade.CodePrecondition, "blue 0"},
		"a simple record set": {func(l *lab.Lab) { s := l.Route53.Get(lab.Blue); s.SetIdentifier, s.Weight = nil, nil },
			steps[0], upgrade.CodePrecondition, "make it a weighted CNAME"},
		"another type":   {func(l *lab.Lab) { l.Route53.Get(lab.Blue).Type = types.RRTypeA }, steps[0], upgrade.CodePrecondition, "is not a CNAME"},
		"another policy": {func(l *lab.Lab) { l.Route53.Get(lab.Blue).Weight = nil }, steps[0], upgrade.CodePrecondition, "routing policy"},
		"a third party":  {func(l *lab.Lab) { l.Route53.Set("canary", 5, "c.example", 60) }, steps[0], upgrade.CodePrecondition, `"canary" belongs to neither`},
		"no record set":  {func(l *lab.Lab) { l.Route53.Sets = nil }, steps[0], upgrade.CodePrecondition, "no record set"},
		"throttling":     {func(l *lab.Lab) { l.Route53.Fail = func(string) error { return lab.APIError("Throttling") } }, steps[0], upgrade.CodeThrottled, ""},
		"a throttled change": {func(l *lab.Lab) {
			l.Route53.Fail = func(op string) error {
				if op == "ChangeResourceRecordSets" {
					return lab.APIError("Throttling")
				}
				return nil
			}
		}, steps[0], upgrade.CodeThrottled, ""},
	} {
		t.Run(what, func(t *testing.T) {
			l := lab.New(t)
			if c.prepare != nil {
				c.prepare(l)
			}
			_, err := look(t, l, c.weights, lab.Start)
			wantCode(t, err, c.code, c.text)
			if len(l.Route53.Changes) > 0 {
				t.Error("record sets were changed")
			}
		})
	}
}

func TestABusyHostedZoneIsLookedAtAgain(t *testing.T) {
	l := lab.New(t)
	busy := 2
	l.Route53.Fail = func(op string) error {
		if op == "ChangeResourceRecordSets" && busy > 0 {
			busy--
			return lab.APIError("PriorRequestNotComplete")
		}
		return nil
	}
	if err := run(t, l, steps[0]); err != nil {
		t.Fatal(err)
	}
	wantWeights(t, l, 90, 10)
}

func TestAStaleLeaseChangesNothing(t *testing.T) {
	l := lab.New(t)
	_, err := executor(l).Reconcile(t.Context(), l.Stale(), upgrade.Plan{}, shift(t, steps[0]), upgrade.StepRecord{StartedAt: upgrade.At(lab.Start)})
	wantCode(t, err, upgrade.CodeLeaseLost, "")
	if len(l.Route53.Changes) != 0 {
		t.Error("record sets were changed")
	}
}

func TestALeaseStoreThatDoesNotAnswerChangesNothing(t *testing.T) {
	l := lab.New(t)
	e := executor(l)
	e.Guard = unreachable{}
	_, err := e.Reconcile(t.Context(), l.Run, upgrade.Plan{}, shift(t, steps[0]), upgrade.StepRecord{StartedAt: upgrade.At(lab.Start)})
	wantCode(t, err, upgrade.CodeUnavailable, "")
	if len(l.Route53.Changes) != 0 {
		t.Error("record sets were changed")
	}
}

func TestWithoutALoadBalancerNothingMoves(t *testing.T) {
	l := lab.New(t)
	e := executor(l)
	e.Endpoints = lab.Endpoints{}
	p, err := e.Reconcile(t.Context(), l.Run, upgrade.Plan{}, shift(t, steps[0]), upgrade.StepRecord{StartedAt: upgrade.At(lab.Start)})
	if err != nil || p.Done || !strings.Contains(p.Note, "no load balancer yet") {
		t.Errorf("progress %+v, error %v", p, err)
	}
	if len(l.Route53.Changes) != 0 {
		t.Error("record sets were changed")
	}
}

func TestBlueKeepsWhatPeopleGaveItsRecordSet(t *testing.T) {
	l := lab.New(t)
	l.Route53.Get(lab.Blue).HealthCheckId = aws.String("hc-1")
	if err := run(t, l, steps[0]); err != nil {
		t.Fatal(err)
	}
	if id := l.Route53.Get(lab.Blue).HealthCheckId; id == nil || *id != "hc-1" {
		t.Error("the health check is gone")
	}
}

// Weights that are right and lead elsewhere are not the upgrade's: blue could
// be deleted while users are still sent to it.
func TestWeightsOfRecordSetsThatLeadElsewhereAreDrift(t *testing.T) {
	l := lab.New(t)
	for _, w := range steps {
		if err := run(t, l, w); err != nil {
			t.Fatal(err)
		}
	}
	n := traffic.Name{Zone: lab.Zone, Record: lab.Record, Blue: lab.Blue, Green: lab.Green}
	if w, inSync, err := executor(l).Weights(t.Context(), l.Run, n); err != nil || w != upgrade.AllGreen || !inSync {
		t.Fatalf("%s, in sync %t, %v", w, inSync, err)
	}
	l.Route53.Set(lab.Green, 100, lab.BlueLB, 60)
	_, _, err := executor(l).Weights(t.Context(), l.Run, n)
	wantCode(t, err, upgrade.CodeDrift, "somebody else")
}

// A first shift lasts as long as clients hold answers of the record set as it
// was: when that is longer than the step may take, nothing is begun.
func TestATTLThatOutlastsTheStepIsRefusedBeforeAnyShift(t *testing.T) {
	l := lab.New(t)
	l.Route53.Set(lab.Blue, 100, lab.BlueLB, 86400)
	_, err := look(t, l, steps[0], lab.Start)
	wantCode(t, err, upgrade.CodePrecondition, "lower the TTL")
	if len(l.Route53.Changes) != 0 {
		t.Error("record sets were changed")
	}
}
