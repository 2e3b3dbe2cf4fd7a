package cluster

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var (
	nodes          = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	pods           = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	leases         = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	services       = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	deployments    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	replicaSets    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	daemonSets     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	budgets        = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	endpointSlices = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// connect returns a client with connections of its own; disconnect closes them.
func connect(config *rest.Config) (client dynamic.Interface, httpClient *http.Client, disconnect func(), err error) {
	// Without a dialer of its own, client-go shares and keeps transports by config.
	config = rest.CopyConfig(config)
	config.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	httpClient, err = rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("cluster: %w", err)
	}
	client, err = dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("cluster: %w", err)
	}
	return client, httpClient, func() { utilnet.CloseIdleConnectionsFor(httpClient.Transport) }, nil
}

// typed converts an object of the dynamic client.
func typed[T any](object *unstructured.Unstructured) (*T, error) {
	var to T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &to); err != nil {
		return nil, fmt.Errorf("cluster: %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return &to, nil
}
