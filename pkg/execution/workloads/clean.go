package workloads

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// clean returns the object as a person would write it: without what the server
// and the controllers of the old cluster set. Owner references go because they
// name owners by identifiers of the old cluster: green's garbage collector
// would delete the object.
func clean(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	metadata := map[string]any{"name": o.GetName()}
	if ns := o.GetNamespace(); ns != "" {
		metadata["namespace"] = ns
	}
	if labels := o.GetLabels(); len(labels) > 0 {
		metadata["labels"] = texts(labels)
	}
	annotations := o.GetAnnotations()
	maps.DeleteFunc(annotations, func(key, _ string) bool { return setByControllers(key) })
	if len(annotations) > 0 {
		metadata["annotations"] = texts(annotations)
	}
	out.Object["metadata"] = metadata
	delete(out.Object, "status")
	if f, ok := cleaners[o.GetKind()]; ok {
		f(out)
	}
	return out
}

func texts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func setByControllers(annotation string) bool {
	for _, prefix := range []string{"deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/storage-provisioner", "deprecated.daemonset.template.generation",
		"kubernetes.io/service-account.uid", "autoscaling.alpha.kubernetes.io/"} {
		if strings.HasPrefix(annotation, prefix) {
			return true
		}
	}
	return false
}

var cleaners = map[string]func(*unstructured.Unstructured){
	"Namespace":             func(o *unstructured.Unstructured) { remove(o, "spec") }, // its finalizers
	"ServiceAccount":        func(o *unstructured.Unstructured) { remove(o, "secrets") },
	"Secret":                cleanSecret,
	"Service":               cleanService,
	"ClusterRole":           cleanClusterRole,
	"PersistentVolumeClaim": func(o *unstructured.Unstructured) { remove(o, "spec", "volumeName") },
	"Deployment":            cleanTemplate,
	"StatefulSet":           cleanTemplate,
	"DaemonSet":             cleanTemplate,
	"CustomResourceDefinition": func(o *unstructured.Unstructured) {
		if strategy, _, _ := unstructured.NestedString(o.Object, "spec", "conversion", "strategy"); strategy == "None" {
			remove(o, "spec", "conversion")
		}
	},
}

func remove(o *unstructured.Unstructured, path ...string) {
	unstructured.RemoveNestedField(o.Object, path...)
}

// cleanSecret empties the long-lived token of a service account: a controller
// of green fills it with one that is valid there.
func cleanSecret(o *unstructured.Unstructured) {
	if kind, _, _ := unstructured.NestedString(o.Object, "type"); kind == tokenSecret {
		remove(o, "data")
	}
}

// cleanService drops the addresses and ports that the old cluster chose. A
// headless Service stays headless.
func cleanService(o *unstructured.Unstructured) {
	if ip, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); ip != "None" {
		remove(o, "spec", "clusterIP")
		remove(o, "spec", "clusterIPs")
	}
	remove(o, "spec", "ipFamilies")
	remove(o, "spec", "healthCheckNodePort")
	ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
	for _, port := range ports {
		if p, ok := port.(map[string]any); ok {
			delete(p, "nodePort")
		}
	}
	if len(ports) > 0 {
		o.Object["spec"].(map[string]any)["ports"] = ports
	}
}

// cleanClusterRole drops rules that a controller puts together from others.
func cleanClusterRole(o *unstructured.Unstructured) {
	if o.Object["aggregationRule"] != nil {
		remove(o, "rules")
	}
}

func cleanTemplate(o *unstructured.Unstructured) {
	remove(o, "spec", "template", "metadata", "creationTimestamp")
	claims, found, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	for _, claim := range claims {
		if c, ok := claim.(map[string]any); ok {
			delete(c, "status")
			unstructured.RemoveNestedField(c, "metadata", "creationTimestamp")
		}
	}
	if found {
		o.Object["spec"].(map[string]any)["volumeClaimTemplates"] = claims
	}
}
