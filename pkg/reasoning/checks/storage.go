package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const volumesPage = "https://kubernetes.io/docs/concepts/storage/volumes/"

var storageChecks = []Check{
	{ID: "in-tree-volumes", Family: Storage, Title: "Volume of a plugin that Kubernetes has given up", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{KubeWorkloads},
		Source: volumesPage, Eksup: "K8S010", Remedy: "move the data to a volume of a CSI driver", run: inTreeVolumes},
	{ID: "in-tree-persistent-volumes", Family: Storage, Title: "PersistentVolume of a plugin that Kubernetes has given up", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{Volumes, KubeWorkloads},
		Source: volumesPage, Eksup: "K8S010", Remedy: "move the data to a volume of a CSI driver", run: inTreePersistentVolumes},
	{ID: "volume-zones", Family: Storage, Title: "Volume is bound to a zone without nodes", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Volumes, KubeNodes},
		Source: "https://kubernetes.io/docs/setup/best-practices/multiple-zones/#storage-access-for-zones", Remedy: "give the cluster a node group with a subnet in that zone: no other node can mount the volume", run: volumeZones},
	{ID: "volumes-stay", Family: Storage, Title: "Data does not travel to a second cluster", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Volumes, KubeWorkloads},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html", Remedy: "copy the data (snapshots, replication, backup and restore), or upgrade in place", run: volumesStay},
	{ID: "local-volumes", Family: Storage, Title: "Volume is on one node", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Volumes},
		Source: volumesPage + "#local", Remedy: "move the data before the node is replaced: it goes with the node, and the pod waits for it for ever", run: localVolumes},
	{ID: "volume-reclaim-delete", Family: Storage, Title: "Volumes are deleted with their claims", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Volumes},
		Source: "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming", Remedy: "set persistentVolumeReclaimPolicy: Retain on the volumes whose data must outlive this cluster", run: reclaimed},
	{ID: "volume-attachments", Family: Storage, Title: "Volume is not attached as it should be", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Attachments, KubeNodes},
		Source: "https://kubernetes.io/docs/concepts/architecture/nodes/#non-graceful-node-shutdown", Remedy: "see the attacher's error, or delete the VolumeAttachment of a node that is gone: the pod cannot start on another node before", run: badAttachments},
	{ID: "default-storage-class", Family: Storage, Title: "Default storage class is an old one", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{StorageClasses},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions-extended.html#kubernetes-1-30", Remedy: "make a class of ebs.csi.aws.com with type gp3 the default one, and deliver it to each cluster", run: defaultClass},
}

// inTree says what became of the volume plugins of Kubernetes itself: those that
// a CSI driver stands in for go on when the driver is there.
// Sources: the folders of pkg/volume of each release, and
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#types-of-persistent-volumes
var inTree = map[string]struct {
	gone   upgrade.Version // first release whose kubelets cannot mount it
	driver string          // that stands in for it
	note   string
}{
	"awsElasticBlockStore": {driver: "ebs.csi.aws.com"},
	"gcePersistentDisk":    {driver: "pd.csi.storage.gke.io"},
	"azureDisk":            {driver: "disk.csi.azure.com"},
	"azureFile":            {driver: "file.csi.azure.com"},
	"cinder":               {driver: "cinder.csi.openstack.org"},
	"vsphereVolume":        {driver: "csi.vsphere.vmware.com"},
	"portworxVolume":       {driver: "pxd.portworx.com"},
	"glusterfs":            {gone: upgrade.Version{Major: 1, Minor: 26}},
	"quobyte":              {gone: upgrade.Version{Major: 1, Minor: 25}},
	"storageos":            {gone: upgrade.Version{Major: 1, Minor: 25}},
	"flocker":              {gone: upgrade.Version{Major: 1, Minor: 25}},
	"scaleIO":              {gone: upgrade.Version{Major: 1, Minor: 21}},
	"photonPersistentDisk": {gone: upgrade.Version{Major: 1, Minor: 15}},
	"cephfs":               {gone: upgrade.Version{Major: 1, Minor: 31}},
	"rbd":                  {gone: upgrade.Version{Major: 1, Minor: 31}},
	"gitRepo":              {gone: upgrade.Version{Major: 1, Minor: 33}, note: " (off by default from 1.33, and for good from 1.36: KEP-5040); use an init container with git"},
}

