package checks_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

// run returns the findings on a healthy cluster after change.
func run(t *testing.T, change func(*upgrade.Request, *reasoningtest.Cluster)) []upgrade.Finding {
	t.Helper()
	request, cluster := reasoningtest.Request(), reasoningtest.Healthy()
	if change != nil {
		change(&request, &cluster)
	}
	view, err := checks.NewView(request, reasoningtest.Now, cluster.Snapshots())
	if err != nil {
		t.Fatal(err)
	}
	findings := checks.Run(view).Findings
	for _, f := range findings {
		if err := f.Validate(); err != nil {
			t.Errorf("finding %+v: %v", f, err)
		}
	}
	return findings
}

func TestHealthyClusterHasNoFindings(t *testing.T) {
	if findings := run(t, nil); len(findings) != 0 {
		t.Errorf("findings: %+v", findings)
	}
}

func TestChecksFindWhatIsWrong(t *testing.T) {
	type request = upgrade.Request
	type cluster = reasoningtest.Cluster
	hpa := upgrade.DeprecatedAPI{Object: upgrade.ObjectRef{APIVersion: "autoscaling/v2beta2", Kind: "HorizontalPodAutoscaler", Namespace: "default", Name: "web"},
		Deprecated: v(23), Removed: v(35), Replacement: "autoscaling/v2 HorizontalPodAutoscaler", Evidence: []upgrade.Evidence{{Kind: upgrade.EvidenceManager, By: "helm"}}}
	deprecated := func(change func(*upgrade.DeprecatedAPI)) func(*request, *cluster) {
		return func(_ *request, c *cluster) {
			d := hpa
			if change != nil {
				change(&d)
			}
			c.Kubernetes.DeprecatedAPIs = append(c.Kubernetes.DeprecatedAPIs, d)
		}
	}
	type want struct {
		check      string
		severity   upgrade.Severity
		blocks     bool
		notChecked bool
		says       string
	}
	tests := []struct {
		name   string
		change func(*request, *cluster)
		want   []want
	}{
		{"target is two minors away", func(r *request, c *cluster) {
			c.AWS.Version, c.Kubernetes.ServerVersion, c.AWS.Addons = v(33), v(33), []upgrade.Addon{}
			c.AWS.Available = append(c.AWS.Available, upgrade.AvailableVersion{Version: v(33), Status: "STANDARD_SUPPORT"})
			for i := range c.Kubernetes.Nodes {
				c.Kubernetes.Nodes[i].KubeletVersion = v(33)
			}
		}, []want{{"target-one-minor", upgrade.Critical, true, false, "are 2 minor versions"}}},
		{"target is the version that runs", func(r *request, c *cluster) { r.Target = v(34); c.About(34) }, []want{{"target-one-minor", upgrade.Critical, true, false, "the target is 1.34"}}},
		{"target is not offered", func(_ *request, c *cluster) { c.AWS.Available = c.AWS.Available[:1] }, []want{{"target-offered", upgrade.Critical, true, false, "does not offer 1.35"}}},
		{"target is in extended support", func(_ *request, c *cluster) { c.AWS.Available[1].Status = "EXTENDED_SUPPORT" }, []want{{"target-support", upgrade.Low, false, false, "extended support"}}},
		{"target has a status that is not known", func(_ *request, c *cluster) { c.AWS.Available[1].Status = "" }, []want{{"target-offered", upgrade.Critical, true, false, `status ""`}}},
		{"EKS and the API server disagree", func(_ *request, c *cluster) { c.Kubernetes.ServerVersion = v(35) }, []want{{"versions-agree", upgrade.Critical, true, false, "the API server says 1.35"}}},

		{"a kubelet is newer than the control plane", func(_ *request, c *cluster) { c.Kubernetes.Nodes[0].KubeletVersion = v(35) },
			[]want{{"kubelet-skew", upgrade.High, false, false, "newer than the control plane"}}},
		{"kubelets are too old for the target only", func(_ *request, c *cluster) {
			for i := range c.Kubernetes.Nodes {
				c.Kubernetes.Nodes[i].KubeletVersion = v(31)
			}
		}, []want{{"kubelet-skew", upgrade.Low, false, false, "2 nodes"}}},
		{"kube-proxy is too old for the control plane", func(_ *request, c *cluster) { c.AWS.Addons[0].Version = "v1.30.0-eksbuild.3" },
			[]want{{"kube-proxy-skew", upgrade.High, false, false, "kube-proxy 1.30"}, {"addon-version-withdrawn", upgrade.Low, false, false, "does not offer v1.30.0-eksbuild.3"}}},
		{"kube-proxy's version cannot be read", func(_ *request, c *cluster) { c.AWS.Addons[0].Version = "latest" },
			[]want{{"kube-proxy-skew", upgrade.High, false, true, "cannot be read"}}},

		{"an API that the target removes is written", deprecated(nil), []want{{"deprecated-apis", upgrade.Critical, true, false, "not served any more in 1.35; still written by helm"}}},
		{"only an old manifest has an API that the target removes", deprecated(func(d *upgrade.DeprecatedAPI) { d.Evidence = []upgrade.Evidence{{Kind: upgrade.EvidenceLastApplied}} }), []want{{"deprecated-apis", upgrade.Medium, false, false, "1.35; stale annotation only"}}},
		{"an API was removed long ago", deprecated(func(d *upgrade.DeprecatedAPI) { d.Removed = v(26) }), []want{{"deprecated-apis", upgrade.Low, false, false, "since 1.26 already"}}},
		{"an API goes later", deprecated(func(d *upgrade.DeprecatedAPI) { d.Removed = v(36) }), []want{{"deprecated-apis", upgrade.Low, false, false, "goes in 1.36"}}},
		{"an API goes some day", deprecated(func(d *upgrade.DeprecatedAPI) { d.Removed = upgrade.Version{} }), []want{{"deprecated-apis", upgrade.Low, false, false, "deprecated since 1.23; still written by helm"}}},
		{"many objects on an API that goes later", func(r *request, c *cluster) {
			for i := range 21 {
				deprecated(func(d *upgrade.DeprecatedAPI) { d.Removed, d.Object.Name = v(36), string(rune('a'+i)) })(r, c)
			}
		}, []want{{"deprecated-apis", upgrade.Low, false, false, "21 objects: default/a, default/b, default/c, default/d, default/e and 16 more"}}},
		{"two objects on an API that goes later", func(r *request, c *cluster) {
			for _, name := range []string{"a", "b"} {
				deprecated(func(d *upgrade.DeprecatedAPI) { d.Removed, d.Object.Name = v(36), name })(r, c)
			}
		}, []want{{"deprecated-apis", upgrade.Low, false, false, "goes in 1.36; still written by helm"}, {"deprecated-apis", upgrade.Low, false, false, "goes in 1.36; still written by helm"}}},

		{"no version of an add-on fits the target", func(_ *request, c *cluster) { c.AWS.Addons[0].Compatible["1.35"] = upgrade.AddonChoice{} },
			[]want{{"addon-compatibility", upgrade.Critical, true, false, "no version of add-on kube-proxy for 1.35"}}},
		{"what fits was not seen", func(_ *request, c *cluster) { delete(c.AWS.Addons[0].Compatible, "1.35") },
			[]want{{"addon-compatibility", upgrade.Critical, true, true, "kube-proxy"}}},
		{"an add-on is degraded", func(_ *request, c *cluster) {
			c.AWS.Addons[0].Status, c.AWS.Addons[0].Health = "DEGRADED", []upgrade.HealthIssue{{Code: "InsufficientNumberOfReplicas", Message: "unhealthy"}}
		}, []want{{"addon-health", upgrade.High, false, false, "DEGRADED: InsufficientNumberOfReplicas"}}},

		{"a subnet is full", func(_ *request, c *cluster) { c.AWS.Subnets[1].FreeIPs = 5 }, []want{{"free-ips", upgrade.Critical, true, false, "subnet-b in eu-west-1b has 5 free"}}},
		{"no room for green's nodes", func(_ *request, c *cluster) { c.AWS.Subnets[0].FreeIPs, c.AWS.Subnets[1].FreeIPs = 6, 7 },
			[]want{{"free-ips", upgrade.Critical, true, false, "1 addresses are free"}}},
		{"no room for green's pods", func(_ *request, c *cluster) { c.AWS.Subnets[0].FreeIPs, c.AWS.Subnets[1].FreeIPs = 7, 7 },
			[]want{{"free-ips", upgrade.High, false, false, "2 nodes and 2 pods"}}},

		{"the cluster is updating", func(_ *request, c *cluster) { c.AWS.Status = "UPDATING" }, []want{{"cluster-health", upgrade.Critical, true, false, "UPDATING"}}},
		{"EKS reports an issue", func(_ *request, c *cluster) {
			c.AWS.Health = []upgrade.HealthIssue{{Code: "Ec2SubnetNotFound", Message: "gone", Resources: []string{"subnet-a"}}}
		}, []want{{"cluster-health", upgrade.Critical, true, false, "Ec2SubnetNotFound: gone (subnet-a)"}}},
		{"a node group is degraded", func(_ *request, c *cluster) { c.AWS.NodeGroups[0].Status = "DEGRADED" }, []want{{"nodegroup-health", upgrade.High, false, false, "general is DEGRADED"}}},
		{"a node group has an image of its own", func(_ *request, c *cluster) { c.AWS.NodeGroups[0].AMIType = "CUSTOM" }, []want{{"node-groups-known", upgrade.High, true, false, "launch template"}}},
		{"no managed node group", func(_ *request, c *cluster) { c.AWS.NodeGroups = []upgrade.NodeGroup{} }, []want{{"node-groups-known", upgrade.Critical, true, false, "no managed node group"}}},
		{"a node of no group", func(_ *request, c *cluster) { c.Kubernetes.Nodes[0].Provisioner = upgrade.ByItself }, []want{{"node-groups-known", upgrade.High, false, false, "1 of 2 nodes"}}},
		{"a node is not ready", func(_ *request, c *cluster) { c.Kubernetes.Nodes[0].Ready = false }, []want{{"node-health", upgrade.High, false, false, "1 of 2 nodes are not ready: node-a"}}},
		{"a node is cordoned", func(_ *request, c *cluster) { c.Kubernetes.Nodes[0].Unschedulable = true }, []want{{"node-health", upgrade.Low, false, false, "cordoned"}}},
		{"no nodes", func(_ *request, c *cluster) { c.Kubernetes.Nodes = []upgrade.Node{} }, []want{{"node-health", upgrade.Critical, true, false, "no nodes"}}},
		{"an application lacks replicas", func(_ *request, c *cluster) { c.Kubernetes.Workloads[0].Ready = 1 }, []want{{"application-health", upgrade.High, false, false, "1 of 2 replicas"}}},
		{"no applications", func(_ *request, c *cluster) { c.Kubernetes.Workloads = []upgrade.Workload{} }, []want{{"application-health", upgrade.High, false, true, "no applications"}}},

		{"an insight is an error", func(_ *request, c *cluster) { c.AWS.Insights[0].Status = "ERROR" }, []want{{"eks-insights", upgrade.Critical, true, false, "ERROR"}}},
		{"an insight warns", func(_ *request, c *cluster) { c.AWS.Insights[0].Status = "WARNING" }, []want{{"eks-insights", upgrade.Medium, false, false, "WARNING"}}},
		{"an insight is unknown", func(_ *request, c *cluster) { c.AWS.Insights[0].Status = "UNKNOWN" }, []want{{"eks-insights", upgrade.High, false, true, "UNKNOWN"}}},
		{"an insight has a status that is new", func(_ *request, c *cluster) { c.AWS.Insights[0].Status = "SKIPPED" }, []want{{"eks-insights", upgrade.High, false, true, "SKIPPED"}}},
		{"an insight passed long ago", func(_ *request, c *cluster) {
			c.AWS.Insights[0].RefreshedAt = upgrade.At(reasoningtest.Now.Add(-49 * time.Hour))
		},
			[]want{{"eks-insights", upgrade.Medium, false, true, "49h"}}},
		{"no insight is about the target", func(_ *request, c *cluster) { c.AWS.Insights[0].Version, c.AWS.Insights[0].Status = v(36), "ERROR" },
			[]want{{"eks-insights", upgrade.Medium, false, true, "no insight about 1.35"}}},

		{"a breaking release note", func(_ *request, c *cluster) {
			c.Notes = append(c.Notes, upgrade.ReleaseNote{Version: v(35), Section: "Urgent Upgrade Notes", Text: "cgroups v1 is gone", Labels: []upgrade.NoteLabel{{Name: upgrade.NoteBreaking, Confidence: 0.9}}})
		}, []want{{"release-note-breaking", upgrade.Info, false, false, "cgroups v1 is gone"}}},

		{"no snapshot of AWS", func(_ *request, c *cluster) { c.AWS = nil }, []want{{"perception-complete", upgrade.Critical, true, true, "no snapshot of aws"}}},
		{"no snapshot of Kubernetes", func(_ *request, c *cluster) { c.Kubernetes = nil }, []want{{"perception-complete", upgrade.Critical, true, true, "no snapshot of kubernetes"}}},
		{"no snapshot of the scanners", func(_ *request, c *cluster) { c.Without = upgrade.SourceScanners }, []want{{"perception-complete", upgrade.Medium, false, true, "no snapshot of scanners"}}},
		{"a snapshot of AWS that is empty", func(_ *request, c *cluster) { c.EmptyAWS = true }, []want{{"perception-complete", upgrade.Critical, true, true, "properties in EKS"}}},
		{"snapshots are old", func(_ *request, c *cluster) { c.TakenAt = reasoningtest.Now.Add(-3 * time.Hour) }, []want{
			{"perception-complete", upgrade.Critical, true, true, "snapshot of aws"}, {"perception-complete", upgrade.Critical, true, true, "snapshot of kubernetes"},
			{"perception-complete", upgrade.Medium, false, true, "snapshot of releaseNotes"}, {"perception-complete", upgrade.Medium, false, true, "snapshot of scanners"}}},
		{"snapshots are from the future", func(_ *request, c *cluster) {
			c.TakenAt = reasoningtest.Now.Add(time.Hour)
			c.Without = upgrade.SourceScanners
		}, []want{
			{"perception-complete", upgrade.Critical, true, true, ""}, {"perception-complete", upgrade.Critical, true, true, ""},
			{"perception-complete", upgrade.Medium, false, true, ""}, {"perception-complete", upgrade.Medium, false, true, ""}}},
		{"node groups may not be seen", func(_ *request, c *cluster) {
			c.AWS.NodeGroups = nil
			c.NotChecked = []upgrade.NotChecked{{What: "node groups", Why: "AccessDenied", Remedy: "allow it"}}
		}, []want{{"perception-complete", upgrade.High, false, true, "node groups could not be seen: AccessDenied"}, {"perception-complete", upgrade.Critical, true, true, "the node groups were not seen"}}},
		{"insights may not be seen", func(_ *request, c *cluster) {
			c.AWS.Insights = nil
			c.NotChecked = []upgrade.NotChecked{{Part: checks.AWSInsights, What: "insights", Why: "AccessDenied", Remedy: "allow it"}}
		}, []want{{"perception-complete", upgrade.High, false, true, "insights could not be seen"}}},
		{"the pods' network, which no blocking check needs, may not be seen", func(_ *request, c *cluster) {
			c.AWS.PodNetwork = nil
			c.NotChecked = []upgrade.NotChecked{{Part: checks.AWSPodNetwork, What: "the pods' network", Why: "vpc-cni is no add-on", Remedy: "look"}}
		}, []want{{"perception-complete", upgrade.Medium, false, true, "vpc-cni is no add-on"}}},
		{"an insight of which nobody asks any more", func(_ *request, c *cluster) { c.AWS.Insights[0] = asked(c.AWS.Insights[0], 9) },
			[]want{{"eks-insights", upgrade.High, false, false, "nobody has asked since 2026-07-23: fixed, as far as clients go that ask once a week, and the insight clears on 2026-08-22"}, {"deprecated-requests", upgrade.Info, false, false, "fixed: no request since 2026-07-23"}}},
		{"an insight of which somebody asks", func(_ *request, c *cluster) { c.AWS.Insights[0] = asked(c.AWS.Insights[0], 7) },
			[]want{{"eks-insights", upgrade.Critical, true, false, "old/1.0: 3 requests in 30 days, last at 2026-07-25"}, {"deprecated-requests", upgrade.Info, false, false, "fixed: no request since 2026-07-25"}}},
		{"a node is joining", func(r *request, c *cluster) {
			r.Strategy = upgrade.InPlace
			c.Kubernetes.Nodes[1].KubeletVersion = upgrade.Version{}
			c.AWS.Addons, c.AWS.Instances = nil, c.AWS.Instances[:1]
			c.AWS.Addons = []upgrade.Addon{}
		}, []want{{"kubelet-skew", upgrade.Low, false, true, "1 of 2 nodes tell no version of their kubelet: node-b"}, {"pod-ips", upgrade.Info, false, true, "another network plugin"}}},
		{"a node group is being updated", func(_ *request, c *cluster) { c.AWS.NodeGroups[0].Status = "UPDATING" },
			[]want{{"nodegroup-health", upgrade.Medium, false, false, "node group general is UPDATING"}}},
		{"nodes, applications and API versions may not be seen", func(_ *request, c *cluster) {
			c.Kubernetes.Nodes, c.Kubernetes.Workloads, c.Kubernetes.DeprecatedAPIs = nil, nil, nil
		}, []want{{"perception-complete", upgrade.Critical, true, true, "the nodes"}, {"perception-complete", upgrade.Critical, true, true, "the workloads"},
			{"perception-complete", upgrade.Critical, true, true, "the API versions"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, tt.change)
			if len(got) != len(tt.want) {
				t.Fatalf("%d findings, want %d: %+v", len(got), len(tt.want), got)
			}
			for i, w := range tt.want {
				g := got[i]
				if g.Check != w.check || g.Severity != w.severity || g.Blocks != w.blocks || g.NotChecked != w.notChecked || !strings.Contains(g.Evidence, w.says) {
					t.Errorf("finding %+v, want %+v", g, w)
				}
			}
		})
	}
}

