package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newSchedules makes the group with a schedule for each of the settings and the
// daily one of the survey. Scheduler would try 185 times over 24 hours; an
// upgrade that starts hours late starts outside of its window, so it tries for
// an hour and then leaves a dead letter.
func newSchedules(scope constructs.Construct, a agent, queue awssqs.CfnQueue, upgrades machine, survey function) {
	role := newRole(scope, a.roleNamed(access.SchedulerRole))
	group := awsscheduler.NewCfnScheduleGroup(scope, jsii.String("Group"), &awsscheduler.CfnScheduleGroupProps{Name: jsii.String(access.ScheduleGroup)})
	add := func(id, name, description, expression, timezone string, window int, enabled bool, target, input *string) awscdk.CfnResource {
		flexible := &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")}
		if window > 0 {
			flexible = &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("FLEXIBLE"), MaximumWindowInMinutes: jsii.Number(window)}
		}
		state := "ENABLED"
		if !enabled {
			state = "DISABLED"
		}
		return awsscheduler.NewCfnSchedule(scope, jsii.String(id), &awsscheduler.CfnScheduleProps{
			Name: jsii.String(name), GroupName: group.Ref(), Description: jsii.String("EKS upgrade agent: " + description), State: jsii.String(state),
			ScheduleExpression: jsii.String(expression), ScheduleExpressionTimezone: jsii.String(timezone), FlexibleTimeWindow: flexible,
			Target: &awsscheduler.CfnSchedule_TargetProperty{Arn: target, RoleArn: role.AttrArn(), Input: input,
				RetryPolicy:      &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumEventAgeInSeconds: jsii.Number(3600), MaximumRetryAttempts: jsii.Number(5)},
				DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: queue.AttrArn()}},
		})
	}
	for i, s := range a.settings.Schedules {
		add(fmt.Sprintf("Schedule%d", i+1), s.Name, "upgrades "+s.Upgrade().Cluster, s.Expression, s.Timezone, s.WindowMinutes, s.Enabled, upgrades.alias.Ref(), asJSON(s.Request))
	}
	add("Survey", "eks-upgrade-survey", "looks at clusters between upgrades", "rate(1 day)", "UTC", 60, true, survey.AttrArn(), jsii.String("{}"))
}
