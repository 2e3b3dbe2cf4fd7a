package asl

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Where in a Map or Parallel something fails shows in the events. AWS gives no
// event to an iteration that did not get an input, and tells twice that a state
// failed whose Catch failed too.
func TestFailuresOfMapAndParallel(t *testing.T) {
	jsonataMap := func(fields string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,` + fields + `,"ItemProcessor":{` + passItem + `}},"C":{"Type":"Pass","End":true}}}`
	}
	for _, c := range []struct {
		name, definition, input string
		err, cause              string
		tail                    []string
	}{
		{"ItemSelector", `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemSelector":"{% $states.context.Map.Item.Value.x %}","ItemProcessor":{` + passItem + `}}}}`,
			`[1]`, ErrQueryEvaluation, "'M' (entered at the event id #2). The JSONata expression '$states.context.Map.Item.Value.x' specified for the field 'ItemSelector' returned nothing",
			[]string{"2<-3 MapStateStarted", "3<-4 EvaluationFailed", "4<-5 MapStateFailed", "5<-6 ExecutionFailed"}},
		{"ItemSelector of the second iteration", `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemSelector":"{% $states.context.Map.Item.Value.x %}","ItemProcessor":{` + passItem + `}}}}`,
			`[{"x":1},{"y":1}]`, ErrQueryEvaluation, "'ItemSelector'",
			[]string{"2<-3 MapStateStarted", "3<-4 MapIterationStarted", "3<-5 MapIterationAborted", "3<-6 EvaluationFailed", "6<-7 MapStateFailed", "7<-8 ExecutionFailed"}},
		{"ItemSelector, JSONPath", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"ItemSelector":{"v.$":"$.x"},"ItemProcessor":{` + passItem + `}},"C":{"Type":"Succeed"}}}`,
			`[1]`, ErrRuntime, "'M' (entered at the event id #2). The JSONPath '$.x' specified for the field 'v.$'",
			[]string{"2<-3 MapStateStarted", "3<-4 ExecutionFailed"}},
		{"ItemSelector that asks an inline Map for the source of an item", `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemSelector":"{% $states.context.Map.Item.Source %}","ItemProcessor":{` + passItem + `}}}}`,
			`[1]`, ErrQueryEvaluation, "returned nothing (undefined)", []string{"3<-4 EvaluationFailed", "4<-5 MapStateFailed", "5<-6 ExecutionFailed"}},
		{"Catch", `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput.none %}","Next":"C"}],
		   "Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}]},"C":{"Type":"Succeed"}}}`,
			`{}`, ErrQueryEvaluation, "'P' (entered at the event id #2). The JSONata expression '$states.errorOutput.none' specified for the field 'Catch[0]/Output'",
			[]string{"3<-4 FailStateEntered", "4<-5 ParallelStateFailed", "4<-6 EvaluationFailed", "6<-7 ParallelStateFailed", "7<-8 ExecutionFailed"}},
		{"MaxConcurrency that is no number", jsonataMap(`"Items":[1],"MaxConcurrency":"{% 'x' %}","Catch":[{"ErrorEquals":["X"],"Next":"C"}]`),
			`{}`, ErrQueryEvaluation, "specified for the field 'MaxConcurrency' returned an unexpected result type. Expected 'number', but was 'string' for value: \"x\"",
			[]string{"0<-3 EvaluationFailed", "3<-4 MapStateFailed", "4<-5 ExecutionFailed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, c.definition, c.input, nil).toEnd()
			r.wantError(t, c.err, c.cause)
			if d := cmp.Diff(c.tail, tail(r.chain(), len(c.tail))); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
		})
	}
}

func TestRetriedItemSelector(t *testing.T) {
	r := begin(t, `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","End":true,"Retry":[{"ErrorEquals":["States.QueryEvaluationError"],"MaxAttempts":1}],
	  "ItemSelector":"{% $states.context.State.RetryCount = 1 ? 'again' : $none %}","ItemProcessor":{`+passItem+`}}}}`, `[1]`, nil).toEnd()
	r.wantOutput(t, `["again"]`)
}

func TestNumbersOfAMapThatPathsLeadTo(t *testing.T) {
	for _, c := range []struct{ field, value, err, cause string }{
		{`"MaxConcurrencyPath":"$.n"`, `"many"`, ErrRuntime, `The MaxConcurrencyPath field refers to value "many" which is not a valid integer: $.n`},
		{`"MaxConcurrencyPath":"$.n"`, `{"a":1}`, ErrRuntime, `The MaxConcurrencyPath field refers to value "{"a":1}" which is not a valid integer: $.n`},
		{`"MaxConcurrencyPath":"$.n"`, `-1`, ErrRuntime, `Expected non-negative integer for MaxConcurrency, got '-1' instead.`},
		{`"ToleratedFailureCountPath":"$.n"`, `1.5`, ErrRuntime, `The ToleratedFailureCountPath field refers to value "1.5" which is not a valid integer: $.n`},
		{`"ToleratedFailureCountPath":"$.n"`, `-1`, ErrRuntime, `ToleratedFailureCount cannot be negative.`},
		{`"ToleratedFailurePercentagePath":"$.n"`, `[]`, ErrRuntime, `The ToleratedFailurePercentagePath field refers to value "[]" which is not a valid float: $.n`},
		{`"ToleratedFailurePercentagePath":"$.n"`, `100.1`, ErrRuntime, `ToleratedFailurePercentage must be between 0 and 100.`},
		{`"ToleratedFailureCountPath":"$.n"`, `"2"`, "", ""},
	} {
		t.Run(c.field+c.value, func(t *testing.T) {
			r := begin(t, distributedMap("STANDARD", c.field+`,"ItemsPath":"$.items",`, passItem), `{"items":[1],"n":`+c.value+`}`, nil).toEnd()
			if c.err == "" {
				r.wantOutput(t, `[1]`)
				return
			}
			if r.wantError(t, c.err, c.cause); r.Err().Cause != c.cause {
				t.Errorf("cause %s, want %s", r.Err().Cause, c.cause)
			}
		})
	}
}

func TestMaxItemsPath(t *testing.T) {
	s3 := &fakeS3{objects: map[string]string{"b/k": `[1,2,3]`}}
	definition := distributedMap("STANDARD", getObject(`"InputType":"JSON","MaxItemsPath":"$.n"`), passItem)
	for n, want := range map[string]string{`0`: `[1,2,3]`, `2`: `[1,2]`, `"2"`: `[1,2]`, `100000001`: `[1,2,3]`} {
		beginWith(t, definition, `{"n":`+n+`}`, s3, nil, nil).wantOutput(t, want)
	}
	beginWith(t, definition, `{"n":1.5}`, s3, nil, nil).wantError(t, ErrRuntime, `The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.n`)
	r := beginWith(t, definition, `{"n":-1}`, s3, nil, nil)
	r.wantError(t, ErrItemReaderFailed, "field MaxItems must be positive")
	want := []string{"3<-4 MapRunStarted", "4<-5 MapRunFailed", "5<-6 MapStateFailed", "6<-7 ExecutionFailed"}
	if d := cmp.Diff(want, tail(r.chain(), len(want))); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}
