package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const versionsPage = "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"

var versionChecks = []Check{
	{ID: "target-one-minor", Family: Versions, Title: "Target is not the next minor version", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{Cluster}, Remedy: "set target to the next minor version, and upgrade again from there",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", run: oneMinor},
	{ID: "target-offered", Family: Versions, Title: "EKS does not offer the target version", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSVersions}, Remedy: "name a version in standard support that EKS offers", Source: versionsPage, run: offered},
	{ID: "versions-agree", Family: Versions, Title: "EKS and the API server name different versions", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSCluster, Cluster}, Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", Remedy: "wait until no update of the cluster is in progress and look again", run: versionsAgree},
}

func oneMinor(v View, c Check) []upgrade.Finding {
	from, _ := v.From()
	target := v.Request.Target
	hops, err := upgrade.Hops(from, target)
	switch {
	case err != nil:
		return []upgrade.Finding{c.blocking(fmt.Sprintf("cluster %s runs %s and the target is %s", v.Request.Cluster, from, target), fmt.Sprintf("set target to %s", from.Next()))}
	case len(hops) > 1 && v.Request.Strategy == upgrade.InPlace:
		f := at(c.finding(fmt.Sprintf("from %s to %s are %d hops: %s", from, target, len(hops), versionsText(v.hops())),
			"do one hop after the other, each with its add-ons and nodes; every finding here is about all of them"), upgrade.Info)
		return []upgrade.Finding{f}
	case len(hops) > 1:
		return []upgrade.Finding{c.blocking(fmt.Sprintf("from %s to %s are %d minor versions; one upgrade goes one", from, target, len(hops)),
			fmt.Sprintf("set target to %s, and upgrade again from there", from.Next()))}
	}
	return nil
}

func offered(v View, c Check) []upgrade.Finding {
	i := slices.IndexFunc(v.AWS.Available, func(a upgrade.AvailableVersion) bool { return a.Version == v.Request.Target })
	if i < 0 {
		versions := make([]string, len(v.AWS.Available))
		for j, a := range v.AWS.Available {
			versions[j] = a.Version.String()
		}
		return []upgrade.Finding{c.blocking(fmt.Sprintf("EKS does not offer %s here; it offers %s", v.Request.Target, strings.Join(versions, ", ")), "name a version that EKS offers")}
	}
	switch a := v.AWS.Available[i]; a.Status {
	case "STANDARD_SUPPORT", "EXTENDED_SUPPORT":
		return nil
	default:
		return []upgrade.Finding{c.blocking(fmt.Sprintf("EKS gives %s the status %q", a.Version, a.Status), "name a version in standard support")}
	}
}

func versionsAgree(v View, c Check) []upgrade.Finding {
	if v.AWS.Version == v.Kubernetes.ServerVersion {
		return nil
	}
	return []upgrade.Finding{c.blocking(fmt.Sprintf("EKS says %s, the API server says %s (%s)", v.AWS.Version, v.Kubernetes.ServerVersion, v.Kubernetes.GitVersion),
		"wait until no update of the cluster is in progress and start the upgrade again")}
}
