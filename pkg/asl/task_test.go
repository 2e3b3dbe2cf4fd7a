package asl

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const wait = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken"`

func TestTaskEventsComeInAWSOrder(t *testing.T) {
	ok := map[string][]answer{"T": {{output: `{"r":1}`, after: time.Second}}}
	for _, c := range []struct {
		name, resource string
		answers        map[string][]answer
		want           []string
	}{
		{"request-response", "arn:aws:states:::lambda:invoke", ok, []string{"TaskScheduled", "TaskStarted", "TaskSucceeded"}},
		{"SDK integration", "arn:aws:states:::aws-sdk:eks:describeCluster", ok, []string{"TaskScheduled", "TaskStarted", "TaskSucceeded"}},
		{".sync", "arn:aws:states:::codebuild:startBuild.sync", ok, []string{"TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"}},
		{".sync:2", "arn:aws:states:::states:startExecution.sync:2", ok, []string{"TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"}},
		{"Lambda function", "arn:aws:lambda:eu-west-1:123456789012:function:f", ok, []string{"LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"}},
		{"activity", "arn:aws:states:eu-west-1:123456789012:activity:a", ok, []string{"ActivityScheduled", "ActivityStarted", "ActivitySucceeded"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+c.resource+`","End":true}}}`, `{}`, c.answers).toEnd()
			r.wantOutput(t, `{"r":1}`)
			types := r.types()
			if d := cmp.Diff(c.want, types[2:len(types)-2]); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
		})
	}
}

func TestTaskEventDetails(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:eks:describeCluster",
	  "Parameters":{"Name.$":"$.c"},"TimeoutSeconds":60,"End":true}}}`, `{"c":"shop"}`, map[string][]answer{"T": {{output: `{"s":"ACTIVE"}`}}})
	raw, err := json.Marshal(r.History()[2])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"aws-sdk:eks","resource":"describeCluster",` +
		`"region":"eu-west-1","parameters":"{\"Name\":\"shop\"}","timeoutInSeconds":60},"timestamp":1785585600,"type":"TaskScheduled"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestSyncRunnerReportsSubmission(t *testing.T) {
	var submitted func(json.RawMessage)
	var done func(TaskResult)
	tasks := tasksFunc(func(r TaskRequest, d func(TaskResult)) func() {
		submitted, done = r.Submitted, d
		return nil
	})
	e := start(t, `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::codebuild:startBuild.sync","End":true}}}`, tasks)
	submitted(json.RawMessage(`{"Id":"b1"}`))
	submitted(json.RawMessage(`{"Id":"again"}`))
	done(TaskResult{Err: &Error{"CodeBuild.Failed", "red"}})
	done(TaskResult{Output: json.RawMessage(`1`)})
	h := e.History()
	if len(h) != 7 || h[4].Type != "TaskSubmitted" || h[4].Details.Output != `{"Id":"b1"}` || h[5].Type != "TaskFailed" || e.Status() != Failed {
		t.Errorf("history is %v", h)
	}
}

func TestTimeoutCancelsTheAttemptAndCanBeRetried(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{`+invoke+`,"TimeoutSeconds":"{% $states.input.limit %}","End":true,
	  "Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":1,"IntervalSeconds":5}]}}}`, `{"limit":30}`,
		map[string][]answer{"T": {{never: true}, {output: `"late"`, after: 29 * time.Second}}}).toEnd()
	r.wantOutput(t, `"late"`)
	if d := cmp.Diff([]string{"T+0s", "T+35s"}, r.tasks.starts); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"T"}, r.tasks.cancelled); d != "" {
		t.Errorf("cancelled (-want +got):\n%s", d)
	}
	if types := r.types(); types[4] != "TaskTimedOut" {
		t.Errorf("events are %v", types)
	}
}

func TestTimeoutPathMustBeAPositiveNumber(t *testing.T) {
	for _, input := range []string{`{"t":0}`, `{"t":"5"}`, `{"t":1.5}`, `{}`} {
		begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"TimeoutSecondsPath":"$.t","End":true,
		  "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}]},"C":{"Type":"Succeed"}}}`, input, nil).toEnd().wantError(t, ErrRuntime, "T")
	}
}

