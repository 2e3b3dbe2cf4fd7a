package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// asynchronous are the functions whose caller does not wait: what they could not
// do goes to the queue of dead letters.
var asynchronous = []string{access.StreamFunction, access.SurveyFunction}

// function is a function with the role that it has.
type function struct {
	awslambda.CfnFunction
	role awsiam.CfnRole
}

// newFunctions makes the functions of pkg/access, by name. groups are the
// security groups of a VPC; urls is the configuration that only AWS knows.
func newFunctions(scope constructs.Construct, a agent, queue awssqs.CfnQueue, groups []*string, urls map[string]*string) map[string]function {
	all := map[string]function{}
	for _, f := range access.Functions() {
		all[f.Name] = newFunction(part(scope, strings.TrimPrefix(f.Name, "eks-upgrade-")), a, f, groups, urls)
	}
	for _, name := range asynchronous {
		f := all[name]
		f.SetDeadLetterConfig(&awslambda.CfnFunction_DeadLetterConfigProperty{TargetArn: queue.AttrArn()})
		awslambda.NewCfnEventInvokeConfig(f.CfnFunction, jsii.String("Asynchronous"), &awslambda.CfnEventInvokeConfigProps{
			FunctionName: f.Ref(), Qualifier: jsii.String("$LATEST"), MaximumRetryAttempts: jsii.Number(2), MaximumEventAgeInSeconds: jsii.Number(3600)})
	}
	return all
}

func newFunction(scope constructs.Construct, a agent, f access.Part, groups []*string, urls map[string]*string) function {
	code := awss3assets.NewAsset(scope, jsii.String("Code"), &awss3assets.AssetProps{Path: jsii.String(zipOf(a.dist, f.Name))})
	log := newLog(scope, a, "/aws/lambda/"+f.Name)
	role := newRole(scope, a.roleNamed(f.Name))
	props := &awslambda.CfnFunctionProps{
		FunctionName:  jsii.String(f.Name),
		Description:   jsii.String("EKS upgrade agent: " + f.Purpose),
		Runtime:       jsii.String("provided.al2023"),
		Architectures: jsii.Strings(a.settings.Architecture),
		Handler:       jsii.String("bootstrap"),
		Code:          &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
		MemorySize:    jsii.Number(deploy.Sizes()[f.Name].MemoryMiB),
		Timeout:       jsii.Number(deploy.Sizes()[f.Name].Timeout.Seconds()),
		Environment:   &awslambda.CfnFunction_EnvironmentProperty{Variables: a.environment(f.Name, urls)},
		Role:          role.AttrArn(),
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogGroup: log.Ref()},
		TracingConfig: &awslambda.CfnFunction_TracingConfigProperty{Mode: jsii.String("Active")},
	}
	if n := a.settings.ReservedConcurrency; n > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(n)
	}
	if groups != nil {
		props.VpcConfig = &awslambda.CfnFunction_VpcConfigProperty{SubnetIds: jsii.Strings(a.settings.VPC.Subnets...), SecurityGroupIds: &groups}
	}
	return function{awslambda.NewCfnFunction(scope, jsii.String("Function"), props), role}
}

// environment is the configuration that depends on the deployment; pkg/config
// says what else there is. It has no secrets: those are in Parameter Store,
// under the path.
func (a agent) environment(function string, urls map[string]*string) *map[string]*string {
	out := map[string]*string{
		"EKS_UPGRADE_AGENT_CONFIG_PATH":        jsii.String(access.ConfigPath),
		"EKS_UPGRADE_AGENT_BUCKET":             jsii.String(a.Bucket()),
		"EKS_UPGRADE_AGENT_NOTIFICATION_TOPIC": jsii.String(a.Topic()),
		"EKS_UPGRADE_AGENT_TABLES_LEASES":      jsii.String(access.Leases),
		"EKS_UPGRADE_AGENT_TABLES_RECORDS":     jsii.String(access.Records),
		"EKS_UPGRADE_AGENT_TABLES_APPROVALS":   jsii.String(access.Approvals),
		"EKS_UPGRADE_AGENT_TABLES_CONNECTIONS": jsii.String(access.Connections),
		"EKS_UPGRADE_AGENT_TERRAFORM_PROJECT":  jsii.String(access.ProvisionProject),
		"EKS_UPGRADE_AGENT_EVENTS_BUS":         jsii.String(access.Bus),
	}
	for name, value := range urls {
		out[name] = value
	}
	return &out
}
