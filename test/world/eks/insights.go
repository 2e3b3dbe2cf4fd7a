package eks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// insightsAge is how often EKS refreshes insights by itself.
const insightsAge = 24 * time.Hour

// insight is one insight of a cluster. That of a check follows from the state of
// the simulated cluster at each refresh; one that was set stays as it was set.
type insight struct {
	types.Insight
	check *insightCheck
}

type refresh struct {
	status       types.InsightsRefreshStatus
	message      string
	started, end *time.Time
}

// SetInsight adds an insight to a cluster, or replaces the one with the same
// category, name and Kubernetes version. What is empty gets a value: id, category
// (UPGRADE_READINESS), Kubernetes version (the next one; for ROLLBACK_READINESS
// the previous, for MISCONFIGURATION the cluster's own), times (now). It returns
// the insight's id.
func (s *Service) SetInsight(cluster string, in types.Insight) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return "", err
	}
	if in.Name == nil || in.InsightStatus == nil {
		return "", fmt.Errorf("eks: an insight needs Name and InsightStatus")
	}
	if in.Category == "" {
		in.Category = types.CategoryUpgradeReadiness
	}
	if in.KubernetesVersion == nil {
		switch in.Category {
		case types.CategoryRollbackReadiness:
			in.KubernetesVersion = ptr(fmt.Sprintf("1.%d", minor(*c.Version)-1))
		case types.CategoryMisconfiguration:
			in.KubernetesVersion = c.Version
		default:
			in.KubernetesVersion = ptr(next(*c.Version))
		}
	}
	if in.LastRefreshTime == nil {
		in.LastRefreshTime = s.now()
	}
	if in.LastTransitionTime == nil {
		in.LastTransitionTime = s.now()
	}
	for _, old := range c.insights {
		if old.is(in.Category, *in.Name, *in.KubernetesVersion) {
			if in.Id == nil {
				in.Id = old.Id
			}
			*old = insight{Insight: in}
			return *in.Id, nil
		}
	}
	if in.Id == nil {
		in.Id = ptr(s.uuid())
	}
	c.insights = append(c.insights, &insight{Insight: in})
	return *in.Id, nil
}

// ClearInsight removes an insight that was set; it reports whether it existed.
func (s *Service) ClearInsight(cluster, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[cluster]
	if c == nil {
		return false
	}
	before := len(c.insights)
	c.insights = slices.DeleteFunc(c.insights, func(i *insight) bool { return *i.Id == id })
	return len(c.insights) < before
}

func next(version string) string { return fmt.Sprintf("1.%d", minor(version)+1) }

// refreshInsights brings the insights up to date now.
func (s *Service) refreshInsights(c *cluster) { s.refreshInsightsAt(c, s.opts.Clock.Now()) }

// refreshInsightsAt computes the insights anew, as of a time: those on upgrade
// readiness for the version after the cluster's, those on rollback readiness
// for the version before it while the way back is open. Others go.
func (s *Service) refreshInsightsAt(c *cluster, at time.Time) {
	c.refreshed = at
	c.insights = slices.DeleteFunc(c.insights, func(i *insight) bool {
		switch i.Category {
		case types.CategoryUpgradeReadiness:
			return minor(*i.KubernetesVersion) <= minor(*c.Version)
		case types.CategoryRollbackReadiness:
			return !c.canGoBack(at)
		}
		return false
	})
	wanted := map[*insight]bool{}
	want := func(check insightCheck, version string) {
		if check.applies != nil && !check.applies(c, version) {
			return
		}
		i := s.insight(c, check, version, at)
		wanted[i] = true
		if i.check != nil {
			i.update(check.compute(c, version, at), at)
		}
	}
	if _, available := findVersion(next(*c.Version)); available { // EKS has none for versions to come
		for _, version := range c.removals(at) {
			check := deprecatedAPIs
			check.name, check.description = fmt.Sprintf(check.name, version), fmt.Sprintf(check.description, version)
			check.recommendation = fmt.Sprintf(check.recommendation, version)
			want(check, version)
		}
		for _, check := range upgradeChecks {
			want(check, next(*c.Version))
		}
	}
	if c.canGoBack(at) {
		for _, check := range rollbackChecks {
			want(check, c.hop.from)
		}
	}
	for _, check := range configurationChecks {
		want(check, *c.Version)
	}
	c.insights = slices.DeleteFunc(c.insights, func(i *insight) bool { return i.check != nil && !wanted[i] })
	for _, i := range c.insights {
		i.LastRefreshTime = ptr(at)
	}
}

