package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
)

const (
	fieldManager  = "eks-upgrade-agent-loader"
	loadParallel  = 8
	objectTimeout = time.Minute // real time: how long a server may be busy for one object
)

// Loaded says what Load did.
type Loaded struct {
	Objects int
	Took    time.Duration // real time
}

// Load applies the manifests of the folders or files to the cluster by
// server-side apply: namespaces, then definitions (and waits until they are
// served), access, configuration, services, workloads, custom objects, and at
// last API services and webhooks. It does not create namespaces that no manifest
// has. A busy server is asked again. A second Load of the same changes nothing.
// It asks the server about each API group by itself, so one that does not answer
// (an APIService without a backend) breaks nothing but its own objects.
func Load(ctx context.Context, config *rest.Config, paths ...string) (Loaded, error) {
	began := time.Now()
	all, err := manifests.Read(paths...)
	if err != nil {
		return Loaded{}, err
	}
	if err := apply(ctx, config, all); err != nil {
		return Loaded{}, err
	}
	return Loaded{Objects: len(all), Took: time.Since(began)}, nil
}

func apply(ctx context.Context, config *rest.Config, all []manifests.Manifest) error {
	client, httpClient, disconnect, err := connect(config)
	if err != nil {
		return err
	}
	defer disconnect()
	l := &loader{client: client, http: httpClient, host: config.Host, resources: map[schema.GroupVersion][]metav1.APIResource{}}
	slices.SortStableFunc(all, func(a, b manifests.Manifest) int { return stage(a.Object) - stage(b.Object) })
	for begin := 0; begin < len(all); {
		end := begin + 1
		for end < len(all) && stage(all[end].Object) == stage(all[begin].Object) {
			end++
		}
		if err := l.applyAll(ctx, all[begin:end]); err != nil {
			return err
		}
		begin = end
	}
	return nil
}

type loader struct {
	client dynamic.Interface
	http   *http.Client
	host   string

	mu        sync.Mutex
	resources map[schema.GroupVersion][]metav1.APIResource
}

// applyAll applies manifests of one stage in parallel and returns the error of
// the first, by order, that failed.
func (l *loader) applyAll(ctx context.Context, all []manifests.Manifest) error {
	failures := make([]error, len(all))
	slots := make(chan struct{}, loadParallel)
	var wg sync.WaitGroup
	for n, manifest := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeoutCause(ctx, objectTimeout, fmt.Errorf("%v have passed", objectTimeout))
			defer cancel()
			if err := l.apply(ctx, manifest.Object); err != nil {
				failures[n] = fmt.Errorf("cluster: cannot load %v: %w", manifest, err)
			}
		})
	}
	wg.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) apply(ctx context.Context, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	if object.GetName() == "" {
		return errors.New("metadata.name must be given: what is applied has no generated name")
	}
	resource, err := l.resource(ctx, gvk)
	if err != nil {
		return err
	}
	var target dynamic.ResourceInterface = l.client.Resource(gvk.GroupVersion().WithResource(resource.Name))
	if resource.Namespaced {
		if object.GetNamespace() == "" {
			object.SetNamespace(metav1.NamespaceDefault)
		}
		target = l.client.Resource(gvk.GroupVersion().WithResource(resource.Name)).Namespace(object.GetNamespace())
	}
	err = controlplane.Retry(ctx, "applying it", func(ctx context.Context) error {
		_, err := target.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
	if apierrors.IsNotFound(err) && strings.Contains(err.Error(), "namespaces ") {
		return fmt.Errorf("%w: add a manifest of the namespace", err)
	}
	if err != nil || stage(object) != stageDefinitions {
		return err
	}
	return l.waitServed(ctx, object)
}

// resource tells how the server calls a kind.
func (l *loader) resource(ctx context.Context, gvk schema.GroupVersionKind) (metav1.APIResource, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.resources[gvk.GroupVersion()]
	if !ok {
		path := "/apis/" + gvk.GroupVersion().String()
		if gvk.Group == "" {
			path = "/api/" + gvk.Version
		}
		var list metav1.APIResourceList
		err := controlplane.Retry(ctx, "asking for "+gvk.GroupVersion().String(), func(ctx context.Context) error {
			return l.get(ctx, path, &list)
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return metav1.APIResource{}, err
		}
		known = list.APIResources
		l.resources[gvk.GroupVersion()] = known
	}
	for _, resource := range known {
		if resource.Kind == gvk.Kind && !strings.Contains(resource.Name, "/") {
			return resource, nil
		}
	}
	return metav1.APIResource{}, fmt.Errorf("this cluster does not serve %s %s: its API version may have been removed, or its CustomResourceDefinition is missing",
		gvk.GroupVersion(), gvk.Kind)
}

// waitServed waits until each version that the definition declares as served is.
// It asks for the list of resources, which has those that are established: the
// definition itself can be a megabyte.
func (l *loader) waitServed(ctx context.Context, definition *unstructured.Unstructured) error {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		path := fmt.Sprintf("/apis/%s/%s", group, version["name"])
		err := controlplane.Poll(ctx, path+", "+plural, func(ctx context.Context) (bool, error, error) {
			var list metav1.APIResourceList
			if err := l.get(ctx, path, &list); err != nil {
				return false, err, nil
			}
			there := slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == plural })
			return there, errors.New("it is not served yet"), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// get reads a path of the API server into v; errors are those of the client.
func (l *loader) get(ctx context.Context, path string, v any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.host+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := l.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return apierrors.NewGenericServerResponse(response.StatusCode, "get", schema.GroupResource{}, path, "", 0, true)
	}
	return json.NewDecoder(response.Body).Decode(v)
}

func hasCondition(object *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["type"] == kind && condition["status"] == "True"
	})
}
