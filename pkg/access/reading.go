package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// HelmRole lets the releases of Helm be read. It is a cluster role of its own so
// that an owner may leave it out: they are Secrets, and who may list some may list
// all.
const HelmRole = "eks-upgrade-agent:helm"

// reading are the rules of readers: what perception lists, which a test compares
// with what it asks for, and what validation does.
var reading = slices.Concat([]Rule{discovery,
	{Why: "sees which deprecated APIs are requested, and who issues the tokens of service accounts", Verbs: []string{"get"}, URLs: []string{"/metrics", "/.well-known/openid-configuration"}},
	seen("", "namespaces", "nodes", "persistentvolumes", "pods", "replicationcontrollers", "serviceaccounts", "services"),
	seen("batch", "jobs"),
	{Why: "compares what nodes and pods use with what they ask for", Verbs: []string{"list"}, APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"nodes", "pods"}},
	{Why: "finds the load balancer of the Service that takes the traffic", Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"services"}},
	{Why: "reads the configuration of kube-proxy", Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, Names: []string{"kube-proxy", "kube-proxy-config"}},
	installed("argoproj.io", "applications"),
	installed("eks.amazonaws.com", "nodeclasses", "targetgroupbindings"),
	installed("elbv2.k8s.aws", "targetgroupbindings"),
	installed("secrets-store.csi.x-k8s.io", "secretproviderclasses"),
}, ageing, products)

// products are the custom resources of well-known products of which versions are
// deprecated, by the table of package lifecycle; a test compares them.
var products = []Rule{
	installed("acme.cert-manager.io", "challenges", "orders"),
	installed("authentication.istio.io", "meshpolicies", "policies"),
	installed("cert-manager.io", "certificaterequests", "certificates", "clusterissuers", "issuers"),
	installed("certmanager.k8s.io", "certificaterequests", "certificates", "challenges", "clusterissuers", "issuers", "orders"),
	installed("eventing.knative.dev", "brokers", "triggers"),
	installed("external-secrets.io", "clusterexternalsecrets", "clustersecretstores", "externalsecrets", "secretstores"),
	installed("flows.knative.dev", "parallels", "sequences"),
	installed("gateway.networking.k8s.io", "grpcroutes", "referencegrants", "tlsroutes"),
	installed("helm.toolkit.fluxcd.io", "helmreleases"),
	installed("image.toolkit.fluxcd.io", "imagepolicies", "imagerepositories", "imageupdateautomations"),
	installed("karpenter.k8s.aws", "awsnodetemplates", "ec2nodeclasses"),
	installed("karpenter.sh", "machines", "nodeclaims", "nodepools", "provisioners"),
	installed("keda.k8s.io", "scaledobjects", "triggerauthentications"),
	installed("kustomize.toolkit.fluxcd.io", "kustomizations"),
	installed("messaging.knative.dev", "channels", "inmemorychannels", "subscriptions"),
	installed("notification.toolkit.fluxcd.io", "alerts", "providers", "receivers"),
	installed("rbac.istio.io", "clusterrbacconfigs", "rbacconfigs", "servicerolebindings", "serviceroles"),
	installed("serving.knative.dev", "configurations", "revisions", "routes", "services"),
	installed("snapshot.storage.k8s.io", "volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots"),
	installed("source.toolkit.fluxcd.io", "buckets", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories"),
	installed("traefik.containo.us", "ingressroutes", "ingressroutetcps", "ingressrouteudps", "middlewares", "middlewaretcps", "serverstransports", "tlsoptions", "tlsstores", "traefikservices"),
}

func seen(group string, resources ...string) Rule {
	return Rule{Why: "looks at what runs, what it needs and what holds it up", Verbs: []string{"list"}, APIGroups: []string{group}, Resources: resources}
}

func installed(group string, resources ...string) Rule {
	return Rule{Why: "looks at the custom resources of products that an upgrade concerns; of others at none", Verbs: []string{"list"}, APIGroups: []string{group}, Resources: resources}
}

var helm = ClusterRole{Name: HelmRole, Purpose: "perceive reads the releases of Helm; without this role they are not checked, and everything else is", Group: Readers,
	Optional: "releases of Helm are not checked",
	Rules: []Rule{{Why: "lists the Secrets of type helm.sh/release.v1 and the ConfigMaps of Helm; RBAC cannot say that it is only these", Verbs: []string{"list"}, APIGroups: []string{""},
		Resources: []string{"configmaps", "secrets"}}}}

// Granting returns the cluster role that allows exactly what was missing when a
// snapshot was taken, bound to a group or, when user is set, to a user; false when
// nothing was missing that a cluster role gives. Render writes it.
func Granting(missing []upgrade.NotChecked, group Group, user string) (ClusterRole, bool) {
	role := ClusterRole{Name: MissingRole, Purpose: "what could not be seen of this cluster, and nothing else", Group: group, User: user}
	byRule := map[string]*Rule{}
	for _, n := range missing {
		g := n.Grant
		if g == nil {
			continue
		}
		key := strings.Join(slices.Concat(g.Verbs, []string{"/"}, g.APIGroups, []string{"/"}, g.Names, []string{"/"}), " ")
		rule := byRule[key]
		if rule == nil {
			rule = &Rule{Why: "was refused", Verbs: g.Verbs, APIGroups: g.APIGroups, Names: g.Names}
			byRule[key] = rule
		}
		rule.Resources = union(rule.Resources, g.Resources)
		rule.URLs = union(rule.URLs, g.URLs)
	}
	for _, key := range slices.Sorted(maps.Keys(byRule)) {
		role.Rules = append(role.Rules, *byRule[key])
	}
	slices.SortStableFunc(role.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(len(b.URLs), len(a.URLs)), slices.Compare(a.APIGroups, b.APIGroups))
	})
	return role, len(role.Rules) > 0
}

// MissingRole is the name of what Granting returns.
const MissingRole = "eks-upgrade-agent:missing"

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