// insight finds the insight of a check about a version, or makes it.
func (s *Service) insight(c *cluster, check insightCheck, version string, at time.Time) *insight {
	for _, i := range c.insights {
		if i.is(check.category, check.name, version) {
			return i
		}
	}
	i := &insight{check: &check, Insight: types.Insight{
		Id: ptr(s.uuid()), Name: ptr(check.name), Description: ptr(check.description), Recommendation: ptr(check.recommendation),
		Category: check.category, KubernetesVersion: ptr(version), LastTransitionTime: ptr(at), AdditionalInfo: check.info,
	}}
	c.insights = append(c.insights, i)
	return i
}

func (i *insight) is(category types.Category, name, version string) bool {
	return i.Category == category && *i.Name == name && *i.KubernetesVersion == version
}

func (i *insight) update(v verdict, at time.Time) {
	if i.InsightStatus != nil && i.InsightStatus.Status != v.status {
		i.LastTransitionTime = ptr(at)
	}
	i.InsightStatus = &types.InsightStatus{Status: v.status, Reason: ptr(v.reason)}
	i.Resources = append([]types.InsightResourceDetail{}, v.resources...)
	i.CategorySpecificSummary = &types.InsightCategorySpecificSummary{
		DeprecationDetails:        append([]types.DeprecationDetail{}, v.summary.DeprecationDetails...),
		AddonCompatibilityDetails: append([]types.AddonCompatibilityDetail{}, v.summary.AddonCompatibilityDetails...),
	}
}

// blocking returns the names of a category's insights about a version that have
// one of the statuses.
func (c *cluster) blocking(category types.Category, version string, statuses ...types.InsightStatusValue) []string {
	var names []string
	for _, i := range c.insights {
		if i.Category == category && *i.KubernetesVersion == version && slices.Contains(statuses, i.InsightStatus.Status) {
			names = append(names, *i.Name)
		}
	}
	slices.Sort(names)
	return names
}

// refreshDue gives a cluster the daily refreshes that are due. It is called
// before anything changes, so that it sees what was there at the time.
func (s *Service) refreshDue(c *cluster) {
	if days := s.opts.Clock.Now().Sub(c.refreshed) / insightsAge; !c.refreshed.IsZero() && days > 0 {
		s.refreshInsightsAt(c, c.refreshed.Add(days*insightsAge))
	}
}

// dailyInsights gives all clusters the daily refreshes that are due.
func (s *Service) dailyInsights() {
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		s.refreshDue(s.clusters[name])
	}
}

