package objects

// Volume is of a PodSpec.
type Volume struct {
	Name         string `json:"name" pb:"1"`
	VolumeSource `pb:"2"`
}

// VolumeSource is what a Volume is; one of its fields is set.
type VolumeSource struct {
	HostPath  *PathSource       `json:"hostPath" pb:"1"`
	EmptyDir  *EmptyDir         `json:"emptyDir" pb:"2"`
	Secret    *SecretSource     `json:"secret" pb:"6"`
	Claim     *ClaimSource      `json:"persistentVolumeClaim" pb:"10"`
	ConfigMap *KeyReference     `json:"configMap" pb:"19"`
	Projected *ProjectedSources `json:"projected" pb:"26"`
	CSI       *CSIVolume        `json:"csi" pb:"28"`
	Ephemeral *Empty            `json:"ephemeral" pb:"29"`

	GCEPersistentDisk    *Empty `json:"gcePersistentDisk" pb:"3"`
	AWSElasticBlockStore *Empty `json:"awsElasticBlockStore" pb:"4"`
	GitRepo              *Empty `json:"gitRepo" pb:"5"`
	Glusterfs            *Empty `json:"glusterfs" pb:"9"`
	RBD                  *Empty `json:"rbd" pb:"11"`
	FlexVolume           *Empty `json:"flexVolume" pb:"12"`
	Cinder               *Empty `json:"cinder" pb:"13"`
	CephFS               *Empty `json:"cephfs" pb:"14"`
	Flocker              *Empty `json:"flocker" pb:"15"`
	AzureFile            *Empty `json:"azureFile" pb:"18"`
	VsphereVolume        *Empty `json:"vsphereVolume" pb:"20"`
	Quobyte              *Empty `json:"quobyte" pb:"21"`
	AzureDisk            *Empty `json:"azureDisk" pb:"22"`
	PhotonPersistentDisk *Empty `json:"photonPersistentDisk" pb:"23"`
	Portworx             *Empty `json:"portworxVolume" pb:"24"`
	ScaleIO              *Empty `json:"scaleIO" pb:"25"`
	StorageOS            *Empty `json:"storageos" pb:"27"`
}

// InTree returns the name of a plugin that Kubernetes once had in itself and
// has given, or gives, to drivers; else "". Sources:
// https://kubernetes.io/docs/concepts/storage/volumes/
func (v VolumeSource) InTree() string {
	switch {
	case v.AWSElasticBlockStore != nil:
		return "awsElasticBlockStore"
	case v.GCEPersistentDisk != nil:
		return "gcePersistentDisk"
	case v.AzureDisk != nil:
		return "azureDisk"
	case v.AzureFile != nil:
		return "azureFile"
	case v.Cinder != nil:
		return "cinder"
	case v.VsphereVolume != nil:
		return "vsphereVolume"
	case v.Portworx != nil:
		return "portworxVolume"
	case v.RBD != nil:
		return "rbd"
	case v.CephFS != nil:
		return "cephfs"
	case v.Glusterfs != nil:
		return "glusterfs"
	case v.FlexVolume != nil:
		return "flexVolume"
	case v.GitRepo != nil:
		return "gitRepo"
	case v.Flocker != nil:
		return "flocker"
	case v.Quobyte != nil:
		return "quobyte"
	case v.PhotonPersistentDisk != nil:
		return "photonPersistentDisk"
	case v.ScaleIO != nil:
		return "scaleIO"
	case v.StorageOS != nil:
		return "storageos"
	}
	return ""
}

// CSIVolume is a volume that a CSI driver makes for one pod.
type CSIVolume struct {
	Driver     string            `json:"driver" pb:"1"`
	Attributes map[string]string `json:"volumeAttributes" pb:"4"`
}

// PathSource is a path of a node.
type PathSource struct {
	Path string `json:"path" pb:"1"`
}

// EmptyDir is on the node's disk, or in its memory.
type EmptyDir struct {
	Medium string `json:"medium" pb:"1"`
}

// SecretSource names a Secret.
type SecretSource struct {
	SecretName string `json:"secretName" pb:"1"`
}

// ClaimSource names a PersistentVolumeClaim.
type ClaimSource struct {
	ClaimName string `json:"claimName" pb:"1,unique"`
}

// ProjectedSources are several sources in one Volume.
type ProjectedSources struct {
	Sources []Projection `json:"sources" pb:"1"`
}

// Projection is one of ProjectedSources.
type Projection struct {
	Secret    *KeyReference `json:"secret" pb:"1"`
	ConfigMap *KeyReference `json:"configMap" pb:"3"`
}

// PersistentVolume is a v1 PersistentVolume.
type PersistentVolume struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       PersistentVolumeSpec   `json:"spec" pb:"2"`
	Status     PersistentVolumeStatus `json:"status" pb:"3"`
}

