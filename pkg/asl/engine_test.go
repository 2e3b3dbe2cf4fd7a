package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// script answers tasks by state name, one answer per attempt; the last one
// repeats. It notes when attempts began, and which were cancelled.
type script struct {
	clock     clock.Clock
	answers   map[string][]answer
	starts    []string
	requests  []TaskRequest
	cancelled []string
	attempts  map[string]int
}

// answer says how an attempt ends; after is when, never means not at all.
type answer struct {
	output string
	err    *Error
	after  time.Duration
	never  bool
}

func (s *script) Start(r TaskRequest, done func(TaskResult)) func() {
	s.starts = append(s.starts, fmt.Sprintf("%s+%s", r.State, s.clock.Now().Sub(noon)))
	s.requests = append(s.requests, r)
	if s.attempts == nil {
		s.attempts = map[string]int{}
	}
	all := s.answers[r.State]
	a := answer{output: string(r.Arguments)}
	if len(all) > 0 {
		a = all[min(s.attempts[r.State], len(all)-1)]
	}
	s.attempts[r.State]++
	result := TaskResult{Output: json.RawMessage(a.output), Err: a.err}
	if a.output == "" && a.err == nil {
		result.Output = json.RawMessage("null")
	}
	switch {
	case a.never:
		return func() { s.cancelled = append(s.cancelled, r.State) }
	case a.after == 0:
		done(result)
		return nil
	}
	stop := s.clock.AfterFunc(a.after, func() { done(result) })
	return func() { stop(); s.cancelled = append(s.cancelled, r.State) }
}

// run is an execution on a virtual clock.
type run struct {
	*Execution
	clock *clock.Virtual
	tasks *script
}

func mustParse(t testing.TB, definition string) *Machine {
	t.Helper()
	m, err := Parse([]byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func begin(t testing.TB, definition, input string, answers map[string][]answer) *run {
	t.Helper()
	v := clock.NewVirtual(noon)
	s := &script{clock: v, answers: answers}
	e, err := mustParse(t, definition).Start(Options{
		Clock: v, Tasks: s, Input: json.RawMessage(input), RoleArn: "arn:aws:iam::123456789012:role/r",
		StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m",
		ExecutionArn:    "arn:aws:states:eu-west-1:123456789012:execution:m:e1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return &run{e, v, s}
}

// toEnd moves the clock until nothing is scheduled.
func (r *run) toEnd() *run {
	for r.clock.Next() {
	}
	return r
}

func (r *run) types() []string {
	var out []string
	for _, e := range r.History() {
		out = append(out, e.Type)
	}
	return out
}

func (r *run) wantOutput(t *testing.T, want string) {
	t.Helper()
	if r.Status() != Succeeded {
		t.Fatalf("status %s, error %v", r.Status(), r.Err())
	}
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(r.Output(), &g); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("output (-want +got):\n%s", d)
	}
}

func (r *run) wantError(t *testing.T, name, cause string) {
	t.Helper()
	if r.Status() != Failed || r.Err().Name != name || !strings.Contains(r.Err().Cause, cause) {
		t.Fatalf("status %s, error %v; want %s with %q", r.Status(), r.Err(), name, cause)
	}
}

const invoke = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke"`

func TestJSONataMachineEndToEnd(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"Look","States":{
	 "Look":{`+invoke+`,"Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},
	   "Assign":{"n":"{% $states.result.n %}"},"Output":"{% $states.result %}","Next":"Enough",
	   "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":2}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Sorry"}]},
	 "Enough":{"Type":"Choice","Choices":[{"Condition":"{% $n > 2 %}","Next":"Both"}],"Default":"Pause"},
	 "Pause":{"Type":"Wait","Seconds":"{% $n * 10 %}","Next":"Look"},
	 "Both":{"Type":"Parallel","Branches":[
	    {"StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% $n + 1 %}","End":true}}},
	    {"StartAt":"B","States":{"B":{"Type":"Succeed","Output":"{% $states.context.Execution.Name %}"}}}],"End":true},
	 "Sorry":{"Type":"Fail","Error":"{% $states.input.Error %}"}}}`, `{"a":1}`, map[string][]answer{
		"Look": {{err: &Error{"Busy", "later"}}, {output: `{"n":1}`}, {output: `{"n":3}`, after: time.Second}},
	}).toEnd()
	r.wantOutput(t, `[4,"e1"]`)
	if d := cmp.Diff([]string{"Look+0s", "Look+2s", "Look+12s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
}
