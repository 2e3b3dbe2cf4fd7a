package traffic

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	keepFailures  = 1000 // failures with their details; all are counted
	keepLatencies = 512  // sampled per minute
)

// Count is of requests.
type Count struct {
	Total  int `json:"total"`
	Failed int `json:"failed"`
}

// Failure is one failed request.
type Failure struct {
	At     time.Time `json:"at"` // simulated
	Target string    `json:"target"`
	Reason string    `json:"reason"`
}

// Minute is what happened in one simulated minute.
type Minute struct {
	Start    time.Time        `json:"start"` // simulated
	Count    Count            `json:"count"`
	ByTarget map[string]Count `json:"byTarget"`
	P50      time.Duration    `json:"p50"` // real time, failed requests included
	P99      time.Duration    `json:"p99"`
}

// Snapshot is what a load has counted. Targets are set identifiers of records.
type Snapshot struct {
	Count    Count            `json:"count"`
	ByTarget map[string]Count `json:"byTarget"`
	Failures []Failure        `json:"failures"` // the first 1000
	Minutes  []Minute         `json:"minutes"`  // in order; without those that had no request
	P50      time.Duration    `json:"p50"`
	P99      time.Duration    `json:"p99"`
}

type stats struct {
	mu        sync.Mutex
	random    *rand.Rand
	count     Count
	byTarget  map[string]Count
	failures  []Failure
	latencies reservoir
	minutes   map[time.Time]*minute
}

type minute struct {
	count     Count
	byTarget  map[string]Count
	latencies reservoir
}

func newStats(seed uint64) *stats {
	return &stats{random: rand.New(rand.NewPCG(seed, 1<<63)), byTarget: map[string]Count{}, minutes: map[time.Time]*minute{}}
}

func (s *stats) add(at time.Time, target string, latency time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := at.Truncate(time.Minute)
	m := s.minutes[start]
	if m == nil {
		m = &minute{byTarget: map[string]Count{}}
		s.minutes[start] = m
	}
	one := Count{Total: 1}
	if err != nil {
		one.Failed = 1
		if len(s.failures) < keepFailures {
			s.failures = append(s.failures, Failure{At: at, Target: target, Reason: reason(err)})
		}
	}
	s.count, m.count = s.count.plus(one), m.count.plus(one)
	s.byTarget[target], m.byTarget[target] = s.byTarget[target].plus(one), m.byTarget[target].plus(one)
	s.latencies.add(latency, s.random)
	m.latencies.add(latency, s.random)
}

func (s *stats) snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot := Snapshot{Count: s.count, ByTarget: maps.Clone(s.byTarget), Failures: slices.Clone(s.failures)}
	snapshot.P50, snapshot.P99 = s.latencies.quantiles()
	for start, m := range s.minutes {
		p50, p99 := m.latencies.quantiles()
		snapshot.Minutes = append(snapshot.Minutes,
			Minute{Start: start, Count: m.count, ByTarget: maps.Clone(m.byTarget), P50: p50, P99: p99})
	}
	slices.SortFunc(snapshot.Minutes, func(a, b Minute) int { return a.Start.Compare(b.Start) })
	return snapshot
}

func (c Count) plus(d Count) Count { return Count{c.Total + d.Total, c.Failed + d.Failed} }

// reason is an error without the URL, which is the same for all.
func reason(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// reservoir is a fair sample of all values that were added (Vitter's algorithm R).
type reservoir struct {
	seen   int
	sample []time.Duration
}

func (r *reservoir) add(d time.Duration, random *rand.Rand) {
	r.seen++
	if len(r.sample) < keepLatencies {
		r.sample = append(r.sample, d)
		return
	}
	if n := random.IntN(r.seen); n < keepLatencies {
		r.sample[n] = d
	}
}

// quantiles returns the nearest ranks of 50 and 99 percent; 0 without a sample.
func (r *reservoir) quantiles() (p50, p99 time.Duration) {
	n := len(r.sample)
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(r.sample))
	return sorted[(n*50+99)/100-1], sorted[(n*99+99)/100-1]
}
