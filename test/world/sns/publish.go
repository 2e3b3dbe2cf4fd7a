package sns

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Publish implements the API operation.
func (s *Service) Publish(_ *wire.Call, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	if in.PhoneNumber != nil {
		return nil, invalid("PhoneNumber: the simulated AWS sends no SMS")
	}
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	if arn == nil {
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	id, err := s.publish(arn, draft{in.Message, in.Subject, in.MessageStructure, in.MessageAttributes, in.MessageGroupId, in.MessageDeduplicationId})
	if err != nil {
		return nil, err
	}
	return &awssns.PublishOutput{MessageId: &id}, nil
}

// PublishBatch implements the API operation. Entries fail one by one.
func (s *Service) PublishBatch(_ *wire.Call, in *awssns.PublishBatchInput) (*awssns.PublishBatchOutput, error) {
	s.mu.Lock()
	_, err := s.topic(in.TopicArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	entries := in.PublishBatchRequestEntries
	switch {
	case len(entries) == 0:
		return nil, &types.EmptyBatchRequestException{Message: aws.String("The batch request doesn't contain any entries.")}
	case len(entries) > 10:
		return nil, &types.TooManyEntriesInBatchRequestException{Message: aws.String("The batch request contains more entries than permissible (10).")}
	}
	var ids []string
	size := 0
	for _, e := range entries {
		id := aws.ToString(e.Id)
		if !batchID.MatchString(id) {
			return nil, &types.InvalidBatchEntryIdException{Message: aws.String("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")}
		}
		if slices.Contains(ids, id) {
			return nil, &types.BatchEntryIdsNotDistinctException{Message: aws.String("Two or more batch entries in the request have the same Id.")}
		}
		ids = append(ids, id)
		size += len(aws.ToString(e.Message))
	}
	if size > maxMessage {
		return nil, &types.BatchRequestTooLongException{Message: aws.String("The length of all the messages put together is more than the limit.")}
	}
	out := &awssns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range entries {
		id, err := s.publish(in.TopicArn, draft{e.Message, e.Subject, e.MessageStructure, e.MessageAttributes, e.MessageGroupId, e.MessageDeduplicationId})
		if err != nil {
			info := wire.Describe(err)
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: &info.Code, Message: &info.Message, SenderFault: true})
			continue
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id, MessageId: &id})
	}
	return out, nil
}

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// draft is a message that is to be published.
type draft struct {
	message, subject, structure *string
	attributes                  map[string]types.MessageAttributeValue
	group, deduplication        *string
}

// bodies checks a message and returns what the endpoints get: by protocol where
// the message says so, else the default.
func (d draft) bodies() (map[string]string, error) {
	body := aws.ToString(d.message)
	switch subject := aws.ToString(d.subject); {
	case body == "":
		return nil, invalid("Empty message")
	case len(body) > maxMessage:
		return nil, invalid("Message too long")
	case d.subject != nil && (subject == "" || len(subject) > maxSubject || !printable(subject)):
		return nil, invalid("Subject")
	case d.deduplication != nil:
		return nil, invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
	case d.structure != nil && *d.structure != "json":
		return nil, invalid("MessageStructure")
	}
	if err := checkAttributes(d.attributes); err != nil {
		return nil, err
	}
	if d.structure == nil {
		return map[string]string{"default": body}, nil
	}
	all := map[string]any{}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return nil, invalid("Message Structure - JSON message body failed to parse")
	}
	out := map[string]string{}
	for protocol, v := range all {
		if text, ok := v.(string); ok {
			out[protocol] = text
		}
	}
	if out["default"] == "" {
		return nil, invalid("Message Structure - No default entry in JSON message body")
	}
	return out, nil
}

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\..+)?$`)
)

func checkAttributes(attributes map[string]types.MessageAttributeValue) error {
	refuse := func(format string, args ...any) error {
		return &types.InvalidParameterValueException{Message: aws.String(fmt.Sprintf(format, args...))}
	}
	for name, a := range attributes {
		kind := aws.ToString(a.DataType)
		switch {
		case !attributeName.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "aws.") || strings.HasPrefix(strings.ToLower(name), "amazon."):
			return refuse("Invalid attribute name: %s", name)
		case kind == "":
			return refuse("The message attribute '%s' must contain a non-empty message attribute type.", name)
		case !attributeType.MatchString(kind):
			return refuse("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case strings.HasPrefix(kind, "Binary") && len(a.BinaryValue) == 0, !strings.HasPrefix(kind, "Binary") && aws.ToString(a.StringValue) == "":
			return refuse("The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, kind)
		}
		if _, isNumber := decoded(aws.ToString(a.StringValue)).(json.Number); kind == "Number" && !isNumber {
			return refuse("Could not cast message attribute '%s' value to number.", name)
		}
	}
	return nil
}

// printable reports what SNS asks of subjects: ASCII without line breaks that
// begins with a letter, number or punctuation.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	first, _ := utf8.DecodeRuneInString(s)
	return first != ' '
}

// publish keeps a message and sends it to the functions and queues that want it.
func (s *Service) publish(arn *string, d draft) (id string, err error) {
	bodies, err := d.bodies()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	t, err := s.topic(arn)
	if err != nil {
		s.mu.Unlock()
		return "", err
	}
	s.count++
	m := Message{ID: fmt.Sprintf("%08x-2b4d-4f6a-8c0e-%012x", s.count, s.count), TopicArn: t.arn, Subject: aws.ToString(d.subject),
		Body: bodies["default"], Attributes: d.attributes, Time: s.clock.Now()}
	s.messages = append(s.messages, m)
	var to []subscription
	for _, sub := range s.subscriptions {
		if sub.topic == t.arn && (sub.protocol == "lambda" || sub.protocol == "sqs") && sub.filter.wants(m.Body, m.Attributes) {
			to = append(to, *sub)
		}
	}
	s.mu.Unlock()
	for _, sub := range to {
		own := m
		if body, ok := bodies[sub.protocol]; ok {
			own.Body = body
		}
		s.deliver(sub, own, aws.ToString(d.group))
	}
	return m.ID, nil
}

func (s *Service) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undelivered = append(s.undelivered, err)
}
