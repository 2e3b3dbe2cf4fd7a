package checks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type state = upgrade.KubernetesState

// checkCase puts one thing into a healthy cluster and says what one check makes
// of it. Other checks may have something to say too.
type checkCase struct {
	check  string
	name   string
	change func(*state)
	want   []string // "severity[ blocks][ not checked] object: part of the evidence", one a finding

	blueGreen bool // else in place
	target    int  // minor; 0: 35
	aws       func(*upgrade.ClusterState)
}

func testChecks(t *testing.T, cases []checkCase) {
	t.Helper()
	tested := map[string]int{}
	for _, tt := range cases {
		t.Run(tt.check+"/"+tt.name, func(t *testing.T) {
			findings := run(t, func(r *upgrade.Request, c *reasoningtest.Cluster) {
				r.Strategy = upgrade.InPlace
				if tt.blueGreen {
					r.Strategy = upgrade.BlueGreen
				}
				if tt.target != 0 {
					r.Target = v(tt.target)
				}
				tt.change(c.Kubernetes)
				if tt.aws != nil {
					tt.aws(c.AWS)
				}
			})
			var got []upgrade.Finding
			for _, f := range findings {
				if f.Check == tt.check {
					got = append(got, f)
				}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%d findings, want %d: %s", len(got), len(tt.want), lines(got))
			}
			for i, w := range tt.want {
				head, says, _ := strings.Cut(w, ": ")
				if line := line(got[i]); !strings.HasPrefix(line, head+": ") || !strings.Contains(got[i].Evidence, says) {
					t.Errorf("finding %q, want %q", line, w)
				}
			}
		})
		if len(tt.want) > 0 {
			tested[tt.check] |= 1
		} else {
			tested[tt.check] |= 2
		}
	}
	for check, what := range tested {
		if what != 3 {
			t.Errorf("%s is not tested on what triggers it and on what nearly does", check)
		}
	}
}

func line(f upgrade.Finding) string {
	head := string(f.Severity)
	if f.Blocks {
		head += " blocks"
	}
	if f.NotChecked {
		head += " not checked"
	}
	if f.Object != nil {
		head += " " + f.Object.Name
	}
	return head + ": " + f.Evidence
}

func lines(all []upgrade.Finding) string {
	var b strings.Builder
	for _, f := range all {
		b.WriteString("\n" + f.Check + " " + line(f))
	}
	return b.String()
}

// deployment runs pods with label app=name.
func deployment(name string, replicas int, change ...func(*upgrade.Workload)) upgrade.Workload {
	return made("Deployment", "apps/v1", name, replicas, change...)
}

func statefulSet(name string, replicas int, change ...func(*upgrade.Workload)) upgrade.Workload {
	return made("StatefulSet", "apps/v1", name, replicas, change...)
}

func daemonSet(name string, change ...func(*upgrade.Workload)) upgrade.Workload {
	return made("DaemonSet", "apps/v1", name, 2, change...)
}

func made(kind, apiVersion, name string, replicas int, change ...func(*upgrade.Workload)) upgrade.Workload {
	w := reasoningtest.Frontend()
	labels := map[string]string{"app": name}
	w.Object = upgrade.ObjectRef{APIVersion: apiVersion, Kind: kind, Namespace: "shop", Name: name}
	w.Desired, w.Ready, w.Selector.Labels, w.Template.Labels = replicas, replicas, labels, labels
	for _, c := range change {
		c(&w)
	}
	return w
}

func in(namespace string) func(*upgrade.Workload) {
	return func(w *upgrade.Workload) { w.Object.Namespace = namespace }
}

func pods(change func(*upgrade.PodTemplate)) func(*upgrade.Workload) {
	return func(w *upgrade.Workload) { change(&w.Template) }
}

func runs(images ...string) func(*upgrade.Workload) {
	return func(w *upgrade.Workload) {
		w.Template.Containers = nil
		for i, x := range images {
			w.Template.Containers = append(w.Template.Containers, upgrade.Container{Name: fmt.Sprintf("c%d", i), Image: x, ReadinessProbe: true, CPU: 1, Memory: 1})
		}
	}
}

// service sends requests to pods with label app=name.
func service(namespace, name string, ready int) upgrade.Service {
	return upgrade.Service{Object: upgrade.ObjectRef{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: name}, Type: "ClusterIP", Selector: map[string]string{"app": name}, ReadyEndpoints: ready}
}

// have puts workloads into the cluster, each with a Service and running pods on
// the nodes in turn.
func have(workloads ...upgrade.Workload) func(*state) {
	return func(s *state) {
		for _, w := range workloads {
			s.Workloads = append(s.Workloads, w)
			s.Services = append(s.Services, service(w.Object.Namespace, w.Object.Name, w.Ready))
			for i := range w.Desired {
				s.Pods = append(s.Pods, upgrade.Pod{Namespace: w.Object.Namespace, Name: fmt.Sprintf("%s-%d", w.Object.Name, i), Node: i % len(s.Nodes), Workload: len(s.Workloads) - 1})
			}
		}
	}
}

// alone puts workloads into the cluster that no Service sends requests to.
func alone(workloads ...upgrade.Workload) func(*state) {
	return func(s *state) {
		services := s.Services
		have(workloads...)(s)
		s.Services = services
	}
}

func and(changes ...func(*state)) func(*state) {
	return func(s *state) {
		for _, c := range changes {
			c(s)
		}
	}
}

func nodes(change func(*upgrade.Node)) func(*state) {
	return func(s *state) {
		for i := range s.Nodes {
			change(&s.Nodes[i])
		}
	}
}

// TestSystemWorkloadsAreLeftAlone: what EKS runs is not for the owner to repair.
func TestSystemWorkloadsAreLeftAlone(t *testing.T) {
	poor := func(w *upgrade.Workload) {
		w.Template, w.MinReadySeconds = upgrade.PodTemplate{Labels: w.Template.Labels, Containers: []upgrade.Container{{Name: "c", Image: "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1.12.4-eksbuild.1"}}}, 0
	}
	managed := func(w *upgrade.Workload) { w.ManagedBy = []upgrade.Manager{{Tool: "eks", Name: "adot"}} }
	findings := run(t, func(r *upgrade.Request, c *reasoningtest.Cluster) {
		r.Strategy = upgrade.InPlace
		have(deployment("coredns", 2, in("kube-system"), poor), deployment("metrics-server", 1, in("kube-system"), poor), daemonSet("aws-node", in("kube-system"), poor),
			deployment("adot", 1, managed, poor))(c.Kubernetes)
		c.AWS.Addons = append(c.AWS.Addons, upgrade.Addon{Name: "coredns", Status: "ACTIVE", Compatible: map[string]upgrade.AddonChoice{"1.35": {Versions: []string{"v1"}}}})
	})
	for _, f := range findings {
		if f.Object != nil && strings.Contains("coredns metrics-server aws-node adot", f.Object.Name) {
			t.Errorf("%s %s", f.Check, line(f))
		}
	}
}
