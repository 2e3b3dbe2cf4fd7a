package asl

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	boom = answer{err: &Error{"Boom", ""}}
	fine = answer{output: `"fine"`}
)

func (r *run) redrive(t *testing.T) *run {
	t.Helper()
	if err := r.Redrive(); err != nil {
		t.Fatal(err)
	}
	return r.toEnd()
}

func TestRedriveGoesOnAtTheFailedState(t *testing.T) {
	r := begin(t, `{"StartAt":"A","States":{"A":{`+invoke+`,"Assign":{"a.$":"$"},"Next":"B"},
	  "B":{`+invoke+`,"Parameters":{"n.$":"$$.Execution.RedriveCount","r.$":"$$.State.RetryCount","in.$":"$","a.$":"$a"},"Retry":[{"ErrorEquals":["Boom"],"MaxAttempts":1}],"Next":"C"},"C":{"Type":"Pass","End":true}}}`,
		`{}`, map[string][]answer{"A": {fine}, "B": {boom, boom, boom, fine}}).toEnd()
	r.wantError(t, "Boom", "")
	done := r.Done()
	r.clock.Advance(time.Hour)
	r.redrive(t).wantOutput(t, `"fine"`)
	select {
	case <-done:
	default:
		t.Error("the first Done is not closed")
	}
	<-r.Done()
	// The state is not entered again; its retries start anew.
	want := []string{"6<-7 TaskStateEntered", "7<-8 TaskScheduled", "8<-9 TaskStarted", "9<-10 TaskFailed", "10<-11 TaskScheduled", "11<-12 TaskStarted", "12<-13 TaskFailed",
		"13<-14 ExecutionFailed", "14<-15 ExecutionRedriven", "7<-16 TaskScheduled", "16<-17 TaskStarted", "17<-18 TaskFailed", "18<-19 TaskScheduled", "19<-20 TaskStarted",
		"20<-21 TaskSucceeded", "21<-22 TaskStateExited", "22<-23 PassStateEntered", "23<-24 PassStateExited", "24<-25 ExecutionSucceeded"}
	if d := cmp.Diff(want, r.chain()[6:]); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if n := strings.Count(strings.Join(r.types(), " "), "TaskStateEntered"); n != 2 {
		t.Errorf("%d states were entered", n)
	}
	if d := cmp.Diff([]string{"A+0s", "B+0s", "B+1s", "B+1h0m1s", "B+1h0m2s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
	if got := string(r.tasks.requests[3].Arguments); !strings.Contains(got, `"n":1`) || !strings.Contains(got, `"r":0`) || !strings.Contains(got, `"in":"fine"`) || !strings.Contains(got, `"a":"fine"`) {
		t.Errorf("arguments %s", got)
	}
	if i := r.Info(); i.RedriveCount != 1 || i.Redriven.Sub(noon) != time.Hour+time.Second || i.Redrive != NotRedrivable || !i.Started.Equal(noon) {
		t.Errorf("execution %+v", i)
	}
	for _, e := range r.History() {
		if e.Type == "ExecutionRedriven" {
			raw, _ := json.Marshal(e)
			if !strings.Contains(string(raw), `"executionRedrivenEventDetails":{"redriveCount":1}`) {
				t.Errorf("event %s", raw)
			}
		}
	}
}

func TestRedriveEventsFollowOnEachOther(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}}`, `{}`, map[string][]answer{"T": {boom, boom, fine}})
	r.redrive(t)
	r.redrive(t).wantOutput(t, `"fine"`)
	want := []string{"0<-1 ExecutionStarted", "0<-2 TaskStateEntered", "2<-3 TaskScheduled", "3<-4 TaskStarted", "4<-5 TaskFailed", "5<-6 ExecutionFailed",
		"6<-7 ExecutionRedriven", "2<-8 TaskScheduled", "8<-9 TaskStarted", "9<-10 TaskFailed", "10<-11 ExecutionFailed",
		"11<-12 ExecutionRedriven", "2<-13 TaskScheduled", "13<-14 TaskStarted", "14<-15 TaskSucceeded", "15<-16 TaskStateExited", "16<-17 ExecutionSucceeded"}
	if d := cmp.Diff(want, r.chain()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if n := r.Info().RedriveCount; n != 2 {
		t.Errorf("redriven %d times", n)
	}
}

func TestRedriveOfParallelRunsOnlyWhatFailed(t *testing.T) {
	r := begin(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	  {"StartAt":"A","States":{"A":{`+invoke+`,"End":true}}},
	  {"StartAt":"B","States":{"B":{`+invoke+`,"Next":"B2"},"B2":{`+invoke+`,"End":true}}},
	  {"StartAt":"C","States":{"C":{`+invoke+`,"End":true}}}]}}}`, `{}`, map[string][]answer{
		"A": {fine}, "B": {fine}, "B2": {{err: &Error{"Boom", ""}, after: time.Second}, fine}, "C": {{never: true}, fine}}).toEnd()
	r.wantError(t, "Boom", "")
	r.redrive(t).wantOutput(t, `["fine","fine","fine"]`)
	if d := cmp.Diff([]string{"A+0s", "B+0s", "C+0s", "B2+0s", "B2+1s", "C+1s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
	if n := strings.Count(strings.Join(r.types(), " "), "ParallelStateStarted"); n != 1 {
		t.Errorf("ParallelStateStarted %d times", n)
	}
}

func TestRedriveOfMapRunsOnlyWhatFailed(t *testing.T) {
	r := begin(t, mapMachine(`"MaxConcurrency":2,`), `{"items":[1,2,3,4]}`, map[string][]answer{
		"T": {fine, {err: &Error{"Boom", ""}, after: time.Second}, {never: true}, fine}}).toEnd()
	r.wantError(t, "Boom", "")
	r.redrive(t).wantOutput(t, `["fine","fine","fine","fine"]`)
	if n := len(r.tasks.starts); n != 6 {
		t.Errorf("attempts %v", r.tasks.starts)
	}
}

func TestRedriveOfNestedGroups(t *testing.T) {
	r := begin(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	  {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}}}}},
	  {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"F"},"F":{`+invoke+`,"End":true}}}]}}}`, `[1,2]`, map[string][]answer{
		"T": {fine, {never: true}, fine}, "F": {boom, fine}}).toEnd()
	r.wantError(t, "Boom", "")
	if d := cmp.Diff([]string{"TaskFailed", "MapStateAborted", "TaskStateAborted", "MapIterationAborted", "TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"}, tail(r.types(), 7)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	r.redrive(t).wantOutput(t, `[["fine","fine"],"fine"]`)
	if d := cmp.Diff([]string{"T+0s", "T+0s", "F+5s", "T+5s", "F+5s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
}

func TestRedriveOfStoppedAndTimedOutExecutions(t *testing.T) {
	const definition = `{"TimeoutSeconds":100,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"T"},"T":{` + wait + `,"End":true}}}`
	r := begin(t, definition, `{}`, map[string][]answer{"T": {{output: `{}`}}})
	r.Stop("Operator", "")
	r.redrive(t) // waits its 10 seconds again, then until the new time limit
	if r.Status() != TimedOut || r.clock.Now().Sub(noon) != 100*time.Second {
		t.Fatalf("status %s at %s", r.Status(), r.clock.Now().Sub(noon))
	}
	old := r.tasks.requests[0].TaskToken
	if err := r.Redrive(); err != nil {
		t.Fatal(err)
	}
	if err := r.TaskSucceeded(old, json.RawMessage(`1`)); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("old token: %v", err)
	}
	if err := r.TaskSucceeded(r.tasks.requests[1].TaskToken, json.RawMessage(`2`)); err != nil {
		t.Fatal(err)
	}
	r.wantOutput(t, `2`)
}

func TestRedriveRunsAStateAgainWhoseOutputWasTooLarge(t *testing.T) {
	large := answer{output: `"` + strings.Repeat("x", 200_000) + `"`}
	r := begin(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	  {"StartAt":"A","States":{"A":{`+invoke+`,"End":true}}},{"StartAt":"B","States":{"B":{`+invoke+`,"End":true}}}]}}}`, `{}`, map[string][]answer{"A": {large, fine}, "B": {large}})
	r.wantError(t, ErrDataLimit, "'P'")
	r.redrive(t)
	if r.Status() != Succeeded || len(r.tasks.starts) != 4 {
		t.Errorf("status %s, attempts %v", r.Status(), r.tasks.starts)
	}
}

