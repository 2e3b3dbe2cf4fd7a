package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

var start = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

// stand is a world with the client of SQS.
type stand struct {
	*world.World
	t   *testing.T
	clk *clock.Virtual
	sqs *sqs.Client
}

func newStand(t *testing.T, iam bool) *stand {
	t.Helper()
	clk := clock.NewVirtual(start)
	w, err := world.New(world.Options{Clock: clk, IAM: iam, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &stand{w, t, clk, sqs.NewFromConfig(w.AWSConfig())}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// queue makes a queue and returns its address; attributes are name, value pairs.
func (s *stand) queue(name string, attributes ...string) *string {
	s.t.Helper()
	set := map[string]string{}
	for i := 0; i < len(attributes); i += 2 {
		set[attributes[i]] = attributes[i+1]
	}
	if strings.HasSuffix(name, ".fifo") {
		set["FifoQueue"] = "true"
	}
	return must[*sqs.CreateQueueOutput](s.t)(s.sqs.CreateQueue(s.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: set})).QueueUrl
}

func (s *stand) send(q *string, body string) string {
	s.t.Helper()
	return *must[*sqs.SendMessageOutput](s.t)(s.sqs.SendMessage(s.t.Context(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: &body})).MessageId
}

func (s *stand) receive(q *string) []types.Message {
	s.t.Helper()
	return must[*sqs.ReceiveMessageOutput](s.t)(s.sqs.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})).Messages
}

func bodies(messages []types.Message) string {
	var out []string
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	return strings.Join(out, " ")
}

func (s *stand) attribute(q *string, name types.QueueAttributeName) string {
	s.t.Helper()
	return must[*sqs.GetQueueAttributesOutput](s.t)(s.sqs.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"All"}})).Attributes[string(name)]
}

func TestQueues(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q := s.queue("letters", "VisibilityTimeout", "60")
	if *q != "https://sqs.eu-west-1.amazonaws.com/123456789012/letters" {
		t.Errorf("address %s", *q)
	}
	if again := s.queue("letters", "VisibilityTimeout", "60"); *again != *q {
		t.Errorf("again %s", *again)
	}
	_, err := s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("letters"), Attributes: map[string]string{"VisibilityTimeout": "61"}})
	if _, ok := errors.AsType[*types.QueueNameExists](err); !ok || codeOf(err) != "QueueAlreadyExists" {
		t.Errorf("other attributes: %v", err)
	}
	all := must[*sqs.GetQueueAttributesOutput](t)(s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []types.QueueAttributeName{"All"}})).Attributes
	for name, want := range map[string]string{"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:letters", "VisibilityTimeout": "60", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
		"MessageRetentionPeriod": "345600", "SqsManagedSseEnabled": "true", "CreatedTimestamp": "1793611800", "ApproximateNumberOfMessages": "0"} {
		if all[name] != want {
			t.Errorf("%s = %s", name, all[name])
		}
	}
	if _, has := all["FifoQueue"]; has {
		t.Error("a standard queue has FifoQueue")
	}
	s.queue("other")
	if got := must[*sqs.ListQueuesOutput](t)(s.sqs.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("let")})); len(got.QueueUrls) != 1 || got.QueueUrls[0] != *q {
		t.Errorf("list %v", got.QueueUrls)
	}
	must[*sqs.TagQueueOutput](t)(s.sqs.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: q, Tags: map[string]string{"a": "1", "b": "2"}}))
	must[*sqs.UntagQueueOutput](t)(s.sqs.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: q, TagKeys: []string{"a"}}))
	if got := must[*sqs.ListQueueTagsOutput](t)(s.sqs.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: q})).Tags; len(got) != 1 || got["b"] != "2" {
		t.Errorf("tags %v", got)
	}
	s.send(q, "x")
	must[*sqs.PurgeQueueOutput](t)(s.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: q}))
	if got := s.receive(q); len(got) != 0 {
		t.Errorf("after a purge: %s", bodies(got))
	}
	if _, err := s.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: q}); codeOf(err) != "AWS.SimpleQueueService.PurgeQueueInProgress" {
		t.Errorf("a second purge: %v", err)
	}
	must[*sqs.DeleteQueueOutput](t)(s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q}))
	if _, err := s.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("letters")}); codeOf(err) != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("a deleted queue: %v", err)
	}
	if _, err := s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("letters")}); codeOf(err) != "AWS.SimpleQueueService.QueueDeletedRecently" {
		t.Errorf("at once again: %v", err)
	}
	s.clk.Advance(time.Minute)
	s.queue("letters")
}

