// Package objects has the parts of Kubernetes' own objects that the agent
// reads, as JSON (tag json) and as protobuf (tag pb, see package protobuf).
// k8s.io/api has all of them, and its every type, by its registration, ends up
// in each program that imports it: 1.3 MB of each Lambda's zip. Names and
// meanings are those of https://kubernetes.io/docs/reference/kubernetes-api/,
// numbers those of the generated.proto files; a test compares both with
// k8s.io/api.
package objects

import (
	"encoding/json"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/protobuf"
)

// ListMeta is of a list.
type ListMeta struct {
	Continue  string `json:"continue" pb:"3,unique"`
	Remaining *int64 `json:"remainingItemCount" pb:"4"`
}

// ObjectMeta is what every object has. It says also who wrote the object.
type ObjectMeta struct {
	Name              string            `json:"name" pb:"1,unique"`
	Namespace         string            `json:"namespace" pb:"3"`
	UID               string            `json:"uid" pb:"5,unique"`
	Generation        int64             `json:"generation" pb:"7"`
	DeletionTimestamp *Time             `json:"deletionTimestamp" pb:"9"`
	Labels            map[string]string `json:"labels" pb:"11"`
	Annotations       map[string]string `json:"annotations" pb:"12"`
	OwnerReferences   []OwnerReference  `json:"ownerReferences" pb:"13"`
	ManagedFields     []ManagedFields   `json:"managedFields" pb:"17"`
}

// ShortMeta is of objects of which there are very many, or of whose writers
// nobody asks.
type ShortMeta struct {
	Name              string            `json:"name" pb:"1,unique"`
	Namespace         string            `json:"namespace" pb:"3"`
	DeletionTimestamp *Time             `json:"deletionTimestamp" pb:"9"`
	Labels            map[string]string `json:"labels" pb:"11"`
	OwnerReferences   []OwnerReference  `json:"ownerReferences" pb:"13"`
}

// OwnerReference names an owner in the same namespace.
type OwnerReference struct {
	APIVersion string `json:"apiVersion" pb:"5"`
	Kind       string `json:"kind" pb:"1"`
	Name       string `json:"name" pb:"3,unique"`
	UID        string `json:"uid" pb:"4,unique"`
	Controller *bool  `json:"controller" pb:"6"`
}

// Controller returns the one owner that keeps the object, or nil.
func Controller(owners []OwnerReference) *OwnerReference {
	for i := range owners {
		if c := owners[i].Controller; c != nil && *c {
			return &owners[i]
		}
	}
	return nil
}

// ManagedFields says who wrote an object, when, and through which version.
type ManagedFields struct {
	Manager     string `json:"manager" pb:"1"`
	Operation   string `json:"operation" pb:"2"` // Apply, Update
	APIVersion  string `json:"apiVersion" pb:"3"`
	Time        *Time  `json:"time" pb:"4"`
	Subresource string `json:"subresource" pb:"8"`
}

// Metadata is any object, read without the rest of it.
type Metadata struct {
	ObjectMeta `json:"metadata" pb:"1"`
}

// PodAnnotations are those annotations of pods that are read; pods can have many
// and large ones.
type PodAnnotations map[string]string

// podAnnotations are what PodAnnotations keeps. Sources:
// https://karpenter.sh/docs/concepts/disruption/#pod-level-controls,
// https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
var podAnnotations = map[string]bool{
	"karpenter.sh/do-not-disrupt": true, "karpenter.sh/do-not-evict": true, "cluster-autoscaler.kubernetes.io/safe-to-evict": true,
	Mirror: true,
}

// UnmarshalProto implements protobuf.Message: it reads one entry.
func (a *PodAnnotations) UnmarshalProto(data []byte) error {
	key, value, err := protobuf.Entry(data)
	if podAnnotations[string(key)] {
		if *a == nil {
			*a = PodAnnotations{}
		}
		(*a)[string(key)] = string(value)
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *PodAnnotations) UnmarshalJSON(data []byte) error {
	var all map[string]string
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*a = nil
	for key, value := range all {
		if podAnnotations[key] {
			if *a == nil {
				*a = PodAnnotations{}
			}
			(*a)[key] = value
		}
	}
	return nil
}

// LabelSelector selects by labels.
type LabelSelector struct {
	MatchLabels      map[string]string `json:"matchLabels" pb:"1"`
	MatchExpressions []Requirement     `json:"matchExpressions" pb:"2"`
}

// Requirement is of a LabelSelector, or of a NodeSelectorTerm.
type Requirement struct {
	Key      string   `json:"key" pb:"1"`
	Operator string   `json:"operator" pb:"2"` // In, NotIn, Exists, DoesNotExist; of nodes Gt, Lt too
	Values   []string `json:"values" pb:"3"`
}

// Labels and annotations. Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
const (
	LabelZone         = "topology.kubernetes.io/zone"
	LabelInstanceType = "node.kubernetes.io/instance-type"
	Mirror            = "kubernetes.io/config.mirror" // a static pod of a node
	LastApplied       = "kubectl.kubernetes.io/last-applied-configuration"
)

// Empty is an object of which only matters that it is there.
type Empty struct{}

// Meta returns the metadata of an object that has it embedded.
func (m *ObjectMeta) Meta() *ObjectMeta { return m }
