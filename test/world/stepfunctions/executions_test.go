package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func TestANameIsTakenForNinetyDaysAfterTheEnd(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", waiting)
	startIt := func(input string) (*sfn.StartExecutionOutput, error) {
		return h.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("run"), Input: &input})
	}
	first, err := startIt(`{"n":1}`)
	if err != nil {
		t.Fatal(err)
	}
	h.clk.Advance(time.Minute)
	again, err := startIt(`{"n":1}`)
	if err != nil || !again.StartDate.Equal(*first.StartDate) || *again.ExecutionArn != *first.ExecutionArn {
		t.Errorf("while it runs: %+v, %v", again, err)
	}
	exists := "Execution Already Exists: '" + *first.ExecutionArn + "'"
	_, err = startIt(`{"n":2}`)
	check(t, err, "ExecutionAlreadyExists", exists)
	h.clk.Advance(time.Hour)
	_, err = startIt(`{"n":1}`)
	check(t, err, "ExecutionAlreadyExists", exists)
	h.clk.Advance(90*24*time.Hour - time.Hour)
	_, err = startIt(`{"n":1}`)
	check(t, err, "ExecutionAlreadyExists", exists)
	h.clk.Advance(2 * time.Hour)
	_, err = h.sfn.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: first.ExecutionArn})
	check(t, err, "ExecutionDoesNotExist", "")
	later, err := startIt(`{"n":3}`)
	if err != nil || !later.StartDate.After(*first.StartDate) {
		t.Errorf("after 90 days: %+v, %v", later, err)
	}
	list, err := h.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
	if err != nil || len(list.Executions) != 1 {
		t.Errorf("executions = %+v, %v", list, err)
	}
}

func TestInputsAreRefusedInTheWordsOfAWSsParser(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", pass)
	const bad = "Invalid State Machine Execution Input: "
	for input, want := range map[string][2]string{
		"not json":                              {"InvalidExecutionInput", bad + "'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'"},
		"{'not': 'json'}":                       {"InvalidExecutionInput", bad + "'Unexpected character (''' (code 39)): was expecting double-quote to start field name'"},
		"":                                      {"InvalidExecutionInput", bad + "'Invalid execution input.'"},
		`{"a":tru}`:                             {"InvalidExecutionInput", bad + "'Unrecognized token 'tru': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'"},
		`{"a" 1}`:                               {"InvalidExecutionInput", bad + "'Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value'"},
		"2":                                     {},
		`"text"`:                                {},
		"null":                                  {},
		`"` + strings.Repeat("x", 262143) + `"`: {"ValidationException", ""},
	} {
		_, err := h.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Input: &input})
		check(t, err, want[0], want[1])
	}
	_, err := h.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("a:b")})
	check(t, err, "InvalidName", "Invalid Name: 'a:b'")
}

func TestDescribeExecutionTellsEverything(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", waiting)
	out, err := h.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("run"), TraceHeader: aws.String("Root=1-2")})
	if err != nil {
		t.Fatal(err)
	}
	d := h.describe(*out.ExecutionArn)
	if *d.Input != "{}" || !d.InputDetails.Included || d.Output != nil || d.OutputDetails != nil || d.StopDate != nil || aws.ToString(d.TraceHeader) != "Root=1-2" ||
		*d.RedriveCount != 0 || d.RedriveStatus != types.ExecutionRedriveStatusNotRedrivable || *d.RedriveStatusReason != "Execution is RUNNING and cannot be redriven" {
		t.Errorf("while it runs: %+v", d)
	}
	h.clk.Advance(time.Hour)
	d = h.describe(*out.ExecutionArn)
	if *d.Output != "{}" || !d.OutputDetails.Included || !d.StopDate.Equal(start.Add(time.Hour)) || *d.RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" {
		t.Errorf("at its end: %+v", d)
	}
	m, err := h.sfn.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: out.ExecutionArn, IncludedData: types.IncludedDataMetadataOnly})
	if err != nil || m.Input != nil || m.Output != nil || m.InputDetails != nil || m.Status != types.ExecutionStatusSucceeded {
		t.Errorf("metadata only: %+v, %v", m, err)
	}
	if _, err := h.sfn.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: aws.String(pass)}); err != nil {
		t.Fatal(err)
	}
	f, err := h.sfn.DescribeStateMachineForExecution(t.Context(), &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: out.ExecutionArn})
	if err != nil || *f.Definition != waiting || *f.Name != "m" || f.RevisionId != nil || !f.UpdateDate.Equal(start) {
		t.Errorf("what it ran by: %+v, %v", f, err)
	}
}

