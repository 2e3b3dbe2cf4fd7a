package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const webhooksPage = "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/"

var admissionChecks = []Check{
	{ID: "webhook-unavailable", Family: Admission, Title: "Webhook does not answer", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Webhooks, Services, Namespaces, KubeWorkloads},
		Source: webhooksPage, Remedy: "repair the webhook's Service, or delete its configuration", run: unavailableWebhooks},
	{ID: "webhook-deadlock", Family: Admission, Title: "Webhook must answer before it can be started", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{Webhooks, Services, Namespaces, KubeWorkloads},
		Source: webhooksPage + "#avoid-deadlocks", Remedy: "exclude its own namespace and kube-system by namespaceSelector, and run 2 replicas or more", run: deadlockedWebhooks},
	{ID: "webhook-single-replica", Family: Admission, Title: "Webhook that must answer has one replica", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Webhooks, Services, Namespaces, KubeWorkloads},
		Source: webhooksPage, Remedy: "run 2 replicas or more with a PodDisruptionBudget, or set failurePolicy: Ignore", run: singleWebhooks},
	{ID: "webhook-timeout", Family: Admission, Title: "Webhook may hold requests of the cluster's own parts for long", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{Webhooks, Namespaces, KubeWorkloads},
		Source: webhooksPage, Remedy: "set timeoutSeconds to 5 or less, and exclude kube-system", run: slowWebhooks},
	{ID: "admission-policy-blocks", Family: Admission, Title: "Admission policy can refuse what an upgrade does", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{Policies},
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/", Remedy: "see that its expressions let new nodes, their leases and evictions pass, or exclude these by matchConditions", run: policiesThatBlock},
	{ID: "api-service-unavailable", Family: Admission, Title: "Aggregated API does not answer", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{APIServices},
		Source: "https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/", Remedy: "repair the Service behind it, or delete the APIService: discovery is incomplete and no namespace can be deleted without it", run: apiServices},
	{ID: "namespace-terminating", Family: Admission, Title: "Namespace cannot be deleted", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{Namespaces},
		Source: "https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace", Remedy: "see the conditions of the namespace: an API that does not answer, or a finalizer whose controller is gone", run: terminating},
}

// covered says what a webhook stands before, of the requests that nodes and
// controllers make while nodes are replaced.
type covered struct {
	own     bool     // pods of the workload that answers it
	system  bool     // pods of kube-system
	others  []string // "evictions", "nodes", "leases of nodes"
	perhaps bool     // it has match conditions, which were not evaluated
}

func (c covered) any() bool { return c.own || c.system || len(c.others) > 0 }

func (c covered) String() string {
	var what []string
	if c.own {
		what = append(what, "its own pods")
	}
	if c.system {
		what = append(what, "pods of kube-system")
	}
	text := some(append(what, c.others...))
	if c.perhaps {
		text += ", as far as its match conditions let it"
	}
	return text
}

func (v View) covered(w *upgrade.Webhook) covered {
	out := covered{perhaps: w.MatchConditions > 0}
	selects := func(labels map[string]string) bool { return w.ObjectSelector.Matches(labels) }
	pods := hits(w.Rules, "", "pods", "CREATE")
	for i := range v.Kubernetes.Workloads {
		if !pods {
			break
		}
		o := &v.Kubernetes.Workloads[i]
		namespace := o.Object.Namespace
		answers := w.Service != nil && namespace == w.Service.Namespace && v.index.answers(i, *w.Service)
		if !answers && namespace != "kube-system" || !selects(o.Template.Labels) || !v.inNamespace(w, namespace) {
			continue
		}
		out.own = out.own || answers
		out.system = out.system || !answers
	}
	if hits(w.Rules, "", "pods/eviction", "CREATE") && selects(nil) {
		out.others = append(out.others, "evictions")
	}
	if hits(w.Rules, "", "nodes", "CREATE", "UPDATE") {
		nodes := len(v.Kubernetes.Nodes) == 0 && selects(nil)
		for i := range v.Kubernetes.Nodes {
			nodes = nodes || selects(v.Kubernetes.Nodes[i].Labels)
		}
		if nodes {
			out.others = append(out.others, "nodes")
		}
	}
	if hits(w.Rules, "coordination.k8s.io", "leases", "CREATE", "UPDATE") && selects(nil) && v.inNamespace(w, "kube-node-lease") {
		out.others = append(out.others, "leases of nodes")
	}
	return out
}

// answers reports whether the Service sends requests to the workload.
func (x *index) answers(workload int, service upgrade.ObjectName) bool {
	return slices.ContainsFunc(x.services[workload], func(s int) bool { return x.kube.Services[s].Object.Name == service.Name })
}

