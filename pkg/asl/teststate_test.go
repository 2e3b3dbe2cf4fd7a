package asl

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/google/go-cmp/cmp"
)

func testState(t *testing.T, definition string, o StateTest) (StateTestResult, *clock.Virtual) {
	t.Helper()
	v := clock.NewVirtual(noon)
	o.Clock = v
	o.StateMachineArn, o.ExecutionArn = "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "arn:aws:states:eu-west-1:123456789012:express:m:e"
	var got []StateTestResult
	if err := TestState([]byte(definition), o, func(r StateTestResult) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	for v.Next() {
	}
	if len(got) != 1 {
		t.Fatalf("%d results", len(got))
	}
	return got[0], v
}

func inspected(r StateTestResult) string {
	raw, err := json.Marshal(r.Inspection)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// Source: localstack's recordings of AWS's TestState (see testdata/README.md),
// where they show InspectionData.
func TestInspectionData(t *testing.T) {
	for _, c := range []struct{ name, definition, input, output, next, want string }{
		{"Pass", `{"Type":"Pass","End":true}`, `{"Value":"HelloWorld"}`, `{"Value":"HelloWorld"}`, "",
			`{"afterInputPath":{"Value":"HelloWorld"},"afterParameters":{"Value":"HelloWorld"},"afterResultPath":{"Value":"HelloWorld"},"afterResultSelector":{"Value":"HelloWorld"},"input":{"Value":"HelloWorld"}}`},
		{"Pass with Result", `{"Type":"Pass","Result":{"r":1},"ResultPath":"$.m","Next":"X"}`, `{"a":2}`, `{"a":2,"m":{"r":1}}`, "X",
			`{"afterResultPath":{"a":2,"m":{"r":1}},"afterResultSelector":{"r":1},"input":{"a":2},"result":{"r":1}}`},
		{"Pass with Parameters", `{"Type":"Pass","InputPath":"$.i","Parameters":{"p.$":"$.x"},"ResultPath":"$.m","End":true}`, `{"i":{"x":1}}`, `{"i":{"x":1},"m":{"p":1}}`, "",
			`{"afterInputPath":{"x":1},"afterParameters":{"p":1},"afterResultPath":{"i":{"x":1},"m":{"p":1}},"afterResultSelector":{"p":1},"input":{"i":{"x":1}}}`},
		{"Succeed", `{"Type":"Succeed"}`, `[1]`, `[1]`, "", `{"afterInputPath":[1],"input":[1]}`},
		{"Choice", `{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":2,"Next":"Two"}],"Default":"Other"}`, `{"n":2}`, `{"n":2}`, "Two", `{"afterInputPath":{"n":2},"input":{"n":2}}`},
		{"JSONata with Assign", `{"QueryLanguage":"JSONata","Type":"Pass","Assign":{"y":"{% $x + 1 %}"},"Output":"{% $x %}","End":true}`, `{}`, `1`, "", `{"input":{},"variables":{"x":1,"y":2}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := StateTest{Input: json.RawMessage(c.input)}
			if strings.Contains(c.definition, "$x") {
				o.Variables = json.RawMessage(`{"x":1}`)
			}
			r, _ := testState(t, c.definition, o)
			if r.Status != TestSucceeded || string(r.Output) != c.output || r.NextState != c.next {
				t.Errorf("result %+v", r)
			}
			if got := inspected(r); got != c.want {
				t.Errorf("inspection %s\nwant       %s", got, c.want)
			}
		})
	}
}

func TestStateCallsItsTask(t *testing.T) {
	v := clock.NewVirtual(noon)
	s := &script{clock: v, answers: map[string][]answer{"StateName": {{output: `{"r":[7]}`, after: time.Minute}}}}
	var got *StateTestResult
	err := TestState([]byte(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"p.$":"$.x"},"ResultSelector":{"s.$":"$.r[0]"},"ResultPath":"$.t","OutputPath":"$.t","End":true}`),
		StateTest{Clock: v, Tasks: s, Input: json.RawMessage(`{"x":1}`)}, func(r StateTestResult) { got = &r })
	if err != nil || got != nil {
		t.Fatal(err, got)
	}
	for v.Next() {
	}
	want := `{"afterInputPath":{"x":1},"afterParameters":{"p":1},"afterResultPath":{"x":1,"t":{"s":7}},"afterResultSelector":{"s":7},"input":{"x":1},"result":{"r":[7]}}`
	if got == nil || got.Status != TestSucceeded || string(got.Output) != `{"s":7}` || inspected(*got) != want {
		t.Errorf("result %+v %s", got, inspected(*got))
	}
}

func TestStateTimesOutAfterFiveMinutes(t *testing.T) {
	r, v := testState(t, `{"Type":"Wait","Seconds":3600,"End":true}`, StateTest{})
	if r.Status != TestFailed || r.Err.Name != ErrTimeout || v.Now().Sub(noon) != 5*time.Minute {
		t.Errorf("result %+v at %s", r, v.Now())
	}
}

func TestMockedStates(t *testing.T) {
	const task = `{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"t.$":"$$.Task.Token"},
	  "Retry":[{"ErrorEquals":["Other"]},{"ErrorEquals":["Busy"],"IntervalSeconds":3,"MaxAttempts":2}],
	  "Catch":[{"ErrorEquals":["Denied"],"Next":"No"},{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"Rest"}],"Next":"Then"}`
	failed := func(name string) *TaskResult { return &TaskResult{Err: &Error{name, "c"}} }
	for _, c := range []struct {
		name          string
		o             StateTest
		status        TestStateStatus
		output, next  string
		err           string
		catch, retry  int // -1: none
		backoffSecond int64
	}{
		{"result", StateTest{Mock: &TaskResult{Output: json.RawMessage(`{"ok":1}`)}}, TestSucceeded, `{"ok":1}`, "Then", "", -1, -1, 0},
		{"caught", StateTest{Mock: failed("Denied")}, TestCaughtError, `{"Error":"Denied","Cause":"c"}`, "No", "Denied", 0, -1, 0},
		{"retried", StateTest{Mock: failed("Busy")}, TestRetriable, "", "", "Busy", -1, 1, 3},
		{"retried again", StateTest{Mock: failed("Busy"), RetrierRetryCount: 1}, TestRetriable, "", "", "Busy", -1, 1, 6},
		{"retries are used up", StateTest{Mock: failed("Busy"), RetrierRetryCount: 2}, TestCaughtError, `{"e":{"Error":"Busy","Cause":"c"}}`, "Rest", "Busy", 1, -1, 0},
		{"nothing catches it", StateTest{Mock: failed(ErrRuntime)}, TestFailed, "", "", ErrRuntime, -1, -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := testState(t, task, c.o)
			name := ""
			if r.Err != nil {
				name = r.Err.Name
			}
			if r.Status != c.status || string(r.Output) != c.output || r.NextState != c.next || name != c.err {
				t.Errorf("result %+v", r)
			}
			catch, retry, seconds := -1, -1, int64(0)
			if r.Errors != nil && r.Errors.CatchIndex != nil {
				catch = *r.Errors.CatchIndex
			}
			if r.Errors != nil && r.Errors.RetryIndex != nil {
				retry, seconds = *r.Errors.RetryIndex, *r.Errors.RetryBackoffSeconds
			}
			if catch != c.catch || retry != c.retry || seconds != c.backoffSecond {
				t.Errorf("catch %d, retry %d after %d s", catch, retry, seconds)
			}
		})
	}
}

// Source: localstack's recordings of AWS's TestState.
func TestMockedMaps(t *testing.T) {
	dist := `{"QueryLanguage":"JSONata","Type":"Map","Items":"{% $states.input.Values %}","ToleratedFailureCount":1,"End":true,
	  "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + passItem + `},
	  "Retry":[{"ErrorEquals":["X"]},{"ErrorEquals":["States.ExceedToleratedFailureThreshold"]}]}`
	input := json.RawMessage(`{"Values":["first","second","third"]}`)
	mock := &TaskResult{Output: json.RawMessage(`[1,1,1]`)}
	r, _ := testState(t, dist, StateTest{Input: input, Mock: mock, MapIterationFailureCount: 1})
	if want := `{"input":{"Values":["first","second","third"]},"maxConcurrency":0,"toleratedFailureCount":1}`; r.Status != TestSucceeded || string(r.Output) != `[1,1,1]` || inspected(r) != want {
		t.Errorf("result %+v %s", r, inspected(r))
	}
	r, _ = testState(t, dist, StateTest{Input: input, Mock: mock, MapIterationFailureCount: 2})
	if r.Status != TestRetriable || r.Err.Name != ErrExceedToleratedFailures || r.Err.Cause != "The specified tolerated failure threshold was exceeded" || *r.Errors.RetryIndex != 1 || *r.Errors.RetryBackoffSeconds != 1 {
		t.Errorf("result %+v", r)
	}
	r, _ = testState(t, dist, StateTest{Input: input, Mock: mock, MapIterationFailureCount: 4})
	if r.Invalid != "Map iteration failure count must be less than or equal to the number of Map iterations." {
		t.Errorf("result %+v", r)
	}

	reader := `{"QueryLanguage":"JSONata","Type":"Map","MaxConcurrency":1,"End":true,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"{% $states.input.Bucket %}","Key":"k"},
	  "ReaderConfig":{"InputType":"JSON"}},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + passItem + `}}`
	r, _ = testState(t, reader, StateTest{Input: json.RawMessage(`{"Bucket":"b"}`), Mock: &TaskResult{Output: json.RawMessage(`[1,4,9]`)}, MapItemReaderData: []byte(`[1,2,3]`)})
	if want := `{"input":{"Bucket":"b"},"maxConcurrency":1}`; r.Status != TestSucceeded || string(r.Output) != `[1,4,9]` || inspected(r) != want {
		t.Errorf("result %+v %s", r, inspected(r))
	}

	path := `{"Type":"Map","ItemsPath":"$.Values","ItemSelector":{"v.$":"$$.Map.Item.Value"},"End":true,"ItemProcessor":{` + passItem + `}}`
	r, _ = testState(t, path, StateTest{Input: input, Mock: &TaskResult{Err: &Error{"MockException", "m"}}, ErrorCausedByState: "P"})
	if r.Status != TestFailed || r.Err.Name != "MockException" || !strings.Contains(inspected(r), `"afterItemsPath":["first","second","third"]`) {
		t.Errorf("result %+v %s", r, inspected(r))
	}
}

