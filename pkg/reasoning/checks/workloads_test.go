package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestWorkloadChecks(t *testing.T) {
	spread := func(keys ...string) func(*upgrade.Workload) {
		return pods(func(p *upgrade.PodTemplate) { p.Spread = keys })
	}
	grace := func(seconds int) func(*upgrade.Workload) {
		return pods(func(p *upgrade.PodTemplate) { p.GracePeriod = &seconds })
	}
	notReady := pods(func(p *upgrade.PodTemplate) { p.Containers[0].ReadinessProbe = false })
	sidecar := pods(func(p *upgrade.PodTemplate) {
		p.Containers = append(p.Containers, upgrade.Container{Name: "logs", CPU: 1})
	})
	atOnce := func(w *upgrade.Workload) { w.MinReadySeconds = 0 }
	strategy := func(s string) func(*upgrade.Workload) { return func(w *upgrade.Workload) { w.UpdateStrategy = s } }
	scaler := func(kind, name string, lo, hi int) func(*state) {
		return func(s *state) {
			s.Autoscalers = append(s.Autoscalers, upgrade.Autoscaler{Object: upgrade.ObjectRef{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "hpa"},
				Target: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: kind, Name: name}, Min: lo, Max: hi})
		}
	}
	oneNode := func(s *state) {
		for i := range s.Pods {
			s.Pods[i].Node = 0
		}
	}
	zones := func(s *state) {
		s.Nodes = append(s.Nodes, s.Nodes[0])
		s.Nodes[0].Zone, s.Nodes[1].Zone, s.Nodes[2].Zone = "a", "a", "b"
	}
	leader := pods(func(p *upgrade.PodTemplate) { p.Containers[0].Flags = []string{"--leader-elect=true"} })
	testChecks(t, []checkCase{
		{check: "workload-replicas", name: "one replica that serves", change: have(deployment("api", 1)), want: []string{"medium api: Service api"}},
		{check: "workload-replicas", name: "one replica that serves, blue/green", change: have(deployment("api", 1)), blueGreen: true, want: []string{"low api: 1 replica"}},
		{check: "workload-replicas", name: "two replicas that serve", change: have(deployment("api", 2)), want: []string{"info api: 2 replicas"}},
		{check: "workload-replicas", name: "three replicas that serve", change: have(deployment("api", 3))},
		{check: "workload-replicas", name: "an autoscaler that keeps three", change: and(have(deployment("api", 1)), scaler("Deployment", "api", 3, 9))},
		{check: "workload-replicas", name: "scaled to nothing", change: have(deployment("api", 0))},
		{check: "workload-replicas", name: "one worker", change: alone(deployment("worker", 1)), want: []string{"info worker: its work rests"}},
		{check: "workload-replicas", name: "one operator with a leader", change: alone(deployment("operator", 1, leader))},
		{check: "workload-replicas", name: "a DaemonSet and a Job", change: have(daemonSet("agent"), made("Job", "batch/v1", "import", 1))},

		{check: "workload-min-ready-seconds", name: "a StatefulSet", change: alone(statefulSet("db", 3, atOnce)), want: []string{"low db: minReadySeconds is 0"}},
		{check: "workload-min-ready-seconds", name: "a Deployment", change: alone(deployment("api", 3, atOnce)), want: []string{"info api: minReadySeconds is 0"}},
		{check: "workload-min-ready-seconds", name: "a StatefulSet that waits", change: alone(statefulSet("db", 3))},
		{check: "workload-min-ready-seconds", name: "one replica", change: alone(statefulSet("db", 1, atOnce))},
		{check: "workload-min-ready-seconds", name: "a DaemonSet", change: alone(daemonSet("agent", atOnce))},

		{check: "workload-spread", name: "all pods on one node", change: and(have(deployment("api", 3, spread())), oneNode), want: []string{"medium api: all 3 running pods are on node node-a"}},
		{check: "workload-spread", name: "all pods in one of two zones", change: and(have(deployment("api", 2, spread())), zones), want: []string{"low api: all 2 running pods are in zone a"}},
		{check: "workload-spread", name: "pods that stand apart by luck", change: have(deployment("api", 3, spread())), want: []string{"info api: when nodes are short"}},
		{check: "workload-spread", name: "a StatefulSet without a Service", change: alone(statefulSet("db", 3, spread())), want: []string{"info db: neither"}},
		{check: "workload-spread", name: "anti-affinity", change: have(deployment("api", 3, spread(), pods(func(p *upgrade.PodTemplate) { p.AntiAffinity = []string{"kubernetes.io/hostname"} })))},
		{check: "workload-spread", name: "spread constraints, and all pods on one node", change: and(have(deployment("api", 3)), oneNode)},
		{check: "workload-spread", name: "one replica", change: have(deployment("api", 1, spread()))},

		{check: "readiness-probe", name: "none", change: have(deployment("api", 3, notReady)), want: []string{"medium api: no container (server) has a readinessProbe, and Service api"}},
		{check: "readiness-probe", name: "none in a DaemonSet that serves", change: have(daemonSet("proxy", notReady)), want: []string{"low proxy: server"}},
		{check: "readiness-probe", name: "one beside a container without", change: have(deployment("api", 3, sidecar))},
		{check: "readiness-probe", name: "none, and nobody asks it anything", change: alone(deployment("worker", 3, notReady))},

		{check: "termination-grace-zero", name: "a StatefulSet", change: alone(statefulSet("db", 1, grace(0))), want: []string{"high db: both write"}},
		{check: "termination-grace-zero", name: "a Deployment", change: alone(deployment("api", 1, grace(0))), want: []string{"medium api: are cut"}},
		{check: "termination-grace-zero", name: "one second", change: alone(statefulSet("db", 1, grace(1)))},
		{check: "termination-grace-zero", name: "the default", change: alone(statefulSet("db", 1))},

		{check: "termination-grace-long", name: "15 minutes", change: alone(statefulSet("db", 1, grace(900))), want: []string{"high db: is 900"}},
		{check: "termination-grace-long", name: "15 minutes, blue/green", change: alone(statefulSet("db", 1, grace(900))), blueGreen: true, want: []string{"low db: is 900"}},
		{check: "termination-grace-long", name: "10 minutes", change: alone(statefulSet("db", 1, grace(600)))},
		{check: "termination-grace-long", name: "a DaemonSet", change: alone(daemonSet("agent", grace(3600)))},

		{check: "recreate-strategy", name: "three replicas that serve", change: have(deployment("api", 3, strategy("Recreate"))), want: []string{"low api: all 3 pods at once"}},
		{check: "recreate-strategy", name: "one replica that serves", change: have(deployment("api", 1, strategy("Recreate"))), want: []string{"info api: a break in service"}},
		{check: "recreate-strategy", name: "a worker", change: alone(deployment("api", 3, strategy("Recreate")))},
		{check: "recreate-strategy", name: "RollingUpdate", change: have(deployment("api", 3))},

		{check: "on-delete-strategy", name: "a DaemonSet of the system", change: alone(daemonSet("aws-node", in("kube-system"), strategy("OnDelete"))), want: []string{"medium aws-node: OnDelete"}},
		{check: "on-delete-strategy", name: "a StatefulSet", change: alone(statefulSet("db", 1, strategy("OnDelete"))), want: []string{"low db: OnDelete"}},
		{check: "on-delete-strategy", name: "RollingUpdate", change: alone(daemonSet("agent"))},

		{check: "requests-missing", name: "one of two containers", change: alone(deployment("api", 1, sidecar, pods(func(p *upgrade.PodTemplate) { p.Containers[1].CPU = 0 }))), want: []string{"low api: 1 of 2 containers request neither cpu nor memory: logs"}},
		{check: "requests-missing", name: "memory only", change: alone(deployment("api", 1, pods(func(p *upgrade.PodTemplate) { p.Containers[0].CPU = 0 })))},

		{check: "autoscaler-bounds", name: "the same bounds", change: and(have(deployment("api", 3)), scaler("Deployment", "api", 3, 3)), want: []string{"info hpa: both 3"}},
		{check: "autoscaler-bounds", name: "at most one", change: and(have(deployment("api", 1)), scaler("Deployment", "api", 1, 1)), want: []string{"low hpa: maxReplicas is 1"}},
		{check: "autoscaler-bounds", name: "what it scales is gone", change: scaler("Deployment", "api", 1, 3), want: []string{"low hpa: Deployment api, which it scales, does not exist"}},
		{check: "autoscaler-bounds", name: "what it scales is of a kind that is not listed", change: scaler("Rollout", "api", 1, 3)},
		{check: "autoscaler-bounds", name: "room to grow", change: and(have(deployment("api", 1)), scaler("Deployment", "api", 1, 3))},
	})
}

