package checks_test

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestWhatTheDrainMeetsBecomesFindings(t *testing.T) {
	tight := func(c *reasoningtest.Cluster) {
		b := &c.Kubernetes.Budgets[0]
		b.MinAvailable, b.DesiredHealthy, b.DisruptionsAllowed = "2", 2, 0
	}
	tests := []struct {
		name, check string
		strategy    upgrade.Strategy
		change      func(*reasoningtest.Cluster)
		severity    upgrade.Severity
		blocks      bool
		says        string // "": no finding
	}{
		{"nothing blocks", "drain-blocked", upgrade.InPlace, func(*reasoningtest.Cluster) {}, "", false, ""},
		{"a budget blocks in place", "drain-blocked", upgrade.InPlace, tight, upgrade.Critical, true, "node group general would fail 17m0s after it began: pod default/frontend-1 stays on node node-a: disruption budget default/frontend"},
		{"a budget does not block blue/green", "drain-blocked", upgrade.BlueGreen, tight, upgrade.Medium, false, "a blue/green upgrade drains no node"},
		{"no room", "drain-homeless", upgrade.InPlace, func(c *reasoningtest.Cluster) {
			c.Kubernetes.Workloads[0].Template.NodeSelector = map[string]string{"disk": "old"}
		}, upgrade.High, false, "after the update of node group general, 1 of the 1 pods that it moves have no node"},
		{"room enough", "drain-homeless", upgrade.InPlace, func(*reasoningtest.Cluster) {}, "", false, ""},
		{"nodes of somebody else", "drain-not-simulated", upgrade.InPlace, func(c *reasoningtest.Cluster) { c.Kubernetes.Nodes[0].Provisioner = upgrade.ByKarpenter }, upgrade.Medium, false, "1 nodes of Karpenter"},
		{"nodes of somebody else, which stay", "drain-not-simulated", upgrade.BlueGreen, func(c *reasoningtest.Cluster) { c.Kubernetes.Nodes[0].Provisioner = upgrade.ByKarpenter }, "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := findingsOf(run(t, func(r *upgrade.Request, c *reasoningtest.Cluster) { r.Strategy = tt.strategy; tt.change(c) }), tt.check)
			switch {
			case tt.says == "" && len(got) > 0, tt.says != "" && len(got) == 0:
				t.Fatalf("%+v", got)
			case tt.says != "" && (got[0].Severity != tt.severity || got[0].Blocks != tt.blocks || !strings.Contains(got[0].Evidence, tt.says)):
				t.Errorf("%+v", got[0])
			}
		})
	}
}

func TestWithoutPodsTheDrainIsNotChecked(t *testing.T) {
	c := reasoningtest.Healthy()
	c.Kubernetes.Pods = nil
	view, err := checks.NewView(reasoningtest.Request(), reasoningtest.Now, c.Snapshots())
	if err != nil {
		t.Fatal(err)
	}
	r := checks.Run(view)
	for _, o := range r.Outcomes {
		if strings.HasPrefix(o.Check, "drain-blocked") && (o.Status != upgrade.CheckNotChecked || r.Drain != nil) {
			t.Errorf("%+v, %+v", o, r.Drain)
		}
	}
}