// ListInsights lists insights, filtered, by Kubernetes version and name.
func (s *Service) ListInsights(_ *wire.Call, in *sdk.ListInsightsInput) (*sdk.ListInsightsOutput, error) {
	s.observeDaily(in.ClusterName)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if f := in.Filter; f != nil {
		if err := checkFilter(c, f); err != nil {
			return nil, err
		}
	}
	byKey := map[string]*insight{}
	for _, i := range c.insights {
		if f := in.Filter; f != nil && (excludedFrom(f.Categories, i.Category) || excludedFrom(f.Statuses, i.InsightStatus.Status) || excludedFrom(f.KubernetesVersions, *i.KubernetesVersion)) {
			continue
		}
		byKey[fmt.Sprintf("%s/%s/%s", *i.KubernetesVersion, *i.Name, *i.Id)] = i
	}
	keys, nextToken, err := page(slices.Sorted(maps.Keys(byKey)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListInsightsOutput{Insights: []types.InsightSummary{}, NextToken: nextToken}
	for _, k := range keys {
		i := byKey[k]
		out.Insights = append(out.Insights, types.InsightSummary{
			Id: i.Id, Name: i.Name, Category: i.Category, Description: i.Description, InsightStatus: i.InsightStatus,
			KubernetesVersion: i.KubernetesVersion, LastRefreshTime: i.LastRefreshTime, LastTransitionTime: i.LastTransitionTime,
		})
	}
	return out, nil
}

func checkFilter(c *cluster, f *types.InsightsFilter) error {
	for _, category := range f.Categories {
		if err := checkEnum(c.Name, "filter.categories", category, category.Values()); err != nil {
			return err
		}
	}
	for _, status := range f.Statuses {
		if err := checkEnum(c.Name, "filter.statuses", status, status.Values()); err != nil {
			return err
		}
	}
	for _, version := range f.KubernetesVersions {
		if minor(version) < 0 {
			return invalidParameter(c.Name, "Invalid Kubernetes version: %s", version)
		}
	}
	return nil
}

func excludedFrom[T comparable](wanted []T, have T) bool {
	return len(wanted) > 0 && !slices.Contains(wanted, have)
}

// DescribeInsight describes one insight.
func (s *Service) DescribeInsight(_ *wire.Call, in *sdk.DescribeInsightInput) (*sdk.DescribeInsightOutput, error) {
	s.observeDaily(in.ClusterName)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	for _, i := range c.insights {
		if *i.Id == value(in.Id) {
			return &sdk.DescribeInsightOutput{Insight: ptr(i.Insight)}, nil
		}
	}
	return nil, &types.ResourceNotFoundException{ClusterName: in.ClusterName, Message: ptr(fmt.Sprintf("No insight found for ID: %s", value(in.Id)))}
}

// StartInsightsRefresh starts a refresh. One at a time.
func (s *Service) StartInsightsRefresh(_ *wire.Call, in *sdk.StartInsightsRefreshInput) (*sdk.StartInsightsRefreshOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.activeCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if c.refresh.status == types.InsightsRefreshStatusInProgress {
		return nil, invalidRequest(c.Name, "An insights refresh is already in progress for cluster %s", *c.Name)
	}
	c.refresh = refresh{status: types.InsightsRefreshStatusInProgress, message: "Insights refresh is in progress", started: s.now()}
	s.after(s.takes(WorkInsightsRefresh, *c.Name), func(ctx context.Context) error { return s.observe(ctx, c) }, func(err error) {
		c.refresh.end = s.now()
		switch {
		case err != nil:
			c.refresh.status, c.refresh.message = types.InsightsRefreshStatusFailed, "Insights refresh failed: "+err.Error()
		case c.unreachable():
			c.refresh.status, c.refresh.message = types.InsightsRefreshStatusFailed, "Insights refresh failed: the Kubernetes API server of the cluster could not be reached"
		default:
			c.refresh.status, c.refresh.message = types.InsightsRefreshStatusCompleted, "Insights refresh completed successfully"
		}
		s.refreshInsights(c)
	})
	return &sdk.StartInsightsRefreshOutput{Status: c.refresh.status, Message: ptr(c.refresh.message)}, nil
}

// DescribeInsightsRefresh describes the last refresh that was started.
func (s *Service) DescribeInsightsRefresh(_ *wire.Call, in *sdk.DescribeInsightsRefreshInput) (*sdk.DescribeInsightsRefreshOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if c.refresh.started == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: in.ClusterName, Message: ptr(fmt.Sprintf("No insights refresh found for cluster %s", *c.Name))}
	}
	return &sdk.DescribeInsightsRefreshOutput{Status: c.refresh.status, StartedAt: c.refresh.started, EndedAt: c.refresh.end,
		Message: ptr(c.refresh.message)}, nil
}
