package checks_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var update = flag.Bool("update", false, "write the golden files")

// TestFindingsOfRealApplications runs the catalogue over a cluster that runs a
// real shop and a real monitoring stack, and compares all that the families say
// that judge what is in a cluster.
// Whoever changes the golden file reads it as the person on call would: each
// line must be true and worth reading.
func TestFindingsOfRealApplications(t *testing.T) {
	for _, strategy := range []upgrade.Strategy{upgrade.InPlace, upgrade.BlueGreen} {
		t.Run(string(strategy), func(t *testing.T) {
			all := run(t, func(r *upgrade.Request, c *reasoningtest.Cluster) {
				r.Strategy = strategy
				c.Kubernetes = realApplications(t, c.Kubernetes)
			})
			families := map[string]checks.Family{}
			for _, c := range checks.All() {
				families[c.ID] = c.Family
			}
			var rows []string
			for _, f := range all {
				if !slices.Contains([]checks.Family{checks.Workloads, checks.Disruption, checks.Admission, checks.Storage, checks.APIs}, families[f.Check]) {
					continue
				}
				object := "the cluster"
				if f.Object != nil {
					object = fmt.Sprintf("%s %s", f.Object.Kind, f.Object.Name)
				}
				rows = append(rows, fmt.Sprintf("%s %s, %s", f.Check, object, line(f)))
			}
			compare(t, "testdata/findings-"+string(strategy)+".txt", strings.Join(rows, "\n")+"\n")
		})
	}
}

// realApplications puts the applications into a living cluster of three nodes in
// two zones, beside what is there.
func realApplications(t *testing.T, healthy *upgrade.KubernetesState) *upgrade.KubernetesState {
	t.Helper()
	const clusters = "../../../test/testdata/clusters/"
	return living(t, healthy, []upgrade.Workload{ // which the operator makes
		of("alertmanager-main", map[string]string{"app.kubernetes.io/component": "alert-router", "app.kubernetes.io/instance": "main", "app.kubernetes.io/name": "alertmanager", "app.kubernetes.io/part-of": "kube-prometheus"}),
		of("prometheus-k8s", map[string]string{"app.kubernetes.io/component": "prometheus", "app.kubernetes.io/instance": "k8s", "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/part-of": "kube-prometheus"}),
	}, clusters+"online-boutique", clusters+"kube-prometheus")
}

func of(name string, labels map[string]string) upgrade.Workload {
	w := statefulSet(name, 2, in("monitoring"))
	w.Template.Labels, w.Selector.Labels = labels, labels
	return w
}

// living gives what manifests say the status that a healthy cluster of three
// nodes in two zones would.
func living(t *testing.T, healthy *upgrade.KubernetesState, more []upgrade.Workload, paths ...string) *upgrade.KubernetesState {
	t.Helper()
	files, err := manifests.Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	var objects []kubestate.Object
	for _, m := range files {
		objects = append(objects, kubestate.Object{Unstructured: *m.Object, Source: m.File})
	}
	s, unread := kubestate.FromObjects(objects)
	if len(unread) > 0 {
		t.Fatalf("not read: %v", unread)
	}
	s.ServerVersion, s.GitVersion, s.DeprecatedAPIs, s.RequestedAPIs = healthy.ServerVersion, healthy.GitVersion, healthy.DeprecatedAPIs, healthy.RequestedAPIs
	s.Issuer = healthy.Issuer
	s.HelmReleases, s.Volumes, s.Attachments, s.APIServices, s.KubeProxy, s.Usage = healthy.HelmReleases, healthy.Volumes, healthy.Attachments, healthy.APIServices, healthy.KubeProxy, healthy.Usage
	s.Nodes = append(slices.Clone(healthy.Nodes), healthy.Nodes[0])
	for i, zone := range []string{"eu-west-1a", "eu-west-1b", "eu-west-1a"} {
		s.Nodes[i].Name, s.Nodes[i].Zone, s.Nodes[i].Runtime, s.Nodes[i].OSImage = fmt.Sprintf("node-%d", i), zone, "containerd://2.1.4", "Amazon Linux 2023.8.20250721"
	}
	s.Workloads = append(s.Workloads, more...)
	slices.SortFunc(s.Workloads, func(a, b upgrade.Workload) int { return strings.Compare(a.Object.String(), b.Object.String()) })
	s.Pods = []upgrade.Pod{}
	ready := map[upgrade.ObjectName]int{}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		if w.Object.Kind == "DaemonSet" {
			w.Desired = len(s.Nodes)
		}
		w.Ready, w.Source = w.Desired, ""
		for n := range w.Desired {
			s.Pods = append(s.Pods, upgrade.Pod{Namespace: w.Object.Namespace, Name: fmt.Sprintf("%s-%d", w.Object.Name, n), Node: (i + n) % 3, Workload: i})
		}
		for _, service := range w.DependsOn.Services {
			ready[upgrade.ObjectName{Namespace: w.Object.Namespace, Name: service}] += w.Desired
		}
	}
	for i := range s.Services {
		s.Services[i].ReadyEndpoints = ready[upgrade.ObjectName{Namespace: s.Services[i].Object.Namespace, Name: s.Services[i].Object.Name}]
	}
	for i := range s.Budgets {
		b := &s.Budgets[i]
		for _, w := range s.Workloads {
			if w.Object.Namespace == b.Object.Namespace && b.Selector.Matches(w.Template.Labels) {
				b.ExpectedPods += w.Desired
			}
		}
		b.Observed, b.CurrentHealthy, b.DesiredHealthy, b.DisruptionsAllowed = true, b.ExpectedPods, b.ExpectedPods-1, 1
	}
	for i := range s.CustomResources {
		r := &s.CustomResources[i]
		r.Established, r.StoredVersions = true, []string{r.Versions[0].Name}
	}
	return &s
}

