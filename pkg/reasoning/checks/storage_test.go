package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestStorageChecks(t *testing.T) {
	type pv = upgrade.PersistentVolume
	claimed := func(name, claim string, change ...func(*pv)) func(*state) {
		return func(s *state) {
			p := pv{Name: name, Claim: upgrade.ObjectName{Namespace: "shop", Name: claim}, Driver: "ebs.csi.aws.com", Handle: "vol-" + name, Zones: []string{"eu-west-1a"}, Reclaim: "Retain", Phase: "Bound"}
			for _, c := range change {
				c(&p)
			}
			s.Volumes = append(s.Volumes, p)
		}
	}
	free := func(p *pv) { p.Claim = upgrade.ObjectName{} }
	driver := func(x string) func(*pv) { return func(p *pv) { p.Driver = x } }
	old := func(x string) func(*pv) { return func(p *pv) { p.Driver, p.InTree = x, true } }
	zone := func(x string) func(*pv) { return func(p *pv) { p.Zones = []string{x} } }
	uses := func(volumes ...string) func(*state) {
		return alone(deployment("api", 1, pods(func(t *upgrade.PodTemplate) { t.InTreeVolumes = volumes })))
	}
	zones := nodes(func(n *upgrade.Node) { n.Zone = "eu-west-1a" })
	claims := func(x ...string) func(*upgrade.Workload) { return pods(func(t *upgrade.PodTemplate) { t.Claims = x }) }
	class := func(change func(*upgrade.StorageClass)) func(*state) {
		return func(s *state) {
			c := upgrade.StorageClass{Name: "gp2", Provisioner: "kubernetes.io/aws-ebs", Default: true, VolumeType: "gp2"}
			change(&c)
			s.StorageClasses = append(s.StorageClasses, c)
		}
	}
	same := func(*upgrade.StorageClass) {}
	attached := func(change func(*upgrade.VolumeAttachment)) func(*state) {
		return func(s *state) {
			a := upgrade.VolumeAttachment{Name: "csi-1", Driver: "ebs.csi.aws.com", Volume: "pvc-1", Node: "node-a", Attached: true}
			change(&a)
			s.Attachments = append(s.Attachments, a)
		}
	}
	testChecks(t, []checkCase{
		{check: "in-tree-volumes", name: "gone", change: uses("cephfs data"), want: []string{"critical blocks api: it uses cephfs, which no kubelet of 1.31 mounts"}},
		{check: "in-tree-volumes", name: "gitRepo", change: uses("gitRepo source", "gitRepo other"), want: []string{"critical blocks api: KEP-5040"}},
		{check: "in-tree-volumes", name: "EBS without its driver", change: uses("awsElasticBlockStore data"), want: []string{"high api: only the CSI driver ebs.csi.aws.com"}},
		{check: "in-tree-volumes", name: "EBS with its driver", change: and(uses("awsElasticBlockStore data"), alone(deployment("ebs-csi-controller", 2, in("kube-system"), runs("public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.50.0")))), want: []string{"info api: mounts in its place"}},
		{check: "in-tree-persistent-volumes", name: "gone", change: claimed("p", "data", old("kubernetes.io/rbd")), want: []string{"critical blocks p: it uses rbd"}},
		{check: "in-tree-volumes", name: "goes after the target", change: uses("gitRepo source"), target: 32},
		{check: "in-tree-volumes", name: "stays", change: uses("nfs data", "iscsi data")},
		{check: "in-tree-persistent-volumes", name: "of a CSI driver, and of a plugin that stays", change: and(claimed("p", "data"), claimed("q", "data", old("kubernetes.io/nfs")))},

		{check: "volume-zones", name: "no node in its zone", change: and(zones, claimed("p", "data", zone("eu-west-1c")), claimed("q", "other", zone("eu-west-1c"))), want: []string{"high data: its volume is in eu-west-1c, and no node is", "high other: its volume is in eu-west-1c, and no node is"}},
		{check: "volume-zones", name: "a node in its zone", change: and(zones, claimed("p", "data"))},
		{check: "volume-zones", name: "nobody claims it", change: and(zones, claimed("p", "data", zone("eu-west-1c"), free))},
		{check: "volume-zones", name: "the zones of nodes are not known", change: claimed("p", "data", zone("eu-west-1c"))},

		{check: "volumes-stay", name: "of a StatefulSet", change: and(alone(statefulSet("db", 2, claims("data"))), claimed("a", "data-db-0"), claimed("b", "data-db-1")), blueGreen: true, want: []string{"high db: 2 volumes of this cluster: data-db-0 (vol-a), data-db-1 (vol-b)"}},
		{check: "volumes-stay", name: "of a Deployment", change: and(alone(deployment("api", 1, claims("data"))), claimed("a", "data")), blueGreen: true, want: []string{"high api: 1 volume of this cluster"}},
		{check: "volumes-stay", name: "of nobody", change: claimed("a", "data"), blueGreen: true, want: []string{"high data: 1 volume"}},
		{check: "volumes-stay", name: "EFS", change: and(alone(deployment("api", 1, claims("data"))), claimed("a", "data", driver("efs.csi.aws.com"))), blueGreen: true, want: []string{"low api: can be mounted by both clusters"}},
		{check: "volumes-stay", name: "nobody claims it", change: claimed("a", "data", free), blueGreen: true},
		{check: "volumes-stay", name: "in place", change: claimed("a", "data")},

		{check: "local-volumes", name: "claimed", change: claimed("a", "data", func(p *pv) { p.Nodes = []string{"node-a"} }), want: []string{"high a: claim shop/data is on node node-a only"}},
		{check: "local-volumes", name: "claimed, blue/green", change: claimed("a", "data", func(p *pv) { p.Nodes = []string{"node-a"} }), blueGreen: true, want: []string{"low a: node-a"}},
		{check: "local-volumes", name: "nobody claims it", change: claimed("a", "data", free, func(p *pv) { p.Nodes = []string{"node-a"} })},
		{check: "local-volumes", name: "EBS", change: claimed("a", "data")},

		{check: "volume-reclaim-delete", name: "blue/green", change: claimed("a", "data", func(p *pv) { p.Reclaim = "Delete" }), blueGreen: true, want: []string{"medium: the reclaim policy of 1 volume is Delete: shop/data"}},
		{check: "volume-reclaim-delete", name: "in place", change: claimed("a", "data", func(p *pv) { p.Reclaim = "Delete" })},
		{check: "volume-reclaim-delete", name: "kept", change: claimed("a", "data"), blueGreen: true},

		{check: "volume-attachments", name: "to a node that is gone", change: attached(func(a *upgrade.VolumeAttachment) { a.Node = "gone" }), want: []string{"medium csi-1: pvc-1 is attached to node gone, which does not exist"}},
		{check: "volume-attachments", name: "cannot be detached", change: attached(func(a *upgrade.VolumeAttachment) { a.Going, a.Error = true, "timeout" }), want: []string{"medium csi-1: cannot be detached from node node-a: timeout"}},
		{check: "volume-attachments", name: "cannot be attached", change: attached(func(a *upgrade.VolumeAttachment) { a.Attached, a.Error = false, "limit" }), want: []string{"medium csi-1: cannot be attached"}},
		{check: "volume-attachments", name: "was attached after an error", change: attached(func(a *upgrade.VolumeAttachment) { a.Error = "timeout" })},
		{check: "volume-attachments", name: "is being detached", change: attached(func(a *upgrade.VolumeAttachment) { a.Going = true })},

		{check: "default-storage-class", name: "gp2", change: class(same), want: []string{"low gp2: makes gp2 volumes"}},
		{check: "default-storage-class", name: "gp2, blue/green", change: class(same), blueGreen: true, want: []string{"medium gp2: claims without a class wait for ever in green"}},
		{check: "default-storage-class", name: "gp2, not the default", change: class(func(c *upgrade.StorageClass) { c.Default = false })},
		{check: "default-storage-class", name: "gp3", change: class(func(c *upgrade.StorageClass) { c.Provisioner, c.VolumeType = "ebs.csi.aws.com", "gp3" })},
	})
}
