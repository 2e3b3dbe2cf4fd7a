package main

import (
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
	output(access.ApprovalOutput, "approval API", urls[approvalURL])
	output(access.StreamOutput, "WebSocket API of what happens: connect to it, signed", jsii.String(strings.Replace(*urls[streamURL], "https:", "wss:", 1)))

	output("Next1Secrets", "store secrets, if there are any; the webhook of a chat for instance", jsii.String("eks-upgrade config push --secret notification.webhook=@webhook.txt"))
	entries := "eks-upgrade access"
	if n := len(a.settings.AccessEntries); n > 0 {
		entries = "done by this stack for " + strings.Join(a.settings.AccessEntries, ", ") + "; for others: eks-upgrade access --cluster CLUSTER"
	}
	output("Next2AccessEntries", "print the commands that let the agent's roles into the clusters, and run them", jsii.String(entries))
	output("Next3Manifest", "give them their Kubernetes permissions, in each cluster", jsii.String("eks-upgrade access --output manifest | kubectl apply -f -"))
	output("Next4Doctor", "see whether anything is missing", jsii.String("eks-upgrade doctor"))
	output("Next5Start", "start an upgrade; or: eks-upgrade start request.yaml", jsii.String("aws stepfunctions start-execution --region "+a.Region+" --state-machine-arn "+a.Live(access.UpgradeMachine)+" --name NAME --input file://request.json"))
}
