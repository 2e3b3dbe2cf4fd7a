package cloudwatch

import (
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// series is a statistic of a metric, by the start of its periods; ascending.
type series struct {
	times  []time.Time
	values []float64
}

// percentile is pNN with up to two decimals, as in p99 and p99.9.
var percentile = regexp.MustCompile(`^p(\d{1,2}(?:\.\d{0,10})?|100)$`)

func knownStat(stat string) bool {
	switch types.Statistic(stat) {
	case types.StatisticAverage, types.StatisticSum, types.StatisticMinimum, types.StatisticMaximum, types.StatisticSampleCount:
		return true
	}
	return percentile.MatchString(stat)
}

// validPeriod reports whether CloudWatch takes a period, in seconds.
func validPeriod(seconds int32) bool {
	return slices.Contains([]int32{1, 5, 10, 20, 30}, seconds) || (seconds > 0 && seconds%60 == 0)
}

// statistic computes one statistic over the periods within [from, to). Periods
// are aligned to the epoch; those without samples have no value.
func (m *metric) statistic(from, to time.Time, period int32, stat string, unit types.StandardUnit) series {
	var out series
	if m == nil {
		return out
	}
	width := time.Duration(period) * time.Second
	from = align(from, width)
	i := sort.Search(len(m.samples), func(i int) bool { return !m.samples[i].at.Before(from) })
	for i < len(m.samples) && m.samples[i].at.Before(to) {
		begin := align(m.samples[i].at, width)
		var in []sample
		for ; i < len(m.samples) && m.samples[i].at.Before(begin.Add(width)) && m.samples[i].at.Before(to); i++ {
			if unit == "" || m.samples[i].unit == unit {
				in = append(in, m.samples[i])
			}
		}
		if v, ok := aggregate(in, stat); ok {
			out.times = append(out.times, begin)
			out.values = append(out.values, v)
		}
	}
	return out
}

func align(t time.Time, width time.Duration) time.Time {
	return time.Unix(0, t.UnixNano()-t.UnixNano()%int64(width)).UTC()
}

func aggregate(in []sample, stat string) (float64, bool) {
	var sum, count float64
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range in {
		if s.set {
			sum += s.value
		} else {
			sum += s.value * s.count
		}
		count += s.count
		low, high = min(low, s.minV), max(high, s.maxV)
	}
	if count == 0 {
		return 0, false
	}
	switch types.Statistic(stat) {
	case types.StatisticAverage:
		return sum / count, true
	case types.StatisticSum:
		return sum, true
	case types.StatisticMinimum:
		return low, true
	case types.StatisticMaximum:
		return high, true
	case types.StatisticSampleCount:
		return count, true
	}
	p, err := strconv.ParseFloat(stat[1:], 64)
	if err != nil {
		return 0, false
	}
	return rank(in, p, count)
}

// rank returns a percentile by nearest rank. A set of statistics has one only
// when all its values are the same (source: "Percentiles", CloudWatch User
// Guide).
func rank(in []sample, p, count float64) (float64, bool) {
	sorted := slices.Clone(in)
	for _, s := range sorted {
		if s.set && s.minV != s.maxV {
			return 0, false
		}
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].minV < sorted[j].minV })
	want := math.Ceil(p / 100 * count)
	seen := 0.0
	for _, s := range sorted {
		if seen += s.count; seen >= want {
			return s.minV, true
		}
	}
	return sorted[len(sorted)-1].minV, true
}
