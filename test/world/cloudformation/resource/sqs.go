package resource

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type queue struct {
	ContentBasedDeduplication     *string
	DeduplicationScope            *string
	DelaySeconds                  *string
	FifoQueue                     *string
	FifoThroughputLimit           *string
	KmsDataKeyReusePeriodSeconds  *string
	KmsMasterKeyId                *string
	MaximumMessageSize            *string
	MessageRetentionPeriod        *string
	QueueName                     *string
	ReceiveMessageWaitTimeSeconds *string
	RedriveAllowPolicy            *Document
	RedrivePolicy                 *Document
	SqsManagedSseEnabled          *string
	Tags                          []Tag
	VisibilityTimeout             *string
}

// attributes are the queue's, as SQS names them.
func (p *queue) attributes() map[string]string {
	out := map[string]string{}
	for name, value := range map[string]*string{"ContentBasedDeduplication": p.ContentBasedDeduplication, "DeduplicationScope": p.DeduplicationScope, "DelaySeconds": p.DelaySeconds,
		"FifoQueue": p.FifoQueue, "FifoThroughputLimit": p.FifoThroughputLimit, "KmsDataKeyReusePeriodSeconds": p.KmsDataKeyReusePeriodSeconds, "KmsMasterKeyId": p.KmsMasterKeyId,
		"MaximumMessageSize": p.MaximumMessageSize, "MessageRetentionPeriod": p.MessageRetentionPeriod, "ReceiveMessageWaitTimeSeconds": p.ReceiveMessageWaitTimeSeconds,
		"RedriveAllowPolicy": p.RedriveAllowPolicy.text(), "RedrivePolicy": p.RedrivePolicy.text(), "SqsManagedSseEnabled": p.SqsManagedSseEnabled, "VisibilityTimeout": p.VisibilityTimeout} {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

// queueDefaults are what attributes go back to that a template has no longer
// (source: API reference of CreateQueue); of the others it is nothing.
var queueDefaults = map[string]string{"DelaySeconds": "0", "KmsDataKeyReusePeriodSeconds": "300", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
	"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30"}

type queuePolicy struct {
	PolicyDocument Document `cfn:"required"`
	Queues         []string `cfn:"required"`
}

func init() {
	register(definition[queue]{
		name: "AWS::SQS::Queue", nameProperty: "QueueName", replace: []string{"FifoQueue", "QueueName"}, attributes: []string{"Arn", "QueueName", "QueueUrl"},
		create: func(x *Context, p *queue) (string, error) {
			out, err := invoke[sqs.CreateQueueOutput](x, &sqs.CreateQueueInput{QueueName: x.Or(p.QueueName, 80), Attributes: p.attributes(), Tags: x.tags(p.Tags)})
			if err != nil {
				return "", err
			}
			return *out.QueueUrl, nil
		},
		read: func(x *Context, id string, _ *queue) (State, error) {
			out, err := invoke[sqs.GetQueueAttributesOutput](x, &sqs.GetQueueAttributesInput{QueueUrl: &id, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"Arn": out.Attributes["QueueArn"], "QueueName": lastOf(id, "/"), "QueueUrl": id}}, nil
		},
		update: func(x *Context, id string, old, p *queue) error {
			set, remove := changed(old.attributes(), p.attributes())
			for _, name := range remove {
				set[name] = queueDefaults[name]
			}
			if len(set) > 0 {
				if err := do(x, &sqs.SetQueueAttributesInput{QueueUrl: &id, Attributes: set}); err != nil {
					return err
				}
			}
			return retag(x, old.Tags, p.Tags,
				func(tags map[string]string) error { return do(x, &sqs.TagQueueInput{QueueUrl: &id, Tags: tags}) },
				func(keys []string) error { return do(x, &sqs.UntagQueueInput{QueueUrl: &id, TagKeys: keys}) })
		},
		remove: func(x *Context, id string, _ *queue) error { return do(x, &sqs.DeleteQueueInput{QueueUrl: &id}) },
	}, definition[queuePolicy]{
		name: "AWS::SQS::QueuePolicy", attributes: []string{"Id"},
		create: func(x *Context, p *queuePolicy) (string, error) { return x.Name(60), p.put(x) },
		read: func(_ *Context, id string, _ *queuePolicy) (State, error) {
			return State{Attributes: map[string]any{"Id": id}}, nil
		},
		update: func(x *Context, _ string, old, p *queuePolicy) error {
			if err := p.put(x); err != nil {
				return err
			}
			return old.reset(x, p.Queues)
		},
		remove: func(x *Context, _ string, p *queuePolicy) error { return p.reset(x, nil) },
	})
}

func setQueuePolicy(x *Context, url, policy string) error {
	return do(x, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": policy}})
}

func (p *queuePolicy) put(x *Context) error {
	for _, url := range p.Queues {
		if err := setQueuePolicy(x, url, string(p.PolicyDocument)); err != nil {
			return err
		}
	}
	return nil
}

// reset takes the policy of the queues that others has not away.
func (p *queuePolicy) reset(x *Context, others []string) error {
	for _, url := range p.Queues {
		if !contains(others, url) {
			if err := unlessGone(setQueuePolicy(x, url, "")); err != nil {
				return err
			}
		}
	}
	return nil
}