// asked is an insight that fails because of a client that asked last some days ago.
func asked(i upgrade.Insight, days int) upgrade.Insight {
	client := upgrade.InsightClient{UserAgent: "old/1.0", Requests30Days: 3, LastRequest: upgrade.At(reasoningtest.Now.AddDate(0, 0, -days))}
	i.Status, i.Deprecations = "ERROR", []upgrade.InsightDeprecation{{Usage: "/apis/example.com/v1/things", Clients: []upgrade.InsightClient{client}}}
	return i
}

func TestViewRefusesSnapshotsThatDoNotBelongTogether(t *testing.T) {
	snapshots := reasoningtest.Healthy().Snapshots()
	twice := append(slices.Clone(snapshots), snapshots[0])
	foreign := slices.Clone(snapshots)
	foreign[0].Cluster = "another"
	for name, s := range map[string][]upgrade.Snapshot{"two of a source": twice, "one of another cluster": foreign} {
		if _, err := checks.NewView(reasoningtest.Request(), reasoningtest.Now, s); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryCheckIsNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks.All() {
		if c.ID == "" || c.Title == "" || c.Family == "" || c.Severity == "" || c.Blocks == "" || c.Remedy == "" || !strings.HasPrefix(c.Source, "https://") || seen[c.ID] {
			t.Errorf("check %+v", c)
		}
		for _, p := range c.Needs {
			if !checks.Known(p) {
				t.Errorf("check %s needs %s, which is not in the table of parts", c.ID, p)
			}
		}
		seen[c.ID] = true
	}
}
