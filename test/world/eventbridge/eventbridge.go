// Package eventbridge simulates Amazon EventBridge: rules on the default bus,
// their patterns, and the delivery of events to targets.
package eventbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge/pattern"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of Amazon EventBridge.
const (
	maxEntries = 10
	maxEntry   = 256 << 10
	maxTargets = 5
	pageSize   = 100
	defaultBus = "default"
)

var ruleName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// Functions invokes Lambda functions that are targets.
type Functions interface {
	Invoke(ref string, payload json.RawMessage, done func(lambda.Result)) error
}

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
}

type rule struct {
	name, arn   string
	description *string
	role        *string
	text        string
	pattern     *pattern.Pattern
	state       types.RuleState
	targets     []types.Target
}

// Service is Amazon EventBridge.
type Service struct {
	clock           clock.Clock
	account, region string
	mux             *wire.Mux
	functions       Functions

	mu          sync.Mutex
	rules       map[string]*rule
	events      []Event
	undelivered []error
	count       int
}

// New returns EventBridge without rules. Targets are called through the mux.
func New(c clock.Clock, account, region string, mux *wire.Mux, functions Functions) *Service {
	return &Service{clock: c, account: account, region: region, mux: mux, functions: functions, rules: map[string]*rule{}}
}

// Events returns all events that were put on the bus, in order.
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

func checkBus(name *string) error {
	if n := aws.ToString(name); n != "" && n != defaultBus && !strings.HasSuffix(n, ":event-bus/"+defaultBus) {
		return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Event bus %s does not exist.", n))}
	}
	return nil
}

