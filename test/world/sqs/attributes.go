package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// numbers are the attributes that are numbers, with their limits (source:
// SetQueueAttributes).
var numbers = map[string][2]int{
	"DelaySeconds": {0, 900}, "MaximumMessageSize": {1024, 1048576}, "MessageRetentionPeriod": {60, 1209600}, "ReceiveMessageWaitTimeSeconds": {0, 20},
	"VisibilityTimeout": {0, 43200}, "KmsDataKeyReusePeriodSeconds": {60, 86400},
}

// defaults are what a queue has that nobody set.
var defaults = map[string]string{"DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0",
	"VisibilityTimeout": "30", "SqsManagedSseEnabled": "true"}

var fifoDefaults = map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}

// redrive is a RedrivePolicy.
type redrive struct {
	Target string          `json:"deadLetterTargetArn"`
	Max    json.RawMessage `json:"maxReceiveCount"` // a number or a text
}

func (r redrive) max() int {
	n, _ := strconv.Atoi(strings.Trim(string(r.Max), `"`))
	return n
}

// redriveAllow is a RedriveAllowPolicy.
type redriveAllow struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns"`
}

// redrive is where the queue's dead letters go, if they go anywhere.
func (q *queue) redrive() (r redrive, ok bool) {
	text := q.given["RedrivePolicy"]
	if text == "" {
		return redrive{}, false
	}
	return r, json.Unmarshal([]byte(text), &r) == nil // it was checked when it was set
}

// attribute is the value of a queue's attribute that can be set.
func (q *queue) attribute(name string) string {
	if v, ok := q.given[name]; ok {
		return v
	}
	if v, ok := fifoDefaults[name]; ok && q.fifo {
		return v
	}
	if name == "SqsManagedSseEnabled" && q.given["KmsMasterKeyId"] != "" {
		return "false"
	}
	if name == "KmsDataKeyReusePeriodSeconds" && q.given["KmsMasterKeyId"] != "" {
		return "300"
	}
	return defaults[name]
}

// attributes are all of a queue; s.mu is held.
func (s *Service) attributes(q *queue) map[string]string {
	now := s.clock.Now()
	q.expire(now)
	out := map[string]string{"QueueArn": q.arn, "CreatedTimestamp": strconv.FormatInt(q.created.Unix(), 10), "LastModifiedTimestamp": strconv.FormatInt(q.modified.Unix(), 10)}
	visible, flying, delayed := q.counts(now)
	out["ApproximateNumberOfMessages"], out["ApproximateNumberOfMessagesNotVisible"], out["ApproximateNumberOfMessagesDelayed"] =
		strconv.Itoa(visible), strconv.Itoa(flying), strconv.Itoa(delayed)
	names := append(slices.Collect(maps.Keys(defaults)), slices.Collect(maps.Keys(q.given))...)
	names = append(names, "KmsDataKeyReusePeriodSeconds")
	if q.fifo {
		names = append(names, slices.Collect(maps.Keys(fifoDefaults))...)
	}
	for _, name := range names {
		if v := q.attribute(name); v != "" {
			out[name] = v
		}
	}
	return out
}

// set checks attributes and sets them; s.mu is held.
func (s *Service) set(q *queue, attributes map[string]string, creating bool) error {
	changed := *q
	changed.given = maps.Clone(q.given)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		if err := s.check(q, name, value, creating); err != nil {
			return err
		}
		changed.given[name] = value
		if value == "" {
			delete(changed.given, name)
		}
	}
	if changed.attribute("FifoThroughputLimit") == "perMessageGroupId" && changed.attribute("DeduplicationScope") != "messageGroup" {
		return wire.Errorf("InvalidParameterCombinationException", "The perMessageGroupId value for FifoThroughputLimit is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	if changed.given["KmsMasterKeyId"] != "" && changed.given["SqsManagedSseEnabled"] == "true" {
		if attributes["SqsManagedSseEnabled"] != "" && attributes["KmsMasterKeyId"] != "" {
			return &types.InvalidAttributeValue{Message: aws.String("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")}
		}
		if attributes["KmsMasterKeyId"] != "" { // the one that was set last holds
			delete(changed.given, "SqsManagedSseEnabled")
		} else {
			delete(changed.given, "KmsMasterKeyId")
		}
	}
	q.given, q.modified = changed.given, s.clock.Now()
	q.wake()
	return nil
}

