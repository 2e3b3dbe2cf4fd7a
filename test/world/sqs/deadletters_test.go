package sqs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	prefix  = ":eu-west-1:123456789012:"
	deadARN = "arn:aws:sqs" + prefix + "dead"
)

// role makes a role that a service may assume, with a policy of one statement;
// "" gives it none.
func (s *stand) role(name, service, action, resource string) string {
	s.t.Helper()
	client := iam.NewFromConfig(s.AWSConfig())
	principal := `{"Service":"` + service + `"}`
	if service == "" {
		principal = `{"AWS":"arn:aws:iam::123456789012:root"}`
	}
	must[*iam.CreateRoleOutput](s.t)(client.CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`)}))
	if action != "" {
		must[*iam.PutRolePolicyOutput](s.t)(client.PutRolePolicy(s.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":` + action + `,"Resource":"` + resource + `"}}`)}))
	}
	return "arn:aws:iam::123456789012:role/" + name
}

// admit lets a service send to a queue for one source.
func (s *stand) admit(q *string, service, source string) {
	s.t.Helper()
	must[*sqs.SetQueueAttributesOutput](s.t)(s.sqs.SetQueueAttributes(s.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sqs:SendMessage","Resource":"` + s.attribute(q, "QueueArn") +
			`","Condition":{"ArnEquals":{"aws:SourceArn":"` + source + `"}}}}`}}))
}

// text is the value of a message's attribute.
func text(m types.Message, name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// fails registers a function whose handler always fails.
func (s *stand) fails(name string) {
	s.Lambda().Register(name, func(context.Context, any) error { return errors.New("broken") }, time.Minute)
}

func TestDeadLettersOfFunctions(t *testing.T) {
	for name, allowed := range map[string]bool{"the role may send": true, "the role may not send": false} {
		t.Run(name, func(t *testing.T) {
			s, ctx := newStand(t, true), t.Context()
			dead := s.queue("dead")
			s.fails("worker")
			action := `"sqs:ReceiveMessage"`
			if allowed {
				action = `"sqs:SendMessage"`
			}
			role := s.role("worker", "lambda.amazonaws.com", action, deadARN)
			client := lambda.NewFromConfig(s.AWSConfig())
			must[*lambda.UpdateFunctionConfigurationOutput](t)(client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), Role: &role,
				DeadLetterConfig: &lambdatypes.DeadLetterConfig{TargetArn: aws.String(deadARN)}}))
			s.clk.Advance(5 * time.Second)
			must[*lambda.PutFunctionEventInvokeConfigOutput](t)(client.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("worker"), MaximumRetryAttempts: aws.Int32(0),
				DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(deadARN)}}}))
			must[*lambda.InvokeOutput](t)(client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("worker"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"n":1}`)}))
			s.clk.Advance(time.Second)
			got := s.receive(dead)
			if !allowed {
				if len(got) != 0 {
					t.Errorf("sent without the permission: %s", bodies(got))
				}
				return
			}
			if len(got) != 2 {
				t.Fatalf("got %d letters: %s", len(got), bodies(got))
			}
			var e struct {
				RequestContext struct{ Condition string }
				RequestPayload struct{ N int }
			}
			if err := json.Unmarshal([]byte(*got[0].Body), &e); err != nil || e.RequestContext.Condition != "RetriesExhausted" || e.RequestPayload.N != 1 {
				t.Errorf("destination: %s", *got[0].Body)
			}
			if *got[1].Body != `{"n":1}` || text(got[1], "ErrorMessage") != "broken" || text(got[1], "ErrorCode") != "200" || text(got[1], "RequestID") == "" {
				t.Errorf("dead letter: %+v", got[1])
			}
		})
	}
}

func TestDeadLettersOfRules(t *testing.T) {
	s, ctx := newStand(t, true), t.Context()
	dead, target := s.queue("dead"), s.queue("target")
	client := eventbridge.NewFromConfig(s.AWSConfig())
	rule := *must[*eventbridge.PutRuleOutput](t)(client.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["shop"]}`)})).RuleArn
	_, err := client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs" + prefix + "target"),
		DeadLetterConfig: &ebtypes.DeadLetterConfig{Arn: aws.String("arn:aws:sqs" + prefix + "dead.fifo")}}}})
	if codeOf(err) != "ValidationException" {
		t.Errorf("a FIFO queue for dead letters: %v", err)
	}
	must[*eventbridge.PutTargetsOutput](t)(client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs" + prefix + "target"),
		InputPath: aws.String("$.detail"), DeadLetterConfig: &ebtypes.DeadLetterConfig{Arn: aws.String(deadARN)}}}}))
	put := func() {
		t.Helper()
		must[*eventbridge.PutEventsOutput](t)(client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{Source: aws.String("shop"), DetailType: aws.String("Sold"), Detail: aws.String(`{"n":1}`)}}}))
		s.clk.Advance(time.Second)
	}
	put() // neither queue lets EventBridge in
	if n := len(s.receive(dead)) + len(s.receive(target)); n != 0 || len(s.Events().Undelivered()) != 1 {
		t.Fatalf("%d messages, undelivered %v", n, s.Events().Undelivered())
	}
	s.admit(dead, "events.amazonaws.com", rule)
	put()
	got := s.receive(dead)
	if len(got) != 1 || !strings.Contains(*got[0].Body, `"detail-type":"Sold"`) {
		t.Fatalf("dead letters %s", bodies(got))
	}
	for name, want := range map[string]string{"RULE_ARN": rule, "TARGET_ARN": "arn:aws:sqs" + prefix + "target", "ERROR_CODE": "NO_PERMISSIONS", "RETRY_ATTEMPTS": ""} {
		if text(got[0], name) != want {
			t.Errorf("%s = %q", name, text(got[0], name))
		}
	}
	s.admit(target, "events.amazonaws.com", rule)
	put()
	if got := s.receive(target); bodies(got) != `{"n":1}` {
		t.Errorf("the target got %s", bodies(got))
	}
	s.admit(target, "events.amazonaws.com", rule+"-other")
	put()
	if got := s.receive(target); len(got) != 0 {
		t.Errorf("the policy is for another rule, and yet: %s", bodies(got))
	}
}

