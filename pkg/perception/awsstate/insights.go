package awsstate

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS refreshes insights in some minutes. What is not fresh after refreshLimit is
// taken as it is, with its age.
const (
	refreshLimit = 90 * time.Second
	refreshPoll  = 3 * time.Second
)

const (
	notStarted = "NOT_STARTED"
	maxText    = 1000 // characters of a text that others wrote
)

// readiness returns EKS's insights on upgrade and rollback readiness, after a
// refresh; those that do not pass with their details.
func (c *Collector) readiness(ctx context.Context, cluster string) ([]upgrade.Insight, *upgrade.InsightsRefresh, error) {
	refresh, err := c.refresh(ctx, cluster)
	if err != nil {
		return nil, nil, err
	}
	summaries := []types.InsightSummary{}
	pages := eks.NewListInsightsPaginator(c.insights, &eks.ListInsightsInput{ClusterName: &cluster,
		Filter: &types.InsightsFilter{Categories: []types.Category{types.CategoryUpgradeReadiness, types.CategoryRollbackReadiness}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, wrap("list insights", err)
		}
		summaries = append(summaries, page.Insights...)
	}
	found, err := partial.Each(ctx, parallel, summaries, func(ctx context.Context, from types.InsightSummary) (upgrade.Insight, error) {
		return c.insight(ctx, cluster, from)
	})
	return found, refresh, err
}

// refresh asks EKS to look again and waits for it, though not for long. That it
// may not, or that EKS refuses, is no error: the insights have an age.
func (c *Collector) refresh(ctx context.Context, cluster string) (*upgrade.InsightsRefresh, error) {
	deadline := c.clock.Now().Add(refreshLimit)
	_, err := c.insights.StartInsightsRefresh(ctx, &eks.StartInsightsRefreshInput{ClusterName: &cluster})
	// One that runs already is as good: EKS refuses a second.
	if err != nil && !awserr.Is(err, "InvalidRequestException", "ResourceInUseException") {
		return c.unrefreshed("refresh the insights", err)
	}
	for {
		out, err := c.insights.DescribeInsightsRefresh(ctx, &eks.DescribeInsightsRefreshInput{ClusterName: &cluster})
		if err != nil {
			return c.unrefreshed("wait for the refresh of the insights", err)
		}
		if out.Status != types.InsightsRefreshStatusInProgress || !c.clock.Now().Before(deadline) {
			return &upgrade.InsightsRefresh{Status: string(out.Status), Message: logging.Line(aws.ToString(out.Message), maxText),
				StartedAt: instant(out.StartedAt), EndedAt: instant(out.EndedAt)}, nil
		}
		if err := clock.Sleep(ctx, c.clock, refreshPoll); err != nil {
			return nil, err
		}
	}
}

// unrefreshed passes on errors that pass by themselves.
func (c *Collector) unrefreshed(op string, err error) (*upgrade.InsightsRefresh, error) {
	unseen, err := partial.Unseen("", wrap(op, err))
	if err != nil {
		return nil, err
	}
	return &upgrade.InsightsRefresh{Status: notStarted, Message: unseen.Why + "; " + unseen.Remedy}, nil
}

func (c *Collector) insight(ctx context.Context, cluster string, from types.InsightSummary) (upgrade.Insight, error) {
	insight := upgrade.Insight{ID: aws.ToString(from.Id), Name: aws.ToString(from.Name), Category: string(from.Category),
		Status: string(types.InsightStatusValueUnknown), RefreshedAt: instant(from.LastRefreshTime), ChangedAt: instant(from.LastTransitionTime)}
	if from.InsightStatus != nil {
		insight.Status, insight.Reason = string(from.InsightStatus.Status), aws.ToString(from.InsightStatus.Reason)
	}
	op := "describe insight " + insight.Name
	var err error
	if insight.Version, err = optionalVersion(op, from.KubernetesVersion); err != nil {
		return insight, err
	}
	if insight.Status == string(types.InsightStatusValuePassing) {
		return insight, nil
	}
	out, err := c.insights.DescribeInsight(ctx, &eks.DescribeInsightInput{ClusterName: &cluster, Id: from.Id})
	if awserr.Is(err, "ResourceNotFoundException") {
		return insight, nil // a refresh has just taken it away: its summary stays
	}
	if err != nil {
		return insight, wrap(op, err)
	}
	if out.Insight != nil {
		err = details(op, &insight, out.Insight)
	}
	return insight, err
}

// details adds what only the description of an insight has.
func details(op string, insight *upgrade.Insight, from *types.Insight) error {
	insight.Recommendation = aws.ToString(from.Recommendation)
	for _, r := range from.Resources {
		resource := upgrade.InsightResource{ARN: aws.ToString(r.Arn), URI: aws.ToString(r.KubernetesResourceUri)}
		if r.InsightStatus != nil {
			resource.Status, resource.Reason = string(r.InsightStatus.Status), aws.ToString(r.InsightStatus.Reason)
		}
		insight.Resources = append(insight.Resources, resource)
	}
	summary := from.CategorySpecificSummary
	if summary == nil {
		return nil
	}
	for _, a := range summary.AddonCompatibilityDetails {
		insight.Addons = append(insight.Addons, upgrade.InsightAddon{Name: aws.ToString(a.Name), Compatible: a.CompatibleVersions})
	}
	for _, d := range summary.DeprecationDetails {
		use := upgrade.InsightDeprecation{Usage: aws.ToString(d.Usage), ReplacedWith: aws.ToString(d.ReplacedWith)}
		var err error
		if use.StartServing, err = optionalVersion(op, d.StartServingReplacementVersion); err != nil {
			return err
		}
		if use.StopServing, err = optionalVersion(op, d.StopServingVersion); err != nil {
			return err
		}
		for _, s := range d.ClientStats {
			use.Clients = append(use.Clients, upgrade.InsightClient{UserAgent: logging.Line(aws.ToString(s.UserAgent), maxText),
				Requests30Days: int(s.NumberOfRequestsLast30Days), LastRequest: instant(s.LastRequestTime)})
		}
		insight.Deprecations = append(insight.Deprecations, use)
	}
	return nil
}

func optionalVersion(op string, text *string) (upgrade.Version, error) {
	if aws.ToString(text) == "" {
		return upgrade.Version{}, nil
	}
	version, err := upgrade.ParseVersion(*text)
	if err != nil {
		return version, upgrade.KindSourceUnreadable.Errorf(op, "%w", err)
	}
	return version, nil
}
