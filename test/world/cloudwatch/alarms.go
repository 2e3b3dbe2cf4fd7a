package cloudwatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxAlarmPage is the largest page of DescribeAlarms and DescribeAlarmHistory.
const maxAlarmPage = 100

// alarm is a metric alarm or a composite alarm, with what both have.
type alarm struct {
	name, arn   string
	description *string
	enabled     bool
	actions     map[types.StateValue][]string
	updated     time.Time // of the configuration

	metric    *types.MetricAlarm    // the configuration of a metric alarm
	composite *types.CompositeAlarm // that of a composite alarm
	rule      rule

	state      types.StateValue
	reason     string
	reasonData string
	stateAt    time.Time // last change of state or reason
	changedAt  *time.Time
	history    []types.AlarmHistoryItem // newest last
	tags       map[string]string
	stop       func() bool // the next evaluation
	generation int         // of the schedule
}

func (a *alarm) kind() types.AlarmType {
	if a.composite != nil {
		return types.AlarmTypeCompositeAlarm
	}
	return types.AlarmTypeMetricAlarm
}

func (a *alarm) describeMetric() types.MetricAlarm {
	m := *a.metric
	m.AlarmArn, m.ActionsEnabled, m.AlarmConfigurationUpdatedTimestamp = &a.arn, aws.Bool(a.enabled), aws.Time(a.updated)
	m.StateValue, m.StateReason, m.StateReasonData = a.state, aws.String(a.reason), optional(a.reasonData)
	m.StateUpdatedTimestamp, m.StateTransitionedTimestamp = aws.Time(a.stateAt), a.changedAt
	return m
}

func (a *alarm) describeComposite() types.CompositeAlarm {
	c := *a.composite
	c.AlarmArn, c.ActionsEnabled, c.AlarmConfigurationUpdatedTimestamp = &a.arn, aws.Bool(a.enabled), aws.Time(a.updated)
	c.StateValue, c.StateReason, c.StateReasonData = a.state, aws.String(a.reason), optional(a.reasonData)
	c.StateUpdatedTimestamp, c.StateTransitionedTimestamp = aws.Time(a.stateAt), a.changedAt
	return c
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// PutMetricAlarm creates or replaces a metric alarm.
func (s *Service) PutMetricAlarm(_ *wire.Call, in *awscw.PutMetricAlarmInput) (*awscw.PutMetricAlarmOutput, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.put(*in.AlarmName, types.AlarmTypeMetricAlarm, in.Tags)
	if err != nil {
		return nil, err
	}
	a.description, a.enabled = in.AlarmDescription, in.ActionsEnabled == nil || *in.ActionsEnabled
	a.actions = map[types.StateValue][]string{types.StateValueAlarm: in.AlarmActions, types.StateValueOk: in.OKActions, types.StateValueInsufficientData: in.InsufficientDataActions}
	a.metric = &types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmDescription: in.AlarmDescription,
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions,
		ComparisonOperator: in.ComparisonOperator, DatapointsToAlarm: in.DatapointsToAlarm, Dimensions: in.Dimensions,
		EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
		EvaluationPeriods:                in.EvaluationPeriods, ExtendedStatistic: in.ExtendedStatistic, MetricName: in.MetricName, Metrics: in.Metrics,
		Namespace: in.Namespace, Period: in.Period, Statistic: in.Statistic, Threshold: in.Threshold, TreatMissingData: in.TreatMissingData, Unit: in.Unit,
	}
	s.schedule(a)
	return &awscw.PutMetricAlarmOutput{}, nil
}

