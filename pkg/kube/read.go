package kube

import (
	"context"
	"encoding/json"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// read decodes the answer to a request. encoding/json passes over what the
// target has no field for.
func (c *Client) read(ctx context.Context, op string, request *rest.Request, into any) error {
	result := request.SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx)
	if err := result.Error(); err != nil { // as the server words it: Raw does not read that
		return Wrap(op, err)
	}
	data, err := result.Raw()
	if err != nil {
		return Wrap(op, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return upgrade.KindKubernetesUnexpected.Errorf(op, "the answer cannot be read: %w", err)
	}
	return nil
}

// Service reads one Service. It is NotFound when it is not there.
func (c *Client) Service(ctx context.Context, name upgrade.ObjectName) (*objects.Service, error) {
	var service objects.Service
	err := c.read(ctx, "get Service "+name.String()+" of "+c.cluster, c.rest.Get().AbsPath("/api/v1").Namespace(name.Namespace).Resource("services").Name(name.Name), &service)
	if err != nil {
		return nil, err
	}
	return &service, nil
}

// ConfigMap reads the data of one ConfigMap. It is NotFound when it is not
// there.
func (c *Client) ConfigMap(ctx context.Context, name upgrade.ObjectName) (map[string]string, error) {
	var config struct{ Data map[string]string }
	err := c.read(ctx, "get ConfigMap "+name.String()+" of "+c.cluster, c.rest.Get().AbsPath("/api/v1").Namespace(name.Namespace).Resource("configmaps").Name(name.Name), &config)
	if err != nil {
		return nil, err
	}
	return config.Data, nil
}

// Metrics returns what the API server counts of itself, as Prometheus reads it.
// Close it.
func (c *Client) Metrics(ctx context.Context) (io.ReadCloser, error) {
	body, err := c.rest.Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Stream(ctx)
	return body, Wrap("read the metrics of "+c.cluster, err)
}

// Issuer returns the issuer of service account tokens, such as
// "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC". Source:
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
func (c *Client) Issuer(ctx context.Context) (string, error) {
	var document struct {
		Issuer string `json:"issuer"`
	}
	err := c.read(ctx, "read the issuer of "+c.cluster, c.rest.Get().AbsPath("/.well-known/openid-configuration"), &document)
	return document.Issuer, err
}
