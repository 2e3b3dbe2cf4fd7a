package cloudwatch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// bus keeps the events of alarms; topics keeps what is published.
type bus struct{ events []string }

func (b *bus) Emit(_, _ string, detail any, _ ...string) error {
	d := detail.(map[string]any)
	b.events = append(b.events, fmt.Sprintf("%s %s", d["alarmName"], d["state"].(map[string]any)["value"]))
	return nil
}

type topics struct{ published []string }

// Publish keeps a message.
func (p *topics) Publish(_ *wire.Call, in *sns.PublishInput) (*sns.PublishOutput, error) {
	p.published = append(p.published, *in.TopicArn+" "+*in.Subject)
	return &sns.PublishOutput{}, nil
}

type fixture struct {
	*Service
	t      *testing.T
	clock  *clock.Virtual
	bus    *bus
	topics *topics
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)), bus: &bus{}, topics: &topics{}}
	mux := wire.NewMux(f.clock.Now, nil)
	mux.Register("sns", f.topics)
	f.Service = New(f.clock, "123456789012", "eu-west-1", mux, f.bus)
	return f
}

// alarm puts an alarm on the sum of Shop/Errors above 5.
func (f *fixture) alarm(name string, change func(*awscw.PutMetricAlarmInput)) {
	f.t.Helper()
	in := &awscw.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("Shop"), MetricName: aws.String("Errors"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold}
	if change != nil {
		change(in)
	}
	if _, err := f.PutMetricAlarm(&wire.Call{}, in); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) composite(name, rule string) error {
	_, err := f.PutCompositeAlarm(&wire.Call{}, &awscw.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule, AlarmActions: []string{"arn:aws:sns:eu-west-1:123456789012:alerts"}})
	return err
}

