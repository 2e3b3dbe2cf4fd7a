// Package sqs simulates Amazon SQS: standard and FIFO queues, their messages
// with visibility timeouts and long polling on the world's clock, dead-letter
// queues and redrive.
package sqs

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Service is Amazon SQS.
type Service struct {
	clock           clock.Clock
	account, region string

	mu      sync.Mutex
	queues  map[string]*queue
	deleted map[string]time.Time // by name: 60 seconds must pass before it is made again
	moves   []*move
	count   int // of messages, receipts and moves
	closed  bool
}

// New returns SQS without queues.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, queues: map[string]*queue{}, deleted: map[string]time.Time{}}
}

// Close lets nobody wait for messages any more.
func (s *Service) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, q := range s.queues {
		q.wake()
	}
}

// queue is one queue.
type queue struct {
	name, arn string
	fifo      bool
	given     map[string]string // attributes that were set
	tags      map[string]string
	created   time.Time
	modified  time.Time
	purged    time.Time

	messages []*message // in the order of their arrival
	waiting  []chan struct{}
	sent     map[string]duplicate // FIFO: by deduplication id
	attempts map[string]*attempt  // FIFO: by ReceiveRequestAttemptId
	sequence int64                // FIFO: the last number given
}

// wake lets those that wait for messages look again; s.mu is held.
func (q *queue) wake() {
	for _, w := range q.waiting {
		close(w)
	}
	q.waiting = nil
}

const (
	// recreation is how long a deleted queue's name stays taken.
	recreation = time.Minute
	fifoSuffix = ".fifo"
	maxTags    = 50
	pageSize   = 1000
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// URL is the address of a queue, as AWS gives it: it names the queue, calls go
// to the endpoint of the service.
func (s *Service) URL(name string) string {
	return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.region, s.account, name)
}

// ARN is that of a queue.
func (s *Service) ARN(name string) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", s.region, s.account, name)
}

