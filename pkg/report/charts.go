package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// chart is a plot over time. Positions are percentages of the plot and paths
// lie in a box of 1000 by 100, so that the browser stretches the data and
// leaves the text alone: the page fits a phone and a wall.
type chart struct {
	ID, Title, Text string // Text says in words what the picture shows
	YTicks, XTicks  []tick
	Shapes          []shape
	Marks           []mark
	Legend          []legend
}

type shape struct{ Class, Path string }
type legend struct{ Class, Text string }
type mark struct{ At, Title string }

// maxPoints is how many points a chart and its table of figures have at most.
const maxPoints = 400

// thin merges neighbouring minutes until there are at most maxPoints: counts
// add up, the last weights and the worst latencies stay.
func thin(series []Point) []Point {
	per := (len(series) + maxPoints - 1) / maxPoints
	if per <= 1 {
		return series
	}
	var out []Point
	for i := 0; i < len(series); i += per {
		p := series[i]
		for _, next := range series[i+1 : min(i+per, len(series))] {
			p.BlueWeight, p.GreenWeight = next.BlueWeight, next.GreenWeight
			p.Requests += next.Requests
			p.Failed += next.Failed
			p.BlueRequests += next.BlueRequests
			p.GreenRequests += next.GreenRequests
			p.P50, p.P99 = max(p.P50, next.P50), max(p.P99, next.P99)
		}
		out = append(out, p)
	}
	return out
}

// plotter draws series as steps: a value holds until the next point.
type plotter struct {
	span   span
	series []Point
}

// value returns a point's value and whether it has one.
type value func(Point) (v float64, ok bool)

func (p plotter) x(i int) float64 {
	if i >= len(p.series) {
		return 1000
	}
	return 1000 * p.span.share(p.series[i].At.Time)
}

// line returns a path through the values; where there is none it is broken.
func (p plotter) line(of value, top float64) string {
	var b strings.Builder
	drawing := false
	for i, point := range p.series {
		v, ok := of(point)
		if !ok {
			drawing = false
			continue
		}
		y := 100 - 100*min(1, v/top)
		if drawing {
			fmt.Fprintf(&b, "V%.2f", y)
		} else {
			fmt.Fprintf(&b, "M%.2f %.2f", p.x(i), y)
		}
		fmt.Fprintf(&b, "H%.2f", p.x(i+1))
		drawing = true
	}
	return b.String()
}

// area returns a path that is filled from the values of low to those of high.
func (p plotter) area(low, high value, top float64) string {
	var b strings.Builder
	for i, point := range p.series {
		from, ok := low(point)
		to, okToo := high(point)
		if !ok || !okToo || to <= from {
			continue
		}
		fmt.Fprintf(&b, "M%.2f %.2fH%.2fV%.2fH%.2fZ", p.x(i), 100-100*min(1, from/top), p.x(i+1), 100-100*min(1, to/top), p.x(i))
	}
	return b.String()
}

// zero is the bottom of the plot.
func zero(Point) (float64, bool) { return 0, true }

func yTicks(top float64, label func(float64) string) []tick {
	var out []tick
	for i := range 5 {
		v := top * float64(i) / 4
		out = append(out, tick{At: pct(1 - float64(i)/4), Label: label(v)})
	}
	return out
}

// charts returns the plots of a report, none when nothing was measured.
func charts(d Data, s span) []chart {
	if len(d.Series) == 0 {
		return nil
	}
	p := plotter{span: s, series: thin(d.Series)}
	marks := shiftMarks(d, s)
	out := []chart{p.weights(), p.requests(), p.errors(tolerated(d.Result.Plan))}
	if latency, ok := p.latency(); ok {
		out = append(out, latency)
	}
	for i := range out {
		out[i].XTicks, out[i].Marks = s.ticks(), marks
	}
	return out
}

func (p plotter) weights() chart {
	known := func(q Point) bool { return q.BlueWeight >= 0 && q.GreenWeight >= 0 }
	green := func(q Point) (float64, bool) { return float64(q.GreenWeight), known(q) }
	all := func(q Point) (float64, bool) { return float64(q.GreenWeight + q.BlueWeight), known(q) }
	last := p.series[len(p.series)-1]
	text := "The weights at the end are unknown."
	if known(last) {
		text = fmt.Sprintf("At the end: blue %d %%, green %d %%.", last.BlueWeight, last.GreenWeight)
	}
	return chart{ID: "weights", Title: "Traffic weights", Text: "Share of the users' traffic by Route 53 weight. " + text,
		YTicks: yTicks(100, func(v float64) string { return fmt.Sprintf("%.0f %%", v) }),
		Shapes: []shape{{"area blue", p.area(green, all, 100)}, {"area green", p.area(zero, green, 100)}, {"line green", p.line(green, 100)}},
		Legend: []legend{{"blue", "blue, the old cluster (above)"}, {"green", "green, the new cluster (below)"}}}
}

