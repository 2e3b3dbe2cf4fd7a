package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Client speaks to one API server. It is safe for concurrent use. All its
// errors carry the agent's codes.
type Client struct {
	cluster string
	config  *rest.Config
	rest    *rest.RESTClient
	dynamic dynamic.Interface

	mu        sync.Mutex
	resources Resources // last seen, for mappings
}

// New returns a client for an API server that is already known. The config's
// limits, timeout and user agent are set here.
func New(config *rest.Config, cluster string, limits Limits) (*Client, error) {
	op := "connect to cluster " + cluster
	config = rest.CopyConfig(config)
	config.UserAgent = userAgent
	config.Timeout = limits.Timeout
	config.QPS, config.Burst = float32(limits.QPS), limits.Burst
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(float32(limits.QPS), limits.Burst) // one for all the clients below
	config.WarningHandler = rest.NoWarnings{}                                                     // deprecations are findings, not log lines
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, upgrade.KindKubernetesUnexpected.Errorf(op, "%w", err)
	}
	c := &Client{cluster: cluster, config: config}
	if c.rest, err = restClient(config, httpClient); err != nil {
		return nil, upgrade.KindKubernetesUnexpected.Errorf(op, "%w", err)
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, httpClient); err != nil {
		return nil, upgrade.KindKubernetesUnexpected.Errorf(op, "%w", err)
	}
	return c, nil
}

// restClient reads JSON; of Kubernetes' own types it knows only the errors.
func restClient(config *rest.Config, httpClient *http.Client) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config = rest.CopyConfig(config)
	config.ContentConfig = rest.ContentConfig{ContentType: runtime.ContentTypeJSON, NegotiatedSerializer: serializer.NewCodecFactory(scheme).WithoutConversion()}
	return rest.UnversionedRESTClientForConfigAndClient(config, httpClient)
}

// Cluster returns the name of the cluster.
func (c *Client) Cluster() string { return c.cluster }

// Config returns a copy of the connection's configuration.
func (c *Client) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Dynamic returns a client for objects of any kind. Its errors are
// Kubernetes's own: pass them through Wrap.
func (c *Client) Dynamic() dynamic.Interface { return c.dynamic }

// Version returns what the API server says of itself, such as
// "v1.34.2-eks-2d5f9a1", and the minor version that it serves: the one in it,
// or, of a server that emulates an older one, that one. Source:
// https://kubernetes.io/docs/concepts/cluster-administration/compatibility-version/
func (c *Client) Version(ctx context.Context) (git string, minor upgrade.Version, err error) {
	op := "read the version of " + c.cluster
	data, err := c.rest.Get().AbsPath("/version").SetHeader("Accept", runtime.ContentTypeJSON).DoRaw(ctx)
	if err != nil {
		return "", upgrade.Version{}, Wrap(op, err)
	}
	var info struct {
		GitVersion     string `json:"gitVersion"`
		EmulationMajor string `json:"emulationMajor"`
		EmulationMinor string `json:"emulationMinor"`
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return "", upgrade.Version{}, upgrade.KindKubernetesUnavailable.Errorf(op, "the answer is no version: %w", err)
	}
	if info.EmulationMajor != "" && info.EmulationMinor != "" {
		minor, err = upgrade.ParseVersion(info.EmulationMajor + "." + info.EmulationMinor)
	} else {
		minor, err = upgrade.ParseBuildVersion(info.GitVersion)
	}
	if err != nil {
		return "", upgrade.Version{}, upgrade.KindKubernetesUnexpected.Errorf(op, "%w", err)
	}
	return info.GitVersion, minor, nil
}

// Apply creates or changes an object by server-side apply as fieldManager and
// returns what the server has then. With force it takes over fields that
// others own; without, another owner is a Conflict. A kind that the server
// does not serve is NotFound.
func (c *Client) Apply(ctx context.Context, object *unstructured.Unstructured, fieldManager string, force bool) (*unstructured.Unstructured, error) {
	op := "apply " + describe(object)
	client, err := c.resourceClient(ctx, object.GroupVersionKind(), object.GetNamespace())
	if err != nil {
		return nil, err
	}
	applied, err := client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: force})
	return applied, Wrap(op, err)
}

// Get reads one object. It is NotFound when the object or its kind is not
// there.
func (c *Client) Get(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	client, err := c.resourceClient(ctx, kind, namespace)
	if err != nil {
		return nil, err
	}
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	return object, Wrap("get "+kind.Kind+" "+namespace+"/"+name, err)
}

// Delete removes one object. It is NotFound when the object or its kind is not
// there.
func (c *Client) Delete(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) error {
	client, err := c.resourceClient(ctx, kind, namespace)
	if err != nil {
		return err
	}
	return Wrap("delete "+kind.Kind+" "+namespace+"/"+name, client.Delete(ctx, name, metav1.DeleteOptions{}))
}

func (c *Client) resourceClient(ctx context.Context, kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	resource, err := c.Resource(ctx, kind)
	if err != nil {
		return nil, err
	}
	if resource.Namespaced {
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		return c.dynamic.Resource(resource.GVR()).Namespace(namespace), nil
	}
	return c.dynamic.Resource(resource.GVR()), nil
}

func describe(object *unstructured.Unstructured) string {
	return upgrade.ObjectRef{APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: object.GetName()}.String()
}
