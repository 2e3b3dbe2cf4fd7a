package kubestate

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// successors are API versions that manifests still have, and those that are read
// in their place. Source:
// https://kubernetes.io/docs/reference/using-api/deprecation-guide/
var successors = map[string]map[string]string{ // by kind
	"Deployment":                     {"extensions/v1beta1": "apps/v1", "apps/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1"},
	"DaemonSet":                      {"extensions/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1"},
	"ReplicaSet":                     {"extensions/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1"},
	"StatefulSet":                    {"apps/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1"},
	"CronJob":                        {"batch/v1beta1": "batch/v1", "batch/v2alpha1": "batch/v1"},
	"PodDisruptionBudget":            {"policy/v1beta1": "policy/v1"},
	"HorizontalPodAutoscaler":        {"autoscaling/v1": "autoscaling/v2", "autoscaling/v2beta1": "autoscaling/v2", "autoscaling/v2beta2": "autoscaling/v2"},
	"Ingress":                        {"extensions/v1beta1": "networking.k8s.io/v1", "networking.k8s.io/v1beta1": "networking.k8s.io/v1"},
	"IngressClass":                   {"networking.k8s.io/v1beta1": "networking.k8s.io/v1"},
	"PriorityClass":                  {"scheduling.k8s.io/v1beta1": "scheduling.k8s.io/v1", "scheduling.k8s.io/v1alpha1": "scheduling.k8s.io/v1"},
	"StorageClass":                   {"storage.k8s.io/v1beta1": "storage.k8s.io/v1"},
	"ValidatingWebhookConfiguration": {"admissionregistration.k8s.io/v1beta1": "admissionregistration.k8s.io/v1"},
	"MutatingWebhookConfiguration":   {"admissionregistration.k8s.io/v1beta1": "admissionregistration.k8s.io/v1"},
}

// modern returns an object as its successor has it, as far as its fields are
// read: most are the same in both, and so are defaults but for those below. The
// object stays as it is.
func modern(object map[string]any, apiVersion, kind string) (map[string]any, string) {
	to := successors[kind][apiVersion]
	if to == "" {
		return object, apiVersion
	}
	object = (&unstructured.Unstructured{Object: object}).DeepCopy().Object
	object["apiVersion"] = to
	spec, _ := object["spec"].(map[string]any)
	switch kind {
	case "Deployment", "DaemonSet", "ReplicaSet", "StatefulSet":
		// The selector was that of the template when it was left out.
		labels, found, _ := unstructured.NestedMap(object, "spec", "template", "metadata", "labels")
		if spec != nil && spec["selector"] == nil && found {
			spec["selector"] = map[string]any{"matchLabels": labels}
		}
		// Pods were replaced by hand unless the manifest said otherwise.
		if apiVersion == "extensions/v1beta1" && kind == "DaemonSet" && spec != nil && spec["updateStrategy"] == nil {
			spec["updateStrategy"] = map[string]any{"type": "OnDelete"}
		}
	case "PodDisruptionBudget":
		// An empty selector selected no pod; it selects all of them now.
		if selector, ok := spec["selector"].(map[string]any); ok && len(selector) == 0 {
			delete(spec, "selector")
		}
	case "Ingress":
		if old, ok := spec["backend"]; ok {
			spec["defaultBackend"] = backend(old)
		}
		rules, _ := spec["rules"].([]any)
		for _, r := range rules {
			rule, _ := r.(map[string]any)
			http, _ := rule["http"].(map[string]any)
			paths, _ := http["paths"].([]any)
			for _, p := range paths {
				if path, ok := p.(map[string]any); ok {
					path["backend"] = backend(path["backend"])
				}
			}
		}
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		// Requests passed when a webhook did not answer, and it had 30 seconds.
		webhooks, _ := object["webhooks"].([]any)
		for _, w := range webhooks {
			if webhook, ok := w.(map[string]any); ok {
				defaults := map[string]any{"failurePolicy": "Ignore", "timeoutSeconds": int64(30)}
				maps.DeleteFunc(defaults, func(field string, _ any) bool { return webhook[field] != nil })
				maps.Copy(webhook, defaults)
			}
		}
	}
	return object, to
}

// backend is {serviceName: web, servicePort: 80} as networking.k8s.io/v1 has it.
func backend(old any) any {
	from, _ := old.(map[string]any)
	if name, ok := from["serviceName"].(string); ok {
		return map[string]any{"service": map[string]any{"name": name}}
	}
	return old
}