func TestMachineTimeout(t *testing.T) {
	r := begin(t, `{"TimeoutSeconds":10,"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
	  {"StartAt":"T","States":{"T":{`+invoke+`,"End":true}}},{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}]}}}`,
		`{}`, map[string][]answer{"T": {{never: true}}}).toEnd()
	if r.Status() != TimedOut || r.Err() != nil || r.clock.Now().Sub(noon) != 10*time.Second {
		t.Errorf("status %s, error %v at %s", r.Status(), r.Err(), r.clock.Now())
	}
	if len(r.tasks.cancelled) != 1 {
		t.Errorf("cancelled %v, want T", r.tasks.cancelled)
	}
	h := r.History()
	if last := h[len(h)-1]; last.Type != "ExecutionTimedOut" || last.PreviousEventID != 0 || last.Details.Error != ErrTimeout {
		t.Errorf("the last event is %+v", last)
	}
}

// tokenMachine waits for a token that it passes to the task.
const tokenMachine = `{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{` + wait + `,
  "Arguments":{"token":"{% $states.context.Task.Token %}"},"TimeoutSeconds":100,"HeartbeatSeconds":10,"Output":"{% $states.result.ok %}","End":true,
  "Catch":[{"ErrorEquals":["Denied"],"Next":"No"},{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Quiet"}]},
  "No":{"Type":"Succeed","Output":"{% $states.input.Cause %}"},"Quiet":{"Type":"Pass","Output":"quiet","End":true}}}`

func tokenRun(t *testing.T) (*run, string) {
	t.Helper()
	r := begin(t, tokenMachine, `{}`, map[string][]answer{"T": {{output: `{"StatusCode":200}`}}})
	q := r.tasks.requests[0]
	if q.TaskToken == "" || string(q.Arguments) != `{"token":"`+q.TaskToken+`"}` {
		t.Fatalf("token %q, arguments %s", q.TaskToken, q.Arguments)
	}
	if r.Status() != Running {
		t.Fatalf("status %s: the delivery of the request must not end the state", r.Status())
	}
	return r, q.TaskToken
}

func TestTokenSuccess(t *testing.T) {
	r, token := tokenRun(t)
	if err := r.TaskSucceeded(token, json.RawMessage(`{"ok":true}`)); err != nil {
		t.Fatal(err)
	}
	r.wantOutput(t, `true`)
	want := []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"}
	if d := cmp.Diff(want, r.types()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if len(r.tasks.cancelled) != 0 {
		t.Errorf("cancelled %v", r.tasks.cancelled)
	}
}

func TestTokenFailure(t *testing.T) {
	r, token := tokenRun(t)
	if err := r.TaskFailed(token, "Denied", "not today"); err != nil {
		t.Fatal(err)
	}
	r.wantOutput(t, `"not today"`)
}

func TestTokenHeartbeats(t *testing.T) {
	r, token := tokenRun(t)
	for range 4 {
		r.clock.Advance(9 * time.Second)
		if err := r.TaskHeartbeat(token); err != nil {
			t.Fatal(err)
		}
	}
	r.toEnd()
	r.wantOutput(t, `"quiet"`)
	if at := r.clock.Now().Sub(noon); at != 46*time.Second {
		t.Errorf("missed its heartbeat at %s, want 46s", at)
	}
	if err := r.TaskHeartbeat(token); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("heartbeat afterwards: %v", err)
	}
}

func TestTokenTimesOutDespiteHeartbeats(t *testing.T) {
	r, token := tokenRun(t)
	for range 11 {
		r.clock.Advance(9 * time.Second)
		if err := r.TaskHeartbeat(token); err != nil {
			t.Fatal(err)
		}
	}
	r.toEnd().wantError(t, ErrTimeout, "")
}