func validation(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

// rule finds a rule; s.mu is held.
func (s *Service) rule(name, bus *string) (*rule, error) {
	if err := checkBus(bus); err != nil {
		return nil, err
	}
	r, ok := s.rules[aws.ToString(name)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Rule %s does not exist on EventBus default.", aws.ToString(name)))}
	}
	return r, nil
}

// PutRule implements the API operation, for rules with a pattern.
func (s *Service) PutRule(_ *wire.Call, in *awseb.PutRuleInput) (*awseb.PutRuleOutput, error) {
	if err := checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	name := aws.ToString(in.Name)
	switch {
	case !ruleName.MatchString(name):
		return nil, validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", name)
	case in.ScheduleExpression != nil:
		return nil, validation("the simulated AWS runs no schedules; use a rule with an event pattern")
	case in.EventPattern == nil:
		return nil, validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	p, err := pattern.Parse(*in.EventPattern)
	if err != nil {
		return nil, &types.InvalidEventPatternException{Message: aws.String(err.Error())}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rules[name]
	if !ok {
		r = &rule{name: name, arn: fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", s.region, s.account, name)}
		s.rules[name] = r
	}
	r.description, r.role, r.text, r.pattern, r.state = in.Description, in.RoleArn, *in.EventPattern, p, in.State
	if r.state == "" {
		r.state = types.RuleStateEnabled
	}
	return &awseb.PutRuleOutput{RuleArn: aws.String(r.arn)}, nil
}

// DescribeRule implements the API operation.
func (s *Service) DescribeRule(_ *wire.Call, in *awseb.DescribeRuleInput) (*awseb.DescribeRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &awseb.DescribeRuleOutput{Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, RoleArn: r.role,
		EventPattern: aws.String(r.text), State: r.state, EventBusName: aws.String(defaultBus), CreatedBy: aws.String(s.account)}, nil
}

// ListRules implements the API operation.
func (s *Service) ListRules(_ *wire.Call, in *awseb.ListRulesInput) (*awseb.ListRulesOutput, error) {
	if err := checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.Rule{}
	for _, r := range s.rules {
		if strings.HasPrefix(r.name, aws.ToString(in.NamePrefix)) {
			all = append(all, types.Rule{Name: aws.String(r.name), Arn: aws.String(r.arn), Description: r.description, RoleArn: r.role,
				EventPattern: aws.String(r.text), State: r.state, EventBusName: aws.String(defaultBus)})
		}
	}
	sort.Slice(all, func(i, j int) bool { return *all[i].Name < *all[j].Name })
	page, next, err := paged(all, in.Limit, in.NextToken)
	return &awseb.ListRulesOutput{Rules: page, NextToken: next}, err
}

func paged[T any](all []T, limit *int32, token *string) (page []T, next *string, err error) {
	size, from := pageSize, 0
	if limit != nil {
		if *limit < 1 || *limit > pageSize {
			return nil, nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *limit, pageSize)
		}
		size = int(*limit)
	}
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, validation("The specified nextToken is not valid.")
		}
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = aws.String(strconv.Itoa(to))
	}
	return all[from:to], next, nil
}

// EnableRule implements the API operation.
func (s *Service) EnableRule(_ *wire.Call, in *awseb.EnableRuleInput) (*awseb.EnableRuleOutput, error) {
	return &awseb.EnableRuleOutput{}, s.setState(in.Name, in.EventBusName, types.RuleStateEnabled)
}

// DisableRule implements the API operation.
func (s *Service) DisableRule(_ *wire.Call, in *awseb.DisableRuleInput) (*awseb.DisableRuleOutput, error) {
	return &awseb.DisableRuleOutput{}, s.setState(in.Name, in.EventBusName, types.RuleStateDisabled)
}

func (s *Service) setState(name, bus *string, state types.RuleState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(name, bus)
	if err != nil {
		return err
	}
	r.state = state
	return nil
}

// DeleteRule implements the API operation; a rule with targets stays.
func (s *Service) DeleteRule(_ *wire.Call, in *awseb.DeleteRuleInput) (*awseb.DeleteRuleOutput, error) {
	if err := checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rules[aws.ToString(in.Name)]
	if ok && len(r.targets) > 0 {
		return nil, validation("Rule can't be deleted since it has targets.")
	}
	delete(s.rules, aws.ToString(in.Name))
	return &awseb.DeleteRuleOutput{}, nil
}

// PutTargets implements the API operation.
func (s *Service) PutTargets(_ *wire.Call, in *awseb.PutTargetsInput) (*awseb.PutTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	targets := slices.Clone(r.targets)
	for _, t := range in.Targets {
		if err := checkTarget(t); err != nil {
			return nil, err
		}
		same := func(o types.Target) bool { return *o.Id == *t.Id }
		if i := slices.IndexFunc(targets, same); i >= 0 {
			targets[i] = t
		} else {
			targets = append(targets, t)
		}
	}
	if len(targets) > maxTargets {
		return nil, &types.LimitExceededException{Message: aws.String(fmt.Sprintf("The requested resource exceeds the maximum number allowed: %d targets per rule.", maxTargets))}
	}
	r.targets = targets
	return &awseb.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}}, nil
}

// RemoveTargets implements the API operation.
func (s *Service) RemoveTargets(_ *wire.Call, in *awseb.RemoveTargetsInput) (*awseb.RemoveTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	out := &awseb.RemoveTargetsOutput{FailedEntries: []types.RemoveTargetsResultEntry{}}
	for _, id := range in.Ids {
		n := len(r.targets)
		r.targets = slices.DeleteFunc(slices.Clone(r.targets), func(t types.Target) bool { return *t.Id == id })
		if len(r.targets) == n {
			out.FailedEntryCount++
			out.FailedEntries = append(out.FailedEntries, types.RemoveTargetsResultEntry{TargetId: aws.String(id),
				ErrorCode: aws.String("ResourceNotFoundException"), ErrorMessage: aws.String("Target " + id + " does not exist.")})
		}
	}
	return out, nil
}

// ListTargetsByRule implements the API operation.
func (s *Service) ListTargetsByRule(_ *wire.Call, in *awseb.ListTargetsByRuleInput) (*awseb.ListTargetsByRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	page, next, err := paged(slices.Clone(r.targets), in.Limit, in.NextToken)
	return &awseb.ListTargetsByRuleOutput{Targets: page, NextToken: next}, err
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
