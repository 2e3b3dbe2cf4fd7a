package logs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of metric filters (source: "CloudWatch Logs quotas").
const (
	maxMetricFilters    = 100 // of a log group
	maxFilterDimensions = 3
	filtersPage         = 50
)

// metricFilter turns the events of a group that match into data of a metric.
type metricFilter struct {
	types.MetricFilter
	match matcher
}

// PutMetricFilter makes a metric filter of a log group, or changes it. It takes
// the events that come later.
func (s *Service) PutMetricFilter(_ *wire.Call, in *sdk.PutMetricFilterInput) (*sdk.PutMetricFilterOutput, error) {
	if in.ApplyOnTransformedLogs || in.FieldSelectionCriteria != nil || len(in.EmitSystemFieldDimensions) > 0 {
		return nil, invalid("the simulated AWS transforms no logs and knows no system fields of metric filters")
	}
	name := value(in.FilterName)
	if name == "" || len(name) > 512 || strings.ContainsAny(name, ":*") {
		return nil, invalid("1 validation error detected: Value '%s' at 'filterName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", name)
	}
	match, err := parsePattern(value(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid metric filter pattern: %v", err)
	}
	if len(in.MetricTransformations) != 1 {
		return nil, invalid("1 validation error detected: Value at 'metricTransformations' failed to satisfy constraint: Member must have length less than or equal to 1")
	}
	if err := checkTransformation(in.MetricTransformations[0], value(in.FilterPattern)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if _, there := g.filters[name]; !there && len(g.filters) >= maxMetricFilters {
		return nil, &types.LimitExceededException{Message: ptr("Resource limit exceeded.")}
	}
	f := &metricFilter{match: match}
	f.FilterName, f.FilterPattern, f.LogGroupName, f.MetricTransformations = &name, ptr(value(in.FilterPattern)), &g.name, in.MetricTransformations
	f.CreationTime = ptr(s.clock.Now().UnixMilli())
	filters := maps.Clone(g.filters) // events are matched without the lock
	if filters == nil {
		filters = map[string]*metricFilter{}
	}
	filters[name] = f
	g.filters = filters
	return &sdk.PutMetricFilterOutput{}, nil
}

func checkTransformation(t types.MetricTransformation, pattern string) error {
	v := value(t.MetricValue)
	_, err := strconv.ParseFloat(v, 64)
	document := strings.HasPrefix(strings.TrimSpace(pattern), "{")
	switch {
	case value(t.MetricNamespace) == "" || strings.HasPrefix(value(t.MetricNamespace), "AWS/"):
		return invalid("Invalid metric transformation: the namespace %q is not valid", value(t.MetricNamespace))
	case err != nil && !(document && strings.HasPrefix(v, "$.")):
		return invalid("Invalid metric transformation: the value must be a number, or a $.selector of a JSON pattern")
	case len(t.Dimensions) > maxFilterDimensions:
		return invalid("Invalid metric transformation: a metric filter has at most %d dimensions", maxFilterDimensions)
	case len(t.Dimensions) > 0 && t.DefaultValue != nil:
		return invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
	case len(t.Dimensions) > 0 && !document:
		return invalid("Invalid metric transformation: dimensions need a JSON pattern")
	}
	for _, selector := range t.Dimensions {
		if !strings.HasPrefix(selector, "$.") {
			return invalid("Invalid metric transformation: the dimension %q is no $.selector", selector)
		}
	}
	return nil
}

// DeleteMetricFilter deletes a metric filter.
func (s *Service) DeleteMetricFilter(_ *wire.Call, in *sdk.DeleteMetricFilterInput) (*sdk.DeleteMetricFilterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if g.filters[value(in.FilterName)] == nil {
		return nil, &types.ResourceNotFoundException{Message: ptr("The specified metric filter does not exist.")}
	}
	filters := maps.Clone(g.filters)
	delete(filters, *in.FilterName)
	g.filters = filters
	return &sdk.DeleteMetricFilterOutput{}, nil
}

// DescribeMetricFilters lists the metric filters of a log group, or of all.
func (s *Service) DescribeMetricFilters(_ *wire.Call, in *sdk.DescribeMetricFiltersInput) (*sdk.DescribeMetricFiltersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.groups))
	if in.LogGroupName != nil {
		g, err := s.find(in.LogGroupName, nil)
		if err != nil {
			return nil, err
		}
		names = []string{g.name}
	}
	if (in.MetricName == nil) != (in.MetricNamespace == nil) {
		return nil, invalid("metricName and metricNamespace must both be specified or neither")
	}
	all := []types.MetricFilter{}
	for _, group := range names {
		filters := s.groups[group].filters
		for _, name := range slices.Sorted(maps.Keys(filters)) {
			f := filters[name]
			t := f.MetricTransformations[0]
			if strings.HasPrefix(name, value(in.FilterNamePrefix)) && (in.MetricName == nil || *in.MetricName == *t.MetricName && *in.MetricNamespace == *t.MetricNamespace) {
				all = append(all, f.MetricFilter)
			}
		}
	}
	size := filtersPage
	if in.Limit != nil {
		size = int(*in.Limit)
	}
	page, next, ok := paging.Cut(all, in.NextToken, size)
	if !ok || size < 1 {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &sdk.DescribeMetricFiltersOutput{MetricFilters: page, NextToken: next}, nil
}

// measure turns events of a group into the data of its metric filters. Where
// none of them matches, the default value is recorded, if there is one; AWS does
// that once a minute. s.mu is not held.
func (s *Service) measure(to Metrics, filters map[string]*metricFilter, messages []string) {
	if to == nil || len(messages) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		f := filters[name]
		t := f.MetricTransformations[0]
		matched := false
		for _, message := range messages {
			if !f.match(message) {
				continue
			}
			matched = true
			if d, ok := datum(t, message); ok {
				d.Timestamp = ptr(s.clock.Now())
				_ = to.PutData(*t.MetricNamespace, []cw.MetricDatum{d}) // what CloudWatch does not take is lost, as on AWS
			}
		}
		if !matched && t.DefaultValue != nil {
			_ = to.PutData(*t.MetricNamespace, []cw.MetricDatum{{MetricName: t.MetricName, Value: t.DefaultValue, Timestamp: ptr(s.clock.Now()), Unit: cw.StandardUnit(t.Unit)}})
		}
	}
}

// datum is what one event gives; false when a selector finds nothing.
func datum(t types.MetricTransformation, message string) (cw.MetricDatum, bool) {
	d := cw.MetricDatum{MetricName: t.MetricName, Unit: cw.StandardUnit(t.Unit)}
	text := *t.MetricValue
	if path, ok := strings.CutPrefix(text, "$."); ok {
		if text, ok = selected(message, path); !ok {
			return d, false
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return d, false
	}
	d.Value = &v
	for _, name := range slices.Sorted(maps.Keys(t.Dimensions)) {
		text, ok := selected(message, strings.TrimPrefix(t.Dimensions[name], "$."))
		if !ok {
			return d, false
		}
		d.Dimensions = append(d.Dimensions, cw.Dimension{Name: &name, Value: &text})
	}
	return d, true
}

// selected finds text, a number or a boolean in an event that is JSON.
func selected(message, path string) (string, bool) {
	dec := json.NewDecoder(strings.NewReader(message))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return "", false
	}
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		v = m[part]
	}
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
