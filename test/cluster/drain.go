package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// drainStall is how long a drain may evict nothing (real time; pods end and
// start within a second here, so whatever blocks it will not pass).
const drainStall = 20 * time.Second

// EvictionError says which pod kept a node from being drained, as EKS does with
// its error code PodEvictionFailure.
type EvictionError struct {
	Node   string
	Pod    string // namespace/name
	Reason string // the API server's
}

func (e *EvictionError) Error() string {
	return fmt.Sprintf("cluster: cannot drain node %s: pod %s cannot be evicted: %s", e.Node, e.Pod, e.Reason)
}

// drain cordons the node and evicts its pods but those of DaemonSets and static ones.
func drain(ctx context.Context, client dynamic.Interface, node string, stall time.Duration) error {
	err := retry(ctx, "cordoning node "+node, func(ctx context.Context) error {
		_, err := client.Resource(nodes).Patch(ctx, node, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return err
	}
	progress := time.Now() // real time
	before := -1
	var blocked *EvictionError
	return poll(ctx, "the drain of node "+node, func(ctx context.Context) (bool, error, error) {
		list, err := client.Resource(pods).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		if err != nil {
			return false, err, nil
		}
		left := 0
		for i := range list.Items {
			pod := &list.Items[i]
			if stays(pod) {
				continue
			}
			left++
			if err := evict(ctx, client, pod); err != nil {
				blocked = &EvictionError{Node: node, Pod: pod.GetNamespace() + "/" + pod.GetName(), Reason: err.Error()}
			}
		}
		if left == 0 {
			return true, nil, nil
		}
		if left != before {
			before, progress = left, time.Now()
		}
		if time.Since(progress) > stall && blocked != nil {
			return false, nil, blocked
		}
		if blocked != nil {
			return false, blocked, nil
		}
		return false, fmt.Errorf("%d pods are left", left), nil
	})
}

func stays(pod *unstructured.Unstructured) bool {
	if _, static := pod.GetAnnotations()[corev1.MirrorPodAnnotationKey]; static {
		return true
	}
	return slices.ContainsFunc(pod.GetOwnerReferences(), func(owner metav1.OwnerReference) bool {
		return owner.Kind == "DaemonSet"
	})
}

// evict returns an error when the pod must not go now.
func evict(ctx context.Context, client dynamic.Interface, pod *unstructured.Unstructured) error {
	if pod.GetDeletionTimestamp() != nil {
		return nil
	}
	eviction, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&policyv1.Eviction{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "Eviction"},
		ObjectMeta: metav1.ObjectMeta{Name: pod.GetName(), Namespace: pod.GetNamespace()},
	})
	if err != nil {
		return err
	}
	_, err = client.Resource(pods).Namespace(pod.GetNamespace()).Create(ctx,
		&unstructured.Unstructured{Object: eviction}, metav1.CreateOptions{}, "eviction")
	return ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
