package workloads_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// cluster is an API server that holds objects and checks what a real one
// would: kinds it does not serve, namespaces that are not there, server-set
// fields.
type cluster struct {
	mu       sync.Mutex
	serves   []kube.Resource
	objects  map[string]*unstructured.Unstructured
	order    []string // of the first apply of each object
	applies  int
	refuse   map[string]error // by kind/namespace/name
	beforeOp func(key string) error
}

var verbs = []string{"list", "get", "create", "patch"}

// builtins are resources of every server, as "group/version plural Kind", with
// a leading * when they are cluster-scoped.
var builtins = []string{"*/v1 namespaces Namespace", "/v1 configmaps ConfigMap", "/v1 secrets Secret", "/v1 serviceaccounts ServiceAccount", "/v1 services Service",
	"/v1 pods Pod", "/v1 events Event", "*/v1 nodes Node", "/v1 persistentvolumeclaims PersistentVolumeClaim", "/v1 endpoints Endpoints",
	"apps/v1 deployments Deployment", "apps/v1 replicasets ReplicaSet", "apps/v1 statefulsets StatefulSet", "batch/v1 jobs Job", "batch/v1 cronjobs CronJob",
	"*rbac.authorization.k8s.io/v1 clusterroles ClusterRole", "*apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition",
	"*apiregistration.k8s.io/v1 apiservices APIService", "policy/v1 poddisruptionbudgets PodDisruptionBudget", "autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler",
	"*admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration", "coordination.k8s.io/v1 leases Lease",
	"*flowcontrol.apiserver.k8s.io/v1 flowschemas FlowSchema", "discovery.k8s.io/v1 endpointslices EndpointSlice"}

func newCluster(more ...string) *cluster {
	c := &cluster{objects: map[string]*unstructured.Unstructured{}, refuse: map[string]error{}}
	for _, line := range append(slices.Clone(builtins), more...) {
		c.serve(line)
	}
	return c
}

func (c *cluster) serve(line string) {
	namespaced := line[0] != '*'
	if !namespaced {
		line = line[1:]
	}
	var apiVersion, plural, kind string
	if _, err := fmt.Sscan(line, &apiVersion, &plural, &kind); err != nil {
		panic(err)
	}
	gv, err := schema.ParseGroupVersion(apiVersion)
	if apiVersion == "/v1" {
		gv, err = schema.GroupVersion{Version: "v1"}, nil
	}
	if err != nil {
		panic(err)
	}
	c.serves = append(c.serves, kube.Resource{Group: gv.Group, Version: gv.Version, Name: plural, Kind: kind, Namespaced: namespaced, Verbs: verbs})
}

func id(o *unstructured.Unstructured) string {
	return o.GetKind() + "/" + o.GetNamespace() + "/" + o.GetName()
}

// load puts objects there, as YAML documents.
func (c *cluster) load(documents ...string) {
	for _, d := range documents {
		if parsed[d] == nil {
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(d), &o.Object); err != nil {
				panic(err)
			}
			parsed[d] = o
		}
		o := parsed[d].DeepCopy()
		c.objects[id(o)] = o
	}
}

// parsed keeps documents that were read: tests make clusters by the hundred.
var parsed = map[string]*unstructured.Unstructured{}

func (c *cluster) Resources(context.Context) (kube.Resources, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return kube.Resources{All: slices.Clone(c.serves)}, nil
}

func (c *cluster) Objects(_ context.Context, r kube.Resource, _ string) ([]unstructured.Unstructured, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []unstructured.Unstructured
	for _, key := range slices.Sorted(maps.Keys(c.objects)) {
		if o := c.objects[key]; o.GroupVersionKind().GroupKind() == r.GVK().GroupKind() {
			copied := o.DeepCopy()
			copied.SetAPIVersion(r.APIVersion()) // the server converts
			out = append(out, *copied)
		}
	}
	return out, nil
}

func (c *cluster) Apply(_ context.Context, o *unstructured.Unstructured, manager string, force bool) (*unstructured.Unstructured, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := id(o)
	if c.beforeOp != nil {
		if err := c.beforeOp(key); err != nil {
			return nil, err
		}
	}
	if err := c.refuse[key]; err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.serves, func(r kube.Resource) bool { return r.GVK() == o.GroupVersionKind() })
	switch {
	case i < 0:
		return nil, upgrade.Errorf(upgrade.CodeNotFound, "apply", "%s is not served", o.GroupVersionKind())
	case c.serves[i].Namespaced && c.objects["Namespace//"+o.GetNamespace()] == nil:
		return nil, upgrade.Errorf(upgrade.CodeNotFound, "apply", "namespaces %q not found", o.GetNamespace())
	case o.GetResourceVersion() != "" || o.GetUID() != "" || len(o.GetManagedFields()) > 0 || len(o.GetOwnerReferences()) > 0:
		return nil, upgrade.Errorf(upgrade.CodeInvalidRequest, "apply", "%s has fields of another server", key)
	case manager == "" || !force:
		return nil, upgrade.Errorf(upgrade.CodeInternal, "apply", "manager %q, force %t", manager, force)
	}
	if c.objects[key] == nil || c.applies == 0 {
		c.order = append(c.order, key)
	}
	c.applies++
	c.objects[key] = o.DeepCopy()
	return o, nil
}

// Delete lets nobody delete but by the binding that is deleted, as the one that
// the agent writes by does.
func (c *cluster) Delete(_ context.Context, kind schema.GroupVersionKind, namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := kind.Kind + "/" + namespace + "/" + name
	if c.beforeOp != nil {
		if err := c.beforeOp(key); err != nil {
			return err
		}
	}
	if c.objects[key] == nil {
		return upgrade.KindKubernetesForbidden.Errorf("delete", "%s is forbidden", key)
	}
	delete(c.objects, key)
	return nil
}

// establish makes the server serve what its definitions define.
func (c *cluster) establish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, o := range c.objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		plural, _, _ := unstructured.NestedString(o.Object, "spec", "names", "plural")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		if established, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions"); len(established) == 0 {
			c.serve(fmt.Sprintf("%s/v1 %s %s", group, plural, kind))
		}
		o.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}
		c.objects[key] = o
	}
}
