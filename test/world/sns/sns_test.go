package sns_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// topic is a topic of a new world with functions that note what they get.
type topic struct {
	*sns.Client
	t     *testing.T
	w     *world.World
	clock *clock.Virtual
	arn   *string
	got   map[string][]events.SNSEventRecord // by function
}

func newTopic(t *testing.T, functions ...string) *topic {
	t.Helper()
	f := &topic{t: t, clock: clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 123_000_000, time.UTC)), got: map[string][]events.SNSEventRecord{}}
	w, err := world.New(world.Options{Clock: f.clock, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, name := range functions {
		w.Lambda().Register(name, func(e events.SNSEvent) error {
			f.got[name] = append(f.got[name], e.Records...)
			return nil
		}, time.Minute)

	}
	f.w, f.Client = w, sns.NewFromConfig(w.AWSConfig())
	out, err := f.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}})
	if err != nil {
		t.Fatal(err)
	}
	f.arn = out.TopicArn
	return f
}

func functionARN(name string) *string {
	return aws.String("arn:aws:lambda:eu-west-1:123456789012:function:" + name)
}

func (f *topic) subscribe(function string, attributes map[string]string) *string {
	f.t.Helper()
	out, err := f.Subscribe(f.t.Context(), &sns.SubscribeInput{TopicArn: f.arn, Protocol: aws.String("lambda"), Endpoint: functionARN(function), Attributes: attributes})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.SubscriptionArn
}

func text(v string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
}

func (f *topic) publish(in sns.PublishInput) {
	f.t.Helper()
	in.TopicArn = f.arn
	if _, err := f.Publish(f.t.Context(), &in); err != nil {
		f.t.Fatal(err)
	}
	f.clock.Advance(time.Second)
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("error = %v, want %s: %s", err, code, message)
	}
}

func TestFunctionsGetMessagesAsEvents(t *testing.T) {
	f := newTopic(t, "watch")
	arn := f.subscribe("watch", nil)
	f.publish(sns.PublishInput{Message: aws.String("shop is green"), MessageAttributes: map[string]types.MessageAttributeValue{"kind": text("done")}})
	f.publish(sns.PublishInput{Message: aws.String(`{"default":"for all","lambda":"for functions"}`), MessageStructure: aws.String("json"), Subject: aws.String("two")})
	got := f.got["watch"]
	if len(got) != 2 || got[0].EventSubscriptionArn != *arn || got[0].SNS.Message != "shop is green" || got[0].SNS.Timestamp.Nanosecond() != 123_000_000 || got[0].SNS.Subject != "" {
		t.Fatalf("%+v", got)
	}
	if a, _ := json.Marshal(got[0].SNS.MessageAttributes); string(a) != `{"kind":{"Type":"String","Value":"done"}}` {
		t.Errorf("attributes %s", a)
	}
	if got[1].SNS.Message != "for functions" || got[1].SNS.Subject != "two" {
		t.Errorf("%+v", got[1])
	}
	if m := f.w.SNS().Messages("alerts"); m[1].Body != "for all" {
		t.Errorf("%+v", m)
	}
	var invoked []string
	for _, c := range f.w.Calls() {
		if c.Service == "lambda" {
			invoked = append(invoked, c.Operation)
		}
	}
	if strings.Join(invoked, " ") != "Invoke Invoke" {
		t.Errorf("the calls of Lambda: %q", invoked)
	}
}

func TestAFunctionThatIsNotThereGetsNothing(t *testing.T) {
	f := newTopic(t)
	f.subscribe("nobody", nil)
	f.publish(sns.PublishInput{Message: aws.String("x")})
	if u := f.w.SNS().Undelivered(); len(u) != 1 || !strings.Contains(u[0].Error(), "Function not found") {
		t.Errorf("%v", u)
	}
}

func TestFilterPolicies(t *testing.T) {
	for name, tc := range map[string]struct {
		policy, scope string
		attributes    map[string]types.MessageAttributeValue
		body          string
		want          bool
	}{
		"an equal attribute":       {`{"kind":["done","failed"]}`, "", map[string]types.MessageAttributeValue{"kind": text("failed")}, "x", true},
		"another value":            {`{"kind":["done"]}`, "", map[string]types.MessageAttributeValue{"kind": text("failed")}, "x", false},
		"no attribute":             {`{"kind":["done"]}`, "", nil, "x", false},
		"a number":                 {`{"n":[{"numeric":[">",3]}]}`, "", map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String("4.5")}}, "x", true},
		"one of an array":          {`{"zones":["b"]}`, "", map[string]types.MessageAttributeValue{"zones": {DataType: aws.String("String.Array"), StringValue: aws.String(`["a","b"]`)}}, "x", true},
		"anything but":             {`{"kind":[{"anything-but":["done"]}]}`, "", map[string]types.MessageAttributeValue{"kind": text("failed")}, "x", true},
		"a body":                   {`{"cluster":{"name":["shop"]}}`, "MessageBody", nil, `{"cluster":{"name":"shop"}}`, true},
		"another body":             {`{"cluster":{"name":["shop"]}}`, "MessageBody", nil, `{"cluster":{"name":"blue"}}`, false},
		"a body that is no object": {`{"cluster":["shop"]}`, "MessageBody", nil, `shop`, false},
		"an empty policy":          {`{}`, "", nil, "x", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTopic(t, "watch")
			attributes := map[string]string{"FilterPolicy": tc.policy}
			if tc.scope != "" {
				attributes["FilterPolicyScope"] = tc.scope
			}
			f.subscribe("watch", attributes)
			f.publish(sns.PublishInput{Message: &tc.body, MessageAttributes: tc.attributes})
			if got := len(f.got["watch"]) == 1; got != tc.want {
				t.Errorf("delivered = %v", got)
			}
		})
	}
}

