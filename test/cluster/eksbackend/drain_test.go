package eksbackend

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/drain"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const app = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: server, image: example.com/web:1}]}
`

const protection = `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: %s, namespace: default}
spec: {%s, selector: {matchLabels: {app: web}}}
`

// TestTheForecastIsWhatHappens lets the drain simulation and the world, which
// evicts real pods on a real control plane, judge the same cluster.
func TestTheForecastIsWhatHappens(t *testing.T) {
	r := newRegion(t)
	r.controlPlane("1.35")
	tests := []struct {
		name     string
		replicas int
		budgets  []string // what each says
		reason   string   // of the world: "" goes
	}{
		{"maxUnavailable 0", 3, []string{"maxUnavailable: 0"}, "disruption budget"},
		{"minAvailable as many as there are", 3, []string{"minAvailable: 3"}, "disruption budget"},
		{"two budgets", 3, []string{"maxUnavailable: 1", "maxUnavailable: 2"}, "more than one PodDisruptionBudget"},
		{"no budget", 3, nil, ""},
		{"a budget with room", 3, []string{"maxUnavailable: 1"}, ""},
		{"a single replica that must be there", 1, []string{"minAvailable: 1"}, "disruption budget"},
	}
	version := 35
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.t = t
			r.protect(tt.replicas, tt.budgets)
			if n := r.eks.Nodegroups(shop)[0]; *n.Version == fmt.Sprintf("1.%d", version) {
				version++
				r.controlPlane(fmt.Sprintf("1.%d", version))
			}
			f := r.forecast(upgrade.Version{Major: 1, Minor: version})
			u, took := r.roll(sdk.UpdateNodegroupVersionInput{})
			t.Logf("forecast: %s; the world: %s after %s", drain.Summary(f), u.Status, took.Round(time.Second))
			if f.Completes != (u.Status == types.UpdateStatusSuccessful) || f.Completes != (tt.reason == "") {
				t.Fatalf("forecast %s, update %+v", drain.Summary(f), u)
			}
			if f.Completes {
				return
			}
			message, block := *u.Errors[0].ErrorMessage, f.FirstBlock
			if u.Errors[0].ErrorCode != types.ErrorCodePodEvictionFailure || !strings.Contains(message, tt.reason) || len(block.Budgets) != len(tt.budgets) {
				t.Errorf("forecast %+v, update %s", block, message)
			}
			// EKS chooses the order of the nodes: with a pod on each, any can be
			// the first that stays.
			if who := "pod default/web-"; !strings.Contains(message, who) || !strings.HasPrefix(block.Pod.Name, "web-") {
				t.Errorf("forecast %+v, update %s", block, message)
			}
			if who := fmt.Sprintf("pod default/%s on node %s", block.Pod.Name, block.Node); tt.replicas == 1 && !strings.Contains(message, who) {
				t.Errorf("the forecast names %s, the update %s", who, message)
			}
		})
	}
}

// protect makes the application and its budgets be what a test says, and nothing
// else.
func (r *region) protect(replicas int, budgets []string) {
	r.t.Helper()
	r.check(r.client.Resource(budgetResource).Namespace("default").DeleteCollection(r.ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	text := fmt.Sprintf(app, replicas)
	for i, says := range budgets {
		text += fmt.Sprintf(protection, fmt.Sprintf("web-%d", i), says)
	}
	r.apply(text)
	r.until("the budgets", func() error {
		list, err := r.client.Resource(budgetResource).Namespace("default").List(r.ctx, metav1.ListOptions{})
		r.check(err)
		if len(list.Items) != len(budgets) {
			return fmt.Errorf("%d budgets", len(list.Items))
		}
		for _, b := range list.Items {
			healthy, _, _ := unstructured.NestedInt64(b.Object, "status", "currentHealthy")
			expected, _, _ := unstructured.NestedInt64(b.Object, "status", "expectedPods")
			seen, _, _ := unstructured.NestedInt64(b.Object, "status", "observedGeneration")
			if healthy != int64(replicas) || expected != int64(replicas) || seen != b.GetGeneration() {
				return fmt.Errorf("budget %s: %d of %d healthy", b.GetName(), healthy, expected)
			}
		}
		return nil
	})
}

// forecast simulates the drain from a snapshot as the agent takes it.
func (r *region) forecast(target upgrade.Version) upgrade.DrainForecast {
	r.t.Helper()
	collector := &kubestate.Collector{Table: lifecycle.Official(), Newest: lifecycle.Newest(), Connect: func(_ context.Context, name string) (*kube.Client, error) {
		config, err := r.fleet.RESTConfig(name)
		if err != nil {
			return nil, err
		}
		return kube.New(config, name, kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	}}
	snapshot, _, err := collector.Collect(r.ctx, upgrade.PerceiveInput{Source: upgrade.SourceKubernetes, Run: upgrade.Run{Request: upgrade.Request{Cluster: shop, Target: target}}})
	r.check(err)
	n := r.eks.Nodegroups(shop)[0]
	aws := &upgrade.ClusterState{NodeGroups: []upgrade.NodeGroup{{Name: *n.NodegroupName, Desired: int(*n.ScalingConfig.DesiredSize), Update: upgrade.NodeUpdate{MaxUnavailable: 1}}}}
	f := drain.Simulate(aws, snapshot.Kubernetes, target, drain.Estimates())
	if len(f.Groups) != 1 || f.Groups[0].Nodes != 3 {
		r.t.Fatalf("forecast %+v", f)
	}
	return f
}
