package main

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func functionName(phase upgrade.Phase) string { return access.FunctionName(phase) }

// newFunctions makes one function a phase and returns their roles.
func newFunctions(scope constructs.Construct, a arns) map[upgrade.Phase]awsiam.Role {
	roles := map[upgrade.Phase]awsiam.Role{}
	for _, phase := range upgrade.Phases() {
		roles[phase] = newFunction(constructs.NewConstruct(scope, jsii.String(string(phase))), a, phase)
	}
	return roles
}

// memory is in MiB. Perceive and execute hold the objects of a whole cluster;
// reason holds all snapshots.
func memory(phase upgrade.Phase) float64 {
	switch phase {
	case upgrade.PhasePerceive, upgrade.PhaseReason, upgrade.PhaseExecute:
		return 1024
	}
	return 512
}

// timeout is in seconds, less than any state that invokes the function waits: a
// state that gives up invokes it again, and two must never act at a time.
func timeout(phase upgrade.Phase) float64 {
	switch phase {
	case upgrade.PhaseLease, upgrade.PhaseRecord:
		return 50
	case upgrade.PhaseApprove, upgrade.PhaseRollback, upgrade.PhaseReport:
		return 110
	case upgrade.PhasePerceive:
		return 590
	}
	return 290
}

func newFunction(scope constructs.Construct, a arns, phase upgrade.Phase) awsiam.Role {
	name := functionName(phase)
	group := "/aws/lambda/" + name
	role, fixed := newRole(scope, name, "lambda.amazonaws.com", nil, access.Function(name, a.Names))
	awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName: jsii.String(name),
		Description:  jsii.String("EKS upgrade agent: the " + string(phase) + " phase"),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(filepath.Join(a.Dist, string(phase)+".zip")), nil),
		MemorySize:   jsii.Number(memory(phase)),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(timeout(phase))),
		Environment:  a.environment(),
		Role:         fixed,
		LogGroup:     newLogGroup(scope, group),
		Tracing:      awslambda.Tracing_ACTIVE,
	})
	return role
}

// environment is the configuration that depends on the deployment; pkg/config
// says what else there is.
func (a arns) environment() *map[string]*string {
	return &map[string]*string{
		"EKS_UPGRADE_AGENT_BUCKET":             jsii.String(a.Bucket()),
		"EKS_UPGRADE_AGENT_NOTIFICATION_TOPIC": jsii.String(a.Topic()),
		"EKS_UPGRADE_AGENT_TABLES_LEASES":      jsii.String(leases),
		"EKS_UPGRADE_AGENT_TABLES_RECORDS":     jsii.String(records),
		"EKS_UPGRADE_AGENT_TABLES_APPROVALS":   jsii.String(approvals),
		"EKS_UPGRADE_AGENT_TERRAFORM_PROJECT":  jsii.String(provisionProject),
	}
}
