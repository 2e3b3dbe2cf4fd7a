package cluster

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

func TestStageConfigTellsReadyFromUnreadyByNamespace(t *testing.T) {
	tests := []struct {
		name                string
		unready             []string
		ready, notReady     bool
		readyNot, notReadyY string // the namespaces that each stage is bound to
	}{
		{name: "all become ready", ready: true},
		{name: "none becomes ready", unready: []string{"*"}, notReady: true},
		{name: "some namespaces", unready: []string{"default", "shop"}, ready: true, notReady: true, readyNot: "NotIn default shop", notReadyY: "In default shop"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config, err := stageConfig(test.unready)
			if err != nil {
				t.Fatal(err)
			}
			bound := map[string]string{}
			for _, document := range strings.Split(config, "\n---\n") {
				var s struct {
					Metadata struct{ Name string }
					Spec     struct {
						Selector struct {
							MatchExpressions []struct {
								Key, Operator string
								Values        []string
							}
						}
					}
				}
				if err := yaml.Unmarshal([]byte(document), &s); err != nil {
					t.Fatal(err)
				}
				bound[s.Metadata.Name] = ""
				for _, e := range s.Spec.Selector.MatchExpressions {
					if e.Key == ".metadata.namespace" {
						bound[s.Metadata.Name] = e.Operator + " " + strings.Join(e.Values, " ")
					}
				}
			}
			got, there := bound["pod-ready"]
			if there != test.ready || got != test.readyNot {
				t.Errorf("pod-ready: %v %q", there, got)
			}
			got, there = bound["pod-unready"]
			if there != test.notReady || got != test.notReadyY {
				t.Errorf("pod-unready: %v %q", there, got)
			}
			for _, name := range []string{"node-initialize", "node-heartbeat-with-lease", "pod-complete", "pod-delete", "volume-provision", "volume-delete"} {
				if got, there := bound[name]; !there || got != "" {
					t.Errorf("%s: %v %q", name, there, got)
				}
			}
		})
	}
}

func TestInstanceShapes(t *testing.T) {
	tests := map[string]shape{
		"m5.large":    {2, 8, 29},
		"c6i.xlarge":  {4, 8, 58},
		"r7g.2xlarge": {8, 64, 58},
		"t3.medium":   {2, 4, 17},
		"m5.24xlarge": {96, 384, 234},
	}
	for name, want := range tests {
		if got, err := instanceShape(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "large", "m5", "m5.", "m5.huge", "m5.1xlarge", "m5.99xlarge", "x9.large", "m.large", "mx.large"} {
		if got, err := instanceShape(name); err == nil {
			t.Errorf("%q was taken as %+v", name, got)
		}
	}
}

func TestNodesAreSpreadOverZonesAndNamedOnce(t *testing.T) {
	n := Nodes{Count: 6, KubeletVersion: GitVersion("1.34"), InstanceType: "m5.large",
		Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}, Labels: map[string]string{"team": "shop"}}
	shape, err := n.validate()
	if err != nil {
		t.Fatal(err)
	}
	var group []corev1.Node
	zones, names, ids := map[string]int{}, map[string]bool{}, map[string]bool{}
	for range n.Count {
		node := n.node("workers", shape, group, group)
		group = append(group, *node)
		zones[node.Labels[corev1.LabelTopologyZone]]++
		names[node.Name], ids[node.Spec.ProviderID] = true, true
		if node.Labels[nodegroupLabel] != "workers" || node.Labels["team"] != "shop" || node.Labels[corev1.LabelTopologyRegion] != "eu-west-1" {
			t.Errorf("labels %v", node.Labels)
		}
		if !strings.HasPrefix(node.Spec.ProviderID, "aws:///"+node.Labels[corev1.LabelTopologyZone]+"/i-0") || len(node.Spec.ProviderID) != len("aws:///eu-west-1a/i-0123456789abcdef0") {
			t.Errorf("provider id %s", node.Spec.ProviderID)
		}
	}
	if len(names) != 6 || len(ids) != 6 || zones["eu-west-1a"] != 2 || zones["eu-west-1b"] != 2 || zones["eu-west-1c"] != 2 {
		t.Errorf("names %v, zones %v", names, zones)
	}
}

