package sns

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// pendingConfirmation stands for the ARN of a subscription that its endpoint
// has not confirmed; in the simulated AWS people never do.
const pendingConfirmation = "PendingConfirmation"

// maxFilters is the quota of filter policies of a topic.
const maxFilters = 200

var protocols = []string{"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"}

// subscription is one endpoint of a topic.
type subscription struct {
	arn, topic, protocol, endpoint string
	pending                        bool
	attributes                     map[string]string
	filter                         *filter // nil: every message
}

func (sub *subscription) listed(account string) types.Subscription {
	arn := sub.arn
	if sub.pending {
		arn = pendingConfirmation
	}
	return types.Subscription{TopicArn: aws.String(sub.topic), Protocol: aws.String(sub.protocol), Endpoint: aws.String(sub.endpoint), Owner: aws.String(account), SubscriptionArn: &arn}
}

// checkEndpoint checks that an endpoint is one of its protocol.
func checkEndpoint(protocol, endpoint string) error {
	if !slices.Contains(protocols, protocol) {
		return invalid("Does not support this protocol string: %s", protocol)
	}
	isARN := func(service string) bool {
		return strings.HasPrefix(endpoint, "arn:aws:"+service+":") && strings.Count(endpoint, ":") >= 5
	}
	switch protocol {
	case "http", "https":
		if !strings.HasPrefix(endpoint, protocol+"://") {
			return invalid("Endpoint must match the specified protocol")
		}
	case "email", "email-json":
		if !strings.Contains(endpoint, "@") {
			return invalid("Email address")
		}
	case "lambda":
		if !isARN("lambda") {
			return invalid("Lambda endpoint ARN")
		}
	case "sqs":
		if !isARN("sqs") {
			return invalid("SQS endpoint ARN")
		}
	case "firehose":
		if !isARN("firehose") {
			return invalid("Firehose endpoint ARN")
		}
	default:
		if endpoint == "" {
			return invalid("Endpoint")
		}
	}
	return nil
}

// set sets an attribute of a subscription; an empty value takes it away.
func (sub *subscription) set(name, value string) error {
	changed := maps.Clone(sub.attributes)
	changed[name] = value
	if value == "" {
		delete(changed, name)
	}
	switch name {
	case "FilterPolicy", "FilterPolicyScope":
		f, err := parseFilter(changed["FilterPolicy"], changed["FilterPolicyScope"])
		if err != nil {
			return err
		}
		sub.filter = f
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return invalid("RawMessageDelivery Reason: The value must be true or false")
		}
		if value == "true" && !slices.Contains([]string{"sqs", "http", "https", "firehose"}, sub.protocol) {
			return invalid("Delivery protocol [%s] does not support raw message delivery.", sub.protocol)
		}
	case "DeliveryPolicy", "SubscriptionRoleArn":
	case "RedrivePolicy":
		if _, err := deadLetters(value); err != nil {
			return err
		}
	default:
		return invalid("AttributeName")
	}
	sub.attributes = changed
	return nil
}

// Subscribe implements the API operation.
func (s *Service) Subscribe(_ *wire.Call, in *awssns.SubscribeInput) (*awssns.SubscribeOutput, error) {
	protocol, endpoint := aws.ToString(in.Protocol), aws.ToString(in.Endpoint)
	if err := checkEndpoint(protocol, endpoint); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	sub := &subscription{topic: t.arn, protocol: protocol, endpoint: endpoint, attributes: map[string]string{}}
	names := slices.Sorted(maps.Keys(in.Attributes))
	slices.Reverse(names) // a filter's scope says how to read the filter
	for _, name := range names {
		if err := sub.set(name, in.Attributes[name]); err != nil {
			return nil, err
		}
	}
	answer := func(sub *subscription) (*awssns.SubscribeOutput, error) {
		arn := sub.arn
		if sub.pending && !in.ReturnSubscriptionArn {
			arn = "pending confirmation"
		}
		return &awssns.SubscribeOutput{SubscriptionArn: &arn}, nil
	}
	for _, old := range s.subscriptions {
		if old.topic == t.arn && old.protocol == protocol && old.endpoint == endpoint {
			if len(in.Attributes) > 0 && !maps.Equal(old.attributes, sub.attributes) {
				return nil, invalid("Attributes Reason: Subscription already exists with different attributes")
			}
			return answer(old)
		}
	}
	if err := s.roomForFilter(sub); err != nil {
		return nil, err
	}
	s.count++
	sub.arn = fmt.Sprintf("%s:%08x-3c5e-4a7b-9d1f-%012x", t.arn, s.count, s.count)
	sub.pending = slices.Contains([]string{"http", "https", "email", "email-json"}, protocol)
	s.subscriptions = append(s.subscriptions, sub)
	return answer(sub)
}

