package cloudwatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// wording says in AWS's words why an alarm has its state, such as "Threshold
// Crossed: 1 out of the last 1 datapoints [5.0 (23/11/26 04:40:00)] was greater
// than the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
type wording struct {
	alarm            *types.MetricAlarm
	series           series
	periods, missing int
}

// crossed words the n datapoints that crossed the threshold or did not; at least
// are needed for it.
func (w wording) crossed(did bool, n, least int) string {
	if len(w.series.values) == 0 {
		treated := "NonBreaching"
		if did {
			treated = "Breaching"
		}
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s treated as [%s].",
			count(w.periods, "period", "periods"), count(w.missing, "missing datapoint was", "missing datapoints were"), treated)
	}
	var points []string
	for i, v := range w.series.values {
		if breaches(w.alarm.ComparisonOperator, v, *w.alarm.Threshold) == did {
			points = append(points, fmt.Sprintf("%s (%s)", decimal(v), w.series.times[i].UTC().Format("02/01/06 15:04:05")))
		}
	}
	slices.Reverse(points) // the newest first
	verb := "were"
	if n == 1 {
		verb = "was"
	}
	if !did {
		verb += " not"
	}
	from, to := "OK", "ALARM"
	if !did {
		from, to = to, from
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s %s the threshold (%s) (minimum %s for %s -> %s transition).",
		n, w.periods, strings.Join(points, ", "), verb, comparisons[w.alarm.ComparisonOperator], decimal(*w.alarm.Threshold), count(least, "datapoint", "datapoints"), from, to)
}

var comparisons = map[types.ComparisonOperator]string{
	types.ComparisonOperatorGreaterThanOrEqualToThreshold: "greater than or equal to", types.ComparisonOperatorGreaterThanThreshold: "greater than",
	types.ComparisonOperatorLessThanThreshold: "less than", types.ComparisonOperatorLessThanOrEqualToThreshold: "less than or equal to",
}

// decimal writes a number with a fraction, as Java does.
func decimal(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
