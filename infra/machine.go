package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

const machineName = access.UpgradeMachine

// newMachine makes the state machine of the very document that rehearsals run.
func newMachine(scope constructs.Construct, a arns) awsstepfunctions.StateMachine {
	_, role := newRole(scope, access.MachineRole(machineName), "states.amazonaws.com", a.InThisAccount(), access.Machine(machineName, a.Names))
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