// put makes the alarm of a name, or finds it to be changed: it keeps its state
// then. s.mu is held.
func (s *Service) put(name string, kind types.AlarmType, tags []types.Tag) (*alarm, error) {
	now := s.clock.Now()
	a, known := s.alarms[name]
	if known && a.kind() != kind {
		return nil, validation("An alarm of another type with the name %s exists.", name)
	}
	if !known {
		a = &alarm{
			name: name, arn: fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", s.region, s.account, name),
			state: types.StateValueInsufficientData, reason: "Unchecked: Initial alarm creation", stateAt: now, tags: map[string]string{},
		}
		s.alarms[name] = a
		for _, t := range tags {
			a.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	a.updated = now
	verb := map[bool]string{false: "created", true: "updated"}[known]
	a.note(now, types.HistoryItemTypeConfigurationUpdate, fmt.Sprintf("Alarm %q %s", name, verb), "{}")
	return a, nil
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
		if in.MetricName != nil || in.Statistic != "" || in.ExtendedStatistic != nil || in.Period != nil {
			return &types.InvalidParameterCombinationException{Message: aws.String("MetricName and Metrics cannot both be given.")}
		}
		returned := 0
		for _, q := range in.Metrics {
			if q.ReturnData == nil || *q.ReturnData {
				returned++
			}
		}
		if returned != 1 {
			return validation("Exactly one element of the metrics list should return data.")
		}
		return nil
	}
	switch {
	case aws.ToString(in.MetricName) == "" || aws.ToString(in.Namespace) == "":
		return missing("MetricName and Namespace")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return missing("Statistic or ExtendedStatistic")
	case in.ExtendedStatistic != nil && !knownStat(*in.ExtendedStatistic):
		return validation("The value %s for parameter ExtendedStatistic is not supported.", *in.ExtendedStatistic)
	case !validPeriod(aws.ToInt32(in.Period)):
		return validation("Metric period must be a multiple of 60, or 10, 20 or 30.")
	}
	return nil
}

// DescribeAlarms lists alarms, metric alarms unless AlarmTypes asks for others.
func (s *Service) DescribeAlarms(_ *wire.Call, in *awscw.DescribeAlarmsInput) (*awscw.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, &types.InvalidParameterCombinationException{Message: aws.String("AlarmNames and AlarmNamePrefix cannot both be given.")}
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var chosen []*alarm
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		if slices.Contains(kinds, a.kind()) && (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) && strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) &&
			(in.StateValue == "" || in.StateValue == a.state) && a.hasAction(aws.ToString(in.ActionPrefix)) && s.related(a, in) {
			chosen = append(chosen, a)
		}
	}
	chosen, next, err := page(chosen, in.NextToken, in.MaxRecords, maxAlarmPage)
	if err != nil {
		return nil, err
	}
	out := &awscw.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}, NextToken: next}
	for _, a := range chosen {
		if a.composite != nil {
			out.CompositeAlarms = append(out.CompositeAlarms, a.describeComposite())
		} else {
			out.MetricAlarms = append(out.MetricAlarms, a.describeMetric())
		}
	}
	return out, nil
}

func (a *alarm) hasAction(prefix string) bool {
	if prefix == "" {
		return true
	}
	for _, arns := range a.actions {
		if slices.ContainsFunc(arns, func(arn string) bool { return strings.HasPrefix(arn, prefix) }) {
			return true
		}
	}
	return false
}

// related applies the filters for the children or parents of an alarm.
func (s *Service) related(a *alarm, in *awscw.DescribeAlarmsInput) bool {
	if parent := in.ChildrenOfAlarmName; parent != nil {
		p := s.alarms[*parent]
		return p != nil && p.composite != nil && p.rule.mentions(a.name)
	}
	if child := in.ParentsOfAlarmName; child != nil {
		return a.composite != nil && a.rule.mentions(*child)
	}
	return true
}

// page returns a page of a list.
func page[T any](all []T, token *string, size *int32, largest int) ([]T, *string, error) {
	limit := largest
	if size != nil {
		if *size < 1 || int(*size) > largest {
			return nil, nil, validation("The parameter MaxRecords must be between 1 and %d.", largest)
		}
		limit = int(*size)
	}
	cut, next, ok := paging.Cut(all, token, limit)
	if !ok {
		return nil, nil, &types.InvalidNextToken{Message: aws.String("The next token is not valid.")}
	}
	return cut, next, nil
}

// DescribeAlarmsForMetric lists the metric alarms that watch a metric.
func (s *Service) DescribeAlarmsForMetric(_ *wire.Call, in *awscw.DescribeAlarmsForMetricInput) (*awscw.DescribeAlarmsForMetricOutput, error) {
	if aws.ToString(in.Namespace) == "" || aws.ToString(in.MetricName) == "" {
		return nil, missing("Namespace and MetricName")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscw.DescribeAlarmsForMetricOutput{MetricAlarms: []types.MetricAlarm{}}
	wanted := key(*in.Namespace, *in.MetricName, in.Dimensions)
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		m := a.metric
		if m == nil || m.MetricName == nil || key(*m.Namespace, *m.MetricName, m.Dimensions) != wanted ||
			(in.Period != nil && *in.Period != *m.Period) || (in.Statistic != "" && in.Statistic != m.Statistic) || (in.Unit != "" && in.Unit != m.Unit) ||
			(in.ExtendedStatistic != nil && *in.ExtendedStatistic != aws.ToString(m.ExtendedStatistic)) {
			continue
		}
		out.MetricAlarms = append(out.MetricAlarms, a.describeMetric())
	}
	return out, nil
}

