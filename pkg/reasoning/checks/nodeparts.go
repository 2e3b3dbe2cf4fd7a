package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks/removed"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const gatesPage = "https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates-removed/"

var nodePartChecks = []Check{
	{ID: "kube-proxy-ipvs", Family: Versions, Title: "kube-proxy runs in IPVS mode", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeProxy},
		Source: "https://github.com/kubernetes/kubernetes/blob/v1.37.2/cmd/kube-proxy/app/server_linux.go", Eksup: "K8S012", Remedy: "set kube-proxy's mode to nftables (Linux 5.13 or newer) or iptables, and replace the nodes", run: ipvs},
	{ID: "kube-proxy-nftables-kernel", Family: Versions, Title: "Kernel is too old for kube-proxy's nftables mode", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeProxy, KubeNodes},
		Source: "https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables", Remedy: "use iptables mode, or nodes with Linux 5.13 or newer", run: nftablesKernel},
	{ID: "feature-gates-gone", Family: Nodes, Title: "Feature gate is refused by the target", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Karpenter, KubeWorkloads},
		Source: gatesPage, Remedy: "take the feature gate out of the configuration: the component does not start with it", run: gatesGone},
	{ID: "kubelet-flags-gone", Family: Nodes, Title: "Flag is refused by the target", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Karpenter, KubeWorkloads},
		Source: "https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/", Remedy: "take the flag out of the configuration: the component does not start with it", run: flagsGone},
	{ID: "container-runtime", Family: Nodes, Title: "Container runtime is too old for the target", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeNodes},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions-standard.html#kubernetes-1-35", Remedy: "give the nodes an image with containerd 2", run: oldRuntimes},
	{ID: "amazon-linux-2", Family: Nodes, Title: "Nodes run Amazon Linux 2", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeNodes},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html", Eksup: "EKS008", Remedy: "move to AL2023 or Bottlerocket", run: amazonLinux2},
	{ID: "self-managed-components", Family: Addons, Title: "Component of every node is nobody's add-on", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads, AWSAddons},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html", Eksup: "K8S011", Remedy: "make it an EKS add-on, or update it by hand: EKS updates only add-ons", run: selfManaged},
}

// IPVS is deprecated since 1.35, off unless asked for from 1.40 and gone in 1.43,
// says kube-proxy 1.37 itself; some checklists have it end earlier.
var ipvsDeprecated, ipvsOff = upgrade.Version{Major: 1, Minor: 35}, upgrade.Version{Major: 1, Minor: 40}

func ipvs(v View, c Check) []upgrade.Finding {
	if v.Kubernetes.KubeProxy.Mode != "ipvs" {
		return nil
	}
	f := on(c.found(v, "the mode is deprecated since 1.35, off by default from 1.40 and gone in 1.43"),
		upgrade.ObjectRef{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "kube-system", Name: "kube-proxy"})
	switch target := v.Request.Target; {
	case target.Compare(ipvsOff) >= 0:
		f = at(f, upgrade.Critical)
		f.Evidence += fmt.Sprintf(", and the target is %s: no Service is reachable", target)
	case target.Compare(ipvsDeprecated) < 0:
		f = at(f, upgrade.Info)
	}
	return []upgrade.Finding{f}
}

func nftablesKernel(v View, c Check) []upgrade.Finding {
	if v.Kubernetes.KubeProxy.Mode != "nftables" {
		return nil
	}
	var old []string
	for i := range v.Kubernetes.Nodes {
		n := &v.Kubernetes.Nodes[i]
		if r, ok := parseRelease(n.Kernel); ok && r.compare(productRelease{major: 5, minor: 13}) < 0 {
			old = append(old, n.Name)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("%d nodes have a kernel older than 5.13: %s", len(old), some(old)))}
}

// configured is a component that is started with a configuration.
type configured struct {
	object    upgrade.ObjectRef
	what      string // "user data of version 3"
	component string // kubelet, kube-proxy, kube-scheduler
	config    upgrade.NodeConfig
}

