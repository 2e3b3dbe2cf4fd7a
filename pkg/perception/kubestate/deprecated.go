package kubestate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// lastApplied is what "kubectl apply" leaves: the manifest as it was applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// tally is what the list of one resource shows.
type tally struct {
	kind       string
	count      int
	deprecated []upgrade.DeprecatedAPI
	unseen     upgrade.NotChecked
}

// objects counts the objects of every kind that ages, once and by its preferred
// version, and finds those that were written through an API version that is
// deprecated at the target. It reads metadata only, and of other kinds nothing:
// the permission to list Secrets would be one to read them.
func (c *Collector) objects(ctx context.Context, client *kube.Client, target upgrade.Version) (map[string]int, []upgrade.DeprecatedAPI, []upgrade.NotChecked, error) {
	resources, err := client.Resources(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	var unseen []upgrade.NotChecked
	for _, version := range resources.Unanswered {
		unseen = append(unseen, upgrade.NotChecked{What: "objects of " + version, Why: "the API server behind it does not answer",
			Remedy: "repair or remove the APIService; kubectl get apiservices shows it"})
	}
	listable := slices.DeleteFunc(resources.Preferred(), func(r kube.Resource) bool { return !r.Can("list") || !c.Table.Ages(r.Group, r.Kind) })
	tallies, err := partial.Each(ctx, parallel, listable, func(ctx context.Context, r kube.Resource) (tally, error) {
		return c.tally(ctx, client, r, target)
	})
	if err != nil {
		return nil, nil, nil, err
	}
	counts, deprecated := map[string]int{}, []upgrade.DeprecatedAPI{}
	for _, t := range tallies {
		if t.unseen != (upgrade.NotChecked{}) {
			unseen = append(unseen, t.unseen)
			continue
		}
		if t.count > 0 {
			counts[t.kind] = t.count
		}
		deprecated = append(deprecated, t.deprecated...)
	}
	slices.SortFunc(deprecated, func(a, b upgrade.DeprecatedAPI) int { return strings.Compare(a.Object.String(), b.Object.String()) })
	return counts, deprecated, unseen, nil
}

func (c *Collector) tally(ctx context.Context, client *kube.Client, r kube.Resource, target upgrade.Version) (tally, error) {
	t := tally{kind: r.APIVersion() + ", " + r.Kind}
	ageing := c.Table.Ageing(r.Group, r.Kind, target)
	begin := func() { t.count, t.deprecated = 0, nil }
	err := client.EachMetadata(ctx, r, begin, func(object *metav1.PartialObjectMetadata) {
		t.count++
		for _, api := range ageing {
			if found, ok := trace(object, api); ok {
				t.deprecated = append(t.deprecated, found)
			}
		}
	})
	if err != nil {
		t.unseen, err = partial.Unseen("objects of "+t.kind, err)
	}
	return t, err
}

// controlPlane are the managers that are replaced together with the control
// plane: what they write is theirs to change. The controller manager keeps an
// Endpoints object, deprecated since 1.33, for each Service.
var controlPlane = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "cloud-controller-manager", "api-priority-and-fairness-config"}

func ofControlPlane(manager string) bool {
	return slices.ContainsFunc(controlPlane, func(name string) bool { return strings.HasPrefix(manager, name) })
}

// trace looks for signs that the object was written through api: each manager
// in managedFields says through which version it wrote last, and the annotation
// of "kubectl apply" holds the manifest.
func trace(object *metav1.PartialObjectMetadata, api lifecycle.API) (upgrade.DeprecatedAPI, bool) {
	var writers []string
	for _, m := range object.ManagedFields {
		if m.APIVersion != api.APIVersion() || ofControlPlane(m.Manager) {
			continue
		}
		writer := "still written by " + m.Manager
		if m.Time != nil {
			writer += " at " + m.Time.UTC().Format(time.RFC3339)
		}
		writers = append(writers, writer)
	}
	found := upgrade.DeprecatedAPI{
		Object:     upgrade.ObjectRef{APIVersion: api.APIVersion(), Kind: api.Kind, Namespace: object.Namespace, Name: object.Name},
		Deprecated: api.Deprecated, Removed: api.Removed, Replacement: api.ReplacedBy(),
		Written: len(writers) > 0, Evidence: strings.Join(writers, "; "),
	}
	applied := appliedAs(object) == api.APIVersion()
	if applied && !found.Written {
		found.Evidence = fmt.Sprintf("only the manifest that kubectl applied last (annotation %s) is in %s; no client writes it now", lastApplied, api.APIVersion())
	}
	return found, found.Written || applied
}

// appliedAs returns the apiVersion of the manifest that kubectl applied last,
// or "". The annotation is anybody's text: what cannot be read says nothing.
func appliedAs(object *metav1.PartialObjectMetadata) string {
	var manifest struct {
		APIVersion string `json:"apiVersion"`
	}
	if json.Unmarshal([]byte(object.Annotations[lastApplied]), &manifest) != nil {
		return ""
	}
	return manifest.APIVersion
}
