package asl

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRetryWaitsAndCounts(t *testing.T) {
	busy := answer{err: &Error{"Busy", ""}}
	slow := answer{err: &Error{"Slow", ""}}
	for _, c := range []struct {
		name    string
		retry   string
		answers []answer
		starts  []string
		err     string
	}{
		{"defaults are 1 s, doubling, 3 attempts",
			`{"ErrorEquals":["Busy"]}`, []answer{busy}, []string{"T+0s", "T+1s", "T+3s", "T+7s"}, "Busy"},
		{"interval and backoff rate",
			`{"ErrorEquals":["Busy"],"IntervalSeconds":2,"BackoffRate":1.5,"MaxAttempts":2}`, []answer{busy}, []string{"T+0s", "T+2s", "T+5s"}, "Busy"},
		{"max delay caps the backoff",
			`{"ErrorEquals":["Busy"],"IntervalSeconds":4,"BackoffRate":10,"MaxDelaySeconds":5,"MaxAttempts":3}`, []answer{busy}, []string{"T+0s", "T+4s", "T+9s", "T+14s"}, "Busy"},
		{"no attempts",
			`{"ErrorEquals":["Busy"],"MaxAttempts":0},{"ErrorEquals":["States.ALL"]}`, []answer{busy}, []string{"T+0s"}, "Busy"},
		{"each retrier counts for itself",
			`{"ErrorEquals":["Busy"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"],"IntervalSeconds":10,"MaxAttempts":1}`,
			[]answer{busy, slow, busy}, []string{"T+0s", "T+1s", "T+11s"}, "Busy"},
		{"success ends it",
			`{"ErrorEquals":["Busy"]}`, []answer{busy, {output: `1`}}, []string{"T+0s", "T+1s"}, ""},
		{"no retrier matches",
			`{"ErrorEquals":["Other"]}`, []answer{busy}, []string{"T+0s"}, "Busy"},
		{"States.TaskFailed matches any error but timeouts",
			`{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":1}`, []answer{busy}, []string{"T+0s", "T+1s"}, "Busy"},
		{"States.TaskFailed does not match States.Timeout",
			`{"ErrorEquals":["States.TaskFailed"]}`, []answer{{err: &Error{ErrTimeout, ""}}}, []string{"T+0s"}, ErrTimeout},
		{"States.ALL does not match States.Runtime",
			`{"ErrorEquals":["States.ALL"]}`, []answer{{err: &Error{ErrRuntime, ""}}}, []string{"T+0s"}, ErrRuntime},
		{"States.ALL matches States.DataLimitExceeded, as recorded on AWS",
			`{"ErrorEquals":["States.ALL"],"MaxAttempts":1}`, []answer{{err: &Error{ErrDataLimit, ""}}}, []string{"T+0s", "T+1s"}, ErrDataLimit},
		{"States.Timeout matches a missed heartbeat",
			`{"ErrorEquals":["States.Timeout"],"MaxAttempts":1}`, []answer{{err: &Error{ErrHeartbeatTimeout, ""}}}, []string{"T+0s", "T+1s"}, ErrHeartbeatTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"End":true,"Retry":[`+c.retry+`]}}}`, `{}`, map[string][]answer{"T": c.answers}).toEnd()
			if d := cmp.Diff(c.starts, r.tasks.starts); d != "" {
				t.Errorf("attempts (-want +got):\n%s", d)
			}
			if c.err != "" {
				r.wantError(t, c.err, "")
			} else {
				r.wantOutput(t, `1`)
			}
			for i, q := range r.tasks.requests {
				if q.Attempt != i {
					t.Errorf("attempt %d says it is number %d", i, q.Attempt)
				}
			}
		})
	}
}

func TestJitterStaysBelowTheDelayAndRepeats(t *testing.T) {
	r := &retrier{interval: 10 * time.Second, backoff: 2, jitter: true, maxDelay: 30 * time.Second}
	one, two := rand.New(rand.NewSource(7)), rand.New(rand.NewSource(7))
	seen := map[time.Duration]bool{}
	for i := range 200 {
		limit := min(10*time.Second<<min(i, 4), 30*time.Second)
		d := r.delay(i, one)
		if d < 0 || d > limit {
			t.Fatalf("delay %d = %s, want at most %s", i, d, limit)
		}
		if again := r.delay(i, two); again != d {
			t.Fatalf("delay %d = %s, then %s with the same seed", i, d, again)
		}
		seen[d] = true
	}
	if len(seen) < 150 {
		t.Errorf("only %d different delays of 200", len(seen))
	}
}

func TestRetryCountIsInTheContextObject(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{`+invoke+`,
	  "Arguments":{"n":"{% $states.context.State.RetryCount %}"},"End":true,"Retry":[{"ErrorEquals":["States.ALL"]}]}}}`, `{}`,
		map[string][]answer{"T": {{err: &Error{"E", ""}}, {err: &Error{"E", ""}}, {output: `1`}}}).toEnd()
	r.wantOutput(t, `1`)
	for i, q := range r.tasks.requests {
		if want := `{"n":` + string(jsonInt(int64(i))) + `}`; string(q.Arguments) != want {
			t.Errorf("arguments of attempt %d are %s, want %s", i, q.Arguments, want)
		}
	}
}

