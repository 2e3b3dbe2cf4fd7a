package stepfunctions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// distributed is a Distributed Map over an object of S3.
func distributed(processor string) string {
	return `{"StartAt":"All","States":{"All":{"Type":"Map","Label":"each","MaxConcurrency":2,"ToleratedFailurePercentage":50,
		"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"bucket","Key":"items.json"}},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + strings.TrimPrefix(processor, "{") + `,
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"bucket","Prefix":"results"}},"End":true}}}`
}

func (h *harness) items(content string) {
	h.Helper()
	if err := h.objects.AddBucket("bucket"); err != nil {
		h.Fatal(err)
	}
	put := h.create("put", task("aws-sdk:s3:putObject", `{"Bucket":"bucket","Key":"items.json","Body":`+content+`}`))
	if d := h.describe(h.run(put, "", "")); d.Status != types.ExecutionStatusSucceeded {
		h.Fatalf("%s: %s", aws.ToString(d.Error), aws.ToString(d.Cause))
	}
}

func TestMapRuns(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	h.items(`[1,2,3]`)
	run := h.execute(distributed(waiting), "")
	runs, err := h.sfn.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &run})
	if err != nil || len(runs.MapRuns) != 1 {
		t.Fatalf("map runs = %+v, %v: %s", runs, err, aws.ToString(h.describe(run).Cause))
	}
	m := runs.MapRuns[0]
	if !strings.HasPrefix(*m.MapRunArn, prefix+"mapRun:m/each:") || *m.StateMachineArn != prefix+"stateMachine:m/each" || *m.ExecutionArn != run || m.StopDate != nil {
		t.Errorf("map run = %+v", m)
	}
	d, err := h.sfn.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: m.MapRunArn})
	if err != nil || d.Status != types.MapRunStatusRunning || d.MaxConcurrency != 2 || d.ToleratedFailurePercentage != 50 ||
		d.ExecutionCounts.Running != 2 || d.ExecutionCounts.Pending != 1 || d.ExecutionCounts.Total != 3 || d.ItemCounts.Total != 3 {
		t.Errorf("while it runs: %+v %+v, %v", d, d.ExecutionCounts, err)
	}
	if _, err := h.sfn.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: m.MapRunArn, MaxConcurrency: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	children, err := h.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{MapRunArn: m.MapRunArn})
	if err != nil || len(children.Executions) != 3 {
		t.Fatalf("children = %+v, %v", children, err)
	}
	child := children.Executions[0]
	if aws.ToString(child.MapRunArn) != *m.MapRunArn || *child.ItemCount != 1 || *child.StateMachineArn != *m.StateMachineArn {
		t.Errorf("child = %+v", child)
	}
	if c := h.describe(*child.ExecutionArn); aws.ToString(c.MapRunArn) != *m.MapRunArn || c.Status != types.ExecutionStatusRunning {
		t.Errorf("child = %+v", c)
	}
	f, err := h.sfn.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: child.ExecutionArn})
	if err != nil || aws.ToString(f.Label) != "each" || aws.ToString(f.MapRunArn) != *m.MapRunArn {
		t.Errorf("machine of a child = %+v, %v", f, err)
	}
	if all, err := h.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(prefix + "stateMachine:m")}); err != nil || len(all.Executions) != 1 {
		t.Errorf("executions of the machine: %+v, %v", all, err)
	}
	h.clk.Advance(time.Hour)
	h.clk.Advance(time.Minute)
	d, err = h.sfn.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: m.MapRunArn})
	if err != nil || d.Status != types.MapRunStatusSucceeded || d.ExecutionCounts.Succeeded != 3 || d.ExecutionCounts.ResultsWritten != 3 || d.StopDate == nil {
		t.Errorf("at its end: %+v %+v, %v", d, d.ExecutionCounts, err)
	}
	_, err = h.sfn.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: m.MapRunArn, MaxConcurrency: aws.Int32(1)})
	check(t, err, "ValidationException", "")
	if d := h.describe(run); d.Status != types.ExecutionStatusSucceeded || !strings.Contains(*d.Output, `"Bucket":"bucket"`) {
		t.Errorf("%s %s", d.Status, aws.ToString(d.Output))
	}
	if got := h.eventTypes(*child.ExecutionArn); got != "ExecutionStarted WaitStateEntered WaitStateExited PassStateEntered PassStateExited ExecutionSucceeded" {
		t.Errorf("events of a child: %s", got)
	}
	_, err = h.sfn.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: aws.String(prefix + "mapRun:m/each:none")})
	check(t, err, "ResourceNotFound", "")
}

func TestAnItemReaderSeesTheErrorsOfS3(t *testing.T) {
	h := newHarness(t)
	d := h.describe(h.execute(distributed(pass), ""))
	if d.Status != types.ExecutionStatusFailed || aws.ToString(d.Error) != "States.ItemReaderFailed" {
		t.Errorf("%s %s: %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
	}
}

func TestRedriveOfAMapRun(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	h.items(`[1,2]`)
	run := h.execute(distributed(`{"StartAt":"P","States":{"P":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"later","Payload.$":"$"},"End":true}}}`), "")
	if d := h.describe(run); d.Status != types.ExecutionStatusFailed || *d.Error != "States.ExceedToleratedFailureThreshold" {
		t.Fatalf("%s %s: %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	runs, err := h.sfn.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &run})
	if err != nil {
		t.Fatal(err)
	}
	children, err := h.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil {
		t.Fatal(err)
	}
	if c := h.describe(*children.Executions[0].ExecutionArn); c.RedriveStatus != types.ExecutionRedriveStatusRedrivableByMapRun {
		t.Errorf("child: %s, %s", c.RedriveStatus, aws.ToString(c.RedriveStatusReason))
	}
	_, err = h.sfn.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: children.Executions[0].ExecutionArn})
	check(t, err, "ExecutionNotRedrivable", "")
	h.function("later", echo)
	if _, err := h.sfn.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: &run}); err != nil {
		t.Fatal(err)
	}
	if d := h.describe(run); d.Status != types.ExecutionStatusSucceeded {
		t.Errorf("%s %s: %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	d, err := h.sfn.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil || *d.RedriveCount != 1 || d.ExecutionCounts.Succeeded != 2 {
		t.Errorf("%+v %+v, %v", d, d.ExecutionCounts, err)
	}
}
