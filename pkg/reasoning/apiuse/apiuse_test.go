package apiuse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/apiuse"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var (
	now    = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	target = upgrade.Version{Major: 1, Minor: 25}
)

func budget(signs ...upgrade.Evidence) upgrade.DeprecatedAPI {
	return upgrade.DeprecatedAPI{Object: upgrade.ObjectRef{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudget", Namespace: "shop", Name: "web"}, Removed: target, Evidence: signs}
}

func insight(clients ...upgrade.InsightClient) []upgrade.Insight {
	return []upgrade.Insight{{Version: target, Deprecations: []upgrade.InsightDeprecation{{Usage: "/apis/policy/v1beta1/poddisruptionbudgets", StopServing: target, Clients: clients}}}}
}

func client(agent string, ago time.Duration) upgrade.InsightClient {
	return upgrade.InsightClient{UserAgent: agent, Requests30Days: 7, LastRequest: upgrade.At(now.Add(-ago))}
}

var (
	written = upgrade.Evidence{Kind: upgrade.EvidenceManager, By: "kubectl", Operation: "Update", At: upgrade.At(now.Add(-time.Hour))}
	applied = upgrade.Evidence{Kind: upgrade.EvidenceLastApplied}
	file    = upgrade.Evidence{Kind: upgrade.EvidenceFile, File: "k8s/web.yaml", Line: 12}
	metric  = []upgrade.RequestedAPI{{Group: "policy", Version: "v1beta1", Resource: "poddisruptionbudgets", Removed: target}}
	release = []upgrade.HelmRelease{{Name: "web", Namespace: "shop", Deployed: upgrade.HelmRevision{Revision: 3, Chart: "web-1.2.3"},
		Deprecated: []upgrade.HelmObject{{Object: budget().Object, Template: "web/templates/pdb.yaml", Removed: target}}}}
	former = []upgrade.HelmRelease{{Name: "web", Namespace: "shop", Deployed: upgrade.HelmRevision{Revision: 3, Chart: "web-1.2.3"},
		Old: []upgrade.HelmObject{{Object: budget().Object, Revision: 2, Removed: target}}}}
)

func TestVerdicts(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name string
		seen apiuse.Seen
		want []string // "verdict: part of why" of each use, those without an object first
	}{
		{"nothing", apiuse.Seen{}, nil},
		{"a client writes it", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(written, applied)}}, []string{"written: still written by kubectl by Update at 2026-08-01T11:00:00Z; kubectl applied it last"}},
		{"an annotation only", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(applied)}}, []string{"stale: stale annotation only"}},
		{"a file", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(file)}}, []string{"source: source in file k8s/web.yaml:12"}},
		{"a chart", apiuse.Seen{Helm: release}, []string{"source: source in chart web-1.2.3 (release shop/web, revision 3, web/templates/pdb.yaml)"}},
		{"a chart whose object is stale", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(applied)}, Helm: release}, []string{"source: source in chart web-1.2.3"}},
		{"an old revision", apiuse.Seen{Helm: former}, []string{"stale: only in old revisions of Helm, which are not deployed: release shop/web, revision 2"}},
		{"everything", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(written, file)}, Helm: release, Insights: insight(client("kubectl/v1.20", time.Hour))},
			[]string{`written: still written by kubectl by Update at 2026-08-01T11:00:00Z; source in file k8s/web.yaml:12; source in chart web-1.2.3 (release shop/web, revision 3, web/templates/pdb.yaml); requested by user agent "kubectl/v1.20", 7 times in 30 days`}},
		{"a client asks, no object", apiuse.Seen{Insights: insight(client("old-operator/1.0", time.Hour))}, []string{`requested: requested by user agent "old-operator/1.0", 7 times in 30 days, last at 2026-08-01T11:00:00Z; no object found`}},
		{"a client asked yesterday", apiuse.Seen{Insights: insight(client("old-operator/1.0", 24*time.Hour))}, []string{"requested: "}},
		{"a client asked long ago", apiuse.Seen{Insights: insight(client("old-operator/1.0", 10*day))}, []string{"fixed: fixed: no request since 2026-07-22"}},
		{"the insight's last day", apiuse.Seen{Insights: insight(client("old-operator/1.0", 10*day))}, []string{"fixed: the insight clears on 2026-08-21"}},
		{"mended, and an annotation is left", apiuse.Seen{Objects: []upgrade.DeprecatedAPI{budget(applied)}, Insights: insight(client("kubectl/v1.20", 10*day))}, []string{"fixed: ", "stale: "}},
		{"the control plane and the agent ask", apiuse.Seen{Insights: insight(client("kube-controller-manager/v1.24", 0), client("eks-upgrade-agent/1", 0))}, nil},
		{"the metric alone, without insights", apiuse.Seen{Requested: metric}, []string{"requested: by a client that its metric does not name"}},
		{"the metric, and EKS knows no client", apiuse.Seen{Requested: metric, Insights: []upgrade.Insight{}}, nil},
		{"the metric and the insight", apiuse.Seen{Requested: metric, Insights: insight(client("old-operator/1.0", time.Hour))}, []string{"requested: old-operator/1.0"}},
		{"the metric of an API of nobody", apiuse.Seen{Requested: []upgrade.RequestedAPI{{Group: "example.com", Version: "v1", Resource: "widgets"}}}, []string{"requested: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.seen.Now, tt.seen.Target = now, target
			uses := apiuse.Join(tt.seen, lifecycle.All())
			if len(uses) != len(tt.want) {
				t.Fatalf("%+v", uses)
			}
			for i, want := range tt.want {
				verdict, part, _ := strings.Cut(want, ": ")
				if string(uses[i].Verdict) != verdict || !strings.Contains(uses[i].Why, part) {
					t.Errorf("%s: %s, want %s", uses[i].Verdict, uses[i].Why, want)
				}
			}
		})
	}
}

func TestJoinLeavesTheSnapshotAsItIs(t *testing.T) {
	objects := []upgrade.DeprecatedAPI{budget(make([]upgrade.Evidence, 0, 8)...)}
	objects[0].Evidence = append(objects[0].Evidence, written)
	apiuse.Join(apiuse.Seen{Objects: objects, Helm: release, Now: now}, nil)
	if len(objects[0].Evidence) != 1 || objects[0].Evidence[:2][1].Kind != "" {
		t.Errorf("%+v", objects[0].Evidence[:2])
	}
}

func FuzzInsightPath(f *testing.F) {
	f.Add("/apis/policy/v1beta1/poddisruptionbudgets")
	f.Add("/api/v1/endpoints")
	f.Add("//apis//")
	f.Fuzz(func(t *testing.T, usage string) {
		seen := apiuse.Seen{Now: now, Target: target, Insights: []upgrade.Insight{{Deprecations: []upgrade.InsightDeprecation{{Usage: usage, Clients: []upgrade.InsightClient{{UserAgent: "a"}}}}}}}
		for _, u := range apiuse.Join(seen, lifecycle.All()) {
			if u.Object.Kind == "" || u.Object.APIVersion == "" || u.Why == "" {
				t.Errorf("%+v", u)
			}
		}
	})
}