func TestListExecutionsFiltersAndPages(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.wait","BooleanEquals":true,"Next":"W"}],"Default":"F"},"W":{"Type":"Wait","Seconds":60,"End":true},"F":{"Type":"Fail"}}}`)
	for i := range 5 {
		h.run(arn, fmt.Sprint("run", i), fmt.Sprintf(`{"wait":%t}`, i%2 == 0))
		h.clk.Advance(time.Second)
	}
	list := func(in sfn.ListExecutionsInput) string {
		in.StateMachineArn, in.MaxResults = &arn, 2
		var names []string
		for p := sfn.NewListExecutionsPaginator(h.sfn, &in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Executions {
				names = append(names, strings.TrimPrefix(*e.Name, "run"))
			}
		}
		return strings.Join(names, "")
	}
	failed := prefix + "execution:m:run3"
	if _, err := h.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &failed}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in   sfn.ListExecutionsInput
		want string
	}{
		"all, the latest first": {sfn.ListExecutionsInput{}, "43210"},
		"running":               {sfn.ListExecutionsInput{StatusFilter: types.ExecutionStatusRunning}, "420"},
		"failed":                {sfn.ListExecutionsInput{StatusFilter: types.ExecutionStatusFailed}, "31"},
		"redriven":              {sfn.ListExecutionsInput{RedriveFilter: types.ExecutionRedriveFilterRedriven}, "3"},
		"not redriven":          {sfn.ListExecutionsInput{RedriveFilter: types.ExecutionRedriveFilterNotRedriven}, "4210"},
	} {
		if got := list(c.in); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	_, err := h.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{})
	check(t, err, "ValidationException", "")
}

func TestStopExecution(t *testing.T) {
	h := newHarness(t)
	arn := h.execute(waiting, "")
	h.clk.Advance(time.Minute)
	out, err := h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Enough"), Cause: aws.String("said so")})
	if err != nil || !out.StopDate.Equal(start.Add(time.Minute)) {
		t.Fatalf("%+v, %v", out, err)
	}
	d := h.describe(arn)
	if d.Status != types.ExecutionStatusAborted || *d.Error != "Enough" || *d.Cause != "said so" || d.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Errorf("%+v", d)
	}
	h.clk.Advance(time.Minute)
	if again, err := h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil || !again.StopDate.Equal(*out.StopDate) {
		t.Errorf("again: %+v, %v", again, err)
	}
	_, err = h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String(strings.Repeat("e", 257))})
	check(t, err, "ValidationException", "")
}

