package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// controller is a product that follows the versions of Kubernetes. What its
// makers say was read on the date; a newer release than the last row is not
// known to the agent.
type controller struct {
	name   string
	images []string // ends of the path, wherever the image is kept
	rows   []support
	source string
	read   string // "2026-11-23"
}

// support is the newest Kubernetes that a release, and each one before it, is
// made for; zero: its makers name no limit.
type support struct {
	release productRelease
	newest  upgrade.Version
}

// rows are given as minor and newest minor of Kubernetes, oldest first.
func rows(major int, pairs ...[2]int) []support {
	out := make([]support, len(pairs))
	for i, p := range pairs {
		out[i] = support{productRelease{major, p[0], 1 << 20}, upgrade.Version{Major: 1, Minor: p[1]}}
	}
	return out
}

// karpenterSupport is hack/docs/compatibilitymatrix_gen/compatibility.yaml of Karpenter 1.14.
var karpenterSupport = controller{name: "Karpenter", source: "https://karpenter.sh/docs/upgrading/compatibility/", read: "2026-11-23",
	rows: append(append(rows(0, [2]int{24, 24}, [2]int{27, 25}, [2]int{30, 27}, [2]int{33, 28}, [2]int{36, 29}, [2]int{37, 30}),
		support{productRelease{1, 0, 4}, upgrade.Version{Major: 1, Minor: 30}}),
		rows(1, [2]int{1, 31}, [2]int{4, 32}, [2]int{5, 33}, [2]int{8, 34}, [2]int{12, 35}, [2]int{14, 36})...)}

// controllers are looked for by image.
var controllers = []controller{
	{name: "cert-manager", images: []string{"cert-manager-controller"}, source: "https://cert-manager.io/docs/releases/", read: "2026-11-23",
		rows: rows(1, [2]int{16, 32}, [2]int{17, 33}, [2]int{19, 34}, [2]int{20, 35}, [2]int{21, 36})},
	{name: "Istio", images: []string{"istio/pilot", "istio-release/pilot", "release/pilot"}, source: "https://istio.io/latest/docs/releases/supported-releases/", read: "2026-11-23",
		rows: rows(1, [2]int{18, 27}, [2]int{19, 28}, [2]int{21, 29}, [2]int{22, 30}, [2]int{26, 33}, [2]int{28, 34}, [2]int{29, 35}, [2]int{30, 36}, [2]int{31, 37})},
	{name: "AWS Load Balancer Controller", images: []string{"aws-load-balancer-controller", "aws-alb-ingress-controller"}, source: "https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2050", read: "2026-11-23",
		rows: append(rows(2, [2]int{3, 21}), support{release: productRelease{major: 1 << 20}})},
	{name: "external-dns", images: []string{"external-dns"}, source: "https://github.com/kubernetes-sigs/external-dns#kubernetes-version-compatibility", read: "2026-11-23",
		rows: append(rows(0, [2]int{9, 21}), support{release: productRelease{major: 1 << 20}})},
	{name: "metrics-server", images: []string{"metrics-server/metrics-server", "metrics-server-amd64", "metrics-server"}, source: "https://github.com/kubernetes-sigs/metrics-server#compatibility-matrix", read: "2026-11-23",
		rows: append(rows(0, [2]int{3, 21}), support{release: productRelease{major: 1 << 20}})},
}

// newest returns the newest Kubernetes that a release is made for; known is
// false when it is newer than what the table knows.
func (c controller) newest(r productRelease) (v upgrade.Version, known bool) {
	for _, row := range c.rows {
		if r.compare(row.release) <= 0 {
			return row.newest, true
		}
	}
	return c.rows[len(c.rows)-1].newest, false
}

