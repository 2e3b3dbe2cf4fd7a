package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var podChecks = []Check{
	{ID: "unowned-pods", Family: Workloads, Title: "Pod that no controller owns", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Pods},
		Source: "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/", Remedy: "make it part of a Deployment, StatefulSet or Job, or delete it", run: unownedPods},
	{ID: "docker-socket", Family: Workloads, Title: "Pod mounts the socket of Docker", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/blog/2022/02/17/dockershim-faq/", Eksup: "K8S008", Remedy: "use the container runtime's own interface, or a builder that needs no daemon (BuildKit, Kaniko)", run: dockerSocket},
	{ID: "local-storage", Family: Workloads, Title: "Pod keeps data on its node", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath", Remedy: "keep the data in a PersistentVolumeClaim or outside the cluster", run: localStorage},
	{ID: "priority-class-missing", Family: Workloads, Title: "Priority class does not exist", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, PriorityClasses},
		Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/", Remedy: "create the PriorityClass, or take the name out of the pod template: no pod of it can be made again", run: missingPriorityClass},
	{ID: "preemption", Family: Workloads, Title: "Pods that serve may be preempted while nodes are replaced", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, Services, PriorityClasses},
		Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/#preemption", Remedy: "give what serves a PriorityClass, or see that there is room for all pods while nodes are replaced", run: preemption},
	{ID: "retired-registry", Family: Workloads, Title: "Image comes from a registry that is given up", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/blog/2023/03/10/image-registry-redirect/", Remedy: "take the image from its new registry, or from one of your own: each new node pulls it", run: retiredRegistry},
	{ID: "docker-hub-images", Family: Workloads, Title: "Images come from Docker Hub, which limits pulls", Severity: upgrade.Info, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://docs.docker.com/docker-hub/usage/pulls/", Remedy: "pull through a cache (ECR pull through cache) or with an account: all new nodes pull at the same time", run: dockerHub},
	{ID: "floating-image", Family: Workloads, Title: "Image has no fixed version", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy", Remedy: "name a version or a digest: a new node pulls whatever the tag means on that day", run: floatingImage},
	{ID: "cronjobs-twice", Family: Workloads, Title: "CronJob would run in both clusters", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/", Remedy: "suspend it in one of the clusters while both run, or see that it may run twice", run: cronJobsTwice},
}

func unownedPods(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Pods {
		p := &v.Kubernetes.Pods[i]
		if p.Workload >= 0 || p.Owner != "" || p.Mirror || p.Phase == "Succeeded" || p.Phase == "Failed" || slices.Contains(systemNamespaces, p.Namespace) {
			continue
		}
		out = append(out, on(c.drained(v, "nobody makes it again when it is evicted, and kubectl drain refuses to delete it"), upgrade.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name}))
	}
	return out
}

var dockerSockets = []string{"/var/run/docker.sock", "/run/docker.sock", "/var/run/docker", "/run/docker"}

func dockerSocket(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		for _, path := range w.Template.HostPaths {
			if slices.Contains(dockerSockets, strings.TrimSuffix(path, "/")) {
				out = append(out, on(c.found(v, fmt.Sprintf("it mounts %s, and the nodes of EKS have no Docker since 1.24", path)), w.Object))
				break
			}
		}
	}
	return out
}

// ofTheNode are host paths that pods read to know the node: they are the same,
// or as good, on the next one.
var ofTheNode = []string{"/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/var/log", "/lib/modules", "/usr", "/boot", "/cgroup", "/lib/firmware", "/opt/cni", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker/containers"}

func localStorage(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if system(w) || w.Object.Kind == "DaemonSet" || w.Object.Kind == "Job" || w.Object.Kind == "CronJob" {
			continue // a DaemonSet's pods belong to their node
		}
		var paths []string
		for _, path := range w.Template.HostPaths {
			if path = strings.TrimSuffix(path, "/"); path != "" && !slices.ContainsFunc(ofTheNode, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
				paths = append(paths, path)
			}
		}
		t := &w.Template
		switch {
		case len(paths) > 0:
			out = append(out, on(c.found(v, fmt.Sprintf("it keeps data in %s of its node, and a new node has none of it", some(paths))), w.Object))
		case w.Object.Kind == "StatefulSet" && len(t.EmptyDirs) > 0 && len(t.Claims) == 0:
			out = append(out, on(at(c.found(v, fmt.Sprintf("it is a StatefulSet without claims: what it keeps in emptyDir %s goes with each pod", some(t.EmptyDirs))), upgrade.Low), w.Object))
		}
	}
	return out
}

// builtInPriorities are made by the API server itself.
var builtInPriorities = []string{"system-node-critical", "system-cluster-critical"}

func missingPriorityClass(v View, c Check) []upgrade.Finding {
	known := slices.Clone(builtInPriorities)
	for _, p := range v.Kubernetes.PriorityClasses {
		known = append(known, p.Name)
	}
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if class := w.Template.PriorityClass; class != "" && w.Source == "" && !slices.Contains(known, class) {
			out = append(out, on(c.found(v, fmt.Sprintf("its pods ask for PriorityClass %s, which does not exist", class)), w.Object))
		}
	}
	return out
}

// preemption makes one finding: whether it comes to that depends on the room
// there is, which the drain simulation counts.
func preemption(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy == upgrade.BlueGreen {
		return nil // nothing is evicted
	}
	values, defaultValue := map[string]int{}, 0
	preempts := map[string]bool{}
	for _, p := range v.Kubernetes.PriorityClasses {
		values[p.Name], preempts[p.Name] = p.Value, p.Preempts
		if p.Default {
			defaultValue = p.Value
		}
	}
	highest, class, above := 0, "", 0
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if name := w.Template.PriorityClass; !system(w) && preempts[name] && values[name] > defaultValue {
			above++
			if values[name] > highest {
				highest, class = values[name], name
			}
		}
	}
	if above == 0 {
		return nil
	}
	var below []string
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if !system(w) && kept(w) && w.Template.PriorityClass == "" && v.index.serves(i) {
			below = append(below, w.Object.Namespace+"/"+w.Object.Name)
		}
	}
	if len(below) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("%d workloads that serve have no PriorityClass (%s), and %d others may push their pods out when nodes are short (%s has %d)", len(below), some(below), above, class, highest))}
}

