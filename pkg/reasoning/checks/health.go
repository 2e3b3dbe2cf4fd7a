package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var healthChecks = []Check{
	{ID: "cluster-health", Family: ControlPlane, Eksup: "EKS002", Title: "Cluster is not active or not healthy", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSCluster}, Remedy: "repair the cluster until EKS calls it ACTIVE and reports no issue",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html#cluster-health-status", run: clusterHealth},
	{ID: "nodegroup-health", Family: Nodes, Eksup: "EKS003", Title: "Node group is not active or not healthy", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSNodeGroups}, Remedy: "repair the node group",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html", run: nodeGroupHealth},
	{ID: "node-groups-known", Family: Nodes, Title: "Nodes that green could not have", Severity: upgrade.High, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{AWSNodeGroups, KubeNodes}, Remedy: "move the pods to managed node groups with an EKS image",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html", run: nodeGroupsKnown},
	{ID: "node-health", Family: Nodes, Title: "Node is not ready", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeNodes}, Source: "https://kubernetes.io/docs/concepts/architecture/nodes/#node-status", Remedy: "repair or remove the node", run: nodeHealth},
	{ID: "application-health", Family: Workloads, Title: "Application lacks replicas", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Cluster, KubeWorkloads}, Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status", Remedy: "repair it before the upgrade", run: applicationHealth},
}

func clusterHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	if v.AWS.Status != "ACTIVE" {
		out = append(out, c.blocking(fmt.Sprintf("EKS gives the cluster the status %s", v.AWS.Status), "wait until the cluster is ACTIVE"))
	}
	if len(v.AWS.Health) > 0 {
		out = append(out, c.blocking("EKS reports: "+issues(v.AWS.Health), "repair this: green takes its role and network from this cluster"))
	}
	return out
}

func nodeGroupHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.NodeGroups {
		if g.Status != "ACTIVE" || len(g.Health) > 0 {
			evidence := fmt.Sprintf("node group %s is %s", g.Name, g.Status)
			if len(g.Health) > 0 {
				evidence += ": " + issues(g.Health)
			}
			f := on(c.finding(evidence, "repair the node group: green gets the same one"), eksObject("NodeGroup", g.Name))
			switch {
			case len(g.Health) == 0 && (g.Status == "CREATING" || g.Status == "UPDATING"):
				f = at(f, upgrade.Medium)
				f.Remedy = "wait until EKS is done with it: aws eks wait nodegroup-active --cluster-name " + v.Request.Cluster + " --nodegroup-name " + g.Name
			case v.Request.Strategy == upgrade.InPlace:
				f.Remedy = c.Remedy
			}
			out = append(out, f)
		}
	}
	return out
}

// nodeGroupsKnown looks for nodes that a plan cannot make again.
func nodeGroupsKnown(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	if len(v.AWS.NodeGroups) == 0 {
		out = append(out, at(c.blocking("the cluster has no managed node group, and green would have no nodes", "give the cluster a managed node group"), upgrade.Critical))
	}
	for _, g := range v.AWS.NodeGroups {
		if g.AMIType == "CUSTOM" {
			out = append(out, c.blocking(fmt.Sprintf("node group %s takes its image from a launch template, which cannot be carried over", g.Name),
				"move its nodes to a node group with an EKS image"))
		}
	}
	var unmanaged []string
	for _, n := range v.Kubernetes.Nodes {
		if n.Provisioner != upgrade.ByNodeGroup {
			unmanaged = append(unmanaged, n.Name)
		}
	}
	if len(unmanaged) > 0 {
		out = append(out, c.finding(fmt.Sprintf("%d of %d nodes belong to no managed node group: %s", len(unmanaged), len(v.Kubernetes.Nodes), some(unmanaged)),
			"see that green's node groups can carry their pods too: these nodes are not made again"))
	}
	return out
}

func nodeHealth(v View, c Check) []upgrade.Finding {
	if len(v.Kubernetes.Nodes) == 0 {
		return []upgrade.Finding{at(c.blocking("the cluster has no nodes", "see why the node groups have none"), upgrade.Critical)}
	}
	var unready, cordoned []string
	for _, n := range v.Kubernetes.Nodes {
		if !n.Ready {
			unready = append(unready, n.Name)
		}
		if n.Unschedulable {
			cordoned = append(cordoned, n.Name)
		}
	}
	var out []upgrade.Finding
	if len(unready) > 0 {
		out = append(out, c.finding(fmt.Sprintf("%d of %d nodes are not ready: %s", len(unready), len(v.Kubernetes.Nodes), some(unready)), "repair or remove them: the first step verifies blue"))
	}
	if len(cordoned) > 0 {
		out = append(out, at(c.finding(fmt.Sprintf("%d of %d nodes are cordoned: %s", len(cordoned), len(v.Kubernetes.Nodes), some(cordoned)), "uncordon or remove them"), upgrade.Low))
	}
	return out
}

func applicationHealth(v View, c Check) []upgrade.Finding {
	if len(v.Kubernetes.Workloads) == 0 {
		return []upgrade.Finding{c.unseen("the cluster has no applications, so that nothing can be compared with green", "check that the agent's access entry shows all namespaces")}
	}
	var out []upgrade.Finding
	for _, a := range v.Kubernetes.Workloads {
		if a.Ready < a.Desired {
			out = append(out, on(c.finding(fmt.Sprintf("%d of %d replicas are ready", a.Ready, a.Desired), "repair it before the upgrade: the first step verifies blue, and green is compared with blue"), a.Object))
		}
	}
	return out
}
