package checks

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// updateIPs is how many free addresses EKS wants in subnets of two zones for an
// update of a control plane.
const updateIPs = 5

var capacityChecks = []Check{
	{ID: "control-plane-ips", Family: Network, Title: "Too few free addresses to update the control plane", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{AWSSubnets},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", Eksup: "EKS001", Remedy: "free addresses in the cluster's subnets, or give it others: aws eks update-cluster-config --resources-vpc-config subnetIds=...", run: controlPlaneIPs},
	{ID: "node-ips", Family: Network, Title: "Too few free addresses for the nodes of an update", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSNodeGroups, AWSNodeSubnets},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html", Eksup: "AWS001", Remedy: "free addresses, or add subnets", run: nodeIPs},
	{ID: "pod-ips", Family: Network, Title: "Too few free addresses for the pods of an update", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{AWSNodeGroups, AWSNodeSubnets, AWSPodNetwork, KubeNodes, Pods},
		Source: "https://docs.aws.amazon.com/eks/latest/best-practices/subnets.html", Eksup: "AWS002", Remedy: "free addresses, or add subnets to the pods' network", run: podIPs},
	{ID: "vcpu-quota", Family: Quotas, Title: "Quota of vCPUs leaves too little room", Severity: upgrade.High, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{AWSQuotas, AWSNodeGroups, AWSInstanceTypes},
		Source: "https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html", Eksup: "AWS003", Remedy: "have the quota raised", run: vcpuQuota},
	{ID: "ebs-quota", Family: Quotas, Title: "Quota of EBS storage leaves too little room", Severity: upgrade.High, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{AWSQuotas, AWSNodeGroups, AWSLaunchTemplates},
		Source: "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html", Eksup: "AWS004 AWS005", Remedy: "have the quota raised", run: diskQuota},
}

func controlPlaneIPs(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // free-ips counts what a second cluster needs
	}
	zones := map[string]bool{}
	var short []string
	for _, s := range v.AWS.Subnets {
		if s.FreeIPs >= updateIPs {
			zones[s.Zone] = true
		} else {
			short = append(short, fmt.Sprintf("%s in %s has %d", s.ID, s.Zone, s.FreeIPs))
		}
	}
	switch {
	case len(zones) < 2:
		return []upgrade.Finding{c.found(v, fmt.Sprintf("EKS wants %d free addresses in subnets of two zones; %d zones have them: %s", updateIPs, len(zones), cmp.Or(some(short), "the cluster has too few subnets")))}
	case len(short) > 0:
		return []upgrade.Finding{at(c.finding(fmt.Sprintf("subnets with fewer than %d free addresses: %s; others have enough", updateIPs, some(short)), c.Remedy), upgrade.Low)}
	}
	return nil
}

// surge is how many nodes more than it has a managed node group runs in the
// course of an update in place: the larger of twice the number of its zones and
// the maximum unavailable, but no more than there are to replace; none with the
// strategy MINIMAL. Source: "Understand each phase of node updates".
func surge(g upgrade.NodeGroup, zones int) int {
	nodes := max(g.Desired, g.Min)
	if g.Update.Strategy == "MINIMAL" {
		return 0
	}
	unavailable := max(g.Update.MaxUnavailable, int(math.Ceil(float64(nodes*g.Update.MaxUnavailablePercent)/100)))
	return min(max(2*zones, unavailable), nodes)
}

// added is how many nodes of a group the strategy adds: those of an update, or
// as many again.
func (v View) added(g upgrade.NodeGroup) int {
	if v.Request.Strategy == upgrade.BlueGreen {
		return max(g.Desired, g.Min)
	}
	return surge(g, max(1, len(v.zonesOf(g.Subnets))))
}

func (v View) zonesOf(subnets []string) []string {
	var zones []string
	for _, s := range slices.Concat(v.AWS.NodeSubnets, v.AWS.Subnets) {
		if slices.Contains(subnets, s.ID) && !slices.Contains(zones, s.Zone) {
			zones = append(zones, s.Zone)
		}
	}
	return zones
}

