package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// newHub makes the whole agent.
func newHub(app awscdk.App, s deploy.Settings, dist string) awscdk.Stack {
	stack := newStack(app, access.Stack, "EKS upgrade agent: upgrades EKS clusters blue/green", s.Account, s.Region, s.Tags)
	a := agent{Names: s.Names(*stack.Partition()), settings: s, dist: dist}
	a.Key = *newKey(part(stack, "Key"), a)
	newTables(part(stack, "Tables"), a)
	newBuckets(part(stack, "Buckets"), a)
	topic, mayPublish, queue := newAlerts(part(stack, "Alerts"), a)

	approvals, stream := part(stack, "Approvals"), part(stack, "Stream")
	approvalAPI, streamAPI := newApprovalAPI(approvals), newStreamAPI(stream)
	urls := a.urls(approvalAPI, streamAPI)
	a.StreamAPI = *streamAPI.Ref()

	groups := newNetwork(part(stack, "Network"), a)
	functions := newFunctions(part(stack, "Functions"), a, queue, groups, urls)
	builds := newBuilds(part(stack, "Builds"), a, groups)
	machines := newMachines(part(stack, "Machines"), a)
	newApprovalRoutes(approvals, a, approvalAPI, functions[access.AnswerFunction])
	newStreamRoutes(stream, a, streamAPI, functions[access.StreamFunction])
	newParameters(part(stack, "Parameters"), a, urls)

	events := part(stack, "Events")
	newRules(events, a, newBus(events, a), newRole(events, a.roleNamed(access.EventsRole)), machines[access.UpgradeMachine], functions[access.StreamFunction])
	newSchedules(part(stack, "Schedules"), a, queue, machines[access.UpgradeMachine], functions[access.SurveyFunction])

	newAlarms(part(stack, "Alarms"), a)
	if s.Budget.MonthlyUSD > 0 {
		newBudget(part(stack, "Budget"), a, topic, mayPublish)
	}
	if s.Dashboard {
		newDashboard(part(stack, "Dashboard"), a)
	}
	newAccessEntries(part(stack, "AccessEntries"), a, functions, builds, machines[access.UpgradeMachine].alias)
	newOutputs(stack, a, machines, urls)
	return stack
}

// newStack makes a stack whose resources have the tags of the settings, and one
// that says whose they are.
func newStack(app awscdk.App, name, description, account, region string, tags map[string]string) awscdk.Stack {
	stack := awscdk.NewStack(app, jsii.String(name), &awscdk.StackProps{
		Description: jsii.String(description),
		Env:         &awscdk.Environment{Account: jsii.String(account), Region: jsii.String(region)},
	})
	awscdk.Tags_Of(stack).Add(jsii.String("application"), jsii.String("eks-upgrade-agent"), nil)
	for key, value := range tags {
		awscdk.Tags_Of(stack).Add(jsii.String(key), jsii.String(value), nil)
	}
	return stack
}