func TestPodChecks(t *testing.T) {
	bare := func(change func(*upgrade.Pod)) func(*state) {
		return func(s *state) {
			p := upgrade.Pod{Namespace: "shop", Name: "debug", Workload: -1, Bare: &upgrade.PodTemplate{}}
			change(&p)
			s.Pods = append(s.Pods, p)
		}
	}
	paths := func(p ...string) func(*upgrade.Workload) {
		return pods(func(t *upgrade.PodTemplate) { t.HostPaths = p })
	}
	scratch := func(claims ...string) func(*upgrade.Workload) {
		return pods(func(t *upgrade.PodTemplate) { t.EmptyDirs, t.Claims = []string{"scratch"}, claims })
	}
	class := func(name string) func(*upgrade.Workload) {
		return pods(func(t *upgrade.PodTemplate) { t.PriorityClass = name })
	}
	classes := func(all ...upgrade.PriorityClass) func(*state) { return func(s *state) { s.PriorityClasses = all } }
	cron := func(change ...func(*upgrade.Workload)) func(*state) {
		return alone(made("CronJob", "batch/v1", "report", 0, append([]func(*upgrade.Workload){func(w *upgrade.Workload) { w.Schedule = "0 3 * * *" }}, change...)...))
	}
	own := "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1.0.0"
	testChecks(t, []checkCase{
		{check: "unowned-pods", name: "a pod that somebody made by hand", change: bare(func(*upgrade.Pod) {}), want: []string{"high debug: nobody makes it again"}},
		{check: "unowned-pods", name: "the same, blue/green", change: bare(func(*upgrade.Pod) {}), blueGreen: true, want: []string{"low debug: nobody"}},
		{check: "unowned-pods", name: "one of a controller that is not listed", change: bare(func(p *upgrade.Pod) { p.Owner = "Rollout" })},
		{check: "unowned-pods", name: "a static pod", change: bare(func(p *upgrade.Pod) { p.Mirror = true })},
		{check: "unowned-pods", name: "one that is done", change: bare(func(p *upgrade.Pod) { p.Phase = "Succeeded" })},

		{check: "docker-socket", name: "mounted", change: alone(daemonSet("builder", paths("/var/run/docker.sock", "/data"))), want: []string{"medium builder: /var/run/docker.sock"}},
		{check: "docker-socket", name: "mounted by a CronJob", change: cron(paths("/run/docker.sock")), want: []string{"medium report: /run/docker.sock"}},
		{check: "docker-socket", name: "containerd's", change: alone(daemonSet("builder", paths("/run/containerd/containerd.sock")))},

		{check: "local-storage", name: "a folder of the node", change: alone(deployment("cache", 1, paths("/mnt/data"))), want: []string{"medium cache: /mnt/data"}},
		{check: "local-storage", name: "a StatefulSet in emptyDir", change: alone(statefulSet("db", 1, scratch())), want: []string{"low db: emptyDir scratch"}},
		{check: "local-storage", name: "a StatefulSet with claims and scratch space", change: alone(statefulSet("db", 1, scratch("data")))},
		{check: "local-storage", name: "a Deployment with scratch space", change: alone(deployment("api", 1, scratch()))},
		{check: "local-storage", name: "what is the same on each node", change: alone(deployment("monitor", 1, paths("/proc", "/sys/", "/", "/etc/localtime")))},
		{check: "local-storage", name: "a DaemonSet", change: alone(daemonSet("cache", paths("/mnt/data")))},

		{check: "priority-class-missing", name: "missing", change: alone(deployment("api", 1, class("gold"))), want: []string{"high api: PriorityClass gold"}},
		{check: "priority-class-missing", name: "there", change: and(alone(deployment("api", 1, class("gold"))), classes(upgrade.PriorityClass{Name: "gold"}))},
		{check: "priority-class-missing", name: "built in", change: alone(deployment("api", 1, class("system-cluster-critical")))},
		{check: "priority-class-missing", name: "of a file that stands alone", change: alone(deployment("api", 1, class("gold"), func(w *upgrade.Workload) { w.Source = "api.yaml" }))},

		{check: "preemption", name: "batch pushes what serves out", change: and(have(deployment("api", 3)), alone(deployment("batch", 3, class("high"))), classes(upgrade.PriorityClass{Name: "high", Value: 100, Preempts: true})),
			want: []string{"low: 1 workloads that serve have no PriorityClass (shop/api)"}},
		{check: "preemption", name: "the class does not preempt", change: and(have(deployment("api", 3)), alone(deployment("batch", 3, class("high"))), classes(upgrade.PriorityClass{Name: "high", Value: 100}))},
		{check: "preemption", name: "the default is as high", change: and(have(deployment("api", 3)), alone(deployment("batch", 3, class("high"))), classes(upgrade.PriorityClass{Name: "high", Value: 100, Preempts: true}, upgrade.PriorityClass{Name: "all", Value: 100, Default: true}))},

		{check: "retired-registry", name: "k8s.gcr.io", change: alone(deployment("api", 1, runs("k8s.gcr.io/pause:3.1"))), want: []string{"medium api: k8s.gcr.io/pause:3.1"}},
		{check: "retired-registry", name: "google_containers in an init container", change: alone(deployment("api", 1, pods(func(t *upgrade.PodTemplate) {
			t.InitContainers = []upgrade.Container{{Name: "init", Image: "gcr.io/google_containers/busybox:1"}}
		}))), want: []string{"medium api: gcr.io/google_containers/busybox:1"}},
		{check: "retired-registry", name: "a version of Bitnami", change: alone(statefulSet("db", 1, runs("bitnami/postgresql:15.4.0"))), want: []string{"high db: bitnamilegacy"}},
		{check: "retired-registry", name: "the worst of two", change: alone(statefulSet("db", 1, runs("k8s.gcr.io/pause:3.1", "docker.io/bitnami/redis:7.2"))), want: []string{"high db: docker.io/bitnami/redis:7.2, k8s.gcr.io/pause:3.1"}},
		{check: "retired-registry", name: "the newest of Bitnami", change: alone(statefulSet("db", 1, runs("bitnami/postgresql:latest")))},
		{check: "retired-registry", name: "registry.k8s.io, others of gcr.io, a mirror", change: alone(deployment("api", 1, runs("registry.k8s.io/pause:3.9", "gcr.io/distroless/static:v1", "mirror.example.com/k8s.gcr.io/pause:3.1", "mirror.example.com:5000/bitnami/redis:7")))},

		{check: "docker-hub-images", name: "three spellings", change: alone(deployment("api", 1, runs("nginx:1.29", "grafana/grafana:12", "docker.io/library/redis:8", own))), want: []string{"info: 3 images"}},
		{check: "docker-hub-images", name: "other registries", change: alone(deployment("api", 1, runs("quay.io/a/b:1", "localhost/x:1", "registry:5000/y:1")))},

		{check: "floating-image", name: "latest and no tag", change: alone(deployment("api", 1, runs("example.com/a:latest", "example.com:5000/b", "redis:alpine"))), want: []string{"low api: example.com/a:latest, example.com:5000/b, redis:alpine"}},
		{check: "floating-image", name: "a tag, a digest", change: alone(deployment("api", 1, runs(own, "example.com/b@sha256:0123")))},

		{check: "cronjobs-twice", name: "blue/green", change: cron(), blueGreen: true, want: []string{"medium report: at 0 3 * * *"}},
		{check: "cronjobs-twice", name: "in place", change: cron()},
		{check: "cronjobs-twice", name: "suspended", change: cron(func(w *upgrade.Workload) { w.Suspended = true }), blueGreen: true},
	})
}
