package stepfunctions_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// task is a machine of one Task state.
func task(resource, parameters string) string {
	return `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::` + resource + `","Parameters":` + parameters + `,"End":true}}}`
}

func TestErrorsOfServicesAreNamedAsAWSNamesThem(t *testing.T) {
	h := newHarness(t)
	h.table("tab")
	if err := h.objects.AddBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		resource, parameters, err, cause string // the cause's beginning and end around the request id
	}{
		"a condition, optimised": {"dynamodb:putItem", `{"TableName":"tab","Item":{"pk":{"S":"a"}},"ConditionExpression":"attribute_exists(pk)"}`, "DynamoDB.ConditionalCheckFailedException",
			"The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: *; Proxy: null)"},
		"a condition by the SDK": {"aws-sdk:dynamodb:putItem", `{"TableName":"tab","Item":{"pk":{"S":"a"}},"ConditionExpression":"attribute_exists(pk)"}`, "DynamoDb.ConditionalCheckFailedException",
			"The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: *)"},
		"what DynamoDB does not model, optimised": {"dynamodb:putItem", `{"TableName":"/","Item":{"pk":{"S":"a"}}}`, "DynamoDB.AmazonDynamoDBException", ""},
		"what DynamoDB does not model":            {"aws-sdk:dynamodb:putItem", `{"TableName":"/","Item":{"pk":{"S":"a"}}}`, "DynamoDb.DynamoDbException", ""},
		"a parameter":                             {"aws-sdk:ssm:getParameter", `{"Name":"none"}`, "Ssm.ParameterNotFoundException", ""},
		"an execution": {"aws-sdk:sfn:describeExecution", `{"ExecutionArn":"` + prefix + `execution:m:none"}`, "Sfn.ExecutionDoesNotExistException",
			"Execution Does Not Exist: '" + prefix + "execution:m:none' (Service: Sfn, Status Code: 400, Request ID: *)"},
		"a state machine": {"states:startExecution", `{"StateMachineArn":"` + prefix + `stateMachine:none"}`, "StepFunctions.StateMachineDoesNotExistException",
			"State Machine Does Not Exist: '" + prefix + "stateMachine:none' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: *; Proxy: null)"},
		"a topic, optimised": {"sns:publish", `{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:none","Message":"m"}`, "SNS.NotFoundException", ""},
		"a topic":            {"aws-sdk:sns:publish", `{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:none","Message":"m"}`, "Sns.NotFoundException", ""},
		"a function": {"lambda:invoke", `{"FunctionName":"none","Payload":null}`, "Lambda.ResourceNotFoundException",
			"Function not found: arn:aws:lambda:eu-west-1:123456789012:function:none (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: *; Proxy: null)"},
		"a bucket": {"aws-sdk:s3:listObjectsV2", `{"Bucket":"nowhere"}`, "S3.NoSuchBucketException",
			"The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: *, Extended Request ID: *)"},
		"an object":                     {"aws-sdk:s3:getObject", `{"Bucket":"bucket","Key":"none"}`, "S3.NoSuchKeyException", ""},
		"a service that is not here":    {"sqs:sendMessage", `{"QueueUrl":"q","MessageBody":"m"}`, "States.Runtime", "The simulated AWS does not serve sqs:sendMessage"},
		"an operation that is not here": {"aws-sdk:secretsmanager:listSecrets", `{}`, "States.Runtime", "The simulated AWS does not serve aws-sdk:secretsmanager:listSecrets"},
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			d := h.describe(h.run(h.create(strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""), task(c.resource, c.parameters)), "", ""))
			if d.Status != types.ExecutionStatusFailed || aws.ToString(d.Error) != c.err {
				t.Fatalf("%s %s: %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
			}
			if c.cause != "" && !matches(c.cause, *d.Cause) {
				t.Errorf("cause:\n got %s\nwant %s", *d.Cause, c.cause)
			}
		})
	}
}

// matches compares with a text in which * stands for anything.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	rest := text[len(parts[0]):]
	for _, p := range parts[1:] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return rest == ""
}

