package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// settleStall is how long pods may stay unready without any change before they
// stop slowing the clock (real time).
const settleStall = 20 * time.Second

// settler watches a cluster's pods and holds the clock while some are on their
// way to Ready, so that a simulated deadline does not pass while real pods start.
type settler struct {
	hold   func() func()
	limit  time.Duration // settleStall
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	unready map[types.UID]bool
	release func()      // nil: the clock is not held
	stall   *time.Timer // runs while it is held
	stopped bool
}

func startSettler(config *rest.Config, hold func() func()) (*settler, error) {
	s := &settler{hold: hold, limit: settleStall, unready: map[types.UID]bool{}, cancel: func() {}}
	n, err := startNudger(config)
	if err != nil {
		return s, err
	}
	see := func(object any, deleted bool) {
		s.see(object, deleted)
		n.see(object, deleted)
	}
	stop, err := watchAll(config, &s.done, map[schema.GroupVersionResource]cache.ResourceEventHandler{
		pods: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { see(object, false) },
			UpdateFunc: func(_, object any) { see(object, false) },
			DeleteFunc: func(object any) { see(object, true) },
		},
	})
	s.cancel = func() {
		stop()
		n.stop()
	}
	if err != nil {
		n.stop()
	}
	return s, err
}

// see notes a pod. Any change of the set of unready pods is progress.
func (s *settler) see(object any, deleted bool) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	pod, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	unready := !deleted && pod.GetDeletionTimestamp() == nil && !settled(pod)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.unready[pod.GetUID()] == unready {
		return
	}
	if unready {
		s.unready[pod.GetUID()] = true
	} else {
		delete(s.unready, pod.GetUID())
	}
	if len(s.unready) == 0 {
		s.letGo()
		return
	}
	if s.release == nil {
		s.release = s.hold()
		s.stall = time.AfterFunc(s.limit, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.letGo()
		})
		return
	}
	s.stall.Reset(s.limit)
}

func (s *settler) letGo() {
	if s.release != nil {
		s.stall.Stop()
		s.release()
		s.release = nil
	}
}

func (s *settler) stop() {
	s.cancel()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.letGo()
}

// settled reports whether a pod is Ready or has done its work.
func settled(pod *unstructured.Unstructured) bool {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	return phase == "Succeeded" || phase == "Running" && hasCondition(pod, "Ready")
}

// watchAll keeps handlers told of the objects of each resource until the returned
// function is called; done then waits for all of it. It survives an API server
// that goes and comes back, and starts without one.
func watchAll(config *rest.Config, done *sync.WaitGroup, handlers map[schema.GroupVersionResource]cache.ResourceEventHandler) (context.CancelFunc, error) {
	client, _, disconnect, err := connect(config)
	if err != nil {
		return func() {}, err
	}
	// A watch that ends because the API server went away is no news here.
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	var watches sync.WaitGroup
	for resource, handler := range handlers {
		_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
			ListerWatcher: listWatch(client, resource),
			ObjectType:    &unstructured.Unstructured{},
			Handler:       handler,
			Transform:     stripManagedFields,
		})
		watches.Go(func() { controller.RunWithContext(ctx) })
	}
	done.Go(func() {
		watches.Wait()
		disconnect()
	})
	return cancel, nil
}

// stripManagedFields drops what nobody here reads, half of an object.
func stripManagedFields(object any) (any, error) {
	if object, ok := object.(*unstructured.Unstructured); ok {
		object.SetManagedFields(nil)
	}
	return object, nil
}

func listWatch(client dynamic.Interface, resource schema.GroupVersionResource) cache.ListerWatcher {
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return client.Resource(resource).List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.Resource(resource).Watch(ctx, options)
		},
	}, client)
}

// WaitSettled waits until every Deployment, StatefulSet and DaemonSet of the
// cluster has all its pods ready, as its controller has seen, and no pod is on
// its way. The error says what was missing last.
func (f *Fleet) WaitSettled(ctx context.Context, name string) error {
	config, err := f.RESTConfig(name)
	if err != nil {
		return err
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		return err
	}
	defer disconnect()
	return controlplane.Poll(ctx, "the pods of cluster "+name, func(ctx context.Context) (bool, error, error) {
		for _, kind := range []struct {
			resource       schema.GroupVersionResource
			desired, ready []string
		}{
			{deployments, []string{"spec", "replicas"}, []string{"status", "availableReplicas"}},
			{statefulSets, []string{"spec", "replicas"}, []string{"status", "readyReplicas"}},
			{daemonSets, []string{"status", "desiredNumberScheduled"}, []string{"status", "numberReady"}},
		} {
			list, err := client.Resource(kind.resource).List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err, nil
			}
			for i := range list.Items {
				object := &list.Items[i]
				if err := complete(object, kind.desired, kind.ready); err != nil {
					return false, err, nil
				}
				if strategy, _, _ := unstructured.NestedString(object.Object, "spec", "updateStrategy", "type"); kind.resource == daemonSets && strategy == "RollingUpdate" {
					if err := complete(object, kind.desired, []string{"status", "updatedNumberScheduled"}); err != nil {
						return false, err, nil
					}
				}
			}
		}
		list, err := client.Resource(pods).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err, nil
		}
		for i := range list.Items {
			if pod := &list.Items[i]; !settled(pod) {
				return false, fmt.Errorf("pod %s/%s is not ready", pod.GetNamespace(), pod.GetName()), nil
			}
		}
		return true, nil, nil
	})
}

func complete(object *unstructured.Unstructured, desiredAt, readyAt []string) error {
	seen, _, err1 := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	desired, _, err2 := unstructured.NestedInt64(object.Object, desiredAt...)
	ready, _, err3 := unstructured.NestedInt64(object.Object, readyAt...)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if seen < object.GetGeneration() {
		return fmt.Errorf("%s %s/%s is not yet seen by its controller", object.GetKind(), object.GetNamespace(), object.GetName())
	}
	if ready < desired {
		return fmt.Errorf("%s %s/%s has %d of %d pods ready", object.GetKind(), object.GetNamespace(), object.GetName(), ready, desired)
	}
	return nil
}