func TestCatch(t *testing.T) {
	boom := map[string][]answer{"T": {{err: &Error{"Boom", "why"}}}}
	jsonPath := func(task, rest string) string {
		return `{"StartAt":"T","States":{"T":{` + invoke + `,"Next":"Never",` + task + `},
		 "Never":{"Type":"Fail","Error":"NotCaught"},` + rest + `}}`
	}
	done := `"Done":{"Type":"Pass","End":true}`
	for _, c := range []struct{ name, definition, output string }{
		{"without ResultPath the error replaces the input",
			jsonPath(`"Catch":[{"ErrorEquals":["Boom"],"Next":"Done"}]`, done), `{"Error":"Boom","Cause":"why"}`},
		{"ResultPath puts the error into the raw input",
			jsonPath(`"InputPath":"$.in","Catch":[{"ErrorEquals":["Boom"],"ResultPath":"$.err.last","Next":"Done"}]`, done),
			`{"in":{"a":1},"err":{"last":{"Error":"Boom","Cause":"why"}}}`},
		{"ResultPath null keeps the input",
			jsonPath(`"Catch":[{"ErrorEquals":["Boom"],"ResultPath":null,"Next":"Done"}]`, done), `{"in":{"a":1}}`},
		{"the first match counts",
			jsonPath(`"Catch":[{"ErrorEquals":["X"],"Next":"Never"},{"ErrorEquals":["Boom","Y"],"ResultPath":null,"Next":"Done"},{"ErrorEquals":["States.ALL"],"Next":"Never"}]`, done), `{"in":{"a":1}}`},
		{"Assign sees the error as $",
			jsonPath(`"Catch":[{"ErrorEquals":["Boom"],"Assign":{"why.$":"$.Cause"},"Next":"Done"}]`,
				`"Done":{"Type":"Pass","Parameters":{"v.$":"$why"},"End":true}`), `{"v":"why"}`},
		{"JSONata: Output and Assign see $states.errorOutput and $states.input",
			`{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{` + invoke + `,"Next":"Never","Catch":[{"ErrorEquals":["States.TaskFailed"],
			   "Assign":{"name":"{% $states.errorOutput.Error %}"},"Output":{"c":"{% $states.errorOutput.Cause %}","in":"{% $states.input.in.a %}"},"Next":"Done"}]},
			  "Never":{"Type":"Fail"},"Done":{"Type":"Pass","Output":{"n":"{% $name %}","o":"{% $states.input %}"},"End":true}}}`,
			`{"n":"Boom","o":{"c":"why","in":1}}`},
		{"JSONata: without Output the error is the output",
			`{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":{` + invoke + `,"Next":"Never","Catch":[{"ErrorEquals":["States.ALL"],"Next":"Done"}]},
			  "Never":{"Type":"Fail"},` + done + `}}`, `{"Error":"Boom","Cause":"why"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin(t, c.definition, `{"in":{"a":1}}`, boom).toEnd().wantOutput(t, c.output)
		})
	}
}

func TestCatchOfEvaluationErrors(t *testing.T) {
	const definition = `{"QueryLanguage":"JSONata","StartAt":"T","States":{
	 "T":{` + invoke + `,"Arguments":{"a":"{% $nothing %}"},"End":true,"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"Done"}]},
	 "Done":{"Type":"Succeed","Output":"{% $states.input.Error %}"}}}`
	r := begin(t, definition, `{}`, nil).toEnd()
	r.wantOutput(t, `"States.QueryEvaluationError"`)
	want := []string{"ExecutionStarted", "TaskStateEntered", "EvaluationFailed", "TaskStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"}
	if d := cmp.Diff(want, r.types()); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	d := r.History()[2].Details
	if d.State != "T" || d.Location != "Arguments/a" || d.Error != ErrQueryEvaluation {
		t.Errorf("EvaluationFailed says %+v", d)
	}
}
