package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// AlarmState returns an alarm's state, or "" when there is no such alarm.
func (s *Service) AlarmState(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.alarms[name]; ok {
		return string(a.state)
	}
	return ""
}

func (a *alarm) halt() {
	a.generation++
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

// schedule has a metric alarm evaluated at the end of each of its periods, but
// not more seldom than every minute, as CloudWatch does. s.mu is held.
func (s *Service) schedule(a *alarm) {
	a.halt()
	_, _, period := a.queries()
	step := min(time.Duration(period)*time.Second, time.Minute)
	now := s.clock.Now()
	generation := a.generation
	a.stop = s.clock.AfterFunc(align(now, step).Add(step).Sub(now), func() { s.tick(a, generation) })
}

// tick evaluates one metric alarm, then the composite alarms.
func (s *Service) tick(a *alarm, generation int) {
	s.mu.Lock()
	if a.generation != generation {
		s.mu.Unlock()
		return
	}
	var changed []transition
	v, err := s.judge(a, s.clock.Now())
	switch {
	case err != nil:
		s.undelivered = append(s.undelivered, fmt.Errorf("cloudwatch: alarm %s: %w", a.name, err))
	case v.state != a.state:
		changed = append(changed, s.change(a, v))
		changed = append(changed, s.composites()...)
	}
	s.schedule(a)
	s.mu.Unlock()
	s.act(changed)
}

// queries returns what a metric alarm watches, the id of the query that counts,
// and the longest period in seconds.
func (a *alarm) queries() ([]types.MetricDataQuery, string, int32) {
	m := a.metric
	if len(m.Metrics) == 0 {
		stat := string(m.Statistic)
		if m.ExtendedStatistic != nil {
			stat = *m.ExtendedStatistic
		}
		q := types.MetricDataQuery{Id: aws.String("m"), MetricStat: &types.MetricStat{Period: m.Period, Stat: &stat, Unit: m.Unit,
			Metric: &types.Metric{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: m.Dimensions}}}
		return []types.MetricDataQuery{q}, "m", *m.Period
	}
	id, period := "", int32(1)
	for _, q := range m.Metrics {
		if q.ReturnData == nil || *q.ReturnData {
			id = aws.ToString(q.Id)
		}
		if q.MetricStat != nil {
			period = max(period, aws.ToInt32(q.MetricStat.Period))
		}
	}
	return m.Metrics, id, period
}

// verdict is an alarm's state, with its reason in words and as JSON.
type verdict struct {
	state        types.StateValue
	reason, data string
}

// judge evaluates a metric alarm over its last complete periods; s.mu is held.
func (s *Service) judge(a *alarm, now time.Time) (verdict, error) {
	queries, id, period := a.queries()
	m := a.metric
	width := time.Duration(period) * time.Second
	n := int(*m.EvaluationPeriods)
	to := align(now, width)
	from := to.Add(-time.Duration(n) * width)
	ev, err := s.newEvaluator(queries, from, to)
	if err != nil {
		return verdict{}, err
	}
	r, err := ev.eval(id)
	if err != nil {
		return verdict{}, err
	}
	need := n
	if m.DatapointsToAlarm != nil {
		need = int(*m.DatapointsToAlarm)
	}
	have, breaching := len(r.series.values), 0
	for _, v := range r.series.values {
		if breaches(m.ComparisonOperator, v, *m.Threshold) {
			breaching++
		}
	}
	gaps := n - have
	switch aws.ToString(m.TreatMissingData) {
	case "breaching":
		breaching, have = breaching+gaps, n
	case "notBreaching":
		have = n
	case "ignore":
		if have == 0 {
			return verdict{a.state, a.reason, a.reasonData}, nil
		}
	}
	data, err := json.Marshal(map[string]any{
		"version": "1.0", "queryDate": now.Format("2006-01-02T15:04:05.000+0000"), "startDate": from.Format("2006-01-02T15:04:05.000+0000"),
		"period": period, "recentDatapoints": append([]float64{}, r.series.values...), "threshold": *m.Threshold,
	})
	if err != nil {
		return verdict{}, err
	}
	v := verdict{data: string(data)}
	w := wording{alarm: m, series: r.series, periods: n, missing: gaps}
	switch {
	case breaching >= need:
		v.state, v.reason = types.StateValueAlarm, w.crossed(true, breaching, need)
	case have == 0:
		v.state, v.reason = types.StateValueInsufficientData, "Insufficient Data: "+count(gaps, "datapoint was unknown.", "datapoints were unknown.")
	default:
		v.state, v.reason = types.StateValueOk, w.crossed(false, have-breaching, n-need+1)
	}
	return v, nil
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

// transition is a change of an alarm's state.
type transition struct {
	alarm    alarm
	previous types.StateValue
}

func (s *Service) change(a *alarm, v verdict) transition {
	now := s.clock.Now()
	t := transition{previous: a.state}
	a.note(now, types.HistoryItemTypeStateUpdate, fmt.Sprintf("Alarm updated from %s to %s", a.state, v.state),
		fmt.Sprintf(`{"version":"1.0","oldState":{"stateValue":%q},"newState":{"stateValue":%q,"stateReason":%q}}`, a.state, v.state, v.reason))
	a.state, a.reason, a.reasonData, a.stateAt, a.changedAt = v.state, v.reason, v.data, now, &now
	t.alarm = *a
	return t
}

// composites brings the composite alarms up to date; one may watch another.
func (s *Service) composites() []transition {
	var changed []transition
	for again := true; again; {
		again = false
		for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
			a := s.alarms[name]
			if a.composite == nil {
				continue
			}
			state := types.StateValueOk
			if a.rule.holds(s.stateOf) {
				state = types.StateValueAlarm
			}
			if state != a.state {
				changed = append(changed, s.change(a, verdict{state: state, reason: fmt.Sprintf("%s is %s by its rule", a.name, state)}))
				again = true
			}
		}
	}
	return changed
}

func (s *Service) stateOf(name string) types.StateValue {
	if a, ok := s.alarms[name]; ok {
		return a.state
	}
	return types.StateValueInsufficientData
}

// act tells the event bus and performs the actions of alarms that changed.
func (s *Service) act(changed []transition) {
	for _, t := range changed {
		a := t.alarm
		at := a.stateAt.Format("2006-01-02T15:04:05.000+0000")
		s.failed(s.events.Emit("aws.cloudwatch", "CloudWatch Alarm State Change", map[string]any{
			"alarmName": a.name, "state": map[string]any{"value": a.state, "reason": a.reason, "reasonData": a.reasonData, "timestamp": at},
			"previousState": map[string]any{"value": t.previous}, "configuration": map[string]any{"description": aws.ToString(a.description)},
		}, a.arn))
		if !a.enabled {
			continue
		}
		for _, arn := range a.actions[a.state] {
			s.failed(s.perform(t, arn, at))
		}
	}
}

// perform publishes to a topic; nothing else is simulated.
func (s *Service) perform(t transition, arn, at string) error {
	a := t.alarm
	if !strings.HasPrefix(arn, "arn:aws:sns:") {
		return fmt.Errorf("cloudwatch: alarm %s: the simulated AWS does not perform the action %s", a.name, arn)
	}
	message := map[string]any{"AlarmName": a.name, "AlarmArn": a.arn, "AlarmDescription": a.description, "NewStateValue": a.state, "OldStateValue": t.previous,
		"NewStateReason": a.reason, "StateChangeTime": at, "AWSAccountId": s.account, "Region": s.region}
	if m := a.metric; m != nil {
		message["Trigger"] = map[string]any{"MetricName": m.MetricName, "Namespace": m.Namespace, "Statistic": m.Statistic, "Period": m.Period,
			"EvaluationPeriods": m.EvaluationPeriods, "ComparisonOperator": m.ComparisonOperator, "Threshold": m.Threshold}
	} else {
		message["AlarmRule"] = a.composite.AlarmRule
	}
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = s.mux.Invoke(&wire.Call{Context: context.Background(), Service: "sns", Operation: "Publish", RequestID: s.mux.NewRequestID(), Region: s.region,
		Time: s.clock.Now(), UserAgent: "cloudwatch.amazonaws.com", Principal: "cloudwatch.amazonaws.com", SourceArn: a.arn}, &sns.PublishInput{TopicArn: &arn, Message: aws.String(string(body)),
		Subject: aws.String(fmt.Sprintf("%s: %q in %s", a.state, a.name, s.region))})
	return err
}

func (s *Service) failed(err error) {
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
