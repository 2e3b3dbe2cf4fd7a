package eks

import (
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

// insight is one insight of a cluster. A computed one follows from the state of
// the simulated cluster at each refresh; one that was set stays as it was set.
type insight struct {
	types.Insight
	compute func(*cluster) (types.InsightStatusValue, string)
}

type refresh struct {
	status       types.InsightsRefreshStatus
	started, end *time.Time
}

// SetInsight adds an insight to a cluster, or replaces the one with the same
// name and Kubernetes version. What is empty gets a value: id, category
// (UPGRADE_READINESS), Kubernetes version (the next one), times (now).
// It returns the insight's id.
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
		in.KubernetesVersion = ptr(next(*c.Version))
	}
	if in.LastRefreshTime == nil {
		in.LastRefreshTime = s.now()
	}
	if in.LastTransitionTime == nil {
		in.LastTransitionTime = s.now()
	}
	for _, old := range c.insights {
		if *old.Name == *in.Name && *old.KubernetesVersion == *in.KubernetesVersion {
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

// standardInsights are those that EKS has for every cluster. The simulated EKS
// sees no audit logs, so the one on deprecated APIs passes until it is set.
var standardInsights = []struct {
	name, description, recommendation string
	compute                           func(*cluster) (types.InsightStatusValue, string)
}{
	{"Deprecated APIs removed in Kubernetes v%s", "Checks for usage of deprecated APIs that are scheduled for removal in Kubernetes v%s.", "Update manifests and API clients to use newer Kubernetes APIs.",
		func(*cluster) (types.InsightStatusValue, string) {
			return types.InsightStatusValuePassing, "No deprecated API usage detected within the last 30 days."
		}},
	{"Kubelet version skew", "Checks for kubelet versions of worker nodes in the cluster to see if upgrade would cause non compliance with supported Kubernetes kubelet version skew policy.", "Upgrade your worker nodes to match the Kubernetes version of your cluster control plane.", kubeletSkew},
	{"kube-proxy version skew", "Checks version of kube-proxy in cluster to see if upgrade would cause non compliance with supported Kubernetes kube-proxy version skew policy.", "Upgrade kube-proxy to match the Kubernetes version of your cluster control plane.", proxySkew},
	{"EKS add-on version compatibility", "Checks version of installed EKS add-ons to ensure they are compatible with the next version of Kubernetes.", "Upgrade add-on version to ensure compatibility with next version of Kubernetes.", addonCompatibility},
	{"Cluster health issues", "Checks for any cluster health issues that prevent successful upgrade to the next Kubernetes version on EKS.", "Fix health issues detected on the cluster to ensure successful upgrade.",
		func(c *cluster) (types.InsightStatusValue, string) {
			if n := len(c.Health.Issues); n > 0 {
				return types.InsightStatusValueError, fmt.Sprintf("%d cluster health issues detected.", n)
			}
			return types.InsightStatusValuePassing, "No cluster health issues detected."
		}},
}

func kubeletSkew(c *cluster) (types.InsightStatusValue, string) {
	worst := 0
	for _, n := range c.nodegroups {
		worst = max(worst, minor(*c.Version)-minor(*n.Version))
	}
	switch {
	case worst >= maxSkew:
		return types.InsightStatusValueError, "Node kubelet versions are too old for the next Kubernetes version."
	case worst > 0:
		return types.InsightStatusValueWarning, "Node kubelet versions are older than the control plane."
	}
	return types.InsightStatusValuePassing, "Node kubelet versions match the cluster control plane version."
}

func proxySkew(c *cluster) (types.InsightStatusValue, string) {
	a := c.addons["kube-proxy"]
	if a == nil {
		return types.InsightStatusValuePassing, "kube-proxy is not installed as an EKS add-on."
	}
	if minor(*c.Version)-minorOf(*a.AddonVersion) >= maxSkew {
		return types.InsightStatusValueError, "kube-proxy version is too old for the next Kubernetes version."
	}
	return types.InsightStatusValuePassing, "kube-proxy versions match the supported version skew."
}

func addonCompatibility(c *cluster) (types.InsightStatusValue, string) {
	if bad := c.incompatibleAddons(); len(bad) > 0 {
		return types.InsightStatusValueError, fmt.Sprintf("Installed EKS add-on versions are incompatible with next Kubernetes version: %v.", bad)
	}
	return types.InsightStatusValuePassing, "All installed EKS add-on versions are compatible with next Kubernetes version."
}

func (c *cluster) incompatibleAddons() []string {
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(c.addons)) {
		if v, ok := addonCatalog[name].find(*c.addons[name].AddonVersion); !ok || !v.runsOn(minor(*c.Version)+1) {
			bad = append(bad, name)
		}
	}
	return bad
}

// refreshInsights brings the computed insights up to date, for the version
// after the cluster's. Those for the cluster's own version and older ones go.
func (s *Service) refreshInsights(c *cluster) {
	target := next(*c.Version)
	c.insights = slices.DeleteFunc(c.insights, func(i *insight) bool {
		return i.Category == types.CategoryUpgradeReadiness && minor(*i.KubernetesVersion) <= minor(*c.Version)
	})
	_, available := findVersion(target) // EKS has none for versions to come
	for _, std := range standardInsights {
		if !available {
			break
		}
		name := std.name
		if name == standardInsights[0].name {
			name = fmt.Sprintf(name, target)
		}
		if !slices.ContainsFunc(c.insights, func(i *insight) bool { return *i.Name == name && *i.KubernetesVersion == target }) {
			description := std.description
			if name != std.name {
				description = fmt.Sprintf(description, target)
			}
			c.insights = append(c.insights, &insight{compute: std.compute, Insight: types.Insight{
				Id: ptr(s.uuid()), Name: ptr(name), Description: ptr(description), Recommendation: ptr(std.recommendation),
				Category: types.CategoryUpgradeReadiness, KubernetesVersion: ptr(target), LastTransitionTime: s.now(),
				AdditionalInfo: map[string]string{"EKS update cluster documentation": "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html"},
			}})
		}
	}
	for _, i := range c.insights {
		i.LastRefreshTime = s.now()
		if i.compute == nil {
			continue
		}
		status, reason := i.compute(c)
		if i.InsightStatus != nil && i.InsightStatus.Status != status {
			i.LastTransitionTime = s.now()
		}
		i.InsightStatus = &types.InsightStatus{Status: status, Reason: ptr(reason)}
		i.CategorySpecificSummary = nil
		if *i.Name == "EKS add-on version compatibility" {
			i.CategorySpecificSummary = c.addonDetails()
		}
	}
}

func (c *cluster) addonDetails() *types.InsightCategorySpecificSummary {
	out := &types.InsightCategorySpecificSummary{AddonCompatibilityDetails: []types.AddonCompatibilityDetail{}}
	for _, name := range c.incompatibleAddons() {
		d := types.AddonCompatibilityDetail{Name: ptr(name)}
		for _, v := range addonCatalog[name].versions {
			if v.runsOn(minor(*c.Version) + 1) {
				d.CompatibleVersions = append(d.CompatibleVersions, v.version)
			}
		}
		out.AddonCompatibilityDetails = append(out.AddonCompatibilityDetails, d)
	}
	return out
}

// blockingInsights returns the names of those that block an update.
func (c *cluster) blockingInsights(target string) []string {
	var names []string
	for _, i := range c.insights {
		if i.Category == types.CategoryUpgradeReadiness && *i.KubernetesVersion == target && i.InsightStatus.Status == types.InsightStatusValueError {
			names = append(names, *i.Name)
		}
	}
	slices.Sort(names)
	return names
}

// insightsOf finds a cluster and gives it the daily refresh when it is due.
func (s *Service) insightsOf(name *string) (*cluster, error) {
	c, err := s.cluster(name)
	if err != nil {
		return nil, err
	}
	for _, i := range c.insights {
		if s.opts.Clock.Now().Sub(*i.LastRefreshTime) >= insightsAge {
			s.refreshInsights(c)
			break
		}
	}
	return c, nil
}

// ListInsights lists insights, filtered, by Kubernetes version and name.
func (s *Service) ListInsights(_ *wire.Call, in *sdk.ListInsightsInput) (*sdk.ListInsightsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.insightsOf(in.ClusterName)
	if err != nil {
		return nil, err
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

func excludedFrom[T comparable](wanted []T, have T) bool {
	return len(wanted) > 0 && !slices.Contains(wanted, have)
}

// DescribeInsight describes one insight.
func (s *Service) DescribeInsight(_ *wire.Call, in *sdk.DescribeInsightInput) (*sdk.DescribeInsightOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.insightsOf(in.ClusterName)
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
	c.refresh = refresh{status: types.InsightsRefreshStatusInProgress, started: s.now()}
	s.after(s.takes(WorkInsightsRefresh, *c.Name), nil, func(error) {
		s.refreshInsights(c)
		c.refresh.status, c.refresh.end = types.InsightsRefreshStatusCompleted, s.now()
	})
	return &sdk.StartInsightsRefreshOutput{Status: c.refresh.status, Message: ptr("Insights refresh is in progress")}, nil
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
		Message: ptr(fmt.Sprintf("Insights refresh is %s", c.refresh.status))}, nil
}
