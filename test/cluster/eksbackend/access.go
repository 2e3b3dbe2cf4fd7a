package eksbackend

import (
	"context"
	"fmt"

	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

var (
	readOnly = []string{"get", "list", "watch"}

	// ownRoles are the ClusterRoles that Kubernetes does not have itself.
	ownRoles = map[string][]rbac.PolicyRule{
		eks.RoleAdminView:    {{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: readOnly}},
		eks.RoleSecretReader: {{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: readOnly}},
	}
)

// Grant implements eks.Granter by RBAC.
func (b Backend) Grant(ctx context.Context, cluster string, g eks.Grant) error {
	config, err := b.RESTConfig(cluster)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("eksbackend: %w", err)
	}
	if rules, own := ownRoles[g.ClusterRole]; own {
		role := &rbac.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: g.ClusterRole}, Rules: rules}
		if err := create(ctx, client, "ClusterRole", "clusterroles", "", role); err != nil {
			return err
		}
	}
	meta := metav1.ObjectMeta{Name: g.Group, Namespace: g.Namespace}
	subjects := []rbac.Subject{{Kind: rbac.GroupKind, APIGroup: rbac.GroupName, Name: g.Group}}
	ref := rbac.RoleRef{Kind: "ClusterRole", APIGroup: rbac.GroupName, Name: g.ClusterRole}
	if g.Namespace == "" {
		return create(ctx, client, "ClusterRoleBinding", "clusterrolebindings", "", &rbac.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref})
	}
	err = create(ctx, client, "RoleBinding", "rolebindings", g.Namespace, &rbac.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref})
	if apierrors.IsNotFound(err) {
		return nil // no such namespace
	}
	return err
}

// create makes an object of rbac.authorization.k8s.io/v1 that may exist already.
func create(ctx context.Context, client dynamic.Interface, kind, resource, namespace string, object any) error {
	plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("eksbackend: %w", err)
	}
	u := &unstructured.Unstructured{Object: plain}
	u.SetAPIVersion(rbac.SchemeGroupVersion.String())
	u.SetKind(kind)
	api := client.Resource(schema.GroupVersionResource{Group: rbac.GroupName, Version: "v1", Resource: resource}).Namespace(namespace)
	_, err = api.Create(ctx, u, metav1.CreateOptions{})
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("eksbackend: create %s %s: %w", kind, u.GetName(), err)
}
