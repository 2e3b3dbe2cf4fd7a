package metrics

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Sink is where the metrics of a process go.
type Sink struct {
	mu    sync.Mutex
	to    io.Writer
	clock clock.Clock
}

// NewSink returns a sink that writes to w, a function's standard output. Each
// line is one write.
func NewSink(w io.Writer, c clock.Clock) *Sink { return &Sink{to: w, clock: c} }

// Recorder gathers what one call of a function measures. It may be used by
// many goroutines. A nil Recorder measures nothing.
type Recorder struct {
	sink *Sink

	mu     sync.Mutex
	points []point
}

// point is a metric with one set of values of its dimensions.
type point struct {
	metric Definition
	dims   Dims
	values []float64
}

// Dims are the values of a metric's dimensions, by name.
type Dims map[string]string

// Start returns a recorder for one call.
func (s *Sink) Start() *Recorder {
	if s == nil {
		return nil
	}
	return &Recorder{sink: s}
}

// maxValues is how many values one metric may have in one line; more of them
// are added up to that number. Source: CloudWatch's embedded metric format.
const maxValues = 100

// Add measures: counts are added up, other values are kept one by one. A
// metric that Definitions does not have is not recorded, and neither is a
// dimension that the metric does not have: what is written stays what the
// dashboards know.
func (r *Recorder) Add(metric string, value float64, dims Dims) {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Name == metric })
	if r == nil || i < 0 {
		return
	}
	d := definitions[i]
	known := Dims{}
	for name, v := range dims {
		if v != "" && slices.ContainsFunc(d.DimensionSets, func(set []string) bool { return slices.Contains(set, name) }) {
			known[name] = v
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.points {
		p := &r.points[i]
		if p.metric.Name != metric || !same(p.dims, known) {
			continue
		}
		if d.Unit == Count {
			p.values[0] += value
		} else if len(p.values) < maxValues {
			p.values = append(p.values, value)
		}
		return
	}
	r.points = append(r.points, point{metric: d, dims: known, values: []float64{value}})
}

func same(a, b Dims) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if b[name] != v {
			return false
		}
	}
	return true
}

// Flush writes what was measured since the last flush, as few lines as the
// dimensions allow, each with the properties. The error is the writer's.
func (r *Recorder) Flush(properties map[string]string) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	points := r.points
	r.points = nil
	r.mu.Unlock()
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	for _, line := range arrange(points) {
		encoded, err := line.encode(r.sink.clock.Now(), properties)
		if err != nil {
			return err
		}
		if _, err := r.sink.to.Write(encoded); err != nil {
			return err
		}
	}
	return nil
}

// Elapsed is a stopwatch by the sink's clock: it starts now, and the function
// says how long ago that was. Without a sink it stays at 0.
func (s *Sink) Elapsed() func() time.Duration {
	if s == nil {
		return func() time.Duration { return 0 }
	}
	begun := s.clock.Now()
	return func() time.Duration { return s.clock.Now().Sub(begun) }
}

type (
	sinkKey     struct{}
	recorderKey struct{}
)

// WithSink returns a context that carries the sink of the process.
func WithSink(ctx context.Context, s *Sink) context.Context {
	return context.WithValue(ctx, sinkKey{}, s)
}

// SinkOf returns the sink of the context; without one nil, which is one that
// measures nothing.
func SinkOf(ctx context.Context) *Sink {
	s, _ := ctx.Value(sinkKey{}).(*Sink)
	return s
}

// With returns a context that carries the recorder of a call.
func With(ctx context.Context, r *Recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

// From returns the recorder of the context; without one nil, which measures
// nothing.
func From(ctx context.Context) *Recorder {
	r, _ := ctx.Value(recorderKey{}).(*Recorder)
	return r
}
