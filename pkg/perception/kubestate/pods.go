package kubestate

import (
	"context"
	"maps"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// name is of one object.
type name struct{ kind, namespace, name string }

// owned is an object with its controller.
type owned struct{ object, controller name }

// ownedBy returns who keeps a ReplicaSet or a Job; of one that nobody keeps only
// the namespace, where it is to be read whole.
func ownedBy(kind string) func(*objects.Metadata) (owned, bool) {
	return func(m *objects.Metadata) (owned, bool) {
		o := owned{object: name{kind, m.Namespace, m.Name}}
		if c := objects.Controller(m.OwnerReferences); c != nil {
			o.controller = name{c.Kind, m.Namespace, c.Name}
		}
		return o, true
	}
}

// crew knows which workload a pod is of, and on which node it is.
type crew struct {
	workloads map[name]int
	owners    map[name]name // controllers of ReplicaSets and Jobs
	nodes     map[string]int
	requests  []resources // of the templates of workloads
	templates []upgrade.Workload
}

type resources struct{ cpu, memory int64 }

func newCrew(workloads []upgrade.Workload, nodes []upgrade.Node, all []owned) *crew {
	c := &crew{workloads: make(map[name]int, len(workloads)), owners: make(map[name]name, len(all)), nodes: make(map[string]int, len(nodes)), templates: workloads}
	for i, w := range workloads {
		c.workloads[name{w.Object.Kind, w.Object.Namespace, w.Object.Name}] = i
		c.requests = append(c.requests, requested(w.Template))
	}
	for i, n := range nodes {
		c.nodes[n.Name] = i
	}
	for _, o := range all {
		if o.controller != (name{}) {
			c.owners[o.object] = o.controller
		}
	}
	return c
}

// requested adds up what a pod asks for: its containers and sidecars together,
// or, if it is more, one of those that run before them. Source:
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
func requested(t upgrade.PodTemplate) resources {
	var sum, before resources
	for _, c := range t.InitContainers {
		if c.Sidecar {
			sum.cpu, sum.memory = sum.cpu+c.CPU, sum.memory+c.Memory
		}
		before.cpu, before.memory = max(before.cpu, c.CPU), max(before.memory, c.Memory)
	}
	for _, c := range t.Containers {
		sum.cpu, sum.memory = sum.cpu+c.CPU, sum.memory+c.Memory
	}
	return resources{max(sum.cpu, before.cpu), max(sum.memory, before.memory)}
}

func asked(spec *objects.PodSpec) resources {
	var t upgrade.PodTemplate
	for i := range spec.Containers {
		r := spec.Containers[i].Resources.Requests
		t.Containers = append(t.Containers, upgrade.Container{CPU: r["cpu"].Milli(), Memory: r["memory"].Value()})
	}
	for i := range spec.InitContainers {
		r, policy := spec.InitContainers[i].Resources.Requests, spec.InitContainers[i].RestartPolicy
		t.InitContainers = append(t.InitContainers, upgrade.Container{CPU: r["cpu"].Milli(), Memory: r["memory"].Value(), Sidecar: policy != nil && *policy == "Always"})
	}
	return requested(t)
}

// workload returns the index of the workload that keeps what a controller made,
// or -1 and the kind of who keeps it.
func (c *crew) workload(namespace string, owners []objects.OwnerReference) (int, string) {
	controller := objects.Controller(owners)
	if controller == nil {
		return -1, ""
	}
	of := name{controller.Kind, namespace, controller.Name}
	for range 3 { // a pod, its ReplicaSet or Job, their Deployment or CronJob
		if i, ok := c.workloads[of]; ok {
			return i, ""
		}
		next, ok := c.owners[of]
		if !ok {
			break
		}
		of = next
	}
	return -1, of.kind
}

// generated are labels that controllers add to the pods that they make.
// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
var generated = []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"}

func (c *crew) pod(p *objects.Pod) (upgrade.Pod, bool) {
	out := upgrade.Pod{Namespace: p.Namespace, Name: p.Name, Node: -1, Mirror: p.Annotations[objects.Mirror] != ""}
	if i, ok := c.nodes[p.Spec.NodeName]; ok {
		out.Node = i
	}
	out.Workload, out.Owner = c.workload(p.Namespace, p.OwnerReferences)
	if p.Status.Phase != "Running" {
		out.Phase = p.Status.Phase
	}
	ended := out.Phase == "Succeeded" || out.Phase == "Failed"
	if !ended {
		out.NotReady = !podReady(p)
	}
	if out.NotReady {
		for _, s := range p.Status.ContainerStatuses {
			out.Restarts += int(s.RestartCount)
		}
	}
	for _, label := range generated {
		delete(p.Labels, label)
	}
	for _, v := range p.Spec.Volumes {
		switch {
		case v.Claim != nil:
			out.Claims = append(out.Claims, v.Claim.ClaimName)
		case v.Ephemeral != nil:
			out.Claims = append(out.Claims, p.Name+"-"+v.Name)
		}
	}
	sum, held := asked(&p.Spec), holds(p.Annotations)
	if out.Workload < 0 {
		out.Labels, out.CPU, out.Memory, out.Holds = p.Labels, sum.cpu, sum.memory, held
		if !ended {
			bare, _ := template(p.Labels, p.Annotations, &p.Spec)
			bare.Labels = nil // the pod has them
			out.Bare = &bare
		}
		return out, true
	}
	w := &c.templates[out.Workload]
	if !same(p.Labels, w.Template.Labels) {
		out.Labels = p.Labels
	}
	if like := c.requests[out.Workload]; sum != like {
		out.CPU, out.Memory = sum.cpu, sum.memory
	}
	if len(held) != len(w.Template.Holds) || len(held) > 0 && held[0] != w.Template.Holds[0] {
		out.Holds = held
	}
	return out, true
}

// same reports whether a pod has exactly its template's labels, but for those
// that controllers add.
func same(labels, template map[string]string) bool {
	if len(labels) == len(template) {
		return maps.Equal(labels, template)
	}
	clean := maps.Clone(template)
	for _, label := range generated {
		delete(clean, label)
	}
	return maps.Equal(labels, clean)
}

func podReady(p *objects.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == objects.True
		}
	}
	return false
}

// pods lists the pods, when it is known who keeps them.
func (s *scan) pods(ctx context.Context, r kube.Resource, c *crew) ([]upgrade.Pod, error) {
	return gather(ctx, s, r, c.pod)
}
