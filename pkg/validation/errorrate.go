package validation

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// CloudWatch reads metrics.
type CloudWatch interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// ErrorRate checks the share of failed requests over the window before now. The
// metrics are Requests and Errors, sums by the period, with the dimension
// Cluster. Fewer requests than the criterion's MinRequests are no evidence, and
// data that ended before now are none of how it is now: an endpoint that is
// gone counts nothing any more, neither requests nor errors.
type ErrorRate struct {
	CloudWatch CloudWatch
	Namespace  string        // "EKSUpgradeAgent/Ingress"
	Period     time.Duration // resolution of the metrics; a minute is usual
	MaxLag     time.Duration // how old the newest data may be; 5 minutes are usual: metric streams deliver within some two or three
	Clock      clock.Clock
}

// Check implements Checker.
func (e ErrorRate) Check(ctx context.Context, _ upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (Result, error) {
	if c.Window.D() < e.Period {
		return inconclusive("the window of %s is shorter than the metrics' resolution of %s", c.Window, e.Period), nil
	}
	requests, errors, err := e.sums(ctx, c)
	if err != nil {
		return Result{}, err
	}
	switch {
	case requests.points == 0:
		return inconclusive("CloudWatch has no data of the last %s", c.Window), nil
	case requests.sum < float64(max(c.MinRequests, 1)):
		return inconclusive("%.0f requests in the last %s are no evidence, %d are", requests.sum, c.Window, max(c.MinRequests, 1)), nil
	case errors.points == 0:
		return inconclusive("CloudWatch has requests, but no count of errors, of the last %s", c.Window), nil
	}
	rate := errors.sum / requests.sum
	evidence := fmt.Sprintf("%.0f of %.0f requests failed in the last %s (%.2f %%, %.2f %% is tolerated)", errors.sum, requests.sum, c.Window, 100*rate, 100*c.MaxErrorRate)
	if rate > c.MaxErrorRate {
		return fail("%s", evidence), nil
	}
	if age := e.Clock.Now().Sub(requests.newest.Add(e.Period)); age > e.MaxLag {
		return inconclusive("the data are stale, CloudWatch has none of the last %s: %s", age.Round(time.Second), evidence), nil
	}
	return pass("%s", evidence), nil
}

type series struct {
	sum    float64
	points int
	newest time.Time // begin of the newest minute with data
}

func (e ErrorRate) sums(ctx context.Context, c upgrade.Criterion) (requests, errors series, err error) {
	op := "read the error rate of " + c.Cluster
	now := e.Clock.Now()
	query := func(id, metric string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: &e.Namespace, MetricName: &metric, Dimensions: []types.Dimension{{Name: aws.String("Cluster"), Value: &c.Cluster}}},
			Period: aws.Int32(int32(e.Period.Seconds())), Stat: aws.String("Sum"),
		}}
	}
	pages := cloudwatch.NewGetMetricDataPaginator(e.CloudWatch, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-c.Window.D()).Truncate(e.Period)), EndTime: &now,
		MetricDataQueries: []types.MetricDataQuery{query("requests", "Requests"), query("errors", "Errors")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return series{}, series{}, awserr.Wrap(op, err)
		}
		for _, result := range page.MetricDataResults {
			if result.StatusCode == types.StatusCodeInternalError || result.StatusCode == types.StatusCodeForbidden {
				return series{}, series{}, upgrade.KindMetricsIncomplete.Errorf(op, "CloudWatch answers %s for %s", result.StatusCode, aws.ToString(result.Id))
			}
			target := &requests
			if aws.ToString(result.Id) == "errors" {
				target = &errors
			}
			target.points += len(result.Values)
			for _, v := range result.Values {
				target.sum += v
			}
			for _, at := range result.Timestamps {
				if at.After(target.newest) {
					target.newest = at
				}
			}
		}
	}
	return requests, errors, nil
}
