package stepfunctions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

const worker = `{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"` + prefix + `activity:work","TimeoutSeconds":300,"HeartbeatSeconds":60,"End":true}}}`

func (h *harness) activity(name string) string {
	h.Helper()
	out, err := h.sfn.CreateActivity(h.Context(), &sfn.CreateActivityInput{Name: &name})
	if err != nil {
		h.Fatal(err)
	}
	return *out.ActivityArn
}

func TestActivities(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.activity("work")
	if again := h.activity("work"); again != arn || arn != prefix+"activity:work" {
		t.Errorf("activities: %s, %s", arn, again)
	}
	_, err := h.sfn.CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("Test Invalid$")})
	check(t, err, "InvalidName", "Invalid Name: 'Test Invalid$'")
	h.activity("another")
	list, err := h.sfn.ListActivities(ctx, &sfn.ListActivitiesInput{})
	if err != nil || len(list.Activities) != 2 || *list.Activities[0].Name != "another" {
		t.Errorf("list = %+v, %v", list, err)
	}
	d, err := h.sfn.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: &arn})
	if err != nil || *d.Name != "work" || !d.CreationDate.Equal(start) {
		t.Errorf("activity = %+v, %v", d, err)
	}
	for range 2 {
		if _, err := h.sfn.DeleteActivity(ctx, &sfn.DeleteActivityInput{ActivityArn: &arn}); err != nil {
			t.Error(err)
		}
	}
	missing := "Activity Does Not Exist: '" + arn + "'"
	_, err = h.sfn.DescribeActivity(ctx, &sfn.DescribeActivityInput{ActivityArn: &arn})
	check(t, err, "ActivityDoesNotExist", missing)
	_, err = h.sfn.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &arn})
	check(t, err, "ActivityDoesNotExist", missing)
	run := h.execute(worker, "")
	if d := h.describe(run); *d.Error != "States.Runtime" || *d.Cause != "An error occurred while executing the state 'Work' (entered at the event id #2). The activity "+arn+" does not exist." {
		t.Errorf("without the activity: %s", aws.ToString(d.Cause))
	}
	if got := h.eventTypes(run); got != "ExecutionStarted TaskStateEntered ExecutionFailed" {
		t.Errorf("events: %s", got)
	}
}

func TestAWorkerFetchesATaskAndEndsIt(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.activity("work")
	run := h.execute(worker, `{"n":1}`)
	task, err := h.sfn.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &arn, WorkerName: aws.String("anna")})
	if err != nil || *task.Input != `{"n":1}` {
		t.Fatalf("task = %+v, %v", task, err)
	}
	if _, err := h.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String(`{"done":true}`)}); err != nil {
		t.Fatal(err)
	}
	if got := h.eventTypes(run); got != "ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded" {
		t.Errorf("events: %s", got)
	}
	for _, e := range h.history(run) {
		if e.ActivityStartedEventDetails != nil && aws.ToString(e.ActivityStartedEventDetails.WorkerName) != "anna" {
			t.Errorf("worker = %+v", e.ActivityStartedEventDetails)
		}
	}
	if d := h.describe(run); *d.Output != `{"done":true}` {
		t.Errorf("output = %s", *d.Output)
	}
}

// poll calls GetActivityTask and waits until the service has it.
func (h *harness) poll(ctx context.Context, arn string) chan *sfn.GetActivityTaskOutput {
	h.Helper()
	got := make(chan *sfn.GetActivityTaskOutput, 1)
	wait := h.clk.until(1) // the poll's own timer
	go func() {
		out, err := h.sfn.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &arn})
		if err != nil && !errors.Is(err, context.Canceled) {
			h.Error(err)
		}
		got <- out
	}()
	wait()
	return got
}

func TestAPollWaitsForATaskForSixtySecondsOfTheClock(t *testing.T) {
	h := newHarness(t)
	arn := h.activity("work")
	got := h.poll(t.Context(), arn)
	h.clk.Advance(time.Minute)
	if out := <-got; out == nil || out.TaskToken != nil {
		t.Errorf("after a minute: %+v", out)
	}
	got = h.poll(t.Context(), arn)
	h.execute(worker, `{"n":2}`)
	if out := <-got; out == nil || aws.ToString(out.Input) != `{"n":2}` {
		t.Errorf("a task came: %+v", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got = h.poll(ctx, arn)
	cancel()
	<-got
}

func TestATaskThatWasGivenUpIsNotHandedOut(t *testing.T) {
	h := newHarness(t)
	arn := h.activity("work")
	m := h.create("m", worker)
	first := h.run(m, "first", `1`)
	h.run(m, "second", `2`)
	if _, err := h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &first}); err != nil {
		t.Fatal(err)
	}
	out, err := h.sfn.GetActivityTask(t.Context(), &sfn.GetActivityTaskInput{ActivityArn: &arn})
	if err != nil || aws.ToString(out.Input) != "2" {
		t.Errorf("task = %+v, %v", out, err)
	}
	if d := h.describe(first); d.Status != types.ExecutionStatusAborted {
		t.Errorf("status = %s", d.Status)
	}
}
