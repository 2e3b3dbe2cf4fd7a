package asl

import (
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"runtime/debug"
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

// runFuzzed runs a machine for a while on input that has a bit of everything.
func runFuzzed(t testing.TB, m *Machine) *Execution {
	t.Helper()
	v := clock.NewVirtual(noon)
	e, err := m.Start(Options{Clock: v, Tasks: &script{clock: v}, Objects: &fakeS3{}, Input: json.RawMessage(`{"a":[1,"x",null],"value":22,"type":"Private"}`), MaxEvents: 200})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 200 && v.Next(); i++ {
	}
	return e
}

func TestStartRefusals(t *testing.T) {
	task := mustParse(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}}`)
	v := clock.NewVirtual(noon)
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"no clock", Options{Tasks: noTasks{}}, "Clock is missing"},
		{"no tasks", Options{Clock: v}, "Tasks is missing"},
		{"input is not JSON", Options{Clock: v, Tasks: noTasks{}, Input: json.RawMessage(`{`)}, "input is not JSON"},
		{"two inputs", Options{Clock: v, Tasks: noTasks{}, Input: json.RawMessage(`1 2`)}, "input is not JSON"},
		{"large input", Options{Clock: v, Tasks: noTasks{}, Input: json.RawMessage(`"` + strings.Repeat("x", MaxPayload) + `"`)}, "more than 262144"},
	} {
		if _, err := task.Start(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestStateOutputLimit(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":"{% $join($map([1..300], function(){ $pad('', 1000, 'x') })) %}","End":true}}}`, `{}`, nil)
	r.wantError(t, ErrDataLimit, "exceeding the maximum number of bytes")
	r = begin(t, `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"v":"{% $join($map([1..300], function(){ $pad('', 1000, 'x') })) %}"},"End":true}}}`, `{}`, nil)
	r.wantError(t, ErrDataLimit, "exceeding the maximum number of bytes")
}

const endless = `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Default":"A","Choices":[
  {"Variable":"$.stop","IsPresent":true,"Next":"C"}]},"C":{"Type":"Succeed"}}}`

func TestEventLimit(t *testing.T) {
	r := begin(t, endless, `{}`, nil)
	r.wantError(t, ErrRuntime, "maximum number of history events (25000)")
	h := r.History()
	if n := len(h); n != MaxEvents || h[n-1].Type != "ExecutionFailed" || h[n-1].ID != MaxEvents {
		t.Errorf("%d events, the last is %+v", n, h[n-1])
	}
}

func TestEventLimitInsideOfGroups(t *testing.T) {
	v := clock.NewVirtual(noon)
	e, err := mustParse(t, mapMachine(``)).Start(Options{Clock: v, Tasks: &script{clock: v, answers: map[string][]answer{"T": {{never: true}}}},
		Input: json.RawMessage(`{"items":[1,2,3,4,5,6,7,8,9]}`), MaxEvents: 10})
	if err != nil {
		t.Fatal(err)
	}
	e.Stop("late", "")
	if e.Status() != Failed || len(e.History()) != 10 || v.Next() {
		t.Errorf("status %s after %d events", e.Status(), len(e.History()))
	}
}

