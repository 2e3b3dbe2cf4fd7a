package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestAdmissionChecks(t *testing.T) {
	type hook = upgrade.Webhook
	rule := func(group, resource string, operations ...string) []upgrade.AdmissionRule {
		return []upgrade.AdmissionRule{{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}, Operations: operations}}
	}
	looksAt := func(group, resource string, operations ...string) func(*hook) {
		return func(w *hook) { w.Rules = rule(group, resource, operations...) }
	}
	// webhook is answered by Service policy in namespace shop, and looks at pods.
	webhook := func(change ...func(*hook)) func(*state) {
		return func(s *state) {
			w := hook{Object: upgrade.ObjectRef{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration", Name: "policy"}, Name: "check.policy.io", FailurePolicy: "Fail",
				TimeoutSeconds: 10, Service: &upgrade.ObjectName{Namespace: "shop", Name: "policy"}, Rules: rule("", "pods", "CREATE")}
			for _, c := range change {
				c(&w)
			}
			s.Webhooks = append(s.Webhooks, w)
		}
	}
	ignore := func(w *hook) { w.FailurePolicy = "Ignore" }
	slow := func(w *hook) { w.TimeoutSeconds = 30 }
	without := func(namespaces ...string) func(*hook) {
		return func(w *hook) {
			w.NamespaceSelector = upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "kubernetes.io/metadata.name", Operator: "NotIn", Values: namespaces}}}
		}
	}
	notItself := func(w *hook) {
		w.ObjectSelector = upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "app", Operator: "NotIn", Values: []string{"policy"}}}}
	}
	conditions := func(w *hook) { w.MatchConditions = 1 }
	outside := func(w *hook) { w.Service, w.URLHost = nil, "127.0.0.1" }
	answers := func(replicas int) func(*state) { return have(deployment("policy", replicas)) }
	unready := func(s *state) { s.Services[len(s.Services)-1].ReadyEndpoints = 0 }
	unknown := func(s *state) { s.Services[len(s.Services)-1].ReadyEndpoints = -1 }
	dns := alone(deployment("coredns", 2, in("kube-system")))
	certificates := looksAt("cert-manager.io", "certificates", "CREATE")

	policy := func(change ...func(*upgrade.AdmissionPolicy)) func(*state) {
		return func(s *state) {
			p := upgrade.AdmissionPolicy{Object: upgrade.ObjectRef{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy", Name: "limits"}, FailurePolicy: "Fail", Bindings: 1, Actions: []string{"Deny"},
				Rules: rule("*", "*/*", "*"), Expressions: []string{"has(object.metadata.labels.team)"}}
			for _, c := range change {
				c(&p)
			}
			s.AdmissionPolicies = append(s.AdmissionPolicies, p)
		}
	}
	about := func(group, resource string, operations ...string) func(*upgrade.AdmissionPolicy) {
		return func(p *upgrade.AdmissionPolicy) { p.Rules = rule(group, resource, operations...) }
	}
	testChecks(t, []checkCase{
		{check: "webhook-unavailable", name: "no Service", change: and(dns, webhook()), want: []string{"critical blocks policy: check.policy.io: Service shop/policy does not exist, failurePolicy is Fail, and it looks at pods of kube-system"}},
		{check: "webhook-unavailable", name: "no endpoint, nodes", change: and(answers(2), unready, webhook(looksAt("", "nodes", "*"))), want: []string{"critical blocks policy: it looks at nodes"}},
		{check: "webhook-unavailable", name: "no endpoint, blue/green", change: and(answers(2), unready, webhook(looksAt("", "nodes", "*"))), blueGreen: true, want: []string{"medium policy: no endpoint"}},
		{check: "webhook-unavailable", name: "no endpoint, its own objects only", change: and(answers(2), unready, webhook(certificates)), want: []string{"high policy: certificates"}},
		{check: "webhook-unavailable", name: "no endpoint, but match conditions", change: and(answers(2), unready, webhook(conditions)), want: []string{"high policy: as far as its match conditions let it"}},
		{check: "webhook-unavailable", name: "no endpoint, ignored", change: and(answers(2), unready, webhook(ignore)), want: []string{"low policy: after a wait"}},
		{check: "webhook-unavailable", name: "two webhooks of one configuration", change: and(dns, webhook(certificates), webhook(func(w *hook) { w.Name = "pods.policy.io" })), want: []string{"critical blocks policy: check.policy.io, pods.policy.io"}},
		{check: "webhook-unavailable", name: "it answers", change: and(answers(2), webhook())},
		{check: "webhook-unavailable", name: "endpoints were not seen", change: and(answers(2), unknown, webhook())},
		{check: "webhook-unavailable", name: "in the control plane", change: webhook(outside)},

		{check: "webhook-deadlock", name: "its own pods, one replica", change: and(answers(1), webhook()), want: []string{"critical blocks policy: its new pod is refused"}},
		{check: "webhook-deadlock", name: "everything, one replica", change: and(answers(1), dns, webhook(looksAt("*", "*", "*"))), want: []string{"critical blocks policy: it looks at its own pods, pods of kube-system, nodes, leases of nodes"}},
		{check: "webhook-deadlock", name: "its own pods, two replicas", change: and(answers(2), webhook()), want: []string{"medium policy: stopped together"}},
		{check: "webhook-deadlock", name: "its own pods, perhaps", change: and(answers(1), webhook(conditions)), want: []string{"medium policy: match conditions"}},
		{check: "webhook-deadlock", name: "kube-system, one replica", change: and(answers(1), dns, webhook(without("shop"))), want: []string{"high policy: pods of kube-system"}},
		{check: "webhook-deadlock", name: "leases, two replicas", change: and(answers(2), webhook(looksAt("coordination.k8s.io", "leases", "UPDATE"))), want: []string{"low policy: leases of nodes"}},
		{check: "webhook-deadlock", name: "evictions", change: and(answers(1), webhook(looksAt("", "pods/eviction", "CREATE"))), want: []string{"high policy: evictions"}},
		{check: "webhook-deadlock", name: "neither its own namespace nor kube-system", change: and(answers(1), dns, webhook(without("shop", "kube-system")))},
		{check: "webhook-deadlock", name: "not its own pods", change: and(answers(1), webhook(notItself))},
		{check: "webhook-deadlock", name: "a label keeps it off the namespace", change: and(answers(1), func(s *state) {
			s.Namespaces = append(s.Namespaces, upgrade.Namespace{Name: "shop", Labels: map[string]string{"policy": "off"}})
		}, webhook(func(w *hook) {
			w.NamespaceSelector = upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "policy", Operator: "NotIn", Values: []string{"off"}}}}
		}))},
		{check: "webhook-deadlock", name: "ignored", change: and(answers(1), webhook(ignore))},
		{check: "webhook-deadlock", name: "deletions only", change: and(answers(1), webhook(looksAt("", "pods", "DELETE")))},
		{check: "webhook-deadlock", name: "pods of another group", change: and(answers(1), webhook(looksAt("metrics.k8s.io", "pods", "CREATE")))},
		{check: "webhook-deadlock", name: "the log of pods", change: and(answers(1), webhook(looksAt("", "pods/log", "*")))},

		{check: "webhook-single-replica", name: "one replica", change: and(answers(1), webhook(certificates)), want: []string{"medium policy: certificates are refused"}},
		{check: "webhook-single-replica", name: "two replicas", change: and(answers(2), webhook(certificates))},
		{check: "webhook-single-replica", name: "an autoscaler that keeps two", change: and(answers(1), webhook(certificates), func(s *state) {
			s.Autoscalers = []upgrade.Autoscaler{{Object: upgrade.ObjectRef{Namespace: "shop", Name: "hpa"}, Target: upgrade.ObjectRef{Kind: "Deployment", Name: "policy"}, Min: 2, Max: 4}}
		})},

		{check: "webhook-timeout", name: "30 seconds before pods", change: and(answers(2), webhook(slow)), want: []string{"low policy: timeoutSeconds is 30"}},
		{check: "webhook-timeout", name: "30 seconds before its own objects", change: and(answers(2), webhook(slow, certificates))},
		{check: "webhook-timeout", name: "10 seconds before pods", change: and(answers(2), webhook())},

		{check: "admission-policy-blocks", name: "everything", change: policy(), want: []string{"medium limits: evictions, nodes, leases: has(object.metadata.labels.team)"}},
		{check: "admission-policy-blocks", name: "nodes", change: policy(about("", "nodes", "UPDATE")), want: []string{"medium limits: nodes"}},
		{check: "admission-policy-blocks", name: "a mutating one", change: policy(func(p *upgrade.AdmissionPolicy) { p.Object.Kind, p.Actions = "MutatingAdmissionPolicy", nil }), want: []string{"medium limits: evictions"}},
		{check: "admission-policy-blocks", name: "pods", change: policy(about("", "pods", "CREATE"))},
		{check: "admission-policy-blocks", name: "warns", change: policy(func(p *upgrade.AdmissionPolicy) { p.Actions = []string{"Warn", "Audit"} })},
		{check: "admission-policy-blocks", name: "not bound", change: policy(func(p *upgrade.AdmissionPolicy) { p.Bindings = 0 })},

		{check: "api-service-unavailable", name: "down", change: func(s *state) {
			s.APIServices = []upgrade.APIService{{Name: "v1beta1.metrics.k8s.io", Service: upgrade.ObjectName{Namespace: "kube-system", Name: "metrics-server"}, Message: "MissingEndpoints"}}
		}, want: []string{"high v1beta1.metrics.k8s.io: Service kube-system/metrics-server, which answers it, is not available: MissingEndpoints"}},
		{check: "api-service-unavailable", name: "up", change: func(s *state) {
			s.APIServices = []upgrade.APIService{{Name: "v1beta1.metrics.k8s.io", Available: true}}
		}},

		{check: "namespace-terminating", name: "stuck", change: func(s *state) { s.Namespaces = append(s.Namespaces, upgrade.Namespace{Name: "old", Terminating: true}) }, want: []string{"low old: being deleted"}},
		{check: "namespace-terminating", name: "none", change: func(*state) {}},
	})
}