// TestFindingsOfATypicalCluster is about what most clusters are: nothing of what
// EKS itself runs may be found fault with, and nothing may block.
func TestFindingsOfATypicalCluster(t *testing.T) {
	for _, strategy := range []upgrade.Strategy{upgrade.InPlace, upgrade.BlueGreen} {
		t.Run(string(strategy), func(t *testing.T) {
			all := run(t, func(r *upgrade.Request, c *reasoningtest.Cluster) {
				r.Strategy = strategy
				c.Kubernetes = living(t, c.Kubernetes, nil, "testdata/typical")
				arn := c.Kubernetes.TargetGroupBindings[0].TargetGroupARN
				c.AWS.Surroundings.TargetGroups = []upgrade.TargetGroup{{Name: "k8s-shop-web-1a2b3c4d5e", ARN: arn, LoadBalancers: []string{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/k8s-shop-web/0"},
					Owner: upgrade.TagOwner{By: "controller", Cluster: "shop"}, Targets: &upgrade.TargetHealth{Healthy: 3}}}
				for _, a := range []struct{ name, version string }{{"coredns", "v1.12.3-eksbuild.1"}, {"aws-ebs-csi-driver", "v1.49.0-eksbuild.1"}, {"metrics-server", "v0.8.0-eksbuild.2"}} {
					offered := map[string]upgrade.AddonChoice{"1.34": {Default: a.version, Versions: []string{a.version}}, "1.35": {Default: a.version, Versions: []string{a.version}}}
					c.AWS.Addons = append(c.AWS.Addons, upgrade.Addon{Name: a.name, Version: a.version, Status: "ACTIVE", Compatible: offered})
				}
				c.Kubernetes.Volumes = []upgrade.PersistentVolume{{Name: "pvc-1", Driver: "ebs.csi.aws.com", Handle: "vol-1", Zones: []string{"eu-west-1a"}, Reclaim: "Delete", Claim: upgrade.ObjectName{Namespace: "shop", Name: "data-orders-0"}}}
			})
			var rows []string
			for _, f := range all {
				rows = append(rows, f.Check+" "+line(f))
				if f.Blocks && strategy == upgrade.InPlace {
					t.Errorf("it would block an upgrade in place: %s %s", f.Check, line(f))
				}
				if f.Object != nil && f.Object.Namespace == "kube-system" && f.Severity.Rank() < upgrade.Low.Rank() && strategy == upgrade.InPlace {
					t.Errorf("nobody but EKS could repair it: %s %s", f.Check, line(f))
				}
			}
			compare(t, "testdata/typical-"+string(strategy)+".txt", strings.Join(rows, "\n")+"\n")
		})
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if the findings are true and useful, write it with -update. Now:\n%s", path, got)
	}
}

// BenchmarkRun judges 5,000 workloads, 100,000 pods and 1,000 budgets, all in
// one namespace, which is the worst case.
func BenchmarkRun(b *testing.B) {
	request, cluster := reasoningtest.Request(), reasoningtest.Healthy()
	request.Strategy = upgrade.InPlace
	k := cluster.Kubernetes
	for i := range 5000 {
		w := deployment(fmt.Sprintf("app-%d", i), 20)
		k.Workloads = append(k.Workloads, w)
		k.Services = append(k.Services, service("shop", w.Object.Name, 20))
		if i%5 == 0 {
			budget(w.Object.Name, w.Object.Name, 20)(k)
		}
		for n := range 20 {
			p := upgrade.Pod{Namespace: "shop", Name: fmt.Sprintf("%s-%d", w.Object.Name, n), Node: n % 2, Workload: len(k.Workloads) - 1}
			if n == 0 { // some pods have labels of their own
				p.Labels = map[string]string{"app": w.Object.Name, "canary": "yes"}
			}
			k.Pods = append(k.Pods, p)
		}
	}
	view, err := checks.NewView(request, reasoningtest.Now, cluster.Snapshots())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		checks.Run(view)
	}
}
