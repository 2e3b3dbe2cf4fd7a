package authz

import (
	"strings"

	awsroute53 "github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// dns is the ARN of a resource of Route 53, whose ids may come as paths.
func dns(kind, path string) resources {
	return func(r Request) []string {
		id := r.text(path)
		return []string{"arn:aws:route53:::" + kind + "/" + id[strings.LastIndex(id, "/")+1:]}
	}
}

var hostedZone = dns("hostedzone", "HostedZoneId")

// changed has the keys by which record sets are told apart.
func changed(r Request) []Need {
	needs := on("route53:ChangeResourceRecordSets", hostedZone)(r)
	in, ok := r.Input.(*awsroute53.ChangeResourceRecordSetsInput)
	if !ok || in.ChangeBatch == nil {
		return needs
	}
	var names, kinds, actions []string
	for _, c := range in.ChangeBatch.Changes {
		actions = append(actions, string(c.Action))
		if c.ResourceRecordSet != nil {
			names = append(names, strings.ToLower(strings.TrimSuffix(deref(c.ResourceRecordSet.Name), ".")))
			kinds = append(kinds, string(c.ResourceRecordSet.Type))
		}
	}
	c := needs[0].Context
	c.Set("route53:ChangeResourceRecordSetsNormalizedRecordNames", unique(names)...)
	c.Set("route53:ChangeResourceRecordSetsRecordTypes", unique(kinds)...)
	c.Set("route53:ChangeResourceRecordSetsActions", unique(actions)...)
	return needs
}

func tagged(path string) resources {
	return func(r Request) []string {
		var out []string
		for _, id := range r.texts(path) {
			out = append(out, "arn:aws:route53:::"+r.text("ResourceType")+"/"+id)
		}
		return out
	}
}

var route53 = merge(
	map[string]Rule{
		"ChangeResourceRecordSets": changed,
		"GetChange":                on("route53:GetChange", dns("change", "Id")),
		"ChangeTagsForResource":    on("route53:ChangeTagsForResource", tagged("ResourceId")),
		"ListTagsForResource":      on("route53:ListTagsForResource", tagged("ResourceId")),
		"ListTagsForResources":     on("route53:ListTagsForResources", tagged("ResourceIds")),
		"ListResourceRecordSets":   on("route53:ListResourceRecordSets", hostedZone),
	},
	same("route53", dns("hostedzone", "Id"), "GetHostedZone", "DeleteHostedZone", "UpdateHostedZoneComment"),
	same("route53", dns("healthcheck", "HealthCheckId"), "GetHealthCheck", "GetHealthCheckStatus", "GetHealthCheckLastFailureReason", "UpdateHealthCheck", "DeleteHealthCheck"),
	same("route53", anything, "CreateHostedZone", "ListHostedZones", "ListHostedZonesByName", "GetHostedZoneCount", "CreateHealthCheck", "ListHealthChecks",
		"GetHealthCheckCount", "TestDNSAnswer", "GetCheckerIpRanges"),
)

// owned is the ARN of a resource of EC2.
func owned(kind, path string) resources { return each("ec2", kind+"/%s", path) }

var template = owned("launch-template", "LaunchTemplateId")

var ec2 = merge(
	map[string]Rule{
		"CreateLaunchTemplate":  on("ec2:CreateLaunchTemplate", arn("ec2:launch-template/*")),
		"TerminateInstances":    on("ec2:TerminateInstances", owned("instance", "InstanceIds")),
		"StopInstances":         on("ec2:StopInstances", owned("instance", "InstanceIds")),
		"StartInstances":        on("ec2:StartInstances", owned("instance", "InstanceIds")),
		"RebootInstances":       on("ec2:RebootInstances", owned("instance", "InstanceIds")),
		"CreateTags":            on("ec2:CreateTags", anything),
		"DeleteTags":            on("ec2:DeleteTags", anything),
		"CreateSecurityGroup":   on("ec2:CreateSecurityGroup", arn("ec2:security-group/*")),
		"GetLaunchTemplateData": on("ec2:GetLaunchTemplateData", owned("instance", "InstanceId")),
	},
	same("ec2", arn("ec2:security-group/{GroupId}"), "DeleteSecurityGroup", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"),
	same("ec2", template, "CreateLaunchTemplateVersion", "ModifyLaunchTemplate", "DeleteLaunchTemplate", "DeleteLaunchTemplateVersions"),
)

func alarms(path string) resources { return each("cloudwatch", "alarm:%s", path) }

// dashboards have no region in their ARN.
func dashboards(r Request) []string {
	var out []string
	for _, name := range append(r.texts("DashboardName"), r.texts("DashboardNames")...) {
		out = append(out, "arn:aws:cloudwatch::"+r.Account+":dashboard/"+name)
	}
	return orAnything(out)
}

var cloudwatch = merge(
	map[string]Rule{
		"PutMetricData":        with(on("cloudwatch:PutMetricData", anything), "cloudwatch:namespace", "Namespace"),
		"PutMetricAlarm":       with(on("cloudwatch:PutMetricAlarm", alarms("AlarmName")), "cloudwatch:AlarmActions", "AlarmActions"),
		"PutCompositeAlarm":    with(on("cloudwatch:PutCompositeAlarm", alarms("AlarmName")), "cloudwatch:AlarmActions", "AlarmActions"),
		"DescribeAlarmHistory": on("cloudwatch:DescribeAlarmHistory", alarms("AlarmName")),
		"SetAlarmState":        on("cloudwatch:SetAlarmState", alarms("AlarmName")),
		"DescribeAlarms":       on("cloudwatch:DescribeAlarms", alarms("AlarmNames")),
		"DeleteAlarms":         on("cloudwatch:DeleteAlarms", alarms("AlarmNames")),
		"EnableAlarmActions":   on("cloudwatch:EnableAlarmActions", alarms("AlarmNames")),
		"DisableAlarmActions":  on("cloudwatch:DisableAlarmActions", alarms("AlarmNames")),
	},
	same("cloudwatch", dashboards, "PutDashboard", "GetDashboard", "DeleteDashboards"),
	same("cloudwatch", field("ResourceARN"), "TagResource", "UntagResource", "ListTagsForResource"),
	same("cloudwatch", anything, "GetMetricData", "GetMetricStatistics", "ListMetrics", "DescribeAlarmsForMetric", "ListDashboards", "DescribeAnomalyDetectors"),
)

// bus is the ARN of an event bus, by name or ARN; the default one if none.
func (r Request) bus(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	if name == "" {
		name = "default"
	}
	return r.arn("events", "event-bus/"+name)
}

// rule is the ARN of a rule; the default bus is not in it.
func rule(path string) resources {
	return func(r Request) []string {
		bus := r.text("EventBusName")
		bus = bus[strings.LastIndex(bus, "/")+1:]
		if bus != "" && bus != "default" {
			return []string{r.fill("events", "rule/"+bus+"/{"+path+"}")}
		}
		return []string{r.fill("events", "rule/{"+path+"}")}
	}
}

// put has a need for each event, with the keys of its source and type.
func putEvents(r Request) []Need {
	entries, _ := structs(r.Input, "Entries")
	var out []Need
	for _, e := range entries {
		one := Request{Account: r.Account, Region: r.Region, Input: e}
		c := policy.Context{"events:eventbusinvocation": {"false"}}
		c.Set("events:source", one.texts("Source")...)
		c.Set("events:detail-type", one.texts("DetailType")...)
		out = append(out, Need{Action: "events:PutEvents", Resource: r.bus(one.text("EventBusName")), Context: c})
	}
	return out
}

var events = merge(
	map[string]Rule{
		"PutEvents":        putEvents,
		"PutRule":          and(on("events:PutRule", rule("Name")), pass("RoleArn", "events.amazonaws.com")),
		"PutTargets":       and(with(on("events:PutTargets", rule("Rule")), "events:TargetArn", "Targets.Arn"), pass("Targets.RoleArn", "events.amazonaws.com")),
		"ListRules":        on("events:ListRules", arn("events:rule/*")),
		"CreateEventBus":   on("events:CreateEventBus", arn("events:event-bus/{Name}")),
		"DeleteEventBus":   on("events:DeleteEventBus", arn("events:event-bus/{Name}")),
		"DescribeEventBus": on("events:DescribeEventBus", func(r Request) []string { return []string{r.bus(r.text("Name"))} }),
		"UpdateEventBus":   on("events:UpdateEventBus", func(r Request) []string { return []string{r.bus(r.text("Name"))} }),
		"CreateArchive":    on("events:CreateArchive", arn("events:archive/{ArchiveName}")),
	},
	same("events", rule("Name"), "DescribeRule", "DeleteRule", "EnableRule", "DisableRule"),
	same("events", rule("Rule"), "ListTargetsByRule", "RemoveTargets"),
	same("events", field("ResourceARN"), "TagResource", "UntagResource", "ListTagsForResource"),
	same("events", anything, "TestEventPattern", "ListEventBuses", "ListRuleNamesByTarget", "ListArchives", "PutPermission", "RemovePermission"),
)

// schedule is the ARN of a schedule; its group is "default" unless it is named.
func schedule(r Request) []string {
	group := r.text("GroupName")
	if group == "" {
		group = "default"
	}
	return []string{r.arn("scheduler", "schedule/"+group+"/"+r.text("Name"))}
}

var scheduler = merge(
	map[string]Rule{
		"CreateSchedule": and(on("scheduler:CreateSchedule", schedule), pass("Target.RoleArn", "scheduler.amazonaws.com")),
		"UpdateSchedule": and(on("scheduler:UpdateSchedule", schedule), pass("Target.RoleArn", "scheduler.amazonaws.com")),
		"ListSchedules":  on("scheduler:ListSchedules", arn("scheduler:schedule/{GroupName}/*")),
	},
	same("scheduler", schedule, "GetSchedule", "DeleteSchedule"),
	same("scheduler", arn("scheduler:schedule-group/{Name}"), "CreateScheduleGroup", "GetScheduleGroup", "DeleteScheduleGroup"),
	same("scheduler", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource"),
	same("scheduler", anything, "ListScheduleGroups"),
)

var topic = field("TopicArn")

func topicOf(path string) resources {
	return func(r Request) []string {
		parts := strings.Split(r.text(path), ":")
		return []string{strings.Join(parts[:min(len(parts), 6)], ":")}
	}
}

var sns = merge(
	map[string]Rule{
		"CreateTopic":       on("SNS:CreateTopic", arn("sns:{Name}")),
		"Publish":           func(r Request) []Need { return on("SNS:Publish", field(oneOf(r, "TopicArn", "TargetArn")))(r) },
		"PublishBatch":      on("SNS:Publish", topic),
		"Subscribe":         with(on("SNS:Subscribe", topic), "sns:Protocol", "Protocol", "sns:Endpoint", "Endpoint"),
		"ListTopics":        on("SNS:ListTopics", arn("sns:*")),
		"ListSubscriptions": on("SNS:ListSubscriptions", arn("sns:*")),
	},
	same("SNS", topic, "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic", "ConfirmSubscription", "AddPermission", "RemovePermission"),
	same("SNS", topicOf("SubscriptionArn"), "Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes"),
	same("SNS", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource"),
)
