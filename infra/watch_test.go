package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestAlarmsTellPeople(t *testing.T) {
	names := map[string]bool{}
	for id, a := range least.of("AWS::CloudWatch::Alarm") {
		names[a.Properties["AlarmName"].(string)] = true
		if at(a.Properties, "AlarmActions.0") != alertsTopic || a.Properties["TreatMissingData"] != "notBreaching" || a.Properties["AlarmDescription"] == "" {
			t.Errorf("%s: %v", id, a.Properties)
		}
		// CloudWatch, PutMetricAlarm: an alarm has up to ten metrics, and one of
		// its queries returns data.
		stats, shown := 0, 0
		for _, q := range list(a.Properties["Metrics"]) {
			if at(q, "MetricStat") != nil {
				stats++
			}
			if at(q, "ReturnData") == true {
				shown++
			}
		}
		if stats > 10 || shown != 1 {
			t.Errorf("%s has %d metrics and shows %d", id, stats, shown)
		}
		if span := at(a.Properties, "Metrics.0.MetricStat.Period").(float64) * a.Properties["EvaluationPeriods"].(float64); span > 7*24*3600 {
			t.Errorf("%s looks at %.0f s", id, span)
		}
	}
	for _, name := range []string{"phase-errors", "failed-upgrade", "failed-fleet", "throttles-1", "throttles-2", "dead-letters", "stuck", "event-failures", "errors-answer", "errors-stream", "errors-survey"} {
		if !names["eks-upgrade-"+name] {
			t.Errorf("there is no alarm %s: %v", name, names)
		}
	}
}

func TestAlarmsLookAtWhatThereIs(t *testing.T) {
	text := ""
	for _, a := range full.of("AWS::CloudWatch::Alarm") {
		text += written(a.Properties)
	}
	for _, phase := range upgrade.Phases() {
		if !strings.Contains(text, fmt.Sprintf(`{"Name":"Phase","Value":"%s"}`, phase)) {
			t.Errorf("errors of %s raise no alarm", phase)
		}
	}
	for _, f := range access.Functions() {
		if !strings.Contains(text, `"Value":"`+f.Name+`"`) {
			t.Errorf("throttles of %s raise no alarm", f.Name)
		}
	}
	if got := full.named(t, "AWS::CloudWatch::Alarm", "AlarmName", "eks-upgrade-stuck").Properties["EvaluationPeriods"]; got != 24.0 {
		t.Errorf("stuck after %v hours", got)
	}
}

func TestTheDashboardShowsEveryMetric(t *testing.T) {
	if len(full.of("AWS::CloudWatch::Dashboard")) != 0 {
		t.Error("there is a dashboard against the setting")
	}
	body := least.named(t, "AWS::CloudWatch::Dashboard", "DashboardName", "eks-upgrade").Properties["DashboardBody"].(string)
	var dashboard struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height int
			Properties          struct {
				Title, Region, Query string
				Metrics              []any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, d := range metrics.Definitions() {
		if d.Name == metrics.PhaseCalls { // the errors and durations say as much
			continue
		}
		if !strings.Contains(body, d.Name) {
			t.Errorf("it does not show %s", d.Name)
		}
	}
	for i, w := range dashboard.Widgets {
		if w.X+w.Width > 24 || w.Properties.Title == "" || w.Properties.Region != "eu-west-1" {
			t.Errorf("widget %d: %+v", i, w)
		}
		for j := range i {
			other := dashboard.Widgets[j]
			if w.X < other.X+other.Width && other.X < w.X+w.Width && w.Y < other.Y+other.Height && other.Y < w.Y+w.Height {
				t.Errorf("%q lies on %q", w.Properties.Title, other.Properties.Title)
			}
		}
		for _, source := range regexp.MustCompile(`SOURCE '([^']*)'`).FindAllStringSubmatch(w.Properties.Query, -1) {
			least.named(t, "AWS::Logs::LogGroup", "LogGroupName", source[1])
		}
		if ids := unknownIDs(w.Properties.Metrics); len(ids) > 0 {
			t.Errorf("%q: its expressions name %v, which are no metrics", w.Properties.Title, ids)
		}
	}
	if n := len(dashboard.Widgets); n != 11 {
		t.Errorf("%d widgets", n)
	}
}

var identifier = regexp.MustCompile(`\b[a-z][a-z0-9]*\b`)

// unknownIDs returns the names in the expressions of a widget that no metric
// has.
func unknownIDs(series []any) []string {
	known := map[string]bool{}
	var expressions []string
	for _, s := range series {
		for _, part := range s.([]any) {
			options, ok := part.(map[string]any)
			if !ok {
				continue
			}
			if id, ok := options["id"].(string); ok {
				known[id] = true
			}
			if e, ok := options["expression"].(string); ok && !strings.HasPrefix(e, "SEARCH") {
				expressions = append(expressions, e)
			}
		}
	}
	var out []string
	for _, e := range expressions {
		for _, id := range identifier.FindAllString(e, -1) {
			if !known[id] {
				out = append(out, id)
			}
		}
	}
	return out
}

func TestTheBudgetIsForModels(t *testing.T) {
	if len(least.of("AWS::Budgets::Budget")) != 0 {
		t.Error("there is a budget without a setting")
	}
	for id, b := range full.of("AWS::Budgets::Budget") {
		if written(at(b.Properties, "Budget.CostFilters")) != `{"Service":["Amazon Bedrock","Amazon Comprehend"]}` || at(b.Properties, "Budget.BudgetLimit.Amount") != 20.0 {
			t.Errorf("%s: %v", id, b.Properties)
		}
		for i, percent := range []float64{80, 100} {
			if at(b.Properties, fmt.Sprintf("NotificationsWithSubscribers.%d.Notification.Threshold", i)) != percent {
				t.Errorf("%s: %v", id, b.Properties["NotificationsWithSubscribers"])
			}
		}
	}
	if len(full.of("AWS::Budgets::Budget")) != 1 {
		t.Error("there is no budget")
	}
}