// plugins are the names that provisioners and PersistentVolumes know these by.
var plugins = map[string]string{"kubernetes.io/aws-ebs": "awsElasticBlockStore", "kubernetes.io/gce-pd": "gcePersistentDisk", "kubernetes.io/azure-disk": "azureDisk", "kubernetes.io/azure-file": "azureFile",
	"kubernetes.io/cinder": "cinder", "kubernetes.io/vsphere-volume": "vsphereVolume", "kubernetes.io/portworx-volume": "portworxVolume", "kubernetes.io/glusterfs": "glusterfs", "kubernetes.io/cephfs": "cephfs",
	"kubernetes.io/rbd": "rbd", "kubernetes.io/git-repo": "gitRepo", "kubernetes.io/scaleio": "scaleIO", "kubernetes.io/quobyte": "quobyte", "kubernetes.io/storageos": "storageos"}

func inTreeVolumes(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Workloads {
		w := &v.Kubernetes.Workloads[i]
		seen := map[string]bool{}
		for _, volume := range w.Template.InTreeVolumes {
			plugin, _, _ := strings.Cut(volume, " ")
			if f, found := v.judgePlugin(c, plugin); found && !seen[plugin] {
				out = append(out, on(f, w.Object))
			}
			seen[plugin] = true
		}
	}
	return out
}

func inTreePersistentVolumes(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Volumes {
		if p := &v.Kubernetes.Volumes[i]; p.InTree {
			if f, found := v.judgePlugin(c, p.Driver); found {
				out = append(out, on(f, volume(p)))
			}
		}
	}
	return out
}

func (v View) judgePlugin(c Check, plugin string) (upgrade.Finding, bool) {
	if name, known := plugins[plugin]; known {
		plugin = name
	}
	p, known := inTree[plugin]
	switch {
	case !known:
	case p.gone != (upgrade.Version{}) && p.gone.Compare(v.Request.Target) <= 0:
		return c.found(v, fmt.Sprintf("it uses %s, which no kubelet of %s mounts%s", plugin, p.gone, p.note)), true
	case p.driver != "" && !v.hasDriver(p.driver):
		f := at(unblocked(c.found(v, fmt.Sprintf("it uses %s, which only the CSI driver %s can mount, and that was not found", plugin, p.driver))), upgrade.High)
		if v.index.files {
			f.Severity = upgrade.Info // the driver may be in the cluster
		}
		return f, true
	case p.driver != "":
		return at(unblocked(c.found(v, fmt.Sprintf("it uses %s, which the CSI driver %s mounts in its place", plugin, p.driver))), upgrade.Info), true
	}
	return upgrade.Finding{}, false
}

func volume(p *upgrade.PersistentVolume) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "v1", Kind: "PersistentVolume", Name: p.Name}
}

// hasDriver looks for a CSI driver: an add-on, volumes or classes of it, or pods
// that are named after it.
func (v View) hasDriver(driver string) bool {
	short := strings.TrimSuffix(driver, ".csi.aws.com") // "ebs"
	if v.AWS != nil && slices.ContainsFunc(v.AWS.Addons, func(a upgrade.Addon) bool { return short != driver && strings.HasPrefix(a.Name, "aws-"+short+"-csi") }) {
		return true
	}
	for i := range v.Kubernetes.Volumes {
		if v.Kubernetes.Volumes[i].Driver == driver {
			return true
		}
	}
	for i := range v.Kubernetes.StorageClasses {
		if v.Kubernetes.StorageClasses[i].Provisioner == driver {
			return true
		}
	}
	found := false
	v.imagesOf(func(_ *upgrade.Workload, i image) {
		found = found || short != driver && strings.Contains(i.path, short+"-csi-driver")
	})
	return found || slices.ContainsFunc(v.Kubernetes.Nodes, func(n upgrade.Node) bool { return n.Provisioner == upgrade.ByAutoMode && driver == "ebs.csi.aws.com" })
}

