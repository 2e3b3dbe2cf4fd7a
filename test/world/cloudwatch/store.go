// Package cloudwatch simulates Amazon CloudWatch metrics and alarms.
package cloudwatch

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of PutMetricData.
const (
	maxData       = 1000
	maxDimensions = 30
	maxValues     = 150
	maxMetricPage = 500           // of ListMetrics
	recent        = 3 * time.Hour // of its RecentlyActive
	oldest        = 14 * 24 * time.Hour
	newest        = 2 * time.Hour
)

// sample is a value that was observed count times, or a set of statistics.
type sample struct {
	at         time.Time
	value      float64
	count      float64
	set        bool // value is the sum of a StatisticSet
	minV, maxV float64
	unit       types.StandardUnit
}

type metric struct {
	namespace, name string
	dimensions      []types.Dimension
	samples         []sample // by time
}

// Emitter puts an event of CloudWatch on the event bus.
type Emitter interface {
	Emit(source, detailType string, detail any, resources ...string) error
}

// Service is CloudWatch.
type Service struct {
	clock           clock.Clock
	account, region string
	mux             *wire.Mux
	events          Emitter

	mu          sync.Mutex
	dashboards  map[string]dashboard
	metrics     map[string]*metric
	alarms      map[string]*alarm
	undelivered []error
}

// New returns CloudWatch without metrics. Alarms notify topics through the
// mux, and the event bus through events.
func New(c clock.Clock, account, region string, mux *wire.Mux, events Emitter) *Service {
	return &Service{clock: c, account: account, region: region, mux: mux, events: events, metrics: map[string]*metric{}, alarms: map[string]*alarm{}}
}

// Put records one observation now, without an API call. Dimensions come in
// pairs of name and value.
func (s *Service) Put(namespace, name string, value float64, dimensions ...string) {
	var dims []types.Dimension
	for i := 0; i+1 < len(dimensions); i += 2 {
		dims = append(dims, types.Dimension{Name: &dimensions[i], Value: &dimensions[i+1]})
	}
	s.mu.Lock()
	s.add(namespace, name, dims, sample{at: s.clock.Now(), value: value, count: 1, minV: value, maxV: value, unit: types.StandardUnitNone})
	s.mu.Unlock()

}

func key(namespace, name string, dims []types.Dimension) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = strconv.Quote(aws.ToString(d.Name)) + "=" + strconv.Quote(aws.ToString(d.Value))
	}
	sort.Strings(parts)
	return strconv.Quote(namespace) + strconv.Quote(name) + strings.Join(parts, ",")
}

// add stores a sample in the order of time; s.mu is held.
func (s *Service) add(namespace, name string, dims []types.Dimension, sm sample) {
	k := key(namespace, name, dims)
	m, ok := s.metrics[k]
	if !ok {
		m = &metric{namespace: namespace, name: name, dimensions: dims}
		s.metrics[k] = m
	}
	i := sort.Search(len(m.samples), func(i int) bool { return m.samples[i].at.After(sm.at) })
	m.samples = slices.Insert(m.samples, i, sm)
}

func invalidValue(text string) error {
	return &types.InvalidParameterValueException{Message: &text}
}

func missing(name string) error {
	return &types.MissingRequiredParameterException{Message: aws.String("The parameter " + name + " is required.")}
}

// PutMetricData implements the API operation: all data or none.
func (s *Service) PutMetricData(_ *wire.Call, in *awscw.PutMetricDataInput) (*awscw.PutMetricDataOutput, error) {
	namespace := aws.ToString(in.Namespace)
	switch {
	case namespace == "":
		return nil, missing("Namespace")
	case strings.HasPrefix(namespace, "AWS/"):
		return nil, invalidValue("The value AWS/ for parameter Namespace is invalid.")
	case len(in.MetricData) == 0 && len(in.EntityMetricData) == 0:
		return nil, missing("MetricData")
	case len(in.EntityMetricData) > 0:
		return nil, invalidValue("the simulated AWS takes no EntityMetricData; use MetricData")
	case len(in.MetricData) > maxData:
		return nil, invalidValue("The collection MetricData must not have a size greater than " + strconv.Itoa(maxData) + ".")
	}
	if err := s.PutData(namespace, in.MetricData); err != nil {
		return nil, err
	}
	return &awscw.PutMetricDataOutput{}, nil
}

