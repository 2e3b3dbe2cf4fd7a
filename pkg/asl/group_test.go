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

type tasksFunc func(TaskRequest, func(TaskResult)) func()

func (f tasksFunc) Start(r TaskRequest, done func(TaskResult)) func() { return f(r, done) }

func start(t testing.TB, definition string, tasks Tasks) *Execution {
	t.Helper()
	e, err := mustParse(t, definition).Start(Options{Clock: clock.NewVirtual(noon), Tasks: tasks})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const twoBranches = `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
  "Retry":[{"ErrorEquals":["Again"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["Boom"],"Next":"C"}],"Branches":[
  {"StartAt":"A","States":{"A":{` + invoke + `,"End":true}}},
  {"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":100,"End":true}}},
  {"StartAt":"D","States":{"D":{` + invoke + `,"Next":"E"},"E":{"Type":"Pass","End":true}}}]},
  "C":{"Type":"Pass","End":true}}}`

func TestFailedBranchCancelsItsSiblings(t *testing.T) {
	r := begin(t, twoBranches, `{}`, map[string][]answer{
		"A": {{err: &Error{"Boom", "x"}, after: 5 * time.Second}},
		"D": {{output: `1`, after: 50 * time.Second}},
	}).toEnd()
	r.wantOutput(t, `{"Error":"Boom","Cause":"x"}`)
	if at := r.clock.Now().Sub(noon); at != 5*time.Second {
		t.Errorf("ended at %s: a timer of a cancelled branch was left", at)
	}
	if d := cmp.Diff([]string{"D"}, r.tasks.cancelled); d != "" {
		t.Errorf("cancelled (-want +got):\n%s", d)
	}
	want := []string{"TaskFailed", "TaskStateAborted", "WaitStateAborted", "TaskStateAborted", "ParallelStateFailed", "ParallelStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"}
	types := r.types()
	if d := cmp.Diff(want, types[len(types)-len(want):]); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestParallelIsRetriedAsAWhole(t *testing.T) {
	r := begin(t, twoBranches, `{"i":1}`, map[string][]answer{
		"A": {{err: &Error{"Again", ""}, after: 5 * time.Second}, {output: `"a"`}},
		"D": {{output: `"d"`, after: 10 * time.Second}},
	}).toEnd()
	r.wantOutput(t, `["a",{"i":1},"d"]`)
	if d := cmp.Diff([]string{"A+0s", "D+0s", "A+6s", "D+6s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
	if n := strings.Count(strings.Join(r.types(), " "), "ParallelStateStarted"); n != 2 {
		t.Errorf("%d times ParallelStateStarted", n)
	}
}

func TestPreviousEventIDsFollowTheBranch(t *testing.T) {
	r := begin(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	 {"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}]}}}`, `{}`, nil)
	var got []string
	for _, e := range r.History() {
		got = append(got, fmt.Sprintf("%d<-%d %s", e.PreviousEventID, e.ID, e.Type))
	}
	want := []string{"0<-1 ExecutionStarted", "0<-2 ParallelStateEntered", "2<-3 ParallelStateStarted", "3<-4 PassStateEntered", "4<-5 PassStateExited",
		"3<-6 PassStateEntered", "6<-7 PassStateExited", "7<-8 ParallelStateSucceeded", "7<-9 ParallelStateExited", "9<-10 ExecutionSucceeded"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func mapMachine(fields string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"Items":"{% $states.input.items %}",` + fields + `
	  "ItemProcessor":{"StartAt":"T","States":{"T":{` + invoke + `,"End":true}}}}}}`
}

func TestMapConcurrency(t *testing.T) {
	items := make([]int, 100)
	input, _ := json.Marshal(map[string]any{"items": items})
	for _, c := range []struct {
		fields string
		most   int
	}{{`"MaxConcurrency":1,`, 1}, {`"MaxConcurrency":7,`, 7}, {`"MaxConcurrency":0,`, 40}, {``, 40}, {`"MaxConcurrency":"{% 2+1 %}",`, 3}, {`"MaxConcurrency":1000,`, 40}} {
		t.Run(c.fields, func(t *testing.T) {
			now, most := 0, 0
			v := clock.NewVirtual(noon)
			tasks := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
				now++
				most = max(most, now)
				v.AfterFunc(time.Second, func() { now--; done(TaskResult{Output: json.RawMessage(`1`)}) })
				return nil
			})
			e, err := mustParse(t, mapMachine(c.fields)).Start(Options{Clock: v, Tasks: tasks, Input: input})
			if err != nil {
				t.Fatal(err)
			}
			for v.Next() {
			}
			if e.Status() != Succeeded || most != c.most {
				t.Errorf("status %s, %d at once, want %d", e.Status(), most, c.most)
			}
		})
	}
}

func TestMapKeepsTheOrderOfItems(t *testing.T) {
	v := clock.NewVirtual(noon)
	tasks := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
		n, _ := number(json.Number(r.Arguments))
		v.AfterFunc(time.Duration(10-n)*time.Second, func() { done(TaskResult{Output: r.Arguments}) })
		return nil
	})
	e, err := mustParse(t, mapMachine(``)).Start(Options{Clock: v, Tasks: tasks, Input: json.RawMessage(`{"items":[1,2,3,4]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for v.Next() {
	}
	if got := string(e.Output()); got != `[1,2,3,4]` {
		t.Errorf("output %s", got)
	}
}

func TestItemSelectorSeesItemAndInput(t *testing.T) {
	r := begin(t, mapMachine(`"ItemSelector":{"i":"{% $states.context.Map.Item.Index %}","v":"{% $states.context.Map.Item.Value %}","k":"{% $states.input.k %}"},`),
		`{"items":["a","b"],"k":9}`, nil).toEnd()
	r.wantOutput(t, `[{"i":0,"v":"a","k":9},{"i":1,"v":"b","k":9}]`)
}

func TestStatesInsideOfAMapSeeTheirItem(t *testing.T) {
	begin(t, `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"P","States":{
	  "P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value"},"End":true}}}]}}}}}}`,
		`["x","y"]`, nil).wantOutput(t, `[[{"i":0,"v":"x"}],[{"i":1,"v":"y"}]]`)
}

func TestFailedIterationAbortsTheOthers(t *testing.T) {
	r := begin(t, mapMachine(``), `{"items":[1,2,3]}`, map[string][]answer{
		"T": {{never: true}, {err: &Error{"Boom", ""}, after: time.Second}, {never: true}},
	}).toEnd()
	r.wantError(t, "Boom", "")
	want := []string{"TaskFailed", "MapIterationAborted", "TaskStateAborted", "MapIterationFailed", "TaskStateAborted",
		"MapIterationAborted", "TaskStateAborted", "MapStateFailed", "ExecutionFailed"}
	types := r.types()
	if d := cmp.Diff(want, types[len(types)-len(want):]); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if len(r.tasks.cancelled) != 2 {
		t.Errorf("cancelled %v", r.tasks.cancelled)
	}
}

func TestEmptyMap(t *testing.T) {
	r := begin(t, mapMachine(``), `{"items":[]}`, nil)
	r.wantOutput(t, `[]`)
}

func TestAssignScopes(t *testing.T) {
	for _, c := range []struct{ name, definition, output string }{
		{"a branch reads outer variables and keeps its own",
			`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"x":1},"Next":"P"},
			 "P":{"Type":"Parallel","Next":"E","Branches":[
			  {"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"y":"{% $x + 1 %}"},"Next":"B"},"B":{"Type":"Pass","Output":"{% $y %}","End":true}}},
			  {"StartAt":"C","States":{"C":{"Type":"Pass","Assign":{"y":"{% $x + 10 %}"},"Next":"D"},"D":{"Type":"Pass","Output":"{% $y %}","End":true}}}]},
			 "E":{"Type":"Pass","Output":"{% [$states.input, $exists($y)] %}","End":true}}}`, `[2,11,false]`},
		{"Assign and Output see the values from before",
			`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"a":1,"b":2},"Next":"T"},
			 "T":{"Type":"Pass","Assign":{"a":"{% $b %}","b":"{% $a %}"},"Output":"{% $a %}","Next":"U"},
			 "U":{"Type":"Pass","Output":"{% [$a,$b,$states.input] %}","End":true}}}`, `[2,1,1]`},
		{"JSONPath and JSONata share variables",
			`{"StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"o":{"k":[5,null]}},"Next":"T"},
			 "T":{"Type":"Pass","QueryLanguage":"JSONata","Assign":{"p":"{% $o.k[0] %}","q":"{% $o %}"},"Next":"U"},
			 "U":{"Type":"Pass","Parameters":{"p.$":"$p","q.$":"$q.k[1]"},"End":true}}}`, `{"p":5,"q":null}`},
		{"a Map's result reaches Assign",
			`{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":[1,2],"Assign":{"r":"{% $sum($states.result) %}"},"Output":"gone","Next":"U",
			  "ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% $states.input * 2 %}","End":true}}}},
			 "U":{"Type":"Pass","Output":"{% $r %}","End":true}}}`, `6`},
	} {
		t.Run(c.name, func(t *testing.T) { begin(t, c.definition, `{}`, nil).toEnd().wantOutput(t, c.output) })
	}
}

func TestAssignedVariablesAreInTheHistory(t *testing.T) {
	r := begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"x":{"a":1},"y.$":"$"},"End":true}}}`, `[true]`, nil)
	if d := cmp.Diff(map[string]string{"x": `{"a":1}`, "y": `[true]`}, r.History()[2].Details.AssignedVariables); d != "" {
		t.Errorf("assigned variables (-want +got):\n%s", d)
	}
}

func TestStop(t *testing.T) {
	r := begin(t, mapMachine(`"MaxConcurrency":1,`), `{"items":[1,2]}`, map[string][]answer{"T": {{never: true}}})
	r.Stop("Operator", "enough")
	r.Stop("Again", "no effect")
	if r.Status() != Aborted || r.Err().Name != "Operator" || r.Err().Cause != "enough" {
		t.Errorf("status %s, error %v", r.Status(), r.Err())
	}
	select {
	case <-r.Done():
	default:
		t.Error("Done is not closed")
	}
	want := []string{"MapIterationStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "ExecutionAborted"}
	types := r.types()
	if d := cmp.Diff(want, types[len(types)-len(want):]); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"T"}, r.tasks.cancelled); d != "" {
		t.Errorf("cancelled (-want +got):\n%s", d)
	}
	if r.clock.Next() {
		t.Error("a timer is left")
	}
}