var controllerChecks = []Check{
	{ID: "karpenter-compatibility", Family: Addons, Title: "Karpenter is not made for the target", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Karpenter},
		Source: karpenterSupport.source, Remedy: "upgrade Karpenter before the cluster", run: karpenterCompatible},
	{ID: "karpenter-node-class", Family: Nodes, Title: "Karpenter's nodes do not follow the target", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Karpenter},
		Source: "https://karpenter.sh/docs/concepts/nodeclasses/#specamiselectorterms", Remedy: "select images by alias: al2023@latest or bottlerocket@latest", run: karpenterImages},
	{ID: "karpenter-budget-zero", Family: Nodes, Title: "Karpenter may replace no node", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Karpenter},
		Source: "https://karpenter.sh/docs/concepts/disruption/#nodepool-disruption-budgets", Remedy: "open the NodePool's disruption budget when the nodes are to be replaced", run: karpenterBudgets},
	{ID: "cluster-autoscaler-version", Family: Addons, Title: "Cluster Autoscaler is of another minor version than the target", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://github.com/kubernetes/autoscaler/tree/master/cluster-autoscaler#releases", Remedy: "give the Cluster Autoscaler an image of the target's minor version once the control plane has it", run: clusterAutoscaler},
	{ID: "controller-compatibility", Family: Addons, Title: "Controller is not made for the target", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html", Remedy: "upgrade the controller before the cluster", run: controllersCompatible},
	{ID: "ingress-nginx", Family: Addons, Title: "Ingress NGINX is retired", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{KubeWorkloads},
		Source: "https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/", Eksup: "K8S013", Remedy: "move to the Gateway API or to another ingress controller: nobody repairs it since March 2026, nor fits it to new versions of Kubernetes", run: ingressNginx},
}

func karpenterCompatible(v View, c Check) []upgrade.Finding {
	written := v.Kubernetes.Karpenter.Version
	if written == "" {
		return nil // not installed, or run by EKS
	}
	r, ok := parseRelease(written)
	if !ok {
		return []upgrade.Finding{at(c.unseen(fmt.Sprintf("Karpenter's version %q is no release, so that its limit is not known", written), c.Remedy), upgrade.Low)}
	}
	return v.judgeController(c, karpenterSupport, r, written, upgrade.Low)
}

func (v View) judgeController(c Check, product controller, r productRelease, written string, whenUnknown upgrade.Severity) []upgrade.Finding {
	newest, known := product.newest(r)
	if newest == (upgrade.Version{}) || v.Request.Target.Compare(newest) <= 0 {
		return nil
	}
	f := c.found(v, fmt.Sprintf("%s %s is made for Kubernetes up to %s, and the target is %s (read on %s)", product.name, written, newest, v.Request.Target, product.read))
	if !known {
		f = at(c.unseen(fmt.Sprintf("what %s %s is made for is not known: it is newer than what was read on %s", product.name, written, product.read), "look it up: "+product.source), whenUnknown)
	}
	f.Source = product.source
	return []upgrade.Finding{f}
}

// al2Ends is the first version that EKS makes no Amazon Linux 2 image for.
// Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html
var al2Ends = upgrade.Version{Major: 1, Minor: 33}

func karpenterImages(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, n := range v.Kubernetes.Karpenter.NodeClasses {
		var ids, al2 []string
		for _, term := range n.AMIs {
			switch {
			case hasPrefixFold(term, "alias al2@"):
				al2 = append(al2, term)
			case hasPrefixFold(term, "id "):
				ids = append(ids, term)
			}
		}
		if n.AMIFamily == "AL2" && len(ids) == 0 {
			al2 = append(al2, "amiFamily AL2")
		}
		switch {
		case len(al2) > 0 && v.Request.Target.Compare(al2Ends) >= 0:
			out = append(out, on(c.found(v, fmt.Sprintf("it selects Amazon Linux 2 (%s), which EKS has no image of for %s: no new node can be made", some(al2), v.Request.Target)), n.Object))
		case len(ids) > 0:
			out = append(out, on(at(c.found(v, fmt.Sprintf("it names images by id (%s): new nodes keep the kubelet of these", some(ids))), upgrade.Medium), n.Object))
		}
	}
	return out
}

func karpenterBudgets(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, p := range v.Kubernetes.Karpenter.NodePools {
		for _, b := range p.Budgets {
			if b == "0" || b == "0%" {
				out = append(out, on(c.drained(v, "its disruption budget is 0 at all times: nodes that have drifted from the control plane's version stay"), p.Object))
				break
			}
		}
	}
	return out
}

// imagesOf calls f for each container of each workload.
func (v View) imagesOf(f func(w *upgrade.Workload, i image)) {
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		for j := range w.Template.Containers {
			if reference := w.Template.Containers[j].Image; reference != "" {
				f(w, parseImage(reference))
			}
		}
	}
}

func clusterAutoscaler(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	v.imagesOf(func(w *upgrade.Workload, i image) {
		if i.name() != "cluster-autoscaler" && i.name() != "cluster-autoscaler-amd64" && i.name() != "cluster-autoscaler-arm64" {
			return
		}
		r, ok := i.release()
		switch {
		case !ok:
			out = append(out, on(at(c.unseen(fmt.Sprintf("its image has the tag %q, which is no release", i.tag), c.Remedy), upgrade.Info), w.Object))
		case r.version() != v.Request.Target:
			out = append(out, on(c.found(v, fmt.Sprintf("it is %s and the target is %s: it simulates the scheduler of its own minor version", i.tag, v.Request.Target)), w.Object))
		}
	})
	return out
}

func controllersCompatible(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	v.imagesOf(func(w *upgrade.Workload, i image) {
		for _, product := range controllers {
			for _, path := range product.images {
				if !i.is(path) {
					continue
				}
				if r, ok := i.release(); ok {
					for _, f := range v.judgeController(c, product, r, i.tag, upgrade.Info) {
						out = append(out, on(f, w.Object))
					}
				}
				return
			}
		}
	})
	return out
}

// nginxImages are those of the community's controller, wherever they are kept;
// NGINX's own is nginx/nginx-ingress.
var nginxImages = []string{"ingress-nginx/controller", "ingress-nginx/controller-chroot", "kubernetes-ingress-controller/nginx-ingress-controller"}

func ingressNginx(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	routes := 0
	classes := map[string]bool{}
	for _, class := range v.Kubernetes.IngressClasses {
		if class.Controller == "k8s.io/ingress-nginx" {
			classes[class.Name] = true
		}
	}
	for _, i := range v.Kubernetes.Ingresses {
		if classes[i.Class] {
			routes++
		}
	}
	v.imagesOf(func(w *upgrade.Workload, i image) {
		for _, path := range nginxImages {
			if !i.is(path) {
				continue
			}
			evidence := fmt.Sprintf("it runs %s", i.path)
			if i.tag != "" {
				evidence += ":" + i.tag
			}
			if routes > 0 {
				evidence += fmt.Sprintf(", and %s of its class", count(routes, "Ingress object"))
			}
			out = append(out, on(c.found(v, evidence), w.Object))
			return
		}
	})
	if len(out) == 0 && len(classes) > 0 {
		for _, name := range sorted(classes) {
			out = append(out, on(at(c.found(v, fmt.Sprintf("the class names the controller of Ingress NGINX, and %s", count(routes, "Ingress object"))), upgrade.Medium), upgrade.ObjectRef{APIVersion: "networking.k8s.io/v1", Kind: "IngressClass", Name: name}))
		}
	}
	return out
}
