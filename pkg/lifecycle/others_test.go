package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// others are rows of the tables that kubent 0.7 and pluto 5 keep by hand, in
// releases of Kubernetes, and how ours differs from them and why. Their tables:
// https://github.com/doitintl/kube-no-trouble/tree/master/pkg/rules/rego and
// https://github.com/FairwindsOps/pluto/blob/master/versions.yaml
var others = []struct {
	tool, apiVersion, kind string
	removed                int // as the tool says; 0: in some future
	why                    string
}{
	{"pluto", "extensions/v1beta1", "Deployment", 16, ""},
	{"pluto", "apps/v1beta2", "StatefulSet", 16, ""},
	{"pluto", "extensions/v1beta1", "NetworkPolicy", 16, ""},
	{"pluto", "extensions/v1beta1", "Ingress", 22, ""},
	{"pluto", "networking.k8s.io/v1beta1", "IngressClass", 22, ""},
	{"pluto", "policy/v1beta1", "PodSecurityPolicy", 25, ""},
	{"pluto", "scheduling.k8s.io/v1beta1", "PriorityClass", 22, ""},
	{"pluto", "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", 22, ""},
	{"pluto", "apiregistration.k8s.io/v1beta1", "APIService", 22, ""},
	{"pluto", "admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration", 22, ""},
	{"pluto", "rbac.authorization.k8s.io/v1beta1", "ClusterRole", 22, ""},
	{"pluto", "node.k8s.io/v1beta1", "RuntimeClass", 25, ""},
	{"pluto", "autoscaling/v2beta1", "HorizontalPodAutoscaler", 25, ""},
	{"pluto", "autoscaling/v2beta2", "HorizontalPodAutoscaler", 26, ""},
	{"pluto", "batch/v1beta1", "CronJob", 25, ""},
	{"pluto", "storage.k8s.io/v1beta1", "CSINode", 22, ""},
	{"pluto", "storage.k8s.io/v1beta1", "CSIStorageCapacity", 27, ""},
	{"pluto", "coordination.k8s.io/v1beta1", "Lease", 22, ""},
	{"pluto", "certificates.k8s.io/v1beta1", "CertificateSigningRequest", 22, ""},
	{"pluto", "discovery.k8s.io/v1beta1", "EndpointSlice", 25, ""},
	{"pluto", "apps/v1beta1", "ReplicaSet", 16, "absent: there was no ReplicaSet in apps/v1beta1"},
	{"pluto", "flowcontrol.apiserver.k8s.io/v1beta1", "FlowControl", 26, "absent: there is no kind FlowControl; it is FlowSchema"},
	{"kubent", "flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", 26, ""},
	{"kubent", "flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", 29, ""},
	{"kubent", "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration", 32, ""},
	{"kubent", "batch/v1beta1", "CronJobs", 25, "absent: the kind is CronJob; releases of kubent with this spelling find none"},
	{"kubent", "storage.k8s.io/v1beta1", "StorageClass", 22, ""},
	{"kubent", "snapshot.storage.k8s.io/v1beta1", "VolumeSnapshot", 0, "product: it is no API of Kubernetes; external-snapshotter 6.0 dropped it"},
}

func TestTableDiffersFromOthersForAReason(t *testing.T) {
	for _, o := range others {
		t.Run(o.tool+" "+o.apiVersion+" "+o.kind, func(t *testing.T) {
			group, version := lifecycle.Split(o.apiVersion)
			api, known := lifecycle.All().Lookup(group, version, o.kind)
			same := known && api.Product == "" && api.Removed == v(o.removed)
			how, _, _ := strings.Cut(o.why, ":")
			switch {
			case how == "" && !same:
				t.Errorf("ours says %+v, and nothing explains it", api)
			case how == "absent" && known, how == "product" && api.Product == "":
				t.Errorf("ours says %+v: %s", api, o.why)
			}
		})
	}
}