func TestOnEventSeesTheHistoryInOrder(t *testing.T) {
	var seen []Event
	v := clock.NewVirtual(noon)
	var e *Execution
	e, err := mustParse(t, twoBranches).Start(Options{Clock: v, Tasks: &script{clock: v}, OnEvent: func(ev Event) {
		if e != nil {
			e.Status() // must not deadlock
		}
		seen = append(seen, ev)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for v.Next() {
	}
	if d := cmp.Diff(e.History(), seen); d != "" {
		t.Errorf("events (-history +seen):\n%s", d)
	}
}

func TestRunsRepeatExactly(t *testing.T) {
	const definition = `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	 {"StartAt":"A","States":{"A":{` + invoke + `,"Arguments":{"u":"{% $uuid() %}","r":"{% $random() %}"},"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":5,"JitterStrategy":"FULL"}],"End":true}}},
	 {"StartAt":"M","States":{"M":{"Type":"Map","Items":"{% [1..20] %}","MaxConcurrency":3,"End":true,"ItemProcessor":{"StartAt":"W","States":{
	    "W":{"Type":"Wait","Seconds":"{% $floor($random() * 10) %}","Next":"T"},"T":{` + wait + `,"TimeoutSeconds":9,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"E"}],"End":true},"E":{"Type":"Pass","End":true}}}}}}]}}}`
	history := func() string {
		r := begin(t, definition, `{}`, map[string][]answer{"A": {{err: &Error{"E", ""}, after: time.Second}, {err: &Error{"E", ""}}, {output: `1`}}}).toEnd()
		if r.Status() != Succeeded {
			t.Fatal(r.Err())
		}
		raw, err := json.Marshal(r.History())
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := history()
	for range 5 {
		if d := cmp.Diff(first, history()); d != "" {
			t.Fatalf("histories differ:\n%s", d)
		}
	}
}

// 150,000 states on a stack of 1 MiB: a call per transition would need more.
func TestTransitionsDoNotGrowTheStack(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	const rounds = 50_000
	v := clock.NewVirtual(noon)
	n := 0
	counter := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
		n++
		done(TaskResult{Output: json.RawMessage(map[bool]string{true: `{"more":true}`, false: `{"more":false}`}[n < rounds])})
		return nil
	})
	e, err := mustParse(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"Next":"C"},
	  "C":{"Type":"Choice","Choices":[{"Variable":"$.more","BooleanEquals":true,"Next":"P"}],"Default":"D"},
	  "P":{"Type":"Pass","Next":"T"},"D":{"Type":"Succeed"}}}`).Start(Options{Clock: v, Tasks: counter, MaxEvents: -1, DiscardHistory: true})
	if err != nil {
		t.Fatal(err)
	}
	if e.Status() != Succeeded || n != rounds {
		t.Errorf("status %s, error %v after %d tasks", e.Status(), e.Err(), n)
	}
}

// Answers, tokens, heartbeats and Stop come from many goroutines on the
// machine's own clock. Run with -race.
func TestConcurrentUse(t *testing.T) {
	var e *Execution
	ready := make(chan struct{})
	tasks := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
		go func() {
			<-ready
			if r.TaskToken == "" {
				done(TaskResult{Output: r.Arguments})
				return
			}
			_ = e.TaskHeartbeat(r.TaskToken)
			go func() { _ = e.TaskSucceeded(r.TaskToken, r.Arguments) }()
			_ = e.TaskSucceeded(r.TaskToken, r.Arguments)
			done(TaskResult{Output: r.Arguments})
		}()
		return func() {}
	})
	e, err := mustParse(t, `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":"{% [1..300] %}","Output":"{% $sum($states.result) %}","End":true,
	  "ItemProcessor":{"StartAt":"T","States":{"T":{`+invoke+`,"Next":"W"},"W":{`+wait+`,"HeartbeatSeconds":50,"TimeoutSeconds":60,"End":true}}}}}}`).
		Start(Options{Clock: clock.System{}, Tasks: tasks, OnEvent: func(Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	<-e.Done()
	if e.Status() != Succeeded || string(e.Output()) != `45150` {
		t.Errorf("status %s, error %v, output %s", e.Status(), e.Err(), e.Output())
	}
	ids := map[int64]bool{}
	for _, ev := range e.History() {
		if ids[ev.ID] || ev.PreviousEventID >= ev.ID {
			t.Fatalf("event %+v", ev)
		}
		ids[ev.ID] = true
	}
}

func BenchmarkStates(b *testing.B) {
	for _, c := range []struct{ name, definition string }{
		{"JSONata", `{"QueryLanguage":"JSONata","StartAt":"C","States":{
		  "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n >= $states.input.limit %}","Next":"Done"}],"Default":"P"},
		  "P":{"Type":"Pass","Output":{"n":"{% $states.input.n + 3 %}","limit":"{% $states.input.limit %}"},"Next":"W"},
		  "W":{"Type":"Wait","Seconds":1,"Next":"C"},"Done":{"Type":"Succeed"}}}`},
		{"JSONPath", `{"StartAt":"C","States":{
		  "C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThanEqualsPath":"$.limit","Next":"Done"}],"Default":"P"},
		  "P":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 3)","limit.$":"$.limit"},"Next":"W"},
		  "W":{"Type":"Wait","Seconds":1,"Next":"C"},"Done":{"Type":"Succeed"}}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := mustParse(b, c.definition)
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			b.ResetTimer()
			v := clock.NewVirtual(noon)
			e, err := m.Start(Options{Clock: v, Input: fmt.Appendf(nil, `{"n":0,"limit":%d}`, b.N), MaxEvents: -1, DiscardHistory: true})
			if err != nil {
				b.Fatal(err)
			}
			for v.Next() {
			}
			b.StopTimer()
			goruntime.ReadMemStats(&after)
			if e.Status() != Succeeded {
				b.Fatal(e.Err())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "states/s")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N), "bytes/state")
		})
	}
}