func TestAttributesOfSubscriptions(t *testing.T) {
	f := newTopic(t, "watch")
	ctx, arn := t.Context(), f.subscribe("watch", nil)
	set := func(name, value string) error {
		_, err := f.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: arn, AttributeName: &name, AttributeValue: &value})
		return err
	}
	wantError(t, set("RawMessageDelivery", "true"), "InvalidParameter", "Delivery protocol [lambda] does not support raw message delivery.")
	wantError(t, set("Bogus", "true"), "InvalidParameter", "AttributeName")
	wantError(t, set("FilterPolicy", `{"kind"`), "InvalidParameter", "FilterPolicy: failed to parse JSON.")
	wantError(t, set("FilterPolicy", `{"a":{"b":["c"]}}`), "InvalidParameter", "does not support nested filter policy")
	wantError(t, set("FilterPolicyScope", "Body"), "InvalidParameter", "FilterPolicyScope: Invalid value [Body]")
	if err := set("FilterPolicy", `{"kind":["done"]}`); err != nil {
		t.Fatal(err)
	}
	out, err := f.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: arn})
	if err != nil || out.Attributes["FilterPolicy"] != `{"kind":["done"]}` || out.Attributes["FilterPolicyScope"] != "MessageAttributes" || out.Attributes["PendingConfirmation"] != "false" {
		t.Errorf("%v, %v", out, err)
	}
	_, err = f.Subscribe(ctx, &sns.SubscribeInput{TopicArn: f.arn, Protocol: aws.String("lambda"), Endpoint: functionARN("watch"), Attributes: map[string]string{"FilterPolicy": `{"kind":["other"]}`}})
	wantError(t, err, "InvalidParameter", "Subscription already exists with different attributes")
	for endpoint, protocol := range map[string]string{"ops": "email", "http://x": "https", "watch": "lambda"} {
		if _, err := f.Subscribe(ctx, &sns.SubscribeInput{TopicArn: f.arn, Protocol: &protocol, Endpoint: &endpoint}); err == nil {
			t.Errorf("%s was taken for an endpoint of %s", endpoint, protocol)
		}
	}
	mail, err := f.Subscribe(ctx, &sns.SubscribeInput{TopicArn: f.arn, Protocol: aws.String("email"), Endpoint: aws.String("ops@example.com"), ReturnSubscriptionArn: true})
	if err != nil || !strings.HasPrefix(*mail.SubscriptionArn, *f.arn+":") {
		t.Errorf("%v, %v", mail, err)
	}
	if err := set("FilterPolicy", ""); err != nil {
		t.Fatal(err)
	}
	f.publish(sns.PublishInput{Message: aws.String("x")})
	if len(f.got["watch"]) != 1 {
		t.Error("a filter that is gone still filters")
	}
	_, err = f.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: aws.String("PendingConfirmation")})
	wantError(t, err, "InvalidParameter", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
}

func TestAttributesAndTagsOfTopics(t *testing.T) {
	f := newTopic(t)
	ctx := t.Context()
	set := func(name, value string) error {
		_, err := f.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: f.arn, AttributeName: &name, AttributeValue: &value})
		return err
	}
	if err := set("DisplayName", "Alerts"); err != nil {
		t.Fatal(err)
	}
	wantError(t, set("Owner", "me"), "InvalidParameter", "AttributeName")
	wantError(t, set("Policy", "{"), "InvalidParameter", "Policy Error")
	out, err := f.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: f.arn})
	if err != nil || out.Attributes["DisplayName"] != "Alerts" || !strings.Contains(out.Attributes["Policy"], `"AWS:SourceOwner":"123456789012"`) || out.Attributes["EffectiveDeliveryPolicy"] == "" {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := f.TagResource(ctx, &sns.TagResourceInput{ResourceArn: f.arn, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("x")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: f.arn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := f.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: f.arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "env" {
		t.Errorf("%v, %v", tags, err)
	}
	_, err = f.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: aws.String(*f.arn + "x")})
	wantError(t, err, "ResourceNotFound", "Resource does not exist")
	_, err = f.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("orders.fifo"), Attributes: map[string]string{"FifoTopic": "true"}})
	wantError(t, err, "InvalidParameter", "standard topics only")
}

func TestBatches(t *testing.T) {
	f := newTopic(t)
	entry := func(id, message string) types.PublishBatchRequestEntry {
		return types.PublishBatchRequestEntry{Id: &id, Message: &message}
	}
	batch := func(entries ...types.PublishBatchRequestEntry) (*sns.PublishBatchOutput, error) {
		return f.PublishBatch(t.Context(), &sns.PublishBatchInput{TopicArn: f.arn, PublishBatchRequestEntries: entries})
	}
	bad := entry("2", "x")
	bad.MessageAttributes = map[string]types.MessageAttributeValue{"a": {DataType: aws.String("Text"), StringValue: aws.String("x")}}
	out, err := batch(entry("1", "one"), bad)
	if err != nil || len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Id != "2" || !out.Failed[0].SenderFault {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = batch(entry("1", "one"), entry("1", "two"))
	wantError(t, err, "BatchEntryIdsNotDistinct", "")
	_, err = batch(entry("a b", "one"))
	wantError(t, err, "InvalidBatchEntryId", "")
	_, err = batch([]types.PublishBatchRequestEntry{}...)
	wantError(t, err, "EmptyBatchRequest", "")
	if m := f.w.SNS().Messages("alerts"); len(m) != 1 || m[0].Body != "one" {
		t.Errorf("%+v", m)
	}
}
