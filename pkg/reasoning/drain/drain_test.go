package drain_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/drain"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var v34, v35 = upgrade.Version{Major: 1, Minor: 34}, upgrade.Version{Major: 1, Minor: 35}

// state is a cluster of three nodes in three zones, one group, that tests fill.
type state struct {
	aws  *upgrade.ClusterState
	kube *upgrade.KubernetesState
}

func three() *state {
	s := &state{aws: &upgrade.ClusterState{}, kube: &upgrade.KubernetesState{Volumes: []upgrade.PersistentVolume{}}}
	s.group("workers", "a", "b", "c")
	return s
}

// group adds a node group with a node in each zone.
func (s *state) group(name string, zones ...string) *upgrade.NodeGroup {
	for i, zone := range zones {
		s.kube.Nodes = append(s.kube.Nodes, upgrade.Node{Name: fmt.Sprintf("%s-%d", name, i), Provisioner: upgrade.ByNodeGroup, NodeGroup: name, Zone: zone, KubeletVersion: v34, Ready: true,
			CPU: 2000, Memory: 8 << 30, MaxPods: 20, Labels: map[string]string{"kubernetes.io/hostname": fmt.Sprintf("%s-%d", name, i), "group": name, "topology.kubernetes.io/zone": zone}})
	}
	s.aws.NodeGroups = append(s.aws.NodeGroups, upgrade.NodeGroup{Name: name, Desired: len(zones), Update: upgrade.NodeUpdate{MaxUnavailable: 1}})
	return &s.aws.NodeGroups[len(s.aws.NodeGroups)-1]
}

// run adds a workload with a pod on each of some nodes, and returns it.
func (s *state) run(kind, name string, nodes ...int) *upgrade.Workload {
	s.kube.Workloads = append(s.kube.Workloads, upgrade.Workload{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: kind, Namespace: "default", Name: name}, Desired: len(nodes), Ready: len(nodes),
		Template: upgrade.PodTemplate{Labels: map[string]string{"app": name}, Containers: []upgrade.Container{{Name: "c", CPU: 100, Memory: 1 << 20}}}})
	for i, n := range nodes {
		s.kube.Pods = append(s.kube.Pods, upgrade.Pod{Namespace: "default", Name: fmt.Sprintf("%s-%d", name, i), Node: n, Workload: len(s.kube.Workloads) - 1})
	}
	return &s.kube.Workloads[len(s.kube.Workloads)-1]
}

// budget protects pods of an app; must of them have to be healthy.
func (s *state) budget(name, app string, expected, must int) *upgrade.DisruptionBudget {
	s.kube.Budgets = append(s.kube.Budgets, upgrade.DisruptionBudget{Object: upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "default", Name: name},
		Selector: upgrade.LabelSelector{Labels: map[string]string{"app": app}}, MinAvailable: fmt.Sprint(must), ExpectedPods: expected, CurrentHealthy: expected, DesiredHealthy: must,
		DisruptionsAllowed: expected - must, Observed: true})
	return &s.kube.Budgets[len(s.kube.Budgets)-1]
}

func (s *state) forecast() upgrade.DrainForecast {
	return drain.Simulate(s.aws, s.kube, v35, drain.Estimates())
}

