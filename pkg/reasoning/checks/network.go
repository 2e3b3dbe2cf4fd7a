package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// freeIPs is how many addresses EKS wants to be free in each subnet that a
// cluster is created with; an update in place needs five.
const freeIPs = 6

var networkChecks = []Check{
	{ID: "free-ips", Family: Network, Eksup: "EKS001 AWS001 AWS002", Title: "Subnet lacks room for a second cluster", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{AWSSubnets}, Remedy: "free addresses in the cluster's subnets, or give it larger ones",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html", run: freeAddresses},
}

func freeAddresses(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	free, enough := 0, true
	for _, s := range v.AWS.Subnets {
		free += s.FreeIPs
		if s.FreeIPs < freeIPs {
			enough = false
			out = append(out, c.blocking(fmt.Sprintf("subnet %s in %s has %d free addresses; a new control plane needs %d in each subnet", s.ID, s.Zone, s.FreeIPs, freeIPs),
				"free addresses in the subnet, or give the cluster a larger one"))
		}
	}
	if len(v.AWS.Subnets) == 0 {
		return append(out, c.blocking("the cluster has no subnets", "give the cluster subnets in two zones"))
	}
	nodes := 0
	for _, g := range v.AWS.NodeGroups {
		nodes += max(g.Desired, g.Min)
	}
	room := free - freeIPs*len(v.AWS.Subnets)
	if enough && room < nodes {
		return append(out, c.blocking(fmt.Sprintf("%d addresses are free beside those of the control plane, and green's %d nodes need one each", room, nodes),
			"free addresses in the cluster's subnets"))
	}
	if pods := podsOf(v); enough && room < nodes+pods {
		out = append(out, at(c.finding(fmt.Sprintf("%d addresses are free beside those of the control plane; %d nodes and %d pods need up to %d when pods take theirs from the same subnets",
			room, nodes, pods, nodes+pods), "free addresses, or see that pods take theirs from other subnets or from prefixes"), upgrade.High))
	}
	return out
}

// podsOf counts the pods of the applications, as they want to be.
func podsOf(v View) int {
	if v.Kubernetes == nil {
		return 0
	}
	pods := 0
	for _, a := range v.Kubernetes.Workloads {
		pods += a.Desired
	}
	return pods
}