// configurations collects what nodes and their components are started with.
func (v View) configurations() []configured {
	var out []configured
	if v.AWS != nil {
		for _, t := range v.AWS.LaunchTemplates {
			object := upgrade.ObjectRef{APIVersion: "ec2.amazonaws.com", Kind: "LaunchTemplate", Name: t.Name}
			for _, version := range t.Versions {
				out = append(out, configured{object, fmt.Sprintf("the user data of version %d", version.Number), "kubelet", version.Node})
			}
		}
	}
	for _, n := range v.Kubernetes.Karpenter.NodeClasses {
		out = append(out, configured{n.Object, "the node class", "kubelet", n.Node})
	}
	if v.Kubernetes.KubeProxy != nil { // else kube-proxy-ipvs could not be checked either, and says so
		out = append(out, configured{upgrade.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kube-system", Name: "kube-proxy-config"}, "the configuration of kube-proxy", "kube-proxy", v.Kubernetes.KubeProxy.Config})
	}
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		for j := range w.Template.Containers {
			container := &w.Template.Containers[j]
			if name := parseImage(container.Image).name(); name == "kube-scheduler" || strings.HasPrefix(name, "kube-scheduler-") {
				out = append(out, configured{w.Object, "container " + container.Name, "kube-scheduler", upgrade.NodeConfig{KubeletFlags: container.Flags, FeatureGates: gatesIn(container.Flags)}})
			}
		}
	}
	return out
}

// gatesIn reads --feature-gates=A=true,B=false.
func gatesIn(flags []string) map[string]bool {
	gates := map[string]bool{}
	for _, f := range flags {
		if name, value := flagOf(f); name == "feature-gates" {
			for _, pair := range strings.Split(strings.Trim(value, `"'`), ",") {
				if gate, on, ok := strings.Cut(pair, "="); ok {
					gates[strings.TrimSpace(gate)] = strings.EqualFold(strings.TrimSpace(on), "true")
				}
			}
		}
	}
	return gates
}

// refused makes one finding of each object whose configurations problems says
// something of.
//
// A doubtful problem is no reason to stop.
func refused(v View, c Check, problems func(configured) (sure, doubtful []string)) []upgrade.Finding {
	var out []upgrade.Finding
	seen := map[upgrade.ObjectRef]int{}
	for _, x := range v.configurations() {
		sure, doubtful := problems(x)
		if x.config.Unread != "" && c.ID == "feature-gates-gone" { // said once
			out = append(out, on(at(c.unseen(fmt.Sprintf("%s could not be read: %s", x.what, x.config.Unread), "look at it by hand: feature gates and flags that the target refuses keep nodes from joining"), upgrade.Low), x.object))
		}
		if len(sure)+len(doubtful) == 0 {
			continue
		}
		evidence := fmt.Sprintf("%s: %s", x.what, strings.Join(append(sure, doubtful...), "; "))
		f := c.found(v, evidence)
		if v.Request.Strategy == upgrade.BlueGreen {
			f.Severity = upgrade.High // green's nodes fail before blue is touched
		}
		if len(sure) == 0 {
			f = at(unblocked(f), upgrade.Medium)
		}
		if i, ok := seen[x.object]; ok {
			f.Evidence = out[i].Evidence + "; " + evidence
			if out[i].Severity.Rank() > f.Severity.Rank() {
				out[i].Severity, out[i].Blocks = f.Severity, f.Blocks
			}
			out[i].Evidence = f.Evidence
			continue
		}
		seen[x.object] = len(out)
		out = append(out, on(f, x.object))
	}
	return out
}

func gatesGone(v View, c Check) []upgrade.Finding {
	target := v.Request.Target
	return refused(v, c, func(x configured) (sure, doubtful []string) {
		names := map[string]bool{}
		for name := range x.config.FeatureGates {
			names[name] = true
		}
		for _, name := range sorted(names) {
			g, known := removed.FeatureGate(name)
			value := x.config.FeatureGates[name]
			switch {
			case !known && !slices.Contains([]string{"AllAlpha", "AllBeta"}, name):
				doubtful = append(doubtful, fmt.Sprintf("no release since %s knows the feature gate %s", removed.First, name))
			case g.Gone != (upgrade.Version{}) && g.Gone.Compare(target) <= 0:
				sure = append(sure, fmt.Sprintf("feature gate %s is gone in %s", name, g.Gone))
			case g.Locked != (upgrade.Version{}) && g.Locked.Compare(target) <= 0 && value != g.To:
				sure = append(sure, fmt.Sprintf("feature gate %s is locked to %t since %s and set to %t", name, g.To, g.Locked, value))
			}
		}
		return sure, doubtful
	})
}

func flagsGone(v View, c Check) []upgrade.Finding {
	target := v.Request.Target
	return refused(v, c, func(x configured) (sure, doubtful []string) {
		for _, f := range x.config.KubeletFlags {
			name, _ := flagOf(f)
			if gone, lost := removed.Flag(x.component, strings.ReplaceAll(name, "_", "-")); lost && gone.Compare(target) <= 0 {
				sure = append(sure, fmt.Sprintf("--%s is gone in %s", name, gone))
			}
		}
		for _, key := range x.config.KubeletKeys {
			if gone, lost := removed.Key(x.component, key); lost && gone.Compare(target) <= 0 {
				sure = append(sure, fmt.Sprintf("key %s is gone in %s", key, gone))
			}
		}
		slices.Sort(sure)
		return slices.Compact(sure), nil
	})
}

// containerd1Ends is the first version whose nodes need containerd 2.
var containerd1Ends = upgrade.Version{Major: 1, Minor: 36}

// oldRuntimes groups nodes by runtime. New nodes of EKS's own images get what
// fits them: it matters where somebody else makes the image.
func oldRuntimes(v View, c Check) []upgrade.Finding {
	own, made := map[string][]string{}, map[string][]string{}
	runtimes := map[string]bool{}
	for i := range v.Kubernetes.Nodes {
		n := &v.Kubernetes.Nodes[i]
		name, version, _ := strings.Cut(n.Runtime, "://")
		old := name == "docker" || name == "containerd" && strings.HasPrefix(version, "1.") && v.Request.Target.Compare(containerd1Ends) >= 0
		if !old {
			continue
		}
		runtimes[n.Runtime] = true
		if n.Provisioner == upgrade.ByItself || n.Provisioner == upgrade.ByHybrid {
			own[n.Runtime] = append(own[n.Runtime], n.Name)
		} else {
			made[n.Runtime] = append(made[n.Runtime], n.Name)
		}
	}
	var out []upgrade.Finding
	for _, runtime := range sorted(runtimes) {
		if nodes := own[runtime]; len(nodes) > 0 {
			out = append(out, c.drained(v, fmt.Sprintf("%d nodes that you keep yourself run %s, and nodes of %s need containerd 2: %s", len(nodes), runtime, v.Request.Target, some(nodes))))
		}
		if nodes := made[runtime]; len(nodes) > 0 {
			out = append(out, at(c.found(v, fmt.Sprintf("%d nodes run %s; images of EKS for %s have containerd 2: %s", len(nodes), runtime, v.Request.Target, some(nodes))), upgrade.Info))
		}
	}
	return out
}

// amazonLinux2 looks at the nodes themselves; those of managed node groups are
// judged by what EKS says of the group, when that was seen.
func amazonLinux2(v View, c Check) []upgrade.Finding {
	var nodes []string
	for i := range v.Kubernetes.Nodes {
		n := &v.Kubernetes.Nodes[i]
		if strings.TrimSpace(n.OSImage) == "Amazon Linux 2" && !(n.Provisioner == upgrade.ByNodeGroup && v.Seen(AWSNodeGroups)) && n.Provisioner != upgrade.ByFargate {
			nodes = append(nodes, n.Name)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	f := c.found(v, fmt.Sprintf("%d nodes run Amazon Linux 2, which EKS has no image of from %s on, and which uses cgroup v1, with which no kubelet starts by default from 1.35 on: %s", len(nodes), al2Ends, some(nodes)))
	if v.Request.Target.Compare(al2Ends) < 0 {
		f = at(f, upgrade.Medium)
	}
	return []upgrade.Finding{f}
}

// selfManaged finds what EKS puts into each new cluster and nobody made an
// add-on of: it stays as it is, whatever the control plane becomes.
func selfManaged(v View, c Check) []upgrade.Finding {
	addons := map[string]string{"aws-node": "vpc-cni", "kube-proxy": "kube-proxy", "coredns": "coredns"}
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		addon := addons[w.Object.Name]
		if addon == "" || w.Object.Namespace != "kube-system" || slices.ContainsFunc(v.AWS.Addons, func(a upgrade.Addon) bool { return a.Name == addon }) {
			continue
		}
		f := c.found(v, fmt.Sprintf("it is no EKS add-on (%s): an upgrade leaves it at its version, and a second cluster gets the version and the configuration that EKS chooses", addon))
		for _, container := range w.Template.Containers {
			if r, ok := parseImage(container.Image).release(); ok && addon == "kube-proxy" && container.Name == "kube-proxy" {
				if p := upgrade.SkewProblem(v.Request.Target, r.version()); p != "" && v.Request.Strategy != upgrade.BlueGreen {
					f = at(f, upgrade.High)
					f.Evidence = strings.Replace(p, "kubelet", "kube-proxy", 1) + ", and " + f.Evidence
				}
			}
		}
		out = append(out, on(f, w.Object))
	}
	return out
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