func TestCustomResourceChecks(t *testing.T) {
	type crd = upgrade.CustomResource
	version := func(name string, change ...func(*upgrade.CustomResourceVersion)) upgrade.CustomResourceVersion {
		v := upgrade.CustomResourceVersion{Name: name, Served: true}
		for _, c := range change {
			c(&v)
		}
		return v
	}
	unserved := func(v *upgrade.CustomResourceVersion) { v.Served = false }
	old := func(v *upgrade.CustomResourceVersion) { v.Deprecated, v.Warning = true, "use v1" }
	stored := func(v *upgrade.CustomResourceVersion) { v.Storage = true }
	resource := func(in []string, versions []upgrade.CustomResourceVersion, change ...func(*crd)) func(*state) {
		return func(s *state) {
			r := crd{Name: "certificates.cert-manager.io", Versions: versions, StoredVersions: in, Established: true}
			for _, c := range change {
				c(&r)
			}
			s.CustomResources = append(s.CustomResources, r)
		}
	}
	two := []upgrade.CustomResourceVersion{version("v1alpha1"), version("v1", stored)}
	converts := func(r *crd) {
		r.Conversion = &upgrade.Conversion{Service: &upgrade.ObjectName{Namespace: "shop", Name: "webhook"}}
	}
	testChecks(t, []checkCase{
		{check: "conversion-webhook", name: "no Service", change: resource([]string{"v1"}, two, converts), want: []string{"critical blocks certificates.cert-manager.io: Service shop/webhook does not exist"}},
		{check: "conversion-webhook", name: "no Service, blue/green", change: resource([]string{"v1"}, two, converts), blueGreen: true, want: []string{"medium certificates.cert-manager.io: not converted between v1alpha1, v1"}},
		{check: "conversion-webhook", name: "one replica", change: and(have(deployment("webhook", 1)), resource([]string{"v1"}, two, converts)), want: []string{"medium certificates.cert-manager.io: has 1 replica"}},
		{check: "conversion-webhook", name: "two replicas", change: and(have(deployment("webhook", 2)), resource([]string{"v1"}, two, converts))},
		{check: "conversion-webhook", name: "nothing to convert", change: resource([]string{"v1"}, two[1:], converts)},
		{check: "conversion-webhook", name: "no webhook", change: resource([]string{"v1"}, two)},

		{check: "crd-stored-versions", name: "not served any more", change: resource([]string{"v1alpha1", "v1"}, []upgrade.CustomResourceVersion{version("v1alpha1", unserved), version("v1", stored)}), want: []string{"high certificates.cert-manager.io: storedVersions holds v1alpha1, and it serves v1"}},
		{check: "crd-stored-versions", name: "deprecated", change: resource([]string{"v1alpha1", "v1"}, []upgrade.CustomResourceVersion{version("v1alpha1", old), version("v1", stored)}), want: []string{"low certificates.cert-manager.io: v1alpha1, which is deprecated"}},
		{check: "crd-stored-versions", name: "both served", change: resource([]string{"v1alpha1", "v1"}, two)},
		{check: "crd-stored-versions", name: "of a file", change: resource(nil, two)},

		{check: "crd-version-deprecated", name: "served", change: resource([]string{"v1"}, []upgrade.CustomResourceVersion{version("v1alpha1", old), version("v1", stored)}), want: []string{"info certificates.cert-manager.io: v1alpha1 is deprecated: use v1"}},
		{check: "crd-version-deprecated", name: "not served", change: resource([]string{"v1"}, []upgrade.CustomResourceVersion{version("v1alpha1", old, unserved), version("v1", stored)})},

		{check: "crd-not-established", name: "not", change: resource([]string{"v1"}, two, func(r *crd) { r.Established = false }), want: []string{"medium certificates.cert-manager.io: not established"}},
		{check: "crd-not-established", name: "of a file", change: resource(nil, two, func(r *crd) { r.Established = false })},
	})
}
