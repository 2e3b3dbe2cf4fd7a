package eks

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDrawnDurationsFollowTheirDistribution(t *testing.T) {
	for work, d := range Distributions {
		if d.Source == "" || d.Median <= 0 || d.P95 <= d.Median || !strings.Contains(d.Source, "estimate") && !strings.Contains(d.Source, "Guide") {
			t.Errorf("%s: %+v", work, d)
		}
		var drawn []time.Duration
		for n := range 4000 {
			drawn = append(drawn, d.draw(1, string(work), n))
		}
		slices.Sort(drawn)
		for _, c := range []struct {
			at   int
			want time.Duration
		}{{2000, d.Median}, {3800, d.P95}} {
			if got := drawn[c.at]; math.Abs(float64(got-c.want)) > 0.08*float64(c.want) {
				t.Errorf("%s: %v at %d of 4000, want about %v", work, got, c.at, c.want)
			}
		}
		if limit := time.Duration(float64(d.Median) * math.Exp(3.1*d.sigma())); drawn[0] <= 0 || drawn[3999] > limit {
			t.Errorf("%s: from %v to %v", work, drawn[0], drawn[3999])
		}
	}
}

func TestDurationsAreFixedOrRepeat(t *testing.T) {
	f := newFixture(t, Options{})
	if got := f.takes(WorkCreateCluster, "shop"); got != DefaultCreateCluster {
		t.Errorf("fixed: %v", got)
	}
	if got := f.takes(WorkAutoModeNodes, "shop"); got != Distributions[WorkAutoModeNodes].Median {
		t.Errorf("without a default: %v", got)
	}
	f = newFixture(t, Options{Durations: Durations{CreateCluster: time.Minute, UpdateVersion: -1}, RandomDurations: true, Seed: 3})
	if got := f.takes(WorkCreateCluster, "shop"); got != time.Minute {
		t.Errorf("what is set counts more than chance: %v", got)
	}
	if got := f.takes(WorkUpdateVersion, "shop"); got != 0 {
		t.Errorf("negative: %v", got)
	}
	again := newFixture(t, Options{RandomDurations: true, Seed: 3})
	other := newFixture(t, Options{RandomDurations: true, Seed: 4})
	var a, b, c []time.Duration
	for range 5 {
		a = append(a, f.takes(WorkAddon, "shop/coredns"))
		b = append(b, again.takes(WorkAddon, "shop/coredns"))
		c = append(c, other.takes(WorkAddon, "shop/coredns"))
	}
	if !slices.Equal(a, b) || slices.Equal(a, c) || len(slices.Compact(a)) < 3 {
		t.Errorf("draws = %v, %v, %v", a, b, c)
	}
}