// requests compares where requests went with the weights. It shows shares, not
// counts: a rehearsal sends requests in real time, so that a simulated minute
// in which the clock was held has thousands and the next one a few.
func (p plotter) requests() chart {
	var total int64
	for _, q := range p.series {
		total += q.Requests
	}
	answered := func(q Point) bool { return q.BlueRequests+q.GreenRequests > 0 }
	green := func(q Point) (float64, bool) {
		if !answered(q) {
			return 0, false
		}
		return 100 * float64(q.GreenRequests) / float64(q.BlueRequests+q.GreenRequests), true
	}
	all := func(q Point) (float64, bool) { return 100, answered(q) }
	weight := func(q Point) (float64, bool) { return float64(q.GreenWeight), q.GreenWeight >= 0 }
	return chart{ID: "requests", Title: "Where requests went",
		Text:   fmt.Sprintf("Share of the requests that each cluster got in each %s, of %s in all. It should follow the weights as far as chance and DNS caches let it.", p.interval(), number(total)),
		YTicks: yTicks(100, func(v float64) string { return fmt.Sprintf("%.0f %%", v) }),
		Shapes: []shape{{"area blue", p.area(green, all, 100)}, {"area green", p.area(zero, green, 100)}, {"line text", p.line(weight, 100)}},
		Legend: []legend{{"blue", "blue"}, {"green", "green"}, {"text", "weight of green"}}}
}

// interval is what one point stands for.
func (p plotter) interval() string {
	if len(p.series) > 1 {
		if d := p.series[1].At.Sub(p.series[0].At.Time); d > 90*time.Second {
			return fmt.Sprintf("%.0f minutes", d.Minutes())
		}
	}
	return "minute"
}

// tolerated is the highest share of failed requests that the plan tolerates,
// 0 when it says nothing.
func tolerated(plan *upgrade.Plan) float64 {
	if plan == nil {
		return 0
	}
	limit := 0.0
	for _, s := range plan.Steps {
		for _, c := range s.Verify {
			if c.Kind == upgrade.ErrorRate {
				limit = max(limit, c.MaxErrorRate)
			}
		}
	}
	return limit
}

func (p plotter) errors(limit float64) chart {
	rate := func(q Point) (float64, bool) {
		if q.Requests == 0 {
			return 0, false // no request is no evidence
		}
		return 100 * float64(q.Failed) / float64(q.Requests), true
	}
	var top float64
	var failed int64
	for _, q := range p.series {
		if v, ok := rate(q); ok {
			top = max(top, v)
		}
		failed += q.Failed
	}
	text := "No request failed."
	if failed > 0 {
		text = fmt.Sprintf("%s requests failed; the worst %s had %.3g %%.", number(failed), p.interval(), top)
	}
	top = niceMax(max(top, 1.25*100*limit))
	c := chart{ID: "errors", Title: "Failed requests", Text: "Share of the requests that failed. " + text,
		YTicks: yTicks(top, func(v float64) string { return fmt.Sprintf("%.3g %%", v) }),
		Shapes: []shape{{"area bad", p.area(zero, rate, top)}, {"line bad", p.line(rate, top)}},
		Legend: []legend{{"bad", "failed"}}}
	if limit > 0 {
		c.Shapes = append(c.Shapes, shape{"line limit", fmt.Sprintf("M0 %.2fH1000", 100-100*100*limit/top)})
		c.Legend = append(c.Legend, legend{"limit", fmt.Sprintf("tolerated: %.3g %%", 100*limit)})
	}
	return c
}

// latency returns false when none was measured.
func (p plotter) latency() (chart, bool) {
	milliseconds := func(d time.Duration) (float64, bool) { return float64(d) / float64(time.Millisecond), d > 0 }
	p50 := func(q Point) (float64, bool) { return milliseconds(q.P50) }
	p99 := func(q Point) (float64, bool) { return milliseconds(q.P99) }
	var top float64
	for _, q := range p.series {
		a, _ := p50(q)
		b, _ := p99(q)
		top = max(top, a, b)
	}
	if top == 0 {
		return chart{}, false
	}
	text := "How long users waited, in real time; at worst " + latencyText(top) + " at the 99th percentile."
	top = niceMax(top)
	return chart{ID: "latency", Title: "Latency", Text: text,
		YTicks: yTicks(top, latencyText),
		Shapes: []shape{{"line warn", p.line(p99, top)}, {"line text", p.line(p50, top)}},
		Legend: []legend{{"warn", "99 of 100 were faster"}, {"text", "half were faster"}}}, true
}

// latencyText writes milliseconds with three digits: "66.4 ms", "2.73 s".
func latencyText(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%.3g s", ms/1000)
	}
	return fmt.Sprintf("%.3g ms", ms)
}

// shiftMarks are the starts of the steps that move traffic.
func shiftMarks(d Data, s span) []mark {
	var out []mark
	for _, r := range d.Result.Steps {
		if r.Kind == upgrade.StepShift && !r.StartedAt.IsZero() {
			out = append(out, mark{At: pct(s.share(r.StartedAt.Time)), Title: r.Title})
		}
	}
	return out
}
