package checks_test

import (
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestChecksOfAWS(t *testing.T) {
	type aws = upgrade.ClusterState
	same := func(*state) {}
	in := func(days int) upgrade.Time { return upgrade.At(reasoningtest.Now.AddDate(0, 0, days)) }
	// of is a case of a check: what AWS shows, and the findings.
	of := func(check, name string, change func(*aws), want ...string) checkCase {
		return checkCase{check: check, name: name, change: same, aws: change, want: want}
	}
	blue := func(c checkCase) checkCase { c.blueGreen = true; return c }
	to := func(minor int, c checkCase) checkCase { c.target = minor; return c }
	group := func(s *aws) *upgrade.NodeGroup { return &s.NodeGroups[0] }
	own := func(used string, latest int64) func(*aws) {
		return func(s *aws) {
			group(s).Template = &upgrade.TemplateUse{ID: "lt-1", Name: "workers", Version: used}
			s.LaunchTemplates = []upgrade.LaunchTemplate{{ID: "lt-1", Name: "workers", Default: 2, Latest: latest, Versions: []upgrade.TemplateVersion{{Number: 1, Image: "ami-2"}, {Number: 2}, {Number: latest}}}}
		}
	}
	self := func(g upgrade.AutoScalingGroup) func(*aws) {
		return func(s *aws) {
			g.Name = "self"
			s.ScalingGroups = append(s.ScalingGroups, g)
		}
	}
	offers := func(version string, at34, at35, at36 []string) func(*aws) {
		return func(s *aws) {
			choice := func(v []string) upgrade.AddonChoice { return upgrade.AddonChoice{Default: v[0], Versions: v} }
			s.Addons = []upgrade.Addon{{Name: "vpc-cni", Version: version, Status: "ACTIVE", Compatible: map[string]upgrade.AddonChoice{"1.34": choice(at34), "1.35": choice(at35), "1.36": choice(at36)}}}
		}
	}
	a, b, c, d := "v1.18.0-eksbuild.1", "v1.19.0-eksbuild.1", "v1.20.0-eksbuild.1", "v1.21.0-eksbuild.1"
	testChecks(t, []checkCase{
		to(36, of("target-one-minor", "two hops in place", func(s *aws) {}, "info: 2 hops: 1.35, 1.36")),
		of("target-one-minor", "one hop", func(*aws) {}),

		of("support-ends", "in extended support", func(s *aws) { s.Available[0].Status, s.Available[0].EndOfExtended = "EXTENDED_SUPPORT", in(100) }, "medium: 365 more a month; it ends at 2026-11-09, 100 days"),
		of("support-ends", "extended support ends soon", func(s *aws) { s.Available[0].Status, s.Available[0].EndOfExtended = "EXTENDED_SUPPORT", in(30) }, "high: 30 days from now"),
		of("support-ends", "standard support ends soon", func(s *aws) { s.Available[0].EndOfStandard = in(20) }, "medium: costs 365 US dollars more a month"),
		of("support-ends", "standard support ends soon, and EKS may upgrade", func(s *aws) { s.SupportType, s.Available[0].EndOfStandard = "STANDARD", in(20) }, "medium: EKS upgrades the cluster by itself"),
		of("support-ends", "not supported", func(s *aws) { s.Available[0].Status = "UNSUPPORTED" }, "critical: not supported"),
		of("support-ends", "not listed", func(s *aws) { s.Available = s.Available[1:] }, "medium not checked: does not list"),
		of("support-ends", "standard support ends in three months", func(s *aws) { s.Available[0].EndOfStandard = in(90) }),
		of("target-support", "standard support ends soon", func(s *aws) { s.Available[1].EndOfStandard = in(10) }, "low: 10 days from now"),
		of("target-support", "another version's support ends soon", func(s *aws) { s.Available[0].EndOfStandard = in(10) }),

		of("control-plane-ips", "one zone has room", func(s *aws) { s.Subnets[1].FreeIPs = 4 }, "critical blocks: subnet-b in eu-west-1b has 4"),
		of("control-plane-ips", "a third subnet has none", func(s *aws) { s.Subnets = append(s.Subnets, upgrade.Subnet{ID: "subnet-c", Zone: "eu-west-1c"}) }, "low: subnet-c in eu-west-1c has 0"),
		of("control-plane-ips", "just enough", func(s *aws) { s.Subnets[0].FreeIPs, s.Subnets[1].FreeIPs = 5, 5 }),
		blue(of("control-plane-ips", "a second cluster", func(s *aws) { s.Subnets[1].FreeIPs = 4 })),
		of("node-ips", "no room for new nodes", func(s *aws) { s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = 1, 0 }, "high general: up to 2 nodes, and 1 addresses"),
		of("node-ips", "just enough", func(s *aws) { s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = 1, 1 }),
		of("node-ips", "nodes end before others begin", func(s *aws) {
			group(s).Update.Strategy, s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = "MINIMAL", 0, 0
		}),
		of("pod-ips", "no room for pods", func(s *aws) { s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = 2, 1 }, "high: 4, and 3 are free in subnet-a, subnet-b"),
		of("pod-ips", "pods have subnets of their own", func(s *aws) {
			s.PodNetwork = &upgrade.PodNetwork{CustomNetworking: true, Subnets: []upgrade.Subnet{{ID: "subnet-pods", FreeIPs: 3}}}
		}, "high: 3 are free in subnet-pods"),
		of("pod-ips", "prefixes", func(s *aws) {
			s.PodNetwork.PrefixDelegation, s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = true, 20, 10
		}, "high: 16 addresses in blocks of 16"),
		of("pod-ips", "further subnets have room", func(s *aws) {
			s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs, s.PodNetwork.Subnets = 2, 1, []upgrade.Subnet{{ID: "subnet-cni", FreeIPs: 1}}
		}),
		of("pod-ips", "IPv6", func(s *aws) { s.IPFamily, s.NodeSubnets[0].FreeIPs, s.NodeSubnets[1].FreeIPs = "ipv6", 2, 0 }),

		of("vcpu-quota", "an update needs more", func(s *aws) { s.Quotas[0].Used = 61 }, "high L-1216C47A: 61 of 64 vCPU are in use, and the upgrade adds up to 4 (general: 2 m7i.large)"),
		blue(of("vcpu-quota", "a second cluster needs more", func(s *aws) { s.Quotas[0].Used = 61 }, "high blocks L-1216C47A: adds up to 4")),
		of("vcpu-quota", "just enough", func(s *aws) { s.Quotas[0].Used = 60 }),
		of("vcpu-quota", "another class is full", func(s *aws) {
			s.Quotas = append(s.Quotas, upgrade.Quota{Service: "ec2", Code: "L-DB2E81BA", Class: "g", Limit: 1, Used: 1})
		}),
		of("vcpu-quota", "Spot Instances of graphics", func(s *aws) {
			group(s).CapacityType, group(s).InstanceTypes = "SPOT", []string{"gr6.4xlarge"}
			s.InstanceTypes = []upgrade.InstanceType{{Name: "gr6.4xlarge", VCPUs: 16}}
			s.Quotas = append(s.Quotas, upgrade.Quota{Service: "ec2", Code: "L-3819A6DF", Class: "spot g", Limit: 31})
		}, "high L-3819A6DF: adds up to 32"),
		of("vcpu-quota", "a type that was not seen", func(s *aws) { s.InstanceTypes = []upgrade.InstanceType{} }, "low not checked general: m7i.large"),
		of("ebs-quota", "an update needs more", func(s *aws) { group(s).DiskGiB, s.Quotas[1].Limit = 512, 1 }, "high L-7A658B76: adds up to 1 (general: 2 x 512 GiB)"),
		of("ebs-quota", "just enough", func(s *aws) { group(s).DiskGiB, s.Quotas[1].Limit = 512, 1.04 }),

		of("launch-template-pending", "the default is newer", own("1", 2), "medium general: used at version 1; its default is 2, its latest 2"),
		of("launch-template-pending", "the latest is newer than the default", own("$Default", 3), "low general: its latest 3"),
		of("launch-template-pending", "a self-managed group", func(s *aws) {
			own("$Latest", 2)(s)
			self(upgrade.AutoScalingGroup{Template: &upgrade.TemplateUse{ID: "lt-1", Version: "1"}})(s)
		}, "medium self: version 1"),
		of("launch-template-pending", "the latest is used", own("$Latest", 3)),
		of("launch-template-gone", "it is gone", func(s *aws) { own("1", 2)(s); s.LaunchTemplates[0].Gone = true }, "critical blocks general: lt-1"),
		of("launch-template-gone", "it is there", own("1", 2)),
		of("instances-outdated", "of an older version", func(s *aws) {
			own("2", 2)(s)
			self(upgrade.AutoScalingGroup{Template: &upgrade.TemplateUse{ID: "lt-1", Version: "2"}})(s)
			s.Instances = append(s.Instances, upgrade.Instance{ID: "i-1", Provisioner: upgrade.ByItself, Group: "self", Template: "lt-1", TemplateUsed: "1"}, upgrade.Instance{ID: "i-2", Provisioner: upgrade.ByItself, Group: "self", Template: "lt-1", TemplateUsed: "2"})
		}, "medium self: 1 of its instances are not of version 2 of lt-1: i-1 of version 1"),
		of("instances-outdated", "of another launch configuration", self(upgrade.AutoScalingGroup{LaunchConfiguration: "new", Outdated: 3}), "medium self: 3 of its instances"),
		of("instances-outdated", "a managed group's are EKS's", func(s *aws) { s.ScalingGroups[0].Outdated = 2 }),
		of("self-managed-health", "nothing is launched", self(upgrade.AutoScalingGroup{Suspended: []string{"AZRebalance", "Launch"}, Unhealthy: 1}), "high self: its process Launch is suspended; 1 of its instances are unhealthy"),
		of("self-managed-health", "only rebalancing is suspended", self(upgrade.AutoScalingGroup{Suspended: []string{"AZRebalance"}})),
		of("launch-configuration", "it has one", self(upgrade.AutoScalingGroup{LaunchConfiguration: "old"}), "low self: old"),
		of("launch-configuration", "it has a template", self(upgrade.AutoScalingGroup{Template: &upgrade.TemplateUse{ID: "lt-2"}})),
		of("image-without-target", "Amazon Linux 2", func(s *aws) { group(s).AMIType = "AL2_ARM_64" }, "critical blocks general: AL2_ARM_64"),
		of("image-without-target", "Amazon Linux 2023", func(s *aws) { group(s).AMIType = "AL2023_ARM_64_STANDARD" }),
		of("custom-image", "an image of one's own", func(s *aws) {
			own("1", 1)(s)
			s.Images = append(s.Images, upgrade.Image{ID: "ami-2", Name: "golden", Owner: "123456789012", Architecture: "arm64"})
		}, "medium general: ami-2: golden, of 123456789012, arm64"),
		of("custom-image", "Amazon Linux 2 by hand", func(s *aws) {
			self(upgrade.AutoScalingGroup{Image: "ami-2"})(s)
			s.Images = append(s.Images, upgrade.Image{ID: "ami-2", Name: "amazon-eks-node-1.32-v1", Family: "AL2", Version: v(32)})
		}, "high self: there is no such image for 1.35"),
		of("custom-image", "a template without an image", own("2", 2)),
		of("image-gone", "it is gone", func(s *aws) { own("1", 1)(s); s.Images = append(s.Images, upgrade.Image{ID: "ami-2", Gone: true}) }, "high general: ami-2"),
		of("image-gone", "an image that only runs is gone", func(s *aws) { s.Images[0].Gone = true }),
		of("user-data-unread", "it could not be read", self(upgrade.AutoScalingGroup{LaunchConfiguration: "x", Node: upgrade.NodeConfig{Unread: "it is no gzip"}}), "info not checked self: it is no gzip"),
		of("user-data-unread", "it was read", self(upgrade.AutoScalingGroup{LaunchConfiguration: "x", Node: upgrade.NodeConfig{KubeletFlags: []string{"--v=1"}}})),
		of("fargate-health", "it failed", func(s *aws) { s.FargateProfiles = []upgrade.FargateProfile{{Name: "batch", Status: "CREATE_FAILED"}} }, "high batch: CREATE_FAILED"),
		of("fargate-health", "it is active", func(s *aws) { s.FargateProfiles = []upgrade.FargateProfile{{Name: "batch", Status: "ACTIVE"}} }),
		of("auto-mode-replaces-nodes", "on", func(s *aws) { s.AutoMode = &upgrade.AutoMode{NodePools: []string{"system"}} }, "info: node pools: system"),
		of("auto-mode-replaces-nodes", "off", func(*aws) {}),

		of("addon-update-due", "a version that fits both", offers(a, []string{c, b, a}, []string{c, b}, []string{c}), "low vpc-cni: "+c+" fits before and after"),
		of("addon-update-due", "none fits both", offers(a, []string{a}, []string{c}, []string{c}), "medium vpc-cni: no version fits before and after"),
		to(36, of("addon-update-due", "on the second hop", offers(a, []string{a}, []string{b, a}, []string{c, b}), "low vpc-cni: does not fit 1.36; "+b)),
		of("addon-update-due", "it fits", offers(a, []string{a}, []string{b, a}, []string{b})),
		to(36, of("addon-compatibility", "none on the second hop", func(s *aws) {
			for i := range s.Addons {
				s.Addons[i].Compatible["1.36"] = upgrade.AddonChoice{Versions: []string{}}
			}
		}, "critical blocks kube-proxy: for 1.36", "critical blocks vpc-cni: for 1.36")),
		of("addon-compatibility", "it fits", func(*aws) {}),
		of("addon-default-newer", "a newer default", offers(a, []string{a}, []string{b, a}, []string{b}), "info vpc-cni: default is "+b),
		of("addon-default-newer", "an older default", offers(b, []string{b}, []string{a, b}, []string{b})),
		of("addon-version-withdrawn", "not offered", offers(a, []string{b}, []string{b, a}, []string{b}), "low vpc-cni: does not offer "+a),
		of("addon-version-withdrawn", "offered", offers(a, []string{b, a}, []string{b}, []string{b})),
		of("vpc-cni-one-minor", "three minors", offers(a, []string{a}, []string{d}, []string{d}), "medium vpc-cni: "+d+", 3 minor versions on"),
		of("vpc-cni-one-minor", "one minor", offers(a, []string{a}, []string{c, b}, []string{d})),

		of("eks-rollback-insights", "an error", func(s *aws) {
			s.Insights = append(s.Insights, upgrade.Insight{Name: "Cluster health", Category: "ROLLBACK_READINESS", Version: v(33), Status: "ERROR", Reason: "bad"})
		}, "medium: rolled back to 1.33: Cluster health is ERROR"),
		of("eks-rollback-insights", "unknown", func(s *aws) {
			s.Insights = append(s.Insights, upgrade.Insight{Name: "Cluster health", Category: "ROLLBACK_READINESS", Version: v(33), Status: "UNKNOWN"})
		}, "low not checked: UNKNOWN"),
		of("eks-rollback-insights", "on upgrades only", func(s *aws) { s.Insights[0].Status = "ERROR" }),
		of("eks-insights", "with its clients", func(s *aws) {
			s.Insights[0].Status, s.Insights[0].Deprecations = "ERROR", []upgrade.InsightDeprecation{{Usage: "/apis/x", StopServing: v(35), Clients: []upgrade.InsightClient{{UserAgent: "helm", Requests30Days: 4, LastRequest: in(-3)}}}}
		}, "critical blocks: /apis/x (gone in 1.35), used by helm: 4 requests in 30 days, last at 2026-07-29"),
		of("eks-insights", "on rollback only", func(s *aws) {
			s.Insights = append(s.Insights, upgrade.Insight{Category: "ROLLBACK_READINESS", Version: v(35), Status: "ERROR"})
		}),
		of("eks-insights-fresh", "it took too long", func(s *aws) { s.InsightsRefresh = &upgrade.InsightsRefresh{Status: "IN_PROGRESS"} }, "info not checked: 90 seconds"),
		of("eks-insights-fresh", "refused, and they are old", func(s *aws) {
			s.InsightsRefresh, s.Insights[0].RefreshedAt = &upgrade.InsightsRefresh{Status: "NOT_STARTED", Message: "allow it"}, upgrade.At(reasoningtest.Now.Add(-30*time.Hour))
		}, "medium not checked: NOT_STARTED: allow it"),
		of("eks-insights-fresh", "done", func(*aws) {}),

		{check: "nodes-behind", name: "a managed node", change: func(k *state) { k.Nodes[0].KubeletVersion = v(33) }, want: []string{"medium: 1 nodes of managed node groups"}},
		{check: "nodes-behind", name: "a Fargate node", change: func(k *state) { k.Nodes[0].KubeletVersion, k.Nodes[0].Provisioner = v(33), upgrade.ByFargate }, want: []string{"medium: 1 Fargate nodes"}},
		{check: "nodes-behind", name: "a self-managed node", change: func(k *state) { k.Nodes[0].KubeletVersion, k.Nodes[0].Provisioner = v(33), upgrade.ByItself }},
		{check: "kubelet-skew", name: "too old for the next version", change: func(k *state) { k.Nodes[0].KubeletVersion = v(31) }, want: []string{"high blocks: more than 3 minors older than the control plane 1.35"}},
		{check: "kubelet-skew", name: "too old for the second hop", target: 36, change: func(k *state) { k.Nodes[0].KubeletVersion = v(32) }, want: []string{"medium: 1.36"}},
		{check: "kubelet-skew", name: "three minors", change: func(k *state) { k.Nodes[0].KubeletVersion = v(32) }},
	})
}