// find finds a queue by its URL, of which only the account and the name count;
// s.mu is held.
func (s *Service) find(address *string) (*queue, error) {
	u, err := url.Parse(aws.ToString(address))
	if err != nil || aws.ToString(address) == "" {
		return nil, &types.InvalidAddress{Message: aws.String("The address " + aws.ToString(address) + " is not valid for this endpoint.")}
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	q, ok := s.queues[parts[len(parts)-1]]
	if !ok || len(parts) > 1 && parts[len(parts)-2] != s.account {
		return nil, noQueue()
	}
	return q, nil
}

// byARN finds a queue; nil if there is none. s.mu is held.
func (s *Service) byARN(arn string) *queue {
	for _, q := range s.queues {
		if q.arn == arn {
			return q
		}
	}
	return nil
}

func noQueue() error {
	return &types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
}

// invalidValue refuses a parameter in the words that SQS uses for most.
func invalidValue(value any, parameter, reason string) error {
	return wire.Errorf("InvalidParameterValueException", "Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

// CreateQueue makes a queue; one that is there already with the same attributes
// is no error.
func (s *Service) CreateQueue(_ *wire.Call, in *awssqs.CreateQueueInput) (*awssqs.CreateQueueOutput, error) {
	name := aws.ToString(in.QueueName)
	base, isFIFO := strings.CutSuffix(name, fifoSuffix)
	wants, isSet := in.Attributes["FifoQueue"]
	switch {
	case len(name) > 80 || !queueName.MatchString(base):
		return nil, wire.Errorf("InvalidParameterValueException", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	case isSet && wants != "true":
		return nil, &types.InvalidAttributeValue{Message: aws.String("Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")}
	case isSet && !isFIFO:
		return nil, wire.Errorf("InvalidParameterValueException", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length")
	case isFIFO && !isSet:
		return nil, wire.Errorf("InvalidParameterValueException", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	case len(in.Tags) > maxTags:
		return nil, wire.Errorf("InvalidParameterValueException", "Too many tags added for queue %s.", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if old, ok := s.queues[name]; ok {
		for _, attribute := range slices.Sorted(maps.Keys(in.Attributes)) {
			if s.attributes(old)[attribute] != in.Attributes[attribute] {
				return nil, &types.QueueNameExists{Message: aws.String("A queue already exists with the same name and a different value for attribute " + attribute)}
			}
		}
		return &awssqs.CreateQueueOutput{QueueUrl: aws.String(s.URL(name))}, nil
	}
	if at, ok := s.deleted[name]; ok && now.Sub(at) < recreation {
		return nil, &types.QueueDeletedRecently{Message: aws.String("You must wait 60 seconds after deleting a queue before you can create another with the same name.")}
	}
	q := &queue{name: name, arn: s.ARN(name), fifo: isFIFO, given: map[string]string{}, tags: map[string]string{}, created: now, modified: now,
		sent: map[string]duplicate{}, attempts: map[string]*attempt{}}
	maps.Copy(q.tags, in.Tags)
	if err := s.set(q, in.Attributes, true); err != nil {
		return nil, err
	}
	s.queues[name] = q
	return &awssqs.CreateQueueOutput{QueueUrl: aws.String(s.URL(name))}, nil
}

// DeleteQueue deletes a queue with its messages.
func (s *Service) DeleteQueue(_ *wire.Call, in *awssqs.DeleteQueueInput) (*awssqs.DeleteQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	delete(s.queues, q.name)
	s.deleted[q.name] = s.clock.Now()
	q.messages = nil
	q.wake()
	return &awssqs.DeleteQueueOutput{}, nil
}

// GetQueueUrl tells a queue's address.
func (s *Service) GetQueueUrl(_ *wire.Call, in *awssqs.GetQueueUrlInput) (*awssqs.GetQueueUrlOutput, error) { //nolint:revive // AWS's name
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.queues[aws.ToString(in.QueueName)]
	if !ok || in.QueueOwnerAWSAccountId != nil && *in.QueueOwnerAWSAccountId != s.account {
		return nil, noQueue()
	}
	return &awssqs.GetQueueUrlOutput{QueueUrl: aws.String(s.URL(q.name))}, nil
}

// ListQueues lists the addresses of queues, by name.
func (s *Service) ListQueues(_ *wire.Call, in *awssqs.ListQueuesInput) (*awssqs.ListQueuesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var urls []string
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		if strings.HasPrefix(name, aws.ToString(in.QueueNamePrefix)) {
			urls = append(urls, s.URL(name))
		}
	}
	page, next, err := paged(urls, in.NextToken, in.MaxResults)
	return &awssqs.ListQueuesOutput{QueueUrls: page, NextToken: next}, err
}

// ListDeadLetterSourceQueues lists the queues whose dead letters come to one.
func (s *Service) ListDeadLetterSourceQueues(_ *wire.Call, in *awssqs.ListDeadLetterSourceQueuesInput) (*awssqs.ListDeadLetterSourceQueuesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dead, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		if r, ok := s.queues[name].redrive(); ok && r.Target == dead.arn {
			urls = append(urls, s.URL(name))
		}
	}
	page, next, err := paged(urls, in.NextToken, in.MaxResults)
	return &awssqs.ListDeadLetterSourceQueuesOutput{QueueUrls: page, NextToken: next}, err
}

func paged(all []string, token *string, size *int32) (page []string, next *string, err error) {
	n := int(aws.ToInt32(size))
	if size != nil && (n < 1 || n > pageSize) {
		return nil, nil, invalidValue(n, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
	}
	if n == 0 {
		n = pageSize
	}
	page, next, ok := paging.Cut(all, token, n)
	if !ok {
		return nil, nil, wire.Errorf("InvalidParameterValueException", "Invalid or expired next token.")
	}
	if size == nil { // a caller that sets none gets at most 1,000 and no token
		next = nil
	}
	return page, next, nil
}

// TagQueue adds tags.
func (s *Service) TagQueue(_ *wire.Call, in *awssqs.TagQueueInput) (*awssqs.TagQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(q.tags)
	maps.Copy(all, in.Tags)
	if len(all) > maxTags {
		return nil, wire.Errorf("InvalidParameterValueException", "Too many tags added for queue %s.", q.name)
	}
	q.tags = all
	return &awssqs.TagQueueOutput{}, nil
}

// UntagQueue takes tags away.
func (s *Service) UntagQueue(_ *wire.Call, in *awssqs.UntagQueueInput) (*awssqs.UntagQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(q.tags, k)
	}
	return &awssqs.UntagQueueOutput{}, nil
}

// ListQueueTags lists a queue's tags.
func (s *Service) ListQueueTags(_ *wire.Call, in *awssqs.ListQueueTagsInput) (*awssqs.ListQueueTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &awssqs.ListQueueTagsOutput{Tags: maps.Clone(q.tags)}, nil
}

// PurgeQueue deletes all messages, at once; on AWS it takes up to a minute.
func (s *Service) PurgeQueue(_ *wire.Call, in *awssqs.PurgeQueueInput) (*awssqs.PurgeQueueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	if !q.purged.IsZero() && now.Sub(q.purged) < time.Minute {
		return nil, &types.PurgeQueueInProgress{Message: aws.String("Only one PurgeQueue operation on " + q.name + " is allowed every 60 seconds.")}
	}
	q.purged, q.messages = now, nil
	return &awssqs.PurgeQueueOutput{}, nil
}

// next gives the next number; s.mu is held.
func (s *Service) next() int {
	s.count++
	return s.count
}

func seconds(text string) time.Duration {
	n, _ := strconv.Atoi(text) // attributes are checked when they are set
	return time.Duration(n) * time.Second
}

// Waiting is how many calls wait for messages of a queue.
func (s *Service) Waiting(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[name]; q != nil {
		return len(q.waiting)
	}
	return 0
}
