package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestFamilyOfAPIs(t *testing.T) {
	budget := upgrade.ObjectRef{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudget", Namespace: "shop", Name: "web"}
	of := func(removed upgrade.Version, signs ...upgrade.Evidence) upgrade.DeprecatedAPI {
		return upgrade.DeprecatedAPI{Object: budget, Deprecated: v(21), Removed: removed, Replacement: "policy/v1 PodDisruptionBudget", Evidence: signs}
	}
	objects := func(all ...upgrade.DeprecatedAPI) func(*reasoningtest.Cluster) {
		return func(c *reasoningtest.Cluster) { c.Kubernetes.DeprecatedAPIs = all }
	}
	release := func(change func(*upgrade.HelmRelease)) func(*reasoningtest.Cluster) {
		r := upgrade.HelmRelease{Name: "web", Namespace: "shop", Last: upgrade.HelmRevision{Revision: 3, Status: "deployed", Chart: "web-1.2.3"}, Deployed: upgrade.HelmRevision{Revision: 3, Status: "deployed", Chart: "web-1.2.3"}}
		change(&r)
		return func(c *reasoningtest.Cluster) { c.Kubernetes.HelmReleases = []upgrade.HelmRelease{r} }
	}
	has := func(removed upgrade.Version, hook bool, product string) func(*reasoningtest.Cluster) {
		return release(func(r *upgrade.HelmRelease) {
			r.Deprecated = []upgrade.HelmObject{{Object: budget, Template: "web/templates/pdb.yaml", Removed: removed, Hook: hook, Product: product}}
		})
	}
	chart := func(constraint string) func(*reasoningtest.Cluster) {
		return release(func(r *upgrade.HelmRelease) { r.Deployed.KubeVersion = constraint })
	}
	scan := func(component string, removed upgrade.Version, ours *upgrade.OurAPI, file string) func(*reasoningtest.Cluster) {
		return func(c *reasoningtest.Cluster) {
			c.Scans = []upgrade.Scan{{Tool: "pluto", Version: "5", Findings: []upgrade.ScanFinding{{Object: budget, Component: component, Removed: removed, File: file, Rule: "removed", Ours: ours}}}}
		}
	}
	ours := &upgrade.OurAPI{Removed: v(35)}
	file := upgrade.Evidence{Kind: upgrade.EvidenceFile, File: "a.yaml", Line: 3}
	old := upgrade.Evidence{Kind: upgrade.EvidenceLastApplied}
	tests := []struct {
		name     string
		change   func(*reasoningtest.Cluster)
		check    string // "": no finding of the family
		severity upgrade.Severity
		blocks   bool
		says     string
	}{
		{"a file loses its API", objects(of(v(35), file)), "deprecated-apis", upgrade.Critical, true, "source in file a.yaml:3"},
		{"the object is lost", objects(of(v(35), upgrade.Evidence{Kind: upgrade.EvidenceLive})), "deprecated-apis", upgrade.Critical, true, "serves its kind in no version that stays"},
		{"a product's API", objects(upgrade.DeprecatedAPI{Object: budget, Product: "acme", Deprecated: v(1), Removed: v(2), Source: "https://example.com", Evidence: []upgrade.Evidence{file}}), "product-apis", upgrade.Medium, false, "deprecated since acme 1.1 and not served by 1.2 and later"},
		{"a product's API that stays for now", objects(upgrade.DeprecatedAPI{Object: budget, Product: "acme", Deprecated: v(1), Evidence: []upgrade.Evidence{file}}), "product-apis", upgrade.Low, false, "since acme 1.1"},
		{"a client asks", func(c *reasoningtest.Cluster) {
			c.AWS.Insights[0].Deprecations = []upgrade.InsightDeprecation{{Usage: "/apis/example.com/v1/widgets", StopServing: v(35), Clients: []upgrade.InsightClient{{UserAgent: "old/1", LastRequest: upgrade.At(reasoningtest.Now)}}}}
		}, "deprecated-requests", upgrade.High, false, `requested by user agent "old/1"`},
		{"a client asked long ago", func(c *reasoningtest.Cluster) {
			c.AWS.Insights[0].Deprecations = []upgrade.InsightDeprecation{{Usage: "/apis/example.com/v1/widgets", StopServing: v(35), Clients: []upgrade.InsightClient{{UserAgent: "old/1", LastRequest: upgrade.At(reasoningtest.Now.Add(-20 * 24 * time.Hour))}}}}
		}, "deprecated-requests", upgrade.Info, false, "the insight clears on 2026-08-11"},

		{"Helm will stumble", has(v(35), false, ""), "helm-release-stuck", upgrade.High, false, "Helm will refuse to upgrade it"},
		{"Helm has it in a hook", has(v(35), true, ""), "deprecated-apis", upgrade.High, false, "source in chart"},
		{"Helm has a product's API", has(v(35), false, "acme"), "product-apis", upgrade.Medium, false, "acme"},
		{"Helm stumbles already", release(func(r *upgrade.HelmRelease) { r.Unserved = []upgrade.HelmObject{{Object: budget}} }), "helm-release-stuck", upgrade.Medium, false, "refuses to upgrade it already"},
		{"Helm works at it", release(func(r *upgrade.HelmRelease) { r.Last.Status = "pending-upgrade" }), "helm-release-unfinished", upgrade.Medium, false, "pending-upgrade"},
		{"Helm failed", release(func(r *upgrade.HelmRelease) { r.Last.Status = "failed" }), "helm-release-unfinished", upgrade.Low, false, "failed"},
		{"a release that is well", release(func(*upgrade.HelmRelease) {}), "", "", false, ""},
		{"a chart excludes the target", chart(">=1.20.0-0 <1.35.0-0"), "helm-chart-kubeversion", upgrade.High, false, "wants Kubernetes"},
		{"a chart allows the target", chart(">= 1.20.0-0"), "", "", false, ""},
		{"a chart allows a patch of the target", chart(">=1.35.3"), "", "", false, ""},
		{"a chart ends with the target", chart("<1.36.0-0"), "", "", false, ""},
		{"a chart's constraint is none", chart("newest"), "helm-chart-kubeversion", upgrade.Low, false, "cannot be read"},

		{"a scanner's table has another release", scan("k8s", v(34), ours, ""), "scanners", upgrade.High, false, "the tool's table is wrong: Kubernetes removes it in 1.35, and the tool says 1.34"},
		{"a scanner knows what Kubernetes does not", scan("k8s", v(35), nil, ""), "scanners", upgrade.High, false, "the tool's word stands alone"},
		{"a scanner tells a removal that nobody announced", scan("k8s", v(35), &upgrade.OurAPI{Deprecated: v(33)}, ""), "scanners", upgrade.Low, false, "has announced no removal"},
		{"a scanner knows no date", scan("k8s", upgrade.Version{}, ours, ""), "scanners", upgrade.High, false, "Kubernetes removed it in 1.35"},
		{"a scanner read a file", scan("k8s", v(35), ours, "a.yaml"), "scanners", upgrade.High, false, "file a.yaml, not in the cluster"},
		{"a scanner saw what is gone", scan("k8s", v(26), &upgrade.OurAPI{Removed: v(26)}, ""), "scanners", upgrade.Medium, false, "no live object can be written in it"},
		{"a scanner saw what we do not", scan("k8s", v(35), ours, ""), "scanners", upgrade.Medium, false, "mended or removed between the two looks"},
		{"a scanner, and Helm could not be read", func(c *reasoningtest.Cluster) {
			scan("k8s", v(35), ours, "")(c)
			c.Kubernetes.HelmReleases = nil
		}, "scanners", upgrade.High, false, "could not read Helm's releases"},
		{"a scanner speaks of a product", scan("istio", v(35), nil, ""), "scanners", upgrade.Low, false, "releases of istio"},
		{"a scanner and the agent agree on an old annotation", func(c *reasoningtest.Cluster) { scan("k8s", v(35), ours, "")(c); objects(of(v(35), old))(c) }, "deprecated-apis", upgrade.Medium, false, "stale annotation"},
	}
	family := map[string]bool{}
	for _, c := range checks.All() {
		family[c.ID] = c.Family == checks.APIs
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := reasoningtest.Healthy()
			tt.change(&c)
			view, err := checks.NewView(reasoningtest.Request(), reasoningtest.Now, c.Snapshots())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range checks.Run(view).Findings {
				if !family[f.Check] {
					continue
				}
				found = found || f.Check == tt.check && f.Severity == tt.severity && f.Blocks == tt.blocks && strings.Contains(f.Evidence, tt.says) && f.Remedy != ""
				if f.Check == "scanners" && tt.check != "scanners" || tt.check == "" {
					t.Errorf("%+v", f)
				}
			}
			if !found && tt.check != "" {
				t.Errorf("no such finding among %+v", checks.Run(view).Findings)
			}
		})
	}
}