func TestWhatBlocksAndWhatNearlyDoes(t *testing.T) {
	tests := []struct {
		name  string
		make  func(*state)
		block string // of the first: "" goes
	}{
		{"no pods at all", func(*state) {}, ""},
		{"no budget", func(s *state) { s.run("Deployment", "web", 0, 1, 2) }, ""},
		{"a budget with room for one", func(s *state) { s.run("Deployment", "web", 0, 1, 2); s.budget("web", "web", 3, 2) }, ""},
		{"a budget without room", func(s *state) { s.run("Deployment", "web", 0, 1, 2); s.budget("web", "web", 3, 3) },
			"pod default/web-0 stays on node workers-0: disruption budget default/web (minAvailable 3) allows no eviction within 15m0s: 3 of 3 pods are healthy and 3 must be, so that it never allows one"},
		{"a single replica that must be there", func(s *state) { s.run("Deployment", "web", 1); s.budget("web", "web", 1, 1) }, "web-0 stays on node workers-1"},
		{"a single replica that may be away", func(s *state) { s.run("Deployment", "web", 1); s.budget("web", "web", 1, 0) }, ""},
		{"two budgets", func(s *state) {
			s.run("Deployment", "web", 2)
			s.budget("web", "web", 1, 0)
			s.budget("all", "web", 1, 0)
		}, "web-0 stays on node workers-2: 2 disruption budgets select the pod"},
		{"two budgets of different pods", func(s *state) {
			s.run("Deployment", "web", 0, 1)
			s.run("Deployment", "api", 1, 2)
			s.budget("web", "web", 2, 1)
			s.budget("api", "api", 2, 1)
		}, ""},
		{"two budgets, in different namespaces", func(s *state) {
			s.run("Deployment", "web", 0, 1)
			s.budget("web", "web", 2, 1)
			s.budget("web", "web", 2, 2).Object.Namespace = "other"
		}, ""},
		{"a budget without a selector", func(s *state) {
			s.run("Deployment", "web", 0)
			s.budget("web", "web", 1, 1).Selector = upgrade.LabelSelector{}
		}, ""},
		{"a budget for all pods of the namespace", func(s *state) {
			s.run("Deployment", "web", 0)
			s.budget("web", "web", 1, 1).Selector = upgrade.LabelSelector{Empty: true}
		}, "web-0"},
		{"a DaemonSet", func(s *state) { s.run("DaemonSet", "agent", 0, 1, 2); s.budget("agent", "agent", 3, 3) }, ""},
		{"a static pod", func(s *state) {
			s.run("Deployment", "web", 0)
			s.budget("web", "web", 1, 1)
			s.kube.Pods[0].Mirror = true
		}, ""},
		{"a pod that is over", func(s *state) {
			s.run("Job", "job", 0)
			s.budget("job", "job", 1, 1)
			s.kube.Pods[0].Phase = "Succeeded"
		}, ""},
		{"a pod that has not begun", func(s *state) {
			s.run("Deployment", "web", 0)
			s.budget("web", "web", 1, 1)
			s.kube.Pods[0].Phase = "Pending"
		}, ""},
		{"a pod that is not ready, of a budget that is met", func(s *state) {
			s.run("Deployment", "web", 0, 1, 2)
			b := s.budget("web", "web", 3, 2)
			s.kube.Pods[0].NotReady, b.CurrentHealthy = true, 2
			s.kube.Pods[1].Node, s.kube.Pods[2].Node = -1, -1
		}, ""},
		{"pods that are not ready, of a budget that is not met", func(s *state) {
			s.run("Deployment", "web", 0, 1, 2)
			b := s.budget("web", "web", 3, 2)
			s.kube.Pods[0].NotReady, s.kube.Pods[1].NotReady, b.CurrentHealthy = true, true, 1
		}, "web-0 stays on node workers-0: disruption budget default/web (minAvailable 2) allows no eviction within 15m0s: 1 of 3"},
		{"the same, where unhealthy pods may always go", func(s *state) {
			s.run("Deployment", "web", 0, 1)
			b := s.budget("web", "web", 2, 1)
			b.UnhealthyPodEvictionPolicy = "AlwaysAllow"
			s.kube.Pods[0].NotReady, s.kube.Pods[1].NotReady, b.CurrentHealthy = true, true, 0
		}, ""},
		{"a budget that nobody has looked at yet", func(s *state) {
			s.run("Deployment", "web", 0, 1)
			b := s.budget("web", "web", 0, 0)
			b.Observed, b.MinAvailable = false, "100%"
		}, "web-0"},
		{"a budget that nobody has looked at yet and that has room", func(s *state) {
			s.run("Deployment", "web", 0, 1)
			b := s.budget("web", "web", 0, 0)
			b.Observed, b.MinAvailable, b.MaxUnavailable = false, "", "50%"
		}, ""},
		{"a replacement whose volume is in a zone without a node", func(s *state) {
			s.aws.NodeGroups[0].Update.Strategy = "MINIMAL"
			s.run("StatefulSet", "db", 0, 0)
			s.budget("db", "db", 2, 1)
			for i := range s.kube.Pods {
				s.kube.Pods[i].Claims = []string{fmt.Sprintf("data-%d", i)}
				s.kube.Volumes = append(s.kube.Volumes, upgrade.PersistentVolume{Name: fmt.Sprintf("pv-%d", i), Claim: upgrade.ObjectName{Namespace: "default", Name: fmt.Sprintf("data-%d", i)}, Zones: []string{"a"}})
			}
		}, "db-1 stays on node workers-0: disruption budget default/db (minAvailable 1) allows no eviction within 15m0s: 1 of 2 pods are healthy and 1 must be; 1 of its pods wait for a node: default/db-0: its volume pv-0 is bound to a, where no schedulable node is"},
		{"the same with new nodes first", func(s *state) {
			s.run("StatefulSet", "db", 0, 0)
			s.budget("db", "db", 2, 1)
			for i := range s.kube.Pods {
				s.kube.Pods[i].Claims = []string{fmt.Sprintf("data-%d", i)}
				s.kube.Volumes = append(s.kube.Volumes, upgrade.PersistentVolume{Name: fmt.Sprintf("pv-%d", i), Claim: upgrade.ObjectName{Namespace: "default", Name: fmt.Sprintf("data-%d", i)}, Zones: []string{"a"}})
			}
		}, ""},
		{"no room for the replacements", func(s *state) {
			s.aws.NodeGroups[0].Update.Strategy = "MINIMAL"
			s.run("Deployment", "web", 0, 0, 1, 2).Template.Containers[0].CPU = 900
			s.run("Deployment", "other", 1, 2).Template.Containers[0].CPU = 900
			s.budget("web", "web", 4, 3)
		}, "1 of its pods wait for a node: default/web-0: no schedulable node has room"},
		{"nodes that must be elsewhere selected", func(s *state) {
			s.run("Deployment", "web", 0, 0).Template.NodeSelector = map[string]string{"kubernetes.io/hostname": "workers-0"}
			s.budget("web", "web", 2, 1)
		}, "1 of its pods wait for a node"},
		{"one replica a node, on three nodes", func(s *state) {
			s.aws.NodeGroups[0].Update.Strategy = "MINIMAL"
			w := s.run("Deployment", "web", 0, 1, 2)
			w.Template.RequiredAnti, w.Template.AntiAffinity = true, []string{"kubernetes.io/hostname"}
			s.budget("web", "web", 3, 2)
		}, ""},
		{"no addresses for new nodes", func(s *state) {
			s.aws.NodeGroups[0].Subnets = []string{"subnet-a"}
			s.aws.NodeSubnets = []upgrade.Subnet{{ID: "subnet-a", Zone: "a", FreeIPs: 2}}
		}, "the subnets of the node group have no free address for a new node"},
		{"just enough addresses for new nodes", func(s *state) {
			s.aws.NodeGroups[0].Subnets = []string{"subnet-a"}
			s.aws.NodeSubnets = []upgrade.Subnet{{ID: "subnet-a", Zone: "a", FreeIPs: 3}}
		}, ""},
		{"nodes at the target already", func(s *state) {
			s.run("Deployment", "web", 0)
			s.budget("web", "web", 1, 1)
			for i := range s.kube.Nodes {
				s.kube.Nodes[i].KubeletVersion = v35
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := three()
			tt.make(s)
			f := s.forecast()
			if (f.FirstBlock == nil) != (tt.block == "") || f.Completes != (tt.block == "") {
				t.Fatalf("completes %v, first block %+v", f.Completes, f.FirstBlock)
			}
			if f.FirstBlock != nil && !strings.Contains(drain.Sentence(*f.FirstBlock), tt.block) {
				t.Errorf("it says %q", drain.Sentence(*f.FirstBlock))
			}
		})
	}
}

func TestNodesGoInBatchesAfterNewOnesCame(t *testing.T) {
	s := three()
	s.run("Deployment", "web", 0, 0, 1)
	s.budget("web", "web", 3, 2)
	g := s.forecast().Groups[0]
	// Setup 30s, launch 90s; the second pod of the first node waits until the
	// first is ready elsewhere (15s) and then takes its grace period (30s); a
	// minute for the node's end.
	want := []upgrade.DrainBatch{
		{Nodes: []string{"workers-0"}, Start: upgrade.Duration(2 * time.Minute), Duration: upgrade.Duration(45 * time.Second), Moved: 2,
			Waits: []upgrade.DrainWait{{Node: "workers-0", Pod: upgrade.ObjectName{Namespace: "default", Name: "web-1"}, Budget: upgrade.ObjectName{Namespace: "default", Name: "web"}, Waited: upgrade.Duration(15 * time.Second)}}},
		{Nodes: []string{"workers-1"}, Start: upgrade.Duration(3*time.Minute + 45*time.Second), Duration: upgrade.Duration(30 * time.Second), Moved: 1},
		{Nodes: []string{"workers-2"}, Start: upgrade.Duration(5*time.Minute + 15*time.Second)},
	}
	if !reflect.DeepEqual(g.Batches, want) {
		t.Errorf("%+v", g.Batches)
	}
	if g.Surge != 3 || g.AtOnce != 1 || g.Strategy != "DEFAULT" || g.Moved != 3 || g.Duration != upgrade.Duration(6*time.Minute+45*time.Second) {
		t.Errorf("%+v", g)
	}
}

func TestMinimalLaunchesNothingBeforeANodeIsGone(t *testing.T) {
	s := three()
	s.aws.NodeGroups[0].Update = upgrade.NodeUpdate{MaxUnavailablePercent: 67, Strategy: "MINIMAL"}
	g := s.forecast().Groups[0]
	if g.Surge != 0 || g.AtOnce != 2 || len(g.Batches) != 2 || g.Batches[1].Start != upgrade.Duration(30*time.Second+time.Minute+90*time.Second) {
		t.Errorf("%+v", g)
	}
}

func TestAStatefulSetMakesItsPodAgainWhenItHasGone(t *testing.T) {
	took := func(kind string) time.Duration {
		s := three()
		s.run(kind, "db", 0, 0)
		s.budget("db", "db", 2, 1)
		return s.forecast().Groups[0].Batches[0].Duration.D()
	}
	if d, s := took("Deployment"), took("StatefulSet"); d != 45*time.Second || s != 75*time.Second {
		t.Errorf("Deployment %s, StatefulSet %s", d, s)
	}
}

func TestEveryGroupIsSimulatedAfterOneThatFails(t *testing.T) {
	s := three()
	s.group("others", "a", "b")
	s.run("Deployment", "web", 0)
	s.budget("web", "web", 1, 1)
	s.run("Deployment", "api", 3)
	f := s.forecast()
	if len(f.Groups) != 2 || f.Groups[0].Blocked != 1 || f.Groups[1].Blocked != 0 || len(f.Groups[1].Batches) != 2 || f.FirstBlock.Group != "workers" {
		t.Errorf("%+v", f)
	}
	if f.FirstBlock.At != upgrade.Duration(17*time.Minute) {
		t.Errorf("it fails at %s", f.FirstBlock.At)
	}
}

func TestWhatIsLostAndLeftOutIsSaid(t *testing.T) {
	s := three()
	w := s.run("Deployment", "web", 0)
	w.Template.EmptyDirs, w.Template.Tolerations = []string{"scratch"}, []upgrade.Toleration{{Operator: "Exists"}}
	grace := 1200
	w.Template.GracePeriod = &grace
	s.kube.Pods = append(s.kube.Pods, upgrade.Pod{Namespace: "default", Name: "alone", Node: 1, Workload: -1, Bare: &upgrade.PodTemplate{}})
	s.kube.Nodes = append(s.kube.Nodes, upgrade.Node{Name: "spot", Provisioner: upgrade.ByKarpenter, Ready: true}, upgrade.Node{Name: "own", Provisioner: upgrade.ByItself, Ready: true})
	f := s.forecast()
	if len(f.Risks) != 4 || f.Risks[0].First.Name != "alone" || len(f.NotSimulated) != 2 || len(f.Assumptions) < 8 || !f.Completes {
		t.Errorf("%+v", f)
	}
}

func TestWithoutAWSTheForecastSaysWhatItAssumes(t *testing.T) {
	s := three()
	s.run("Deployment", "web", 0, 1)
	f := drain.Simulate(nil, s.kube, upgrade.Version{}, drain.Estimates())
	if len(f.Groups) != 1 || f.Groups[0].AtOnce != 1 || !strings.Contains(strings.Join(f.Assumptions, "\n"), "update settings of the node groups were not seen") {
		t.Errorf("%+v", f)
	}
}

func TestTheSameSnapshotGivesTheSameForecastAndIsNotChanged(t *testing.T) {
	s := large(60, 900)
	before, err := json.Marshal(s.kube)
	if err != nil {
		t.Fatal(err)
	}
	first := s.forecast()
	for range 3 {
		if again := s.forecast(); !reflect.DeepEqual(first, again) {
			t.Fatal("another forecast of the same snapshot differs")
		}
	}
	if after, err := json.Marshal(s.kube); err != nil || string(before) != string(after) {
		t.Error("the snapshot was changed", err)
	}
}

func TestTheTableNamesWhatCounts(t *testing.T) {
	s := three()
	s.run("Deployment", "web", 0, 0, 2)
	s.budget("web", "web", 3, 2)
	f := s.forecast()
	rows := drain.Rows(f, 2)
	if len(rows) != 3 || len(rows[0]) != len(drain.Header()) || !strings.Contains(rows[0][5], "default/web-1 15s for web") || rows[2][3] != "1 more nodes in 1 batches" {
		t.Errorf("%q", rows)
	}
	if got := drain.Summary(f); got != "3 nodes of 1 node groups go in about 6m45s, with 3 pods moved" {
		t.Error(got)
	}
	s.budget("web2", "web", 3, 2)
	f = s.forecast()
	if rows, got := drain.Rows(f, 0), drain.Summary(f); !strings.Contains(got, "node group workers fails after about 17m0s: pod default/web-0 stays on node workers-0") || rows[len(rows)-1][2] != "fails" {
		t.Errorf("%s, %q", got, rows)
	}
	if got := drain.Summary(upgrade.DrainForecast{}); !strings.HasPrefix(got, "no node") {
		t.Error(got)
	}
}

func TestBrokenSnapshotsAreNoPanic(t *testing.T) {
	s := three()
	s.kube.Pods = []upgrade.Pod{{Node: 99, Workload: 99, Name: "x"}, {Node: -5, Workload: -7}, {Node: 0, Workload: 5, Claims: []string{"none"}}}
	s.kube.Budgets = []upgrade.DisruptionBudget{{Selector: upgrade.LabelSelector{Empty: true}, MinAvailable: "x%"}}
	if f := s.forecast(); len(f.Groups) != 1 {
		t.Errorf("%+v", f)
	}
	if f := drain.Simulate(nil, &upgrade.KubernetesState{}, v35, drain.Durations{}); !f.Completes || len(f.Groups) != 0 {
		t.Errorf("%+v", f)
	}
}

// large is a cluster of many nodes in three zones and ten groups, four fifths of
// them in use, with budgets and volumes.
func large(nodes, pods int) *state {
	s := &state{aws: &upgrade.ClusterState{}, kube: &upgrade.KubernetesState{}}
	const groups = 10
	for g := range groups {
		zones := make([]string, nodes/groups)
		for i := range zones {
			zones[i] = string(rune('a' + i%3))
		}
		s.group(fmt.Sprintf("group-%d", g), zones...).Update = upgrade.NodeUpdate{MaxUnavailablePercent: 10}
	}
	const replicas = 10
	for w := range pods / replicas {
		on := make([]int, replicas)
		for i := range on {
			on[i] = (w*replicas + i*7) % nodes
		}
		kind := "Deployment"
		if w%10 == 0 {
			kind = "StatefulSet"
		}
		name := fmt.Sprintf("app-%d", w)
		s.run(kind, name, on...).Template.Containers[0].CPU = int64(2000 * 8 / 10 * nodes / pods)
		if w%2 == 0 {
			s.budget(name, name, replicas, replicas-1)
		}
		if kind == "StatefulSet" {
			for i, n := range on {
				claim := fmt.Sprintf("data-%s-%d", name, i)
				s.kube.Pods[w*replicas+i].Claims = []string{claim}
				s.kube.Volumes = append(s.kube.Volumes, upgrade.PersistentVolume{Name: "pv-" + claim, Claim: upgrade.ObjectName{Namespace: "default", Name: claim}, Zones: []string{s.kube.Nodes[n].Zone}})
			}
		}
	}
	for i := range s.kube.Nodes {
		s.kube.Nodes[i].MaxPods = 110
	}
	return s
}

// BenchmarkSimulate rolls 5,000 nodes with 100,000 pods.
func BenchmarkSimulate(b *testing.B) {
	s := large(5000, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		f := s.forecast()
		if !f.Completes {
			b.Fatal(drain.Summary(f))
		}
		moved := 0
		for _, g := range f.Groups {
			moved += g.Moved
		}
		b.ReportMetric(float64(moved), "pods/op")
	}
}
