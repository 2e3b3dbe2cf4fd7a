package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// newBus makes the bus of the agent's own events. Who of this account may ask
// for an upgrade is said by IAM; the policy keeps others away, and keeps
// everybody but the agent from saying what the agent does: people and pipelines
// act on it.
func newBus(scope constructs.Construct, a agent) awsevents.CfnEventBus {
	bus := awsevents.NewCfnEventBus(scope, jsii.String("Bus"), &awsevents.CfnEventBusProps{Name: jsii.String(access.Bus), Description: jsii.String("EKS upgrade agent: requests and progress")})
	var speakers []any
	for _, f := range access.Functions() {
		speakers = append(speakers, a.Role(f.Name))
	}
	deny := func(sid string, condition map[string]any) awsevents.CfnEventBusPolicy {
		return awsevents.NewCfnEventBusPolicy(scope, jsii.String(sid), &awsevents.CfnEventBusPolicyProps{EventBusName: bus.Ref(), StatementId: jsii.String(sid), Statement: map[string]any{
			"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": a.EventBus(), "Condition": condition}})
	}
	one := deny("OnlyThisAccount", map[string]any{"StringNotEquals": map[string]any{"aws:PrincipalAccount": a.Account}})
	other := deny("OnlyTheAgentSaysWhatItDoes", map[string]any{
		"StringEquals": map[string]any{"events:detail-type": []any{events.UpgradeProgress, events.UpgradeFinished, events.ClusterInsight, events.SupportEnding}},
		"ArnNotEquals": map[string]any{"aws:PrincipalArn": speakers}})
	after(other, one) // both are written into the one policy of the bus
	return bus
}

// rules makes the rules, each of a pattern in the folder events.
type rules struct {
	scope constructs.Construct
	a     agent
	bus   awsevents.CfnEventBus
}

// newRules makes all rules.
//
// EKS says nothing to EventBridge about cluster insights or versions (its events:
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-eks.html). AWS
// Health announces the end of standard support, as a planned lifecycle event
// (https://docs.aws.amazon.com/health/latest/ug/aws-health-planned-lifecycle-events.html);
// what EKS knows otherwise is looked up once a day by the survey, which tells the
// agent's own bus. A health event is sent again when it changes: an upgrade that
// it starts a second time ends at once, because the lease is held or the target
// is reached.
func newRules(scope constructs.Construct, a agent, bus awsevents.CfnEventBus, starter awsiam.CfnRole, upgrades machine, stream function) {
	r := rules{scope, a, bus}
	alert := func(pattern, description string, own bool, paths map[string]string, text string) {
		r.add(pattern, description, events.Pattern(pattern), own, &awsevents.CfnRule_TargetProperty{
			Id: jsii.String("people"), Arn: jsii.String(a.Topic()), InputTransformer: &awsevents.CfnRule_InputTransformerProperty{
				InputPathsMap: texts(paths), InputTemplate: asJSON(text)}})
	}
	start := &awsevents.CfnRule_TargetProperty{Id: jsii.String("upgrade"), Arn: upgrades.alias.Ref(), RoleArn: starter.AttrArn(), InputPath: jsii.String("$.detail")}
	r.add("upgrade-requested", "starts the upgrade that an event asks for", events.Pattern("upgrade-requested"), true, start)
	telling := r.add("upgrade-progress", "tells those who watch", events.Pattern("upgrade-progress"), true,
		&awsevents.CfnRule_TargetProperty{Id: jsii.String("stream"), Arn: stream.AttrArn()})
	// Without SourceAccount, as in mayInvoke.
	awslambda.NewCfnPermission(scope, jsii.String("stream"), &awslambda.CfnPermissionProps{Action: jsii.String("lambda:InvokeFunction"), FunctionName: stream.Ref(),
		Principal: jsii.String("events.amazonaws.com"), SourceArn: telling.AttrArn()})

	alert("cluster-insight", "tells people of an EKS insight that does not pass any more", true,
		map[string]string{"cluster": "$.detail.cluster", "status": "$.detail.status", "detail": "$.detail"},
		"EKS cluster <cluster>: an insight is <status>. Look at it before the next upgrade: eks-upgrade assess. Details: <detail>")
	alert("support-ending", "tells people that the support of a cluster's version ends", true,
		map[string]string{"cluster": "$.detail.cluster", "detail": "$.detail"}, "EKS cluster <cluster>: the support of its version ends. Plan an upgrade: eks-upgrade plan. Details: <detail>")
	alert("end-of-support", "tells people what AWS Health announces for EKS versions", false,
		map[string]string{"code": "$.detail.eventTypeCode", "start": "$.detail.startTime", "entities": "$.detail.affectedEntities"},
		"AWS Health: <code> from <start>. Affected EKS clusters: <entities>. Plan their upgrades: eks-upgrade plan")
	alert("addon-health", "tells people of EKS add-ons that are degraded or failed to update", false,
		map[string]string{"type": "$.detail-type", "resources": "$.resources"}, "<type>: <resources>")
	alert("execution-ended-badly", "tells people of executions that failed, timed out or were stopped", false,
		map[string]string{"name": "$.detail.name", "machine": "$.detail.stateMachineArn", "status": "$.detail.status"},
		"The execution <name> of <machine> ended: <status>. The lease may still be held. See: eks-upgrade status <name>")

	for i, s := range a.settings.EndOfSupport {
		target := *start
		target.InputPath, target.Input = nil, asJSON(s.Request)
		name := fmt.Sprintf("end-of-support-%d", i+1)
		r.add(name, "starts the upgrade of "+s.Cluster+" when AWS Health announces the end of support", forCluster(a, s.Upgrade()), false, &target)
	}
}

// forCluster narrows the pattern of announcements to one cluster.
func forCluster(a agent, request upgrade.Request) []byte {
	var pattern map[string]any
	if err := json.Unmarshal(events.Pattern("end-of-support"), &pattern); err != nil {
		panic(err) // the tests of events read it
	}
	arn := "arn:" + a.Partition + ":eks:" + a.Region + ":" + a.Account + ":cluster/" + request.Cluster
	pattern["detail"].(map[string]any)["affectedEntities"] = map[string]any{"entityValue": []any{arn, request.Cluster}}
	return []byte(*asJSON(pattern))
}

// add makes a rule on the agent's own bus or the default one. What cannot be
// delivered within an hour goes to the queue of dead letters.
func (r rules) add(name, description string, pattern []byte, own bool, target *awsevents.CfnRule_TargetProperty) awsevents.CfnRule {
	var parsed map[string]any
	if err := json.Unmarshal(pattern, &parsed); err != nil {
		panic(err) // the tests of events read it
	}
	target.RetryPolicy = &awsevents.CfnRule_RetryPolicyProperty{MaximumEventAgeInSeconds: jsii.Number(3600), MaximumRetryAttempts: jsii.Number(8)}
	target.DeadLetterConfig = &awsevents.CfnRule_DeadLetterConfigProperty{Arn: jsii.String(r.a.Queue())}
	props := &awsevents.CfnRuleProps{Name: jsii.String("eks-upgrade-" + strings.TrimPrefix(name, "upgrade-")), Description: jsii.String("EKS upgrade agent: " + description),
		EventPattern: parsed, State: jsii.String("ENABLED"), Targets: []any{target}}
	if own {
		props.EventBusName = r.bus.Ref()
	}
	return awsevents.NewCfnRule(r.scope, jsii.String(name), props)
}

func texts(values map[string]string) *map[string]*string {
	out := map[string]*string{}
	for k, v := range values {
		out[k] = jsii.String(v)
	}
	return &out
}
