package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// nudgeAfter is how long KWOK may leave a pod of a node alone (real time).
const nudgeAfter = 2 * time.Second

// nudger touches pods that KWOK has overlooked. KWOK drops what happens to a pod
// before it manages the pod's node; one that is bound to a node within the
// moment in which the node joins would stay Pending for good.
type nudger struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	alone map[types.UID]aloneSince
}

type aloneSince struct {
	namespace, name string
	at              time.Time // real time
}

func startNudger(config *rest.Config) (*nudger, error) {
	client, _, disconnect, err := connect(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &nudger{cancel: cancel, alone: map[types.UID]aloneSince{}}
	n.done.Go(func() {
		defer disconnect()
		ticker := time.NewTicker(nudgeAfter / 2)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				for _, p := range n.due(now) {
					// It is tried again; an API server that is away is no news here.
					_ = nudge(ctx, client, p.namespace, p.name)
				}
			}
		}
	})
	return n, nil
}

// see notes a pod.
func (n *nudger) see(object any, deleted bool) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	pod, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if deleted || !untouched(pod) {
		delete(n.alone, pod.GetUID())
	} else if _, known := n.alone[pod.GetUID()]; !known {
		n.alone[pod.GetUID()] = aloneSince{pod.GetNamespace(), pod.GetName(), time.Now()}
	}
}

// due returns the pods that have been alone for too long, once for each such
// time.
func (n *nudger) due(now time.Time) []aloneSince {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []aloneSince
	for uid, p := range n.alone {
		if now.Sub(p.at) >= nudgeAfter {
			out = append(out, p)
			p.at = now
			n.alone[uid] = p
		}
	}
	return out
}

func (n *nudger) stop() {
	n.cancel()
	n.done.Wait()
}

// untouched reports whether a pod of a node waits for KWOK: to start, which it
// tells by a condition Ready of either status, or to go.
func untouched(pod *unstructured.Unstructured) bool {
	node, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName")
	if node == "" {
		return false
	}
	if pod.GetDeletionTimestamp() != nil {
		return true
	}
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Ready" {
			return false
		}
	}
	return phase == "" || phase == "Pending"
}

// nudge changes a pod and changes it back: KWOK looks at it again.
func nudge(ctx context.Context, client dynamic.Interface, namespace, name string) error {
	for _, value := range []string{`"1"`, "null"} {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"kwok.x-k8s.io/nudge":%s}}}`, value)
		if _, err := client.Resource(pods).Namespace(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	return nil
}
