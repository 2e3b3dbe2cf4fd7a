package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

const machineName = "eks-upgrade"

// newMachine makes the state machine of the very document that rehearsals run.
func newMachine(scope constructs.Construct, a arns) awsstepfunctions.StateMachine {
	_, role := newRole(scope, machineName+"-machine", "states.amazonaws.com", a.inThisAccount(), a.machine())
	return awsstepfunctions.NewStateMachine(scope, jsii.String("StateMachine"), &awsstepfunctions.StateMachineProps{
		StateMachineName: jsii.String(machineName),
		StateMachineType: awsstepfunctions.StateMachineType_STANDARD,
		DefinitionBody:   awsstepfunctions.DefinitionBody_FromString(jsii.String(string(statemachine.Upgrade))),
		Role:             role,
		Logs: &awsstepfunctions.LogOptions{
			// Log deliveries outside this prefix fill a policy of the account that
			// has a limit of size.
			Destination: newLogGroup(scope, "/aws/vendedlogs/states/"+machineName),
			Level:       awsstepfunctions.LogLevel_ALL,
			// The data holds the task token: whoever has it can approve.
			IncludeExecutionData: jsii.Bool(false),
		},
		TracingEnabled: jsii.Bool(true),
	})
}

// machine says what the tasks of the document need. Sources: the IAM policies
// of integrated services, of logging and of tracing in
// https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
func (a arns) machine() []awsiam.PolicyStatement {
	var functions []string
	for _, phase := range upgrade.Phases() {
		functions = append(functions, a.function(functionName(phase)))
	}
	return []awsiam.PolicyStatement{
		allow(functions, "lambda:InvokeFunction"),
		// A task that waits for a build stops it when it is itself stopped, and
		// hears of its end by a rule that Step Functions makes.
		allow(a.project(scanProject), "codebuild:StartBuild", "codebuild:StopBuild", "codebuild:BatchGetBuilds"),
		allow([]string{a.arn("events", "rule/StepFunctionsGetEventForCodeBuildStartBuildRule")}, "events:PutTargets", "events:PutRule", "events:DescribeRule"),
		allow([]string{a.topic()}, "sns:Publish"),
		// CloudWatch Logs knows no resources of log deliveries, X-Ray none of
		// traces.
		allow(everything, "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
			"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
		allow(everything, "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
	}
}
