package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newAlerts makes the topic that people listen to, its policy, and the queue of
// what could not be delivered.
func newAlerts(scope constructs.Construct, a agent) (awssns.CfnTopic, awssns.CfnTopicPolicy, awssqs.CfnQueue) {
	topic := awssns.NewCfnTopic(scope, jsii.String("Topic"), &awssns.CfnTopicProps{TopicName: jsii.String(access.AlertsTopic), DisplayName: jsii.String("EKS upgrade agent"), KmsMasterKeyId: jsii.String(a.Key)})
	// A topic's policy replaces the default one; who is allowed by IAM still is.
	// EventBridge says neither rule nor account when it publishes: with a condition
	// every message would be lost without a word. A rule of another account needs a
	// role of its own to publish here. Source, "My rule ran, but I don't see any
	// messages published into my Amazon SNS topic":
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
	policy := awssns.NewCfnTopicPolicy(scope, jsii.String("TopicPolicy"), &awssns.CfnTopicPolicyProps{Topics: &[]*string{topic.Ref()}, PolicyDocument: document{
		onlyTLS("sns:Publish", a.Topic()),
		{"Sid": "AlarmsAndBudgetsOfThisAccount", "Effect": "Allow", "Principal": map[string]any{"Service": []any{"budgets.amazonaws.com", "cloudwatch.amazonaws.com"}},
			"Action": "sns:Publish", "Resource": a.Topic(), "Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": a.Account}}},
		{"Sid": "Rules", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": a.Topic()},
	}.json()})
	for i, address := range a.settings.AlertEmails {
		awssns.NewCfnSubscription(scope, jsii.String(fmt.Sprintf("Email%d", i+1)), &awssns.CfnSubscriptionProps{TopicArn: topic.Ref(), Protocol: jsii.String("email"), Endpoint: jsii.String(address)})
	}

	queue := awssqs.NewCfnQueue(scope, jsii.String("DeadLetters"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(access.DeadLetters), KmsMasterKeyId: jsii.String(a.Key), KmsDataKeyReusePeriodSeconds: jsii.Number(3600),
		MessageRetentionPeriod: jsii.Number(14 * 24 * 3600), VisibilityTimeout: jsii.Number(300)})
	awssqs.NewCfnQueuePolicy(scope, jsii.String("DeadLettersPolicy"), &awssqs.CfnQueuePolicyProps{Queues: &[]*string{queue.Ref()}, PolicyDocument: document{
		onlyTLS("sqs:*", a.Queue()),
		{"Sid": "RulesOfThisAccount", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": a.Queue(),
			"Condition": map[string]any{"ArnLike": map[string]any{"aws:SourceArn": "arn:" + a.Partition + ":events:" + a.Region + ":" + a.Account + ":rule/*"}}},
	}.json()})
	return topic, policy, queue
}
