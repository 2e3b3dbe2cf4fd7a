package world

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func TestPublishedMessagesCanBeReadAndTopicsAreChecked(t *testing.T) {
	w, _ := newWorld(t)
	ctx, c := t.Context(), sns.NewFromConfig(w.AWSConfig())
	topic, err := c.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil || *again.TopicArn != *topic.TopicArn {
		t.Errorf("again = %v, %v", again, err)
	}
	if _, err := c.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Subject: aws.String("rolled back"), Message: aws.String("shop <&> green"),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{"severity": {DataType: aws.String("String"), StringValue: aws.String("high")}}}); err != nil {
		t.Fatal(err)
	}
	got := w.SNS().Messages("alerts")
	if len(got) != 1 || got[0].Body != "shop <&> green" || *got[0].Attributes["severity"].StringValue != "high" {
		t.Errorf("messages = %+v", got)
	}
	_, err = c.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(*topic.TopicArn + "x"), Message: aws.String("m")})
	wantCode(t, err, "NotFound")
	_, err = c.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Subject: aws.String("line\nbreak"), Message: aws.String("m")})
	wantCode(t, err, "InvalidParameter")
	sub, err := c.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("email"), Endpoint: aws.String("ops@example.com")})
	if err != nil || *sub.SubscriptionArn != "pending confirmation" {
		t.Errorf("subscription = %v, %v", sub, err)
	}
	list, err := c.ListTopics(ctx, nil)
	if err != nil || len(list.Topics) != 1 {
		t.Errorf("topics = %v, %v", list, err)
	}
}

func TestAnEventStartsAStateMachineWithTransformedInput(t *testing.T) {
	w, clk := newSyncWorld(t)
	ctx := t.Context()
	m, err := sfn.NewFromConfig(w.AWSConfig()).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("m"), RoleArn: aws.String("arn:aws:iam::1:role/r"),
		Definition: aws.String(`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	c := eventbridge.NewFromConfig(w.AWSConfig())
	_, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("none"), Targets: []ebtypes.Target{{Id: aws.String("a"), Arn: m.StateMachineArn, RoleArn: aws.String("r")}}})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":"x"}`)})
	wantCode(t, err, "InvalidEventPatternException")
	if _, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["upgrade.request"],"detail":{"target":[{"prefix":"1."}]}}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []ebtypes.Target{
		{Id: aws.String("machine"), Arn: m.StateMachineArn, RoleArn: aws.String("arn:aws:iam::1:role/r"), InputTransformer: &ebtypes.InputTransformer{
			InputPathsMap: map[string]string{"cluster": "$.detail.cluster", "target": "$.detail.target", "n": "$.detail.n"},
			InputTemplate: aws.String(`{"cluster":<cluster>,"text":"<cluster> to <target>","n":<n>,"rule":<aws.events.rule-name>}`)}}}}); err != nil {
		t.Fatal(err)
	}
	put, err := c.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{Source: aws.String("upgrade.request"), DetailType: aws.String("Upgrade Requested"), Detail: aws.String(`{"cluster":"sh\"op","target":"1.35","n":7}`)},
		{Source: aws.String("upgrade.request"), DetailType: aws.String("Upgrade Requested"), Detail: aws.String(`{"target":"2.0"}`)},
		{Source: aws.String("aws.eks"), DetailType: aws.String("x"), Detail: aws.String(`{}`)},
		{Source: aws.String("a"), DetailType: aws.String("x"), Detail: aws.String(`[]`)},
	}})
	if err != nil || put.FailedEntryCount != 2 || *put.Entries[2].ErrorCode != "NotAuthorizedForSourceException" || *put.Entries[3].ErrorCode != "MalformedDetail" {
		t.Fatalf("put = %+v, %v", put, err)
	}
	clk.Advance(time.Second)
	list, err := sfn.NewFromConfig(w.AWSConfig()).ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
	if err != nil || len(list.Executions) != 1 {
		t.Fatalf("executions = %v, %v (undelivered: %v)", list, err, w.Events().Undelivered())
	}
	d := describe(t, sfn.NewFromConfig(w.AWSConfig()), *list.Executions[0].ExecutionArn)
	if *d.Output != `{"cluster":"sh\"op","text":"sh\"op to 1.35","n":7,"rule":"r"}` {
		t.Errorf("output = %s", *d.Output)
	}
	statuses := ""
	for _, e := range w.Events().Events() {
		if e.Source == "aws.states" {
			switch {
			case strings.Contains(string(e.Detail), `"status":"RUNNING"`):
				statuses += "R"
			case strings.Contains(string(e.Detail), `"status":"SUCCEEDED"`):
				statuses += "S"
			}
		}
	}
	if statuses != "RS" {
		t.Errorf("status events = %s", statuses)
	}
}