// An API that a newer release put off is removed when that says, not before.
func TestNewestDeclarationCounts(t *testing.T) {
	for name, removed := range map[string]int{"v1beta2": 29, "v1beta3": 32} {
		if api, _ := lifecycle.Official().Lookup("flowcontrol.apiserver.k8s.io", name, "FlowSchema"); api.Removed != v(removed) {
			t.Errorf("%s: removed in %s", name, api.Removed)
		}
	}
}

func TestProductsAreWholeAndTheirReleasesAreTheirOwn(t *testing.T) {
	for _, a := range lifecycle.Products() {
		if a.Product == "" || a.Plural == "" || !strings.HasPrefix(a.Source, "https://") || a.Replacement == (lifecycle.Kind{}) {
			t.Errorf("%+v is not whole", a)
		}
		if _, builtIn := lifecycle.Official().Lookup(a.Group, a.Version, a.Kind); builtIn {
			t.Errorf("%s is one of Kubernetes's own", a)
		}
	}
	tests := []struct{ apiVersion, kind, product, removed, replacement string }{
		{"cert-manager.io/v1alpha2", "Certificate", "cert-manager", "1.6", "cert-manager.io/v1 Certificate"},
		{"acme.cert-manager.io/v1beta1", "Order", "cert-manager", "1.6", "acme.cert-manager.io/v1 Order"},
		{"karpenter.sh/v1alpha5", "Provisioner", "Karpenter", "0.33", "karpenter.sh/v1 NodePool"},
		{"karpenter.sh/v1beta1", "NodePool", "Karpenter", "1.1", "karpenter.sh/v1 NodePool"},
		{"external-secrets.io/v1beta1", "ExternalSecret", "External Secrets Operator", "0.17", "external-secrets.io/v1 ExternalSecret"},
		{"helm.toolkit.fluxcd.io/v2beta1", "HelmRelease", "Flux", "2.7", "helm.toolkit.fluxcd.io/v2 HelmRelease"},
	}
	for _, tt := range tests {
		api, ages := lifecycle.All().Aged(tt.apiVersion, tt.kind, v(30))
		if !ages || api.Product != tt.product || api.Removed.String() != tt.removed || api.ReplacedBy() != tt.replacement {
			t.Errorf("%s %s: %+v", tt.apiVersion, tt.kind, api)
		}
	}
	for _, current := range []string{"cert-manager.io/v1", "networking.istio.io/v1", "monitoring.coreos.com/v1"} {
		if _, ages := lifecycle.All().Aged(current, "Certificate", v(37)); ages {
			t.Errorf("%s ages", current)
		}
	}
}

func TestWithOverrules(t *testing.T) {
	own, err := lifecycle.Join("apis", []lifecycle.Announcement{{Group: "policy", Versions: []string{"v1beta1"}, Kinds: map[string]string{"PodDisruptionBudget": "poddisruptionbudgets"}, Removed: upgrade.Version{Major: 1, Minor: 40}}})
	if err != nil {
		t.Fatal(err)
	}
	api, _ := lifecycle.All().With(own).Lookup("policy", "v1beta1", "PodDisruptionBudget")
	if api.Removed != v(40) {
		t.Errorf("removed in %s", api.Removed)
	}
}

func TestResourceKnowsThePluralsOfPaths(t *testing.T) {
	for plural, want := range map[string]string{"ingresses": "Ingress", "networkpolicies": "NetworkPolicy"} {
		if api, ok := lifecycle.Official().Resource("extensions", "v1beta1", plural); !ok || api.Kind != want {
			t.Errorf("%s: %+v", plural, api)
		}
	}
	if api, ok := lifecycle.Official().Resource("", "v1", "endpoints"); !ok || api.Kind != "Endpoints" {
		t.Errorf("endpoints: %+v", api)
	}
	if api, ok := lifecycle.All().Resource("cert-manager.io", "v1beta1", "clusterissuers"); !ok || api.Kind != "ClusterIssuer" {
		t.Errorf("clusterissuers: %+v", api)
	}
}
