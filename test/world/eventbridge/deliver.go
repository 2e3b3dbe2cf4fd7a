package eventbridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
)

// latency is how long an event takes to its targets: AWS's typical one.
const latency = 500 * time.Millisecond

// task brings one event to one target.
type task struct {
	s                 *Service
	event             Event
	text              json.RawMessage
	decoded           map[string]any
	ruleName, ruleArn string
	target            types.Target
}

func checkTarget(t types.Target) error {
	if aws.ToString(t.Id) == "" || aws.ToString(t.Arn) == "" {
		return validation("Parameter Targets is not valid. Reason: Id and Arn are required.")
	}
	kind := delivery.KindOf(*t.Arn)
	switch {
	case kind == "":
		return validation("Parameter %s is not valid. Reason: the simulated AWS delivers to state machines, Lambda functions, SNS topics, SQS queues, event buses and CodeBuild projects.", *t.Arn)
	case kind.NeedsRole() && t.RoleArn == nil && kind != delivery.Bus:
		return validation("RoleArn is required for target %s.", *t.Arn)
	}
	if t.SqsParameters != nil && kind != delivery.Queue {
		return validation("Parameter SqsParameters is not valid. Reason: the target %s is no queue.", *t.Arn)
	}
	if kind == delivery.Queue && strings.HasSuffix(*t.Arn, ".fifo") && (t.SqsParameters == nil || aws.ToString(t.SqsParameters.MessageGroupId) == "") {
		return validation("Parameter(s) SqsParameters must be specified for target: %s.", *t.Id)
	}
	if d := t.DeadLetterConfig; d != nil && d.Arn != nil && !delivery.IsQueue(*d.Arn) {
		return validation("Parameter DeadLetterConfig.Arn is not valid. Reason: %s is not the ARN of a standard SQS queue.", *d.Arn)
	}
	given := 0
	for _, set := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if set {
			given++
		}
	}
	if given > 1 {
		return validation("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", *t.Id)
	}
	if t.Input != nil && !json.Valid([]byte(*t.Input)) {
		return validation("JSON syntax error in input for target %s", *t.Id)
	}
	if t.InputTransformer != nil {
		if _, err := transform(t.InputTransformer, map[string]any{}, variables{}); err != nil {
			return validation("Invalid InputTransformer for target %s : %v", *t.Id, err)
		}
	}
	if p := t.RetryPolicy; p != nil {
		if n := p.MaximumRetryAttempts; n != nil && (*n < 0 || *n > 185) {
			return validation("Parameter MaximumRetryAttempts is not valid. Reason: it must be between 0 and 185.")
		}
		if n := p.MaximumEventAgeInSeconds; n != nil && (*n < 60 || *n > 86400) {
			return validation("Parameter MaximumEventAgeInSeconds is not valid. Reason: it must be between 60 and 86400.")
		}
	}
	return nil
}

// deliver hands an event to the targets of the rules that match it, in the
// order of the rules' names. s.mu is held.
func (s *Service) deliver(bus string, ev Event, matches func(*rule) bool) {
	text, decoded, err := encode(ev)
	if err != nil {
		s.undelivered = append(s.undelivered, err)
		return
	}
	var due []*task
	for _, r := range s.rules {
		if r.bus != bus || r.state == types.RuleStateDisabled || !matches(r) {
			continue
		}
		for _, t := range r.targets {
			due = append(due, &task{s: s, event: ev, text: text, decoded: decoded, ruleName: r.name, ruleArn: r.arn, target: t})
		}
	}
	slices.SortFunc(due, func(a, b *task) int {
		return strings.Compare(a.ruleName+"/"+*a.target.Id, b.ruleName+"/"+*b.target.Id)
	})
	for _, d := range due {
		s.clock.AfterFunc(latency, d.run)
	}
}

// payload is what the target gets.
func (d *task) payload() (json.RawMessage, error) {
	t := d.target
	switch {
	case t.Input != nil:
		return json.RawMessage(*t.Input), nil
	case t.InputPath != nil:
		v, err := selectPath(*t.InputPath, d.decoded)
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	case t.InputTransformer != nil:
		return transform(t.InputTransformer, d.decoded, variables{
			ruleArn: d.ruleArn, ruleName: d.ruleName, event: d.text, ingestion: d.event.Time.Format(time.RFC3339),
		})
	}
	return d.text, nil
}

func (d *task) run() {
	payload, err := d.payload()
	if err != nil {
		d.drop(err)
		return
	}
	name := d.event.ID + "_" + *d.target.Id
	if delivery.KindOf(*d.target.Arn) == delivery.Bus {
		d.forward()
		return
	}
	r := delivery.Request{ARN: *d.target.Arn, Role: aws.ToString(d.target.RoleArn), SourceArn: d.ruleArn, Payload: payload, Name: name[:min(len(name), 80)]}
	if q := d.target.SqsParameters; q != nil {
		r.Group = aws.ToString(q.MessageGroupId)
	}
	p := delivery.DefaultPolicy
	if given := d.target.RetryPolicy; given != nil {
		p = p.With(given.MaximumRetryAttempts, given.MaximumEventAgeInSeconds)
	}
	d.s.sender.Deliver(r, p, d.event.Time, d.drop)
}

// forward puts the event, as it is, on another bus. An event goes from bus to
// bus once only, as on AWS.
func (d *task) forward() {
	s := d.s
	s.mu.Lock()
	bus, err := s.findBus(d.target.Arn)
	if err == nil && !d.event.forwarded {
		ev := d.event
		ev.forwarded = true
		s.events = append(s.events, ev)
		s.deliver(bus.name, ev, func(r *rule) bool { return r.pattern != nil && r.pattern.Match(d.decoded) })
	}
	s.mu.Unlock()
	if err != nil {
		d.drop(err)
	}
}

// drop gives the delivery up: the event goes to the target's dead letters, with
// what happened as attributes (source: "Using dead-letter queues to process
// undelivered events in EventBridge").
func (d *task) drop(err error) {
	if dead := d.target.DeadLetterConfig; dead != nil && aws.ToString(dead.Arn) != "" {
		attributes := delivery.Reasons(err)
		attributes["RULE_ARN"], attributes["TARGET_ARN"] = d.ruleArn, *d.target.Arn
		if lost := d.s.sender.Bury(*dead.Arn, "", d.ruleArn, string(d.text), attributes); lost != nil {
			err = fmt.Errorf("%w; to its dead letters: %w", err, lost)
		}
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.undelivered = append(d.s.undelivered, fmt.Errorf("eventbridge: event %s by rule %s to %s: %w", d.event.ID, d.ruleName, *d.target.Arn, err))
}
