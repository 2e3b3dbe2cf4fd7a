package assess

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// outside lists what is used outside of the cluster, with its users in order.
func outside(all []checks.Dependency) []Outside {
	out := []Outside{}
	for _, d := range all {
		one := Outside{Object: d.Object(), Engine: d.Store.Engine, Version: d.Store.Version, Status: d.Store.Status, UsedBy: []Use{}, LetsIn: d.Lets}
		for object, why := range d.Users {
			one.UsedBy = append(one.UsedBy, Use{Object: object, Why: why})
		}
		slices.SortFunc(one.UsedBy, func(a, b Use) int { return byName(a.Object, b.Object) })
		out = append(out, one)
	}
	return out
}

// inside lists the workloads of the chosen namespaces that use something.
func inside(k *upgrade.KubernetesState, s Selection) []Inside {
	out := []Inside{}
	if k == nil {
		return out
	}
	for _, w := range k.Workloads {
		if !reflect.ValueOf(w.DependsOn).IsZero() && (len(s.Namespaces) == 0 || slices.Contains(s.Namespaces, w.Object.Namespace)) {
			out = append(out, Inside{Object: w.Object, DependsOn: w.DependsOn})
		}
	}
	slices.SortFunc(out, func(a, b Inside) int { return byName(a.Object, b.Object) })
	return out
}

func byName(a, b upgrade.ObjectRef) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}
