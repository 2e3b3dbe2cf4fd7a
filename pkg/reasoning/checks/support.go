package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// What EKS takes for an hour of a cluster, in US dollars. Source:
// https://aws.amazon.com/eks/pricing/ (the same in all regions but GovCloud).
const (
	standardHour  = 0.10
	extendedHour  = 0.60
	hoursPerMonth = 730
)

// nearEnd is how long before the end of a support a cluster's people should
// know: some weeks for the upgrade of a test cluster, some for the next.
const nearEnd = 60 * 24 * time.Hour

var supportChecks = []Check{
	{ID: "support-ends", Family: Versions, Title: "Support of the running version ends or costs more", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSVersions}, Source: versionsPage,
		Remedy: "upgrade, once for each minor version that is in extended support: aws eks update-cluster-version --name CLUSTER --kubernetes-version NEXT", run: supportEnds},
	{ID: "target-support", Family: Versions, Title: "Support of the target ends soon or costs more", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSVersions}, Source: versionsPage,
		Remedy: "plan the upgrade after this one now", run: targetSupport},
	{ID: "nodes-behind", Family: Versions, Title: "Managed or Fargate nodes are older than the control plane", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Cluster, KubeNodes},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", Remedy: "bring the nodes to the control plane's version before its next hop", run: nodesBehind},
}

func supportEnds(v View, c Check) []upgrade.Finding {
	i := slices.IndexFunc(v.AWS.Available, func(a upgrade.AvailableVersion) bool { return a.Version == v.AWS.Version })
	if i < 0 {
		return []upgrade.Finding{c.unseen(fmt.Sprintf("EKS does not list the running version %s any more, so that its dates are not known", v.AWS.Version), "see "+versionsPage)}
	}
	a := v.AWS.Available[i]
	more := (extendedHour - standardHour) * hoursPerMonth
	switch {
	case a.Status == "UNSUPPORTED":
		return []upgrade.Finding{at(c.found(v, fmt.Sprintf("%s is not supported any more: EKS upgrades the cluster by itself, at a time of its choice", a.Version)), upgrade.Critical)}
	case a.Status == "EXTENDED_SUPPORT":
		f := c.found(v, fmt.Sprintf("%s is in extended support, which costs %.2f instead of %.2f US dollars an hour: %.0f more a month%s", a.Version, extendedHour, standardHour, more,
			until(a.EndOfExtended, v.Now, "; it ends at %s, %d days from now, and EKS then upgrades the cluster by itself")))
		if ends(a.EndOfExtended, v.Now) {
			f = at(f, upgrade.High)
		}
		return []upgrade.Finding{f}
	case ends(a.EndOfStandard, v.Now):
		then := fmt.Sprintf("; then the cluster costs %.0f US dollars more a month (support type EXTENDED)", more)
		if v.AWS.SupportType == "STANDARD" {
			then = "; then EKS upgrades the cluster by itself (support type STANDARD)"
		}
		return []upgrade.Finding{c.found(v, "standard support of "+a.Version.String()+until(a.EndOfStandard, v.Now, " ends at %s, %d days from now")+then)}
	}
	return nil
}

func targetSupport(v View, c Check) []upgrade.Finding {
	for _, a := range v.AWS.Available {
		switch {
		case a.Version != v.Request.Target:
		case a.Status == "EXTENDED_SUPPORT":
			return []upgrade.Finding{c.found(v, fmt.Sprintf("%s is in extended support: %.2f instead of %.2f US dollars an hour, %.0f more a month%s", a.Version, extendedHour, standardHour,
				(extendedHour-standardHour)*hoursPerMonth, until(a.EndOfExtended, v.Now, ", until %s, %d days from now")))}
		case ends(a.EndOfStandard, v.Now):
			return []upgrade.Finding{c.found(v, "standard support of "+a.Version.String()+until(a.EndOfStandard, v.Now, " ends at %s, %d days from now"))}
		}
	}
	return nil
}

func ends(t upgrade.Time, now time.Time) bool { return !t.IsZero() && t.Sub(now) < nearEnd }

func until(t upgrade.Time, now time.Time, format string) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(format, t.Format("2006-01-02"), int(t.Sub(now).Hours()/24))
}

// nodesBehind: the EKS User Guide asks for managed and Fargate nodes of the
// control plane's minor version before its next update; the skew that Kubernetes
// allows is another check.
func nodesBehind(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.InPlace {
		return nil // green's nodes are new
	}
	names := map[upgrade.Provisioner][]string{}
	for _, n := range v.Kubernetes.Nodes {
		if n.KubeletVersion != (upgrade.Version{}) && n.KubeletVersion.Compare(v.Kubernetes.ServerVersion) < 0 && (n.Provisioner == upgrade.ByNodeGroup || n.Provisioner == upgrade.ByFargate) {
			names[n.Provisioner] = append(names[n.Provisioner], n.Name)
		}
	}
	var out []upgrade.Finding
	if nodes := names[upgrade.ByNodeGroup]; len(nodes) > 0 {
		f := c.found(v, fmt.Sprintf("%d nodes of managed node groups are older than the control plane %s: %s", len(nodes), v.Kubernetes.ServerVersion, some(nodes)))
		f.Remedy = "update their node groups first: aws eks update-nodegroup-version --cluster-name " + v.Request.Cluster + " --nodegroup-name NAME"
		out = append(out, f)
	}
	if nodes := names[upgrade.ByFargate]; len(nodes) > 0 {
		f := c.found(v, fmt.Sprintf("%d Fargate nodes are older than the control plane %s: %s", len(nodes), v.Kubernetes.ServerVersion, some(nodes)))
		f.Remedy = "restart their pods, which get new nodes: kubectl rollout restart deployment NAME"
		out = append(out, f)
	}
	return out
}

// hops are the versions that the control plane passes through, the target last;
// only the target when it cannot be reached.
func (v View) hops() []upgrade.Version {
	from, seen := v.From()
	hops, err := upgrade.Hops(from, v.Request.Target)
	if !seen || err != nil {
		return []upgrade.Version{v.Request.Target}
	}
	var out []upgrade.Version
	for _, h := range hops {
		out = append(out, h.To)
	}
	return out
}

func versionsText(versions []upgrade.Version) string {
	texts := make([]string, len(versions))
	for i, x := range versions {
		texts[i] = x.String()
	}
	return strings.Join(texts, ", ")
}

// Objects of AWS that findings are about.
func eksObject(kind, name string) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "eks.amazonaws.com", Kind: kind, Name: name}
}

func scalingObject(name string) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "autoscaling.amazonaws.com", Kind: "AutoScalingGroup", Name: name}
}
