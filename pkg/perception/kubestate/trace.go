package kubestate

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// lastApplied is what "kubectl apply" leaves: the manifest as it was applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// controlPlane are the managers that are replaced together with the control
// plane: what they write is theirs to change. The controller manager keeps an
// Endpoints object, deprecated since 1.33, for each Service.
var controlPlane = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "cloud-controller-manager", "api-priority-and-fairness-config"}

func ofControlPlane(manager string) bool {
	return slices.ContainsFunc(controlPlane, func(name string) bool { return strings.HasPrefix(manager, name) })
}

// tracer looks at the objects of one resource for signs of API versions that go
// away.
type tracer struct {
	ageing []lifecycle.API // through which objects of the resource may have been written
	lost   *lifecycle.API  // the version that objects are read in, when no version that is served now stays; nil: one does
}

func newTracer(table lifecycle.Table, resources kube.Resources, r kube.Resource, target upgrade.Version) tracer {
	t := tracer{ageing: table.Ageing(r.Group, r.Kind, target)}
	for _, x := range resources.All {
		if x.Group != r.Group || x.Kind != r.Kind {
			continue
		}
		api, known := table.Lookup(x.Group, x.Version, x.Kind)
		if !known || api.Product != "" || api.Removed == (upgrade.Version{}) || api.Removed.Compare(target) > 0 {
			return t
		}
	}
	if api, known := table.Lookup(r.Group, r.Version, r.Kind); known {
		t.lost = &api
	}
	return t
}

// look returns what an object shows of each API version that goes away: each
// manager in managedFields says through which version it wrote last, and the
// annotation of "kubectl apply" holds the manifest.
func (t tracer) look(object *objects.ObjectMeta) []upgrade.DeprecatedAPI {
	var all []upgrade.DeprecatedAPI
	applied := appliedAs(object)
	for _, api := range t.ageing {
		found := api.Describe(object.Namespace, object.Name)
		for _, m := range object.ManagedFields {
			if m.APIVersion != api.APIVersion() || ofControlPlane(m.Manager) {
				continue
			}
			sign := upgrade.Evidence{Kind: upgrade.EvidenceManager, By: m.Manager, Operation: m.Operation, Subresource: m.Subresource}
			if m.Time != nil {
				sign.At = upgrade.At(m.Time.Time)
			}
			found.Evidence = append(found.Evidence, sign)
		}
		if applied.APIVersion == api.APIVersion() && (applied.Kind == api.Kind || applied.Kind == "") {
			found.Evidence = append(found.Evidence, upgrade.Evidence{Kind: upgrade.EvidenceLastApplied})
		}
		if t.lost != nil && api == *t.lost && !madeByControlPlane(object) {
			found.Evidence = append(found.Evidence, upgrade.Evidence{Kind: upgrade.EvidenceLive})
		}
		if len(found.Evidence) > 0 {
			all = append(all, found)
		}
	}
	return all
}

// madeByControlPlane reports whether nobody else wrote the object.
func madeByControlPlane(object *objects.ObjectMeta) bool {
	return len(object.ManagedFields) > 0 && !slices.ContainsFunc(object.ManagedFields, func(m objects.ManagedFields) bool { return !ofControlPlane(m.Manager) })
}

// appliedAs returns apiVersion and kind of the manifest that kubectl applied
// last, or nothing. The annotation is anybody's text: what cannot be read says
// nothing.
func appliedAs(object *objects.ObjectMeta) metav1.TypeMeta {
	var manifest metav1.TypeMeta
	if json.Unmarshal([]byte(object.Annotations[lastApplied]), &manifest) != nil {
		return metav1.TypeMeta{}
	}
	return manifest
}