func wrong(name string) error {
	return &types.InvalidAttributeValue{Message: aws.String("Invalid value for the parameter " + name + ".")}
}

// check refuses a value that an attribute cannot have.
func (s *Service) check(q *queue, name, value string, creating bool) error {
	if limits, ok := numbers[name]; ok {
		if n, err := strconv.Atoi(value); err != nil || n < limits[0] || n > limits[1] {
			return wrong(name)
		}
		return nil
	}
	boolean := func() error {
		if value != "true" && value != "false" {
			return wrong(name)
		}
		return nil
	}
	switch name {
	case "Policy":
		if value == "" {
			return nil
		}
		if _, err := policy.Parse(value, policy.Resource); err != nil {
			return wrong("Policy")
		}
	case "RedrivePolicy":
		return s.checkRedrive(q, value)
	case "RedriveAllowPolicy":
		return checkRedriveAllow(value)
	case "KmsMasterKeyId":
	case "SqsManagedSseEnabled":
		return boolean()
	case "FifoQueue":
		if !creating && (!q.fifo || value != "true") {
			return &types.InvalidAttributeValue{Message: aws.String("Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")}
		}
	case "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit":
		allowed := map[string][]string{"ContentBasedDeduplication": {"true", "false"}, "DeduplicationScope": {"messageGroup", "queue"}, "FifoThroughputLimit": {"perQueue", "perMessageGroupId"}}
		if !q.fifo {
			return &types.InvalidAttributeName{Message: aws.String("You can specify the " + name + " only when FifoQueue is set to true.")}
		}
		if !slices.Contains(allowed[name], value) {
			return wrong(name)
		}
	default:
		return &types.InvalidAttributeName{Message: aws.String("Unknown Attribute " + name + ".")}
	}
	return nil
}

var queueARN = regexp.MustCompile(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$`)

func (s *Service) checkRedrive(q *queue, value string) error {
	if value == "" {
		return nil
	}
	refuse := func(reason string) error {
		return wire.Errorf("InvalidParameterValueException", "Value %s for parameter RedrivePolicy is invalid. Reason: %s", value, reason)
	}
	var r redrive
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &r) != nil || json.Unmarshal([]byte(value), &members) != nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	for _, name := range []string{"deadLetterTargetArn", "maxReceiveCount"} {
		if _, ok := members[name]; !ok {
			return refuse("Redrive policy does not contain mandatory attribute: " + name + ".")
		}
	}
	if len(members) > 2 {
		return refuse("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
	}
	if n := r.max(); n < 1 || n > 1000 {
		return refuse("Invalid value for maxReceiveCount: " + strings.Trim(string(r.Max), `"`) + ", valid values are from 1 to 1000 both inclusive.")
	}
	if !queueARN.MatchString(r.Target) {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	dead := s.byARN(r.Target)
	if dead == nil && r.Target == q.arn {
		dead = q
	}
	if dead == nil {
		return refuse("Dead letter target does not exist.")
	}
	if dead.fifo != q.fifo {
		return refuse("Dead-letter queue must be same type of queue as the source.")
	}
	if allowed := dead.allow(); allowed.Permission == "denyAll" || allowed.Permission == "byQueue" && !slices.Contains(allowed.Sources, q.arn) {
		return refuse(fmt.Sprintf("Queue %s does not have permission to use %s as a dead-letter queue.", q.arn, dead.arn))
	}
	return nil
}

func (q *queue) allow() redriveAllow {
	var a redriveAllow
	if text := q.given["RedriveAllowPolicy"]; text != "" {
		_ = json.Unmarshal([]byte(text), &a) // it was checked when it was set
	}
	return a
}