func nodeIPs(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // free-ips counts what a second cluster needs
	}
	var out []upgrade.Finding
	for _, g := range v.AWS.NodeGroups {
		free, need := 0, v.added(g)
		var subnets []string
		for _, s := range v.AWS.NodeSubnets {
			if slices.Contains(g.Subnets, s.ID) {
				free += s.FreeIPs
				subnets = append(subnets, fmt.Sprintf("%s %d", s.ID, s.FreeIPs))
			}
		}
		if need > free {
			out = append(out, on(c.found(v, fmt.Sprintf("an update adds up to %d nodes, and %d addresses are free in the group's subnets: %s", need, free, some(subnets))), eksObject("NodeGroup", g.Name)))
		}
	}
	return out
}

// podIPs compares the addresses that the pods of the added nodes take with what
// is free. A pod of the host's network takes none; with prefixes a node takes
// blocks of 16.
func podIPs(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace || v.AWS.IPFamily == "ipv6" {
		return nil
	}
	if !v.vpcCNI() {
		return []upgrade.Finding{at(c.unseen("pods get their addresses of another network plugin than vpc-cni, whose stock is not known", "see by the means of the plugin that addresses for more nodes are left"), upgrade.Info)}
	}
	network := v.AWS.PodNetwork
	subnets := network.Subnets
	if !network.CustomNetworking {
		subnets = slices.Concat(v.AWS.NodeSubnets, subnets)
	}
	free := 0
	seen := map[string]bool{}
	for _, s := range subnets {
		if !seen[s.ID] {
			free += s.FreeIPs
		}
		seen[s.ID] = true
	}
	// A node of Fargate has one pod, and those of hybrid nodes have addresses from
	// elsewhere: they say nothing of what a node of a group takes.
	counts := func(n upgrade.Node) bool {
		return n.Provisioner != upgrade.ByFargate && n.Provisioner != upgrade.ByHybrid
	}
	nodes := 0
	for _, n := range v.Kubernetes.Nodes {
		if counts(n) {
			nodes++
		}
	}
	nodes = max(1, nodes)
	pods := 0
	for _, p := range v.Kubernetes.Pods {
		hosted := p.Workload >= 0 && p.Workload < len(v.Kubernetes.Workloads) && v.Kubernetes.Workloads[p.Workload].Template.HostNetwork
		if p.Node >= 0 && p.Node < len(v.Kubernetes.Nodes) && counts(v.Kubernetes.Nodes[p.Node]) && p.Phase != "Succeeded" && p.Phase != "Failed" && !p.Mirror && !hosted {
			pods++
		}
	}
	each := (pods + nodes - 1) / nodes
	unit := "addresses"
	if network.PrefixDelegation {
		each, unit = 16*((each+15)/16), "addresses in blocks of 16"
	}
	added := 0
	for _, g := range v.AWS.NodeGroups {
		added += v.added(g)
	}
	need := added * (each + 1)
	if need <= free {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("updates add up to %d nodes, each with %d %s for pods (%d pods on %d nodes now) and one of its own: %d, and %d are free in %s",
		added, each, unit, pods, nodes, need, free, some(ids(subnets))))}
}

// vpcCNI reports whether pods have addresses of the VPC, as far as that is known.
func (v View) vpcCNI() bool {
	return v.AWS.AutoMode != nil || v.Kubernetes.Workloads == nil || slices.ContainsFunc(v.AWS.Addons, func(a upgrade.Addon) bool { return a.Name == "vpc-cni" }) ||
		slices.ContainsFunc(v.Kubernetes.Workloads, func(w upgrade.Workload) bool {
			return w.Object.Kind == "DaemonSet" && w.Object.Namespace == "kube-system" && w.Object.Name == "aws-node"
		})
}

func ids(subnets []upgrade.Subnet) []string {
	out := []string{}
	for _, s := range subnets {
		if !slices.Contains(out, s.ID) {
			out = append(out, s.ID)
		}
	}
	return out
}

