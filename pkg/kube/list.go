package kube

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Lists come in pages, so that neither side holds a large list at once. The
// server forgets the version that a list began with after some minutes; the
// list then begins again, a few times.
const (
	pageSize = 500
	restarts = 3
)

// pages fetches every page. begin is called before the first page, and again
// whenever the list begins anew: what was collected so far is void then.
func pages(ctx context.Context, op string, options metav1.ListOptions, begin func(), fetch func(context.Context, metav1.ListOptions) (metav1.ListInterface, error)) error {
	options.Limit = pageSize
	begin()
	for left := restarts; ; {
		page, err := fetch(ctx, options)
		switch {
		case err != nil && expired(err) && options.Continue != "" && left > 0:
			left--
			options.Continue = ""
			begin()
			continue
		case err != nil:
			return Wrap(op, err)
		case page.GetContinue() == "":
			return nil
		}
		options.Continue = page.GetContinue()
	}
}

// EachMetadata calls visit with the metadata of every object of a resource.
// begin is called before the first, and again whenever the list begins anew.
func (c *Client) EachMetadata(ctx context.Context, resource Resource, begin func(), visit func(*metav1.PartialObjectMetadata)) error {
	client := c.metadata.Resource(resource.GVR())
	return pages(ctx, "list "+resource.Name+" of "+c.cluster, metav1.ListOptions{}, begin, func(ctx context.Context, o metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := client.List(ctx, o)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			visit(&page.Items[i])
		}
		return page, nil
	})
}

// Objects returns every object of a resource, in one namespace or, with "", in
// all.
func (c *Client) Objects(ctx context.Context, resource Resource, namespace string) ([]unstructured.Unstructured, error) {
	var items []unstructured.Unstructured
	client := c.dynamic.Resource(resource.GVR()).Namespace(namespace)
	err := pages(ctx, "list "+resource.Name+" of "+c.cluster, metav1.ListOptions{}, func() { items = nil },
		func(ctx context.Context, o metav1.ListOptions) (metav1.ListInterface, error) {
			page, err := client.List(ctx, o)
			if err != nil {
				return nil, err
			}
			items = append(items, page.Items...)
			return page, nil
		})
	return items, err
}

// typedList is a list type of the typed client with its items.
type typedList interface {
	runtime.Object
	metav1.ListInterface
}

// list reads all pages of a typed list; items takes them out of one page.
func list[L typedList, T any](ctx context.Context, c *Client, path, resource, namespace, selector string, empty func() L, items func(L) []T) ([]T, error) {
	var all []T
	err := pages(ctx, "list "+resource+" of "+c.cluster, metav1.ListOptions{LabelSelector: selector}, func() { all = nil },
		func(ctx context.Context, o metav1.ListOptions) (metav1.ListInterface, error) {
			page := empty()
			err := c.typed.Get().AbsPath(path).NamespaceIfScoped(namespace, namespace != "").Resource(resource).
				SpecificallyVersionedParams(&o, metav1.ParameterCodec, metav1.SchemeGroupVersion).Do(ctx).Into(page)
			if err != nil {
				return nil, err
			}
			all = append(all, items(page)...)
			return page, nil
		})
	return all, err
}

// Nodes returns all nodes.
func (c *Client) Nodes(ctx context.Context) ([]corev1.Node, error) {
	return list(ctx, c, "/api/v1", "nodes", "", "", func() *corev1.NodeList { return &corev1.NodeList{} }, func(l *corev1.NodeList) []corev1.Node { return l.Items })
}

// Pods returns the pods of a namespace, or of all with "", that a label
// selector matches; "" matches all.
func (c *Client) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	return list(ctx, c, "/api/v1", "pods", namespace, selector, func() *corev1.PodList { return &corev1.PodList{} }, func(l *corev1.PodList) []corev1.Pod { return l.Items })
}

// Deployments returns all Deployments.
func (c *Client) Deployments(ctx context.Context) ([]appsv1.Deployment, error) {
	return list(ctx, c, "/apis/apps/v1", "deployments", "", "", func() *appsv1.DeploymentList { return &appsv1.DeploymentList{} }, func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items })
}

// StatefulSets returns all StatefulSets.
func (c *Client) StatefulSets(ctx context.Context) ([]appsv1.StatefulSet, error) {
	return list(ctx, c, "/apis/apps/v1", "statefulsets", "", "", func() *appsv1.StatefulSetList { return &appsv1.StatefulSetList{} }, func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items })
}

// DaemonSets returns all DaemonSets.
func (c *Client) DaemonSets(ctx context.Context) ([]appsv1.DaemonSet, error) {
	return list(ctx, c, "/apis/apps/v1", "daemonsets", "", "", func() *appsv1.DaemonSetList { return &appsv1.DaemonSetList{} }, func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items })
}

// DisruptionBudgets returns all PodDisruptionBudgets.
func (c *Client) DisruptionBudgets(ctx context.Context) ([]policyv1.PodDisruptionBudget, error) {
	return list(ctx, c, "/apis/policy/v1", "poddisruptionbudgets", "", "", func() *policyv1.PodDisruptionBudgetList { return &policyv1.PodDisruptionBudgetList{} }, func(l *policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget { return l.Items })
}

// Service reads one Service. It is NotFound when it is not there.
func (c *Client) Service(ctx context.Context, name upgrade.ObjectName) (*corev1.Service, error) {
	var service corev1.Service
	err := c.typed.Get().AbsPath("/api/v1").Namespace(name.Namespace).Resource("services").Name(name.Name).Do(ctx).Into(&service)
	if err != nil {
		return nil, Wrap("get Service "+name.String()+" of "+c.cluster, err)
	}
	return &service, nil
}
