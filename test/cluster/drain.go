package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

const (
	// drainStall is how long a drain may evict nothing (real time; pods end and
	// start within a second here, so whatever blocks it will not pass).
	drainStall = 20 * time.Second
	// goingStall is how long pods whose eviction was granted may take to go, and
	// their replacements to be ready.
	goingStall = 5 * time.Second
	// budgetLag is how long a disruption budget may take to see that pods are ready.
	budgetLag = time.Second
)

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

// BlockedPod is a pod that did not leave its node.
type BlockedPod struct {
	Node   string
	Pod    string // namespace/name
	Reason string // the API server's; "" when it is on its way
}

// drain cordons the node and evicts its pods but those of DaemonSets and static
// ones, until it is empty or has evicted nothing for the stall.
func drain(ctx context.Context, client dynamic.Interface, node string, stall time.Duration) error {
	if err := cordon(ctx, client, node, true); err != nil {
		return err
	}
	progress := time.Now() // real time
	before := -1
	return controlplane.Poll(ctx, "the drain of node "+node, func(ctx context.Context) (bool, error, error) {
		blocked, err := drainOnce(ctx, client, node, false)
		switch {
		case err != nil:
			return false, err, nil
		case len(blocked) == 0:
			return true, nil, nil
		}
		if len(blocked) != before {
			before, progress = len(blocked), time.Now()
		}
		first := EvictionError(blocked[0])
		if time.Since(progress) > stall {
			return false, nil, &first
		}
		return false, &first, nil
	})
}

// drainOnce tries to evict the pods of a node, and waits for those that may go
// and for their replacements to be ready elsewhere: that takes seconds of real
// time, in which a fast clock must not pass. Those that are refused are tried
// again as long as others go, because each that went may make room for the next.
// With force, pods are deleted instead.
func drainOnce(ctx context.Context, client dynamic.Interface, node string, force bool) ([]BlockedPod, error) {
	owners := map[string]metav1.OwnerReference{} // of pods that went, by namespace and name
	before, changed, limit := "", time.Now(), time.Duration(0)
	for {
		list, err := podsOn(ctx, client, node)
		if err != nil {
			return nil, err
		}
		var blocked []BlockedPod
		going := false
		for i := range list {
			pod := &list[i]
			if stays(pod) {
				continue
			}
			b := BlockedPod{Node: node, Pod: pod.GetNamespace() + "/" + pod.GetName()}
			switch err := evict(ctx, client, pod, force); {
			case err == nil:
				going, limit = true, goingStall
				if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
					owners[pod.GetNamespace()+"/"+owner.Name] = *owner
				}
			case refused(err):
				b.Reason = reason(err)
				waits, err := lacking(ctx, client, pod)
				if err != nil {
					return nil, err
				}
				if waits { // for pods on their way, maybe of another node
					limit = max(limit, budgetLag)
				}
			default:
				return nil, fmt.Errorf("cluster: evicting pod %s: %w", b.Pod, err)
			}
			blocked = append(blocked, b)
		}
		missing, err := unready(ctx, client, owners)
		if err != nil {
			return nil, err
		}
		if state := fmt.Sprint(len(blocked), going, missing); state != before {
			before, changed = state, time.Now()
		}
		if missing == 0 && !going { // what is refused now may wait for the budget's controller
			if len(blocked) == 0 {
				return nil, nil
			}
			limit = min(limit, budgetLag)
		}
		if time.Since(changed) >= limit {
			return blocked, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond): // real time: real pods go
		}
	}
}

// lacking reports whether a disruption budget of the pod counts fewer healthy pods
// than it expects, or has not been looked at since it changed: what it refuses
// now it may allow when they are there.
func lacking(ctx context.Context, client dynamic.Interface, pod *unstructured.Unstructured) (is bool, err error) {
	err = controlplane.Retry(ctx, "looking at the budgets of "+pod.GetNamespace(), func(ctx context.Context) error {
		list, err := client.Resource(budgets).Namespace(pod.GetNamespace()).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		is = false
		for i := range list.Items {
			b, err := typed[policyv1.PodDisruptionBudget](&list.Items[i])
			if err != nil {
				return err
			}
			selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
			if err != nil || !selector.Matches(labels.Set(pod.GetLabels())) {
				continue
			}
			is = is || b.Status.CurrentHealthy < b.Status.ExpectedPods || b.Status.ObservedGeneration < b.Generation
		}
		return nil
	})
	return is, err
}

// unready counts the pods that the owners of evicted pods want and that do not
// run yet.
func unready(ctx context.Context, client dynamic.Interface, owners map[string]metav1.OwnerReference) (int, error) {
	missing := 0
	for key, owner := range owners {
		resource, ok := map[string]schema.GroupVersionResource{"ReplicaSet": replicaSets, "StatefulSet": statefulSets}[owner.Kind]
		if !ok {
			continue
		}
		namespace, name, _ := strings.Cut(key, "/")
		var left int
		err := controlplane.Retry(ctx, "looking at "+owner.Kind+" "+key, func(ctx context.Context) error {
			object, err := client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				left = 0
				return nil
			}
			if err != nil {
				return err
			}
			wanted, _, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
			list, err := client.Resource(pods).Namespace(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			left = int(wanted)
			for i := range list.Items {
				pod := &list.Items[i]
				if o := metav1.GetControllerOfNoCopy(pod); o != nil && o.UID == owner.UID && pod.GetDeletionTimestamp() == nil && settled(pod) {
					left--
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		missing += max(left, 0)
	}
	return missing, nil
}

func podsOn(ctx context.Context, client dynamic.Interface, node string) (found []unstructured.Unstructured, err error) {
	err = controlplane.Retry(ctx, "listing the pods of node "+node, func(ctx context.Context) error {
		list, err := client.Resource(pods).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		if err == nil {
			found = list.Items
		}
		return err
	})
	return found, err
}

func stays(pod *unstructured.Unstructured) bool {
	if _, static := pod.GetAnnotations()[corev1.MirrorPodAnnotationKey]; static {
		return true
	}
	return slices.ContainsFunc(pod.GetOwnerReferences(), func(owner metav1.OwnerReference) bool {
		return owner.Kind == "DaemonSet"
	})
}

// refused reports whether the API server does not let a pod go: a disruption
// budget (429), or several of them (500).
func refused(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
}

// reason is the API server's, with what it says about the budget.
func reason(err error) string {
	text := err.Error()
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Type == policyv1.DisruptionBudgetCause && cause.Message != "" {
				text += " " + cause.Message
			}
		}
	}
	return text
}

// evict returns an error when the pod must not go now.
func evict(ctx context.Context, client dynamic.Interface, pod *unstructured.Unstructured, force bool) error {
	if pod.GetDeletionTimestamp() != nil {
		return nil
	}
	if force {
		return ignoreNotFound(client.Resource(pods).Namespace(pod.GetNamespace()).Delete(ctx, pod.GetName(), metav1.DeleteOptions{}))
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
