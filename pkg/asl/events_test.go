package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chain writes a history as "previous<-id Type".
func (r *run) chain() []string { return chainOf(r.History()) }

func chainOf(h []Event) []string {
	var out []string
	for _, e := range h {
		out = append(out, fmt.Sprintf("%d<-%d %s", e.PreviousEventID, e.ID, e.Type))
	}
	return out
}

func tail(s []string, n int) []string { return s[max(0, len(s)-n):] }

// Source: localstack's recordings of AWS, see testdata/README.md. They name
// the previous event of every event.
func TestPreviousEventsAreAsRecorded(t *testing.T) {
	for _, c := range []struct {
		name, definition, input string
		answers                 map[string][]answer
		want                    []string // the end of the history
	}{
		{"iterations one after the other", `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"End":true,
		   "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`, `[1,2]`, nil, []string{
			"0<-1 ExecutionStarted", "0<-2 MapStateEntered", "2<-3 MapStateStarted",
			"3<-4 MapIterationStarted", "4<-5 PassStateEntered", "5<-6 PassStateExited", "6<-7 MapIterationSucceeded",
			"6<-8 MapIterationStarted", "8<-9 PassStateEntered", "9<-10 PassStateExited", "10<-11 MapIterationSucceeded",
			"11<-12 MapStateSucceeded", "11<-13 MapStateExited", "13<-14 ExecutionSucceeded"}},
		{"an iteration fails", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,
		   "ItemProcessor":{"StartAt":"T","States":{"T":{` + invoke + `,"TimeoutSeconds":5,"End":true}}}}}}`, `[1,2]`, map[string][]answer{"T": {{never: true}}}, []string{
			"10<-12 TaskTimedOut", "12<-13 MapIterationFailed", "12<-14 TaskStateAborted", "12<-15 MapIterationAborted", "12<-16 TaskStateAborted",
			"12<-17 MapStateFailed", "17<-18 ExecutionFailed"}},
		{"Distributed Map", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
		   "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`, `[1,2]`, nil, []string{
			"0<-1 ExecutionStarted", "0<-2 MapStateEntered", "2<-3 MapStateStarted", "3<-4 MapRunStarted", "4<-5 MapRunSucceeded",
			"5<-6 MapStateSucceeded", "4<-7 MapStateExited", "7<-8 ExecutionSucceeded"}},
		{"an expression fails in the first state", `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% $no %}","End":true}}}`, `{}`, nil, []string{
			"0<-1 ExecutionStarted", "0<-2 PassStateEntered", "0<-3 EvaluationFailed", "3<-4 ExecutionFailed"}},
		{"an expression fails in a later state", `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Output":"{% $no %}","End":true}}}`, `{}`, nil, []string{
			"3<-4 PassStateEntered", "3<-5 EvaluationFailed", "5<-6 ExecutionFailed"}},
		{"a heartbeat is missed", `{"StartAt":"T","States":{"T":{` + wait + `,"HeartbeatSeconds":5,"TimeoutSeconds":600,"End":true}}}`, `{}`,
			map[string][]answer{"T": {{output: `{}`}}}, []string{
				"2<-3 TaskScheduled", "3<-4 TaskStarted", "4<-5 TaskSubmitted", "5<-6 TaskTimedOut", "6<-7 ExecutionFailed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, c.definition, c.input, c.answers).toEnd()
			if d := cmp.Diff(c.want, tail(r.chain(), len(c.want))); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
		})
	}
}

