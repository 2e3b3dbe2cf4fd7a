package workloads

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const kubeSystem = "kube-system"

// skip says why an object is not delivered, or "".
func skip(o *unstructured.Unstructured) string {
	switch {
	case o.GetDeletionTimestamp() != nil:
		return "is being deleted"
	case metav1.GetControllerOfNoCopy(o) != nil:
		return "its controller makes it"
	case managedByEKS(o):
		return "EKS makes it"
	}
	if rule, ok := rules[o.GetKind()]; ok {
		return rule(o)
	}
	return ""
}

// managedByEKS recognises what EKS and its add-ons put into a cluster: by the
// field manager of managed add-ons, by the label of the unmanaged ones, and by
// name where they have neither.
func managedByEKS(o *unstructured.Unstructured) bool {
	if slices.ContainsFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Manager == "eks" }) {
		return true
	}
	if _, labelled := o.GetLabels()["eks.amazonaws.com/component"]; labelled {
		return true
	}
	if o.GetNamespace() != "" && o.GetNamespace() != kubeSystem {
		return false
	}
	return strings.HasPrefix(o.GetName(), "eks:") || slices.Contains(eksNames, o.GetName())
}

// eksNames are the objects of kube-system, and cluster-wide ones, that EKS
// makes in each new cluster.
var eksNames = []string{"aws-node", "kube-proxy", "kube-proxy-config", "amazon-vpc-cni", "eks-certificates-controller",
	"pod-identity-webhook", "vpc-resource-mutating-webhook", "vpc-resource-validating-webhook",
	"eniconfigs.crd.k8s.amazonaws.com", "cninodes.vpcresources.k8s.aws", "securitygrouppolicies.vpcresources.k8s.aws", "policyendpoints.networking.k8s.aws"}

var rules = map[string]func(*unstructured.Unstructured) string{
	"Namespace":                  skipNamespace,
	"ConfigMap":                  skipConfigMap,
	"ServiceAccount":             skipServiceAccount,
	"Secret":                     skipSecret,
	"Service":                    skipService,
	"Endpoints":                  skipEndpoints,
	"EndpointSlice":              skipEndpointSlice,
	"ClusterRole":                skipBootstrapped,
	"ClusterRoleBinding":         skipBootstrapped,
	"Role":                       skipBootstrapped,
	"RoleBinding":                skipBootstrapped,
	"PriorityClass":              skipBootstrapped,
	"FlowSchema":                 skipFlowControl,
	"PriorityLevelConfiguration": skipFlowControl,
	"APIService":                 skipAPIService,
	"TargetGroupBinding":         skipTargetGroupBinding,
}

// skipTargetGroupBinding leaves out what the load balancer controller makes for
// Services and Ingresses: in green it would tie green's pods to blue's target
// groups. Source: the labels of
// https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/main/pkg/deploy/tracking/provider.go
func skipTargetGroupBinding(o *unstructured.Unstructured) string {
	for label := range o.GetLabels() {
		if strings.HasSuffix(label, ".k8s.aws/stack") || strings.HasSuffix(label, ".k8s.aws/stack-name") || strings.HasSuffix(label, ".eks.amazonaws.com/stack") {
			return "the load balancer controller makes it"
		}
	}
	return ""
}

// skipNamespace delivers default only for what people put on it.
func skipNamespace(o *unstructured.Unstructured) string {
	switch o.GetName() {
	case kubeSystem, "kube-public", "kube-node-lease":
		return "every cluster has it"
	case metav1.NamespaceDefault:
		if len(o.GetLabels()) <= 1 && len(o.GetAnnotations()) == 0 { // one is kubernetes.io/metadata.name
			return "every cluster has it"
		}
	}
	return ""
}

func skipConfigMap(o *unstructured.Unstructured) string {
	if o.GetName() == "kube-root-ca.crt" {
		return "it holds the cluster's own certificate authority"
	}
	if o.GetNamespace() == kubeSystem && slices.Contains([]string{"extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"}, o.GetName()) {
		return "the API server makes it"
	}
	if o.GetNamespace() == "kube-public" && o.GetName() == "cluster-info" {
		return "it describes the cluster itself"
	}
	return ""
}

// skipServiceAccount leaves out the accounts that controllers make, but not a
// default account that people put something on, such as a role.
func skipServiceAccount(o *unstructured.Unstructured) string {
	bare := len(o.GetLabels()) == 0 && len(o.GetAnnotations()) == 0 && o.Object["imagePullSecrets"] == nil && o.Object["automountServiceAccountToken"] == nil
	if bare && (o.GetName() == "default" || o.GetNamespace() == kubeSystem) {
		return "controllers make it"
	}
	return ""
}

func skipSecret(o *unstructured.Unstructured) string {
	switch kind, _, _ := unstructured.NestedString(o.Object, "type"); {
	case kind == "bootstrap.kubernetes.io/token":
		return "it lets nodes join this cluster only"
	case kind == string(tokenSecret) && strings.HasPrefix(o.GetName(), o.GetAnnotations()["kubernetes.io/service-account.name"]+"-token-"):
		return "a controller made it for its service account"
	}
	return ""
}

const tokenSecret = "kubernetes.io/service-account-token"

func skipService(o *unstructured.Unstructured) string {
	if o.GetNamespace() == metav1.NamespaceDefault && o.GetName() == "kubernetes" {
		return "the API server makes it"
	}
	return ""
}

// skipEndpoints delivers only those that people wrote for Services without a
// selector.
func skipEndpoints(o *unstructured.Unstructured) string {
	_, controlled := o.GetLabels()["endpoints.kubernetes.io/managed-by"]
	_, triggered := o.GetAnnotations()["endpoints.kubernetes.io/last-change-trigger-time"]
	_, elects := o.GetAnnotations()["control-plane.alpha.kubernetes.io/leader"]
	_, headless := o.GetLabels()["service.kubernetes.io/headless"]
	if controlled || triggered || elects || headless || skipService(o) != "" {
		return "a controller makes it"
	}
	return ""
}

func skipEndpointSlice(o *unstructured.Unstructured) string {
	by := o.GetLabels()["endpointslice.kubernetes.io/managed-by"]
	if strings.HasSuffix(by, ".k8s.io") || skipService(o) != "" {
		return "a controller makes it"
	}
	return ""
}

// skipBootstrapped leaves out what each API server makes when it starts. Source:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
func skipBootstrapped(o *unstructured.Unstructured) string {
	_, labelled := o.GetLabels()["kubernetes.io/bootstrapping"]
	if labelled || strings.HasPrefix(o.GetName(), "system:") || strings.HasPrefix(o.GetName(), "system-") {
		return "the API server makes it"
	}
	return ""
}

func skipFlowControl(o *unstructured.Unstructured) string {
	if _, own := o.GetAnnotations()["apf.kubernetes.io/autoupdate-spec"]; own {
		return "the API server makes it"
	}
	return ""
}

func skipAPIService(o *unstructured.Unstructured) string {
	if !remote(o) {
		return "the API server makes it"
	}
	return ""
}

// remote reports whether an APIService is answered by another server.
func remote(o *unstructured.Unstructured) bool {
	service, found, _ := unstructured.NestedMap(o.Object, "spec", "service")
	_, automatic := o.GetLabels()["kube-aggregator.kubernetes.io/automanaged"]
	return found && service != nil && !automatic
}
