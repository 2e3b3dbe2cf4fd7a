package cluster

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// The order in which objects are loaded: what others need comes first, what can
// stand in the way of others last.
const (
	stageNamespaces = iota
	stageDefinitions
	stageAccess
	stageConfiguration
	stageServices
	stageWorkloads
	stageCustom
	stageExtensions
)

func stage(object *unstructured.Unstructured) int {
	gvk := object.GroupVersionKind()
	switch gvk.Group + "/" + gvk.Kind {
	case "/Namespace":
		return stageNamespaces
	case "apiextensions.k8s.io/CustomResourceDefinition":
		return stageDefinitions
	case "apiregistration.k8s.io/APIService",
		"admissionregistration.k8s.io/ValidatingWebhookConfiguration",
		"admissionregistration.k8s.io/MutatingWebhookConfiguration":
		return stageExtensions
	case "/Service":
		return stageServices
	case "/Pod", "/ReplicationController":
		return stageWorkloads
	case "/ServiceAccount":
		return stageAccess
	}
	switch gvk.Group {
	case "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "node.k8s.io":
		return stageAccess
	case "":
		return stageConfiguration
	case "networking.k8s.io", "policy", "autoscaling", "discovery.k8s.io":
		return stageServices
	case "apps", "batch":
		return stageWorkloads
	}
	return stageCustom
}
