package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

// documents by state machine: the very ones that rehearsals run.
var documents = map[string][]byte{access.UpgradeMachine: statemachine.Upgrade, access.FleetMachine: statemachine.Fleet}

// machine is a state machine with the alias by which it is started.
type machine struct {
	awsstepfunctions.CfnStateMachine
	alias awsstepfunctions.CfnStateMachineAlias
}

// newMachines makes the state machines of pkg/access, by name.
//
// Each has a published version and the alias "live" that points to it. The
// version is of the machine's revision, which AWS makes anew when the document,
// the role or the logging changes: then CloudFormation publishes a new version,
// and afterwards points the alias to it. Old versions stay, so that running
// executions end by the document that they began with, and so that the alias can
// be set back by hand. Source:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-stepfunctions-statemachineversion.html
func newMachines(scope constructs.Construct, a agent) map[string]machine {
	all := map[string]machine{}
	for _, m := range access.Machines() {
		all[m.Name] = newMachine(part(scope, m.Name), a, m)
	}
	return all
}

// documentIn returns the document of a machine for a partition: the ARNs of
// integrations name it. Source:
// https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
func documentIn(partition, machine string) []byte {
	return bytes.ReplaceAll(documents[machine], []byte(`"arn:aws:states:::`), []byte(`"arn:`+partition+`:states:::`))
}

func newMachine(scope constructs.Construct, a agent, m access.Part) machine {
	text := documentIn(a.Partition, m.Name)
	// Log deliveries outside this prefix fill a policy of the account that has a
	// limit of size.
	log := newLog(scope, a, "/aws/vendedlogs/states/"+m.Name)
	role := newRole(scope, a.roleNamed(access.MachineRole(m.Name)))
	states := awsstepfunctions.NewCfnStateMachine(scope, jsii.String("StateMachine"), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: jsii.String(m.Name),
		StateMachineType: jsii.String("STANDARD"),
		DefinitionString: jsii.String(string(text)),
		RoleArn:          role.AttrArn(),
		LoggingConfiguration: &awsstepfunctions.CfnStateMachine_LoggingConfigurationProperty{
			Level: jsii.String("ALL"),
			// The data holds the task token: whoever has it can approve.
			IncludeExecutionData: jsii.Bool(false),
			Destinations: []any{&awsstepfunctions.CfnStateMachine_LogDestinationProperty{
				CloudWatchLogsLogGroup: &awsstepfunctions.CfnStateMachine_CloudWatchLogsLogGroupProperty{LogGroupArn: log.AttrArn()}}},
		},
		TracingConfiguration: &awsstepfunctions.CfnStateMachine_TracingConfigurationProperty{Enabled: jsii.Bool(true)},
	})
	sum := sha256.Sum256(text)
	version := awsstepfunctions.NewCfnStateMachineVersion(scope, jsii.String("Version"), &awsstepfunctions.CfnStateMachineVersionProps{
		StateMachineArn: states.Ref(), StateMachineRevisionId: states.AttrStateMachineRevisionId(),
		Description: jsii.String("document " + hex.EncodeToString(sum[:6]))})
	version.CfnOptions().SetUpdateReplacePolicy(awscdk.CfnDeletionPolicy_RETAIN)
	version.CfnOptions().SetDeletionPolicy(awscdk.CfnDeletionPolicy_DELETE)
	alias := awsstepfunctions.NewCfnStateMachineAlias(scope, jsii.String("Live"), &awsstepfunctions.CfnStateMachineAliasProps{
		Name: jsii.String(access.LiveAlias), Description: jsii.String("what schedules, events and people start"),
		RoutingConfiguration: []any{&awsstepfunctions.CfnStateMachineAlias_RoutingConfigurationVersionProperty{StateMachineVersionArn: version.Ref(), Weight: jsii.Number(100)}}})
	return machine{states, alias}
}
