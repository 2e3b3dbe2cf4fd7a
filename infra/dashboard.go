package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
)

// widget of a dashboard. Source of the form:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type widget struct {
	Type       string         `json:"type"`
	X          int            `json:"x"`
	Y          int            `json:"y"`
	Width      int            `json:"width"`
	Height     int            `json:"height"`
	Properties map[string]any `json:"properties"`
}

// newDashboard makes the dashboard: upgrades and verdicts, errors, time, calls
// of AWS, cost, and the last errors of the logs.
func newDashboard(scope constructs.Construct, a agent) {
	awscloudwatch.NewCfnDashboard(scope, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{DashboardName: jsii.String("eks-upgrade"), DashboardBody: asJSON(a.dashboard())})
}

func (a agent) dashboard() map[string]any {
	search := func(label, stat, name string, dims ...string) []any {
		schema := strings.Join(append([]string{metrics.Namespace}, dims...), ",")
		return []any{map[string]any{"expression": fmt.Sprintf(`SEARCH('{%s} MetricName="%s"', '%s')`, schema, name, stat), "label": label, "id": "s" + strings.ToLower(name)}}
	}
	one := func(label, stat, namespace, name string, dims ...string) []any {
		out := []any{namespace, name}
		for _, d := range dims {
			out = append(out, d)
		}
		return append(out, map[string]any{"stat": stat, "label": label})
	}
	rows := [][]widget{
		{
			a.graph("Upgrades started and finished, by outcome", 8, one("started", "Sum", metrics.Namespace, metrics.UpgradesStarted), search("${PROP('Dim."+metrics.Outcome+"')}", "Sum", metrics.UpgradesFinished, metrics.Outcome)),
			a.graph("Verdicts", 8, search("${PROP('Dim."+metrics.Result+"')}", "Sum", metrics.Verdicts, metrics.Result)),
			a.graph("Executions", 8,
				one("started", "Sum", "AWS/States", "ExecutionsStarted", "StateMachineArn", a.StateMachine(access.UpgradeMachine)),
				one("failed", "Sum", "AWS/States", "ExecutionsFailed", "StateMachineArn", a.StateMachine(access.UpgradeMachine)),
				one("timed out", "Sum", "AWS/States", "ExecutionsTimedOut", "StateMachineArn", a.StateMachine(access.UpgradeMachine)),
				one("stopped", "Sum", "AWS/States", "ExecutionsAborted", "StateMachineArn", a.StateMachine(access.UpgradeMachine)),
				one("open in the account", "Maximum", "AWS/States", "OpenExecutionCount")),
		},
		{
			a.graph("Errors of phases, by code", 8, search("${PROP('Dim."+metrics.Phase+"')} ${PROP('Dim."+metrics.Code+"')}", "Sum", metrics.PhaseErrors, metrics.Phase, metrics.Code)),
			a.graph("Duration of phases (p95, ms)", 8, search("${PROP('Dim."+metrics.Phase+"')}", "p95", metrics.PhaseDuration, metrics.Phase)),
			a.graph("Duration of steps (average, s) and wait for approvals", 8, search("${PROP('Dim."+metrics.StepKind+"')}", "Average", metrics.StepDuration, metrics.StepKind), one("approval", "Average", metrics.Namespace, metrics.ApprovalWait)),
		},
		{
			a.graph("Calls of AWS", 8, search("${PROP('Dim."+metrics.Service+"')}", "Sum", metrics.AWSCalls, metrics.Service)),
			a.graph("Retries and errors of calls", 8, search("retries ${PROP('Dim."+metrics.Service+"')}", "Sum", metrics.AWSRetries, metrics.Service), search("errors ${PROP('Dim."+metrics.Service+"')}", "Sum", metrics.AWSErrors, metrics.Service)),
			a.graph("Dead letters, unpublished events", 8, one("dead letters", "Maximum", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", access.DeadLetters), one("events not published", "Sum", metrics.Namespace, metrics.EventFailures)),
		},
		{a.costs(), a.errors()},
	}
	var all []widget
	y := 0
	for _, row := range rows {
		x := 0
		for _, w := range row {
			w.X, w.Y = x, y
			x += w.Width
			all = append(all, w)
		}
		y += row[0].Height
	}
	return map[string]any{"widgets": all, "start": "-P14D"}
}

func (a agent) graph(title string, width int, series ...[]any) widget {
	all := make([]any, len(series))
	for i := range series {
		all[i] = series[i]
	}
	return widget{Type: "metric", Width: width, Height: 6, Properties: map[string]any{"title": title, "region": a.Region, "view": "timeSeries", "stacked": false, "period": 300, "metrics": all}}
}

// costs shows what a day costs: the functions by their time and memory, the
// builds by their minutes, the state transitions of the whole account.
func (a agent) costs() widget {
	hidden := func(id, stat, namespace, name string, dims ...string) []any {
		out := []any{namespace, name}
		for _, d := range dims {
			out = append(out, d)
		}
		return append(out, map[string]any{"id": id, "stat": stat, "visible": false})
	}
	architecture := cost.Architecture(a.settings.Architecture)
	var series []any
	var seconds, calls, builds []string
	for i, f := range access.Functions() {
		d, n := fmt.Sprintf("d%d", i), fmt.Sprintf("n%d", i)
		series = append(series, hidden(d, "Sum", "AWS/Lambda", "Duration", "FunctionName", f.Name), hidden(n, "Sum", "AWS/Lambda", "Invocations", "FunctionName", f.Name))
		seconds = append(seconds, fmt.Sprintf("FILL(%s,0)/1000*%g", d, float64(deploy.Sizes()[f.Name].MemoryMiB)/1024))
		calls = append(calls, "FILL("+n+",0)")
	}
	for i, b := range access.Builds() {
		id := fmt.Sprintf("b%d", i)
		series = append(series, hidden(id, "Sum", "AWS/CodeBuild", "Duration", "ProjectName", b.Name))
		builds = append(builds, "FILL("+id+",0)/60")
	}
	series = append(series, hidden("transitions", "Sum", "AWS/States", "ConsumedCapacity", "ServiceMetric", "StateTransition"))
	expression := func(id, label, text string) []any {
		return []any{map[string]any{"id": id, "label": label, "expression": text}}
	}
	series = append(series,
		expression("functions", "functions", fmt.Sprintf("(%s)*%.10f + (%s)*%.10f", strings.Join(seconds, "+"), architecture.GigabyteSecond(), strings.Join(calls, "+"), cost.Invocation)),
		expression("builds", "builds", fmt.Sprintf("(%s)*%.4f", strings.Join(builds, "+"), architecture.BuildMinute())),
		expression("states", "state transitions of the account", fmt.Sprintf("FILL(transitions,0)*%.6f", cost.StateTransition)),
		expression("total", "total", "functions+builds+states"))
	return widget{Type: "metric", Width: 8, Height: 8, Properties: map[string]any{"title": "Cost of a day in USD (prices of us-east-1, without storage and models)", "region": a.Region, "view": "timeSeries", "stacked": false, "period": 86400, "metrics": series}}
}

// errors lists the last errors of all logs.
func (a agent) errors() widget {
	var sources []string
	for _, f := range access.Functions() {
		sources = append(sources, "SOURCE '/aws/lambda/"+f.Name+"'")
	}
	for _, p := range access.Builds() {
		sources = append(sources, "SOURCE '/aws/codebuild/"+p.Name+"'")
	}
	return widget{Type: "log", Width: 16, Height: 8, Properties: map[string]any{"title": "Last errors", "region": a.Region, "view": "table",
		"query": strings.Join(sources, " | ") + ` | fields @timestamp, execution, cluster, phase, step, code, kind, message, remedy | filter level = "error" | sort @timestamp desc | limit 50`}}
}