func (s *Service) roomForFilter(sub *subscription) error {
	n := 0
	for _, other := range s.subscriptions {
		if other != sub && other.topic == sub.topic && other.filter != nil {
			n++
		}
	}
	if sub.filter != nil && n >= maxFilters {
		return &types.FilterPolicyLimitExceededException{Message: aws.String("Number of filter policies exceeds the limit")}
	}
	return nil
}

// subscription finds a subscription; s.mu is held.
func (s *Service) subscription(arn *string) (*subscription, error) {
	a := aws.ToString(arn)
	if err := checkARN("SubscriptionArn", a); err != nil {
		return nil, err
	}
	for _, sub := range s.subscriptions {
		if sub.arn == a {
			return sub, nil
		}
	}
	return nil, &types.NotFoundException{Message: aws.String("Subscription does not exist")}
}

// Unsubscribe implements the API operation; it is idempotent.
func (s *Service) Unsubscribe(_ *wire.Call, in *awssns.UnsubscribeInput) (*awssns.UnsubscribeOutput, error) {
	arn := aws.ToString(in.SubscriptionArn)
	if err := checkARN("SubscriptionArn", arn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(sub *subscription) bool { return sub.arn == arn })
	return &awssns.UnsubscribeOutput{}, nil
}

// GetSubscriptionAttributes implements the API operation.
func (s *Service) GetSubscriptionAttributes(_ *wire.Call, in *awssns.GetSubscriptionAttributesInput) (*awssns.GetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"SubscriptionArn": sub.arn, "TopicArn": sub.topic, "Protocol": sub.protocol, "Endpoint": sub.endpoint, "Owner": s.account,
		"PendingConfirmation": fmt.Sprint(sub.pending), "ConfirmationWasAuthenticated": fmt.Sprint(!sub.pending), "RawMessageDelivery": "false",
		"SubscriptionPrincipal": "arn:aws:iam::" + s.account + ":root"}
	if sub.filter != nil {
		out["FilterPolicyScope"] = scopeAttributes
	}
	maps.Copy(out, sub.attributes)
	return &awssns.GetSubscriptionAttributesOutput{Attributes: out}, nil
}

// SetSubscriptionAttributes implements the API operation. AWS takes up to 15
// minutes for a changed filter; here it holds at once.
func (s *Service) SetSubscriptionAttributes(_ *wire.Call, in *awssns.SetSubscriptionAttributesInput) (*awssns.SetSubscriptionAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.subscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	changed := *sub
	if err := changed.set(aws.ToString(in.AttributeName), aws.ToString(in.AttributeValue)); err != nil {
		return nil, err
	}
	if sub.filter == nil {
		if err := s.roomForFilter(&changed); err != nil {
			return nil, err
		}
	}
	*sub = changed
	return &awssns.SetSubscriptionAttributesOutput{}, nil
}

func (s *Service) listed(topic string) []types.Subscription {
	all := []types.Subscription{}
	for _, sub := range s.subscriptions {
		if topic == "" || sub.topic == topic {
			all = append(all, sub.listed(s.account))
		}
	}
	return all
}

// ListSubscriptions implements the API operation.
func (s *Service) ListSubscriptions(_ *wire.Call, in *awssns.ListSubscriptionsInput) (*awssns.ListSubscriptionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := paged(s.listed(""), in.NextToken)
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
	page, next, err := paged(s.listed(t.arn), in.NextToken)
	return &awssns.ListSubscriptionsByTopicOutput{Subscriptions: page, NextToken: next}, err
}
