package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestShiftsGoAlongTheStepsOrToTheSafeSide(t *testing.T) {
	steps := Traffic{Steps: []int{10, 25, 50, 75, 100}}.Weights()
	green := func(n int) Weights { return Weights{100 - n, n} }
	cases := map[string]struct {
		observed, next Weights
		safe           Side
		allowed        bool
	}{
		"first step":               {green(0), green(10), Blue, true},
		"next step":                {green(25), green(50), Blue, true},
		"the same again":           {green(25), green(25), Blue, true},
		"a step is skipped":        {green(10), green(50), Blue, false},
		"back by one step":         {green(50), green(25), Blue, false},
		"jump to the safe side":    {green(75), green(0), Blue, true},
		"jump to the unsafe side":  {green(10), green(100), Blue, false},
		"weights of no step":       {green(10), green(30), Blue, false},
		"from weights of no step":  {green(33), green(50), Blue, false},
		"green is safe: jump back": {green(75), green(0), Green, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if why := AllowedShift(c.observed, c.next, steps, c.safe); (why == "") != c.allowed {
				t.Errorf("AllowedShift = %q, want allowed %v", why, c.allowed)
			}
		})
	}
}

func TestWeightsSumTo100AndAreNeverAllZero(t *testing.T) {
	for _, w := range []Weights{AllBlue, AllGreen, {90, 10}} {
		if err := w.Validate(); err != nil {
			t.Errorf("%v: %v", w, err)
		}
	}
	for _, w := range []Weights{{}, {50, 40}, {110, -10}, {100, 100}} {
		if err := w.Validate(); CodeOf(err) != CodeInvalidRequest {
			t.Errorf("%v: err = %v", w, err)
		}
	}
}

func TestOnlyPassesMakeAPass(t *testing.T) {
	cases := map[string]struct {
		statuses []Status
		want     Status
	}{
		"no verdict":              {nil, Inconclusive},
		"all pass":                {[]Status{Pass, Pass}, Pass},
		"one without data":        {[]Status{Pass, Inconclusive}, Inconclusive},
		"a fail beats no data":    {[]Status{Inconclusive, Fail, Pass}, Fail},
		"a status nobody knows":   {[]Status{Pass, "great"}, Inconclusive},
		"a status that is absent": {[]Status{""}, Inconclusive},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := StepVerdict{}
			for _, s := range c.statuses {
				v.Verdicts = append(v.Verdicts, Verdict{Criterion: NodesReady, Status: s, Evidence: "e"})
			}
			v.Conclude()
			if v.Status != c.want || v.Reason == "" {
				t.Errorf("status %s (%s), want %s", v.Status, v.Reason, c.want)
			}
		})
	}
}

func TestHealthIsFreshOnlyWhenItPassedRecently(t *testing.T) {
	now := planTime
	at := func(ago time.Duration, s Status) Health { return Health{Status: s, ObservedAt: At(now.Add(-ago))} }
	cases := map[string]struct {
		h    Health
		want bool
	}{
		"a recent pass":         {at(time.Minute, Pass), true},
		"an old pass":           {at(time.Hour, Pass), false},
		"a recent fail":         {at(time.Minute, Fail), false},
		"recent, but no data":   {at(time.Minute, Inconclusive), false},
		"a pass of the future":  {at(-time.Minute, Pass), false},
		"no verdict whatsoever": {Health{}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.h.Fresh(now, 10*time.Minute); got != c.want {
				t.Errorf("Fresh = %v", got)
			}
		})
	}
}

func TestAssessmentDecides(t *testing.T) {
	cases := map[string]struct {
		findings []Finding
		want     Decision
	}{
		"no finding":               {nil, Go},
		"small ones":               {[]Finding{{Check: "a", Severity: Low}, {Check: "b", Severity: Medium}}, Go},
		"a high one":               {[]Finding{{Check: "a", Severity: High}}, GoWithApproval},
		"one that was not checked": {[]Finding{{Check: "a", Severity: Low, NotChecked: true}}, GoWithApproval},
		"one that was left out":    {[]Finding{{Check: "a", Severity: Info, NotChecked: true}}, Go},
		"a severity nobody knows":  {[]Finding{{Check: "a", Severity: "odd"}}, GoWithApproval},
		"a blocking one":           {[]Finding{{Check: "a", Severity: Low}, {Check: "b", Severity: Low, Blocks: true}}, NoGo},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := Assessment{Findings: c.findings}
			a.Judge()
			if a.Decision != c.want || a.Reason == "" {
				t.Errorf("decision %s (%s), want %s", a.Decision, a.Reason, c.want)
			}
			if c.want == NoGo && !a.Findings[0].Blocks {
				t.Error("the blocking finding must come first")
			}
		})
	}
}

func TestErrorsKeepCodeCauseAndRemedy(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("outer: %w", Errorf(CodeUnavailable, "list nodes", "api server: %w", cause).WithRemedy("try again"))
	if CodeOf(err) != CodeUnavailable || !errors.Is(err, cause) {
		t.Errorf("code %s, is cause %v", CodeOf(err), errors.Is(err, cause))
	}
	if got := err.Error(); got != "outer: list nodes: api server: connection refused; try again" {
		t.Errorf("text = %q", got)
	}
	if CodeOf(cause) != CodeInternal || CodeOf(nil) != "" {
		t.Error("a foreign error is Internal, no error has no code")
	}
	for _, c := range Codes() {
		if strings.ContainsAny(string(c), " .") {
			t.Errorf("%q cannot be an error name of Step Functions", c)
		}
	}
}

func TestTimesBecomeUTC(t *testing.T) {
	var at Time
	if err := json.Unmarshal([]byte(`"2026-08-01T14:00:00+02:00"`), &at); err != nil {
		t.Fatal(err)
	}
	if got := at.Format(time.RFC3339); got != "2026-08-01T12:00:00Z" {
		t.Errorf("time = %s", got)
	}
}
