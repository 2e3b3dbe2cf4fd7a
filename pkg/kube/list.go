package kube

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
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
	op := "list " + resource.Name + " of " + c.cluster
	path := "/apis/" + resource.APIVersion()
	if resource.Group == "" {
		path = "/api/" + resource.Version
	}
	return pages(ctx, op, metav1.ListOptions{}, begin, func(ctx context.Context, o metav1.ListOptions) (metav1.ListInterface, error) {
		var page metav1.PartialObjectMetadataList
		if err := c.read(ctx, op, c.rest.Get().AbsPath(path).Resource(resource.Name).SetHeader("Accept", acceptMetadata).SpecificallyVersionedParams(&o, metav1.ParameterCodec, metav1.SchemeGroupVersion), &page); err != nil {
			return nil, err
		}
		for i := range page.Items {
			visit(&page.Items[i])
		}
		return &page, nil
	})
}

// acceptMetadata asks for the metadata of objects and nothing else of them; a
// server behind the API server that cannot do that sends them whole.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
const acceptMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

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

// list reads all pages of a resource as the parts that T has.
func list[T any](ctx context.Context, c *Client, path, resource string) ([]T, error) {
	var all []T
	op := "list " + resource + " of " + c.cluster
	err := pages(ctx, op, metav1.ListOptions{}, func() { all = nil }, func(ctx context.Context, o metav1.ListOptions) (metav1.ListInterface, error) {
		var page objects.List[T]
		err := c.read(ctx, op, c.rest.Get().AbsPath(path).Resource(resource).SpecificallyVersionedParams(&o, metav1.ParameterCodec, metav1.SchemeGroupVersion), &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		return &page, nil
	})
	return all, err
}

// read decodes the answer to a request. encoding/json passes over what the
// target has no field for.
func (c *Client) read(ctx context.Context, op string, request *rest.Request, into any) error {
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // as the server words it: Raw does not read that
		return err
	}
	data, err := result.Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return upgrade.KindKubernetesUnexpected.Errorf(op, "the answer cannot be read: %w", err)
	}
	return nil
}

// Nodes returns all nodes.
func (c *Client) Nodes(ctx context.Context) ([]objects.Node, error) {
	return list[objects.Node](ctx, c, "/api/v1", "nodes")
}

// Deployments returns all Deployments.
func (c *Client) Deployments(ctx context.Context) ([]objects.Deployment, error) {
	return list[objects.Deployment](ctx, c, "/apis/apps/v1", "deployments")
}

// StatefulSets returns all StatefulSets.
func (c *Client) StatefulSets(ctx context.Context) ([]objects.StatefulSet, error) {
	return list[objects.StatefulSet](ctx, c, "/apis/apps/v1", "statefulsets")
}

// DaemonSets returns all DaemonSets.
func (c *Client) DaemonSets(ctx context.Context) ([]objects.DaemonSet, error) {
	return list[objects.DaemonSet](ctx, c, "/apis/apps/v1", "daemonsets")
}

// DisruptionBudgets returns all PodDisruptionBudgets.
func (c *Client) DisruptionBudgets(ctx context.Context) ([]objects.PodDisruptionBudget, error) {
	return list[objects.PodDisruptionBudget](ctx, c, "/apis/policy/v1", "poddisruptionbudgets")
}

// Service reads one Service. It is NotFound when it is not there.
func (c *Client) Service(ctx context.Context, name upgrade.ObjectName) (*objects.Service, error) {
	var service objects.Service
	op := "get Service " + name.String() + " of " + c.cluster
	if err := c.read(ctx, op, c.rest.Get().AbsPath("/api/v1").Namespace(name.Namespace).Resource("services").Name(name.Name), &service); err != nil {
		return nil, Wrap(op, err)
	}
	return &service, nil
}