func TestRedriveIsRefused(t *testing.T) {
	ended := func(answers ...answer) *run {
		return begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}}`, `{}`, map[string][]answer{"T": answers})
	}
	late := ended(boom)
	late.clock.Advance(14*24*time.Hour + time.Second)
	full := beginWith(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}}`, `{}`, nil, map[string][]answer{"T": {boom}}, func(o *Options) { o.MaxEvents = 6 })
	for _, c := range []struct {
		name   string
		run    *run
		reason string
	}{
		{"succeeded", ended(fine), "Execution is SUCCEEDED and cannot be redriven"},
		{"running", ended(answer{never: true}), "Execution is RUNNING and cannot be redriven"},
		{"after 14 days", late, "Execution redrivable period exceeded"},
		{"no room in the history", full, "Execution history event limit exceeded"},
	} {
		err := (*NotRedrivableError)(nil)
		if !errors.As(c.run.Redrive(), &err) || err.Reason != c.reason {
			t.Errorf("%s: %v, want %s", c.name, err, c.reason)
		}
		if i := c.run.Info(); i.Redrive != NotRedrivable || i.RedriveReason != c.reason {
			t.Errorf("%s: %+v", c.name, i)
		}
	}
	if i := ended(boom).Info(); i.Redrive != Redrivable || i.RedriveReason != "" {
		t.Errorf("failed: %+v", i)
	}
}