// volumeZones makes one finding a zone.
func volumeZones(v View, c Check) []upgrade.Finding {
	if len(v.Kubernetes.Nodes) == 0 {
		return nil // said by node-health
	}
	zones := v.index.zones()
	if zones[""] {
		return nil // the zones of nodes are not known
	}
	lost := map[string][]upgrade.ObjectName{} // claims by zone
	names := map[string]bool{}
	for i := range v.Kubernetes.Volumes {
		p := &v.Kubernetes.Volumes[i]
		if len(p.Zones) == 0 || p.Claim == (upgrade.ObjectName{}) || slices.ContainsFunc(p.Zones, func(z string) bool { return zones[z] }) {
			continue
		}
		names[p.Zones[0]] = true
		lost[p.Zones[0]] = append(lost[p.Zones[0]], p.Claim)
	}
	var out []upgrade.Finding
	for _, zone := range sorted(names) {
		claims := lost[zone]
		if len(claims) > maxSingle {
			out = append(out, c.found(v, fmt.Sprintf("no node is in %s, and %d volumes are there, of %s", zone, len(claims), some(texts(claims)))))
			continue
		}
		for _, claim := range claims {
			out = append(out, on(c.found(v, fmt.Sprintf("its volume is in %s, and no node is", zone)),
				upgrade.ObjectRef{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name}))
		}
	}
	return out
}

func texts(names []upgrade.ObjectName) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.String()
	}
	return out
}

// shared are drivers whose volumes two clusters can mount at once.
var shared = []string{"efs.csi.aws.com", "fsx.csi.aws.com", "fsx.openzfs.csi.aws.com", "s3.csi.aws.com", "nfs.csi.k8s.io", "kubernetes.io/nfs"}

// volumesStay groups volumes by the workload that claims them.
func volumesStay(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	owners := v.index.claimOwners()
	type group struct{ own, common []string }
	groups := map[upgrade.ObjectRef]*group{}
	var order []upgrade.ObjectRef
	for i := range v.Kubernetes.Volumes {
		p := &v.Kubernetes.Volumes[i]
		if p.Claim == (upgrade.ObjectName{}) {
			continue
		}
		object, owned := owners.of(p.Claim)
		if !owned {
			object = upgrade.ObjectRef{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: p.Claim.Namespace, Name: p.Claim.Name}
		}
		g := groups[object]
		if g == nil {
			g = &group{}
			groups[object], order = g, append(order, object)
		}
		name := p.Claim.Name
		if p.Handle != "" {
			name += " (" + p.Handle + ")"
		}
		if slices.Contains(shared, p.Driver) {
			g.common = append(g.common, name)
		} else {
			g.own = append(g.own, name)
		}
	}
	var out []upgrade.Finding
	for _, object := range order {
		switch g := groups[object]; {
		case len(g.own) > 0:
			out = append(out, on(c.found(v, fmt.Sprintf("%s of this cluster: %s; in green its pods start with empty ones", count(len(g.own), "volume"), some(g.own))), object))
		default:
			out = append(out, on(at(c.found(v, fmt.Sprintf("%s can be mounted by both clusters, and are when green gets the same PersistentVolumes: %s", count(len(g.common), "volume"), some(g.common))), upgrade.Low), object))
		}
	}
	return out
}

// claimOwners finds the workload of a claim.
type claimOwners struct {
	index *index
	named map[upgrade.ObjectName]int
}

