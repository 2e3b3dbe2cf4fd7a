package logs

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// Metrics takes the metrics that are embedded in log events.
type Metrics interface {
	// PutData records data as PutMetricData does, without its ban of the
	// namespaces of AWS.
	PutData(namespace string, data []cw.MetricDatum) error
}

// SetMetrics makes CloudWatch turn events in the embedded metric format into
// metrics. Without it they stay text.
func (s *Service) SetMetrics(m Metrics) {
	s.mu.Lock()
	s.metrics = m
	s.mu.Unlock()
}

// Limits of the embedded metric format.
// Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const (
	maxEMFMetrics    = 100 // in a directive
	maxEMFValues     = 100 // of a metric
	maxEMFDimensions = 30  // in a set
)

type emfMetadata struct {
	Timestamp         *int64
	CloudWatchMetrics []emfDirective
}

type emfDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct {
		Name, Unit        string
		StorageResolution *int32
	}
}

// extract turns an event of a group into metrics, when it is a document in the
// embedded metric format. What is wrong with one is counted in AWS/Logs, where
// AWS counts it, and is no error of whoever wrote it. Groups of the class for
// infrequent access have no metrics. s.mu is not held.
func (s *Service) extract(to Metrics, group string, class types.LogGroupClass, message string) {
	if to == nil || class != types.LogGroupClassStandard || !strings.Contains(message, `"_aws"`) {
		return
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal([]byte(message), &doc) != nil || doc["_aws"] == nil {
		return // text that has the word in it
	}
	var meta emfMetadata
	if err := json.Unmarshal(doc["_aws"], &meta); err != nil || meta.Timestamp == nil || meta.CloudWatchMetrics == nil {
		s.count(to, group, "EMFParsingErrors")
		return
	}
	for _, d := range meta.CloudWatchMetrics {
		data, err := d.data(doc, time.UnixMilli(*meta.Timestamp))
		if err == nil && len(data) > 0 {
			err = to.PutData(d.Namespace, data)
		}
		if err != nil {
			s.count(to, group, "EMFValidationErrors")
		}
	}
}

// count counts a document that is wrong. CloudWatch takes the datum: it has
// all that one needs.
func (s *Service) count(to Metrics, group, name string) {
	_ = to.PutData("AWS/Logs", []cw.MetricDatum{{MetricName: &name, Value: ptr(1.), Timestamp: ptr(s.clock.Now()),
		Dimensions: []cw.Dimension{{Name: ptr("LogGroupName"), Value: &group}}}})
}

// data are the metrics of a directive, each once for each of its dimension
// sets.
func (d emfDirective) data(doc map[string]json.RawMessage, at time.Time) ([]cw.MetricDatum, error) {
	if d.Namespace == "" || len(d.Dimensions) == 0 || len(d.Metrics) > maxEMFMetrics {
		return nil, fmt.Errorf("a directive needs a namespace, dimensions and at most %d metrics", maxEMFMetrics)
	}
	var out []cw.MetricDatum
	for _, set := range d.Dimensions {
		if len(set) > maxEMFDimensions {
			return nil, fmt.Errorf("a dimension set has %d dimensions", len(set))
		}
		var dims []cw.Dimension
		for _, name := range set {
			var v string
			if json.Unmarshal(doc[name], &v) != nil || v == "" {
				return nil, fmt.Errorf("dimension %q has no text", name)
			}
			dims = append(dims, cw.Dimension{Name: ptr(name), Value: ptr(v)})
		}
		for _, m := range d.Metrics {
			values, err := targets(doc[m.Name])
			if err != nil {
				return nil, fmt.Errorf("metric %q: %w", m.Name, err)
			}
			if len(values) == 0 {
				continue
			}
			unit, err := unitOf(m.Unit)
			if err != nil {
				return nil, fmt.Errorf("metric %q: %w", m.Name, err)
			}
			out = append(out, cw.MetricDatum{MetricName: ptr(m.Name), Values: values, Dimensions: dims, Timestamp: &at, Unit: unit, StorageResolution: m.StorageResolution})
		}
	}
	return out, nil
}

// targets reads the value of a metric: a number, or an array of them.
func targets(raw json.RawMessage) ([]float64, error) {
	var one float64
	if json.Unmarshal(raw, &one) == nil && string(raw) != "null" {
		return []float64{one}, nil
	}
	var many []float64
	if err := json.Unmarshal(raw, &many); err != nil || string(raw) == "null" || len(many) > maxEMFValues {
		return nil, fmt.Errorf("%.20q is no number and no array of up to %d numbers", raw, maxEMFValues)
	}
	return many, nil
}

func unitOf(text string) (cw.StandardUnit, error) {
	if text == "" {
		return cw.StandardUnitNone, nil
	}
	for _, u := range cw.StandardUnitNone.Values() {
		if string(u) == text {
			return u, nil
		}
	}
	return "", fmt.Errorf("unit %q is not known", text)
}
