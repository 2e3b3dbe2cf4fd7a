package eventbridge

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge/pattern"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/schedule"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var ruleName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// rule is a rule of a bus, with a pattern, a schedule, or both.
type rule struct {
	bus, name, arn string
	description    *string
	role           *string
	text           *string
	pattern        *pattern.Pattern
	expression     *string
	schedule       schedule.Expression
	start          time.Time // from which a rate counts
	stop           func() bool
	generation     int // of the schedule
	state          types.RuleState
	targets        []types.Target
	tags           map[string]string
}

// rule finds a rule; s.mu is held.
func (s *Service) rule(name, busName *string) (*rule, error) {
	b, err := s.findBus(busName)
	if err != nil {
		return nil, err
	}
	r, ok := s.rules[b.name+"/"+aws.ToString(name)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Rule %s does not exist on EventBus %s.", aws.ToString(name), b.name))}
	}
	return r, nil
}

// PutRule creates or replaces a rule; its targets stay.
func (s *Service) PutRule(_ *wire.Call, in *awseb.PutRuleInput) (*awseb.PutRuleOutput, error) {
	name := aws.ToString(in.Name)
	if !ruleName.MatchString(name) {
		return nil, validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", name)
	}
	if in.ScheduleExpression == nil && in.EventPattern == nil {
		return nil, validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	if in.State != "" && !slices.Contains(in.State.Values(), in.State) {
		return nil, validation("1 validation error detected: Value '%s' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]", in.State)
	}
	var p *pattern.Pattern
	var e schedule.Expression
	var err error
	if in.EventPattern != nil {
		if p, err = pattern.Parse(*in.EventPattern); err != nil {
			return nil, &types.InvalidEventPatternException{Message: aws.String(err.Error())}
		}
	}
	if in.ScheduleExpression != nil {
		if e, err = schedule.Parse(*in.ScheduleExpression, time.UTC); err != nil || !e.At.IsZero() || !schedule.Plural(*in.ScheduleExpression) {
			return nil, validation("Parameter ScheduleExpression is not valid.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	if in.ScheduleExpression != nil && b.name != defaultBus {
		return nil, validation("ScheduleExpression is supported only on the default event bus.")
	}
	r, known := s.rules[b.name+"/"+name]
	if !known {
		if n := len(s.rulesOf(b.name)); n >= maxRules {
			return nil, &types.LimitExceededException{Message: aws.String(fmt.Sprintf("The requested resource exceeds the maximum number allowed: %d rules per event bus.", maxRules))}
		}
		path := name
		if b.name != defaultBus {
			path = b.name + "/" + name
		}
		r = &rule{bus: b.name, name: name, arn: fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", s.region, s.account, path), tags: map[string]string{}}
		s.rules[b.name+"/"+name] = r
		for _, t := range in.Tags {
			r.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	r.description, r.role, r.text, r.pattern, r.state = in.Description, in.RoleArn, in.EventPattern, p, in.State
	if r.state == "" {
		r.state = types.RuleStateEnabled
	}
	r.expression, r.schedule = in.ScheduleExpression, e
	r.start = s.clock.Now().Add(e.Rate) // a rate's countdown begins with the rule
	s.arm(r)
	return &awseb.PutRuleOutput{RuleArn: aws.String(r.arn)}, nil
}

// arm has the rule's schedule strike next time; s.mu is held.
func (s *Service) arm(r *rule) {
	r.generation++
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	if r.expression == nil {
		return
	}
	now := s.clock.Now()
	next, ok := r.schedule.Next(r.start, now.Add(1))
	if !ok {
		return
	}
	generation := r.generation
	r.stop = s.clock.AfterFunc(next.Sub(now), func() { s.strike(r, generation) })
}

// strike sends a schedule's event to the rule's targets; it is on no bus.
func (s *Service) strike(r *rule, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.generation != generation {
		return
	}
	ev := Event{Source: "aws.events", DetailType: "Scheduled Event", Resources: []string{r.arn}, Detail: []byte("{}")}
	s.complete(&ev)
	s.deliver(r.bus, ev, func(other *rule) bool { return other == r })
	s.arm(r)
}

func (s *Service) rulesOf(bus string) []*rule {
	var out []*rule
	for _, key := range slices.Sorted(maps.Keys(s.rules)) {
		if r := s.rules[key]; r.bus == bus {
			out = append(out, r)
		}
	}
	return out
}

// DescribeRule describes a rule.
func (s *Service) DescribeRule(_ *wire.Call, in *awseb.DescribeRuleInput) (*awseb.DescribeRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rule(in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &awseb.DescribeRuleOutput{Name: &r.name, Arn: &r.arn, Description: r.description, RoleArn: r.role,
		EventPattern: r.text, ScheduleExpression: r.expression, State: r.state, EventBusName: &r.bus, CreatedBy: aws.String(s.account)}, nil
}

// ListRules lists the rules of a bus by name.
func (s *Service) ListRules(_ *wire.Call, in *awseb.ListRulesInput) (*awseb.ListRulesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	all := []types.Rule{}
	for _, r := range s.rulesOf(b.name) {
		if strings.HasPrefix(r.name, aws.ToString(in.NamePrefix)) {
			all = append(all, types.Rule{Name: &r.name, Arn: &r.arn, Description: r.description, RoleArn: r.role,
				EventPattern: r.text, ScheduleExpression: r.expression, State: r.state, EventBusName: &r.bus})
		}
	}
	page, next, err := paged(all, in.Limit, in.NextToken)
	return &awseb.ListRulesOutput{Rules: page, NextToken: next}, err
}

// ListRuleNamesByTarget lists the rules of a bus that have a target.
func (s *Service) ListRuleNamesByTarget(_ *wire.Call, in *awseb.ListRuleNamesByTargetInput) (*awseb.ListRuleNamesByTargetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, r := range s.rulesOf(b.name) {
		if slices.ContainsFunc(r.targets, func(t types.Target) bool { return *t.Arn == aws.ToString(in.TargetArn) }) {
			names = append(names, r.name)
		}
	}
	page, next, err := paged(names, in.Limit, in.NextToken)
	return &awseb.ListRuleNamesByTargetOutput{RuleNames: page, NextToken: next}, err
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

// DeleteRule deletes a rule without targets; one that is not there is no error.
func (s *Service) DeleteRule(_ *wire.Call, in *awseb.DeleteRuleInput) (*awseb.DeleteRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	key := b.name + "/" + aws.ToString(in.Name)
	r, ok := s.rules[key]
	switch {
	case !ok:
		return &awseb.DeleteRuleOutput{}, nil
	case len(r.targets) > 0:
		return nil, validation("Rule can't be deleted since it has targets.")
	}
	r.expression = nil
	s.arm(r)
	delete(s.rules, key)
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