func TestQueuesWithAKeyNeedItsPolicy(t *testing.T) {
	s, ctx := newStand(t, true), t.Context()
	keys := kms.NewFromConfig(s.AWSConfig())
	key := must[*kms.CreateKeyOutput](t)(keys.CreateKey(ctx, &kms.CreateKeyInput{})).KeyMetadata
	q := s.queue("sealed", "KmsMasterKeyId", *key.KeyId)
	client := eventbridge.NewFromConfig(s.AWSConfig())
	rule := *must[*eventbridge.PutRuleOutput](t)(client.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["shop"]}`)})).RuleArn
	must[*eventbridge.PutTargetsOutput](t)(client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs" + prefix + "sealed")}}}))
	s.admit(q, "events.amazonaws.com", rule)
	put := func() int {
		t.Helper()
		must[*eventbridge.PutEventsOutput](t)(client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{Source: aws.String("shop"), DetailType: aws.String("Sold"), Detail: aws.String(`{}`)}}}))
		s.clk.Advance(time.Second)
		return len(s.receive(q))
	}
	if n := put(); n != 0 {
		t.Error("EventBridge may not use the key, and yet a message came")
	}
	must[*kms.PutKeyPolicyOutput](t)(keys.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}]}`)}))
	if n := put(); n != 1 {
		t.Errorf("%d messages; %v", n, s.Events().Undelivered())
	}
}

func TestDeadLettersOfSchedules(t *testing.T) {
	s, ctx := newStand(t, true), t.Context()
	dead := s.queue("dead")
	role := s.role("schedules", "scheduler.amazonaws.com", `"sqs:SendMessage"`, deadARN)
	client := scheduler.NewFromConfig(s.AWSConfig())
	create := func(name, target string) {
		t.Helper()
		must[*scheduler.CreateScheduleOutput](t)(client.CreateSchedule(ctx, &scheduler.CreateScheduleInput{Name: &name, ScheduleExpression: aws.String("at(2026-11-02T10:00:00)"),
			FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
			Target: &schedulertypes.Target{Arn: &target, RoleArn: &role, Input: aws.String(`{"cluster":"shop"}`), RetryPolicy: &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)},
				DeadLetterConfig: &schedulertypes.DeadLetterConfig{Arn: aws.String(deadARN)}}}))
	}
	create("machine", "arn:aws:states"+prefix+"stateMachine:none")
	create("queue", deadARN)
	s.clk.Advance(time.Hour)
	got := s.receive(dead)
	if len(got) != 2 {
		t.Fatalf("got %s; %v", bodies(got), s.Scheduler().Undelivered())
	}
	letter, plain := got[0], got[1]
	if text(letter, "SCHEDULE_ARN") == "" {
		letter, plain = plain, letter
	}
	if *plain.Body != `{"cluster":"shop"}` || len(plain.MessageAttributes) != 0 {
		t.Errorf("the queue as a target got %+v", plain)
	}
	for name, want := range map[string]string{"SCHEDULE_ARN": "arn:aws:scheduler" + prefix + "schedule/default/machine", "TARGET_ARN": "arn:aws:states" + prefix + "stateMachine:none",
		"ERROR_CODE": "AccessDeniedException", "SCHEDULED_TIME": "2026-11-02T10:00:00Z", "IS_PAYLOAD_TRUNCATED": "false"} {
		if text(letter, name) != want {
			t.Errorf("%s = %q", name, text(letter, name))
		}
	}
	if *letter.Body != `{"cluster":"shop"}` || text(letter, "EXECUTION_ID") == "" {
		t.Errorf("letter %+v", letter)
	}
}

