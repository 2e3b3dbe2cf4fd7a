package stepfunctions_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func TestSyncExecutions(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	good, bad := h.create("good", pass, express), h.create("bad", failing, express)
	out, err := h.sfn.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: &good, Name: aws.String("run"), Input: aws.String(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if out.Status != types.SyncExecutionStatusSucceeded || *out.Output != `{"a":1}` || *out.Input != `{"a":1}` || *out.Name != "run" || *out.StateMachineArn != good ||
		*out.BillingDetails != (types.BillingDetails{BilledDurationInMilliseconds: 100, BilledMemoryUsedInMB: 64}) || !out.OutputDetails.Included {
		t.Errorf("%+v", out)
	}
	failed, err := h.sfn.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: &bad})
	if err != nil || failed.Status != types.SyncExecutionStatusFailed || *failed.Error != "Bad" || *failed.Cause != "because" {
		t.Errorf("%+v, %v", failed, err)
	}
	standard := h.create("standard", pass)
	_, err = h.sfn.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: &standard})
	check(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func TestAnExpressExecutionHasNoHistoryAndNoDescription(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.create("m", pass, express)
	run := h.run(arn, "run", "")
	if again := h.run(arn, "run", ""); again == run {
		t.Error("a name stands for one execution only")
	}
	const other = "Invalid Arn: 'Resource type not valid in this context: express'"
	_, err := h.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &arn})
	check(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	_, err = h.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &run})
	check(t, err, "InvalidArn", other)
	_, err = h.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &run})
	check(t, err, "InvalidArn", other)
	_, err = h.sfn.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &run})
	check(t, err, "InvalidArn", other)
	if len(h.bus.events) != 0 {
		t.Errorf("events on the bus: %v", h.bus.events)
	}
}

func TestAnExpressExecutionEndsAfterFiveMinutes(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", waiting, express)
	wait := h.clk.until(2) // the limit and the state's wait
	ended := make(chan *sfn.StartSyncExecutionOutput)
	go func() {
		out, err := h.sfn.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: &arn})
		if err != nil {
			t.Error(err)
		}
		ended <- out
	}()
	wait()
	h.clk.Advance(5 * time.Minute)
	out := <-ended
	if out.Status != types.SyncExecutionStatusTimedOut || aws.ToString(out.Error) != "States.Timeout" || out.StopDate.Sub(*out.StartDate) != 5*time.Minute ||
		out.BillingDetails.BilledDurationInMilliseconds != 300_000 {
		t.Errorf("%+v", out)
	}
}

func TestAStandardWorkflowRunsAnExpressOne(t *testing.T) {
	h := newHarness(t)
	h.create("inner", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"P"},"P":{"Type":"Pass","Result":{"x":1},"End":true}}}`, express)
	run := h.execute(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:startSyncExecution","Parameters":{"StateMachineArn":"`+prefix+`stateMachine:inner"},
		"ResultSelector":{"status.$":"$.Status","output.$":"$.Output"},"End":true}}}`, "")
	h.clk.Advance(10 * time.Second)
	if d := h.describe(run); !sameJSON(aws.ToString(d.Output), `{"output":"{\"x\":1}","status":"SUCCEEDED"}`) {
		t.Errorf("%s %s %s", d.Status, aws.ToString(d.Output), aws.ToString(d.Cause))
	}
}
