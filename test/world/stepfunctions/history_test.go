package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// rawHistory is an execution's history as it stands on the wire.
func (h *harness) rawHistory(arn string) []map[string]any {
	h.Helper()
	_, out := h.post("GetExecutionHistory", fmt.Sprintf(`{"executionArn":%q,"maxResults":1000}`, arn))
	list, ok := out["events"].([]any)
	if !ok {
		h.Fatalf("history: %v", out)
	}
	var events []map[string]any
	for _, e := range list {
		events = append(events, e.(map[string]any))
	}
	return events
}

// TestEveryTypeOfEventHasAWSsMembers runs what brings forth the types of events
// and lists each type with the members of its details, as they stand on the
// wire. The reading of the SDK's types has judged them already: a member that a
// type does not have is an error of the call.
func TestEveryTypeOfEventHasAWSsMembers(t *testing.T) {
	h := newHarness(t)
	h.function("echo", echo)
	h.table("tab")
	h.topic("topic")
	h.items(`[1,2]`)
	activity := h.activity("work")
	members := map[string]map[string]bool{}
	note := func(arn string) {
		for _, e := range h.rawHistory(arn) {
			kind := e["type"].(string)
			if members[kind] == nil {
				members[kind] = map[string]bool{}
			}
			for key, v := range e {
				details, ok := v.(map[string]any)
				if !ok {
					continue
				}
				for name := range details {
					members[kind][key+"."+name] = true
				}
				if len(details) == 0 {
					members[kind][key] = true
				}
			}
		}
	}
	lambdaArn := "arn:aws:lambda:eu-west-1:123456789012:function:"
	one := func(state string) string { return `{"StartAt":"T","States":{"T":` + state + `}}` }
	runs := []string{}
	for i, definition := range []string{
		one(`{"Type":"Succeed"}`), failing, waiting,
		one(`{"Type":"Task","Resource":"` + lambdaArn + `echo","TimeoutSeconds":5,"End":true}`),
		one(`{"Type":"Task","Resource":"` + lambdaArn + `none","Credentials":{"RoleArn":"` + role + `"},"End":true}`),
		task("lambda:invoke", `{"FunctionName":"echo"}`), task("lambda:invoke", `{"FunctionName":"none"}`),
		one(`{"Type":"Task","Resource":"arn:aws:states:::sns:publish.waitForTaskToken","TimeoutSeconds":60,"HeartbeatSeconds":30,"Parameters":{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:topic","Message":"m"},"End":true}`),
		one(`{"Type":"Task","Resource":"` + activity + `","TimeoutSeconds":120,"HeartbeatSeconds":30,"End":true}`),
		one(`{"Type":"Parallel","Branches":[` + pass + `,` + failing + `],"End":true}`), one(`{"Type":"Parallel","Branches":[` + pass + `],"End":true}`),
		one(`{"Type":"Map","ItemsPath":"$.l","ItemProcessor":` + pass + `,"End":true}`), one(`{"Type":"Map","ItemsPath":"$.l","ItemProcessor":` + failing + `,"End":true}`),
		one(`{"Type":"Choice","Choices":[{"Variable":"$.l","IsPresent":true,"Next":"P"}]},"P":{"Type":"Pass","Assign":{"x":1},"End":true}`),
		`{"QueryLanguage":"JSONata",` + strings.TrimPrefix(one(`{"Type":"Pass","Output":"{% $nothing.x() %}","End":true}`), "{"),
		distributed(pass), distributed(failing), `{"TimeoutSeconds":10,` + strings.TrimPrefix(waiting, "{"),
	} {
		runs = append(runs, h.run(h.create(fmt.Sprint("m", i), definition), "run", `{"l":[1,2]}`))
	}
	work, err := h.sfn.GetActivityTask(t.Context(), &sfn.GetActivityTaskInput{ActivityArn: &activity, WorkerName: aws.String("w")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.sfn.SendTaskFailure(t.Context(), &sfn.SendTaskFailureInput{TaskToken: work.TaskToken, Error: aws.String("E"), Cause: aws.String("C")}); err != nil {
		t.Fatal(err)
	}
	stopped := h.run(prefix+"stateMachine:m2", "stopped", "")
	if _, err := h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &stopped, Error: aws.String("E"), Cause: aws.String("C")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &runs[16]}); err != nil {
		t.Fatal(err)
	}
	h.clk.Advance(2 * time.Hour)
	for _, arn := range append(runs, stopped) {
		note(arn)
		if _, err := h.sfn.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn}); err != nil {
			t.Error(err)
		}
	}
	known := types.HistoryEventType("").Values()
	var out strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, types.HistoryEventType(kind)) {
			t.Errorf("AWS has no events of type %s", kind)
		}
		fmt.Fprintf(&out, "%s %s\n", kind, strings.Join(slices.Sorted(maps.Keys(members[kind])), " "))
	}
	golden(t, "eventmembers.txt", []byte(out.String()))
}

func TestHistoryIsPagedReversedAndShownWithoutData(t *testing.T) {
	h := newHarness(t)
	arn := h.execute(`{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"Q"},"Q":{"Type":"Pass","End":true}}}`, `{"secret":1}`)
	for _, reverse := range []bool{false, true} {
		var ids []int64
		for p := sfn.NewGetExecutionHistoryPaginator(h.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 4, ReverseOrder: reverse}); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				ids = append(ids, e.Id)
			}
		}
		want := []int64{1, 2, 3, 4, 5, 6}
		if reverse {
			slices.Reverse(want)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("ids = %v", ids)
		}
	}
	out, err := h.sfn.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, IncludeExecutionData: aws.Bool(false)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out.Events)
	if err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("without data: %s, %v", b, err)
	}
	_, err = h.sfn.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1001})
	check(t, err, "ValidationException", "")
}

func TestTwoRunsFromOneSeedHaveTheSameHistory(t *testing.T) {
	one := func() string {
		h := newHarness(t)
		arn := h.execute(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"none"},
			"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":10,"MaxAttempts":5,"JitterStrategy":"FULL"}],"End":true}}}`, "")
		h.clk.Advance(time.Hour)
		b, err := json.Marshal(h.rawHistory(arn))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := one(), one(); a != b {
		t.Errorf("histories differ:\n%s\n%s", a, b)
	}
}
