package doctor

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// storage looks at the key, the tables, the bucket, the topic and the queue.
func (e *examination) storage(ctx context.Context) {
	const area = "storage"
	alias := access.KeyAlias
	if out, err := e.api.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias}); err != nil {
		e.failed(area, alias, awserr.Wrap("look at key "+alias, err), "kms:DescribeKey", "arn:"+e.Names.Partition+":kms:"+e.Names.Region+":"+e.Names.Account+":key/*", deployAgain)
	} else if !out.KeyMetadata.Enabled {
		e.add(area, alias, Missing, "the key is "+string(out.KeyMetadata.KeyState), "enable it: aws kms enable-key")
	} else {
		e.Names.Key = aws.ToString(out.KeyMetadata.Arn)
		e.ok(area, alias, "%s is enabled", last(e.Names.Key, "/"))
	}
	for _, table := range []string{access.Leases, access.Records, access.Approvals, access.Connections} {
		out, err := e.api.dynamodb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		switch {
		case err != nil:
			e.failed(area, table, awserr.Wrap("look at table "+table, err), "dynamodb:DescribeTable", e.Names.Table(table), deployAgain)
		case out.Table.TableStatus != "ACTIVE" && out.Table.TableStatus != "UPDATING": // one that is updated is served
			e.add(area, table, Missing, "it is "+string(out.Table.TableStatus), "wait until it is ACTIVE")
		default:
			e.ok(area, table, "%s, about %d items", out.Table.TableStatus, aws.ToInt64(out.Table.ItemCount))
		}
	}
	bucket := e.Names.Bucket()
	if _, err := e.api.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		e.failed(area, bucket, awserr.Wrap("look at bucket "+bucket, err), "s3:ListBucket", e.Names.BucketARN(), deployAgain)
	} else {
		e.ok(area, bucket, "it is there")
	}
	e.topic(ctx, area)
	queue := access.DeadLetters
	if out, err := e.api.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue}); err != nil {
		err = awserr.Wrap("look at queue "+queue, err)
		if awserr.Is(err, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue") {
			err = upgrade.KindAWSNotFound.Errorf("look at queue "+queue, "it does not exist")
		}
		e.failed(area, queue, err, "sqs:GetQueueUrl", e.Names.Queue(), deployAgain)
	} else {
		e.deadLetters(ctx, area, out.QueueUrl)
	}
}

// deadLetters counts what nobody could take: each is an event that was lost.
func (e *examination) deadLetters(ctx context.Context, area string, url *string) {
	out, err := e.api.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages"}})
	if err != nil {
		e.failed(area, access.DeadLetters, awserr.Wrap("look at queue "+access.DeadLetters, err), "sqs:GetQueueAttributes", e.Names.Queue(), deployAgain)
		return
	}
	if n := out.Attributes["ApproximateNumberOfMessages"]; n != "0" && n != "" {
		e.add(area, access.DeadLetters, Warning, n+" events could not be delivered", "read them, mend what they name, and purge the queue")
		return
	}
	e.ok(area, access.DeadLetters, "it is empty")
}

// topic looks whether anybody hears of approvals and alerts.
func (e *examination) topic(ctx context.Context, area string) {
	arn := e.Names.Topic()
	out, err := e.api.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err != nil {
		e.failed(area, access.AlertsTopic, awserr.Wrap("look at topic "+access.AlertsTopic, err), "sns:GetTopicAttributes", arn, deployAgain)
		return
	}
	if n := out.Attributes["SubscriptionsConfirmed"]; n == "" || n == "0" {
		e.add(area, access.AlertsTopic, Warning, "nobody listens: "+out.Attributes["SubscriptionsPending"]+" subscriptions wait to be confirmed",
			"confirm the subscription by the link in its mail, or add one: aws sns subscribe --topic-arn "+arn+" --protocol email --notification-endpoint ADDRESS")
		return
	}
	e.ok(area, access.AlertsTopic, "%s subscriptions", out.Attributes["SubscriptionsConfirmed"])
}

// builds looks at the CodeBuild projects and learns what they check out.
func (e *examination) builds(ctx context.Context) {
	const area = "builds"
	for _, b := range access.Builds() {
		out, err := e.api.codebuild.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{b.Name}})
		switch {
		case err != nil:
			e.failed(area, b.Name, awserr.Wrap("look at project "+b.Name, err), "codebuild:BatchGetProjects", e.Names.Project(b.Name), deployAgain)
			continue
		case len(out.Projects) == 0:
			e.add(area, b.Name, Missing, "CodeBuild knows no such project", deployAgain)
			continue
		}
		p := out.Projects[0]
		if p.Source != nil && p.Source.Type == "S3" {
			e.Names.Source = "arn:" + e.Names.Partition + ":s3:::" + aws.ToString(p.Source.Location)
		}
		if role := aws.ToString(p.ServiceRole); role != e.Names.Role(b.Name) {
			e.add(area, b.Name, Missing, fmt.Sprintf("it acts by %s instead of %s", role, e.Names.Role(b.Name)), deployAgain)
			continue
		}
		e.ok(area, b.Name, "runs on %s, stops after %d minutes", aws.ToString(p.Environment.Image), aws.ToInt32(p.TimeoutInMinutes))
	}
}

// events looks at the bus and the group of schedules.
func (e *examination) events(ctx context.Context) {
	const area = "events"
	bus, group := access.Bus, access.ScheduleGroup
	if _, err := e.api.events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &bus}); err != nil {
		e.failed(area, "bus "+bus, awserr.Wrap("look at bus "+bus, err), "events:DescribeEventBus", e.Names.EventBus(), deployAgain)
	} else {
		e.ok(area, "bus "+bus, "it is there")
	}
	out, err := e.api.scheduler.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: &group})
	switch {
	case err != nil:
		e.failed(area, "schedule group "+group, awserr.Wrap("look at schedule group "+group, err), "scheduler:GetScheduleGroup", "arn:"+e.Names.Partition+":scheduler:"+e.Names.Region+":"+e.Names.Account+":schedule-group/"+group, deployAgain)
	case out.State != "ACTIVE":
		e.add(area, "schedule group "+group, Missing, "it is "+string(out.State), deployAgain)
	default:
		e.ok(area, "schedule group "+group, "ACTIVE")
	}
}

// settings looks whether the settings can be listed. Their values are not read.
func (e *examination) settings(ctx context.Context) {
	const area = "settings"
	path, recursive := access.ConfigPath, true
	count := 0
	pages := ssm.NewGetParametersByPathPaginator(e.api.ssm, &ssm.GetParametersByPathInput{Path: &path, Recursive: &recursive})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			e.failed(area, path, awserr.Wrap("list the settings under "+path, err), "ssm:GetParametersByPath", e.Names.Parameters()[1], deployAgain)
			return
		}
		count += len(page.Parameters)
	}
	e.ok(area, path, "%d settings are stored; the others have their defaults", count)
}
