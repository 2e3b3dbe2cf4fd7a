package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// accessLogs is the name of the bucket that says who read and wrote artifacts.
func (a agent) accessLogs() string { return "eks-upgrade-access-logs-" + a.Account + "-" + a.Region }

// newBuckets makes the bucket of artifacts and the one of its access logs. Both
// outlive the stack: they are the evidence of what was done.
func newBuckets(scope constructs.Construct, a agent) {
	logs, mayWrite := newBucket(scope, "AccessLogs", a.accessLogs(), &awss3.CfnBucketProps{
		// S3 writes access logs to buckets with its own keys only. Source:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshooting-server-access-logging.html
		BucketEncryption: encryption(&awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: jsii.String("AES256")}),
		LifecycleConfiguration: lifecycle(&awss3.CfnBucket_RuleProperty{Id: jsii.String("expire"), Status: jsii.String("Enabled"), ExpirationInDays: jsii.Number(a.settings.LogRetentionDays),
			NoncurrentVersionExpiration: &awss3.CfnBucket_NoncurrentVersionExpirationProperty{NoncurrentDays: jsii.Number(1)}}),
	}, map[string]any{"Sid": "S3WritesAccessLogs", "Effect": "Allow", "Principal": map[string]any{"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject",
		"Resource":  "arn:" + a.Partition + ":s3:::" + a.accessLogs() + "/*",
		"Condition": map[string]any{"ArnLike": map[string]any{"aws:SourceArn": a.BucketARN()}, "StringEquals": map[string]any{"aws:SourceAccount": a.Account}}}, a)

	rule := &awss3.CfnBucket_RuleProperty{Id: jsii.String("expire"), Status: jsii.String("Enabled"),
		NoncurrentVersionExpiration: &awss3.CfnBucket_NoncurrentVersionExpirationProperty{NoncurrentDays: jsii.Number(a.settings.NoncurrentDays)}}
	if days := a.settings.ArtifactDays; days > 0 {
		rule.ExpirationInDays = jsii.Number(days)
	}
	artifacts, _ := newBucket(scope, "Artifacts", a.Bucket(), &awss3.CfnBucketProps{
		BucketEncryption:       encryption(&awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: jsii.String("aws:kms"), KmsMasterKeyId: jsii.String(a.Key)}),
		LifecycleConfiguration: lifecycle(rule),
		LoggingConfiguration:   &awss3.CfnBucket_LoggingConfigurationProperty{DestinationBucketName: logs.Ref(), LogFilePrefix: jsii.String("artifacts/")},
	}, nil, a)
	after(artifacts, logs, mayWrite)
}

// newBucket makes a bucket that is closed to the public, versioned and TLS only,
// and its policy.
func newBucket(scope constructs.Construct, id, name string, props *awss3.CfnBucketProps, statement map[string]any, a agent) (awss3.CfnBucket, awss3.CfnBucketPolicy) {
	props.BucketName = jsii.String(name)
	props.VersioningConfiguration = &awss3.CfnBucket_VersioningConfigurationProperty{Status: jsii.String("Enabled")}
	props.OwnershipControls = &awss3.CfnBucket_OwnershipControlsProperty{Rules: []any{&awss3.CfnBucket_OwnershipControlsRuleProperty{ObjectOwnership: jsii.String("BucketOwnerEnforced")}}}
	props.PublicAccessBlockConfiguration = &awss3.CfnBucket_PublicAccessBlockConfigurationProperty{
		BlockPublicAcls: jsii.Bool(true), BlockPublicPolicy: jsii.Bool(true), IgnorePublicAcls: jsii.Bool(true), RestrictPublicBuckets: jsii.Bool(true)}
	bucket := awss3.NewCfnBucket(scope, jsii.String(id), props)
	keep(bucket)
	arn := "arn:" + a.Partition + ":s3:::" + name
	old := onlyTLS("s3:*", arn, arn+"/*")
	old["Sid"], old["Condition"] = "OnlyTLS12", map[string]any{"NumericLessThan": map[string]any{"s3:TlsVersion": 1.2}}
	statements := document{onlyTLS("s3:*", arn, arn+"/*"), old}
	if statement != nil {
		statements = append(statements, statement)
	}
	policy := awss3.NewCfnBucketPolicy(scope, jsii.String(id+"Policy"), &awss3.CfnBucketPolicyProps{Bucket: jsii.String(name), PolicyDocument: statements.json()})
	after(policy, bucket)
	keep(policy) // a bucket that stays stays closed
	return bucket, policy
}

func encryption(by *awss3.CfnBucket_ServerSideEncryptionByDefaultProperty) any {
	return &awss3.CfnBucket_BucketEncryptionProperty{ServerSideEncryptionConfiguration: []any{
		&awss3.CfnBucket_ServerSideEncryptionRuleProperty{ServerSideEncryptionByDefault: by, BucketKeyEnabled: jsii.Bool(by.KmsMasterKeyId != nil)}}}
}

// lifecycle ends uploads that nobody completes, besides what a rule says.
func lifecycle(rule *awss3.CfnBucket_RuleProperty) any {
	return &awss3.CfnBucket_LifecycleConfigurationProperty{Rules: []any{rule, &awss3.CfnBucket_RuleProperty{
		Id: jsii.String("abort"), Status: jsii.String("Enabled"), AbortIncompleteMultipartUpload: &awss3.CfnBucket_AbortIncompleteMultipartUploadProperty{DaysAfterInitiation: jsii.Number(7)}}}}
}
