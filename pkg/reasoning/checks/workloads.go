package checks

import (
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const bestPractice = "https://docs.aws.amazon.com/eks/latest/best-practices/application.html"

// maxGrace is after how many seconds a managed node group gives a drain up.
// Source: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
const maxGrace = 15 * 60

var workloadChecks = []Check{
	{ID: "workload-replicas", Family: Workloads, Title: "Too few replicas to stay up while nodes are replaced", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Services},
		Source: bestPractice, Eksup: "K8S002", Remedy: "run 3 replicas, or at least 2, or accept that it is down while its pod moves", run: tooFewReplicas},
	{ID: "workload-min-ready-seconds", Family: Workloads, Title: "New pods count as available at once", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#minimum-ready-seconds", Eksup: "K8S003", Remedy: "set minReadySeconds to the time that a pod needs to show that it works, 10 for example", run: minReady},
	{ID: "workload-spread", Family: Workloads, Title: "Replicas may stand on one node", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Services},
		Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/", Eksup: "K8S005", Remedy: "add topologySpreadConstraints over kubernetes.io/hostname and topology.kubernetes.io/zone", run: notSpread},
	{ID: "readiness-probe", Family: Workloads, Title: "Pods get traffic before they can answer", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Services},
		Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/#readiness-probe", Eksup: "K8S006", Remedy: "add a readinessProbe to the container that answers requests", run: noReadinessProbe},
	{ID: "termination-grace-zero", Family: Workloads, Title: "Pods are killed without time to stop", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees", Eksup: "K8S007", Remedy: "set terminationGracePeriodSeconds to the time that the pod needs to stop; 30 is the default", run: noGrace},
	{ID: "termination-grace-long", Family: Workloads, Title: "Pods may take longer to stop than a node group waits", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html", Remedy: "shorten terminationGracePeriodSeconds to less than 15 minutes, or move these pods before the nodes are replaced", run: longGrace},
	{ID: "recreate-strategy", Family: Workloads, Title: "A rollout stops all pods before it starts new ones", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Services},
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#recreate-deployment", Remedy: "set strategy.type to RollingUpdate unless two versions may not run side by side", run: recreated},
	{ID: "on-delete-strategy", Family: Workloads, Title: "Pods keep their old version until they are deleted", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/#daemonset-update-strategy", Remedy: "set updateStrategy.type to RollingUpdate, or delete the pods by hand after each change", run: onDelete},
	{ID: "requests-missing", Family: Workloads, Title: "Containers ask for no resources", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/", Remedy: "set requests for cpu and memory: new nodes are filled by them, and pods without any are the first to go when a node is full", run: noRequests},
	{ID: "autoscaler-bounds", Family: Workloads, Title: "Autoscaler cannot scale", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Autoscalers},
		Source: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/", Remedy: "set maxReplicas above minReplicas, or remove the autoscaler", run: autoscalerBounds},
}

// each makes a finding of every workload that problem says something of; the
// severity is the check's when problem gives none.
func each(v View, c Check, problem func(i int, w *upgrade.Workload) (evidence string, s upgrade.Severity)) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if system(w) {
			continue
		}
		evidence, severity := problem(i, w)
		if evidence == "" {
			continue
		}
		with := c
		if severity != "" {
			with.Severity = severity
		}
		out = append(out, on(with.drained(v, evidence), w.Object))
	}
	return out
}

// tooFewReplicas looks at what answers requests: one that only works in the
// background is back when its pod is.
func tooFewReplicas(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		n := v.index.replicas(i)
		switch {
		case !kept(w) || n == 0 || n > 2:
			return "", ""
		case n == 2 && v.index.serves(i):
			return "it runs 2 replicas: while one moves, the other is alone", upgrade.Info
		case n == 2:
			return "", ""
		case v.index.serves(i):
			return fmt.Sprintf("it runs 1 replica, and Service %s sends requests to it: nobody answers them while its node is drained", v.index.serviceOf(i)), ""
		case elects(w):
			return "", "" // it stands by at worst
		}
		return "it runs 1 replica: its work rests while its node is drained", upgrade.Info
	})
}

func minReady(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		if !kept(w) || w.MinReadySeconds > 0 || v.index.replicas(i) < 2 {
			return "", ""
		}
		if w.Object.Kind == "StatefulSet" {
			return "minReadySeconds is 0: the next pod is stopped as soon as the one before it is ready, be it for a second", ""
		}
		return "minReadySeconds is 0: a pod that is ready for a second counts as available", upgrade.Info
	})
}