// classOf is the class of vCPU quota that an instance type counts in, as
// perception names it.
func classOf(quotas []upgrade.Quota, instanceType string, spot bool) string {
	family, _, _ := strings.Cut(instanceType, ".")
	letters := family[:len(family)-len(strings.TrimLeft(family, "abcdefghijklmnopqrstuvwxyz"))]
	if letters == "vt" || letters == "gr" {
		letters = "g"
	}
	prefix := ""
	if spot {
		prefix = "spot "
	}
	if slices.ContainsFunc(quotas, func(q upgrade.Quota) bool { return q.Class == prefix+letters }) {
		return prefix + letters
	}
	return prefix + "standard"
}

// vcpuQuota judges what managed node groups add. Karpenter and self-managed
// groups replace nodes as they are told to, which nobody knows beforehand.
func vcpuQuota(v View, c Check) []upgrade.Finding {
	need := map[string]int{}
	groups := map[string][]string{}
	var out []upgrade.Finding
	for _, g := range v.AWS.NodeGroups {
		kind := v.typeOf(g)
		i := slices.IndexFunc(v.AWS.InstanceTypes, func(t upgrade.InstanceType) bool { return t.Name == kind })
		if i < 0 || v.AWS.InstanceTypes[i].VCPUs == 0 {
			out = append(out, on(at(c.unseen(fmt.Sprintf("how many vCPUs %s has was not seen", cmp.Or(kind, "the group's instance type")), "check by hand that the quota leaves room for its nodes"), upgrade.Low), eksObject("NodeGroup", g.Name)))
			continue
		}
		class := classOf(v.AWS.Quotas, kind, g.CapacityType == "SPOT")
		n := v.added(g)
		need[class] += n * v.AWS.InstanceTypes[i].VCPUs
		groups[class] = append(groups[class], fmt.Sprintf("%s: %d %s", g.Name, n, kind))
	}
	for _, q := range v.AWS.Quotas {
		if q.Service == "ec2" && need[q.Class] > 0 && q.Used+float64(need[q.Class]) > q.Limit {
			out = append(out, quotaFinding(v, c, q, float64(need[q.Class]), groups[q.Class]))
		}
	}
	return out
}

func quotaFinding(v View, c Check, q upgrade.Quota, need float64, groups []string) upgrade.Finding {
	f := c.found(v, fmt.Sprintf("%s: %.4g of %.4g %s are in use, and the upgrade adds up to %.4g (%s)", q.Name, q.Used, q.Limit, q.Unit, need, some(groups)))
	f.Remedy = fmt.Sprintf("aws service-quotas request-service-quota-increase --service-code %s --quota-code %s --desired-value %.0f", q.Service, q.Code, math.Ceil(q.Used+need))
	return on(f, upgrade.ObjectRef{APIVersion: "servicequotas.amazonaws.com", Kind: "Quota", Name: q.Code})
}

// typeOf is what a group launches first.
func (v View) typeOf(g upgrade.NodeGroup) string {
	if len(g.InstanceTypes) > 0 {
		return g.InstanceTypes[0]
	}
	if t, ok := v.templateVersion(g.Template); ok {
		return t.InstanceType
	}
	return ""
}

// defaultDisk is what EKS gives a node of Linux, in GiB. Source: API reference,
// CreateNodegroup.
const defaultDisk = 20

func diskQuota(v View, c Check) []upgrade.Finding {
	need := map[string]int{}
	groups := map[string][]string{}
	for _, g := range v.AWS.NodeGroups {
		disks := []upgrade.Disk{{Type: "gp3", GiB: cmp.Or(g.DiskGiB, defaultDisk)}}
		if t, ok := v.templateVersion(g.Template); ok && len(t.Disks) > 0 {
			disks = t.Disks
		}
		n := v.added(g)
		for _, d := range disks {
			kind := cmp.Or(d.Type, "gp3")
			need[kind] += n * d.GiB
			groups[kind] = append(groups[kind], fmt.Sprintf("%s: %d x %d GiB", g.Name, n, d.GiB))
		}
	}
	var out []upgrade.Finding
	for _, q := range v.AWS.Quotas {
		tib := float64(need[q.Class]) / 1024
		if q.Service == "ebs" && tib > 0 && q.Used+tib > q.Limit {
			out = append(out, quotaFinding(v, c, q, tib, groups[q.Class]))
		}
	}
	return out
}