func TestRefusedAttributes(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q, fifo := s.queue("q"), s.queue("f.fifo")
	s.queue("denies", "RedriveAllowPolicy", `{"redrivePermission":"denyAll"}`)
	dead := func(name, n string) string {
		return fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:%s","maxReceiveCount":%s}`, name, n)
	}
	for _, tc := range []struct {
		queue             *string
		name, value, code string
	}{
		{q, "VisibilityTimeout", "43201", "InvalidAttributeValue"}, {q, "VisibilityTimeout", "x", "InvalidAttributeValue"}, {q, "Unknown", "1", "InvalidAttributeName"},
		{q, "DelaySeconds", "901", "InvalidAttributeValue"}, {q, "MaximumMessageSize", "1023", "InvalidAttributeValue"}, {q, "Policy", "{", "InvalidAttributeValue"},
		{q, "FifoQueue", "true", "InvalidAttributeValue"}, {q, "ContentBasedDeduplication", "true", "InvalidAttributeName"},
		{fifo, "FifoThroughputLimit", "perMessageGroupId", "InvalidParameterCombinationException"},
		{q, "RedrivePolicy", dead("none", "3"), "InvalidParameterValueException"}, {q, "RedrivePolicy", dead("f.fifo", "3"), "InvalidParameterValueException"},
		{q, "RedrivePolicy", dead("q", "0"), "InvalidParameterValueException"}, {q, "RedrivePolicy", dead("denies", "3"), "InvalidParameterValueException"},
		{q, "RedrivePolicy", `{"maxReceiveCount":3}`, "InvalidParameterValueException"}, {q, "RedrivePolicy", dead("q", `"5"`), ""},
	} {
		_, err := s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: tc.queue, Attributes: map[string]string{tc.name: tc.value}})
		if codeOf(err) != tc.code {
			t.Errorf("%s = %s: %v", tc.name, tc.value, err)
		}
	}
}

func TestMessages(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q := s.queue("q")
	id := must[*sqs.SendMessageOutput](t)(s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("ä <b>"), MessageAttributes: map[string]types.MessageAttributeValue{
		"kind": {DataType: aws.String("String"), StringValue: aws.String("x")}, "n": {DataType: aws.String("Number.int"), StringValue: aws.String("7")},
		"raw": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}}},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")}}})).MessageId
	s.clk.Advance(time.Second)
	got := s.receive(q) // the SDK verifies the digests
	if len(got) != 1 || *got[0].Body != "ä <b>" || *got[0].MessageId != *id || *got[0].MessageAttributes["n"].StringValue != "7" || !slices.Equal(got[0].MessageAttributes["raw"].BinaryValue, []byte{0, 255}) {
		t.Fatalf("got %+v", got)
	}
	if a := got[0].Attributes; a["ApproximateReceiveCount"] != "1" || a["SentTimestamp"] != "1793611800000" || a["ApproximateFirstReceiveTimestamp"] != "1793611801000" || a["AWSTraceHeader"] != "Root=1" || a["SenderId"] == "" {
		t.Errorf("attributes %v", a)
	}
	if again := s.receive(q); len(again) != 0 {
		t.Errorf("received twice: %s", bodies(again))
	}
	if n := s.attribute(q, "ApproximateNumberOfMessagesNotVisible"); n != "1" {
		t.Errorf("in flight: %s", n)
	}
	s.clk.Advance(30 * time.Second)
	second := s.receive(q)
	if len(second) != 1 || second[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("after the visibility timeout: %+v", second)
	}
	must[*sqs.DeleteMessageOutput](t)(s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: got[0].ReceiptHandle}))
	if n := s.attribute(q, "ApproximateNumberOfMessagesNotVisible"); n != "1" {
		t.Error("an old receipt deletes the message")
	}
	must[*sqs.ChangeMessageVisibilityOutput](t)(s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: q, ReceiptHandle: second[0].ReceiptHandle, VisibilityTimeout: 0}))
	third := s.receive(q)
	if len(third) != 1 {
		t.Fatal("a message that was made visible is not")
	}
	for range 2 {
		must[*sqs.DeleteMessageOutput](t)(s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: third[0].ReceiptHandle}))
	}
	_, err := s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: q, ReceiptHandle: third[0].ReceiptHandle, VisibilityTimeout: 5})
	if codeOf(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), "Message does not exist or is not available for visibility timeout change") {
		t.Errorf("a deleted message: %v", err)
	}
	if _, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: aws.String("x")}); codeOf(err) != "ReceiptHandleIsInvalid" {
		t.Errorf("a bad receipt: %v", err)
	}
	must[*sqs.SendMessageOutput](t)(s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("later"), DelaySeconds: 10}))
	if got := s.receive(q); len(got) != 0 || s.attribute(q, "ApproximateNumberOfMessagesDelayed") != "1" {
		t.Errorf("a delayed message came: %s", bodies(got))
	}
	s.clk.Advance(10 * time.Second)
	if got := s.receive(q); bodies(got) != "later" {
		t.Errorf("after the delay: %s", bodies(got))
	}
	s.clk.Advance(4*24*time.Hour + time.Second)
	if got := s.receive(q); len(got) != 0 {
		t.Errorf("kept too long: %s", bodies(got))
	}
}

