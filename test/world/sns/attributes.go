package sns

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// topicAttributes are those that a standard topic's owner may set (source:
// SetTopicAttributes). But for Policy they are kept and shown only.
var topicAttributes = []string{"ApplicationFailureFeedbackRoleArn", "ApplicationSuccessFeedbackRoleArn", "ApplicationSuccessFeedbackSampleRate", "DeliveryPolicy", "DisplayName",
	"FirehoseFailureFeedbackRoleArn", "FirehoseSuccessFeedbackRoleArn", "FirehoseSuccessFeedbackSampleRate", "HTTPFailureFeedbackRoleArn", "HTTPSuccessFeedbackRoleArn",
	"HTTPSuccessFeedbackSampleRate", "KmsMasterKeyId", "LambdaFailureFeedbackRoleArn", "LambdaSuccessFeedbackRoleArn", "LambdaSuccessFeedbackSampleRate", "Policy",
	"SQSFailureFeedbackRoleArn", "SQSSuccessFeedbackRoleArn", "SQSSuccessFeedbackSampleRate", "SignatureVersion", "TracingConfig"}

func checkTopicAttribute(name, value string) error {
	if name == "FifoTopic" && value == "false" {
		return nil
	}
	if !slices.Contains(topicAttributes, name) {
		return invalid("AttributeName")
	}
	switch name {
	case "Policy":
		if _, err := policy.Parse(value, policy.Resource); err != nil && value != "" {
			return invalid("Policy Error: %v", err)
		}
	case "DisplayName":
		if len(value) > 100 {
			return invalid("DisplayName")
		}
	case "SignatureVersion":
		if value != "1" && value != "2" {
			return invalid("SignatureVersion")
		}
	case "TracingConfig":
		if value != "PassThrough" && value != "Active" {
			return invalid("TracingConfig")
		}
	case "DeliveryPolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalid("DeliveryPolicy: JSON parse error")
		}
	}
	return nil
}

// What a topic has that nobody set (source: answers of GetTopicAttributes in
// the SNS Developer Guide).
const (
	defaultPolicy = `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},` +
		`"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],` +
		`"Resource":"%s","Condition":{"StringEquals":{"AWS:SourceOwner":"%s"}}}]}`
	effectiveDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,` +
		`"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`
)

// attributesOf are all attributes of a topic; s.mu is held.
func (s *Service) attributesOf(t *topic) map[string]string {
	confirmed, pending := 0, 0
	for _, sub := range s.subscriptions {
		switch {
		case sub.topic != t.arn:
		case sub.pending:
			pending++
		default:
			confirmed++
		}
	}
	out := map[string]string{"TopicArn": t.arn, "Owner": s.account, "DisplayName": "", "SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending),
		"SubscriptionsDeleted": "0", "EffectiveDeliveryPolicy": effectiveDelivery, "Policy": fmt.Sprintf(defaultPolicy, t.arn, s.account)}
	for k, v := range t.attributes {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// GetTopicAttributes implements the API operation.
func (s *Service) GetTopicAttributes(_ *wire.Call, in *awssns.GetTopicAttributesInput) (*awssns.GetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	return &awssns.GetTopicAttributesOutput{Attributes: s.attributesOf(t)}, nil
}

// SetTopicAttributes implements the API operation; an empty value is the
// default again.
func (s *Service) SetTopicAttributes(_ *wire.Call, in *awssns.SetTopicAttributesInput) (*awssns.SetTopicAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	name, value := aws.ToString(in.AttributeName), aws.ToString(in.AttributeValue)
	if err := checkTopicAttribute(name, value); err != nil {
		return nil, err
	}
	t.attributes[name] = value
	return &awssns.SetTopicAttributesOutput{}, nil
}

const maxTags = 50

func tagsOf(list []types.Tag) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range list {
		k := aws.ToString(t.Key)
		if _, twice := out[k]; twice || k == "" || len(k) > 128 || len(aws.ToString(t.Value)) > 256 {
			return nil, invalid("Tags")
		}
		out[k] = aws.ToString(t.Value)
	}
	return out, nil
}

// tagged finds a topic for the operations on tags; s.mu is held.
func (s *Service) tagged(arn *string) (*topic, error) {
	t, ok := s.topics[aws.ToString(arn)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Resource does not exist")}
	}
	return t, nil
}

// TagResource implements the API operation.
func (s *Service) TagResource(_ *wire.Call, in *awssns.TagResourceInput) (*awssns.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	added, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(t.tags)
	maps.Copy(all, added)
	if len(all) > maxTags {
		return nil, &types.TagLimitExceededException{Message: aws.String("Could not complete request: tag quota of per resource exceeded")}
	}
	t.tags = all
	return &awssns.TagResourceOutput{}, nil
}

// UntagResource implements the API operation.
func (s *Service) UntagResource(_ *wire.Call, in *awssns.UntagResourceInput) (*awssns.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(t.tags, k)
	}
	return &awssns.UntagResourceOutput{}, nil
}

// ListTagsForResource implements the API operation.
func (s *Service) ListTagsForResource(_ *wire.Call, in *awssns.ListTagsForResourceInput) (*awssns.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &awssns.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(t.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(t.tags[k])})
	}
	return out, nil
}