// inNamespace reports whether the webhook looks at objects of a namespace.
func (v View) inNamespace(w *upgrade.Webhook, namespace string) bool {
	labels := map[string]string{"kubernetes.io/metadata.name": namespace} // the API server sets it
	for _, n := range v.Kubernetes.Namespaces {
		if n.Name == namespace {
			for key, value := range n.Labels {
				labels[key] = value
			}
		}
	}
	return w.NamespaceSelector.Matches(labels)
}

// hits reports whether a rule looks at one of the operations on a resource.
func hits(rules []upgrade.AdmissionRule, group, resource string, operations ...string) bool {
	base, sub, _ := strings.Cut(resource, "/")
	return slices.ContainsFunc(rules, func(r upgrade.AdmissionRule) bool {
		if len(r.Operations) > 0 && !slices.Contains(r.Operations, "*") && !slices.ContainsFunc(operations, func(o string) bool { return slices.Contains(r.Operations, o) }) {
			return false
		}
		if !slices.Contains(r.APIGroups, "*") && !slices.Contains(r.APIGroups, group) {
			return false
		}
		return slices.ContainsFunc(r.Resources, func(x string) bool {
			if sub == "" {
				return x == base || x == "*" || x == "*/*"
			}
			return x == resource || x == "*/*" || x == base+"/*" || x == "*/"+sub
		})
	})
}

// backend is what answers a webhook.
type backend struct {
	down     string // why it does not answer; empty: it does, or that is not known
	replicas int    // of its workloads; -1: not known
}

func (v View) backend(service *upgrade.ObjectName) backend {
	if service == nil {
		return backend{replicas: -1} // an address outside, or the control plane itself
	}
	i, ok := v.index.service[*service]
	if !ok && v.index.files {
		return backend{replicas: -1} // it may be in the cluster already
	}
	if !ok {
		return backend{down: fmt.Sprintf("Service %s/%s does not exist", service.Namespace, service.Name)}
	}
	s := &v.Kubernetes.Services[i]
	if s.Type == "ExternalName" {
		return backend{replicas: -1}
	}
	if s.ReadyEndpoints == 0 {
		return backend{down: fmt.Sprintf("Service %s/%s has no endpoint that is ready", service.Namespace, service.Name)}
	}
	b := backend{replicas: -1}
	for _, w := range v.index.selected(service.Namespace, upgrade.LabelSelector{Labels: s.Selector}) {
		if o := &v.Kubernetes.Workloads[w]; kept(o) {
			b.replicas = max(b.replicas, 0) + v.index.replicas(w)
		}
	}
	return b
}

// webhooks makes at most one finding of each configuration: the worst of its
// webhooks speaks for the others, which are named.
func webhooks(v View, judge func(w *upgrade.Webhook) (upgrade.Finding, bool)) []upgrade.Finding {
	var out []upgrade.Finding
	at, names := map[upgrade.ObjectRef]int{}, map[upgrade.ObjectRef][]string{}
	for i := range v.Kubernetes.Webhooks {
		w := &v.Kubernetes.Webhooks[i]
		f, found := judge(w)
		if !found {
			continue
		}
		names[w.Object] = append(names[w.Object], w.Name)
		j, known := at[w.Object]
		switch {
		case !known:
			at[w.Object] = len(out)
			out = append(out, on(f, w.Object))
		case f.Severity.Rank() < out[j].Severity.Rank():
			out[j] = on(f, w.Object)
		}
	}
	for i := range out {
		out[i].Evidence = some(names[*out[i].Object]) + ": " + out[i].Evidence
	}
	return out
}

func unavailableWebhooks(v View, c Check) []upgrade.Finding {
	return webhooks(v, func(w *upgrade.Webhook) (upgrade.Finding, bool) {
		down := v.backend(w.Service).down
		if down == "" {
			return upgrade.Finding{}, false
		}
		if w.FailurePolicy == "Ignore" {
			return at(unblocked(c.drained(v, fmt.Sprintf("%s; requests are let pass, after a wait of up to %d seconds", down, max(w.TimeoutSeconds, 10)))), upgrade.Low), true
		}
		if what := v.covered(w); what.any() {
			f := c.drained(v, fmt.Sprintf("%s, failurePolicy is Fail, and it looks at %s: these are refused now", down, what))
			if what.perhaps {
				f = at(unblocked(f), upgrade.High)
			}
			return f, true
		}
		return at(unblocked(c.found(v, fmt.Sprintf("%s, and failurePolicy is Fail: what it looks at (%s) is refused now", down, resources(w.Rules)))), upgrade.High), true
	})
}

func unblocked(f upgrade.Finding) upgrade.Finding {
	f.Blocks = false
	return f
}

// resources names what rules look at.
func resources(rules []upgrade.AdmissionRule) string {
	set := map[string]bool{}
	for _, r := range rules {
		for _, x := range r.Resources {
			if x == "*" || x == "*/*" {
				x = "all objects of " + some(r.APIGroups)
			}
			set[x] = true
		}
	}
	return some(sorted(set))
}