func TestRedriveContinuesFromTheStateThatFailed(t *testing.T) {
	h := newHarness(t)
	h.table("tab")
	arn := h.execute(`{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"Put"},
		"Put":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","Parameters":{"TableName":"tab","Item":{"pk":{"S":"a"}},"ConditionExpression":"attribute_exists(pk)"},"End":true}}}`, "")
	if d := h.describe(arn); d.Status != types.ExecutionStatusFailed || *d.Error != "DynamoDB.ConditionalCheckFailedException" || d.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Fatalf("%+v", d)
	}
	redrive := func(token string) (*sfn.RedriveExecutionOutput, error) {
		return h.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn, ClientToken: &token})
	}
	h.clk.Advance(time.Minute)
	first, err := redrive("one")
	if err != nil || !first.RedriveDate.Equal(start.Add(time.Minute)) {
		t.Fatalf("%+v, %v", first, err)
	}
	h.clk.Advance(time.Minute)
	if again, err := redrive("one"); err != nil || !again.RedriveDate.Equal(*first.RedriveDate) {
		t.Errorf("the same token: %+v, %v", again, err)
	}
	if d := h.describe(arn); *d.RedriveCount != 1 || !d.RedriveDate.Equal(*first.RedriveDate) || d.Status != types.ExecutionStatusFailed {
		t.Errorf("after a redrive that failed: %+v", d)
	}
	put := h.create("put", `{"StartAt":"Put","States":{"Put":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","Parameters":{"TableName":"tab","Item":{"pk":{"S":"a"}}},"End":true}}}`)
	h.run(put, "put", "")
	if _, err := redrive("two"); err != nil {
		t.Fatal(err)
	}
	if d := h.describe(arn); d.Status != types.ExecutionStatusSucceeded || *d.RedriveCount != 2 || d.Error != nil {
		t.Errorf("after the redrive: %+v", d)
	}
	_, err = redrive("three")
	check(t, err, "ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven")
	var statuses []string
	for _, e := range h.bus.events {
		if e.detail["executionArn"] == arn {
			statuses = append(statuses, e.detail["status"].(string))
		}
	}
	if got := strings.Join(statuses, " "); got != "RUNNING FAILED RUNNING FAILED RUNNING SUCCEEDED" {
		t.Errorf("statuses on the bus: %s", got)
	}
	if got := h.eventTypes(arn); strings.Count(got, "ExecutionRedriven") != 2 || strings.Count(got, "PassStateEntered") != 1 {
		t.Errorf("events: %s", got)
	}
	h.clk.Advance(15 * 24 * time.Hour)
	old := h.run(h.create("failing", failing), "old", "")
	h.clk.Advance(14*24*time.Hour + time.Second)
	_, err = h.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &old})
	check(t, err, "ExecutionNotRedrivable", "")
}

func TestStatusChangesOnTheBus(t *testing.T) {
	h := newHarness(t)
	h.execute(`{"TimeoutSeconds":60,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}`, `{"a":"b"}`)
	h.clk.Advance(time.Minute)
	var out strings.Builder
	for _, e := range h.bus.events {
		b, err := json.MarshalIndent(e.detail, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %s\n%s\n", e.source, e.kind, b)
	}
	golden(t, "events.txt", []byte(out.String()))
}

func TestTaskTokens(t *testing.T) {
	h := newHarness(t)
	var token string
	arn := h.create("m", `{"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::sns:publish.waitForTaskToken","HeartbeatSeconds":60,"TimeoutSeconds":600,
		"Parameters":{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:topic","Message":{"token.$":"$$.Task.Token"}},"Retry":[{"ErrorEquals":["States.HeartbeatTimeout"],"MaxAttempts":1}],"End":true}}}`)
	if status, out := h.post("ListActivities", "{}"); status != 200 {
		t.Fatal(out)
	}
	h.topic("topic")
	run := h.run(arn, "run", "")
	for _, e := range h.history(run) {
		if e.TaskScheduledEventDetails != nil {
			var p struct{ Message struct{ Token string } }
			if err := json.Unmarshal([]byte(*e.TaskScheduledEventDetails.Parameters), &p); err != nil {
				t.Fatal(err)
			}
			token = p.Message.Token
		}
	}
	ctx := t.Context()
	h.clk.Advance(50 * time.Second)
	if _, err := h.sfn.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &token}); err != nil {
		t.Fatal(err)
	}
	h.clk.Advance(50 * time.Second)
	_, err := h.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("no json")})
	check(t, err, "InvalidOutput", "")
	h.clk.Advance(20 * time.Second)
	_, err = h.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")})
	check(t, err, "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	for wrong, code := range map[string]string{"no token": "InvalidToken", strings.Repeat("A", 43) + "=": "TaskDoesNotExist"} {
		_, err = h.sfn.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &wrong})
		check(t, err, code, "")
		_, err = h.sfn.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &wrong})
		check(t, err, code, "")
	}
}
