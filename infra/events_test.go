package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	alertsTopic = "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts"
	deadLetters = "arn:aws:sqs:eu-west-1:123456789012:eks-upgrade-dead-letters"
)

// Every pattern of the folder events is the pattern of a rule, but the one that
// is for other people's rules; and a rule's target is bounded.
func TestRulesHaveThePatternsOfTheFolder(t *testing.T) {
	for _, name := range events.Names() {
		if name == "upgrade-finished" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			rule := least.named(t, "AWS::Events::Rule", "Name", "eks-upgrade-"+strings.TrimPrefix(name, "upgrade-")).Properties
			var want any
			if err := json.Unmarshal(events.Pattern(name), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, rule["EventPattern"]); diff != "" {
				t.Error(diff)
			}
			own := strings.Contains(string(events.Pattern(name)), events.Source)
			if (rule["EventBusName"] != nil) != own {
				t.Errorf("it listens to the bus %v", rule["EventBusName"])
			}
		})
	}
	for _, one := range []template{full, least} {
		for id, r := range one.of("AWS::Events::Rule") {
			targets := list(r.Properties["Targets"])
			if len(targets) != 1 || r.Properties["State"] != "ENABLED" {
				t.Errorf("%s: %v", id, r.Properties)
				continue
			}
			if at(targets[0], "RetryPolicy.MaximumRetryAttempts") != 8.0 || at(targets[0], "DeadLetterConfig.Arn") != deadLetters {
				t.Errorf("%s: %v", id, targets[0])
			}
		}
	}
}

func TestRulesDoWhatTheyAreFor(t *testing.T) {
	target := func(name string) any {
		return at(least.named(t, "AWS::Events::Rule", "Name", name).Properties, "Targets.0")
	}
	start := target("eks-upgrade-requested")
	if at(start, "InputPath") != "$.detail" || !strings.Contains(written(at(start, "Arn")), "Live") || at(start, "RoleArn") == nil {
		t.Errorf("a request starts %v", start)
	}
	if !strings.Contains(written(at(target("eks-upgrade-progress"), "Arn")), "stream") {
		t.Errorf("progress goes to %v", target("eks-upgrade-progress"))
	}
	for _, name := range []string{"cluster-insight", "support-ending", "end-of-support", "addon-health", "execution-ended-badly"} {
		alert := target("eks-upgrade-" + name)
		if at(alert, "Arn") != alertsTopic {
			t.Errorf("%s goes to %v", name, alert)
		}
		var text string
		if err := json.Unmarshal([]byte(at(alert, "InputTransformer.InputTemplate").(string)), &text); err != nil || text == "" {
			t.Errorf("%s says %v: %v", name, at(alert, "InputTransformer.InputTemplate"), err)
		}
		for variable := range at(alert, "InputTransformer.InputPathsMap").(map[string]any) {
			if !strings.Contains(text, "<"+variable+">") {
				t.Errorf("%s does not say %s: %s", name, variable, text)
			}
		}
	}
}

// The announcement of a cluster of the settings starts its upgrade; of no other.
func TestEndOfSupportStartsTheUpgradeOfTheSettings(t *testing.T) {
	rule := full.named(t, "AWS::Events::Rule", "Name", "eks-upgrade-end-of-support-1").Properties
	if got := written(at(rule, "EventPattern.detail.affectedEntities")); got != `{"entityValue":["arn:aws:eks:eu-west-1:123456789012:cluster/shop","shop"]}` {
		t.Errorf("it is for %s", got)
	}
	if at(rule, "EventPattern.detail.eventTypeCode.0") != "AWS_EKS_PLANNED_LIFECYCLE_EVENT" {
		t.Errorf("pattern %v", rule["EventPattern"])
	}
	request, err := upgrade.DecodeRequest([]byte(at(rule, "Targets.0.Input").(string)))
	if err != nil || request.Cluster != "shop" {
		t.Errorf("it starts with %+v, %v", request, err)
	}
}

func TestOnlyTheAgentSaysWhatItDoes(t *testing.T) {
	policies := least.of("AWS::Events::EventBusPolicy")
	if len(policies) != 2 {
		t.Errorf("%d policies", len(policies))
	}
	for _, p := range policies {
		if at(p.Properties, "Statement.Effect") != "Deny" || at(p.Properties, "Statement.Action") != "events:PutEvents" {
			t.Errorf("%v", p.Properties)
		}
	}
	speakers := list(at(least.named(t, "AWS::Events::EventBusPolicy", "StatementId", "OnlyTheAgentSaysWhatItDoes").Properties, "Statement.Condition.ArnNotEquals.aws:PrincipalArn"))
	for role, all := range permissions(t, least) {
		if may := slices.ContainsFunc(all, func(p permission) bool { return p.action == "events:PutEvents" }); may && !slices.Contains(speakers, any("arn:aws:iam::123456789012:role/"+role)) {
			t.Errorf("%s tells what it does, but the bus refuses it", role)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		one                                            template
		name, expression, timezone, state, mode, start string
		window                                         any
	}{
		{full, "once", "at(2026-12-05T01:00:00)", "Europe/Berlin", "ENABLED", "FLEXIBLE", "Live", 15.0},
		{full, "weekly", "rate(7 days)", "UTC", "DISABLED", "OFF", "Live", nil},
		{least, "eks-upgrade-survey", "rate(1 day)", "UTC", "ENABLED", "FLEXIBLE", "survey", 60.0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.one.named(t, "AWS::Scheduler::Schedule", "Name", c.name).Properties
			for path, want := range map[string]any{
				"ScheduleExpression": c.expression, "ScheduleExpressionTimezone": c.timezone, "State": c.state, "FlexibleTimeWindow.Mode": c.mode, "FlexibleTimeWindow.MaximumWindowInMinutes": c.window,
				"Target.RetryPolicy.MaximumRetryAttempts": 5.0, "Target.RetryPolicy.MaximumEventAgeInSeconds": 3600.0,
			} {
				if got := at(p, path); got != want {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			if !strings.Contains(written(at(p, "Target.Arn")), c.start) || at(p, "Target.DeadLetterConfig.Arn") == nil || at(p, "Target.RoleArn") == nil {
				t.Errorf("target %v", p["Target"])
			}
			if c.start == "Live" {
				if request, err := upgrade.DecodeRequest([]byte(at(p, "Target.Input").(string))); err != nil || request.Cluster != "shop" {
					t.Errorf("it starts with %+v, %v", request, err)
				}
			}
		})
	}
	if n := len(least.of("AWS::Scheduler::Schedule")); n != 1 {
		t.Errorf("%d schedules without a setting", n)
	}
	least.named(t, "AWS::Scheduler::ScheduleGroup", "Name", access.ScheduleGroup)
}