// PersistentVolumeSpec is of a PersistentVolume.
type PersistentVolumeSpec struct {
	PersistentVolumeSource `pb:"2"`
	ClaimRef               *ObjectReference    `json:"claimRef" pb:"4"`
	ReclaimPolicy          string              `json:"persistentVolumeReclaimPolicy" pb:"5"`
	StorageClassName       string              `json:"storageClassName" pb:"6"`
	NodeAffinity           *VolumeNodeAffinity `json:"nodeAffinity" pb:"9"`
}

// PersistentVolumeSource is what a PersistentVolume is; one of its fields is set.
type PersistentVolumeSource struct {
	CSI                  *CSISource `json:"csi" pb:"22"`
	AWSElasticBlockStore *EBSSource `json:"awsElasticBlockStore" pb:"2"`
	HostPath             *Empty     `json:"hostPath" pb:"3"`
	NFS                  *Empty     `json:"nfs" pb:"5"`
	ISCSI                *Empty     `json:"iscsi" pb:"7"`
	FC                   *Empty     `json:"fc" pb:"10"`
	Local                *Empty     `json:"local" pb:"20"`

	GCEPersistentDisk    *Empty `json:"gcePersistentDisk" pb:"1"`
	Glusterfs            *Empty `json:"glusterfs" pb:"4"`
	RBD                  *Empty `json:"rbd" pb:"6"`
	Cinder               *Empty `json:"cinder" pb:"8"`
	CephFS               *Empty `json:"cephfs" pb:"9"`
	Flocker              *Empty `json:"flocker" pb:"11"`
	FlexVolume           *Empty `json:"flexVolume" pb:"12"`
	AzureFile            *Empty `json:"azureFile" pb:"13"`
	VsphereVolume        *Empty `json:"vsphereVolume" pb:"14"`
	Quobyte              *Empty `json:"quobyte" pb:"15"`
	AzureDisk            *Empty `json:"azureDisk" pb:"16"`
	PhotonPersistentDisk *Empty `json:"photonPersistentDisk" pb:"17"`
	Portworx             *Empty `json:"portworxVolume" pb:"18"`
	ScaleIO              *Empty `json:"scaleIO" pb:"19"`
	StorageOS            *Empty `json:"storageos" pb:"21"`
}

// CSISource is a volume of a CSI driver.
type CSISource struct {
	Driver string `json:"driver" pb:"1"`
	Handle string `json:"volumeHandle" pb:"2,unique"`
}

// EBSSource is a volume of the in-tree plugin.
type EBSSource struct {
	VolumeID string `json:"volumeID" pb:"1,unique"`
}

// ObjectReference names an object.
type ObjectReference struct {
	Kind      string `json:"kind" pb:"1"`
	Namespace string `json:"namespace" pb:"2"`
	Name      string `json:"name" pb:"3,unique"`
}

// VolumeNodeAffinity says which nodes may mount a PersistentVolume.
type VolumeNodeAffinity struct {
	Required *NodeSelector `json:"required" pb:"1"`
}

// NodeSelector selects nodes: one of its terms must fit.
type NodeSelector struct {
	Terms []NodeSelectorTerm `json:"nodeSelectorTerms" pb:"1"`
}

// NodeSelectorTerm is of a NodeSelector: all of it must fit.
type NodeSelectorTerm struct {
	MatchExpressions []Requirement `json:"matchExpressions" pb:"1"`
}

// PersistentVolumeStatus is of a PersistentVolume.
type PersistentVolumeStatus struct {
	Phase string `json:"phase" pb:"1"`
}

// StorageClass is a storage.k8s.io/v1 StorageClass.
type StorageClass struct {
	ObjectMeta        `json:"metadata" pb:"1"`
	Provisioner       string            `json:"provisioner" pb:"2"`
	Parameters        map[string]string `json:"parameters" pb:"3"`
	ReclaimPolicy     *string           `json:"reclaimPolicy" pb:"4"`
	VolumeBindingMode *string           `json:"volumeBindingMode" pb:"7"`
}

// VolumeAttachment is a storage.k8s.io/v1 VolumeAttachment.
type VolumeAttachment struct {
	ObjectMeta `json:"metadata" pb:"1"`
	Spec       AttachmentSpec   `json:"spec" pb:"2"`
	Status     AttachmentStatus `json:"status" pb:"3"`
}

// AttachmentSpec is of a VolumeAttachment.
type AttachmentSpec struct {
	Attacher string           `json:"attacher" pb:"1"`
	Source   AttachmentSource `json:"source" pb:"2"`
	NodeName string           `json:"nodeName" pb:"3"`
}

// AttachmentSource is of a VolumeAttachment.
type AttachmentSource struct {
	PersistentVolumeName *string `json:"persistentVolumeName" pb:"1,unique"`
}

// AttachmentStatus is of a VolumeAttachment.
type AttachmentStatus struct {
	Attached    bool         `json:"attached" pb:"1"`
	AttachError *VolumeError `json:"attachError" pb:"3"`
	DetachError *VolumeError `json:"detachError" pb:"4"`
}

// VolumeError is of a VolumeAttachment.
type VolumeError struct {
	Message string `json:"message" pb:"2"`
}
