package cloudwatch

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func TestReasonsAreWordedAsByAWS(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 40, 0, 0, time.UTC)
	points := func(values ...float64) series {
		s := series{values: values}
		for i := range values {
			s.times = append(s.times, at.Add(time.Duration(i)*time.Minute))
		}
		return s
	}
	alarm := &types.MetricAlarm{Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold}
	for name, tc := range map[string]struct {
		w        wording
		did      bool
		n, least int
		want     string
	}{
		"one of one": {wording{alarm, points(5), 1, 0}, true, 1, 1,
			"Threshold Crossed: 1 out of the last 1 datapoints [5.0 (23/11/26 04:40:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."},
		"two of three": {wording{alarm, points(5, 0, 2.5), 3, 0}, true, 2, 2,
			"Threshold Crossed: 2 out of the last 3 datapoints [2.5 (23/11/26 04:42:00), 5.0 (23/11/26 04:40:00)] were greater than or equal to the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition)."},
		"back to OK": {wording{alarm, points(0), 1, 0}, false, 1, 1,
			"Threshold Crossed: 1 out of the last 1 datapoints [0.0 (23/11/26 04:40:00)] was not greater than or equal to the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition)."},
		"nothing came": {wording{alarm, points(), 2, 2}, true, 2, 2,
			"Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.w.crossed(tc.did, tc.n, tc.least); got != tc.want {
				t.Errorf("%s", got)
			}
		})
	}
}