func checkRedriveAllow(value string) error {
	if value == "" {
		return nil
	}
	refuse := func(reason string) error {
		return wire.Errorf("InvalidParameterValueException", "Value %s for parameter RedriveAllowPolicy is invalid. Reason: %s", value, reason)
	}
	var a redriveAllow
	if json.Unmarshal([]byte(value), &a) != nil {
		return refuse("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
	}
	switch a.Permission {
	case "allowAll", "denyAll":
		if len(a.Sources) > 0 {
			return refuse("Amazon SQS can't create the redrive allow policy. When you specify the " + a.Permission + " permission type, you can't specify any queue ARNs.")
		}
	case "byQueue":
		if len(a.Sources) == 0 || len(a.Sources) > 10 {
			return refuse("Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must specify one or more sourceQueueArns values.")
		}
	default:
		return refuse("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
	}
	return nil
}

// SetQueueAttributes sets attributes; they hold at once. An empty text takes one
// away.
func (s *Service) SetQueueAttributes(_ *wire.Call, in *awssqs.SetQueueAttributesInput) (*awssqs.SetQueueAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &awssqs.SetQueueAttributesOutput{}, s.set(q, in.Attributes, false)
}

// GetQueueAttributes shows attributes: those that are asked for, or All.
func (s *Service) GetQueueAttributes(_ *wire.Call, in *awssqs.GetQueueAttributesInput) (*awssqs.GetQueueAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	all := s.attributes(q)
	if slices.Contains(in.AttributeNames, types.QueueAttributeNameAll) {
		return &awssqs.GetQueueAttributesOutput{Attributes: all}, nil
	}
	out := map[string]string{}
	for _, name := range in.AttributeNames {
		if !slices.Contains(name.Values(), name) {
			return nil, &types.InvalidAttributeName{Message: aws.String("Unknown Attribute " + string(name) + ".")}
		}
		if v, ok := all[string(name)]; ok {
			out[string(name)] = v
		}
	}
	return &awssqs.GetQueueAttributesOutput{Attributes: out}, nil
}

// statement is one that AddPermission writes.
type statement struct {
	Sid       string
	Effect    string
	Principal map[string][]string
	Action    []string
	Resource  string
}

// AddPermission adds a statement to the queue's policy.
func (s *Service) AddPermission(_ *wire.Call, in *awssqs.AddPermissionInput) (*awssqs.AddPermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	label := aws.ToString(in.Label)
	if !queueName.MatchString(label) {
		return nil, invalidValue(label, "Label", "Label must be 1 to 80 alphanumeric characters, hyphens or underscores.")
	}
	doc, statements, err := q.statements()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(statements, func(st json.RawMessage) bool { return sid(st) == label }) {
		return nil, invalidValue(label, "Label", "Already exists.")
	}
	st := statement{Sid: label, Effect: "Allow", Principal: map[string][]string{}, Resource: q.arn}
	for _, account := range in.AWSAccountIds {
		st.Principal["AWS"] = append(st.Principal["AWS"], "arn:aws:iam::"+account+":root")
	}
	for _, action := range in.Actions {
		st.Action = append(st.Action, "SQS:"+action)
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	return &awssqs.AddPermissionOutput{}, s.setStatements(q, doc, append(statements, text))
}

// RemovePermission takes a statement of the queue's policy away.
func (s *Service) RemovePermission(_ *wire.Call, in *awssqs.RemovePermissionInput) (*awssqs.RemovePermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	doc, statements, err := q.statements()
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(statements), func(st json.RawMessage) bool { return sid(st) == aws.ToString(in.Label) })
	if len(left) == len(statements) {
		return nil, invalidValue(aws.ToString(in.Label), "Label", "can't find label on existing policy.")
	}
	return &awssqs.RemovePermissionOutput{}, s.setStatements(q, doc, left)
}

func (q *queue) statements() (doc map[string]json.RawMessage, statements []json.RawMessage, err error) {
	doc = map[string]json.RawMessage{"Version": json.RawMessage(`"2012-10-17"`), "Id": json.RawMessage(`"` + q.arn + `/SQSDefaultPolicy"`)}
	if text := q.given["Policy"]; text != "" {
		if err = json.Unmarshal([]byte(text), &doc); err != nil {
			return nil, nil, err
		}
		if err = json.Unmarshal(doc["Statement"], &statements); err != nil { // one statement may stand without a list
			statements = []json.RawMessage{doc["Statement"]}
		}
	}
	return doc, statements, nil
}

func (s *Service) setStatements(q *queue, doc map[string]json.RawMessage, statements []json.RawMessage) error {
	if len(statements) == 0 {
		return s.set(q, map[string]string{"Policy": ""}, false)
	}
	list, err := json.Marshal(statements)
	if err != nil {
		return err
	}
	doc["Statement"] = list
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return s.set(q, map[string]string{"Policy": string(text)}, false)
}

func sid(st json.RawMessage) string {
	var v struct{ Sid string }
	_ = json.Unmarshal(st, &v) // a statement without a Sid has no label
	return v.Sid
}
