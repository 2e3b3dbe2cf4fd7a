package authz

import (
	"net/url"
	"strings"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// queue is the ARN of the queue that a request names by its address.
func queue(r Request) []string {
	u, err := url.Parse(r.text("QueueUrl"))
	if err != nil || u.Path == "" {
		return []string{r.arn("sqs", "*")}
	}
	return []string{r.arn("sqs", u.Path[strings.LastIndex(u.Path, "/")+1:])}
}

// sealed adds what a queue's key must allow: those who send need a data key,
// those who receive decrypt it (source: "Amazon SQS Key management").
func sealed(rule Rule, actions ...string) Rule {
	return func(r Request) []Need {
		needs := rule(r)
		address := r.text("QueueUrl")
		found := r.ask("sqs", "GetQueueAttributes", &awssqs.GetQueueAttributesInput{QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameKmsMasterKeyId}}, "Attributes")
		if len(found) != 1 || strings.Contains(found[0], "alias/aws/") {
			return needs
		}
		for _, action := range actions {
			needs = append(needs, Need{Action: action, Resource: r.key(found[0]), Context: policy.Context{"kms:viaservice": {"sqs." + r.Region + ".amazonaws.com"}}})
		}
		return needs
	}
}

var sqs = merge(
	map[string]Rule{
		"CreateQueue":                  and(on("sqs:CreateQueue", arn("sqs:{QueueName}")), when("Tags", on("sqs:TagQueue", arn("sqs:{QueueName}")))),
		"GetQueueUrl":                  on("sqs:GetQueueUrl", arn("sqs:{QueueName}")),
		"ListQueues":                   on("sqs:ListQueues", anything),
		"SendMessage":                  sealed(on("sqs:SendMessage", queue), "kms:GenerateDataKey", "kms:Decrypt"),
		"SendMessageBatch":             sealed(on("sqs:SendMessage", queue), "kms:GenerateDataKey", "kms:Decrypt"),
		"ReceiveMessage":               sealed(on("sqs:ReceiveMessage", queue), "kms:Decrypt"),
		"DeleteMessageBatch":           on("sqs:DeleteMessage", queue),
		"ChangeMessageVisibilityBatch": on("sqs:ChangeMessageVisibility", queue),
		"StartMessageMoveTask": and(on("sqs:StartMessageMoveTask", field("SourceArn")), on("sqs:ReceiveMessage", field("SourceArn")), on("sqs:DeleteMessage", field("SourceArn")),
			on("sqs:GetQueueAttributes", field("SourceArn")), when("DestinationArn", on("sqs:SendMessage", field("DestinationArn")))),
		"CancelMessageMoveTask": on("sqs:CancelMessageMoveTask", anything),
		"ListMessageMoveTasks":  on("sqs:ListMessageMoveTasks", field("SourceArn")),
	},
	same("sqs", queue, "DeleteMessage", "ChangeMessageVisibility", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "PurgeQueue", "AddPermission", "RemovePermission",
		"TagQueue", "UntagQueue", "ListQueueTags", "ListDeadLetterSourceQueues"),
)