func TestTokenRefusals(t *testing.T) {
	r, token := tokenRun(t)
	large := `"` + strings.Repeat("x", MaxPayload) + `"`
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"empty token", r.TaskSucceeded("", json.RawMessage(`1`)), ErrInvalidToken},
		{"overlong token", r.TaskFailed(strings.Repeat("x", 2049), "", ""), ErrInvalidToken},
		{"unknown token", r.TaskSucceeded("dG9rZW4=", json.RawMessage(`1`)), ErrTaskDoesNotExist},
		{"output is not JSON", r.TaskSucceeded(token, json.RawMessage(`{`)), ErrInvalidOutput},
		{"output too large", r.TaskSucceeded(token, json.RawMessage(large)), ErrInvalidOutput},
		{"good", r.TaskSucceeded(token, json.RawMessage(`{"ok":1}`)), nil},
		{"used token", r.TaskSucceeded(token, json.RawMessage(`{"ok":2}`)), ErrTaskTimedOut},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	r.wantOutput(t, `1`)
}

func TestTokenOfAnEarlierAttemptIsVoid(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{`+wait+`,"TimeoutSeconds":10,"End":true,"Retry":[{"ErrorEquals":["States.Timeout"]}]}}}`,
		`{}`, map[string][]answer{"T": {{output: `1`}}})
	r.clock.Advance(11 * time.Second)
	q := r.tasks.requests
	if len(q) != 2 || q[0].TaskToken == q[1].TaskToken {
		t.Fatalf("requests are %+v", q)
	}
	if err := r.TaskSucceeded(q[0].TaskToken, json.RawMessage(`"old"`)); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("old token: %v", err)
	}
	if err := r.TaskSucceeded(q[1].TaskToken, json.RawMessage(`"new"`)); err != nil {
		t.Error(err)
	}
	r.wantOutput(t, `"new"`)
}

func TestTokenBeforeTheRunnerAnswers(t *testing.T) {
	var e *Execution
	cancelled := false
	tasks := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
		return func() { cancelled = true }
	})
	var token string
	spy := tasksFunc(func(r TaskRequest, done func(TaskResult)) func() {
		token = r.TaskToken
		return tasks(r, done)
	})
	e = start(t, `{"StartAt":"T","States":{"T":{`+wait+`,"End":true}}}`, spy)
	if err := e.TaskSucceeded(token, json.RawMessage(`"early"`)); err != nil {
		t.Fatal(err)
	}
	if e.Status() != Succeeded || cancelled {
		t.Errorf("status %s, cancelled %v: the runner's work was not in vain", e.Status(), cancelled)
	}
}

func TestFailedDeliveryFailsTheTokenTask(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{`+wait+`,"End":true}}}`, `{}`, map[string][]answer{"T": {{err: &Error{"Lambda.Unknown", "crash"}}}})
	r.wantError(t, "Lambda.Unknown", "crash")
}

// Source: recordings of AWS, in which States.ALL catches it.
func TestTaskOutputLimit(t *testing.T) {
	large := `"` + strings.Repeat("x", MaxPayload) + `"`
	for resource, callee := range map[string]string{
		"arn:aws:states:::lambda:invoke":                   "lambda",
		"arn:aws:states:::aws-sdk:eks:describeCluster":     "aws-sdk:eks",
		"arn:aws:lambda:eu-west-1:123456789012:function:f": "arn:aws:lambda:eu-west-1:123456789012:function:f",
	} {
		r := begin(t, `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+resource+`","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}]},"C":{"Type":"Succeed"}}}`,
			`{}`, map[string][]answer{"T": {{output: large}}})
		r.wantOutput(t, `{"Error":"States.DataLimitExceeded","Cause":"The state/task '`+callee+`' returned a result with a size exceeding the maximum number of bytes service limit."}`)
	}
}

func TestCredentialsReachTheRunner(t *testing.T) {
	r := begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"Credentials":{"RoleArn.$":"$.role"},"End":true}}}`, `{"role":"arn:r"}`, nil)
	if got := string(r.tasks.requests[0].Credentials); got != `{"RoleArn":"arn:r"}` {
		t.Errorf("credentials are %s", got)
	}
}
