package sns

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// retries is how SNS tries Lambda and SQS again: 100,015 times over 23 days
// (source: "Amazon SNS message delivery retries").
var retries = delivery.Policy{Retries: 100_015, Age: 23 * 24 * time.Hour}

// Signatures are not simulated: their place is taken as in Lambda's test event.
const example = "EXAMPLE"

// notification is a message as endpoints get it, in the order in which AWS writes
// its members.
type notification struct {
	Type              string
	MessageID         string `json:"MessageId"`
	TopicArn          string
	Subject           *string `json:",omitempty"`
	Message           string
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string
	UnsubscribeURL    string
	MessageAttributes map[string]attribute `json:",omitempty"`
}

type attribute struct{ Type, Value string }

func (m Message) attributes() map[string]attribute {
	out := map[string]attribute{}
	for name, a := range m.Attributes {
		value := aws.ToString(a.StringValue)
		if a.BinaryValue != nil {
			value = base64.StdEncoding.EncodeToString(a.BinaryValue)
		}
		out[name] = attribute{aws.ToString(a.DataType), value}
	}
	return out
}

// deliver hands a message to a function's queue or to a queue; what cannot be
// delivered goes to the subscription's dead letters.
func (s *Service) deliver(sub subscription, m Message, group string) {
	n := notification{Type: "Notification", MessageID: m.ID, TopicArn: m.TopicArn, Message: m.Body, Timestamp: m.Time.UTC().Format("2006-01-02T15:04:05.000Z"), SignatureVersion: "1",
		Signature: example, SigningCertURL: example, UnsubscribeURL: example, MessageAttributes: m.attributes()}
	if m.Subject != "" {
		n.Subject = &m.Subject
	}
	body, err := json.Marshal(n)
	if err != nil {
		s.failed(err)
		return
	}
	letter := queued(sub, m, string(body), group)
	drop := func(err error) { s.drop(sub, m, letter, err) }
	if sub.protocol == "sqs" {
		s.sender.Retry(func() error {
			address := delivery.QueueURL(sub.endpoint)
			in := letter
			in.QueueUrl = &address
			_, err := s.sender.Call("sqs", "SendMessage", delivery.Request{SourceArn: m.TopicArn}, &in)
			return err
		}, retries, s.clock.Now(), drop)
		return
	}
	payload, err := json.Marshal(map[string]any{"Records": []any{map[string]any{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": sub.arn, "Sns": lambdaEvent(n)}}})
	if err != nil {
		drop(err)
		return
	}
	s.sender.Deliver(delivery.Request{ARN: sub.endpoint, SourceArn: m.TopicArn, Payload: payload}, retries, s.clock.Now(), drop)
}

// lambdaEvent is a notification as functions get it: with a subject, be it null,
// and addresses that are spelled another way.
func lambdaEvent(n notification) map[string]any {
	return map[string]any{"Type": n.Type, "MessageId": n.MessageID, "TopicArn": n.TopicArn, "Subject": n.Subject, "Message": n.Message, "Timestamp": n.Timestamp,
		"SignatureVersion": n.SignatureVersion, "Signature": example, "SigningCertUrl": example, "UnsubscribeUrl": example, "MessageAttributes": n.MessageAttributes}
}

// queued is a message as a queue gets it: in an envelope, or raw with its
// attributes.
func queued(sub subscription, m Message, envelope, group string) sqs.SendMessageInput {
	in := sqs.SendMessageInput{MessageBody: &envelope}
	if group != "" {
		in.MessageGroupId = &group
	}
	if sub.attributes["RawMessageDelivery"] != "true" {
		return in
	}
	in.MessageBody = &m.Body
	for name, a := range m.Attributes {
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return in
}

// deadLetters reads a RedrivePolicy.
func deadLetters(text string) (arn string, err error) {
	if text == "" {
		return "", nil
	}
	var p struct {
		Target *string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(text), &p) != nil || p.Target == nil {
		return "", invalid("RedrivePolicy: must be a JSON object with the member deadLetterTargetArn")
	}
	if !delivery.IsQueue(*p.Target) {
		return "", invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
	}
	return *p.Target, nil
}

// drop gives a delivery up: the message goes to the subscription's dead letters
// (source: "Amazon SNS dead-letter queues").
func (s *Service) drop(sub subscription, m Message, letter sqs.SendMessageInput, err error) {
	err = fmt.Errorf("sns: message %s to %s: %w", m.ID, sub.endpoint, err)
	dead, _ := deadLetters(sub.attributes["RedrivePolicy"]) // it was checked when it was set
	if dead != "" {
		info := wire.Describe(err)
		address, kind, number := delivery.QueueURL(dead), "String", "Number"
		letter.QueueUrl = &address
		attributes := map[string]sqstypes.MessageAttributeValue{"RequestID": {DataType: &kind, StringValue: aws.String(m.ID)},
			"ErrorCode": {DataType: &number, StringValue: aws.String(strconv.Itoa(info.Status))}, "ErrorMessage": {DataType: &kind, StringValue: &info.Message}}
		for name, a := range letter.MessageAttributes {
			if len(attributes) < 10 {
				attributes[name] = a
			}
		}
		letter.MessageAttributes = attributes
		if _, lost := s.sender.Call("sqs", "SendMessage", delivery.Request{SourceArn: m.TopicArn}, &letter); lost != nil {
			err = fmt.Errorf("%w; to its dead letters: %w", err, lost)
		}
	}
	s.failed(err)
}
