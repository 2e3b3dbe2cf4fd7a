// Package sns simulates Amazon SNS: standard topics, their subscriptions and
// the messages that were published.
package sns

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of Amazon SNS.
const (
	maxMessage = 256 << 10
	maxSubject = 100
	pageSize   = 100
)

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// Message is a published message.
type Message struct {
	ID, TopicArn, Subject, Body string
	Attributes                  map[string]types.MessageAttributeValue
	Time                        time.Time
}

type topic struct {
	arn        string
	attributes map[string]string
	tags       map[string]string
}

// Service is Amazon SNS.
type Service struct {
	clock           clock.Clock
	account, region string
	sender          delivery.Sender

	mu            sync.Mutex
	topics        map[string]*topic
	subscriptions []*subscription
	messages      []Message
	undelivered   []error
	count         int
}

// New returns SNS without topics. Functions that subscribed are invoked through
// mux.
func New(c clock.Clock, account, region string, mux *wire.Mux) *Service {
	return &Service{clock: c, account: account, region: region, topics: map[string]*topic{},
		sender: delivery.Sender{Clock: c, Mux: mux, Region: region, Account: account, Principal: "sns.amazonaws.com"}}
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

// Undelivered returns why messages did not get to Lambda functions.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.undelivered...)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter: " + fmt.Sprintf(format, args...))}
}

// checkARN checks that a parameter has the form of an ARN of SNS.
func checkARN(parameter, arn string) error {
	if n := strings.Count(arn, ":") + 1; n < 6 {
		return invalid("%s Reason: An ARN must have at least 6 elements, not %d", parameter, n)
	}
	if !strings.HasPrefix(arn, "arn:aws:sns:") {
		return invalid("%s", parameter)
	}
	return nil
}

// topic finds a topic; s.mu is held.
func (s *Service) topic(arn *string) (*topic, error) {
	a := aws.ToString(arn)
	if err := checkARN("TopicArn", a); err != nil {
		return nil, err
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
	for k, v := range in.Attributes {
		if err := checkTopicAttribute(k, v); err != nil {
			return nil, err
		}
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := fmt.Sprintf("arn:aws:sns:%s:%s:%s", s.region, s.account, name)
	if old, ok := s.topics[arn]; ok {
		for k, v := range in.Attributes {
			if s.attributesOf(old)[k] != v {
				return nil, invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		for k, v := range tags {
			if old.tags[k] != v {
				return nil, invalid("Tags Reason: Topic already exists with different tags")
			}
		}
		return &awssns.CreateTopicOutput{TopicArn: &arn}, nil
	}
	t := &topic{arn: arn, attributes: map[string]string{}, tags: tags}
	maps.Copy(t.attributes, in.Attributes)
	s.topics[arn] = t
	return &awssns.CreateTopicOutput{TopicArn: &arn}, nil
}

// DeleteTopic implements the API operation; it is idempotent.
func (s *Service) DeleteTopic(_ *wire.Call, in *awssns.DeleteTopicInput) (*awssns.DeleteTopicOutput, error) {
	arn := aws.ToString(in.TopicArn)
	if err := checkARN("TopicArn", arn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, arn)
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(sub *subscription) bool { return sub.topic == arn })
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