func (x *index) claimOwners() claimOwners {
	o := claimOwners{x, map[upgrade.ObjectName]int{}}
	for i := range x.kube.Workloads {
		w := &x.kube.Workloads[i]
		for _, claim := range w.Template.Claims {
			if w.Object.Kind == "StatefulSet" { // a template's claims are data-web-0, data-web-1 ...
				claim = strings.TrimSuffix(claim, "-"+w.Object.Name)
				o.named[upgrade.ObjectName{Namespace: w.Object.Namespace, Name: claim + "-" + w.Object.Name}] = i
			}
			o.named[upgrade.ObjectName{Namespace: w.Object.Namespace, Name: claim}] = i
		}
	}
	return o
}

func (o claimOwners) of(claim upgrade.ObjectName) (upgrade.ObjectRef, bool) {
	i, ok := o.named[claim]
	if !ok {
		if at := strings.LastIndexByte(claim.Name, '-'); at > 0 && strings.Trim(claim.Name[at+1:], "0123456789") == "" {
			i, ok = o.named[upgrade.ObjectName{Namespace: claim.Namespace, Name: claim.Name[:at]}]
		}
	}
	if !ok {
		return upgrade.ObjectRef{}, false
	}
	return o.index.kube.Workloads[i].Object, true
}

func localVolumes(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.Volumes {
		p := &v.Kubernetes.Volumes[i]
		if len(p.Nodes) == 0 || p.Claim == (upgrade.ObjectName{}) {
			continue
		}
		out = append(out, on(c.drained(v, fmt.Sprintf("claim %s/%s is on node %s only", p.Claim.Namespace, p.Claim.Name, some(p.Nodes))), volume(p)))
	}
	return out
}

// reclaimed matters when blue is taken down: its namespaces go, and the claims
// with them.
func reclaimed(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var names []string
	for i := range v.Kubernetes.Volumes {
		if p := &v.Kubernetes.Volumes[i]; p.Reclaim == "Delete" && p.Claim != (upgrade.ObjectName{}) {
			names = append(names, p.Claim.Namespace+"/"+p.Claim.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("the reclaim policy of %s is Delete: %s", count(len(names), "volume"), some(names)))}
}

func badAttachments(v View, c Check) []upgrade.Finding {
	nodes := map[string]bool{}
	for i := range v.Kubernetes.Nodes {
		nodes[v.Kubernetes.Nodes[i].Name] = true
	}
	var out []upgrade.Finding
	for _, a := range v.Kubernetes.Attachments {
		what := a.Volume
		if what == "" {
			what = "a volume of " + a.Driver
		}
		evidence := ""
		switch {
		case !nodes[a.Node]:
			evidence = fmt.Sprintf("%s is attached to node %s, which does not exist", what, a.Node)
		case a.Error != "" && a.Going:
			evidence = fmt.Sprintf("%s cannot be detached from node %s: %s", what, a.Node, a.Error)
		case a.Error != "" && !a.Attached:
			evidence = fmt.Sprintf("%s cannot be attached to node %s: %s", what, a.Node, a.Error)
		default:
			continue
		}
		out = append(out, on(c.drained(v, evidence), upgrade.ObjectRef{APIVersion: "storage.k8s.io/v1", Kind: "VolumeAttachment", Name: a.Name}))
	}
	return out
}

// defaultClass looks at what EKS made the default once and makes so no longer.
func defaultClass(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, s := range v.Kubernetes.StorageClasses {
		if !s.Default || s.Provisioner != "kubernetes.io/aws-ebs" && s.VolumeType != "gp2" {
			continue
		}
		f := c.found(v, fmt.Sprintf("class %s (%s) makes gp2 volumes", s.Name, s.Provisioner))
		if v.Request.Strategy == upgrade.BlueGreen {
			f.Severity = upgrade.Medium
			f.Evidence += ", and is the default here only: clusters that are made at 1.30 or later have no default class, so that claims without a class wait for ever in green"
		}
		out = append(out, on(f, upgrade.ObjectRef{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: s.Name}))
	}
	return out
}
