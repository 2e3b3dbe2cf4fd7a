package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newOutputs says what there is and what to run next, in order.
func newOutputs(stack awscdk.Stack, a agent, machines map[string]machine, urls map[string]*string) {
	output := func(name, description string, value *string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: value})
	}
	output("StateMachine", "what runs an upgrade; start this alias", machines[access.UpgradeMachine].alias.Ref())
	output("FleetStateMachine", "what runs the upgrades of many clusters; start this alias", machines[access.FleetMachine].alias.Ref())
	output("ArtifactsBucket", "bucket of snapshots, plans and reports", jsii.String(a.Bucket()))
	output("AlertsTopic", "topic that people subscribe to", jsii.String(a.Topic()))
	output("ApprovalURL", "approval API", urls[approvalURL])
	output("StreamURL", "WebSocket API of what happens: connect to it, signed", jsii.String(strings.Replace(*urls[streamURL], "https:", "wss:", 1)))

	output("Next1Secrets", "store secrets, if there are any", jsii.String("eks-upgrade config push --path "+access.ConfigPath+" --file config.yaml"))
	entries := "done by this stack for: " + strings.Join(a.settings.AccessEntries, ", ")
	if len(a.settings.AccessEntries) == 0 {
		var commands []string
		for _, r := range access.Roles(a.Names) {
			if r.Group != "" {
				commands = append(commands, fmt.Sprintf("aws eks create-access-entry --cluster-name CLUSTER --principal-arn %s --kubernetes-groups %s", a.Role(r.Name), r.Group))
			}
		}
		entries = strings.Join(commands, " && ")
	}
	output("Next2AccessEntries", "let the agent's roles into each cluster", jsii.String(entries))
	output("Next3Doctor", "see whether anything is missing", jsii.String("eks-upgrade doctor --cluster "+strings.TrimRight(a.Clusters[0], "*-")))
	output("Next4Start", "start an upgrade", jsii.String("aws stepfunctions start-execution --region "+a.Region+" --state-machine-arn "+a.Live(access.UpgradeMachine)+" --name NAME --input file://request.json"))
}