func TestSuppressedFindingsStayAndDoNotCount(t *testing.T) {
	set, err := rules.Parse([]byte(`
suppressions:
- {check: helm-release-stuck, object: {kind: Release, namespace: shop}, reason: agreed, until: 2026-12-31}
- {check: helm-release-stuck, object: {name: "*"}, reason: was agreed, until: 2026-07-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := reasoningtest.Healthy()
	c.Kubernetes.HelmReleases = []upgrade.HelmRelease{{Name: "web", Namespace: "shop", Last: upgrade.HelmRevision{Status: "deployed"}, Deployed: upgrade.HelmRevision{Revision: 1, Chart: "web-1"},
		Unserved: []upgrade.HelmObject{{Object: upgrade.ObjectRef{Kind: "Widget"}}}}}
	view, err := checks.NewView(reasoningtest.Request(), reasoningtest.Now, c.Snapshots())
	if err != nil {
		t.Fatal(err)
	}
	view.Rules = set
	suppressed, expired := false, false
	for _, f := range checks.Run(view).Findings {
		suppressed = suppressed || f.Check == "helm-release-stuck" && f.Suppressed != nil && f.Suppressed.Reason == "agreed"
		expired = expired || f.Check == "suppression-expired" && strings.Contains(f.Evidence, "was agreed")
	}
	if !suppressed || !expired {
		t.Errorf("suppressed %v, expired %v", suppressed, expired)
	}
}