// DeleteAlarms deletes alarms: all or none. A child of a composite alarm that
// stays cannot go.
func (s *Service) DeleteAlarms(_ *wire.Call, in *awscw.DeleteAlarmsInput) (*awscw.DeleteAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.AlarmNames {
		if _, ok := s.alarms[name]; !ok {
			return nil, &types.ResourceNotFound{Message: aws.String("Alarm " + name + " does not exist.")}
		}
		for _, parent := range slices.Sorted(maps.Keys(s.alarms)) {
			if p := s.alarms[parent]; p.composite != nil && p.rule.mentions(name) && !slices.Contains(in.AlarmNames, parent) {
				return nil, validation("Alarm %s cannot be deleted because it is used by the composite alarm %s.", name, parent)
			}
		}
	}
	for _, name := range in.AlarmNames {
		s.alarms[name].halt()
		delete(s.alarms, name)
	}
	return &awscw.DeleteAlarmsOutput{}, nil
}

// EnableAlarmActions lets alarms act again.
func (s *Service) EnableAlarmActions(_ *wire.Call, in *awscw.EnableAlarmActionsInput) (*awscw.EnableAlarmActionsOutput, error) {
	s.setActions(in.AlarmNames, true)
	return &awscw.EnableAlarmActionsOutput{}, nil
}

// DisableAlarmActions keeps alarms from acting; their state goes on.
func (s *Service) DisableAlarmActions(_ *wire.Call, in *awscw.DisableAlarmActionsInput) (*awscw.DisableAlarmActionsOutput, error) {
	s.setActions(in.AlarmNames, false)
	return &awscw.DisableAlarmActionsOutput{}, nil
}

// setActions ignores names of no alarm, as CloudWatch does.
func (s *Service) setActions(names []string, enabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if a, ok := s.alarms[name]; ok {
			a.enabled = enabled
		}
	}
}

// SetAlarmState changes the state until the next evaluation.
func (s *Service) SetAlarmState(_ *wire.Call, in *awscw.SetAlarmStateInput) (*awscw.SetAlarmStateOutput, error) {
	if !slices.Contains(in.StateValue.Values(), in.StateValue) {
		return nil, validation("The value %s for parameter StateValue is not supported.", in.StateValue)
	}
	s.mu.Lock()
	a, ok := s.alarms[aws.ToString(in.AlarmName)]
	if !ok {
		s.mu.Unlock()
		return nil, &types.ResourceNotFound{Message: aws.String("Alarm " + aws.ToString(in.AlarmName) + " does not exist.")}
	}
	var changed []transition
	if a.state != in.StateValue {
		changed = append(changed, s.change(a, verdict{in.StateValue, aws.ToString(in.StateReason), aws.ToString(in.StateReasonData)}))
		changed = append(changed, s.composites()...)
	}
	s.mu.Unlock()
	s.act(changed)
	return &awscw.SetAlarmStateOutput{}, nil
}

// DescribeAlarmHistory lists what happened to alarms, newest first.
func (s *Service) DescribeAlarmHistory(_ *wire.Call, in *awscw.DescribeAlarmHistoryInput) (*awscw.DescribeAlarmHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []types.AlarmHistoryItem
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		if (in.AlarmName != nil && *in.AlarmName != name) || (len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, a.kind())) {
			continue
		}
		for _, item := range a.history {
			if (in.HistoryItemType == "" || in.HistoryItemType == item.HistoryItemType) && (in.StartDate == nil || !item.Timestamp.Before(*in.StartDate)) && (in.EndDate == nil || item.Timestamp.Before(*in.EndDate)) {
				items = append(items, item)
			}
		}
	}
	slices.SortStableFunc(items, func(x, y types.AlarmHistoryItem) int { return x.Timestamp.Compare(*y.Timestamp) })
	if in.ScanBy != types.ScanByTimestampAscending {
		slices.Reverse(items)
	}
	items, next, err := page(items, in.NextToken, in.MaxRecords, maxAlarmPage)
	if err != nil {
		return nil, err
	}
	return &awscw.DescribeAlarmHistoryOutput{AlarmHistoryItems: append([]types.AlarmHistoryItem{}, items...), NextToken: next}, nil
}

func (a *alarm) note(at time.Time, kind types.HistoryItemType, summary, data string) {
	a.history = append(a.history, types.AlarmHistoryItem{AlarmName: aws.String(a.name), AlarmType: a.kind(), Timestamp: &at, HistoryItemType: kind, HistorySummary: &summary, HistoryData: &data})
}
