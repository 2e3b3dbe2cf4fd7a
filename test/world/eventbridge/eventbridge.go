// Package eventbridge simulates Amazon EventBridge: event buses, rules with
// patterns and schedules, and the delivery of events to targets.
package eventbridge

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge/pattern"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of Amazon EventBridge.
const (
	maxEntries = 10
	maxEntry   = 256 << 10
	maxTargets = 5
	maxRules   = 300 // of one bus
	maxBuses   = 100
	maxTags    = 50
	pageSize   = 100
	defaultBus = "default"
)

// Event is an event as targets see it.
type Event struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`

	forwarded bool // from another bus
}

// Service is Amazon EventBridge.
type Service struct {
	clock           clock.Clock
	account, region string
	sender          delivery.Sender

	mu          sync.Mutex
	buses       map[string]*bus
	rules       map[string]*rule // by bus and name
	events      []Event
	undelivered []error
	count       int
}

// New returns EventBridge with the default bus. Targets are called through the
// mux.
func New(c clock.Clock, account, region string, mux *wire.Mux) *Service {
	s := &Service{clock: c, account: account, region: region, buses: map[string]*bus{}, rules: map[string]*rule{},
		sender: delivery.Sender{Clock: c, Mux: mux, Region: region, Account: account, Principal: "events.amazonaws.com"}}
	s.buses[defaultBus] = s.newBus(defaultBus)
	return s
}

// Events returns all events that were put on a bus, in order.
func (s *Service) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Undelivered returns why events did not reach their targets.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.undelivered)
}

func validation(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

func paged[T any](all []T, limit *int32, token *string) (page []T, next *string, err error) {
	size := pageSize
	if limit != nil {
		if *limit < 1 || *limit > pageSize {
			return nil, nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *limit, pageSize)
		}
		size = int(*limit)
	}
	page, next, ok := paging.Cut(all, token, size)
	if !ok {
		return nil, nil, validation("The specified nextToken is not valid.")
	}
	return page, next, nil
}

// TestEventPattern implements the API operation.
func (s *Service) TestEventPattern(_ *wire.Call, in *awseb.TestEventPatternInput) (*awseb.TestEventPatternOutput, error) {
	p, err := pattern.Parse(aws.ToString(in.EventPattern))
	if err != nil {
		return nil, &types.InvalidEventPatternException{Message: aws.String(err.Error())}
	}
	event, err := decodeObject([]byte(aws.ToString(in.Event)))
	if err != nil {
		return nil, validation("Parameter Event is not valid: %v", err)
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if _, ok := event[name]; !ok {
			return nil, validation("Parameter Event is not valid: the field %s is missing", name)
		}
	}
	return &awseb.TestEventPatternOutput{Result: p.Match(event)}, nil
}
