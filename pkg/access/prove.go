package access

import "slices"

// Selector picks cluster roles by their labels: those that have one and not the
// other. Source:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
type Selector struct{ Label, Without string }

// Names of the cluster roles of the scan build.
const (
	ProveRole   = "eks-upgrade-agent:prove"
	CollectRole = "eks-upgrade-agent:prove-custom-resources"
)

// ProveLabel is for cluster roles of one's own that let the scan build read
// custom resources.
const ProveLabel = "eks-upgrade-agent/prove"

// proving are the cluster roles of the scan build. It tries whole objects, so that
// it reads more than other readers: of Kubernetes's own kinds those that are
// named, of custom resources those that somebody lets everybody view who may view.
// Kubernetes's own roles of that kind are left out: they let ConfigMaps be read.
func proving() []ClusterRole {
	return []ClusterRole{
		{Name: ProveRole, Purpose: "the scan tries what the cluster holds on the target version", Group: Provers, Rules: slices.Concat([]Rule{discovery,
			proved("", "limitranges", "namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services"),
			proved("apiextensions.k8s.io", "customresourcedefinitions"),
			proved("apiregistration.k8s.io", "apiservices"),
			proved("batch", "jobs"),
		}, ageing)},
		{Name: CollectRole, Purpose: "the scan tries custom resources that their makers let people view", Group: Provers,
			Collects: []Selector{{Label: "rbac.authorization.k8s.io/aggregate-to-view", Without: "kubernetes.io/bootstrapping"}, {Label: ProveLabel}}},
	}
}

func proved(group string, resources ...string) Rule {
	return Rule{Why: "tries objects on the target version", Verbs: []string{"list"}, APIGroups: []string{group}, Resources: resources}
}

// selectors are what an aggregated cluster role has in the place of rules.
func (r ClusterRole) selectors() []any {
	var out []any
	for _, s := range r.Collects {
		selector := map[string]any{"matchLabels": map[string]any{s.Label: "true"}}
		if s.Without != "" {
			selector["matchExpressions"] = []any{map[string]any{"key": s.Without, "operator": "DoesNotExist"}}
		}
		out = append(out, selector)
	}
	return out
}
