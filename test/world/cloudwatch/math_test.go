package cloudwatch

import (
	"testing"
	"time"
)

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{"100 * e / (r - 1.5)", "FILL(e, 0) + -r", "((((", "1e5", "FILL(FILL(e,1),2)", "-- -1*e"} {
		f.Add(seed)
	}
	at := time.Unix(0, 0)
	s := result{series: series{times: []time.Time{at, at.Add(time.Minute)}, values: []float64{1, 0}}}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := evaluate(text, func(string) (result, error) { return s, nil })
		if err == nil && len(r.series.times) != len(r.series.values) {
			t.Errorf("%q gives %d times and %d values", text, len(r.series.times), len(r.series.values))
		}
	})
}
