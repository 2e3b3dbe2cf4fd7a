package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// excludeLabel takes a node from load balancers.
const excludeLabel = corev1.LabelNodeExcludeBalancers

// workTimeout bounds one piece of work on nodes (real time).
const workTimeout = 10 * time.Minute

// Node is a node to register.
type Node struct {
	Name, IP       string
	ProviderID     string // aws:///ZONE/INSTANCE
	KubeletVersion string
	OSImage        string
	Windows, ARM   bool
	CPU, Pods      int
	MemoryMiB      int64
	Labels         map[string]string
	Taints         []Taint
}

// Taint is a taint of a node; the effect is in Kubernetes's spelling.
type Taint struct{ Key, Value, Effect string }

// NodeChange says what changes on nodes that stay.
type NodeChange struct {
	Labels       map[string]string
	RemoveLabels []string
	Taints       []Taint
	RemoveTaints []Taint // by key and effect
}

// work connects to a cluster and holds the clock while f runs.
func (f *Fleet) work(ctx context.Context, cluster string, do func(context.Context, dynamic.Interface) error) error {
	config, err := f.RESTConfig(cluster) // not locked further: work may take long
	if err != nil {
		return err
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		return err
	}
	defer disconnect()
	defer f.options.Hold()()
	ctx, cancel := context.WithTimeoutCause(ctx, workTimeout, fmt.Errorf("%v have passed", workTimeout))
	defer cancel()
	return do(ctx, client)
}

// AddNodes registers nodes and returns when they are Ready.
func (f *Fleet) AddNodes(ctx context.Context, cluster string, add []Node) error {
	err := f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		var wanted []corev1.Node
		for _, n := range add {
			node := n.object()
			if err := createNode(ctx, client, node); err != nil {
				return err
			}
			wanted = append(wanted, *node)
		}
		return waitReady(ctx, client, "the cluster", wanted)
	})
	if err == nil && len(add) > 0 {
		f.logf("cluster %s: %d nodes at %s joined", cluster, len(add), add[0].KubeletVersion)
	}
	return err
}

func (n Node) object() *corev1.Node {
	arch, os := "amd64", "linux"
	if n.ARM {
		arch = "arm64"
	}
	if n.Windows {
		os = "windows"
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(n.CPU), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(n.MemoryMiB<<20, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(int64(n.Pods), resource.DecimalSI),
		corev1.ResourceEphemeralStorage: resource.MustParse("80Gi"),
	}
	labels := maps.Clone(n.Labels)
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: n.ProviderID, Taints: kubernetesTaints(n.Taints)},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: n.IP}, {Type: corev1.NodeHostName, Address: n.Name}, {Type: corev1.NodeInternalDNS, Address: n.Name},
			},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: n.KubeletVersion, OSImage: n.OSImage, OperatingSystem: os, Architecture: arch,
				ContainerRuntimeVersion: "containerd://2.1.4", KernelVersion: "6.12.40-64.114.amzn2023"},
		},
	}
}

func kubernetesTaints(taints []Taint) []corev1.Taint {
	var out []corev1.Taint
	for _, t := range taints {
		out = append(out, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	return out
}

// ChangeNodes changes labels and taints of nodes.
func (f *Fleet) ChangeNodes(ctx context.Context, cluster string, names []string, change NodeChange) error {
	return f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		for _, name := range names {
			err := controlplane.Retry(ctx, "changing node "+name, func(ctx context.Context) error {
				for {
					err := changeNode(ctx, client, name, change)
					if !apierrors.IsConflict(err) { // else the node changed meanwhile
						return ignoreNotFound(err)
					}
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func changeNode(ctx context.Context, client dynamic.Interface, name string, change NodeChange) error {
	object, err := client.Resource(nodes).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	node, err := typed[corev1.Node](object)
	if err != nil {
		return err
	}
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	maps.Copy(node.Labels, change.Labels)
	for _, k := range change.RemoveLabels {
		delete(node.Labels, k)
	}
	changed := slices.Concat(change.Taints, change.RemoveTaints)
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(have corev1.Taint) bool {
		return slices.ContainsFunc(changed, func(t Taint) bool { return t.Key == have.Key && t.Effect == string(have.Effect) })
	})
	node.Spec.Taints = append(node.Spec.Taints, kubernetesTaints(change.Taints)...)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(node)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	_, err = client.Resource(nodes).Update(ctx, &unstructured.Unstructured{Object: content}, metav1.UpdateOptions{})
	return err
}

// Cordon makes nodes unschedulable and takes them from load balancers, or takes
// that back.
func (f *Fleet) Cordon(ctx context.Context, cluster string, names []string, on bool) error {
	return f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		for _, name := range names {
			if err := cordon(ctx, client, name, on); err != nil {
				return err
			}
		}
		return nil
	})
}

func cordon(ctx context.Context, client dynamic.Interface, node string, on bool) error {
	var exclude any // null removes the label
	if on {
		exclude = "true"
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{excludeLabel: exclude}}, "spec": map[string]any{"unschedulable": on}})
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return controlplane.Retry(ctx, "cordoning node "+node, func(ctx context.Context) error {
		_, err := client.Resource(nodes).Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
		return ignoreNotFound(err)
	})
}

// Drain tries once to evict the pods of nodes, but for those of DaemonSets and
// static ones, through the eviction API, so that disruption budgets hold; it
// waits for those that may go. With force it deletes them instead. It returns
// the pods that are still there.
func (f *Fleet) Drain(ctx context.Context, cluster string, names []string, force bool) ([]BlockedPod, error) {
	var blocked []BlockedPod
	err := f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		for _, name := range names {
			left, err := drainOnce(ctx, client, name, force)
			if err != nil {
				return err
			}
			blocked = append(blocked, left...)
		}
		return nil
	})
	return blocked, err
}

// RemoveNodes deletes nodes with the pods that are left on them, as the control
// plane does when their instances are gone.
func (f *Fleet) RemoveNodes(ctx context.Context, cluster string, names []string) error {
	err := f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		for _, name := range names {
			err := controlplane.Retry(ctx, "deleting node "+name, func(ctx context.Context) error {
				return ignoreNotFound(client.Resource(nodes).Delete(ctx, name, metav1.DeleteOptions{}))
			})
			if err != nil {
				return err
			}
			left, err := podsOn(ctx, client, name)
			if err != nil {
				return err
			}
			var errs []error
			for i := range left {
				now := int64(0)
				errs = append(errs, ignoreNotFound(client.Resource(pods).Namespace(left[i].GetNamespace()).Delete(ctx, left[i].GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now})))
			}
			if err := errors.Join(errs...); err != nil {
				return fmt.Errorf("cluster: deleting the pods of node %s: %w", name, err)
			}
		}
		return nil
	})
	if err == nil && len(names) > 0 {
		f.logf("cluster %s: %d nodes are gone", cluster, len(names))
	}
	return err
}