func TestRefusedMessages(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q, fifo := s.queue("q", "MaximumMessageSize", "1024"), s.queue("f.fifo")
	text := func(v string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	for name, tc := range map[string]struct {
		in   sqs.SendMessageInput
		code string
	}{
		"no body":             {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("")}, "MissingRequiredParameterException"},
		"too long":            {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String(strings.Repeat("x", 1025))}, "InvalidParameterValueException"},
		"control character":   {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("\x01")}, "InvalidMessageContents"},
		"delay":               {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x"), DelaySeconds: 901}, "InvalidParameterValueException"},
		"deduplication":       {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x"), MessageDeduplicationId: aws.String("x")}, "InvalidParameterValueException"},
		"reserved name":       {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"AWS.x": text("x")}}, "InvalidParameterValueException"},
		"empty attribute":     {sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{"a": text("")}}, "InvalidParameterValueException"},
		"no group":            {sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("x")}, "MissingRequiredParameterException"},
		"no deduplication id": {sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("x"), MessageGroupId: aws.String("g")}, "InvalidParameterValueException"},
		"no queue":            {sqs.SendMessageInput{QueueUrl: aws.String("https://sqs.eu-west-1.amazonaws.com/123456789012/none"), MessageBody: aws.String("x")}, "AWS.SimpleQueueService.NonExistentQueue"},
	} {
		_, err := s.sqs.SendMessage(ctx, &tc.in)
		if codeOf(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsAreThoseOfTheQueryProtocolToo(t *testing.T) {
	s := newStand(t, false)
	_, err := s.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("none")})
	missing, isModelled := errors.AsType[*types.QueueDoesNotExist](err)
	res, isResponse := errors.AsType[*smithyhttp.ResponseError](err)
	if !isModelled || !isResponse || missing.ErrorCode() != "AWS.SimpleQueueService.NonExistentQueue" || res.Response.Header.Get("x-amzn-query-error") != "AWS.SimpleQueueService.NonExistentQueue;Sender" ||
		res.Response.StatusCode != http.StatusBadRequest {
		t.Errorf("%v", err)
	}
}

func TestBatches(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q := s.queue("q")
	out := must[*sqs.SendMessageBatchOutput](t)(s.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String("one")}, {Id: aws.String("b"), MessageBody: aws.String("two")}, {Id: aws.String("c"), MessageBody: aws.String("\x02")}}}))
	if len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "c" || !out.Failed[0].SenderFault {
		t.Errorf("%+v", out)
	}
	got := s.receive(q)
	if bodies(got) != "one two" {
		t.Fatalf("got %s", bodies(got))
	}
	must[*sqs.ChangeMessageVisibilityBatchOutput](t)(s.sqs.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: q, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 100}}}))
	deleted := must[*sqs.DeleteMessageBatchOutput](t)(s.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: q, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: aws.String("x")}, {Id: aws.String("b"), ReceiptHandle: got[1].ReceiptHandle}}}))
	if len(deleted.Successful) != 1 || len(deleted.Failed) != 1 {
		t.Errorf("%+v", deleted)
	}
	for name, entries := range map[string][]types.SendMessageBatchRequestEntry{
		"AWS.SimpleQueueService.BatchEntryIdsNotDistinct": {{Id: aws.String("a"), MessageBody: aws.String("x")}, {Id: aws.String("a"), MessageBody: aws.String("x")}},
		"AWS.SimpleQueueService.InvalidBatchEntryId":      {{Id: aws.String("a b"), MessageBody: aws.String("x")}},
		"AWS.SimpleQueueService.EmptyBatchRequest":        {},
	} {
		if _, err := s.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q, Entries: entries}); codeOf(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongPolling(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q := s.queue("q")
	type result struct {
		out *sqs.ReceiveMessageOutput
		err error
	}
	wait := func() chan result {
		ended := make(chan result, 1)
		go func() {
			out, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, WaitTimeSeconds: 20})
			ended <- result{out, err}
		}()
		for s.SQS().Waiting("q") == 0 {
			select {
			case r := <-ended:
				t.Fatalf("did not wait: %+v", r)
			default:
			}
		}
		return ended
	}
	ended := wait()
	s.send(q, "now")
	if r := <-ended; r.err != nil || bodies(r.out.Messages) != "now" {
		t.Errorf("a message that comes: %+v", r)
	}
	ended = wait()
	s.clk.Advance(20 * time.Second)
	if r := <-ended; r.err != nil || len(r.out.Messages) != 0 {
		t.Errorf("none in 20 seconds: %+v", r)
	}
	ended = wait()
	s.clk.Advance(10 * time.Second) // the first message is visible again
	if r := <-ended; r.err != nil || bodies(r.out.Messages) != "now" {
		t.Errorf("a message that becomes visible: %+v", r)
	}
	ended = wait()
	must[*sqs.DeleteQueueOutput](t)(s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q}))
	if r := <-ended; codeOf(r.err) != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("the queue is deleted: %+v", r)
	}
}

