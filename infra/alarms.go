package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const hour = 3600.0

// measure is a metric of an alarm: of CloudWatch, or an expression over others.
type measure struct {
	id         string
	namespace  string
	name       string
	dimensions [][2]string
	statistic  string
	expression string // instead of a metric
	hidden     bool
}

// alarm is raised when the one measure that is shown is above a threshold in
// each of some periods.
type alarm struct {
	name, about string
	measures    []measure
	threshold   float64
	period      float64 // seconds
	periods     float64
}

// newAlarms makes the alarms, which tell the topic. What ends without a word is
// told by the rule execution-ended-badly; these find what goes on badly.
func newAlarms(scope constructs.Construct, a agent) {
	var all []alarm
	for _, f := range []string{access.AnswerFunction, access.StreamFunction, access.SurveyFunction} {
		all = append(all, alarm{"errors-" + f[len("eks-upgrade-"):], "The function " + f + " failed. Its log says why: /aws/lambda/" + f,
			[]measure{{id: "m", namespace: "AWS/Lambda", name: "Errors", dimensions: [][2]string{{"FunctionName", f}}, statistic: "Sum"}}, 0, 300, 1})
	}
	var phases, throttles []measure
	sum := func(into *[]measure) string {
		text := ""
		for i := range *into {
			if i > 0 {
				text += "+"
			}
			text += "FILL(" + (*into)[i].id + ",0)"
		}
		return text
	}
	for i, phase := range upgrade.Phases() {
		phases = append(phases, measure{id: fmt.Sprintf("e%d", i), namespace: metrics.Namespace, name: metrics.PhaseErrors, dimensions: [][2]string{{metrics.Phase, string(phase)}}, statistic: "Sum", hidden: true})
	}
	for i, f := range access.Functions() {
		throttles = append(throttles, measure{id: fmt.Sprintf("t%d", i), namespace: "AWS/Lambda", name: "Throttles", dimensions: [][2]string{{"FunctionName", f.Name}}, statistic: "Sum", hidden: true})
	}
	// CloudWatch takes ten metrics an alarm.
	for i := 0; len(throttles) > 0; i++ {
		n := min(len(throttles), 9)
		group := append([]measure{}, throttles[:n]...)
		throttles = throttles[n:]
		all = append(all, alarm{fmt.Sprintf("throttles-%d", i+1), "Functions were called more often at a time than reservedConcurrency allows: raise it in deploy.yaml, or run fewer upgrades at a time.",
			append(group, measure{id: "sum", expression: sum(&group)}), 0, 300, 1})
	}
	all = append(all,
		alarm{"phase-errors", "Phases fail again and again; retries may not be enough. See the dashboard, and docs/errors.md for what to do.",
			append(phases, measure{id: "sum", expression: sum(&phases)}), 2, 300, 2},
		alarm{"event-failures", "Progress events could not be published: watchers and pipelines miss something. Upgrades go on.",
			[]measure{{id: "m", namespace: metrics.Namespace, name: metrics.EventFailures, statistic: "Sum"}}, 0, 300, 1},
		alarm{"dead-letters", "Something could not be delivered: a schedule, a rule or a function gave up. Read the queue " + access.DeadLetters + ".",
			[]measure{{id: "m", namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible", dimensions: [][2]string{{"QueueName", access.DeadLetters}}, statistic: "Maximum"}}, 0, 300, 1})
	for _, m := range access.Machines() {
		one := func(id, name string) measure {
			return measure{id: id, namespace: "AWS/States", name: name, dimensions: [][2]string{{"StateMachineArn", a.StateMachine(m.Name)}}, statistic: "Sum", hidden: true}
		}
		group := []measure{one("failed", "ExecutionsFailed"), one("timedout", "ExecutionsTimedOut"), one("aborted", "ExecutionsAborted")}
		all = append(all, alarm{"failed-" + m.Name, "An execution of " + m.Name + " failed, timed out or was stopped. See: eks-upgrade status",
			append(group, measure{id: "sum", expression: sum(&group)}), 0, 300, 1})
	}
	all = append(all, a.stuck())
	for _, one := range all {
		newAlarm(scope, a, one)
	}
}

// stuck finds executions in which nothing happens: in every hour of the time in
// the settings some were open, and no phase was called. CloudWatch evaluates an
// alarm over seven days at most. Executions of the account's other machines
// count as open too: AWS has that number for the account only. Source:
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
func (a agent) stuck() alarm {
	one := func(id, name string) measure {
		return measure{id: id, namespace: "AWS/States", name: name, dimensions: [][2]string{{"StateMachineArn", a.StateMachine(access.UpgradeMachine)}}, statistic: "Sum", hidden: true}
	}
	calls := measure{id: "calls", namespace: "AWS/Lambda", name: "Invocations", dimensions: [][2]string{{"FunctionName", access.FunctionName(upgrade.PhaseExecute)}}, statistic: "Sum", hidden: true}
	return alarm{"stuck", fmt.Sprintf("An upgrade is under way, but nothing has been done in it for %d hours: it may wait for an approval, or hang. See: eks-upgrade status", a.settings.StuckHours),
		[]measure{
			{id: "open", namespace: "AWS/States", name: "OpenExecutionCount", statistic: "Minimum", hidden: true},
			one("started", "ExecutionsStarted"), calls,
			{id: "stuck", expression: "IF(FILL(open,0) > 0 AND FILL(calls,0) == 0 AND FILL(started,0) == 0, 1, 0)"},
		}, 0, hour, float64(a.settings.StuckHours)}
}

func newAlarm(scope constructs.Construct, a agent, one alarm) {
	var data []any
	for _, m := range one.measures {
		query := &awscloudwatch.CfnAlarm_MetricDataQueryProperty{Id: jsii.String(m.id), ReturnData: jsii.Bool(!m.hidden)}
		if m.expression != "" {
			query.Expression, query.Label = jsii.String(m.expression), jsii.String(one.name)
		} else {
			query.MetricStat = &awscloudwatch.CfnAlarm_MetricStatProperty{Stat: jsii.String(m.statistic), Period: jsii.Number(one.period),
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: jsii.String(m.namespace), MetricName: jsii.String(m.name), Dimensions: dimensions(m.dimensions)}}
		}
		data = append(data, query)
	}
	awscloudwatch.NewCfnAlarm(scope, jsii.String(one.name), &awscloudwatch.CfnAlarmProps{
		AlarmName: jsii.String("eks-upgrade-" + trim(one.name)), AlarmDescription: jsii.String(one.about), Metrics: data,
		ComparisonOperator: jsii.String("GreaterThanThreshold"), Threshold: jsii.Number(one.threshold), EvaluationPeriods: jsii.Number(one.periods), DatapointsToAlarm: jsii.Number(one.periods),
		TreatMissingData: jsii.String("notBreaching"), AlarmActions: &[]any{jsii.String(a.Topic())}, OkActions: &[]any{jsii.String(a.Topic())},
	})
}

func dimensions(pairs [][2]string) any {
	if len(pairs) == 0 {
		return nil
	}
	var out []any
	for _, p := range pairs {
		out = append(out, &awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(p[0]), Value: jsii.String(p[1])})
	}
	return out
}

// trim leaves the prefix that all names share out of a name that has it twice.
func trim(name string) string {
	const prefix, inner = "failed-", "failed-eks-upgrade"
	if len(name) > len(inner) && name[:len(inner)] == inner {
		return prefix + name[len(inner)+1:]
	}
	if name == inner {
		return prefix + "upgrade"
	}
	return name
}