func TestAlarmsAreEvaluatedByTheClock(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-1:123456789012:alerts"
	for _, c := range []struct {
		name    string
		values  []float64 // one a minute; below 0: none
		missing string
		n, m    int32
		want    string // the states after each minute, by their first letters
	}{
		{"goes off and comes back", []float64{1, 9, 1}, "", 1, 1, "OAO"},
		{"two of three", []float64{9, 1, 9, 1, 1}, "", 3, 2, "OOAOO"},
		{"no data", []float64{9, -1}, "", 1, 1, "AI"},
		{"missing data are breaching", []float64{1, -1}, "breaching", 1, 1, "OA"},
		{"missing data are not breaching", []float64{9, -1}, "notBreaching", 1, 1, "AO"},
		{"missing data are ignored", []float64{9, -1, -1}, "ignore", 1, 1, "AAA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.alarm("errors", func(in *awscw.PutMetricAlarmInput) {
				in.EvaluationPeriods, in.DatapointsToAlarm, in.AlarmActions = &c.n, &c.m, []string{topic}
				if c.missing != "" {
					in.TreatMissingData = &c.missing
				}
			})
			got := ""
			for _, v := range c.values {
				if v >= 0 {
					f.Put("Shop", "Errors", v)
				}
				f.clock.Advance(time.Minute)
				got += f.AlarmState("errors")[:1]
			}
			if got != c.want {
				t.Errorf("states = %s, want %s", got, c.want)
			}
			if rang := strings.Count(strings.Join(f.bus.events, " "), "ALARM"); rang != len(f.topics.published) {
				t.Errorf("%d events of ALARM, %d messages", rang, len(f.topics.published))
			}
			if err := errors.Join(f.Undelivered()...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCompositeAlarmFollowsItsRule(t *testing.T) {
	f := newFixture(t)
	f.alarm("errors", nil)
	f.alarm("latency", func(in *awscw.PutMetricAlarmInput) { in.MetricName = aws.String("Latency") })
	for name, rule := range map[string]string{
		"both":   `ALARM(errors) AND ALARM("latency")`,
		"either": "ALARM(errors) OR ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:latency)",
		"calm":   "NOT (ALARM(errors) OR ALARM(latency)) AND TRUE",
	} {
		if err := f.composite(name, rule); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.composite("outer", "ALARM(both)"); err != nil {
		t.Fatal(err)
	}
	f.Put("Shop", "Errors", 9)
	f.Put("Shop", "Latency", 1)
	f.clock.Advance(time.Minute)
	states := func() string {
		return f.AlarmState("both") + " " + f.AlarmState("either") + " " + f.AlarmState("calm") + " " + f.AlarmState("outer")
	}
	if got := states(); got != "OK ALARM OK OK" {
		t.Errorf("one alarm: %s", got)
	}
	f.Put("Shop", "Errors", 9)
	f.Put("Shop", "Latency", 9)
	f.clock.Advance(time.Minute)
	if got := states(); got != "ALARM ALARM OK ALARM" {
		t.Errorf("two alarms: %s", got)
	}
	if n := len(f.topics.published); n != 4 { // calm at first, either, both, outer
		t.Errorf("published %v", f.topics.published)
	}
	if _, err := f.DeleteAlarms(&wire.Call{}, &awscw.DeleteAlarmsInput{AlarmNames: []string{"errors"}}); err == nil {
		t.Error("an alarm that a composite alarm watches must stay")
	}
	if err := f.composite("both", "ALARM(outer)"); err == nil || !strings.Contains(err.Error(), "its own child") {
		t.Errorf("a circle must be refused: %v", err)
	}
}

func TestRefusedRules(t *testing.T) {
	f := newFixture(t)
	f.alarm("errors", nil)
	for _, rule := range []string{"ALARM(nothing)", "ALARM(errors", "ALARM()", "errors", "ALARM(errors) AND", "(ALARM(errors)", "ALARM(errors) ALARM(errors)", strings.Repeat("NOT ", 200) + "TRUE"} {
		if err := f.composite("c", rule); err == nil {
			t.Errorf("%q must be refused", rule)
		}
	}
}

func TestAlarmsAreListedInPagesWithTheirHistory(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.alarm(fmt.Sprintf("a%d", i), nil)
	}
	var names []string
	var token *string
	for {
		out, err := f.DescribeAlarms(&wire.Call{}, &awscw.DescribeAlarmsInput{MaxRecords: aws.Int32(2), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range out.MetricAlarms {
			names = append(names, *a.AlarmName)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a0 a1 a2 a3 a4" {
		t.Errorf("names = %s", got)
	}
	f.Put("Shop", "Errors", 9)
	f.clock.Advance(time.Minute)
	history, err := f.DescribeAlarmHistory(&wire.Call{}, &awscw.DescribeAlarmHistoryInput{AlarmName: aws.String("a1")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range history.AlarmHistoryItems {
		got = append(got, *item.HistorySummary)
	}
	if strings.Join(got, "; ") != `Alarm updated from INSUFFICIENT_DATA to ALARM; Alarm "a1" created` {
		t.Errorf("history = %q", got)
	}
	if _, err := f.DisableAlarmActions(&wire.Call{}, &awscw.DisableAlarmActionsInput{AlarmNames: []string{"a1"}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.DescribeAlarmsForMetric(&wire.Call{}, &awscw.DescribeAlarmsForMetricInput{Namespace: aws.String("Shop"), MetricName: aws.String("Errors")})
	if err != nil || len(out.MetricAlarms) != 5 || *out.MetricAlarms[1].ActionsEnabled {
		t.Errorf("alarms of the metric = %d, %v", len(out.MetricAlarms), err)
	}
}

func TestMetricDataComesInPages(t *testing.T) {
	f := newFixture(t)
	begin := f.clock.Now()
	for i := range 5 {
		f.Put("Shop", "Errors", float64(i))
		f.clock.Advance(time.Minute)
	}
	query := types.MetricDataQuery{Id: aws.String("e"), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: aws.String("Errors")}, Period: aws.Int32(60), Stat: aws.String("Sum")}}
	double := types.MetricDataQuery{Id: aws.String("d"), Expression: aws.String("e * 2")}
	in := &awscw.GetMetricDataInput{StartTime: &begin, EndTime: aws.Time(f.clock.Now()), MetricDataQueries: []types.MetricDataQuery{query, double}, ScanBy: types.ScanByTimestampAscending, MaxDatapoints: aws.Int32(3)}
	got := map[string][]float64{}
	pages := 0
	for {
		out, err := f.GetMetricData(&wire.Call{}, in)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, r := range out.MetricDataResults {
			got[*r.Id] = append(got[*r.Id], r.Values...)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if want := "map[d:[0 2 4 6 8] e:[0 1 2 3 4]]"; fmt.Sprint(got) != want || pages != 4 {
		t.Errorf("%d pages with %v, want 4 with %s", pages, got, want)
	}
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{`ALARM("a") AND NOT OK(b)`, "((TRUE))", "INSUFFICIENT_DATA(x) OR FALSE", `ALARM("a`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRule(text); err == nil {
			r.holds(func(string) types.StateValue { return types.StateValueAlarm })
		}
	})
}
