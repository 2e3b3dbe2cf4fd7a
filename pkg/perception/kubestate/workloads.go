package kubestate

import (
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func deployment(d *objects.Deployment) (upgrade.Workload, bool) {
	w := workload("apps/v1", "Deployment", &d.ObjectMeta, d.Spec.Selector, d.Spec.Template)
	w.Desired, w.Ready = replicas(d.Spec.Replicas), current(&d.ObjectMeta, d.Status.ObservedGeneration, d.Status.ReadyReplicas)
	w.MinReadySeconds, w.UpdateStrategy = int(d.Spec.MinReadySeconds), d.Spec.Strategy.Type
	return w, true
}

func statefulSet(s *objects.StatefulSet) (upgrade.Workload, bool) {
	w := workload("apps/v1", "StatefulSet", &s.ObjectMeta, s.Spec.Selector, s.Spec.Template)
	w.Desired, w.Ready = replicas(s.Spec.Replicas), current(&s.ObjectMeta, s.Status.ObservedGeneration, s.Status.ReadyReplicas)
	w.MinReadySeconds, w.UpdateStrategy = int(s.Spec.MinReadySeconds), s.Spec.UpdateStrategy.Type
	for _, claim := range s.Spec.ClaimTemplates {
		w.Template.Claims = append(w.Template.Claims, claim.Name)
	}
	return w, true
}

func daemonSet(d *objects.DaemonSet) (upgrade.Workload, bool) {
	w := workload("apps/v1", "DaemonSet", &d.ObjectMeta, d.Spec.Selector, d.Spec.Template)
	w.Desired, w.Ready = int(d.Status.DesiredNumberScheduled), current(&d.ObjectMeta, d.Status.ObservedGeneration, d.Status.NumberReady)
	w.MinReadySeconds, w.UpdateStrategy = int(d.Spec.MinReadySeconds), d.Spec.UpdateStrategy.Type
	return w, true
}

// replicaSet leaves out those of Deployments, and those that others, such as
// Argo Rollouts, keep of former revisions.
func replicaSet(r *objects.ReplicaSet) (upgrade.Workload, bool) {
	owner := objects.Controller(r.OwnerReferences)
	if owner != nil && (owner.Kind == "Deployment" || replicas(r.Spec.Replicas) == 0) {
		return upgrade.Workload{}, false
	}
	w := workload("apps/v1", "ReplicaSet", &r.ObjectMeta, r.Spec.Selector, r.Spec.Template)
	w.Desired, w.Ready = replicas(r.Spec.Replicas), current(&r.ObjectMeta, r.Status.ObservedGeneration, r.Status.ReadyReplicas)
	w.MinReadySeconds = int(r.Spec.MinReadySeconds)
	return w, true
}

func replicationController(r *objects.ReplicationController) (upgrade.Workload, bool) {
	if owner := objects.Controller(r.OwnerReferences); owner != nil && replicas(r.Spec.Replicas) == 0 {
		return upgrade.Workload{}, false
	}
	w := workload("v1", "ReplicationController", &r.ObjectMeta, &objects.LabelSelector{MatchLabels: r.Spec.Selector}, r.Spec.Template)
	w.Desired, w.Ready = replicas(r.Spec.Replicas), current(&r.ObjectMeta, r.Status.ObservedGeneration, r.Status.ReadyReplicas)
	w.MinReadySeconds = int(r.Spec.MinReadySeconds)
	return w, true
}

// job leaves out those of CronJobs and those that have ended.
func job(j *objects.Job) (upgrade.Workload, bool) {
	owner := objects.Controller(j.OwnerReferences)
	ended := slices.ContainsFunc(j.Status.Conditions, func(c objects.Condition) bool {
		return (c.Type == "Complete" || c.Type == "Failed") && c.Status == objects.True
	})
	if ended || owner != nil && owner.Kind == "CronJob" {
		return upgrade.Workload{}, false
	}
	w := workload("batch/v1", "Job", &j.ObjectMeta, j.Spec.Selector, j.Spec.Template)
	w.Desired, w.Suspended = replicas(j.Spec.Parallelism), j.Spec.Suspend != nil && *j.Spec.Suspend
	if j.Status.Ready != nil {
		w.Ready = int(*j.Status.Ready)
	}
	return w, true
}

func cronJob(c *objects.CronJob) (upgrade.Workload, bool) {
	w := workload("batch/v1", "CronJob", &c.ObjectMeta, nil, c.Spec.JobTemplate.Spec.Template)
	w.Schedule, w.Suspended = c.Spec.Schedule, c.Spec.Suspend != nil && *c.Spec.Suspend
	if c.Spec.TimeZone != nil && *c.Spec.TimeZone != "" {
		w.Schedule = "CRON_TZ=" + *c.Spec.TimeZone + " " + w.Schedule
	}
	return w, true
}

func workload(apiVersion, kind string, meta *objects.ObjectMeta, s *objects.LabelSelector, t objects.Template) upgrade.Workload {
	w := upgrade.Workload{Object: ref(apiVersion, kind, meta), Selector: selector(s), ManagedBy: managers(meta)}
	w.Template, w.DependsOn = template(t.Labels, t.Annotations, &t.Spec)
	return w
}

func ref(apiVersion, kind string, meta *objects.ObjectMeta) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: apiVersion, Kind: kind, Namespace: meta.Namespace, Name: meta.Name}
}

