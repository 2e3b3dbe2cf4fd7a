package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The embedded metric format.
// Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

type metadata struct {
	Timestamp         int64       `json:"Timestamp"` // milliseconds since the epoch
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

type directive struct {
	Namespace  string     `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []metric   `json:"Metrics"`
}

type metric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// line is a set of points whose dimensions do not contradict each other: in a
// document a dimension has one value, whichever metric it is for.
type line struct {
	dims   Dims
	points []point
}

// arrange puts points on as few lines as go by their order: a point joins the
// first line that it does not contradict.
func arrange(points []point) []line {
	var lines []line
	for _, p := range points {
		i := slices.IndexFunc(lines, func(l line) bool { return l.fits(p) })
		if i < 0 {
			lines = append(lines, line{dims: Dims{}})
			i = len(lines) - 1
		}
		maps.Copy(lines[i].dims, p.dims)
		lines[i].points = append(lines[i].points, p)
	}
	return lines
}

func (l line) fits(p point) bool {
	for _, other := range l.points {
		if other.metric.Name == p.metric.Name { // a member of the document has one value
			return false
		}
	}
	for name, v := range p.dims {
		if have, ok := l.dims[name]; ok && have != v {
			return false
		}
	}
	return true
}

// encode returns the document with a line feed. Properties that have the name
// of something else in it are left out.
func (l line) encode(now time.Time, properties map[string]string) ([]byte, error) {
	doc := map[string]any{}
	for name, v := range properties {
		if v != "" {
			doc[name] = v
		}
	}
	for name, v := range l.dims {
		doc[name] = v
	}
	meta := metadata{Timestamp: now.UnixMilli()}
	for _, p := range l.points {
		doc[p.metric.Name] = p.values[0]
		if len(p.values) > 1 {
			doc[p.metric.Name] = p.values
		}
		sets := p.sets()
		if len(sets) == 0 {
			return nil, fmt.Errorf("metric %s has none of its dimensions", p.metric.Name)
		}
		meta.add(directive{Namespace: Namespace, Dimensions: sets, Metrics: []metric{{p.metric.Name, p.metric.Unit}}})
	}
	doc["_aws"] = meta
	encoded, err := json.Marshal(doc)
	return append(encoded, '\n'), err
}

// sets are the dimension sets of the metric that the point has all dimensions
// of.
func (p point) sets() [][]string {
	var sets [][]string
	for _, set := range p.metric.DimensionSets {
		if !slices.ContainsFunc(set, func(name string) bool { _, ok := p.dims[name]; return !ok }) {
			sets = append(sets, set)
		}
	}
	return sets
}

// add joins metrics of the same dimension sets in one directive.
func (m *metadata) add(d directive) {
	for i, have := range m.CloudWatchMetrics {
		if slices.EqualFunc(have.Dimensions, d.Dimensions, slices.Equal[[]string]) {
			m.CloudWatchMetrics[i].Metrics = append(have.Metrics, d.Metrics...)
			return
		}
	}
	m.CloudWatchMetrics = append(m.CloudWatchMetrics, d)
}