// retired are registries, or parts of them, that are given up.
var retired = []struct {
	registry, prefix, what, source string
	severity                       upgrade.Severity
}{
	{"k8s.gcr.io", "", "k8s.gcr.io is frozen since April 2023 and may stop to redirect: registry.k8s.io has the same images", "https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/", upgrade.Medium},
	{"gcr.io", "google-containers/", "gcr.io/google-containers is what k8s.gcr.io was and is frozen with it: registry.k8s.io has the images", "https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/", upgrade.Medium},
	{"gcr.io", "google_containers/", "gcr.io/google_containers is what k8s.gcr.io was and is frozen with it: registry.k8s.io has the images", "https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/", upgrade.Medium},
	{"docker.io", "bitnami/", "versioned images of docker.io/bitnami were moved to docker.io/bitnamilegacy in August 2025: a node that has it not yet cannot pull it", "https://github.com/bitnami/containers/issues/83267", upgrade.High},
}

func retiredRegistry(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		var names []string
		var worst upgrade.Finding
		for _, container := range containersOf(&w.Template) {
			at := parseImage(container.Image)
			for _, r := range retired {
				if at.registry != r.registry && (r.registry != "docker.io" || at.registry != "index.docker.io") || !strings.HasPrefix(at.path, r.prefix) || container.Image == "" {
					continue
				}
				if r.prefix == "bitnami/" && (at.tag == "" || at.tag == "latest") {
					continue // these stay
				}
				names = append(names, container.Image)
				if worst.Check == "" || r.severity.Rank() < worst.Severity.Rank() {
					worst = c.found(v, r.what)
					worst.Severity, worst.Source = r.severity, r.source
				}
			}
		}
		if worst.Check != "" {
			slices.Sort(names)
			worst.Evidence = fmt.Sprintf("it runs %s; %s", some(slices.Compact(names)), worst.Evidence)
			out = append(out, on(worst, w.Object))
		}
	}
	return out
}

// dockerHub makes one finding of all.
func dockerHub(v View, c Check) []upgrade.Finding {
	images := map[string]bool{}
	for i := range v.Kubernetes.Workloads {
		for _, container := range containersOf(&v.Kubernetes.Workloads[i].Template) {
			if container.Image != "" && parseImage(container.Image).registry == "docker.io" {
				images[container.Image] = true
			}
		}
	}
	if len(images) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("%s from Docker Hub: %s", count(len(images), "image"), some(sorted(images))))}
}

// floatingImage takes a tag without any digit ("latest", "stable", "alpine") for
// one that moves.
func floatingImage(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if system(w) {
			continue
		}
		var floating []string
		for _, container := range containersOf(&w.Template) {
			if i := parseImage(container.Image); container.Image != "" && i.digest == "" && !strings.ContainsAny(i.tag, "0123456789") {
				floating = append(floating, container.Image)
			}
		}
		if len(floating) > 0 {
			out = append(out, on(c.found(v, "it runs "+some(floating)), w.Object))
		}
	}
	return out
}

// cronJobsTwice is about blue and green together: both keep time.
func cronJobsTwice(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		if w.Object.Kind != "CronJob" || w.Suspended || system(w) {
			continue
		}
		evidence := "it runs in blue and in green from the moment that green has it"
		if w.Schedule != "" {
			evidence += ", each time at " + w.Schedule
		}
		out = append(out, on(c.found(v, evidence), w.Object))
	}
	return out
}
