package resource

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

type topic struct {
	DisplayName               *string
	FifoTopic                 *bool
	ContentBasedDeduplication *bool
	KmsMasterKeyId            *string
	SignatureVersion          *string
	Subscription              []struct {
		Endpoint string `cfn:"required"`
		Protocol string `cfn:"required"`
	}
	Tags          []Tag
	TopicName     *string
	TracingConfig *string
}

// attributes are the topic's, as SNS names them.
func (p *topic) attributes() map[string]string {
	out := map[string]string{}
	for name, value := range map[string]*string{"DisplayName": p.DisplayName, "KmsMasterKeyId": p.KmsMasterKeyId, "SignatureVersion": p.SignatureVersion, "TracingConfig": p.TracingConfig} {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

func snsTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func init() {
	register(definition[topic]{
		name: "AWS::SNS::Topic", nameProperty: "TopicName", replace: []string{"FifoTopic", "TopicName"}, attributes: []string{"TopicArn", "TopicName"}, takes: 10 * time.Second,
		create: createTopic,
		read: func(_ *Context, id string, _ *topic) (State, error) {
			return State{Attributes: map[string]any{"TopicArn": id, "TopicName": lastOf(id, ":")}}, nil
		},
		update: updateTopic,
		remove: func(x *Context, id string, _ *topic) error { return do(x, &sns.DeleteTopicInput{TopicArn: &id}) },
	}, definition[topicPolicy]{
		name: "AWS::SNS::TopicPolicy", attributes: []string{"Id"},
		create: func(x *Context, p *topicPolicy) (string, error) { return x.Name(60), p.put(x) },
		read: func(_ *Context, id string, _ *topicPolicy) (State, error) {
			return State{Attributes: map[string]any{"Id": id}}, nil
		},
		update: func(x *Context, _ string, old, p *topicPolicy) error {
			if err := p.put(x); err != nil {
				return err
			}
			return old.reset(x, p)
		},
		remove: func(x *Context, _ string, p *topicPolicy) error { return p.reset(x, &topicPolicy{}) },
	}, definition[inlineTopicPolicy]{
		name: "AWS::SNS::TopicInlinePolicy", replace: []string{"TopicArn"},
		create: func(x *Context, p *inlineTopicPolicy) (string, error) {
			return made(p.TopicArn, setPolicy(x, p.TopicArn, string(p.PolicyDocument)))
		},
		update: func(x *Context, id string, _, p *inlineTopicPolicy) error {
			return setPolicy(x, id, string(p.PolicyDocument))
		},
		remove: func(x *Context, id string, _ *inlineTopicPolicy) error {
			return setPolicy(x, id, defaultTopicPolicy(x, id))
		},
	}, definition[subscription]{
		name: "AWS::SNS::Subscription", replace: []string{"Endpoint", "Protocol", "TopicArn"}, attributes: []string{"Arn"},
		create: createSubscription,
		read: func(_ *Context, id string, _ *subscription) (State, error) {
			return State{Attributes: map[string]any{"Arn": id}}, nil
		},
		update: updateSubscription,
		remove: func(x *Context, id string, _ *subscription) error {
			if id == pending {
				return nil // AWS cannot delete it either; it ends unconfirmed
			}
			return do(x, &sns.UnsubscribeInput{SubscriptionArn: &id})
		},
	}, definition[logGroup]{
		name: "AWS::Logs::LogGroup", nameProperty: "LogGroupName", replace: []string{"LogGroupName"}, attributes: []string{"Arn"},
		create: createLogGroup, read: readLogGroup, update: updateLogGroup,
		remove: func(x *Context, id string, _ *logGroup) error {
			return do(x, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &id})
		},
	})
}

func createTopic(x *Context, p *topic) (string, error) {
	if p.FifoTopic != nil && *p.FifoTopic {
		return "", refuse("FifoTopic")
	}
	out, err := invoke[sns.CreateTopicOutput](x, &sns.CreateTopicInput{Name: x.Or(p.TopicName, 256), Attributes: p.attributes(), Tags: tagsAs(x.tags(p.Tags), snsTag)})
	if err != nil {
		return "", err
	}
	for _, s := range p.Subscription {
		if err := do(x, &sns.SubscribeInput{TopicArn: out.TopicArn, Endpoint: &s.Endpoint, Protocol: &s.Protocol}); err != nil {
			return *out.TopicArn, err
		}
	}
	return *out.TopicArn, nil
}

func updateTopic(x *Context, id string, old, p *topic) error {
	set, remove := changed(old.attributes(), p.attributes())
	for _, name := range remove {
		set[name] = ""
	}
	for name, value := range set {
		if err := do(x, &sns.SetTopicAttributesInput{TopicArn: &id, AttributeName: &name, AttributeValue: &value}); err != nil {
			return err
		}
	}
	for _, s := range p.Subscription { // SNS knows the ones that are there
		if err := do(x, &sns.SubscribeInput{TopicArn: &id, Endpoint: &s.Endpoint, Protocol: &s.Protocol}); err != nil {
			return err
		}
	}
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &sns.TagResourceInput{ResourceArn: &id, Tags: tagsAs(tags, snsTag)})
		},
		func(keys []string) error { return do(x, &sns.UntagResourceInput{ResourceArn: &id, TagKeys: keys}) })
}

type topicPolicy struct {
	PolicyDocument Document `cfn:"required"`
	Topics         []string `cfn:"required"`
}