func TestRedriveOfAMapRun(t *testing.T) {
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		s3 := &fakeS3{}
		r := beginWith(t, distributedMap(kind, `"MaxConcurrency":1,"ToleratedFailureCount":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out","Prefix":"p"}},`, taskItem),
			`[1,2,3,4,5]`, s3, map[string][]answer{"T": {fine, boom, fine, boom, fine}}, nil)
		r.wantError(t, ErrExceedToleratedFailures, "")
		run := r.MapRuns()[0]
		before := run.Children()
		if s := before[1].Info().Redrive; s != RedrivableByMapRun {
			t.Errorf("the failed child is %s", s)
		}
		if err := before[1].Redrive(); err == nil {
			t.Error("a child was redriven by itself")
		}
		r.redrive(t)
		id := lastPart(run.Info().Arn)
		r.wantOutput(t, `{"MapRunArn":"`+run.Info().Arn+`","ResultWriterDetails":{"Bucket":"out","Key":"p/`+id+`/Redrive-1/manifest.json"}}`)
		if d := cmp.Diff([]string{"ExecutionFailed", "ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"}, tail(r.types(), 7)); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
		i := run.Info()
		if i.RedriveCount != 1 || i.Executions.Succeeded != 5 || i.Executions.Failed != 0 || len(r.MapRuns()) != 1 || len(r.tasks.starts) != 7 {
			t.Errorf("Map Run %+v after %v", i, r.tasks.starts)
		}
		if after := run.Children(); len(after) != 5 || after[1] != before[1] || after[1].Info().RedriveCount != 1 || after[0].Info().RedriveCount != 0 {
			t.Errorf("children %v", after)
		}
		// Earlier files stay; the manifest names all of them.
		m, _ := members(s3.value(t, "out/p/"+id+"/Redrive-1/manifest.json"))
		files, _ := members(m["ResultFiles"])
		if got, want := text(files["SUCCEEDED"]), "p/"+id+"/SUCCEEDED_0.json"; !strings.Contains(got, want) || !strings.Contains(got, "Redrive-1/SUCCEEDED_0.json") {
			t.Errorf("%s lacks %s", got, want)
		}
		if again, _ := s3.value(t, "out/p/"+id+"/Redrive-1/SUCCEEDED_0.json").([]any); len(again) != 3 {
			t.Errorf("%d results were written after the redrive", len(again))
		}
	}
}

func TestRedriveReadsAgainWhatCouldNotBeRead(t *testing.T) {
	s3 := &fakeS3{objects: map[string]string{}}
	r := beginWith(t, distributedMap("STANDARD", getObject(`"InputType":"JSON"`), passItem), `{}`, s3, nil, nil)
	r.wantError(t, ErrItemReaderFailed, "")
	s3.objects["b/k"] = "[1]"
	r.redrive(t).wantOutput(t, `[1]`)
}

func TestRedriveFromWithinAnEvent(t *testing.T) {
	var e *Execution
	n := 0
	r := beginWith(t, `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"T"},"T":{`+invoke+`,"End":true}}}`, `{}`, nil, map[string][]answer{"T": {boom, boom, fine}}, func(o *Options) {
		o.OnEvent = func(ev Event) {
			if ev.Type == "ExecutionFailed" {
				n++
				if err := e.Redrive(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	e = r.Execution
	r.toEnd().wantOutput(t, `"fine"`)
	if n != 2 {
		t.Errorf("redriven %d times", n)
	}
}
