package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// newSyncWorld starts a world whose functions run on the goroutine that
// advances the clock.
func newSyncWorld(t *testing.T) (*World, *clock.Virtual) {
	t.Helper()
	clk := clock.NewVirtual(start)
	w, err := New(Options{Clock: clk, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := w.DynamoDB().AddTable(&dynamodb.CreateTableInput{
		TableName: aws.String("leases"), BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddbtypes.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	return w, clk
}

// execute creates a machine of one definition and starts it.
func execute(t *testing.T, w *World, definition string) (c *sfn.Client, executionArn string) {
	t.Helper()
	c = sfn.NewFromConfig(w.AWSConfig())
	m, err := c.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: &definition, RoleArn: aws.String("arn:aws:iam::123456789012:role/m")})
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn, Name: aws.String("run"), Input: aws.String(`{"n":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	return c, *e.ExecutionArn
}

func describe(t *testing.T, c *sfn.Client, arn string) *sfn.DescribeExecutionOutput {
	t.Helper()
	out, err := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type out struct {
	Sum int `json:"sum"`
}

func TestMachineInvokesAFunctionWaitsAndWritesAnItem(t *testing.T) {
	w, clk := newSyncWorld(t)
	w.Lambda().Register("add", func(_ context.Context, in struct{ N int }) (out, error) { return out{in.N + 41}, nil }, time.Minute)
	c, arn := execute(t, w, `{"QueryLanguage":"JSONata","StartAt":"Add","States":{
		"Add":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Arguments":{"FunctionName":"add","Payload":{"N":"{% $states.input.n %}"}},"Output":"{% $states.result.Payload %}","Next":"Wait"},
		"Wait":{"Type":"Wait","Seconds":3600,"Next":"Put"},
		"Put":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","TimeoutSeconds":60,"Arguments":{"TableName":"leases","Item":{"pk":{"S":"shop"},"sum":{"N":"{% $string($states.input.sum) %}"}},"ConditionExpression":"attribute_not_exists(pk)"},"Output":"{% $states.input %}","Next":"Again"},
		"Again":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:putItem","TimeoutSeconds":60,"Arguments":{"TableName":"leases","Item":{"pk":{"S":"shop"}},"ConditionExpression":"attribute_not_exists(pk)"},
			"Catch":[{"ErrorEquals":["DynamoDB.ConditionalCheckFailedException"],"Output":{"held":true},"Next":"Done"}],"End":true},
		"Done":{"Type":"Succeed"}}}`)
	if d := describe(t, c, arn); d.Status != sfntypes.ExecutionStatusRunning {
		t.Fatalf("status = %s before the hour has passed: %s", d.Status, aws.ToString(d.Cause))
	}
	clk.Advance(time.Hour)
	d := describe(t, c, arn)
	if d.Status != sfntypes.ExecutionStatusSucceeded || *d.Output != `{"held":true}` {
		t.Fatalf("status = %s, output = %s, cause = %s", d.Status, aws.ToString(d.Output), aws.ToString(d.Cause))
	}
	items := w.DynamoDB().Items("leases")
	if len(items) != 1 || items[0]["sum"].(*ddbtypes.AttributeValueMemberN).Value != "42" {
		t.Errorf("items = %v", items)
	}
	var ids []int64
	p := sfn.NewGetExecutionHistoryPaginator(c, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 5})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			ids = append(ids, e.Id)
		}
	}
	if len(ids) < 15 || ids[len(ids)-1] != int64(len(ids)) {
		t.Errorf("ids = %v", ids)
	}
	last, err := c.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1, ReverseOrder: true})
	if err != nil || last.Events[0].Type != sfntypes.HistoryEventTypeExecutionSucceeded {
		t.Errorf("last event = %v, %v", last, err)
	}
}

func TestSameNameIsIdempotentOnlyWithTheSameInputWhileItRuns(t *testing.T) {
	w, clk := newSyncWorld(t)
	c, arn := execute(t, w, `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}`)
	again := func(input string) (*sfn.StartExecutionOutput, error) {
		return c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(strings.Replace(strings.TrimSuffix(arn, ":run"), "execution", "stateMachine", 1)), Name: aws.String("run"), Input: &input})
	}
	out, err := again(`{ "n": 1 }`)
	if err != nil || *out.ExecutionArn != arn {
		t.Errorf("same input: %v, %v", out, err)
	}
	_, err = again(`{"n":2}`)
	wantCode(t, err, "ExecutionAlreadyExists")
	clk.Advance(time.Minute)
	_, err = again(`{"n":1}`)
	wantCode(t, err, "ExecutionAlreadyExists")
}

func TestTokenEndsTheTaskOnce(t *testing.T) {
	w, _ := newSyncWorld(t)
	var token string
	w.Lambda().Register("ask", func(_ context.Context, in struct{ Token string }) error { token = in.Token; return nil }, time.Minute)
	c, arn := execute(t, w, `{"QueryLanguage":"JSONata","StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":60,
		"Arguments":{"FunctionName":"ask","Payload":{"Token":"{% $states.context.Task.Token %}"}},"End":true}}}`)
	send := func() error {
		_, err := c.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(`{"approved":true}`)})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if d := describe(t, c, arn); d.Status != sfntypes.ExecutionStatusSucceeded || *d.Output != `{"approved":true}` {
		t.Errorf("status = %s, output = %v", d.Status, d.Output)
	}
	wantCode(t, send(), "TaskTimedOut")
	token = "no token"
	wantCode(t, send(), "InvalidToken")
	token = strings.Repeat("A", 43) + "="
	wantCode(t, send(), "TaskDoesNotExist")
}

type leaseHeld struct{ holder string }

func (l leaseHeld) Error() string { return "held by " + l.holder }

func TestFunctionFailuresHaveAWSsNames(t *testing.T) {
	cases := []struct {
		name, want, cause string
		handler           any
	}{
		{"a typed error by its type's name", "leaseHeld", "held by other", func() error { return leaseHeld{"other"} }},
		{"an error that names itself", "LeaseHeld", "taken", func() error { return messages.InvokeResponse_Error{Type: "LeaseHeld", Message: "taken"} }},
		{"a plain error", "errorString", "boom", func() error { return errors.New("boom") }},
		{"a wrapped error by the wrapper", "wrapError", "outer: held by x", func() error { return fmt.Errorf("outer: %w", leaseHeld{"x"}) }},
		{"a panic", "string", "stackTrace", func() error { panic("oh") }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w, _ := newSyncWorld(t)
			w.Lambda().Register("f", tc.handler, time.Minute)
			c, arn := execute(t, w, `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},"End":true}}}`)
			d := describe(t, c, arn)
			if d.Status != sfntypes.ExecutionStatusFailed || aws.ToString(d.Error) != tc.want || !strings.Contains(aws.ToString(d.Cause), tc.cause) {
				t.Errorf("status = %s, error = %v, cause = %v", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
			}
			if !json.Valid([]byte(*d.Cause)) {
				t.Errorf("cause is not JSON: %s", *d.Cause)
			}
		})
	}
}

func TestAFunctionThatTakesTooLongTimesOutAndChangesNothingAfterwards(t *testing.T) {
	clk := clock.NewVirtual(start)
	w, err := New(Options{Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close(context.Background()) }()
	entered, late := make(chan struct{}), make(chan error, 1)
	w.Lambda().Register("slow", func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		_, err := ssm.NewFromConfig(w.FunctionConfig("slow")).PutParameter(context.WithoutCancel(ctx), &ssm.PutParameterInput{Name: aws.String("/late"), Value: aws.String("x"), Type: ssmtypes.ParameterTypeString})
		late <- err
		return err
	}, 30*time.Second)

	c, arn := execute(t, w, `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"slow"},"End":true}}}`)
	<-entered
	clk.Advance(30 * time.Second)
	if d := describe(t, c, arn); aws.ToString(d.Error) != "Sandbox.Timedout" {
		t.Errorf("error = %v %v", aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	if err := <-late; err == nil {
		t.Error("a call of a dead process succeeded")
	}
	if _, ok := w.SSM().Value("/late"); ok {
		t.Error("a call of a dead process took effect")
	}
}

func TestCrashAfterEffectKeepsTheEffectAndLosesTheProcess(t *testing.T) {
	w, _ := newSyncWorld(t)
	runs := 0
	w.Lambda().Register("f", func(ctx context.Context) error {
		runs++
		c := ssm.NewFromConfig(w.FunctionConfig("f"))
		_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/step"), Value: aws.String(fmt.Sprint(runs)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
		return err
	}, time.Minute)

	w.Faults().Add(Fault{Service: "ssm", Operation: "PutParameter", Mode: CrashAfterEffect, Count: 1,
		Match: func(in any) bool { return *in.(*ssm.PutParameterInput).Name == "/step" }})
	c, arn := execute(t, w, `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},"End":true}}}`)
	if d := describe(t, c, arn); aws.ToString(d.Error) != "Runtime.ExitError" {
		t.Errorf("error = %v %v", aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	if v, _ := w.SSM().Value("/step"); v != "1" || runs != 1 {
		t.Errorf("value = %q after %d runs", v, runs)
	}
	for _, call := range w.Calls() {
		if call.Operation == "PutParameter" && (!call.Dropped || call.Caller != "f") {
			t.Errorf("call = %+v", call)
		}
	}
}

func TestThrottledCallsAreRetriedAndCounted(t *testing.T) {
	w, _ := newWorld(t)
	w.Faults().Add(Fault{Service: "ssm", Mode: Throttle, Count: 2, After: 1})
	c := ssm.NewFromConfig(w.AWSConfig())
	for i := range 2 {
		_, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/x"), Value: aws.String(fmt.Sprint(i)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
	}
	var codes []string
	for _, call := range w.Calls() {
		codes = append(codes, call.Err)
	}
	if fmt.Sprint(codes) != "[ ThrottlingException ThrottlingException ]" {
		t.Errorf("codes = %q", codes)
	}
}

func TestIntegrationsCallTheOtherServicesAndNameTheirErrors(t *testing.T) {
	w, clk := newSyncWorld(t)
	topic, err := sns.NewFromConfig(w.AWSConfig()).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	task := func(resource, arguments, next string) string {
		return fmt.Sprintf(`{"Type":"Task","Resource":"arn:aws:states:::%s","TimeoutSeconds":60,"Arguments":%s,"Catch":[{"ErrorEquals":["States.ALL"],"Output":"{%% $states.errorOutput.Error %%}","Next":"Caught"}],%s}`, resource, arguments, next)
	}
	run := func(t *testing.T, resource, arguments string) string {
		t.Helper()
		c := sfn.NewFromConfig(w.AWSConfig())
		definition := `{"QueryLanguage":"JSONata","StartAt":"T","States":{"T":` + task(resource, arguments, `"End":true`) + `,"Caught":{"Type":"Succeed"}}}`
		name := fmt.Sprintf("m%d", len(w.Calls()))
		m, err := c.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String("arn:aws:iam::1:role/r")})
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
		if err != nil {
			t.Fatal(err)
		}
		clk.Advance(time.Minute)
		d := describe(t, c, *e.ExecutionArn)
		if d.Status != sfntypes.ExecutionStatusSucceeded {
			t.Fatalf("status = %s: %s %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
		}
		return *d.Output
	}
	for _, tc := range []struct{ name, resource, arguments, want string }{
		{"publish takes JSON as message", "sns:publish", `{"TopicArn":"` + *topic.TopicArn + `","Message":{"a":1}}`, `"MessageId"`},
		{"events take JSON as detail", "events:putEvents", `{"Entries":[{"Source":"agent","DetailType":"Done","Detail":{"ok":true}}]}`, `"FailedEntryCount":0`},
		{"a failed entry is an error", "events:putEvents", `{"Entries":[{"Source":"aws.x","DetailType":"Done","Detail":{}}]}`, `"EventBridge.FailedEntry"`},
		{"SDK integration", "aws-sdk:ssm:putParameter", `{"Name":"/x","Value":"1","Type":"String"}`, `"Version":1`},
		{"SDK integration's modelled error", "aws-sdk:ssm:putParameter", `{"Name":"/x","Value":"1","Type":"String"}`, `"Ssm.ParameterAlreadyExistsException"`},
		{"SDK integration's other error", "aws-sdk:sns:publish", `{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:none","Message":"m"}`, `"Sns.NotFoundException"`},
		{"times are ISO 8601", "aws-sdk:ssm:getParameter", `{"Name":"/x"}`, `"LastModifiedDate":"2026-08-01T12:`},
		{"optimised DynamoDB's other error", "dynamodb:getItem", `{"TableName":"leases","Key":{"no":{"S":"x"}}}`, `"DynamoDB.AmazonDynamoDBException"`},
		{"optimised DynamoDB's modelled error", "dynamodb:getItem", `{"TableName":"absent","Key":{"pk":{"S":"x"}}}`, `"DynamoDB.ResourceNotFoundException"`},
		{"SDK DynamoDB's modelled error", "aws-sdk:dynamodb:getItem", `{"TableName":"absent","Key":{"pk":{"S":"x"}}}`, `"DynamoDb.ResourceNotFoundException"`},
		{"unknown function", "lambda:invoke", `{"FunctionName":"none"}`, `"Lambda.ResourceNotFoundException"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := run(t, tc.resource, tc.arguments); !strings.Contains(got, tc.want) {
				t.Errorf("output = %s, want %s", got, tc.want)
			}
		})
	}
	if m := w.SNS().Messages("alerts"); len(m) != 1 || m[0].Body != `{"a":1}` {
		t.Errorf("messages = %+v", m)
	}
	child := `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":30,"End":true}}}`
	c := sfn.NewFromConfig(w.AWSConfig())
	m, err := c.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("child"), Definition: &child, RoleArn: aws.String("arn:aws:iam::1:role/r")})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, "states:startExecution.sync:2", `{"StateMachineArn":"`+*m.StateMachineArn+`","Input":{"n":5}}`)
	if !strings.Contains(got, `"Output":{"n":5}`) || !strings.Contains(got, `"Status":"SUCCEEDED"`) {
		t.Errorf("child = %s", got)
	}
}

func TestCallsInFlightAreKnownByTheirFunction(t *testing.T) {
	w, _ := newSyncWorld(t)
	w.Lambda().Register("f", func(ctx context.Context) error {
		_, err := ssm.NewFromConfig(w.FunctionConfig("f")).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/x"), Value: aws.String("1"), Type: ssmtypes.ParameterTypeString})
		return err
	}, time.Minute)

	var seen []string
	w.OnCall(func(r CallRecord) {
		_ = w.Calls() // a hook may look at the world
		seen = append(seen, r.String())
	})
	execute(t, w, `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},"End":true}}}`)
	all := strings.Join(seen, "\n")
	if !strings.Contains(all, "ssm.PutParameter /x (by f)") || !strings.Contains(all, "sfn.StartExecution") {
		t.Errorf("calls:\n%s", all)
	}
}
