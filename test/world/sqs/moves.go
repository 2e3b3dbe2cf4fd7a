package sqs

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// move is a task that moves dead letters back to where they came from, or to
// another queue. It takes no time: a task is COMPLETED when it is started.
type move struct {
	handle, source string
	destination    *string
	perSecond      *int32
	started        time.Time
	moved, toMove  int64
}

// StartMessageMoveTask moves all visible messages of a dead-letter queue.
func (s *Service) StartMessageMoveTask(_ *wire.Call, in *awssqs.StartMessageMoveTaskInput) (*awssqs.StartMessageMoveTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	source := s.byARN(aws.ToString(in.SourceArn))
	if source == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("The resource that you specified for the SourceArn parameter doesn't exist.")}
	}
	isDead := false
	for _, q := range s.queues {
		r, ok := q.redrive()
		isDead = isDead || ok && r.Target == source.arn
	}
	if !isDead {
		return nil, wire.Errorf("InvalidParameterValueException", "Source queue must be configured as a Dead Letter Queue.")
	}
	var to *queue
	if in.DestinationArn != nil {
		if to = s.byARN(*in.DestinationArn); to == nil {
			return nil, &types.ResourceNotFoundException{Message: aws.String("The resource that you specified for the DestinationArn parameter doesn't exist.")}
		}
	}
	now := s.clock.Now()
	source.expire(now)
	n := s.next()
	m := &move{handle: base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"taskId":"%08x-7a1c-4d2e-8b3f-%012x","sourceArn":"%s"}`, n, n, source.arn)),
		source: source.arn, destination: in.DestinationArn, perSecond: in.MaxNumberOfMessagesPerSecond, started: now}
	for _, letter := range slices.Clone(source.messages) {
		target := to
		if target == nil {
			target = s.byARN(letter.source)
		}
		if letter.visible.After(now) {
			continue
		}
		m.toMove++
		if target == nil || target.fifo != source.fifo {
			continue // a letter that did not come from a queue stays
		}
		source.remove(letter)
		letter.receives, letter.source, letter.sent, letter.first = 0, "", now, time.Time{}
		letter.visible = now
		target.messages = append(target.messages, letter)
		target.wake()
		m.moved++
	}
	s.moves = append(s.moves, m)
	return &awssqs.StartMessageMoveTaskOutput{TaskHandle: &m.handle}, nil
}

// CancelMessageMoveTask finds none that runs.
func (s *Service) CancelMessageMoveTask(_ *wire.Call, in *awssqs.CancelMessageMoveTaskInput) (*awssqs.CancelMessageMoveTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.moves {
		if m.handle == aws.ToString(in.TaskHandle) {
			return nil, wire.Errorf("InvalidParameterValueException", "Only active tasks can be cancelled.")
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("Task does not exist.")}
}

// ListMessageMoveTasks lists a queue's tasks, the latest first.
func (s *Service) ListMessageMoveTasks(_ *wire.Call, in *awssqs.ListMessageMoveTasksInput) (*awssqs.ListMessageMoveTasksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := 1
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	if most < 1 || most > 10 {
		return nil, invalidValue(most, "MaxResults", "Must be between 1 and 10, if provided.")
	}
	out := &awssqs.ListMessageMoveTasksOutput{Results: []types.ListMessageMoveTasksResultEntry{}}
	for _, m := range slices.Backward(s.moves) {
		if m.source != aws.ToString(in.SourceArn) || len(out.Results) == most {
			continue
		}
		out.Results = append(out.Results, types.ListMessageMoveTasksResultEntry{SourceArn: &m.source, DestinationArn: m.destination, Status: aws.String("COMPLETED"),
			MaxNumberOfMessagesPerSecond: m.perSecond, StartedTimestamp: m.started.UnixMilli(), ApproximateNumberOfMessagesMoved: m.moved, ApproximateNumberOfMessagesToMove: &m.toMove})
	}
	return out, nil
}
