package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
)

// attempts records when a function was attempted, and by which request.
type attempts struct {
	mu  sync.Mutex
	at  []time.Duration // since the first
	ids map[string]bool
}

// flaky fails its first n attempts.
func (f *fixture) flaky(name string, n int) *attempts {
	a := &attempts{ids: map[string]bool{}}
	begin := f.clock.Now()
	f.register(name, func(ctx context.Context, event any) (any, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.at = append(a.at, f.clock.Now().Sub(begin))
		a.ids[lc.AwsRequestID] = true
		if len(a.at) <= n {
			return nil, errors.New("not yet")
		}
		return event, nil
	})
	return a
}

func (a *attempts) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at)
}

func (f *fixture) event(name, payload string) {
	f.t.Helper()
	out, err := f.Invoke(f.t.Context(), &sdk.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
	if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 {
		f.t.Fatalf("%+v, %v", out, err)
	}
}

// run moves the clock in steps, so that what runs in between is seen to end.
func (f *fixture) run(d time.Duration) {
	f.t.Helper()
	for end := f.clock.Now().Add(d); f.clock.Now().Before(end); {
		f.clock.Advance(time.Second)
		eventually(f.t, "the end of invocations", func() bool { return f.lambda.InFlight() == 0 })
	}
}

func TestEventsAreRetriedAfterOneAndTwoMinutes(t *testing.T) {
	f := newFixture(t)
	topic := f.topic("failures")
	a := f.flaky("worker", 99)
	f.destinations("worker", &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &topic}})
	f.event("worker", `{"n":1}`)
	f.run(4 * time.Minute)
	if len(a.at) != 3 || len(a.ids) != 1 || a.at[1]-a.at[0] < time.Minute || a.at[1]-a.at[0] > 62*time.Second || a.at[2]-a.at[1] < 2*time.Minute || a.at[2]-a.at[1] > 122*time.Second {
		t.Errorf("attempts at %v, by %v", a.at, a.ids)
	}
	eventually(t, "the destination", func() bool { return len(f.sns.Messages(topic)) == 1 })
	var e struct {
		RequestContext struct {
			Condition, FunctionArn string
			ApproximateInvokeCount int
		}
		RequestPayload  json.RawMessage
		ResponseContext struct {
			StatusCode                     int
			ExecutedVersion, FunctionError string
		}
		ResponsePayload struct{ ErrorMessage, ErrorType string }
	}
	if err := json.Unmarshal([]byte(f.sns.Messages(topic)[0].Body), &e); err != nil {
		t.Fatal(err)
	}
	if e.RequestContext.Condition != "RetriesExhausted" || e.RequestContext.ApproximateInvokeCount != 3 || e.RequestContext.FunctionArn != f.lambda.ARN("worker")+":$LATEST" ||
		string(e.RequestPayload) != `{"n":1}` || e.ResponseContext.FunctionError != "Unhandled" || e.ResponseContext.StatusCode != 200 || e.ResponsePayload.ErrorMessage != "not yet" {
		t.Errorf("%+v", e)
	}
}

func (f *fixture) destinations(name string, d *types.DestinationConfig) {
	f.t.Helper()
	if _, err := f.PutFunctionEventInvokeConfig(f.t.Context(), &sdk.PutFunctionEventInvokeConfigInput{FunctionName: &name, DestinationConfig: d}); err != nil {
		f.t.Fatal(err)
	}
}

func TestARetryThatWorksGoesToTheOtherDestination(t *testing.T) {
	f := newFixture(t)
	a := f.flaky("worker", 1)
	done := f.flaky("next", 0)
	bus := "arn:aws:events:eu-west-1:123456789012:event-bus/default"
	f.destinations("worker", &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String(f.lambda.ARN("next"))}, OnFailure: &types.OnFailure{Destination: &bus}})
	f.event("worker", `{}`)
	f.run(3 * time.Minute)
	if a.count() != 2 || done.count() != 1 {
		t.Errorf("%d attempts, %d successes", a.count(), done.count())
	}
	if n := len(f.events.Events()); n != 0 {
		t.Errorf("%d failures on the bus", n)
	}
	f.flaky("worker", 99)
	f.event("worker", `{}`)
	f.run(4 * time.Minute)
	eventually(t, "the bus", func() bool { return len(f.events.Events()) == 1 })
	if e := f.events.Events()[0]; e.Source != "lambda" || e.DetailType != "Lambda Function Invocation Result - Failure" {
		t.Errorf("%+v", e)
	}
}