func TestMetricsStatisticsAndMath(t *testing.T) {
	w, clk := newWorld(t)
	ctx, c := t.Context(), cloudwatch.NewFromConfig(w.AWSConfig())
	dims := []cwtypes.Dimension{{Name: aws.String("Cluster"), Value: aws.String("green")}}
	put := func(name string, values ...float64) {
		t.Helper()
		_, err := c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []cwtypes.MetricDatum{
			{MetricName: &name, Dimensions: dims, Values: values, Unit: cwtypes.StandardUnitCount}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("Requests", 100, 100)
	put("Errors", 3)
	clk.Advance(time.Minute)
	put("Requests", 50)
	clk.Advance(time.Minute)
	put("Requests", 40)
	put("Errors", 10)
	for i := range 100 {
		w.CloudWatch().Put("Shop", "Latency", float64(i+1))
	}
	clk.Advance(time.Minute)
	stat := func(id, metric, stat string) cwtypes.MetricDataQuery {
		d := dims
		if metric == "Latency" {
			d = nil
		}
		return cwtypes.MetricDataQuery{Id: &id, ReturnData: aws.Bool(id == "p"), MetricStat: &cwtypes.MetricStat{Period: aws.Int32(60), Stat: &stat,
			Metric: &cwtypes.Metric{Namespace: aws.String("Shop"), MetricName: &metric, Dimensions: d}}}
	}
	get := func(expression string) (*cloudwatch.GetMetricDataOutput, error) {
		return c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{StartTime: aws.Time(start), EndTime: aws.Time(start.Add(3 * time.Minute)), ScanBy: cwtypes.ScanByTimestampAscending,
			MetricDataQueries: []cwtypes.MetricDataQuery{stat("r", "Requests", "Sum"), stat("e", "Errors", "Sum"), stat("p", "Latency", "p99"),
				{Id: aws.String("rate"), Expression: &expression}}})
	}
	for _, tc := range []struct {
		expression string
		want       []float64
	}{
		{"100 * e / r", []float64{1.5, 25}},
		{"100*FILL(e, 0)/r", []float64{1.5, 0, 25}},
		{"(r - e) / 1", []float64{197, 30}},
		{"-e + 2*(1+1)", []float64{1, -6}},
		{"e / (r - r)", []float64{}},
	} {
		out, err := get(tc.expression)
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
			continue
		}
		if len(out.MetricDataResults) != 2 || out.MetricDataResults[0].Values[0] != 99 {
			t.Errorf("results = %+v", out.MetricDataResults)
		}
		got := out.MetricDataResults[1].Values
		if len(got) != len(tc.want) {
			t.Errorf("%s = %v, want %v", tc.expression, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s = %v, want %v", tc.expression, got, tc.want)
			}
		}
	}
	for _, bad := range []string{"e /", "unknown + 1", "1 + 1", "(e", "SUM(e)", "e e", "rate"} {
		_, err := get(bad)
		wantCode(t, err, "ValidationError")
	}
	st, err := c.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: aws.String("Requests"), Dimensions: dims, Period: aws.Int32(60),
		StartTime: aws.Time(start), EndTime: aws.Time(start.Add(time.Hour)), Statistics: []cwtypes.Statistic{"Sum", "Average", "SampleCount", "Maximum", "Minimum"}, ExtendedStatistics: []string{"p50"}})
	if err != nil || len(st.Datapoints) != 3 {
		t.Fatalf("statistics = %+v, %v", st, err)
	}
	if p := st.Datapoints[0]; *p.Sum != 200 || *p.Average != 100 || *p.SampleCount != 2 || *p.Maximum != 100 || p.ExtendedStatistics["p50"] != 100 || !p.Timestamp.Equal(start) || p.Unit != "Count" {
		t.Errorf("datapoint = %+v", p)
	}
	none, err := c.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("Shop"), MetricName: aws.String("Requests"), Period: aws.Int32(60),
		StartTime: aws.Time(start), EndTime: aws.Time(start.Add(time.Hour)), Statistics: []cwtypes.Statistic{"Sum"}})
	if err != nil || len(none.Datapoints) != 0 {
		t.Errorf("other dimensions = %+v, %v", none, err)
	}
	_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/EKS"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("x"), Value: aws.Float64(1)}}})
	wantCode(t, err, "InvalidParameterValue")
}

func TestAlarmGoesOffAndNotifies(t *testing.T) {
	w, clk := newWorld(t)
	ctx, c := t.Context(), cloudwatch.NewFromConfig(w.AWSConfig())
	topic, err := sns.NewFromConfig(w.AWSConfig()).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("errors"), Namespace: aws.String("Shop"), MetricName: aws.String("Errors"), Statistic: "Sum",
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(2), DatapointsToAlarm: aws.Int32(2), Threshold: aws.Float64(5), ComparisonOperator: "GreaterThanThreshold", AlarmActions: []string{*topic.TopicArn}}); err != nil {
		t.Fatal(err)
	}
	state := func() cwtypes.StateValue {
		t.Helper()
		out, err := c.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"errors"}})
		if err != nil || len(out.MetricAlarms) != 1 {
			t.Fatalf("alarms = %v, %v", out, err)
		}
		return out.MetricAlarms[0].StateValue
	}
	var got []cwtypes.StateValue
	for _, v := range []float64{1, 9, 9} {
		got = append(got, state())
		w.CloudWatch().Put("Shop", "Errors", v)
		clk.Advance(time.Minute)
	}
	got = append(got, state())
	clk.Advance(time.Hour)
	got = append(got, state())
	if want := "INSUFFICIENT_DATA OK OK ALARM INSUFFICIENT_DATA"; join(got) != want {
		t.Errorf("states = %s, want %s", join(got), want)
	}
	if m := w.SNS().Messages("alerts"); len(m) != 1 || !strings.Contains(m[0].Body, `"NewStateValue":"ALARM"`) {
		t.Errorf("messages = %+v, undelivered %v", m, w.CloudWatch().Undelivered())
	}
}

func join(states []cwtypes.StateValue) string {
	var s []string
	for _, v := range states {
		s = append(s, string(v))
	}
	return strings.Join(s, " ")
}
