package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestControllerChecks(t *testing.T) {
	karpenter := func(version string) func(*state) { return func(s *state) { s.Karpenter.Version = version } }
	class := func(family string, amis ...string) func(*state) {
		return func(s *state) {
			s.Karpenter.NodeClasses = []upgrade.KarpenterNodeClass{{Object: upgrade.ObjectRef{APIVersion: "karpenter.k8s.aws/v1", Kind: "EC2NodeClass", Name: "default"}, AMIFamily: family, AMIs: amis}}
		}
	}
	pool := func(budgets ...string) func(*state) {
		return func(s *state) {
			s.Karpenter.NodePools = []upgrade.KarpenterPool{{Object: upgrade.ObjectRef{APIVersion: "karpenter.sh/v1", Kind: "NodePool", Name: "default"}, Budgets: budgets}}
		}
	}
	image := func(x string) func(*state) { return alone(deployment("c", 2, runs(x))) }
	nginx := func(s *state) {
		s.IngressClasses = []upgrade.IngressClass{{Name: "nginx", Controller: "k8s.io/ingress-nginx"}, {Name: "alb", Controller: "ingress.k8s.aws/alb"}}
		s.Ingresses = []upgrade.Ingress{{Class: "nginx"}, {Class: "nginx"}, {Class: "alb"}}
	}
	testChecks(t, []checkCase{
		{check: "karpenter-compatibility", name: "1.8 and 1.35", change: karpenter("1.8.2"), want: []string{"high: Karpenter 1.8.2 is made for Kubernetes up to 1.34, and the target is 1.35"}},
		{check: "karpenter-compatibility", name: "1.0.4 and 1.31", change: karpenter("1.0.4"), target: 31, want: []string{"high: up to 1.30"}},
		{check: "karpenter-compatibility", name: "0.37 and 1.35", change: karpenter("v0.37.7"), want: []string{"high: up to 1.30"}},
		{check: "karpenter-compatibility", name: "newer than what is known", change: karpenter("1.99.0"), target: 99, want: []string{"low not checked: is not known"}},
		{check: "karpenter-compatibility", name: "no release", change: karpenter("snapshot"), want: []string{"low not checked: no release"}},
		{check: "karpenter-compatibility", name: "1.0.5 and 1.31", change: karpenter("1.0.5"), target: 31},
		{check: "karpenter-compatibility", name: "1.9 and 1.35", change: karpenter("1.9.0")},
		{check: "karpenter-compatibility", name: "newer than what is known, and a version that older ones fit", change: karpenter("1.99.0")},
		{check: "karpenter-compatibility", name: "not installed", change: karpenter("")},

		{check: "karpenter-node-class", name: "AL2 by alias", change: class("", "alias al2@latest"), want: []string{"high default: no new node can be made"}},
		{check: "karpenter-node-class", name: "AL2 by family", change: class("AL2"), want: []string{"high default: amiFamily AL2"}},
		{check: "karpenter-node-class", name: "images by id", change: class("AL2023", "id ami-1"), want: []string{"medium default: id ami-1"}},
		{check: "karpenter-node-class", name: "AL2 before its end", change: class("", "alias al2@latest"), target: 32},
		{check: "karpenter-node-class", name: "AL2023", change: class("AL2023", "alias al2023@latest")},

		{check: "karpenter-budget-zero", name: "at all times", change: pool("10%", "0"), want: []string{"medium default: 0 at all times"}},
		{check: "karpenter-budget-zero", name: "at some times", change: pool("10%", "0 (Drifted) 0 9 * * mon-fri 8h")},

		{check: "cluster-autoscaler-version", name: "an older one", change: image("registry.k8s.io/autoscaling/cluster-autoscaler:v1.32.1"), want: []string{"medium c: it is v1.32.1 and the target is 1.35"}},
		{check: "cluster-autoscaler-version", name: "a tag that says nothing", change: image("example.com/cluster-autoscaler:main"), want: []string{"info not checked c: main"}},
		{check: "cluster-autoscaler-version", name: "the target's", change: image("registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.0")},
		{check: "cluster-autoscaler-version", name: "the proportional one", change: image("registry.k8s.io/cpa/cluster-proportional-autoscaler:v1.8.9")},

		{check: "controller-compatibility", name: "cert-manager", change: image("quay.io/jetstack/cert-manager-controller:v1.18.2"), want: []string{"high c: cert-manager v1.18.2 is made for Kubernetes up to 1.34"}},
		{check: "controller-compatibility", name: "Istio from a mirror", change: image("mirror.example.com/istio/pilot:1.28.3-distroless"), want: []string{"high c: Istio 1.28.3-distroless is made for Kubernetes up to 1.34"}},
		{check: "controller-compatibility", name: "a Load Balancer Controller of 2021", change: image("public.ecr.aws/eks/aws-load-balancer-controller:v2.2.4"), want: []string{"high c: up to 1.21"}},
		{check: "controller-compatibility", name: "newer than what is known", change: image("quay.io/jetstack/cert-manager-controller:v1.99.0"), target: 99, want: []string{"info not checked c: is not known"}},
		{check: "controller-compatibility", name: "cert-manager that fits", change: image("quay.io/jetstack/cert-manager-controller:v1.20.0")},
		{check: "controller-compatibility", name: "a Load Balancer Controller of today", change: image("public.ecr.aws/eks/aws-load-balancer-controller:v2.17.1")},
		{check: "controller-compatibility", name: "an image that is named alike", change: image("example.com/my-cert-manager-controller:v1.0.0")},

		{check: "ingress-nginx", name: "the controller", change: and(image("registry.k8s.io/ingress-nginx/controller:v1.13.0@sha256:0123"), nginx), want: []string{"high c: it runs ingress-nginx/controller:v1.13.0, and 2 Ingress objects of its class"}},
		{check: "ingress-nginx", name: "the controller from a mirror", change: image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/k8s/ingress-nginx/controller:v1.9.4"), want: []string{"high c: it runs k8s/ingress-nginx/controller:v1.9.4"}},
		{check: "ingress-nginx", name: "its class only", change: nginx, want: []string{"medium nginx: 2 Ingress objects"}},
		{check: "ingress-nginx", name: "NGINX's own controller", change: image("nginx/nginx-ingress:5.1.0")},
		{check: "ingress-nginx", name: "its certificate job", change: image("registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.5.0")},
	})
}

func TestNodePartChecks(t *testing.T) {
	proxy := func(mode string) func(*state) { return func(s *state) { s.KubeProxy.Mode = mode } }
	kernel := func(x string) func(*state) { return nodes(func(n *upgrade.Node) { n.Kernel = x }) }
	runtime := func(x string, by upgrade.Provisioner) func(*state) {
		return nodes(func(n *upgrade.Node) { n.Runtime, n.Provisioner = x, by })
	}
	system := func(os string, by upgrade.Provisioner) func(*state) {
		return nodes(func(n *upgrade.Node) { n.OSImage, n.Provisioner = os, by })
	}
	template := func(all ...upgrade.NodeConfig) func(*upgrade.ClusterState) {
		return func(a *upgrade.ClusterState) {
			lt := upgrade.LaunchTemplate{Name: "general"}
			for i, x := range all {
				lt.Versions = append(lt.Versions, upgrade.TemplateVersion{Number: int64(i + 1), Node: x})
			}
			a.LaunchTemplates = append(a.LaunchTemplates, lt)
		}
	}
	gates := func(x map[string]bool) upgrade.NodeConfig { return upgrade.NodeConfig{FeatureGates: x} }
	flags := func(x ...string) upgrade.NodeConfig { return upgrade.NodeConfig{KubeletFlags: x} }
	nothing := func(*state) {}
	scheduler := func(flags ...string) func(*state) {
		return alone(deployment("scheduler", 2, runs("registry.k8s.io/kube-scheduler:v1.34.1"), pods(func(t *upgrade.PodTemplate) { t.Containers[0].Flags = flags })))
	}
	testChecks(t, []checkCase{
		{check: "kube-proxy-ipvs", name: "deprecated", change: proxy("ipvs"), want: []string{"medium kube-proxy: deprecated since 1.35, off by default from 1.40 and gone in 1.43"}},
		{check: "kube-proxy-ipvs", name: "not yet deprecated", change: proxy("ipvs"), target: 34, want: []string{"info kube-proxy: deprecated since 1.35"}},
		{check: "kube-proxy-ipvs", name: "still there in 1.36", change: proxy("ipvs"), target: 36, want: []string{"medium kube-proxy: deprecated"}},
		{check: "kube-proxy-ipvs", name: "off", change: proxy("ipvs"), target: 40, want: []string{"critical kube-proxy: no Service is reachable"}},
		{check: "kube-proxy-ipvs", name: "iptables", change: proxy("iptables")},

		{check: "kube-proxy-nftables-kernel", name: "Linux 5.10", change: and(proxy("nftables"), kernel("5.10.234-225.910.amzn2.x86_64")), want: []string{"high: 2 nodes have a kernel older than 5.13: node-a, node-b"}},
		{check: "kube-proxy-nftables-kernel", name: "Linux 6.1", change: and(proxy("nftables"), kernel("6.1.132-147.221.amzn2023.x86_64"))},
		{check: "kube-proxy-nftables-kernel", name: "Linux 5.10 and iptables", change: and(proxy("iptables"), kernel("5.10.234"))},

		{check: "feature-gates-gone", name: "gone", change: nothing, aws: template(gates(map[string]bool{"DevicePluginCDIDevices": true})), want: []string{"critical blocks general: the user data of version 1: feature gate DevicePluginCDIDevices is gone in 1.34"}},
		{check: "feature-gates-gone", name: "gone, blue/green", change: nothing, blueGreen: true, aws: template(gates(map[string]bool{"DevicePluginCDIDevices": true})), want: []string{"high general: is gone in 1.34"}},
		{check: "feature-gates-gone", name: "locked to another value", change: nothing, aws: template(gates(map[string]bool{"NFTablesProxyMode": false})), want: []string{"critical blocks general: locked to true since 1.33 and set to false"}},
		{check: "feature-gates-gone", name: "not known", change: nothing, aws: template(gates(map[string]bool{"NoSuchGate": true})), want: []string{"medium general: no release since 1.28 knows the feature gate NoSuchGate"}},
		{check: "feature-gates-gone", name: "not known, and gone in another version", change: nothing, aws: template(gates(map[string]bool{"NoSuchGate": true}), gates(map[string]bool{"DevicePluginCDIDevices": true})), want: []string{"critical blocks general: NoSuchGate; the user data of version 2"}},
		{check: "feature-gates-gone", name: "could not be read", change: nothing, aws: template(upgrade.NodeConfig{Unread: "it is no MIME text"}), want: []string{"low not checked general: it is no MIME text"}},
		{check: "feature-gates-gone", name: "of kube-proxy", change: func(s *state) { s.KubeProxy.Config = gates(map[string]bool{"KubeProxyDrainingTerminatingNodes": true}) }, want: []string{"critical blocks kube-proxy-config: gone in 1.33"}},
		{check: "feature-gates-gone", name: "of a scheduler of one's own", change: scheduler("--config=/c.yaml", "--feature-gates=MinDomainsInPodTopologySpread=true,SchedulerQueueingHints=true"), want: []string{"critical blocks scheduler: MinDomainsInPodTopologySpread is gone in 1.32"}},
		{check: "feature-gates-gone", name: "of Karpenter's nodes", change: func(s *state) {
			s.Karpenter.NodeClasses = []upgrade.KarpenterNodeClass{{Object: upgrade.ObjectRef{APIVersion: "karpenter.k8s.aws/v1", Kind: "EC2NodeClass", Name: "default"}, Node: gates(map[string]bool{"AppArmor": true})}}
		}, want: []string{"critical blocks default: the node class: feature gate AppArmor is gone in 1.33"}},
		{check: "feature-gates-gone", name: "goes after the target", change: nothing, target: 33, aws: template(gates(map[string]bool{"DevicePluginCDIDevices": true}))},
		{check: "feature-gates-gone", name: "locked to the same value, all betas, one that stays", change: nothing, aws: template(gates(map[string]bool{"NFTablesProxyMode": true, "AllBeta": false, "RotateKubeletServerCertificate": true}))},

		{check: "kubelet-flags-gone", name: "gone", change: nothing, aws: template(flags("--node-labels=a=b", "--pod-infra-container-image=602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.5")), want: []string{"critical blocks general: --pod-infra-container-image is gone in 1.35"}},
		{check: "kubelet-flags-gone", name: "with underscores", change: nothing, aws: template(flags("--keep_terminated_pod_volumes")), want: []string{"critical blocks general: gone in 1.31"}},
		{check: "kubelet-flags-gone", name: "goes after the target", change: nothing, target: 34, aws: template(flags("--pod-infra-container-image=x"))},
		{check: "kubelet-flags-gone", name: "stay", change: nothing, aws: template(flags("--max-pods=20", "--node-labels=a=b", "-v=2"))},
		{check: "kubelet-flags-gone", name: "a flag of the kubelet that kube-proxy never had", change: func(s *state) { s.KubeProxy.Config = flags("--cloud-config=x") }},

		{check: "container-runtime", name: "containerd 1 on nodes of one's own", change: runtime("containerd://1.7.27", upgrade.ByItself), target: 36, want: []string{"high: 2 nodes that you keep yourself run containerd://1.7.27"}},
		{check: "container-runtime", name: "containerd 1 on EKS's image", change: runtime("containerd://1.7.27", upgrade.ByNodeGroup), target: 36, want: []string{"info: images of EKS for 1.36 have containerd 2"}},
		{check: "container-runtime", name: "Docker", change: runtime("docker://20.10.25", upgrade.ByItself), want: []string{"high: docker://20.10.25"}},
		{check: "container-runtime", name: "containerd 1 and 1.35", change: runtime("containerd://1.7.27", upgrade.ByItself)},
		{check: "container-runtime", name: "containerd 2", change: runtime("containerd://2.1.4", upgrade.ByItself), target: 36},

		{check: "amazon-linux-2", name: "nodes of one's own", change: system("Amazon Linux 2", upgrade.ByItself), want: []string{"high: 2 nodes run Amazon Linux 2"}},
		{check: "amazon-linux-2", name: "before its end", change: system("Amazon Linux 2", upgrade.ByKarpenter), target: 32, want: []string{"medium: 2 nodes"}},
		{check: "amazon-linux-2", name: "nodes of a group that EKS tells of", change: system("Amazon Linux 2", upgrade.ByNodeGroup)},
		{check: "amazon-linux-2", name: "nodes of a group, AWS not asked", change: system("Amazon Linux 2", upgrade.ByNodeGroup), aws: func(a *upgrade.ClusterState) { a.NodeGroups = nil }, want: []string{"high: 2 nodes"}},
		{check: "amazon-linux-2", name: "AL2023", change: system("Amazon Linux 2023.8.20250721", upgrade.ByItself)},
		{check: "amazon-linux-2", name: "Fargate", change: system("Amazon Linux 2", upgrade.ByFargate)},

		{check: "self-managed-components", name: "CoreDNS", change: alone(deployment("coredns", 2, in("kube-system"))), want: []string{"low coredns: it is no EKS add-on (coredns)"}},
		{check: "self-managed-components", name: "a kube-proxy that is too old for the target", change: alone(daemonSet("kube-proxy", in("kube-system"), runs("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/kube-proxy:v1.31.2-minimal-eksbuild.3"),
			pods(func(t *upgrade.PodTemplate) { t.Containers[0].Name = "kube-proxy" }))), aws: func(a *upgrade.ClusterState) { a.Addons = a.Addons[1:] }, want: []string{"high kube-proxy: kube-proxy 1.31 is more than 3 minors older"}},
		{check: "self-managed-components", name: "add-ons", change: alone(daemonSet("kube-proxy", in("kube-system")), daemonSet("aws-node", in("kube-system")))},
		{check: "self-managed-components", name: "a coredns of one's own", change: alone(deployment("coredns", 2))},
	})
}