func selector(s *objects.LabelSelector) upgrade.LabelSelector {
	if s == nil {
		return upgrade.LabelSelector{}
	}
	out := upgrade.LabelSelector{Labels: s.MatchLabels, Empty: len(s.MatchLabels)+len(s.MatchExpressions) == 0}
	for _, e := range s.MatchExpressions {
		out.Expressions = append(out.Expressions, upgrade.LabelExpression{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}

// replicas is 1 when the field is left out, as the API says.
func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// current returns the count of a status, or 0 when the status is of an older
// generation: stale data is no evidence.
func current(meta *objects.ObjectMeta, observed int64, count int32) int {
	if observed < meta.Generation {
		return 0
	}
	return int(count)
}

// managers returns the tools that own an object. Sources:
// https://helm.sh/docs/topics/charts_best_practices/labels/,
// https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/,
// https://fluxcd.io/flux/components/kustomize/kustomizations/#role-based-access-control,
// https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-field-management.html
func managers(m *objects.ObjectMeta) []upgrade.Manager {
	var out []upgrade.Manager
	add := func(tool, namespace, name string) {
		if name != "" {
			out = append(out, upgrade.Manager{Tool: tool, Namespace: namespace, Name: name})
		}
	}
	add("helm", m.Annotations["meta.helm.sh/release-namespace"], m.Annotations["meta.helm.sh/release-name"])
	application, _, _ := strings.Cut(m.Annotations["argocd.argoproj.io/tracking-id"], ":")
	if application == "" {
		application = m.Labels["argocd.argoproj.io/instance"]
	}
	namespace, name, found := strings.Cut(application, "_") // of applications outside of Argo CD's own namespace
	if !found {
		namespace, name = "", application
	}
	add("argocd", namespace, name)
	for _, tool := range []string{"kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"} {
		add("flux", m.Labels[tool+"/namespace"], m.Labels[tool+"/name"])
	}
	if slices.ContainsFunc(m.ManagedFields, func(f objects.ManagedFields) bool { return f.Manager == "eks" }) {
		add("eks", "", addon(m))
	}
	return out
}

// addon returns the EKS add-on that an object is of, as far as its labels say.
func addon(m *objects.ObjectMeta) string {
	switch m.Name {
	case "aws-node":
		return "vpc-cni"
	case "ebs-csi-controller", "ebs-csi-node":
		return "aws-ebs-csi-driver"
	case "efs-csi-controller", "efs-csi-node":
		return "aws-efs-csi-driver"
	}
	for _, label := range []string{"eks.amazonaws.com/component", "app.kubernetes.io/name", "k8s-app"} {
		if name := m.Labels[label]; name != "" {
			return name
		}
	}
	return m.Name
}
