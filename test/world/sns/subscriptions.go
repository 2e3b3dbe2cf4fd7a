package sns

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// pendingConfirmation stands for the ARN of a subscription that its endpoint
// has not confirmed; in the simulated AWS people never do.
const pendingConfirmation = "PendingConfirmation"

var protocols = []string{"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"}

// Subscribe implements the API operation.
func (s *Service) Subscribe(_ *wire.Call, in *awssns.SubscribeInput) (*awssns.SubscribeOutput, error) {
	protocol, endpoint := aws.ToString(in.Protocol), aws.ToString(in.Endpoint)
	if !slices.Contains(protocols, protocol) {
		return nil, invalid("Does not support this protocol string: %s", protocol)
	}
	if endpoint == "" {
		return nil, invalid("Endpoint")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	for _, sub := range s.subscriptions {
		if *sub.TopicArn == t.arn && *sub.Protocol == protocol && *sub.Endpoint == endpoint {
			return &awssns.SubscribeOutput{SubscriptionArn: sub.SubscriptionArn}, nil
		}
	}
	s.count++
	arn := fmt.Sprintf("%s:%08x-3c5e-4a7b-9d1f-%012x", t.arn, s.count, s.count)
	if slices.Contains([]string{"http", "https", "email", "email-json"}, protocol) {
		arn = pendingConfirmation
	}
	s.subscriptions = append(s.subscriptions, types.Subscription{TopicArn: &t.arn, Protocol: &protocol, Endpoint: &endpoint, Owner: &s.account, SubscriptionArn: &arn})
	answer := arn
	if arn == pendingConfirmation {
		answer = "pending confirmation"
	}
	return &awssns.SubscribeOutput{SubscriptionArn: &answer}, nil
}

// Unsubscribe implements the API operation.
func (s *Service) Unsubscribe(_ *wire.Call, in *awssns.UnsubscribeInput) (*awssns.UnsubscribeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(sub types.Subscription) bool { return *sub.SubscriptionArn == aws.ToString(in.SubscriptionArn) })
	return &awssns.UnsubscribeOutput{}, nil
}

// ListSubscriptions implements the API operation.
func (s *Service) ListSubscriptions(_ *wire.Call, in *awssns.ListSubscriptionsInput) (*awssns.ListSubscriptionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := paged(slices.Clone(s.subscriptions), in.NextToken)
	return &awssns.ListSubscriptionsOutput{Subscriptions: page, NextToken: next}, err
}

// ListSubscriptionsByTopic implements the API operation.
func (s *Service) ListSubscriptionsByTopic(_ *wire.Call, in *awssns.ListSubscriptionsByTopicInput) (*awssns.ListSubscriptionsByTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(s.subscriptions), func(sub types.Subscription) bool { return *sub.TopicArn != t.arn })
	page, next, err := paged(all, in.NextToken)
	return &awssns.ListSubscriptionsByTopicOutput{Subscriptions: page, NextToken: next}, err
}

// deliver invokes a function with a message, as the SNS event of Lambda.
func (s *Service) deliver(function string, m Message) {
	attributes := map[string]any{}
	for name, a := range m.Attributes {
		attributes[name] = map[string]any{"Type": aws.ToString(a.DataType), "Value": aws.ToString(a.StringValue)}
	}
	event := map[string]any{"Records": []any{map[string]any{
		"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": m.TopicArn,
		"Sns": map[string]any{"Type": "Notification", "MessageId": m.ID, "TopicArn": m.TopicArn, "Subject": m.Subject, "Message": m.Body,
			"Timestamp": m.Time.Format(time.RFC3339Nano), "MessageAttributes": attributes},
	}}}
	payload, err := json.Marshal(event)
	if err == nil {
		err = s.functions.Invoke(function, payload, func(r lambda.Result) {
			if r.FunctionError != "" {
				s.failed(fmt.Errorf("sns: %s failed on message %s: %s", function, m.ID, r.Payload))
			}
		})
	}
	if err != nil {
		s.failed(fmt.Errorf("sns: message %s to %s: %w", m.ID, function, err))
	}
}

func (s *Service) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undelivered = append(s.undelivered, err)
}
