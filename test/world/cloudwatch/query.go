package cloudwatch

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of the reading operations.
const (
	maxQueries    = 500
	maxDatapoints = 1440    // of GetMetricStatistics
	maxDataPoints = 100_800 // of one page of GetMetricData
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

func validation(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// evaluator answers the queries of one request; s.mu is held.
type evaluator struct {
	s        *Service
	queries  map[string]types.MetricDataQuery
	done     map[string]result
	busy     map[string]bool
	from, to time.Time
	period   int32 // of expressions: the longest of all queries
}

func (s *Service) newEvaluator(queries []types.MetricDataQuery, from, to time.Time) (*evaluator, error) {
	if len(queries) == 0 || len(queries) > maxQueries {
		return nil, validation("The parameter MetricDataQueries must have between 1 and %d members.", maxQueries)
	}
	ev := &evaluator{s: s, queries: map[string]types.MetricDataQuery{}, done: map[string]result{}, busy: map[string]bool{}, from: from, to: to}
	for _, q := range queries {
		id := aws.ToString(q.Id)
		if !queryID.MatchString(id) {
			return nil, validation("The value %s for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id)
		}
		if _, dup := ev.queries[id]; dup {
			return nil, validation("The values for parameter id in MetricDataQueries are not unique.")
		}
		if (q.MetricStat == nil) == (q.Expression == nil) {
			return nil, validation("Exactly one of MetricStat and Expression must be given for %s.", id)
		}
		if st := q.MetricStat; st != nil {
			if st.Metric == nil || st.Metric.MetricName == nil || st.Metric.Namespace == nil {
				return nil, validation("The parameter MetricDataQueries.member.1.MetricStat.Metric is required.")
			}
			if !validPeriod(aws.ToInt32(st.Period)) {
				return nil, validation("The parameter MetricDataQueries.member.1.MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
			}
			if !knownStat(aws.ToString(st.Stat)) {
				return nil, validation("The value %s for parameter MetricDataQueries.member.1.MetricStat.Stat is not supported.", aws.ToString(st.Stat))
			}
			ev.period = max(ev.period, *st.Period)
		}
		ev.queries[id] = q
	}
	return ev, nil
}

// eval returns the value of a query; "" stands for all periods of the range.
func (ev *evaluator) eval(id string) (result, error) {
	if id == "" {
		return ev.grid(), nil
	}
	if r, ok := ev.done[id]; ok {
		return r, nil
	}
	q, ok := ev.queries[id]
	if !ok {
		return result{}, validation("Error in expression: Unrecognized identifier: %s", id)
	}
	if ev.busy[id] {
		return result{}, validation("Error in expression %q: it refers to itself", id)
	}
	ev.busy[id] = true
	var r result
	if st := q.MetricStat; st != nil {
		m := ev.s.metrics[key(*st.Metric.Namespace, *st.Metric.MetricName, st.Metric.Dimensions)]
		r = result{series: m.statistic(ev.from, ev.to, *st.Period, *st.Stat, st.Unit)}
	} else {
		var err error
		if r, err = evaluate(*q.Expression, ev.eval); err != nil {
			return result{}, validation("Error in expression %q: %s", id, message(err))
		}
		if r.scalar {
			return result{}, validation("Error in expression %q: Should return a time series", id)
		}
	}
	ev.done[id] = r
	return r, nil
}

func message(err error) string {
	if e, ok := err.(*wire.Error); ok { //nolint:errorlint // made here
		return e.Message
	}
	return err.Error()
}

func (ev *evaluator) grid() result {
	var out series
	width := time.Duration(max(ev.period, 1)) * time.Second
	for t := align(ev.from, width); t.Before(ev.to); t = t.Add(width) {
		out.times = append(out.times, t)
		out.values = append(out.values, 0)
	}
	return result{series: out}
}

func checkRange(from, to *time.Time) error {
	switch {
	case from == nil:
		return missing("StartTime")
	case to == nil:
		return missing("EndTime")
	case !from.Before(*to):
		return validation("The parameter StartTime must be less than the parameter EndTime.")
	}
	return nil
}

// GetMetricData implements the API operation; the newest values come first.
func (s *Service) GetMetricData(_ *wire.Call, in *awscw.GetMetricDataInput) (*awscw.GetMetricDataOutput, error) {
	if err := checkRange(in.StartTime, in.EndTime); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev, err := s.newEvaluator(in.MetricDataQueries, in.StartTime.UTC(), in.EndTime.UTC())
	if err != nil {
		return nil, err
	}
	limit := maxDataPoints
	if in.MaxDatapoints != nil {
		if *in.MaxDatapoints < 1 || *in.MaxDatapoints > maxDataPoints {
			return nil, validation("The parameter MaxDatapoints must be between 1 and %d.", maxDataPoints)
		}
		limit = int(*in.MaxDatapoints)
	}
	from := 0
	if in.NextToken != nil {
		if from, err = strconv.Atoi(*in.NextToken); err != nil || from < 0 {
			return nil, &types.InvalidNextToken{Message: aws.String("The next token is not valid.")}
		}
	}
	out := &awscw.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{}, Messages: []types.MessageData{}}
	skip, room := from, limit
	for _, q := range in.MetricDataQueries {
		r, err := ev.eval(*q.Id)
		if err != nil {
			return nil, err
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		times, values := slices.Clone(r.series.times), slices.Clone(r.series.values)
		if in.ScanBy != types.ScanByTimestampAscending {
			slices.Reverse(times)
			slices.Reverse(values)
		}
		// A page holds the next points of all results, one result after the other.
		first := min(skip, len(times))
		last := min(first+room, len(times))
		skip, room = skip-first, room-(last-first)
		status := types.StatusCodeComplete
		if last < len(times) {
			status, out.NextToken = types.StatusCodePartialData, aws.String(strconv.Itoa(from+limit))
		}
		out.MetricDataResults = append(out.MetricDataResults, types.MetricDataResult{
			Id: q.Id, Label: aws.String(label(q)), StatusCode: status,
			Timestamps: append([]time.Time{}, times[first:last]...), Values: append([]float64{}, values[first:last]...),
		})
	}
	return out, nil
}

func label(q types.MetricDataQuery) string {
	switch {
	case q.Label != nil:
		return *q.Label
	case q.MetricStat != nil:
		return *q.MetricStat.Metric.MetricName
	}
	return *q.Id
}

// GetMetricStatistics implements the API operation.
func (s *Service) GetMetricStatistics(_ *wire.Call, in *awscw.GetMetricStatisticsInput) (*awscw.GetMetricStatisticsOutput, error) {
	if err := checkRange(in.StartTime, in.EndTime); err != nil {
		return nil, err
	}
	period := aws.ToInt32(in.Period)
	switch {
	case aws.ToString(in.Namespace) == "":
		return nil, missing("Namespace")
	case aws.ToString(in.MetricName) == "":
		return nil, missing("MetricName")
	case !validPeriod(period):
		return nil, invalidValue("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
	case len(in.Statistics)+len(in.ExtendedStatistics) == 0:
		return nil, missing("Statistics")
	case in.EndTime.Sub(*in.StartTime)/(time.Duration(period)*time.Second) > maxDatapoints:
		return nil, &types.InvalidParameterCombinationException{Message: aws.String(fmt.Sprintf(
			"You have requested up to %d datapoints, which exceeds the limit of %d.", in.EndTime.Sub(*in.StartTime)/(time.Duration(period)*time.Second), maxDatapoints))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.metrics[key(*in.Namespace, *in.MetricName, in.Dimensions)]
	points := map[time.Time]*types.Datapoint{}
	each := func(stat string, set func(*types.Datapoint, float64)) error {
		if !knownStat(stat) {
			return invalidValue("The value " + stat + " for parameter Statistics is not supported.")
		}
		sr := m.statistic(in.StartTime.UTC(), in.EndTime.UTC(), period, stat, in.Unit)
		for i, t := range sr.times {
			if points[t] == nil {
				points[t] = &types.Datapoint{Timestamp: aws.Time(t), Unit: m.unitAt(t, in.Unit)}
			}
			set(points[t], sr.values[i])
		}
		return nil
	}
	for _, stat := range in.Statistics {
		if err := each(string(stat), func(p *types.Datapoint, v float64) { setStatistic(p, stat, v) }); err != nil {
			return nil, err
		}
	}
	for _, stat := range in.ExtendedStatistics {
		if err := each(stat, func(p *types.Datapoint, v float64) {
			if p.ExtendedStatistics == nil {
				p.ExtendedStatistics = map[string]float64{}
			}
			p.ExtendedStatistics[stat] = v
		}); err != nil {
			return nil, err
		}
	}
	out := &awscw.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	for _, p := range points {
		out.Datapoints = append(out.Datapoints, *p)
	}
	slices.SortFunc(out.Datapoints, func(a, b types.Datapoint) int { return a.Timestamp.Compare(*b.Timestamp) })
	return out, nil
}

func (m *metric) unitAt(t time.Time, asked types.StandardUnit) types.StandardUnit {
	if asked != "" {
		return asked
	}
	for _, s := range m.samples {
		if !s.at.Before(t) {
			return s.unit
		}
	}
	return types.StandardUnitNone
}

func setStatistic(p *types.Datapoint, stat types.Statistic, v float64) {
	switch stat {
	case types.StatisticAverage:
		p.Average = &v
	case types.StatisticSum:
		p.Sum = &v
	case types.StatisticMinimum:
		p.Minimum = &v
	case types.StatisticMaximum:
		p.Maximum = &v
	case types.StatisticSampleCount:
		p.SampleCount = &v
	}
}