func TestATaskWithAFieldThatTheActionLacksIsNotScheduled(t *testing.T) {
	h := newHarness(t)
	arn := h.execute(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sns:publish","InputPath":"$.p","End":true}}}`, `{"p":{"Message":"m","Colour":"red"}}`)
	d := h.describe(arn)
	if *d.Error != "States.Runtime" || *d.Cause != `An error occurred while executing the state 'T' (entered at the event id #2). The Parameters '{"Message":"m","Colour":"red"}' could not be used to start the Task: [The field "Colour" is not supported by Step Functions]` {
		t.Errorf("%s: %s", *d.Error, *d.Cause)
	}
	if got := h.eventTypes(arn); got != "ExecutionStarted TaskStateEntered ExecutionFailed" {
		t.Errorf("events: %s", got)
	}
}

func TestLambdaTasks(t *testing.T) {
	h := newHarness(t)
	h.function("echo", echo)
	h.function("fail", func(context.Context, json.RawMessage) (any, error) { return nil, context.DeadlineExceeded })
	for name, c := range map[string]struct{ resource, parameters, want string }{
		"a payload":  {"lambda:invoke", `{"FunctionName":"echo","Payload":{"a":1}}`, `{"Payload":{"a":1},"StatusCode":200,"ExecutedVersion":"$LATEST"}`},
		"by version": {"lambda:invoke", `{"FunctionName":"echo","Qualifier":"$LATEST","Payload":2}`, `{"Payload":2,"StatusCode":200,"ExecutedVersion":"$LATEST"}`},
		"an event":   {"lambda:invoke", `{"FunctionName":"echo","InvocationType":"Event"}`, `{"Payload":"","StatusCode":202}`},
		"a dry run":  {"lambda:invoke", `{"FunctionName":"echo","InvocationType":"DryRun"}`, `{"Payload":"","StatusCode":204}`},
		"by the SDK": {"aws-sdk:lambda:invoke", `{"FunctionName":"echo","Payload":"{\"a\":1}"}`, `{"Payload":"{\"a\":1}","StatusCode":200,"ExecutedVersion":"$LATEST"}`},
		"an error":   {"lambda:invoke", `{"FunctionName":"fail"}`, `deadlineExceededError`},
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			d := h.describe(h.run(h.create(strings.ReplaceAll(name, " ", "-"), task(c.resource, c.parameters)), "", ""))
			if d.Status == types.ExecutionStatusFailed {
				if *d.Error != c.want || !strings.Contains(*d.Cause, `"errorType"`) {
					t.Errorf("%s: %s", *d.Error, *d.Cause)
				}
				return
			}
			var got, want map[string]any
			if err := json.Unmarshal([]byte(*d.Output), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(c.resource, "lambda") && got["SdkResponseMetadata"] == nil {
				t.Errorf("no metadata: %v", got)
			}
			for key, w := range want {
				if a, b := encoded(t, got[key]), encoded(t, w); a != b {
					t.Errorf("%s = %s, want %s", key, a, b)
				}
			}
		})
	}
	if h.calls[0].service != "sfn" || !contains(h.calls, call{"lambda", "Invoke", role}) {
		t.Errorf("calls: %v", h.calls)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func contains(calls []call, want call) bool {
	for _, c := range calls {
		if c == want {
			return true
		}
	}
	return false
}

func TestARefusedInvocationFailsTheTaskAndRunsNothing(t *testing.T) {
	h := newHarness(t)
	ran := false
	h.function("f", func(context.Context, json.RawMessage) (any, error) { ran = true; return nil, nil })
	h.refuse = func(c *wire.Call) error {
		if c.Service == "lambda" {
			return &wire.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}
		}
		return nil
	}
	d := h.describe(h.execute(task("lambda:invoke", `{"FunctionName":"f"}`), ""))
	if ran || aws.ToString(d.Error) != "Lambda.TooManyRequestsException" {
		t.Errorf("ran = %t, error = %s", ran, aws.ToString(d.Error))
	}
}

func TestALostAnswerFailsTheTaskThoughTheFunctionRan(t *testing.T) {
	h := newHarness(t)
	ran := 0
	h.function("f", func(context.Context, json.RawMessage) (any, error) { ran++; return nil, nil })
	h.lose = func(c *wire.Call) bool { return c.Service == "lambda" }
	d := h.describe(h.execute(task("lambda:invoke", `{"FunctionName":"f"}`), ""))
	if ran != 1 || aws.ToString(d.Error) != "Lambda.SdkClientException" {
		t.Errorf("ran = %d, status = %s, error = %s", ran, d.Status, aws.ToString(d.Error))
	}
}

func TestTasksCallInTheNameOfTheRoleThatTheyName(t *testing.T) {
	h := newHarness(t)
	h.table("tab")
	other := "arn:aws:iam::123456789012:role/other"
	h.execute(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{"TableName":"tab","Key":{"pk":{"S":"a"}}},"Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:dynamodb:putItem","Credentials":{"RoleArn":"`+other+`"},"Parameters":{"TableName":"tab","Item":{"pk":{"S":"a"}}},"End":true}}}`, "")
	if !contains(h.calls, call{"dynamodb", "GetItem", role}) || !contains(h.calls, call{"dynamodb", "PutItem", other}) {
		t.Errorf("calls: %v", h.calls)
	}
}

func TestObjectsOfS3(t *testing.T) {
	h := newHarness(t)
	if err := h.objects.AddBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	d := h.describe(h.execute(`{"StartAt":"Put","States":{
		"Put":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:putObject","Parameters":{"Bucket":"bucket","Key":"a/b.json","Body":{"n":1},"ContentType":"application/json"},"ResultPath":null,"Next":"Get"},
		"Get":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:getObject","Parameters":{"Bucket":"bucket","Key":"a/b.json"},"ResultSelector":{"body.$":"$.Body","type.$":"$.ContentType","length.$":"$.ContentLength"},"End":true}}}`, ""))
	if !sameJSON(aws.ToString(d.Output), `{"body":"{\"n\":1}","length":7,"type":"application/json"}`) {
		t.Errorf("%s: %s", aws.ToString(d.Output), aws.ToString(d.Cause))
	}
	content, err := h.objects.Object("bucket", "a/b.json")
	if err != nil || string(content) != `{"n":1}` {
		t.Errorf("object = %s, %v", content, err)
	}
	if !contains(h.calls, call{"s3", "PutObject", role}) {
		t.Errorf("calls: %v", h.calls)
	}
}

func TestChildExecutions(t *testing.T) {
	h := newHarness(t)
	h.create("child", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.fail","IsPresent":true,"Next":"F"}],"Default":"P"},"P":{"Type":"Pass","End":true},"F":{"Type":"Fail","Error":"Bad"}}}`)
	parent := func(pattern string) string {
		return h.create("parent"+strings.Trim(strings.ReplaceAll(pattern, ":", ""), "."), task("states:startExecution"+pattern, `{"StateMachineArn":"`+prefix+`stateMachine:child","Input.$":"$"}`))
	}
	plain := h.run(parent(""), "p", `{"a":1}`)
	job, job2 := parent(".sync"), parent(".sync:2")
	text, jsonOut, bad, stopped := h.run(job, "t", `{"a":1}`), h.run(job2, "j", `{"a":1}`), h.run(job2, "f", `{"fail":1}`), h.run(job2, "s", `{"a":1}`)
	var got struct {
		ExecutionArn  string
		Output, Input any
		Status        string
	}
	if d := h.describe(plain); d.Status != types.ExecutionStatusSucceeded || json.Unmarshal([]byte(*d.Output), &got) != nil || got.ExecutionArn == "" {
		t.Errorf("request and response: %+v", d)
	}
	child := ""
	for _, e := range h.history(stopped) {
		if e.TaskSubmittedEventDetails != nil {
			if err := json.Unmarshal([]byte(*e.TaskSubmittedEventDetails.Output), &got); err != nil {
				t.Fatal(err)
			}
			child = got.ExecutionArn
		}
	}
	if _, err := h.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &stopped}); err != nil {
		t.Fatal(err)
	}
	if d := h.describe(child); d.Status != types.ExecutionStatusAborted {
		t.Errorf("the child of a stopped parent: %s", d.Status)
	}
	h.clk.Advance(time.Minute)
	if d := h.describe(text); json.Unmarshal([]byte(*d.Output), &got) != nil || got.Output != `{"a":1}` || got.Status != "SUCCEEDED" {
		t.Errorf("sync: %s", *d.Output)
	}
	if d := h.describe(jsonOut); json.Unmarshal([]byte(*d.Output), &got) != nil || encoded(t, got.Output) != `{"a":1}` || encoded(t, got.Input) != `{"a":1}` {
		t.Errorf("sync:2: %s", *d.Output)
	}
	if d := h.describe(bad); *d.Error != "States.TaskFailed" || !strings.Contains(*d.Cause, `"Error":"Bad"`) {
		t.Errorf("a child that failed: %s %s", *d.Error, *d.Cause)
	}
	if got := h.eventTypes(jsonOut); got != "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded" {
		t.Errorf("events: %s", got)
	}
}