// deadlockedWebhooks finds those that refuse the pods which would answer them.
func deadlockedWebhooks(v View, c Check) []upgrade.Finding {
	return webhooks(v, func(w *upgrade.Webhook) (upgrade.Finding, bool) {
		b := v.backend(w.Service)
		if w.FailurePolicy == "Ignore" || w.Service == nil || b.down != "" || b.replicas < 0 {
			return upgrade.Finding{}, false
		}
		what := v.covered(w)
		f := c.drained(v, fmt.Sprintf("it looks at %s, failurePolicy is Fail, and %s/%s has %s: when they are stopped together, nothing lets them be started again", what, w.Service.Namespace, w.Service.Name, count(b.replicas, "replica")))
		switch {
		case what.own && b.replicas <= 1 && !what.perhaps:
			f.Evidence = fmt.Sprintf("it looks at %s, failurePolicy is Fail, and %s/%s has %s: once its pod is evicted, its new pod is refused because nobody answers", what, w.Service.Namespace, w.Service.Name, count(b.replicas, "replica"))
			return f, true
		case what.own:
			return at(unblocked(f), upgrade.Medium), true
		case what.any():
			f.Evidence = fmt.Sprintf("it looks at %s, and failurePolicy is Fail: while it does not answer, nodes and their pods cannot be replaced (%s)", what, count(b.replicas, "replica"))
			if b.replicas <= 1 {
				return at(unblocked(f), upgrade.High), true
			}
			return at(unblocked(f), upgrade.Low), true
		}
		return upgrade.Finding{}, false
	})
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func singleWebhooks(v View, c Check) []upgrade.Finding {
	return webhooks(v, func(w *upgrade.Webhook) (upgrade.Finding, bool) {
		b := v.backend(w.Service)
		if w.FailurePolicy == "Ignore" || b.replicas != 1 || b.down != "" || v.covered(w).any() {
			return upgrade.Finding{}, false // the worse of them have a check of their own
		}
		return c.drained(v, fmt.Sprintf("failurePolicy is Fail and %s/%s has 1 replica: while its node is drained, %s are refused", w.Service.Namespace, w.Service.Name, resources(w.Rules))), true
	})
}

// slowWebhooks finds those that wait longer than the default of 10 seconds.
func slowWebhooks(v View, c Check) []upgrade.Finding {
	return webhooks(v, func(w *upgrade.Webhook) (upgrade.Finding, bool) {
		what := v.covered(w)
		if w.TimeoutSeconds <= 10 || !what.any() {
			return upgrade.Finding{}, false
		}
		return c.drained(v, fmt.Sprintf("timeoutSeconds is %d, and it looks at %s: while it does not answer, each of these waits so long", w.TimeoutSeconds, what)), true
	})
}

// policiesThatBlock looks at policies in force; those on pods alone are
// everywhere and keep nothing from running that runs now.
func policiesThatBlock(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.AdmissionPolicies {
		p := &v.Kubernetes.AdmissionPolicies[i]
		validating := p.Object.Kind == "ValidatingAdmissionPolicy"
		if p.Bindings == 0 || validating && len(p.Actions) > 0 && !slices.Contains(p.Actions, "Deny") || !validating && p.FailurePolicy == "Ignore" {
			continue
		}
		var what []string
		for _, x := range []struct{ group, resource, name string }{{"", "pods/eviction", "evictions"}, {"", "nodes", "nodes"}, {"coordination.k8s.io", "leases", "leases"}} {
			if hits(p.Rules, x.group, x.resource, "CREATE", "UPDATE") {
				what = append(what, x.name)
			}
		}
		if len(what) == 0 {
			continue
		}
		evidence := fmt.Sprintf("it is in force and looks at %s", some(what))
		if len(p.Expressions) > 0 {
			evidence += ": " + p.Expressions[0]
		}
		if p.ParamKind != "" {
			evidence += fmt.Sprintf("; its parameters are of %s", p.ParamKind)
		}
		out = append(out, on(c.drained(v, evidence), p.Object))
	}
	return out
}

func apiServices(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, a := range v.Kubernetes.APIServices {
		if !a.Available {
			evidence := fmt.Sprintf("Service %s/%s, which answers it, is not available", a.Service.Namespace, a.Service.Name)
			if a.Message != "" {
				evidence += ": " + a.Message
			}
			out = append(out, on(c.drained(v, evidence), upgrade.ObjectRef{APIVersion: "apiregistration.k8s.io/v1", Kind: "APIService", Name: a.Name}))
		}
	}
	return out
}

func terminating(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, n := range v.Kubernetes.Namespaces {
		if n.Terminating {
			out = append(out, on(c.found(v, "it is being deleted and is still there"), upgrade.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: n.Name}))
		}
	}
	return out
}
