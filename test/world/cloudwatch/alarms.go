package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// alarm is a metric alarm. It is evaluated when data arrive and when somebody
// looks at it.
type alarm struct{ types.MetricAlarm }

// PutMetricAlarm implements the API operation.
func (s *Service) PutMetricAlarm(_ *wire.Call, in *awscw.PutMetricAlarmInput) (*awscw.PutMetricAlarmOutput, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	s.mu.Lock()
	arn := fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", s.region, s.account, *in.AlarmName)
	a := &alarm{types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmArn: &arn, AlarmDescription: in.AlarmDescription, ActionsEnabled: in.ActionsEnabled,
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions,
		ComparisonOperator: in.ComparisonOperator, DatapointsToAlarm: in.DatapointsToAlarm, Dimensions: in.Dimensions,
		EvaluationPeriods: in.EvaluationPeriods, ExtendedStatistic: in.ExtendedStatistic, MetricName: in.MetricName, Metrics: in.Metrics,
		Namespace: in.Namespace, Period: in.Period, Statistic: in.Statistic, Threshold: in.Threshold, TreatMissingData: in.TreatMissingData,
		Unit: in.Unit, AlarmConfigurationUpdatedTimestamp: &now,
		StateValue: types.StateValueInsufficientData, StateReason: aws.String("Unchecked: Initial alarm creation"), StateUpdatedTimestamp: &now,
	}}
	if a.ActionsEnabled == nil {
		a.ActionsEnabled = aws.Bool(true)
	}
	if old, ok := s.alarms[*in.AlarmName]; ok { // a changed alarm keeps its state
		a.StateValue, a.StateReason, a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = old.StateValue, old.StateReason, old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
	}
	s.alarms[*in.AlarmName] = a
	s.mu.Unlock()
	s.evaluateAll()
	return &awscw.PutMetricAlarmOutput{}, nil
}

func checkAlarm(in *awscw.PutMetricAlarmInput) error {
	if in.EvaluationCriteria != nil || in.EvaluationWindow != nil || in.ThresholdMetricId != nil {
		return validation("the simulated AWS evaluates alarms with a fixed threshold only")
	}
	switch in.ComparisonOperator {
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold, types.ComparisonOperatorGreaterThanThreshold,
		types.ComparisonOperatorLessThanThreshold, types.ComparisonOperatorLessThanOrEqualToThreshold:
	default:
		return validation("The value %s for parameter ComparisonOperator is not supported.", in.ComparisonOperator)
	}
	switch {
	case aws.ToString(in.AlarmName) == "":
		return missing("AlarmName")
	case aws.ToInt32(in.EvaluationPeriods) < 1:
		return missing("EvaluationPeriods")
	case in.Threshold == nil:
		return missing("Threshold")
	case in.DatapointsToAlarm != nil && (*in.DatapointsToAlarm < 1 || *in.DatapointsToAlarm > *in.EvaluationPeriods):
		return validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
	case in.TreatMissingData != nil && !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, *in.TreatMissingData):
		return validation("Option %s is not supported for treat-missing-data parameter.", *in.TreatMissingData)
	}
	if len(in.Metrics) > 0 {
		if in.MetricName != nil || in.Statistic != "" || in.ExtendedStatistic != nil {
			return &types.InvalidParameterCombinationException{Message: aws.String("MetricName and Metrics cannot both be given.")}
		}
		return nil
	}
	switch {
	case aws.ToString(in.MetricName) == "" || aws.ToString(in.Namespace) == "":
		return missing("MetricName and Namespace")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return missing("Statistic or ExtendedStatistic")
	case !validPeriod(aws.ToInt32(in.Period)):
		return validation("Metric period must be a multiple of 60, or 10, 20 or 30.")
	}
	return nil
}

