package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// span is the time that the charts show.
type span struct{ start, end time.Time }

// newSpan spans the upgrade and everything that was observed of it.
func newSpan(d Data) span {
	var s span
	add := func(t time.Time) {
		if t.IsZero() {
			return
		}
		if s.start.IsZero() || t.Before(s.start) {
			s.start = t
		}
		if t.After(s.end) {
			s.end = t
		}
	}
	add(d.Result.StartedAt.Time)
	add(d.Result.EndedAt.Time)
	for _, e := range d.Timeline {
		add(e.At.Time)
		add(e.End.Time)
	}
	for _, p := range d.Series {
		add(p.At.Time)
	}
	if !s.end.After(s.start) {
		s.end = s.start.Add(time.Minute)
	}
	return s
}

// share returns where t lies, from 0 at the start to 1 at the end.
func (s span) share(t time.Time) float64 {
	return min(1, max(0, float64(t.Sub(s.start))/float64(s.end.Sub(s.start))))
}

// manyDays reports whether a time of day alone would be ambiguous.
func (s span) manyDays() bool { return s.end.Sub(s.start) >= 24*time.Hour }

// tick is a labelled position on an axis, in percent.
type tick struct{ At, Label, Anchor string }

const maxTicks = 7

var tickSteps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// ticks returns round times, at most maxTicks of them.
func (s span) ticks() []tick {
	length := s.end.Sub(s.start)
	step := tickSteps[len(tickSteps)-1]
	for _, candidate := range tickSteps {
		if length/candidate <= maxTicks {
			step = candidate
			break
		}
	}
	for length/step > maxTicks {
		step *= 2
	}
	layout := "15:04"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 24*time.Hour:
		layout = "2 Jan"
	case s.manyDays():
		layout = "2 Jan 15:04"
	}
	var out []tick
	for t := s.start.Truncate(step); !t.After(s.end) && len(out) <= maxTicks; t = t.Add(step) {
		if t.Before(s.start) {
			continue
		}
		at, anchor := s.share(t), "middle"
		switch {
		case at < 0.04:
			anchor = "start"
		case at > 0.96:
			anchor = "end"
		}
		out = append(out, tick{At: pct(at), Label: t.UTC().Format(layout), Anchor: anchor})
	}
	return out
}

// pct writes a share as an SVG percentage.
func pct(share float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", share*100), "0"), ".") + "%"
}

// niceMax returns a round number of at least v that is easy to divide by four.
func niceMax(v float64) float64 {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}
