package kubestate

import (
	"net/url"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func budget(b *objects.PodDisruptionBudget) (upgrade.DisruptionBudget, bool) {
	out := upgrade.DisruptionBudget{Object: ref("policy/v1", "PodDisruptionBudget", &b.ObjectMeta), Selector: selector(b.Spec.Selector),
		ExpectedPods: int(b.Status.ExpectedPods), CurrentHealthy: int(b.Status.CurrentHealthy), DesiredHealthy: int(b.Status.DesiredHealthy),
		DisruptionsAllowed: int(b.Status.DisruptionsAllowed), Observed: b.Status.ObservedGeneration > 0 && b.Status.ObservedGeneration >= b.Generation,
		UnhealthyPodEvictionPolicy: text(b.Spec.UnhealthyPodEvictionPolicy)}
	if b.Spec.MinAvailable != nil {
		out.MinAvailable = string(*b.Spec.MinAvailable)
	}
	if b.Spec.MaxUnavailable != nil {
		out.MaxUnavailable = string(*b.Spec.MaxUnavailable)
	}
	return out, true
}

func autoscaler(h *objects.HorizontalPodAutoscaler) (upgrade.Autoscaler, bool) {
	target := h.Spec.ScaleTargetRef
	return upgrade.Autoscaler{Object: ref("autoscaling/v2", "HorizontalPodAutoscaler", &h.ObjectMeta), Min: replicas(h.Spec.MinReplicas), Max: int(h.Spec.MaxReplicas),
		Target: upgrade.ObjectRef{APIVersion: target.APIVersion, Kind: target.Kind, Namespace: h.Namespace, Name: target.Name}}, true
}

func namespace(n *objects.Metadata) (upgrade.Namespace, bool) {
	return upgrade.Namespace{Name: n.Name, Labels: n.Labels, Terminating: n.DeletionTimestamp != nil}, true
}

func priorityClass(p *objects.PriorityClass) (upgrade.PriorityClass, bool) {
	return upgrade.PriorityClass{Name: p.Name, Value: int(p.Value), Default: p.GlobalDefault, Preempts: text(p.PreemptionPolicy) != "Never"}, true
}

// defaultPolicy is what a webhook or a policy has when it says nothing.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy
const defaultPolicy = "Fail"

func or(s *string, otherwise string) string {
	if s == nil || *s == "" {
		return otherwise
	}
	return *s
}

func text(s *string) string { return or(s, "") }

func validatingWebhooks(c *objects.WebhookConfiguration) ([]upgrade.Webhook, bool) {
	var out []upgrade.Webhook
	for i := range c.Webhooks {
		out = append(out, webhook(ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", &c.ObjectMeta), &c.Webhooks[i]))
	}
	return out, true
}

func mutatingWebhooks(c *objects.MutatingWebhookConfiguration) ([]upgrade.Webhook, bool) {
	var out []upgrade.Webhook
	for _, w := range c.Webhooks {
		same := objects.Webhook(w)
		out = append(out, webhook(ref("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", &c.ObjectMeta), &same))
	}
	return out, true
}

func webhook(object upgrade.ObjectRef, w *objects.Webhook) upgrade.Webhook {
	out := upgrade.Webhook{Object: object, Name: w.Name, FailurePolicy: or(w.FailurePolicy, defaultPolicy), Rules: rules(w.Rules),
		NamespaceSelector: selector(w.NamespaceSelector), ObjectSelector: selector(w.ObjectSelector), MatchConditions: len(w.MatchConditions)}
	if w.TimeoutSeconds != nil {
		out.TimeoutSeconds = int(*w.TimeoutSeconds)
	}
	out.Service, out.URLHost = reached(&w.ClientConfig)
	return out
}

// reached returns how a webhook is reached: a Service or the host of a URL.
func reached(c *objects.WebhookClient) (*upgrade.ObjectName, string) {
	switch {
	case c == nil:
		return nil, ""
	case c.Service != nil:
		return &upgrade.ObjectName{Namespace: c.Service.Namespace, Name: c.Service.Name}, ""
	case c.URL != nil:
		if u, err := url.Parse(*c.URL); err == nil {
			return nil, u.Hostname()
		}
	}
	return nil, ""
}

func rules(all []objects.OperationsRule) []upgrade.AdmissionRule {
	var out []upgrade.AdmissionRule
	for _, r := range all {
		out = append(out, upgrade.AdmissionRule{Operations: r.Operations, APIGroups: r.APIGroups, APIVersions: r.APIVersions, Resources: r.Resources, Scope: text(r.Scope)})
	}
	return out
}

func constraints(m *objects.MatchResources) []upgrade.AdmissionRule {
	if m == nil {
		return nil
	}
	var all []objects.OperationsRule
	for _, r := range m.ResourceRules {
		all = append(all, r.OperationsRule)
	}
	return rules(all)
}

// maxExpression is how many characters of an expression are kept.
const maxExpression = 300

func expressions(all ...string) []string {
	var out []string
	for _, e := range all {
		if runes := []rune(e); len(runes) > maxExpression {
			e = string(runes[:maxExpression])
		}
		if e != "" {
			out = append(out, e)
		}
	}
	return out
}

func validatingPolicy(apiVersion string) func(*objects.ValidatingAdmissionPolicy) (upgrade.AdmissionPolicy, bool) {
	return func(p *objects.ValidatingAdmissionPolicy) (upgrade.AdmissionPolicy, bool) {
		var all []string
		for _, v := range p.Spec.Validations {
			all = append(all, v.Expression, v.MessageExpression)
		}
		return admissionPolicy(ref(apiVersion, "ValidatingAdmissionPolicy", &p.ObjectMeta), p.Spec.FailurePolicy, p.Spec.MatchConstraints, p.Spec.ParamKind,
			append(all, named(p.Spec.MatchConditions, p.Spec.Variables)...)), true
	}
}

func mutatingPolicy(apiVersion string) func(*objects.MutatingAdmissionPolicy) (upgrade.AdmissionPolicy, bool) {
	return func(p *objects.MutatingAdmissionPolicy) (upgrade.AdmissionPolicy, bool) {
		var all []string
		for _, m := range p.Spec.Mutations {
			for _, patch := range []*objects.Patch{m.ApplyConfiguration, m.JSONPatch} {
				if patch != nil {
					all = append(all, patch.Expression)
				}
			}
		}
		return admissionPolicy(ref(apiVersion, "MutatingAdmissionPolicy", &p.ObjectMeta), p.Spec.FailurePolicy, p.Spec.MatchConstraints, p.Spec.ParamKind,
			append(all, named(p.Spec.MatchConditions, p.Spec.Variables)...)), true
	}
}

func named(all ...[]objects.Expression) []string {
	var out []string
	for _, list := range all {
		for _, e := range list {
			out = append(out, e.Expression)
		}
	}
	return out
}

func admissionPolicy(object upgrade.ObjectRef, failure *string, match *objects.MatchResources, param *objects.ParamKind, all []string) upgrade.AdmissionPolicy {
	out := upgrade.AdmissionPolicy{Object: object, FailurePolicy: or(failure, defaultPolicy), Rules: constraints(match), Expressions: expressions(all...)}
	if param != nil {
		out.ParamKind = param.APIVersion + " " + param.Kind
	}
	return out
}

// binding ties a policy to what it looks at.
type binding struct {
	kind, policy string // kind of the policy
	actions      []string
}

func policyBinding(kind string) func(*objects.PolicyBinding) (binding, bool) {
	return func(b *objects.PolicyBinding) (binding, bool) {
		return binding{kind, b.Spec.PolicyName, b.Spec.ValidationActions}, true
	}
}
