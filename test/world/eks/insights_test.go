package eks

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// insightNamed describes the insight of a name, nil when there is none.
func (w *walker) insightNamed(name string) *types.Insight {
	w.t.Helper()
	in := &sdk.ListInsightsInput{ClusterName: ptr("shop"), MaxResults: ptr(int32(2))}
	for {
		out, err := w.api.ListInsights(w.t.Context(), in)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, i := range out.Insights {
			if *i.Name == name {
				d, err := w.api.DescribeInsight(w.t.Context(), &sdk.DescribeInsightInput{ClusterName: ptr("shop"), Id: i.Id})
				if err != nil {
					w.t.Fatal(err)
				}
				return d.Insight
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

func (w *walker) refreshed() {
	w.t.Helper()
	w.must(w.api.StartInsightsRefresh(w.t.Context(), &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")}))
	w.clock.Advance(DefaultInsightsRefresh)
}

const flowSchemas = "/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas"

func TestDeprecatedAPIUseIsRememberedFor30Days(t *testing.T) {
	w := walk(t, "1.34", nil)
	const name = "Deprecated APIs removed in Kubernetes v1.35"
	used := w.clock.Now()
	w.must(nil, w.UseDeprecatedAPI("shop",
		APIUse{Path: flowSchemas, RemovedIn: "1.35", ReplacedBy: "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", ReplacedSince: "1.29", UserAgent: "helm/3", Requests: 5},
		APIUse{Path: flowSchemas, RemovedIn: "1.35", ReplacedBy: "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", ReplacedSince: "1.29", UserAgent: "argocd", Requests: 2},
		APIUse{Path: "/apis/example.com/v1beta1/widgets", RemovedIn: "1.37", UserAgent: "helm/3", Requests: 1}))
	if i := w.insightNamed(name); i.InsightStatus.Status != types.InsightStatusValuePassing {
		t.Fatalf("before the refresh: %+v", i.InsightStatus)
	}
	w.refreshed()
	i := w.insightNamed(name)
	if i.InsightStatus.Status != types.InsightStatusValueError || !i.LastTransitionTime.Equal(w.clock.Now()) {
		t.Fatalf("insight = %+v, since %s", i.InsightStatus, i.LastTransitionTime)
	}
	details := i.CategorySpecificSummary.DeprecationDetails
	if len(details) != 1 || *details[0].Usage != flowSchemas || *details[0].StopServingVersion != "1.35" || *details[0].StartServingReplacementVersion != "1.29" {
		t.Fatalf("details = %+v", details)
	}
	stats := details[0].ClientStats
	if len(stats) != 2 || *stats[0].UserAgent != "argocd" || stats[1].NumberOfRequestsLast30Days != 5 || !stats[1].LastRequestTime.Equal(used) {
		t.Fatalf("clients = %+v", stats)
	}
	if later := w.insightNamed("Deprecated APIs removed in Kubernetes v1.37"); later == nil || later.InsightStatus.Status != types.InsightStatusValueWarning || *later.KubernetesVersion != "1.37" {
		t.Errorf("an API that goes later warns: %+v", later)
	}
	_, err := w.version("1.35")
	wantCode(t, err, "InvalidStateException", name)
	w.clock.Advance(29 * 24 * time.Hour) // nobody used it since
	if got := w.insightNamed(name).InsightStatus.Status; got != types.InsightStatusValueError {
		t.Errorf("after 29 days: %s", got)
	}
	w.clock.Advance(2 * 24 * time.Hour)
	if got := w.insightNamed(name).InsightStatus.Status; got != types.InsightStatusValuePassing {
		t.Errorf("after 31 days: %s", got)
	}
	if w.insightNamed("Deprecated APIs removed in Kubernetes v1.37") != nil {
		t.Error("an insight about an API that nobody uses any more stays")
	}
	w.must(w.version("1.35"))
}

func TestInsightsAreRefreshedEvery24Hours(t *testing.T) {
	w := walk(t, "1.34", nil)
	const name = "Cluster health issues"
	first := *w.insightNamed(name).LastRefreshTime
	w.clock.Advance(22 * time.Hour)
	w.must(nil, w.SetHealth("shop", types.ClusterIssue{Code: types.ClusterIssueCodeOther}))
	if i := w.insightNamed(name); i.InsightStatus.Status != types.InsightStatusValuePassing || !i.LastRefreshTime.Equal(first) {
		t.Fatalf("before the day is over: %+v", i)
	}
	w.clock.Advance(10 * time.Hour)
	w.must(nil, w.SetHealth("shop")) // healthy again, after the daily refresh
	i := w.insightNamed(name)
	if i.InsightStatus.Status != types.InsightStatusValueError || !i.LastRefreshTime.Equal(first.Add(insightsAge)) || !i.LastTransitionTime.Equal(first.Add(insightsAge)) {
		t.Fatalf("the refresh after a day saw the issue: %+v at %s", i.InsightStatus, i.LastRefreshTime)
	}
	w.clock.Advance(24 * time.Hour)
	if i := w.insightNamed(name); i.InsightStatus.Status != types.InsightStatusValuePassing || !i.LastRefreshTime.Equal(first.Add(2*insightsAge)) {
		t.Fatalf("a day later: %+v at %s", i.InsightStatus, i.LastRefreshTime)
	}
}

func TestInsightsNameTheResources(t *testing.T) {
	w := walk(t, "1.32", nil)
	in := nodegroupInput("old")
	in.AmiType = types.AMITypesAl2X8664
	w.must(w.api.CreateNodegroup(t.Context(), in))
	w.clock.Advance(time.Hour)
	w.refreshed()
	linux := w.insightNamed("Amazon Linux 2 compatibility")
	if linux == nil || linux.InsightStatus.Status != types.InsightStatusValueWarning || len(linux.Resources) != 1 || *linux.Resources[0].Arn != *w.Nodegroups("shop")[0].NodegroupArn {
		t.Fatalf("insight = %+v", linux)
	}
	w.hop("1.33")
	skew := w.insightNamed("Kubelet version skew")
	if skew.InsightStatus.Status != types.InsightStatusValueWarning || len(skew.Resources) != 1 || skew.Resources[0].InsightStatus.Status != types.InsightStatusValueWarning {
		t.Fatalf("insight = %+v", skew)
	}
	w.must(nil, w.SetHealth("shop", types.ClusterIssue{Code: types.ClusterIssueCodeClusterUnreachable}))
	w.refreshed()
	if got := w.insightNamed("Kubelet version skew").InsightStatus.Status; got != types.InsightStatusValueUnknown {
		t.Errorf("without an API server: %s", got)
	}
}

func TestHybridNodesHaveConfigurationInsights(t *testing.T) {
	w := walk(t, "1.34", func(in *sdk.CreateClusterInput) {
		in.RemoteNetworkConfig = &types.RemoteNetworkConfigRequest{RemoteNodeNetworks: []types.RemoteNodeNetwork{{Cidrs: []string{"10.80.0.0/16"}}}}
	})
	i := w.insightNamed("EKS Hybrid Nodes remote network configuration")
	if i == nil || i.Category != types.CategoryMisconfiguration || i.InsightStatus.Status != types.InsightStatusValueWarning || *i.KubernetesVersion != "1.34" {
		t.Fatalf("insight = %+v", i)
	}
}

// counting is a backend that counts requests to a deprecated API.
type counting struct {
	ClusterBackend
	requests int
	err      error
}

func (c *counting) DeprecatedAPIs(context.Context, string) ([]APIUse, error) {
	return []APIUse{{Path: flowSchemas, RemovedIn: "1.35", Requests: c.requests}}, c.err
}

func TestBackendsCountDeprecatedAPIs(t *testing.T) {
	b := &counting{requests: 3}
	f := newFixture(t, Options{})
	w := &walker{f, f.client()}
	w.must(w.api.CreateCluster(t.Context(), clusterInput("1.34")))
	w.clock.Advance(DefaultCreateCluster)
	w.opts.Clusters = b // only now: it cannot make clusters
	c := w.clusters["shop"]
	for _, step := range []struct {
		counter int
		want    int32
	}{{3, 3}, {3, 3}, {7, 7}, {2, 9}} { // the last one: the API server was restarted
		b.requests = step.counter
		w.must(nil, w.observe(t.Context(), c))
		w.refreshInsights(c)
		stats := w.insightNamed("Deprecated APIs removed in Kubernetes v1.35").CategorySpecificSummary.DeprecationDetails[0].ClientStats
		if len(stats) != 1 || stats[0].NumberOfRequestsLast30Days != step.want || *stats[0].UserAgent != "unknown" {
			t.Fatalf("counter %d: clients = %+v, want %d requests", step.counter, stats, step.want)
		}
	}
	b.err = errors.New("no metrics")
	if w.observe(t.Context(), c) == nil {
		t.Fatal("the error is lost")
	}
	w.clock.Advance(31 * 24 * time.Hour)
	if got := w.insightNamed("Deprecated APIs removed in Kubernetes v1.35").InsightStatus.Status; got != types.InsightStatusValueUnknown {
		t.Errorf("without metrics the insight is %s", got)
	}
}

func TestClusterVersionsAreFiltered(t *testing.T) {
	f := newFixture(t, Options{})
	api := f.client()
	for _, c := range []struct {
		name string
		in   sdk.DescribeClusterVersionsInput
		want []string
	}{
		{"all that can be used", sdk.DescribeClusterVersionsInput{}, []string{"1.37", "1.36", "1.35", "1.34", "1.33", "1.32", "1.31"}},
		{"the default", sdk.DescribeClusterVersionsInput{DefaultOnly: ptr(true)}, []string{"1.35"}},
		{"named", sdk.DescribeClusterVersionsInput{ClusterVersions: []string{"1.33", "1.36"}}, []string{"1.36", "1.33"}},
		{"in extended support", sdk.DescribeClusterVersionsInput{VersionStatus: types.VersionStatusExtendedSupport}, []string{"1.33", "1.32", "1.31"}},
		{"in standard support, the old way", sdk.DescribeClusterVersionsInput{Status: types.ClusterVersionStatusStandardSupport}, []string{"1.37", "1.36", "1.35", "1.34"}},
		{"of clusters in the cloud", sdk.DescribeClusterVersionsInput{ClusterType: ptr("eks"), DefaultOnly: ptr(true)}, []string{"1.35"}},
		{"of other clusters", sdk.DescribeClusterVersionsInput{ClusterType: ptr("eks-local-outposts")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			c.in.MaxResults = ptr(int32(2))
			pages := sdk.NewDescribeClusterVersionsPaginator(api, &c.in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range page.ClusterVersions {
					got = append(got, *v.ClusterVersion)
					if len(v.ControlPlaneScalingTiers) != 3 || *v.ControlPlaneComponentConfig.KubeApiServerConfig.EventTtl.DefaultValue != "60m" {
						t.Errorf("%s lacks its control plane's configuration", *v.ClusterVersion)
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	f.clock.Advance(120 * 24 * time.Hour) // 1.31 has left extended support
	count := func(in *sdk.DescribeClusterVersionsInput) int {
		out, err := api.DescribeClusterVersions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return len(out.ClusterVersions)
	}
	if some, all := count(&sdk.DescribeClusterVersionsInput{}), count(&sdk.DescribeClusterVersionsInput{IncludeAll: ptr(true)}); some != 6 || all != 7 {
		t.Errorf("%d versions without and %d with those out of support", some, all)
	}
}