func TestFIFO(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	q := s.queue("f.fifo", "ContentBasedDeduplication", "true")
	send := func(group, body string) *sqs.SendMessageOutput {
		t.Helper()
		return must[*sqs.SendMessageOutput](t)(s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: &body, MessageGroupId: &group}))
	}
	first := send("a", "a1")
	if again := send("a", "a1"); *again.MessageId != *first.MessageId || *again.SequenceNumber != *first.SequenceNumber {
		t.Error("a duplicate is another message")
	}
	if second := send("a", "a2"); *second.SequenceNumber <= *first.SequenceNumber {
		t.Error("sequence numbers do not grow")
	}
	send("b", "b1")
	one := must[*sqs.ReceiveMessageOutput](t)(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, ReceiveRequestAttemptId: aws.String("try")}))
	same := must[*sqs.ReceiveMessageOutput](t)(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, ReceiveRequestAttemptId: aws.String("try")}))
	if bodies(one.Messages) != "a1" || *same.Messages[0].ReceiptHandle != *one.Messages[0].ReceiptHandle {
		t.Errorf("an attempt and its repetition: %s, %s", bodies(one.Messages), bodies(same.Messages))
	}
	if got := bodies(s.receive(q)); got != "b1" {
		t.Errorf("while a1 is in flight: %s", got)
	}
	must[*sqs.DeleteMessageOutput](t)(s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: one.Messages[0].ReceiptHandle}))
	got := s.receive(q)
	if bodies(got) != "a2" || got[0].Attributes["MessageGroupId"] != "a" {
		t.Fatalf("after a1: %+v", got)
	}
	s.clk.Advance(time.Minute)
	_, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: got[0].ReceiptHandle})
	if codeOf(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired receipt: %v", err)
	}
	s.clk.Advance(4 * time.Minute)
	if again := send("a", "a1"); *again.MessageId == *first.MessageId {
		t.Error("a duplicate is known for longer than five minutes")
	}
}

func TestDeadLetterQueues(t *testing.T) {
	s, ctx := newStand(t, false), t.Context()
	dead := s.queue("dead")
	q := s.queue("q", "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:dead","maxReceiveCount":2}`)
	id := s.send(q, "poison")
	for range 2 {
		if got := s.receive(q); bodies(got) != "poison" {
			t.Fatalf("got %s", bodies(got))
		}
		s.clk.Advance(30 * time.Second)
	}
	if got := s.receive(q); len(got) != 0 {
		t.Errorf("received a third time: %s", bodies(got))
	}
	got := s.receive(dead)
	if bodies(got) != "poison" || *got[0].MessageId != id || got[0].Attributes["DeadLetterQueueSourceArn"] != "arn:aws:sqs:eu-west-1:123456789012:q" || got[0].Attributes["SentTimestamp"] != "1793611800000" {
		t.Fatalf("dead letter %+v", got)
	}
	if list := must[*sqs.ListDeadLetterSourceQueuesOutput](t)(s.sqs.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})); len(list.QueueUrls) != 1 || list.QueueUrls[0] != *q {
		t.Errorf("sources %v", list.QueueUrls)
	}
	s.clk.Advance(30 * time.Second)
	must[*sqs.StartMessageMoveTaskOutput](t)(s.sqs.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn:aws:sqs:eu-west-1:123456789012:dead")}))
	if got := s.receive(q); bodies(got) != "poison" || got[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("after the redrive: %+v", got)
	}
	tasks := must[*sqs.ListMessageMoveTasksOutput](t)(s.sqs.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String("arn:aws:sqs:eu-west-1:123456789012:dead")}))
	if len(tasks.Results) != 1 || *tasks.Results[0].Status != "COMPLETED" || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("tasks %+v", tasks.Results)
	}
}