type inlineTopicPolicy struct {
	PolicyDocument Document `cfn:"required"`
	TopicArn       string   `cfn:"required"`
}

func setPolicy(x *Context, topic, policy string) error {
	name := "Policy"
	return do(x, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: &name, AttributeValue: &policy})
}

// defaultTopicPolicy is what a topic without a policy has (source: API
// reference of SNS, and what GetTopicAttributes answers for a new topic).
func defaultTopicPolicy(x *Context, topic string) string {
	return JSON(map[string]any{"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": []any{map[string]any{"Sid": "__default_statement_ID", "Effect": "Allow",
		"Principal": map[string]any{"AWS": "*"}, "Resource": topic, "Condition": map[string]any{"StringEquals": map[string]any{"AWS:SourceOwner": x.Account}},
		"Action": []any{"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"}}}})
}

func (p *topicPolicy) put(x *Context) error {
	for _, arn := range p.Topics {
		if err := setPolicy(x, arn, string(p.PolicyDocument)); err != nil {
			return err
		}
	}
	return nil
}

// reset gives the topics of p that other has not their default policy back.
func (p *topicPolicy) reset(x *Context, other *topicPolicy) error {
	for _, arn := range p.Topics {
		if !contains(other.Topics, arn) {
			if err := unlessGone(setPolicy(x, arn, defaultTopicPolicy(x, arn))); err != nil {
				return err
			}
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// pending is what SNS answers for a subscription that waits to be confirmed.
const pending = "pending confirmation"

type subscription struct {
	DeliveryPolicy      *Document
	Endpoint            *string
	FilterPolicy        *Document
	FilterPolicyScope   *string
	Protocol            string `cfn:"required"`
	RawMessageDelivery  *string
	RedrivePolicy       *Document
	Region              *string
	SubscriptionRoleArn *string
	TopicArn            string `cfn:"required"`
}

func (p *subscription) attributes() map[string]string {
	out := map[string]string{}
	for name, value := range map[string]*string{"DeliveryPolicy": p.DeliveryPolicy.text(), "FilterPolicy": p.FilterPolicy.text(), "FilterPolicyScope": p.FilterPolicyScope,
		"RawMessageDelivery": p.RawMessageDelivery, "RedrivePolicy": p.RedrivePolicy.text(), "SubscriptionRoleArn": p.SubscriptionRoleArn} {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

func createSubscription(x *Context, p *subscription) (string, error) {
	out, err := invoke[sns.SubscribeOutput](x, &sns.SubscribeInput{TopicArn: &p.TopicArn, Protocol: &p.Protocol, Endpoint: p.Endpoint, Attributes: p.attributes(), ReturnSubscriptionArn: true})
	if err != nil {
		return "", err
	}
	return *out.SubscriptionArn, nil
}

func updateSubscription(x *Context, id string, old, p *subscription) error {
	set, remove := changed(old.attributes(), p.attributes())
	for _, name := range remove {
		set[name] = ""
		if name == "FilterPolicy" {
			set[name] = "{}"
		}
	}
	for name, value := range set {
		if err := do(x, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &id, AttributeName: &name, AttributeValue: &value}); err != nil {
			return err
		}
	}
	return nil
}

type logGroup struct {
	DataProtectionPolicy      *Document
	DeletionProtectionEnabled *bool
	FieldIndexPolicies        any
	KmsKeyId                  *string
	LogGroupClass             *string
	LogGroupName              *string
	RetentionInDays           *int32
	Tags                      []Tag
}

func createLogGroup(x *Context, p *logGroup) (string, error) {
	if p.DataProtectionPolicy != nil || p.FieldIndexPolicies != nil {
		return "", refuse("DataProtectionPolicy and FieldIndexPolicies")
	}
	name := x.Or(p.LogGroupName, 512)
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, DeletionProtectionEnabled: p.DeletionProtectionEnabled, KmsKeyId: p.KmsKeyId, Tags: x.tags(p.Tags)}
	if p.LogGroupClass != nil {
		in.LogGroupClass = logtypes.LogGroupClass(*p.LogGroupClass)
	}
	if err := do(x, in); err != nil {
		return "", err
	}
	return *name, p.retain(x, *name)
}

func (p *logGroup) retain(x *Context, name string) error {
	if p.RetentionInDays == nil {
		return nil
	}
	return do(x, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: p.RetentionInDays})
}

func readLogGroup(x *Context, id string, _ *logGroup) (State, error) {
	return State{Attributes: map[string]any{"Arn": x.ARN("logs", "log-group:"+id+":*")}}, nil
}

func updateLogGroup(x *Context, id string, old, p *logGroup) error {
	if JSON(old.KmsKeyId) != JSON(p.KmsKeyId) || JSON(old.LogGroupClass) != JSON(p.LogGroupClass) || JSON(old.DeletionProtectionEnabled) != JSON(p.DeletionProtectionEnabled) {
		return refuse("a change of KmsKeyId, LogGroupClass or DeletionProtectionEnabled")
	}
	if p.RetentionInDays == nil && old.RetentionInDays != nil {
		if err := do(x, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &id}); err != nil {
			return err
		}
	}
	if err := p.retain(x, id); err != nil {
		return err
	}
	arn := x.ARN("logs", "log-group:"+id)
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: tags})
		},
		func(keys []string) error {
			return do(x, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
		})
}
