package kubestate

import (
	"maps"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func storageClass(c *objects.StorageClass) (upgrade.StorageClass, bool) {
	out := upgrade.StorageClass{Name: c.Name, Provisioner: c.Provisioner, BindingMode: text(c.VolumeBindingMode), Reclaim: text(c.ReclaimPolicy),
		Default: c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" || c.Annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"}
	if out.Provisioner == "ebs.csi.aws.com" || out.Provisioner == "kubernetes.io/aws-ebs" || out.Provisioner == "ebs.csi.eks.amazonaws.com" {
		out.VolumeType = c.Parameters["type"]
	}
	return out, true
}

// Labels that volumes are bound to a zone by. Sources:
// https://kubernetes.io/docs/reference/labels-annotations-taints/,
// https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md
var zoneLabels = []string{objects.LabelZone, "topology.ebs.csi.aws.com/zone", "failure-domain.beta.kubernetes.io/zone"}

func persistentVolume(v *objects.PersistentVolume) (upgrade.PersistentVolume, bool) {
	out := upgrade.PersistentVolume{Name: v.Name, Class: v.Spec.StorageClassName, Reclaim: v.Spec.ReclaimPolicy, Phase: v.Status.Phase}
	if v.Spec.ClaimRef != nil {
		out.Claim = upgrade.ObjectName{Namespace: v.Spec.ClaimRef.Namespace, Name: v.Spec.ClaimRef.Name}
	}
	source := v.Spec.PersistentVolumeSource
	switch {
	case source.CSI != nil:
		out.Driver, out.Handle = source.CSI.Driver, source.CSI.Handle
	case source.AWSElasticBlockStore != nil:
		out.Driver, out.Handle, out.InTree = "kubernetes.io/aws-ebs", source.AWSElasticBlockStore.VolumeID, true
	case source.NFS != nil:
		out.Driver = "kubernetes.io/nfs"
	case source.HostPath != nil:
		out.Driver = "kubernetes.io/host-path"
	case source.Local != nil:
		out.Driver = "kubernetes.io/local-volume"
	case source.ISCSI != nil:
		out.Driver = "kubernetes.io/iscsi"
	case source.FC != nil:
		out.Driver = "kubernetes.io/fc"
	default:
		if plugin := inTree(source); plugin != "" {
			out.Driver, out.InTree = "kubernetes.io/"+plugin, true
		}
	}
	out.Zones, out.Nodes = places(v)
	return out, true
}

// inTree names a plugin that Kubernetes once had in itself and has given, or
// gives, to drivers.
func inTree(s objects.PersistentVolumeSource) string {
	for name, is := range map[string]*objects.Empty{"gce-pd": s.GCEPersistentDisk, "azure-disk": s.AzureDisk, "azure-file": s.AzureFile, "cinder": s.Cinder, "vsphere-volume": s.VsphereVolume,
		"portworx-volume": s.Portworx, "rbd": s.RBD, "cephfs": s.CephFS, "glusterfs": s.Glusterfs, "flexvolume": s.FlexVolume, "flocker": s.Flocker, "quobyte": s.Quobyte,
		"photon-pd": s.PhotonPersistentDisk, "scaleio": s.ScaleIO, "storageos": s.StorageOS} {
		if is != nil {
			return name
		}
	}
	return ""
}

// places returns the only zones and the only nodes that may mount a volume.
// Terms are alternatives: one that names no zone lets every zone in.
func places(v *objects.PersistentVolume) (zones, nodes []string) {
	if a := v.Spec.NodeAffinity; a != nil && a.Required != nil && len(a.Required.Terms) > 0 {
		zones = only(a.Required.Terms, zoneLabels)
		nodes = only(a.Required.Terms, []string{"kubernetes.io/hostname"})
	}
	for _, label := range zoneLabels { // before there was node affinity
		if zone := v.Labels[label]; zone != "" && zones == nil {
			zones = []string{zone}
		}
	}
	return zones, nodes
}

func only(terms []objects.NodeSelectorTerm, labels []string) []string {
	all := map[string]bool{}
	for _, term := range terms {
		bound := false
		for _, e := range term.MatchExpressions {
			if e.Operator == "In" && slices.Contains(labels, e.Key) {
				bound = true
				for _, value := range e.Values {
					all[value] = true
				}
			}
		}
		if !bound {
			return nil
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func attachment(a *objects.VolumeAttachment) (upgrade.VolumeAttachment, bool) {
	out := upgrade.VolumeAttachment{Name: a.Name, Driver: a.Spec.Attacher, Volume: text(a.Spec.Source.PersistentVolumeName), Node: a.Spec.NodeName, Attached: a.Status.Attached,
		Going: a.DeletionTimestamp != nil}
	for _, e := range []*objects.VolumeError{a.Status.AttachError, a.Status.DetachError} {
		if e != nil {
			out.Error = logging.Line(e.Message, maxExpression)
		}
	}
	return out, true
}
