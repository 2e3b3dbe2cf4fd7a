// Package sns simulates Amazon SNS: standard topics, their subscriptions and
// the messages that were published.
package sns

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of Amazon SNS.
const (
	maxMessage = 256 << 10
	maxSubject = 100
	pageSize   = 100
)

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// Functions invokes Lambda functions that subscribed to a topic.
type Functions interface {
	Invoke(ref string, payload json.RawMessage, done func(lambda.Result)) error
}

// Message is a published message.
type Message struct {
	ID, TopicArn, Subject, Body string
	Attributes                  map[string]types.MessageAttributeValue
	Time                        time.Time
}

type topic struct {
	arn        string
	attributes map[string]string
}

// Service is Amazon SNS.
type Service struct {
	clock           clock.Clock
	account, region string
	functions       Functions

	mu            sync.Mutex
	topics        map[string]*topic
	subscriptions []types.Subscription
	messages      []Message
	undelivered   []error
	count         int
}

// New returns SNS without topics.
func New(c clock.Clock, account, region string, functions Functions) *Service {
	return &Service{clock: c, account: account, region: region, functions: functions, topics: map[string]*topic{}}
}

// Messages returns what was published to a topic, given by name or ARN, in
// order; "" means all topics.
func (s *Service) Messages(topic string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.messages {
		if topic == "" || m.TopicArn == topic || strings.HasSuffix(m.TopicArn, ":"+topic) {
			out = append(out, m)
		}
	}
	return out
}

// Undelivered returns why deliveries to Lambda functions failed.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.undelivered...)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter: " + fmt.Sprintf(format, args...))}
}

func (s *Service) topic(arn *string) (*topic, error) {
	a := aws.ToString(arn)
	if !strings.HasPrefix(a, "arn:aws:sns:") || strings.Count(a, ":") != 5 {
		return nil, invalid("TopicArn Reason: An ARN must have at least 6 elements, not %d", strings.Count(a, ":")+1)
	}
	t, ok := s.topics[a]
	if !ok {
		return nil, &types.NotFoundException{Message: aws.String("Topic does not exist")}
	}
	return t, nil
}

// CreateTopic implements the API operation; it is idempotent.
func (s *Service) CreateTopic(_ *wire.Call, in *awssns.CreateTopicInput) (*awssns.CreateTopicOutput, error) {
	name := aws.ToString(in.Name)
	if strings.HasSuffix(name, ".fifo") || in.Attributes["FifoTopic"] == "true" {
		return nil, invalid("FifoTopic: the simulated AWS has standard topics only")
	}
	if !topicName.MatchString(name) {
		return nil, invalid("Topic Name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := fmt.Sprintf("arn:aws:sns:%s:%s:%s", s.region, s.account, name)
	if old, ok := s.topics[arn]; ok {
		for k, v := range in.Attributes {
			if old.attributes[k] != v {
				return nil, invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		return &awssns.CreateTopicOutput{TopicArn: &arn}, nil
	}
	t := &topic{arn: arn, attributes: map[string]string{}}
	for k, v := range in.Attributes {
		t.attributes[k] = v
	}
	s.topics[arn] = t
	return &awssns.CreateTopicOutput{TopicArn: &arn}, nil
}

// DeleteTopic implements the API operation; it is idempotent.
func (s *Service) DeleteTopic(_ *wire.Call, in *awssns.DeleteTopicInput) (*awssns.DeleteTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := aws.ToString(in.TopicArn)
	delete(s.topics, arn)
	kept := s.subscriptions[:0:0]
	for _, sub := range s.subscriptions {
		if *sub.TopicArn != arn {
			kept = append(kept, sub)
		}
	}
	s.subscriptions = kept
	return &awssns.DeleteTopicOutput{}, nil
}

// ListTopics implements the API operation.
func (s *Service) ListTopics(_ *wire.Call, in *awssns.ListTopicsInput) (*awssns.ListTopicsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.Topic{}
	for arn := range s.topics {
		all = append(all, types.Topic{TopicArn: &arn})
	}
	sort.Slice(all, func(i, j int) bool { return *all[i].TopicArn < *all[j].TopicArn })
	page, next, err := paged(all, in.NextToken)
	return &awssns.ListTopicsOutput{Topics: page, NextToken: next}, err
}

func paged[T any](all []T, token *string) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, invalid("NextToken")
		}
	}
	to := min(from+pageSize, len(all))
	if to < len(all) {
		next = aws.String(strconv.Itoa(to))
	}
	return all[from:to], next, nil
}

// GetTopicAttributes implements the API operation.
func (s *Service) GetTopicAttributes(_ *wire.Call, in *awssns.GetTopicAttributesInput) (*awssns.GetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	confirmed, pending := 0, 0
	for _, sub := range s.subscriptions {
		switch {
		case *sub.TopicArn != t.arn:
		case *sub.SubscriptionArn == pendingConfirmation:
			pending++
		default:
			confirmed++
		}
	}
	out := map[string]string{"TopicArn": t.arn, "Owner": s.account, "SubscriptionsConfirmed": strconv.Itoa(confirmed),
		"SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": "0"}
	for k, v := range t.attributes {
		out[k] = v
	}
	return &awssns.GetTopicAttributesOutput{Attributes: out}, nil
}

// Publish implements the API operation.
func (s *Service) Publish(c *wire.Call, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	if in.PhoneNumber != nil {
		return nil, invalid("PhoneNumber: the simulated AWS sends no SMS")
	}
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	if arn == nil {
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	body := aws.ToString(in.Message)
	switch subject := aws.ToString(in.Subject); {
	case body == "":
		return nil, invalid("Empty message")
	case len(body) > maxMessage:
		return nil, invalid("Message too long")
	case in.Subject != nil && (subject == "" || len(subject) > maxSubject || !printable(subject)):
		return nil, invalid("Subject")
	}
	if aws.ToString(in.MessageStructure) == "json" {
		m := map[string]string{}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			return nil, invalid("Message Structure - JSON message body failed to parse")
		}
		if body = m["default"]; body == "" {
			return nil, invalid("Message Structure - No default entry in JSON message body")
		}
	}
	s.mu.Lock()
	t, err := s.topic(arn)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.count++
	m := Message{ID: fmt.Sprintf("%08x-2b4d-4f6a-8c0e-%012x", s.count, s.count), TopicArn: t.arn, Subject: aws.ToString(in.Subject),
		Body: body, Attributes: in.MessageAttributes, Time: s.clock.Now()}
	s.messages = append(s.messages, m)
	var functions []string
	for _, sub := range s.subscriptions {
		if *sub.TopicArn == t.arn && *sub.Protocol == "lambda" {
			functions = append(functions, *sub.Endpoint)
		}
	}
	s.mu.Unlock()
	for _, f := range functions {
		s.deliver(f, m)
	}
	return &awssns.PublishOutput{MessageId: &m.ID}, nil
}

// printable reports what SNS asks of subjects: ASCII without line breaks that
// begins with a letter, number or punctuation.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	first, _ := utf8.DecodeRuneInString(s)
	return first != ' '
}
