package kubestate

import (
	"slices"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// deprecations is the Listener that finds objects which were written through an
// API version that goes away at the target. It looks at the kinds that age and
// at no others: the permission to list Secrets would be one to read them.
type deprecations struct {
	table     lifecycle.Table
	resources kube.Resources
	target    upgrade.Version

	mu    sync.Mutex
	found map[string]*[]upgrade.DeprecatedAPI // by resource
}

func newDeprecations(table lifecycle.Table, resources kube.Resources, target upgrade.Version) *deprecations {
	return &deprecations{table: table, resources: resources, target: target, found: map[string]*[]upgrade.DeprecatedAPI{}}
}

// Wants implements Listener.
func (d *deprecations) Wants(r kube.Resource) bool { return d.table.Ages(r.Group, r.Kind) }

// Begin implements Listener.
func (d *deprecations) Begin(r kube.Resource) func(*objects.ObjectMeta) {
	if !d.Wants(r) {
		return nil
	}
	tracer, found := newTracer(d.table, d.resources, r, d.target), &[]upgrade.DeprecatedAPI{}
	d.mu.Lock()
	d.found[r.GVR().String()] = found
	d.mu.Unlock()
	return func(object *objects.ObjectMeta) { *found = append(*found, tracer.look(object)...) }
}

// all returns what was found, once all is listed.
func (d *deprecations) all() []upgrade.DeprecatedAPI {
	out := []upgrade.DeprecatedAPI{}
	for _, found := range d.found {
		out = append(out, *found...)
	}
	slices.SortFunc(out, func(a, b upgrade.DeprecatedAPI) int { return strings.Compare(a.Object.String(), b.Object.String()) })
	return out
}