func TestThrottledEventsWaitUntilTheyAreTooOld(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	topic := f.topic("failures")
	release := make(chan struct{})
	f.register("worker", func() { <-release })
	if _, err := f.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("worker"), MaximumEventAgeInSeconds: aws.Int32(60), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &topic}}}); err != nil {
		t.Fatal(err)
	}
	f.event("worker", `{"n":1}`)
	f.clock.Advance(0)
	eventually(t, "the first", func() bool { return f.lambda.InFlight() == 1 })
	f.event("worker", `{"n":2}`)
	f.clock.Advance(59 * time.Second) // the handler's timeout is a minute
	if n := len(f.sns.Messages(topic)); n != 0 {
		t.Errorf("%d messages after 59 seconds", n)
	}
	close(release)
	eventually(t, "the end of the first", func() bool { return f.lambda.InFlight() == 0 })
	f.register("worker", func() {})
	f.clock.Advance(2 * time.Second)
	eventually(t, "the destination", func() bool { return len(f.sns.Messages(topic)) == 1 })
	var e struct{ RequestContext struct{ Condition string } }
	if err := json.Unmarshal([]byte(f.sns.Messages(topic)[0].Body), &e); err != nil || e.RequestContext.Condition != "EventAgeExceeded" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestStoppedFunctionsSendEventsToTheirDeadLetters(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	topic := f.topic("dead")
	f.register("worker", func() {})
	if _, err := f.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), DeadLetterConfig: &types.DeadLetterConfig{TargetArn: &topic}}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(2 * time.Second)
	if _, err := f.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	f.event("worker", `{"n":1}`)
	f.clock.Advance(0)
	eventually(t, "the dead letter", func() bool { return len(f.sns.Messages(topic)) == 1 })
	m := f.sns.Messages(topic)[0]
	if m.Body != `{"n":1}` || aws.ToString(m.Attributes["ErrorMessage"].StringValue) != "ZeroReservedConcurrency" || aws.ToString(m.Attributes["RequestID"].StringValue) == "" {
		t.Errorf("%+v", m)
	}
}

func TestEventInvokeConfigs(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	name := aws.String("worker")
	f.register("worker", func() {})
	_, err := f.GetFunctionEventInvokeConfig(ctx, &sdk.GetFunctionEventInvokeConfigInput{FunctionName: name})
	wantError(t, err, "ResourceNotFoundException", "The function arn:aws:lambda:eu-west-1:123456789012:function:worker:$LATEST doesn't have an EventInvokeConfig", 404)
	_, err = f.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(3)})
	wantError(t, err, "ValidationException", "maximumRetryAttempts", 400)
	_, err = f.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: name, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::bucket")}}})
	wantError(t, err, "InvalidParameterValueException", "sends to sqs, sns, events, lambda only", 400)
	out, err := f.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(0)})
	if err != nil || *out.FunctionArn != f.lambda.ARN("worker")+":$LATEST" || *out.MaximumRetryAttempts != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if list, err := f.ListFunctionEventInvokeConfigs(ctx, &sdk.ListFunctionEventInvokeConfigsInput{FunctionName: name}); err != nil || len(list.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := f.DeleteFunctionEventInvokeConfig(ctx, &sdk.DeleteFunctionEventInvokeConfigInput{FunctionName: name}); err != nil {
		t.Error(err)
	}
}

func TestTwoSynchronousRunsAreEqual(t *testing.T) {
	run := func() []string {
		v := clock.NewVirtual(start)
		var got []string
		s := lambda.New(lambda.Options{Clock: v, Account: account, Region: region, Synchronous: true, Seed: 7, Logs: recorder{&got}})
		s.Register("worker", func(context.Context, any) error { return errors.New("no") }, time.Minute)
		if err := errors.Join(s.InvokeEvent("worker", nil), s.Invoke("worker", nil, func(r lambda.Result) { got = append(got, r.RequestID+string(r.Payload)) })); err != nil {
			t.Fatal(err)
		}
		for v.Next() {
		}
		return got
	}
	a, b := run(), run()
	if len(a) < 13 || len(a) != len(b) {
		t.Fatalf("%d and %d lines: %q", len(a), len(b), a)
	}
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("%q and %q", a[i], b[i])
		}
	}
}

type recorder struct{ to *[]string }

func (r recorder) Write(group, stream string, at time.Time, message string) {
	*r.to = append(*r.to, group+" "+stream+" "+at.String()+" "+message)
}