func TestDeadLettersOfSubscriptions(t *testing.T) {
	s, ctx := newStand(t, true), t.Context()
	dead, q, raw := s.queue("dead"), s.queue("q"), s.queue("raw")
	client := sns.NewFromConfig(s.AWSConfig())
	topic := must[*sns.CreateTopicOutput](t)(client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})).TopicArn
	subscribe := func(name string, attributes map[string]string) {
		t.Helper()
		must[*sns.SubscribeOutput](t)(client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs" + prefix + name), Attributes: attributes}))
	}
	subscribe("q", nil)
	subscribe("raw", map[string]string{"RawMessageDelivery": "true"})
	subscribe("gone", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `"}`})
	for _, queue := range []*string{dead, q, raw} {
		s.admit(queue, "sns.amazonaws.com", *topic)
	}
	must[*sns.PublishOutput](t)(client.Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: aws.String("hello"), Subject: aws.String("news"),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("x")}}}))
	got := s.receive(q)
	var n struct {
		Type, Message, Subject, TopicArn string
		MessageAttributes                map[string]struct{ Type, Value string }
	}
	if len(got) != 1 || json.Unmarshal([]byte(*got[0].Body), &n) != nil || n.Type != "Notification" || n.Message != "hello" || n.Subject != "news" || n.TopicArn != *topic || n.MessageAttributes["kind"].Value != "x" {
		t.Errorf("queue %s", bodies(got))
	}
	if got := s.receive(raw); bodies(got) != "hello" || text(got[0], "kind") != "x" {
		t.Errorf("raw %+v", got)
	}
	if got := s.receive(dead); len(got) != 1 || !strings.Contains(*got[0].Body, `"Message":"hello"`) || text(got[0], "ErrorCode") != "403" && text(got[0], "ErrorCode") != "400" || text(got[0], "RequestID") == "" {
		t.Errorf("dead letters %+v; %v", got, s.SNS().Undelivered())
	}
	_, err := client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: aws.String(deadARN), Attributes: map[string]string{"RedrivePolicy": "{}"}})
	if codeOf(err) != "InvalidParameter" {
		t.Errorf("a bad redrive policy: %v", err)
	}
}

func TestPermissionsOfQueues(t *testing.T) {
	s, ctx := newStand(t, true), t.Context()
	q := s.queue("q")
	session := func(name, action string) *sqs.Client {
		t.Helper()
		role := s.role(name, "", action, "arn:aws:sqs"+prefix+"q")
		c := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(s.AWSConfig()).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("run")})).Credentials
		cfg := s.AWSConfig()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
		return sqs.NewFromConfig(cfg)
	}
	sender, nobody := session("sender", `"sqs:SendMessage"`), session("nobody", "")
	must[*sqs.SendMessageOutput](t)(sender.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x")}))
	_, err := sender.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q})
	const want = "User: arn:aws:sts::123456789012:assumed-role/sender/run is not authorized to perform: sqs:receivemessage on resource: arn:aws:sqs:eu-west-1:123456789012:q because no identity-based policy allows the sqs:receivemessage action"
	if codeOf(err) != "AccessDenied" || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	must[*sqs.AddPermissionOutput](t)(s.sqs.AddPermission(ctx, &sqs.AddPermissionInput{QueueUrl: q, Label: aws.String("all"), AWSAccountIds: []string{"123456789012"}, Actions: []string{"SendMessage"}}))
	if _, err := nobody.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x")}); codeOf(err) != "AccessDenied" {
		t.Errorf("the account's permission is no user's: %v", err)
	}
	must[*sqs.RemovePermissionOutput](t)(s.sqs.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: q, Label: aws.String("all")}))
	if got := s.attribute(q, "Policy"); got != "" {
		t.Errorf("policy %s", got)
	}
	must[*sqs.SetQueueAttributesOutput](t)(s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/nobody"},"Action":"sqs:SendMessage","Resource":"*"}}`}}))
	must[*sqs.SendMessageOutput](t)(nobody.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x")}))
}
