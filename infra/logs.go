package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newLog makes a log group that goes with the stack: a log of the same name
// that stayed would keep the stack from being deployed again.
func newLog(scope constructs.Construct, a agent, name string) awslogs.CfnLogGroup {
	return awslogs.NewCfnLogGroup(scope, jsii.String("Log"), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String(name), RetentionInDays: jsii.Number(a.settings.LogRetentionDays), KmsKeyId: jsii.String(a.Key)})
}