// queries returns what the alarm watches, and the id of the query that counts.
func (a *alarm) queries() ([]types.MetricDataQuery, string, int32) {
	if len(a.Metrics) == 0 {
		stat := string(a.Statistic)
		if a.ExtendedStatistic != nil {
			stat = *a.ExtendedStatistic
		}
		q := types.MetricDataQuery{Id: aws.String("m"), MetricStat: &types.MetricStat{Period: a.Period, Stat: &stat, Unit: a.Unit,
			Metric: &types.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}}}
		return []types.MetricDataQuery{q}, "m", *a.Period
	}
	id, period := "", int32(1)
	for _, q := range a.Metrics {
		if q.ReturnData == nil || *q.ReturnData {
			id = aws.ToString(q.Id)
		}
		if q.MetricStat != nil {
			period = max(period, aws.ToInt32(q.MetricStat.Period))
		}
	}
	return a.Metrics, id, period
}

// state evaluates the alarm over its last complete periods; s.mu is held.
func (s *Service) state(a *alarm, now time.Time) (types.StateValue, string, error) {
	queries, id, period := a.queries()
	width := time.Duration(period) * time.Second
	n := int(*a.EvaluationPeriods)
	to := align(now, width)
	from := to.Add(-time.Duration(n) * width)
	ev, err := s.newEvaluator(queries, from, to)
	if err != nil {
		return "", "", err
	}
	r, err := ev.eval(id)
	if err != nil {
		return "", "", err
	}
	need := n
	if a.DatapointsToAlarm != nil {
		need = int(*a.DatapointsToAlarm)
	}
	have, breaching := len(r.series.values), 0
	for _, v := range r.series.values {
		if breaches(a.ComparisonOperator, v, *a.Threshold) {
			breaching++
		}
	}
	gaps := n - have
	switch aws.ToString(a.TreatMissingData) {
	case "breaching":
		breaching, have = breaching+gaps, n
	case "notBreaching":
		have = n
	case "ignore":
		if have == 0 {
			return a.StateValue, aws.ToString(a.StateReason), nil
		}
	}
	switch {
	case breaching >= need:
		return types.StateValueAlarm, fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints crossed the threshold (%g) (minimum %d datapoints for OK -> ALARM transition).", breaching, n, *a.Threshold, need), nil
	case have == 0:
		return types.StateValueInsufficientData, fmt.Sprintf("Insufficient Data: %d datapoints were unknown.", gaps), nil
	}
	return types.StateValueOk, fmt.Sprintf("Threshold Crossed: %d datapoints were not crossing the threshold (%g).", have-breaching, *a.Threshold), nil
}

func breaches(op types.ComparisonOperator, v, limit float64) bool {
	switch op {
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return v >= limit
	case types.ComparisonOperatorGreaterThanThreshold:
		return v > limit
	case types.ComparisonOperatorLessThanThreshold:
		return v < limit
	}
	return v <= limit
}

// evaluateAll brings every alarm up to date and acts on changes.
func (s *Service) evaluateAll() {
	now := s.clock.Now()
	s.mu.Lock()
	names := make([]string, 0, len(s.alarms))
	for name := range s.alarms {
		names = append(names, name)
	}
	sort.Strings(names)
	var changed []transition
	for _, name := range names {
		a := s.alarms[name]
		value, reason, err := s.state(a, now)
		if err != nil {
			s.undelivered = append(s.undelivered, fmt.Errorf("cloudwatch: alarm %s: %w", name, err))
			continue
		}
		if value != a.StateValue {
			changed = append(changed, s.change(a, value, reason, now))
		}
	}
	s.mu.Unlock()
	for _, t := range changed {
		s.act(t)
	}
}

// transition is a change of an alarm's state.
type transition struct {
	alarm    types.MetricAlarm
	previous types.StateValue
}

func (s *Service) change(a *alarm, value types.StateValue, reason string, now time.Time) transition {
	t := transition{previous: a.StateValue}
	a.StateValue, a.StateReason, a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = value, &reason, &now, &now
	t.alarm = a.MetricAlarm
	return t
}

