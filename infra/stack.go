package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const stackName = "EksUpgradeAgent"

// newStack makes the whole agent.
func newStack(app awscdk.App, s Settings) awscdk.Stack {
	stack := awscdk.NewStack(app, jsii.String(stackName), &awscdk.StackProps{
		Description: jsii.String("EKS upgrade agent: upgrades EKS clusters blue/green"),
		Env:         &awscdk.Environment{Account: jsii.String(s.Account), Region: jsii.String(s.Region)},
	})
	a := s.names(*stack.Partition())
	part := func(name string) constructs.Construct { return constructs.NewConstruct(stack, jsii.String(name)) }
	bucket, topic := newStorage(part("Storage"), a)
	functions := newFunctions(part("Functions"), a)
	builds := newBuilds(part("Builds"), a)
	machine := newMachine(part("Machine"), a)

	output := func(name, description string, value *string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: value})
	}
	output("StateMachine", "ARN of the state machine that runs an upgrade", machine.StateMachineArn())
	output("Artifacts", "bucket of snapshots, plans and reports", bucket.BucketName())
	output("Alerts", "ARN of the topic that people subscribe to", topic.TopicArn())
	for _, r := range []struct {
		name, access string
		role         awsiam.Role
	}{
		{"PerceiveRole", "read", functions[upgrade.PhasePerceive]},
		{"ValidateRole", "read", functions[upgrade.PhaseValidate]},
		{"ScanRole", "read", builds[scanProject]},
		{"ExecuteRole", "read and write", functions[upgrade.PhaseExecute]},
	} {
		output(r.name, "role to "+r.access+" in each cluster; give it an access entry", r.role.RoleArn())
	}
	return stack
}