func TestNodesThatMakeNoSense(t *testing.T) {
	good := Nodes{Count: 1, KubeletVersion: GitVersion("1.34"), InstanceType: "m5.large", Zones: []string{"eu-west-1a"}}
	for field, breakIt := range map[string]func(*Nodes){
		"Count":          func(n *Nodes) { n.Count = -1 },
		"KubeletVersion": func(n *Nodes) { n.KubeletVersion = "1.34" },
		"InstanceType":   func(n *Nodes) { n.InstanceType = "large" },
		"Zones":          func(n *Nodes) { n.Zones = nil },
	} {
		n := good
		breakIt(&n)
		if _, err := n.validate(); err == nil || !strings.Contains(err.Error(), "Nodes."+field) {
			t.Errorf("%s: err = %v", field, err)
		}
	}
}

func pod(uid, phase, ready string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"uid": uid},
		"status": map[string]any{"phase": phase, "conditions": []any{
			map[string]any{"type": "Ready", "status": ready}}},
	}}
}

func TestSettlerHoldsTheClockWhilePodsAreOnTheirWay(t *testing.T) {
	var holds atomic.Int64
	s := &settler{limit: time.Hour, unready: map[types.UID]bool{}, cancel: func() {}, hold: func() func() {
		holds.Add(1)
		return func() { holds.Add(-1) }
	}}
	steps := []struct {
		name    string
		pod     *unstructured.Unstructured
		deleted bool
		want    int64
	}{
		{"a pod that runs", pod("a", "Running", "True"), false, 0},
		{"a pod that starts", pod("b", "Pending", "False"), false, 1},
		{"one more", pod("c", "Pending", "False"), false, 1},
		{"the first is ready", pod("b", "Running", "True"), false, 1},
		{"the second goes", pod("c", "Pending", "False"), true, 0},
		{"one becomes unready", pod("a", "Running", "False"), false, 1},
		{"a job that is done", pod("a", "Succeeded", "False"), false, 0},
		{"again one starts", pod("d", "Pending", "False"), false, 1},
	}
	for _, step := range steps {
		s.see(step.pod, step.deleted)
		if got := holds.Load(); got != step.want {
			t.Errorf("%s: %d holds, want %d", step.name, got, step.want)
		}
	}
	s.stop()
	if got := holds.Load(); got != 0 {
		t.Errorf("%d holds after the end", got)
	}
	s.see(pod("e", "Pending", "False"), false)
	if got := holds.Load(); got != 0 {
		t.Errorf("a hold was taken after the end")
	}
}

func TestSettlerLetsGoOfPodsThatNeverBecomeReady(t *testing.T) {
	taken, released := make(chan struct{}, 9), make(chan struct{}, 9)
	s := &settler{limit: time.Millisecond, unready: map[types.UID]bool{}, cancel: func() {}, hold: func() func() {
		taken <- struct{}{}
		return func() { released <- struct{}{} }
	}}
	defer s.stop()
	s.see(pod("a", "Pending", "False"), false)
	<-taken
	<-released
	s.see(pod("a", "Pending", "False"), false) // no progress
	if len(taken) != 0 {
		t.Error("held again without progress")
	}
	s.see(pod("b", "Pending", "False"), false)
	<-taken
	<-released
}

func TestErrorRateIsExact(t *testing.T) {
	for _, rate := range []float64{0, 0.25, 1} {
		e, failed := errorRate{rate: rate}, 0.0
		for range 100 {
			if e.fails() {
				failed++
			}
		}
		if failed != 100*rate {
			t.Errorf("rate %v: %v of 100 failed", rate, failed)
		}
	}
}

func TestBadNamesAndVersionsAreRefused(t *testing.T) {
	command := Command{"/bin/false"}
	f, err := NewFleet(Options{Assets: Assets{command, command, command, command, command, false}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range [][3]string{{"../up", "1.34", "name"}, {"", "1.34", "name"}, {"shop", "1.34.1", "version"}, {"shop", "latest", "version"}, {"shop", "1.34", "etcd of shop"}} {
		if _, err := f.CreateCluster(t.Context(), test[0], test[1]); err == nil || !strings.Contains(err.Error(), test[2]) {
			t.Errorf("%q at %q: err = %v", test[0], test[1], err)
		}
	}
	if err := f.DeleteCluster(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), `no cluster "shop"`) {
		t.Errorf("err = %v", err)
	}
	if _, err := NewFleet(Options{}); err == nil || !strings.Contains(err.Error(), "FindAssets") {
		t.Errorf("no assets: err = %v", err)
	}
}