// PutData records data without an API call, as other services of AWS do. All
// of it is checked before any of it is recorded.
func (s *Service) PutData(namespace string, data []types.MetricDatum) error {
	now := s.clock.Now()
	samples := make([][]sample, len(data))
	for i, d := range data {
		var err error
		if samples[i], err = read(d, now); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range data {
		for _, sm := range samples[i] {
			s.add(namespace, *d.MetricName, d.Dimensions, sm)
		}
	}
	return nil
}

// read checks one datum and returns its samples.
func read(d types.MetricDatum, now time.Time) ([]sample, error) {
	if aws.ToString(d.MetricName) == "" {
		return nil, missing("MetricData.member.1.MetricName")
	}
	if len(d.Dimensions) > maxDimensions {
		return nil, invalidValue("The collection MetricData.member.1.Dimensions must not have a size greater than 30.")
	}
	for _, dim := range d.Dimensions {
		if aws.ToString(dim.Name) == "" || aws.ToString(dim.Value) == "" {
			return nil, invalidValue("The parameter MetricData.member.1.Dimensions.member.1.Value must not be empty.")
		}
	}
	at := now
	if d.Timestamp != nil {
		at = d.Timestamp.UTC()
	}
	if at.Before(now.Add(-oldest)) || at.After(now.Add(newest)) {
		return nil, invalidValue("The parameter MetricData.member.1.Timestamp must specify a time no more than two weeks in the past and two hours in the future.")
	}
	unit := d.Unit
	if unit == "" {
		unit = types.StandardUnitNone
	}
	switch {
	case d.StatisticValues != nil && d.Value == nil && d.Values == nil:
		st := d.StatisticValues
		if st.SampleCount == nil || st.Sum == nil || st.Minimum == nil || st.Maximum == nil {
			return nil, missing("MetricData.member.1.StatisticValues")
		}
		return []sample{{at: at, value: *st.Sum, count: *st.SampleCount, set: true, minV: *st.Minimum, maxV: *st.Maximum, unit: unit}}, nil
	case d.Values != nil && d.Value == nil && d.StatisticValues == nil:
		if len(d.Values) > maxValues || (d.Counts != nil && len(d.Counts) != len(d.Values)) {
			return nil, invalidValue("The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size, at most 150.")
		}
		out := make([]sample, len(d.Values))
		for i, v := range d.Values {
			out[i] = sample{at: at, value: v, count: 1, minV: v, maxV: v, unit: unit}
			if d.Counts != nil {
				out[i].count = d.Counts[i]
			}
			if err := finite(v, out[i].count); err != nil {
				return nil, err
			}
		}
		return out, nil
	case d.Value != nil && d.Values == nil && d.StatisticValues == nil:
		return []sample{{at: at, value: *d.Value, count: 1, minV: *d.Value, maxV: *d.Value, unit: unit}}, finite(*d.Value, 1)
	}
	return nil, &types.InvalidParameterCombinationException{Message: aws.String("Exactly one of Value, Values and StatisticValues must be given.")}
}

func finite(v, count float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(count) || count < 0 {
		return invalidValue("The parameter MetricData.member.1.Value must not be NaN or infinite.")
	}
	return nil
}

// ListMetrics implements the API operation.
func (s *Service) ListMetrics(_ *wire.Call, in *awscw.ListMetricsInput) (*awscw.ListMetricsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := []string{}
	for k, m := range s.metrics {
		if (in.RecentlyActive == "" || m.samples[len(m.samples)-1].at.After(s.clock.Now().Add(-recent))) && (in.Namespace == nil || *in.Namespace == m.namespace) && (in.MetricName == nil || *in.MetricName == m.name) && hasDimensions(m, in.Dimensions) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	keys, next, err := page(keys, in.NextToken, nil, maxMetricPage)
	if err != nil {
		return nil, err
	}
	out := &awscw.ListMetricsOutput{Metrics: []types.Metric{}, NextToken: next}
	for _, k := range keys {
		m := s.metrics[k]
		out.Metrics = append(out.Metrics, types.Metric{Namespace: aws.String(m.namespace), MetricName: aws.String(m.name), Dimensions: m.dimensions})
	}
	return out, nil
}

func hasDimensions(m *metric, filters []types.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(m.dimensions, func(d types.Dimension) bool {
			return *d.Name == aws.ToString(f.Name) && (f.Value == nil || *d.Value == *f.Value)
		}) {
			return false
		}
	}
	return true
}