func TestStateOfAMachine(t *testing.T) {
	const machine = `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"M"},"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"In","States":{"In":{"Type":"Pass","Parameters":{"c.$":"$$.State.Name"},"End":true}}}}}}`
	r, _ := testState(t, machine, StateTest{StateName: "A", Input: json.RawMessage(`{"x":1}`)})
	if r.Status != TestSucceeded || string(r.Output) != `{"x":1}` || r.NextState != "M" {
		t.Errorf("result %+v", r)
	}
	r, _ = testState(t, machine, StateTest{StateName: "In"})
	if string(r.Output) != `{"c":"In"}` {
		t.Errorf("result %+v", r)
	}
	if err := TestState([]byte(machine), StateTest{Clock: clock.NewVirtual(noon), StateName: "no"}, nil); !errors.Is(err, ErrNoSuchState) {
		t.Error(err)
	}
	bad := (*DefinitionError)(nil)
	if err := TestState([]byte(`{"Type":"Pass"}`), StateTest{Clock: clock.NewVirtual(noon)}, nil); !errors.As(err, &bad) {
		t.Error(err)
	}
	r, _ = testState(t, `{"QueryLanguage":"JSONata","Type":"Succeed","Output":"{% $states.context.Execution.Name %}"}`, StateTest{Context: json.RawMessage(`{"Execution":{"Name":"given"}}`)})
	if d := cmp.Diff(`"given"`, string(r.Output)); d != "" {
		t.Error(d)
	}
}