// Recorded on AWS: what runs out of heartbeats is States.Timeout; Retry and
// Catch know it as States.HeartbeatTimeout too.
func TestMissedHeartbeatHasTwoNames(t *testing.T) {
	for _, c := range []struct{ catch, name string }{
		{`"States.HeartbeatTimeout"`, "States.HeartbeatTimeout"}, {`"States.Timeout"`, "States.Timeout"}, {`"States.ALL"`, "States.Timeout"},
	} {
		r := begin(t, `{"StartAt":"T","States":{"T":{`+wait+`,"HeartbeatSeconds":5,"TimeoutSeconds":600,"End":true,
		  "Catch":[{"ErrorEquals":[`+c.catch+`],"Next":"C"}]},"C":{"Type":"Pass","OutputPath":"$.Error","End":true}}}`, `{}`, map[string][]answer{"T": {{output: `{}`}}}).toEnd()
		r.wantOutput(t, `"`+c.name+`"`)
	}
	r := begin(t, `{"StartAt":"T","States":{"T":{`+wait+`,"HeartbeatSeconds":5,"End":true}}}`, `{}`, map[string][]answer{"T": {{output: `{}`}}}).toEnd()
	r.wantError(t, ErrTimeout, "")
	if e := r.History()[5]; e.Type != "TaskTimedOut" || e.Details.Error != ErrTimeout {
		t.Errorf("event %+v", e)
	}
}

func TestRuntimeErrorsEndTheExecutionFromAnywhere(t *testing.T) {
	r := begin(t, `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],
	  "Retry":[{"ErrorEquals":["States.ALL"]}],"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","InputPath":"$.no","End":true}}}},
	  "C":{"Type":"Succeed"}}}`, `[1,2]`, nil).toEnd()
	r.wantError(t, ErrRuntime, "'P'")
	want := []string{"MapIterationStarted", "MapIterationStarted", "PassStateEntered", "ExecutionFailed"}
	if d := cmp.Diff(want, tail(r.types(), 4)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestActivityRunsWhenAWorkerTakesIt(t *testing.T) {
	const definition = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:eu-west-1:123456789012:activity:a",
	  "TimeoutSeconds":60,"HeartbeatSeconds":10,"End":true}}}`
	r := begin(t, definition, `{"n":1}`, map[string][]answer{"A": {{never: true}}})
	token := r.tasks.requests[0].TaskToken
	r.clock.Advance(time.Hour) // nobody has taken it: its time has not begun
	if r.Status() != Running {
		t.Fatal(r.Err())
	}
	if err := r.TaskStarted(token, "worker-1"); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(9 * time.Second)
	if err := r.TaskSucceeded(token, json.RawMessage(`2`)); err != nil {
		t.Fatal(err)
	}
	r.wantOutput(t, `2`)
	want := []string{"2<-3 ActivityScheduled", "3<-4 ActivityStarted", "4<-5 ActivitySucceeded", "5<-6 TaskStateExited", "6<-7 ExecutionSucceeded"}
	if d := cmp.Diff(want, tail(r.chain(), 5)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	raw, _ := json.Marshal(r.History()[3])
	if !strings.Contains(string(raw), `"activityStartedEventDetails":{"workerName":"worker-1"}`) {
		t.Errorf("event %s", raw)
	}

	r = begin(t, definition, `{}`, map[string][]answer{"A": {{never: true}}})
	if err := r.TaskStarted(r.tasks.requests[0].TaskToken, "w"); err != nil {
		t.Fatal(err)
	}
	r.toEnd().wantError(t, ErrTimeout, "")
	if at := r.clock.Now().Sub(noon); at != 10*time.Second {
		t.Errorf("missed its heartbeat at %s", at)
	}
}

func TestDetailsOfEvents(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"Credentials":{"RoleArn":"arn:aws:iam::2:role/x"},"Assign":{"v.$":"$"},"End":true}}}`, `{}`, nil)
	raw, err := json.Marshal(r.History())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"taskCredentials":{"roleArn":"arn:aws:iam::2:role/x"}`,
		`"assignedVariables":{"v":"{}"},"assignedVariablesDetails":{"truncated":false}`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the history lacks %s:\n%s", want, raw)
		}
	}
	r = begin(t, `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}}}}`, `[1]`, nil)
	for _, e := range r.History() {
		switch e.Type {
		case "MapStateFailed":
			if e.Details != nil {
				t.Errorf("AWS gives MapStateFailed no details, but here are %+v", e.Details)
			}
		case "MapIterationFailed":
			if e.Details.Error != "" {
				t.Errorf("AWS gives MapIterationFailed name and index only, but here is %+v", e.Details)
			}
		}
	}
}
