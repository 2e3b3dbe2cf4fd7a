package kubestate

import (
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Labels that say who makes a node. Sources:
// https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html,
// https://docs.aws.amazon.com/eks/latest/userguide/set-builtin-node-pools.html,
// https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-add-ons.html,
// https://karpenter.sh/docs/concepts/scheduling/#well-known-labels
const (
	nodeGroupLabel      = "eks.amazonaws.com/nodegroup"
	computeTypeLabel    = "eks.amazonaws.com/compute-type"
	nodePoolLabel       = "karpenter.sh/nodepool"
	oldProvisionerLabel = "karpenter.sh/provisioner-name" // before v0.32
)

func node(n *objects.Node) (upgrade.Node, bool) {
	out := upgrade.Node{Name: n.Name, InstanceID: instance(n.Spec.ProviderID), Zone: n.Labels[objects.LabelZone], InstanceType: n.Labels[objects.LabelInstanceType],
		OSImage: n.Status.NodeInfo.OSImage, Kernel: n.Status.NodeInfo.KernelVersion, Runtime: n.Status.NodeInfo.ContainerRuntimeVersion, Labels: n.Labels,
		CPU: n.Status.Allocatable["cpu"].Milli(), Memory: n.Status.Allocatable["memory"].Value(), MaxPods: int(n.Status.Allocatable["pods"].Value()),
		Ready: ready(n), Unschedulable: n.Spec.Unschedulable}
	out.Provisioner, out.NodeGroup = provisioner(n.Labels)
	// A node that is joining says no version yet: it is left zero.
	out.KubeletVersion, _ = upgrade.ParseBuildVersion(n.Status.NodeInfo.KubeletVersion)
	out.KubeProxyVersion, _ = upgrade.ParseBuildVersion(n.Status.NodeInfo.KubeProxyVersion)
	for _, t := range n.Spec.Taints {
		out.Taints = append(out.Taints, upgrade.NodeTaint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	return out, true
}

// provisioner returns who makes a node, and its group or pool.
func provisioner(labels map[string]string) (upgrade.Provisioner, string) {
	pool := labels[nodePoolLabel]
	if pool == "" {
		pool = labels[oldProvisionerLabel]
	}
	switch group := labels[nodeGroupLabel]; {
	case labels[computeTypeLabel] == "fargate":
		return upgrade.ByFargate, ""
	case labels[computeTypeLabel] == "hybrid":
		return upgrade.ByHybrid, ""
	case labels[computeTypeLabel] == "auto":
		return upgrade.ByAutoMode, pool
	case group != "":
		return upgrade.ByNodeGroup, group
	case pool != "":
		return upgrade.ByKarpenter, pool
	}
	return upgrade.ByItself, ""
}

// instance returns the EC2 instance of a provider id such as
// "aws:///eu-west-1a/i-0123", or "".
func instance(providerID string) string {
	id := providerID[strings.LastIndexByte(providerID, '/')+1:]
	if strings.HasPrefix(providerID, "aws://") && strings.HasPrefix(id, "i-") {
		return id
	}
	return ""
}

func ready(n *objects.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c objects.NodeCondition) bool {
		return c.Type == objects.NodeReady && c.Status == objects.True
	})
}
