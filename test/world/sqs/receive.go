package sqs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxInFlight is the quota of messages of a queue that are received and not
// deleted.
const maxInFlight = 120_000

// attempt is a ReceiveMessage of a FIFO queue that may be repeated.
type attempt struct {
	at       time.Time
	messages []*message
	receipts []int
}

// ReceiveMessage receives up to ten messages. It waits, on the simulated clock,
// for as long as the request or the queue says; a call that a service makes in
// process does not wait, since the clock may stand still meanwhile.
func (s *Service) ReceiveMessage(c *wire.Call, in *awssqs.ReceiveMessageInput) (*awssqs.ReceiveMessageOutput, error) {
	most := int(in.MaxNumberOfMessages)
	if most == 0 {
		most = 1
	}
	switch {
	case most < 1 || most > 10:
		return nil, invalidValue(most, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	case in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > 20:
		return nil, invalidValue(in.WaitTimeSeconds, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	case in.VisibilityTimeout < 0 || in.VisibilityTimeout > 43200:
		return nil, invalidValue(in.VisibilityTimeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if in.ReceiveRequestAttemptId != nil && !q.fifo {
		return nil, invalidValue(*in.ReceiveRequestAttemptId, "ReceiveRequestAttemptId", "The request include parameter that is not valid for this queue type.")
	}
	wait := seconds(q.attribute("ReceiveMessageWaitTimeSeconds"))
	if in.WaitTimeSeconds > 0 {
		wait = time.Duration(in.WaitTimeSeconds) * time.Second
	}
	until := s.clock.Now().Add(wait)
	for {
		got, err := s.receive(q, in, most)
		if err != nil {
			return nil, err
		}
		if len(got) > 0 || c.HTTP == nil || s.closed || !s.clock.Now().Before(until) {
			return &awssqs.ReceiveMessageOutput{Messages: got}, nil
		}
		s.await(c, q, until)
		if c.Err() != nil {
			return nil, c.Err()
		}
		if s.queues[q.name] != q {
			return nil, noQueue()
		}
	}
}

// await waits until something may have changed for those who receive; s.mu is
// held, but for the time of waiting.
func (s *Service) await(ctx context.Context, q *queue, until time.Time) {
	now := s.clock.Now()
	for _, m := range q.messages {
		if m.visible.After(now) && m.visible.Before(until) {
			until = m.visible
		}
	}
	changed, due := make(chan struct{}), make(chan struct{})
	q.waiting = append(q.waiting, changed)
	stop := s.clock.AfterFunc(until.Sub(now), func() { close(due) })
	s.mu.Unlock()
	select {
	case <-changed:
	case <-due:
	case <-ctx.Done():
	}
	stop()
	s.mu.Lock()
	q.waiting = slices.DeleteFunc(q.waiting, func(w chan struct{}) bool { return w == changed })
}

// receive takes what can be received now; s.mu is held.
func (s *Service) receive(q *queue, in *awssqs.ReceiveMessageInput, most int) ([]types.Message, error) {
	now := s.clock.Now()
	q.expire(now)
	timeout := seconds(q.attribute("VisibilityTimeout"))
	if in.VisibilityTimeout > 0 {
		timeout = time.Duration(in.VisibilityTimeout) * time.Second
	}
	take := q.repeated(in.ReceiveRequestAttemptId)
	if take == nil {
		take = s.pick(q, most, now)
		if _, flying, _ := q.counts(now); flying+len(take) > maxInFlight {
			return nil, &types.OverLimit{Message: aws.String("The maximum number of in flight messages is reached.")}
		}
		for _, m := range take {
			m.receives++
			m.receipt = s.next()
			if m.first.IsZero() {
				m.first = now
			}
		}
		if id := in.ReceiveRequestAttemptId; id != nil && len(take) > 0 {
			a := &attempt{at: now, messages: take}
			for _, m := range take {
				a.receipts = append(a.receipts, m.receipt)
			}
			q.attempts[*id] = a
		}
	}
	var out []types.Message
	for _, m := range take {
		m.visible, m.flying = now.Add(timeout), true
		out = append(out, m.shown(in))
	}
	return out, nil
}

// repeated is what an attempt got that is made again: nil if it is new, or one
// of its messages was changed since.
func (q *queue) repeated(id *string) []*message {
	a := q.attempts[aws.ToString(id)]
	if a == nil {
		return nil
	}
	for i, m := range a.messages {
		if !m.flying || m.receipt != a.receipts[i] || q.message(m.id) != m {
			return nil
		}
	}
	return a.messages
}

// pick chooses messages in the order of their arrival and lets dead ones go.
func (s *Service) pick(q *queue, most int, now time.Time) []*message {
	blocked := map[string]bool{}
	if q.fifo {
		for _, m := range q.messages {
			if m.flying {
				blocked[m.group] = true
			}
		}
	}
	var take []*message
	for _, m := range slices.Clone(q.messages) {
		if len(take) == most {
			break
		}
		if q.fifo && blocked[m.group] {
			continue
		}
		if m.visible.After(now) {
			blocked[m.group] = q.fifo
			continue
		}
		if r, ok := q.redrive(); ok && m.receives >= r.max() {
			if dead := s.byARN(r.Target); dead != nil {
				s.bury(q, dead, m, now)
				continue
			}
		}
		take = append(take, m)
	}
	return take
}

// bury moves a message to a dead-letter queue. In a standard queue it keeps its
// age (source: "Using dead-letter queues in Amazon SQS").
func (s *Service) bury(q, dead *queue, m *message, now time.Time) {
	q.remove(m)
	m.source, m.flying, m.visible = q.arn, false, now
	if dead.fifo {
		m.sent = now
	}
	dead.messages = append(dead.messages, m)
	dead.wake()
}

// shown is a message as it is received.
func (m *message) shown(in *awssqs.ReceiveMessageInput) types.Message {
	out := types.Message{MessageId: aws.String(m.id), ReceiptHandle: aws.String(m.handle()), Body: aws.String(m.body), MD5OfBody: aws.String(sum(m.body))}
	var wanted []string
	for _, name := range in.AttributeNames {
		wanted = append(wanted, string(name))
	}
	for _, name := range in.MessageSystemAttributeNames {
		wanted = append(wanted, string(name))
	}
	system := map[string]string{"SenderId": m.sender, "SentTimestamp": millis(m.sent), "ApproximateReceiveCount": strconv.Itoa(m.receives), "ApproximateFirstReceiveTimestamp": millis(m.first),
		"SequenceNumber": m.sequence, "MessageDeduplicationId": m.deduplication, "MessageGroupId": m.group, "AWSTraceHeader": m.trace, "DeadLetterQueueSourceArn": m.source}
	for name, value := range system {
		if value != "" && (slices.Contains(wanted, "All") || slices.Contains(wanted, name)) {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[name] = value
		}
	}
	for name, a := range m.attributes {
		if slices.ContainsFunc(in.MessageAttributeNames, func(want string) bool { return matches(want, name) }) {
			if out.MessageAttributes == nil {
				out.MessageAttributes = map[string]types.MessageAttributeValue{}
			}
			out.MessageAttributes[name] = a
		}
	}
	out.MD5OfMessageAttributes = sumOf(out.MessageAttributes)
	return out
}

// matches reports whether a name is wanted: All, .*, itself or a prefix with .*
func matches(want, name string) bool {
	if want == "All" || want == ".*" || want == name {
		return true
	}
	prefix, ok := strings.CutSuffix(want, ".*")
	return ok && strings.HasPrefix(name, prefix+".")
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// DeleteMessage deletes a received message. A receipt that is not the message's
// latest deletes nothing, without an error; a FIFO queue refuses expired ones.
func (s *Service) DeleteMessage(_ *wire.Call, in *awssqs.DeleteMessageInput) (*awssqs.DeleteMessageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &awssqs.DeleteMessageOutput{}, s.delete(q, in.ReceiptHandle)
}

func (s *Service) delete(q *queue, handle *string) error {
	id, receipt, err := parseHandle(aws.ToString(handle))
	if err != nil {
		return err
	}
	q.expire(s.clock.Now())
	m := q.message(id)
	if m == nil || m.receipt != receipt {
		return nil
	}
	if q.fifo && !m.flying {
		return invalidValue(*handle, "ReceiptHandle", "The receipt handle has expired.")
	}
	q.remove(m)
	q.wake() // the next message of its group may come
	return nil
}

// ChangeMessageVisibility sets when a received message can be received again,
// from now on.
func (s *Service) ChangeMessageVisibility(_ *wire.Call, in *awssqs.ChangeMessageVisibilityInput) (*awssqs.ChangeMessageVisibilityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &awssqs.ChangeMessageVisibilityOutput{}, s.change(q, in.ReceiptHandle, in.VisibilityTimeout)
}

// longest is how long a message may be invisible since it was received.
const longest = 12 * time.Hour

func (s *Service) change(q *queue, handle *string, timeout int32) error {
	if timeout < 0 || timeout > 43200 {
		return invalidValue(timeout, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and 43200.")
	}
	id, receipt, err := parseHandle(aws.ToString(handle))
	if err != nil {
		return err
	}
	now := s.clock.Now()
	q.expire(now)
	m := q.message(id)
	if m == nil || !m.flying || m.receipt != receipt {
		return invalidValue(*handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
	}
	at := now.Add(time.Duration(timeout) * time.Second)
	if at.Sub(m.first) > longest && m.receives == 1 {
		return invalidValue(timeout, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	m.visible = at
	q.wake()
	return nil
}
