package scheduler

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func (e *entry) halt() {
	e.generation++
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
}

// start is when a rate begins to count, and the first time of any schedule.
func (e *entry) start() time.Time {
	if e.StartDate != nil && e.StartDate.After(*e.CreationDate) {
		return *e.StartDate
	}
	return *e.CreationDate
}

// next is the schedule's next time at or after from; false when it has ended.
func (e *entry) next(from time.Time) (time.Time, bool) {
	start := e.start()
	if from.Before(start) {
		from = start
	}
	t, ok := e.expression.Next(start, from)
	if !ok || (e.EndDate != nil && !t.Before(*e.EndDate)) {
		return time.Time{}, false
	}
	return t, true
}

// arm has the schedule strike at its next time at or after from, s.mu is held. A
// schedule that has ended is deleted when it says so.
func (s *Service) arm(e *entry, from time.Time) {
	e.halt()
	if e.State == types.ScheduleStateDisabled {
		return
	}
	due, ok := e.next(from)
	if !ok {
		if e.ActionAfterCompletion == types.ActionAfterCompletionDelete && from.After(*e.CreationDate) {
			s.forget(e)
		}
		return
	}
	at := due
	if w := e.FlexibleTimeWindow; w.Mode == types.FlexibleTimeWindowModeFlexible {
		at = at.Add(time.Duration(s.random.Int64N(int64(*w.MaximumWindowInMinutes) * int64(time.Minute))))
	}
	generation := e.generation
	e.stop = s.clock.AfterFunc(at.Sub(s.clock.Now()), func() { s.strike(e, generation, due) })
}

// strike calls the target for the time due, and arms the next one.
func (s *Service) strike(e *entry, generation int, due time.Time) {
	s.mu.Lock()
	if e.generation != generation {
		s.mu.Unlock()
		return
	}
	s.count++
	id := fmt.Sprintf("%08x-5c3e-4d2a-9f10-%012x", s.count, s.count)
	s.arm(e, due.Add(1))
	target, name, arn := *e.Target, *e.Name, *e.Arn
	s.mu.Unlock()
	now := s.clock.Now()
	policy := delivery.DefaultPolicy.With(target.RetryPolicy.MaximumRetryAttempts, target.RetryPolicy.MaximumEventAgeInSeconds)
	drop := func(err error) {
		if lost := s.bury(target, err, arn, id, due); lost != nil {
			err = fmt.Errorf("%w; to its dead letters: %w", err, lost)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.undelivered = append(s.undelivered, fmt.Errorf("scheduler: schedule %s to %s: %w", name, *target.Arn, err))
	}
	if target.Input != nil {
		target.Input = aws.String(keywords(*target.Input, arn, id, due))
	}
	if universal(*target.Arn) {
		c, in, err := s.universal(&target)
		if err != nil {
			drop(err)
			return
		}
		s.sender.Retry(func() error {
			_, err := s.sender.Call(c.Service, c.Operation, delivery.Request{Role: *target.RoleArn, SourceArn: arn}, in)
			return err
		}, policy, now, drop)
		return
	}
	r := delivery.Request{ARN: *target.Arn, Role: *target.RoleArn, SourceArn: arn, Payload: s.payload(target, arn, id, due)}
	if delivery.KindOf(r.ARN) == delivery.StateMachine {
		r.Name = id // so that a repeated delivery starts no second execution
	}
	if p := target.SqsParameters; p != nil {
		r.Group = aws.ToString(p.MessageGroupId)
	}
	if p := target.EventBridgeParameters; p != nil {
		r.Source, r.DetailType = aws.ToString(p.Source), aws.ToString(p.DetailType)
	}
	s.sender.Deliver(r, policy, now, drop)
}

// bury sends what could not be delivered to the target's dead letters, by the
// schedule's role (source: "Configuring a dead-letter queue for EventBridge
// Scheduler").
func (s *Service) bury(target types.Target, err error, arn, id string, due time.Time) error {
	if target.DeadLetterConfig == nil || aws.ToString(target.DeadLetterConfig.Arn) == "" {
		return nil
	}
	attributes := delivery.Reasons(err)
	attributes["ERROR_CODE"] = wire.Describe(err).Code
	attributes["SCHEDULE_ARN"], attributes["TARGET_ARN"], attributes["EXECUTION_ID"] = arn, *target.Arn, id
	attributes["SCHEDULED_TIME"], attributes["IS_PAYLOAD_TRUNCATED"] = due.UTC().Format(time.RFC3339), "false"
	body := aws.ToString(target.Input)
	if body == "" {
		body = string(s.payload(target, arn, id, due))
	}
	return s.sender.Bury(*target.DeadLetterConfig.Arn, *target.RoleArn, arn, body, attributes)
}

// keywords fills in the context attributes of an Input (source: "Adding context
// attributes in EventBridge Scheduler").
func keywords(input, arn, id string, due time.Time) string {
	return strings.NewReplacer("<aws.scheduler.schedule-arn>", arn, "<aws.scheduler.scheduled-time>", due.UTC().Format(time.RFC3339),
		"<aws.scheduler.execution-id>", id, "<aws.scheduler.attempt-number>", "1").Replace(input)
}

// payload is the target's Input, or Scheduler's notification without one.
func (s *Service) payload(t types.Target, arn, id string, due time.Time) json.RawMessage {
	if t.Input != nil {
		return json.RawMessage(*t.Input)
	}
	// A map of strings always encodes.
	b, _ := json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": s.account, "time": due.Format(time.RFC3339),
		"region": s.region, "resources": []string{arn}, "detail": "{}",
	})
	return b
}