// notSpread tells pods that do stand together from pods that may: the scheduler
// spreads what a Service selects by itself, when it can.
func notSpread(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		t := &w.Template
		if !kept(w) || v.index.replicas(i) < 2 || len(t.Spread) > 0 || len(t.AntiAffinity) > 0 || !v.index.serves(i) && w.Object.Kind != "StatefulSet" {
			return "", ""
		}
		const lacks = "neither topologySpreadConstraints nor pod anti-affinity is set"
		nodes, zones := v.index.nodesOf(i)
		running := 0
		for _, n := range nodes {
			running += n
		}
		switch {
		case running > 1 && len(nodes) == 1:
			return fmt.Sprintf("%s, and all %d running pods are on node %s: its drain stops them together", lacks, running, first(nodes)), ""
		case running > 1 && len(zones) == 1 && len(v.index.zones()) > 1:
			return fmt.Sprintf("%s, and all %d running pods are in zone %s", lacks, running, first(zones)), upgrade.Low
		}
		return lacks + ": the scheduler may put the pods on one node when nodes are short", upgrade.Info
	})
}

func first(of map[string]int) string {
	for name := range of {
		return name
	}
	return ""
}

// zones are those that nodes are in.
func (x *index) zones() map[string]bool {
	zones := map[string]bool{}
	for i := range x.kube.Nodes {
		zones[x.kube.Nodes[i].Zone] = true
	}
	return zones
}

// noReadinessProbe asks for one probe in the pod: a container beside the one
// that answers may well do without.
func noReadinessProbe(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		t := &w.Template
		probed := func(c upgrade.Container) bool { return c.ReadinessProbe }
		if !kept(w) && w.Object.Kind != "DaemonSet" || !v.index.serves(i) || len(t.Containers) == 0 ||
			slices.ContainsFunc(t.Containers, probed) || slices.ContainsFunc(t.InitContainers, probed) {
			return "", ""
		}
		severity := upgrade.Severity("")
		if w.Object.Kind == "DaemonSet" {
			severity = upgrade.Low // most are asked by monitoring only
		}
		return fmt.Sprintf("no container (%s) has a readinessProbe, and Service %s sends requests to it from the moment that it starts", some(containerNames(t.Containers)), v.index.serviceOf(i)), severity
	})
}

func containerNames(all []upgrade.Container) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return names
}

func noGrace(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		g := w.Template.GracePeriod
		switch {
		case g == nil || *g != 0 || !kept(w):
			return "", ""
		case w.Object.Kind == "StatefulSet":
			return "terminationGracePeriodSeconds is 0: a pod of this StatefulSet can start before the old one has stopped, and both write", ""
		}
		return "terminationGracePeriodSeconds is 0: requests in flight are cut", upgrade.Medium
	})
}

func longGrace(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		g := w.Template.GracePeriod
		if g == nil || *g < maxGrace || w.Object.Kind == "DaemonSet" { // a drain leaves DaemonSets alone
			return "", ""
		}
		return fmt.Sprintf("terminationGracePeriodSeconds is %d, and a managed node group gives a drain up after %d", *g, maxGrace), ""
	})
}

func recreated(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		n := v.index.replicas(i)
		switch {
		case w.UpdateStrategy != "Recreate" || n == 0 || !v.index.serves(i):
			return "", ""
		case n == 1:
			return "its strategy is Recreate with 1 replica: each change of it, the upgrade's too, is a break in service", upgrade.Info
		}
		return fmt.Sprintf("its strategy is Recreate: each change of it stops all %d pods at once", n), ""
	})
}

func onDelete(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if w.UpdateStrategy != "OnDelete" {
			continue
		}
		f := c.found(v, "its update strategy is OnDelete: a new version that is made for the target reaches no pod that runs")
		if w.Object.Kind == "DaemonSet" && slices.Contains(systemNamespaces, w.Object.Namespace) {
			f.Severity = upgrade.Medium // network, storage or proxy of each node
		}
		out = append(out, on(f, w.Object))
	}
	return out
}

func noRequests(v View, c Check) []upgrade.Finding {
	return each(v, c, func(i int, w *upgrade.Workload) (string, upgrade.Severity) {
		var without []string
		for _, c := range w.Template.Containers {
			if c.CPU == 0 && c.Memory == 0 {
				without = append(without, c.Name)
			}
		}
		if len(without) == 0 || w.Object.Kind == "Job" || w.Object.Kind != "CronJob" && w.Desired == 0 {
			return "", ""
		}
		return fmt.Sprintf("%d of %d containers request neither cpu nor memory: %s", len(without), len(w.Template.Containers), some(without)), ""
	})
}

func autoscalerBounds(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.Kubernetes.Autoscalers {
		_, found := v.index.byName[workloadName{a.Target.Kind, a.Object.Namespace, a.Target.Name}]
		switch {
		case !found && !v.index.files && slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet"}, a.Target.Kind):
			out = append(out, on(c.found(v, fmt.Sprintf("%s %s, which it scales, does not exist", a.Target.Kind, a.Target.Name)), a.Object))
		case a.Max == 1:
			out = append(out, on(c.drained(v, "maxReplicas is 1: it cannot add a pod while one moves"), a.Object))
		case a.Max == a.Min:
			out = append(out, on(at(c.drained(v, fmt.Sprintf("minReplicas and maxReplicas are both %d: it cannot add pods while some move", a.Max)), upgrade.Info), a.Object))
		}
	}
	return out
}
