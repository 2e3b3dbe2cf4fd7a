package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

const (
	leases    = access.Leases
	records   = access.Records
	approvals = access.Approvals
	topicName = access.AlertsTopic
)

// newStorage makes the tables, the bucket of artifacts and the topic of people.
// Tables and bucket outlive the stack: they are the evidence of what was done,
// and the leases keep others from clusters that are not clean.
func newStorage(scope constructs.Construct, a arns) (awss3.Bucket, awssns.Topic) {
	for _, t := range []struct{ id, name, partition, sort string }{
		{"Leases", leases, "cluster", ""},
		{"Records", records, "upgrade", "key"},
		{"Approvals", approvals, "upgrade", ""},
	} {
		props := &awsdynamodb.TableProps{
			TableName:                        jsii.String(t.name),
			PartitionKey:                     text(t.partition),
			BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
			PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
			DeletionProtection:               jsii.Bool(true),
			RemovalPolicy:                    awscdk.RemovalPolicy_RETAIN,
		}
		if t.sort != "" {
			props.SortKey = text(t.sort)
		}
		awsdynamodb.NewTable(scope, jsii.String(t.id), props)
	}
	bucket := awss3.NewBucket(scope, jsii.String("Artifacts"), &awss3.BucketProps{
		BucketName:        jsii.String(a.Bucket()),
		Versioned:         jsii.Bool(true),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
	bucket.Policy().ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN) // a bucket that stays stays closed
	topic := awssns.NewTopic(scope, jsii.String("Alerts"), &awssns.TopicProps{TopicName: jsii.String(topicName), EnforceSSL: jsii.Bool(true)})
	return bucket, topic
}

func text(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

// newLogGroup makes a log group that goes with the stack: a log of the same
// name that stayed would keep the stack from being deployed again.
func newLogGroup(scope constructs.Construct, name string) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(name),
		Retention:     awslogs.RetentionDays_SIX_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}
