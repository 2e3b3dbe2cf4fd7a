package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const skewPolicy = "https://kubernetes.io/releases/version-skew-policy/"

var skewChecks = []Check{
	{ID: "kubelet-skew", Family: Versions, Eksup: "K8S001", Title: "Kubelet does not fit the control plane", Severity: upgrade.High, Blocks: BlocksInPlace, Needs: []upgrade.Part{Cluster, KubeNodes}, Remedy: "update or replace the nodes", Source: skewPolicy + "#kubelet", run: kubeletSkew},
	{ID: "kube-proxy-skew", Family: Versions, Eksup: "K8S011", Title: "kube-proxy does not fit the control plane", Severity: upgrade.High, Blocks: BlocksInPlace, Needs: []upgrade.Part{Cluster, AWSAddons}, Remedy: "update the add-on kube-proxy", Source: skewPolicy + "#kube-proxy", run: kubeProxySkew},
}

// kubeletSkew groups nodes by version: a thousand nodes with one problem are
// one finding.
func kubeletSkew(v View, c Check) []upgrade.Finding {
	byVersion := map[upgrade.Version][]string{}
	for _, n := range v.Kubernetes.Nodes {
		byVersion[n.KubeletVersion] = append(byVersion[n.KubeletVersion], n.Name)
	}
	var out []upgrade.Finding
	if joining := byVersion[upgrade.Version{}]; len(joining) > 0 {
		out = append(out, at(c.unseen(fmt.Sprintf("%d of %d nodes tell no version of their kubelet: %s", len(joining), len(v.Kubernetes.Nodes), some(joining)), "look again once they have joined the cluster, or remove them"), upgrade.Low))
		delete(byVersion, upgrade.Version{})
	}
	for _, version := range slices.SortedFunc(maps.Keys(byVersion), upgrade.Version.Compare) {
		nodes := byVersion[version]
		if f, bad := skew(c, v, "kubelet", version, fmt.Sprintf("%d nodes (%s)", len(nodes), some(nodes)), "update or replace these nodes"); bad {
			out = append(out, f)
		}
	}
	return out
}

func kubeProxySkew(v View, c Check) []upgrade.Finding {
	for _, a := range v.AWS.Addons {
		if a.Name != "kube-proxy" {
			continue
		}
		version, err := upgrade.ParseBuildVersion(a.Version)
		if err != nil {
			return []upgrade.Finding{c.unseen(fmt.Sprintf("the version of add-on kube-proxy cannot be read: %v", err), "check it by hand")}
		}
		if f, bad := skew(c, v, "kube-proxy", version, "the add-on "+a.Version, "update the add-on kube-proxy"); bad {
			return []upgrade.Finding{f}
		}
	}
	return nil
}

// skew judges a node component. Blue's nodes never meet green's control plane,
// so that a component which is too old for the target only is no danger to a
// blue/green upgrade; one that does not fit today makes blue a poor place to
// go back to.
func skew(c Check, v View, component string, version upgrade.Version, who, remedy string) (upgrade.Finding, bool) {
	// kube-proxy follows the same rule as the kubelet.
	problem := func(server upgrade.Version) string {
		return strings.Replace(upgrade.SkewProblem(server, version), "kubelet", component, 1)
	}
	if p := problem(v.Kubernetes.ServerVersion); p != "" {
		f := c.found(v, who+": "+p)
		f.Remedy = remedy
		if v.Request.Strategy == upgrade.BlueGreen {
			f.Remedy += ": blue is where traffic goes back to"
		}
		return f, true
	}
	hops := v.hops()
	if p := problem(hops[0]); p != "" && v.Request.Strategy == upgrade.InPlace {
		f := c.found(v, who+": "+p)
		f.Remedy = remedy + " before the control plane goes to " + hops[0].String()
		return f, true
	}
	if p := problem(v.Request.Target); p != "" && v.Request.Strategy == upgrade.InPlace {
		return at(c.finding(who+": "+p, remedy+" between the hops: "+versionsText(hops)), upgrade.Medium), true
	} else if p != "" {
		return at(c.finding(who+": "+p+"; green gets new nodes, so that this does not block a blue/green upgrade", remedy+" if they are to be kept"), upgrade.Low), true
	}
	return upgrade.Finding{}, false
}