// act tells the event bus and the alarm's topics.
func (s *Service) act(t transition) {
	a := t.alarm
	err := s.events.Emit("aws.cloudwatch", "CloudWatch Alarm State Change", map[string]any{
		"alarmName": *a.AlarmName, "state": map[string]any{"value": a.StateValue, "reason": *a.StateReason, "timestamp": a.StateUpdatedTimestamp.Format("2006-01-02T15:04:05.000+0000")},
		"previousState": map[string]any{"value": t.previous}, "configuration": map[string]any{"description": aws.ToString(a.AlarmDescription)},
	}, *a.AlarmArn)
	s.note(err)
	if !*a.ActionsEnabled {
		return
	}
	actions := map[types.StateValue][]string{types.StateValueAlarm: a.AlarmActions, types.StateValueOk: a.OKActions, types.StateValueInsufficientData: a.InsufficientDataActions}[a.StateValue]
	for _, arn := range actions {
		if !strings.HasPrefix(arn, "arn:aws:sns:") {
			s.note(fmt.Errorf("cloudwatch: alarm %s: the simulated AWS does not perform the action %s", *a.AlarmName, arn))
			continue
		}
		body, err := json.Marshal(map[string]any{"AlarmName": *a.AlarmName, "AlarmArn": *a.AlarmArn, "NewStateValue": a.StateValue, "OldStateValue": t.previous,
			"NewStateReason": *a.StateReason, "StateChangeTime": a.StateUpdatedTimestamp.Format("2006-01-02T15:04:05.000+0000"), "AWSAccountId": s.account, "Region": s.region})
		if err == nil {
			_, err = s.mux.Invoke(&wire.Call{Context: context.Background(), Service: "sns", Operation: "Publish", RequestID: s.mux.NewRequestID(), Region: s.region,
				Time: s.clock.Now(), UserAgent: "cloudwatch.amazonaws.com"}, &sns.PublishInput{TopicArn: &arn, Message: aws.String(string(body)),
				Subject: aws.String(fmt.Sprintf("%s: %q in %s", a.StateValue, *a.AlarmName, s.region))})
		}
		s.note(err)
	}
}

func (s *Service) note(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undelivered = append(s.undelivered, err)
}

// Undelivered returns why alarms could not be evaluated or could not act.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.undelivered)
}

// DescribeAlarms implements the API operation for metric alarms.
func (s *Service) DescribeAlarms(_ *wire.Call, in *awscw.DescribeAlarmsInput) (*awscw.DescribeAlarmsOutput, error) {
	s.evaluateAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscw.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}}
	for name, a := range s.alarms {
		if (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) && strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) && (in.StateValue == "" || in.StateValue == a.StateValue) {
			out.MetricAlarms = append(out.MetricAlarms, a.MetricAlarm)
		}
	}
	sort.Slice(out.MetricAlarms, func(i, j int) bool { return *out.MetricAlarms[i].AlarmName < *out.MetricAlarms[j].AlarmName })
	return out, nil
}

// DeleteAlarms implements the API operation.
func (s *Service) DeleteAlarms(_ *wire.Call, in *awscw.DeleteAlarmsInput) (*awscw.DeleteAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.AlarmNames {
		if _, ok := s.alarms[name]; !ok {
			return nil, &types.ResourceNotFound{Message: aws.String("Alarm " + name + " does not exist.")}
		}
	}
	for _, name := range in.AlarmNames {
		delete(s.alarms, name)
	}
	return &awscw.DeleteAlarmsOutput{}, nil
}

// SetAlarmState implements the API operation; the next evaluation may change
// the state again.
func (s *Service) SetAlarmState(_ *wire.Call, in *awscw.SetAlarmStateInput) (*awscw.SetAlarmStateOutput, error) {
	s.mu.Lock()
	a, ok := s.alarms[aws.ToString(in.AlarmName)]
	if !ok {
		s.mu.Unlock()
		return nil, &types.ResourceNotFound{Message: aws.String("Alarm " + aws.ToString(in.AlarmName) + " does not exist.")}
	}
	if a.StateValue == in.StateValue {
		s.mu.Unlock()
		return &awscw.SetAlarmStateOutput{}, nil
	}
	t := s.change(a, in.StateValue, aws.ToString(in.StateReason), s.clock.Now())
	s.mu.Unlock()
	s.act(t)
	return &awscw.SetAlarmStateOutput{}, nil
}
