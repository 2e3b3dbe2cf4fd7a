package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// deduplicationInterval is how long a FIFO queue knows what was sent to it, and
// the attempts to receive.
const deduplicationInterval = 5 * time.Minute

// duplicate is what a FIFO queue keeps of a message by its deduplication id.
type duplicate struct {
	at           time.Time
	id, sequence string
}

// draft is a message that is to be sent.
type draft struct {
	body                 *string
	delay                int32
	attributes           map[string]types.MessageAttributeValue
	system               map[string]types.MessageSystemAttributeValue
	group, deduplication *string
}

// SendMessage sends a message.
func (s *Service) SendMessage(c *wire.Call, in *awssqs.SendMessageInput) (*awssqs.SendMessageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	d := draft{in.MessageBody, in.DelaySeconds, in.MessageAttributes, in.MessageSystemAttributes, in.MessageGroupId, in.MessageDeduplicationId}
	m, err := s.send(c, q, d)
	if err != nil {
		return nil, err
	}
	out := &awssqs.SendMessageOutput{MessageId: &m.id, MD5OfMessageBody: aws.String(sum(*in.MessageBody)), MD5OfMessageAttributes: sumOf(in.MessageAttributes), SequenceNumber: optional(m.sequence)}
	if d.trace() != "" {
		out.MD5OfMessageSystemAttributes = sumOfSystem(in.MessageSystemAttributes)
	}
	return out, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (d draft) trace() string { return aws.ToString(d.system["AWSTraceHeader"].StringValue) }

func sumOfSystem(system map[string]types.MessageSystemAttributeValue) *string {
	same := map[string]types.MessageAttributeValue{}
	for name, a := range system {
		same[name] = types.MessageAttributeValue{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return sumOf(same)
}

// check refuses what the queue does not take.
func (d draft) check(q *queue) error {
	notForType := func(value any, parameter string) error {
		return invalidValue(value, parameter, "The request include parameter that is not valid for this queue type.")
	}
	body := aws.ToString(d.body)
	most := q.attribute("MaximumMessageSize")
	switch {
	case body == "":
		return wire.Errorf("MissingRequiredParameterException", "The request must contain the parameter MessageBody.")
	case d.delay < 0 || d.delay > 900:
		return invalidValue(d.delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	case size(body, d.attributes) > int(seconds(most)/time.Second):
		return wire.Errorf("InvalidParameterValueException", "One or more parameters are invalid. Reason: Message must be shorter than %s bytes.", most)
	case q.fifo && d.delay != 0:
		return notForType(d.delay, "DelaySeconds")
	case q.fifo && aws.ToString(d.group) == "":
		return wire.Errorf("MissingRequiredParameterException", "The request must contain the parameter MessageGroupId.")
	case !q.fifo && d.deduplication != nil:
		return notForType(*d.deduplication, "MessageDeduplicationId")
	case q.fifo && d.deduplication == nil && q.attribute("ContentBasedDeduplication") != "true":
		return wire.Errorf("InvalidParameterValueException", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	for name, value := range map[string]*string{"MessageGroupId": d.group, "MessageDeduplicationId": d.deduplication} {
		if value != nil && (len(*value) < 1 || len(*value) > 128) {
			return invalidValue(*value, name, name+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
		}
	}
	for name := range d.system {
		if name != "AWSTraceHeader" {
			return wire.Errorf("InvalidParameterValueException", "Message system attribute name '%s' is invalid.", name)
		}
	}
	if err := checkBody(body); err != nil {
		return err
	}
	return checkAttributes(d.attributes)
}

// send puts a message into a queue, or finds the one that it repeats; s.mu is
// held.
func (s *Service) send(c *wire.Call, q *queue, d draft) (*message, error) {
	if err := d.check(q); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	q.expire(now)
	m := &message{id: s.id(), body: *d.body, attributes: d.attributes, trace: d.trace(), sender: s.sender(c), sent: now, visible: now.Add(seconds(q.attribute("DelaySeconds"))),
		group: aws.ToString(d.group), deduplication: aws.ToString(d.deduplication)}
	if d.delay > 0 {
		m.visible = now.Add(time.Duration(d.delay) * time.Second)
	}
	if q.fifo {
		if d.deduplication == nil {
			h := sha256.Sum256([]byte(m.body))
			m.deduplication = hex.EncodeToString(h[:])
		}
		key := m.deduplication
		if q.attribute("DeduplicationScope") == "messageGroup" {
			key = m.group + "/" + key
		}
		if old, ok := q.sent[key]; ok { // accepted, and not delivered again
			m.id, m.sequence = old.id, old.sequence
			return m, nil
		}
		q.sequence++
		m.sequence = fmt.Sprintf("1885%016d", q.sequence)
		q.sent[key] = duplicate{now, m.id, m.sequence}
	}
	q.messages = append(q.messages, m)
	q.wake()
	return m, nil
}

// id makes the id of a message; s.mu is held.
func (s *Service) id() string {
	n := s.next()
	return fmt.Sprintf("%08x-5c3e-4b7a-9e1d-%012x", n, n)
}

// sender is who sends: on AWS the id of a user or a role's session.
func (s *Service) sender(c *wire.Call) string {
	switch {
	case c.AccessKeyID != "":
		return c.AccessKeyID
	case c.Role != "":
		return c.Role
	case c.Principal != "":
		return c.Principal
	}
	return s.account
}
