package kubestate

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

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
		return c.tally(ctx, client, resources, r, target)
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

func (c *Collector) tally(ctx context.Context, client *kube.Client, resources kube.Resources, r kube.Resource, target upgrade.Version) (tally, error) {
	t := tally{kind: r.APIVersion() + ", " + r.Kind}
	tracer := newTracer(c.Table, resources, r, target)
	begin := func() { t.count, t.deprecated = 0, nil }
	err := client.EachMetadata(ctx, r, begin, func(object *metav1.PartialObjectMetadata) {
		t.count++
		t.deprecated = append(t.deprecated, tracer.look(object)...)
	})
	if err != nil {
		t.unseen, err = partial.Unseen("objects of "+t.kind, err)
	}
	return t, err
}
