package kubestate

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// nodeGroupLabel is what EKS puts on the nodes of a managed node group.
// Source: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
const nodeGroupLabel = "eks.amazonaws.com/nodegroup"

func nodes(ctx context.Context, client *kube.Client) ([]upgrade.Node, error) {
	listed, err := client.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	out := []upgrade.Node{}
	for _, n := range listed {
		kubelet, err := upgrade.ParseBuildVersion(n.Status.NodeInfo.KubeletVersion)
		if err != nil {
			return nil, upgrade.KindSourceUnreadable.Errorf("read the kubelet's version of node "+n.Name, "%w", err)
		}
		provisioner := upgrade.ByItself
		if n.Labels[nodeGroupLabel] != "" {
			provisioner = upgrade.ByNodeGroup
		}
		out = append(out, upgrade.Node{Name: n.Name, Provisioner: provisioner, NodeGroup: n.Labels[nodeGroupLabel], Zone: n.Labels[objects.LabelZone],
			InstanceType: n.Labels[objects.LabelInstanceType], KubeletVersion: kubelet, Ready: ready(n), Unschedulable: n.Spec.Unschedulable})
	}
	return out, nil
}

func ready(n objects.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c objects.NodeCondition) bool {
		return c.Type == objects.NodeReady && c.Status == objects.True
	})
}

// workloads returns Deployments, StatefulSets and DaemonSets, by kind,
// namespace and name.
func workloads(ctx context.Context, client *kube.Client) ([]upgrade.Workload, error) {
	deployments, err := client.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	statefulSets, err := client.StatefulSets(ctx)
	if err != nil {
		return nil, err
	}
	daemonSets, err := client.DaemonSets(ctx)
	if err != nil {
		return nil, err
	}
	out := []upgrade.Workload{}
	for _, d := range deployments {
		out = append(out, workload("Deployment", d.ObjectMeta, d.Spec.Selector, d.Spec.Template.Labels,
			replicas(d.Spec.Replicas), current(d.ObjectMeta, d.Status.ObservedGeneration, d.Status.ReadyReplicas)))
	}
	for _, s := range statefulSets {
		out = append(out, workload("StatefulSet", s.ObjectMeta, s.Spec.Selector, s.Spec.Template.Labels,
			replicas(s.Spec.Replicas), current(s.ObjectMeta, s.Status.ObservedGeneration, s.Status.ReadyReplicas)))
	}
	for _, d := range daemonSets {
		out = append(out, workload("DaemonSet", d.ObjectMeta, d.Spec.Selector, d.Spec.Template.Labels,
			int(d.Status.DesiredNumberScheduled), current(d.ObjectMeta, d.Status.ObservedGeneration, d.Status.NumberReady)))
	}
	slices.SortFunc(out, func(a, b upgrade.Workload) int { return strings.Compare(a.Object.String(), b.Object.String()) })
	return out, nil
}

func workload(kind string, meta metav1.ObjectMeta, selector *metav1.LabelSelector, labels map[string]string, desired, ready int) upgrade.Workload {
	a := upgrade.Workload{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: kind, Namespace: meta.Namespace, Name: meta.Name},
		Desired: desired, Ready: ready, Template: upgrade.PodTemplate{Labels: labels}}
	if selector != nil {
		a.Selector.Labels = selector.MatchLabels
	}
	return a
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
func current(meta metav1.ObjectMeta, observed int64, count int32) int {
	if observed < meta.Generation {
		return 0
	}
	return int(count)
}

func budgets(ctx context.Context, client *kube.Client) ([]upgrade.DisruptionBudget, error) {
	listed, err := client.DisruptionBudgets(ctx)
	if err != nil {
		return nil, err
	}
	out := []upgrade.DisruptionBudget{}
	for _, b := range listed {
		budget := upgrade.DisruptionBudget{Object: upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: b.Namespace, Name: b.Name},
			ExpectedPods: int(b.Status.ExpectedPods), CurrentHealthy: int(b.Status.CurrentHealthy), DesiredHealthy: int(b.Status.DesiredHealthy),
			DisruptionsAllowed: int(b.Status.DisruptionsAllowed), Observed: b.Status.ObservedGeneration > 0 && b.Status.ObservedGeneration >= b.Generation}
		if b.Spec.MinAvailable != nil {
			budget.MinAvailable = b.Spec.MinAvailable.String()
		}
		if b.Spec.MaxUnavailable != nil {
			budget.MaxUnavailable = b.Spec.MaxUnavailable.String()
		}
		out = append(out, budget)
	}
	return out, nil
}
