package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

var poddisruptionbudgets = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}

const database = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: database, namespace: default}
spec:
  serviceName: database
  selector: {matchLabels: {app: database}}
  template:
    metadata: {labels: {app: database}}
    spec: {containers: [{name: server, image: example.com/database:1, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: gp2, resources: {requests: {storage: 1Gi}}}
`

const brokenRelease = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: recommendations, namespace: default}
spec:
  selector: {matchLabels: {app: recommendations}}
  template:
    metadata: {labels: {app: recommendations}}
    spec: {containers: [{name: server, image: example.com/recommendations:2}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: recommendations, namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: recommendations}}}
`

// TestWhatGoesWrong walks one cluster through the faults that rehearsals inject.
func TestWhatGoesWrong(t *testing.T) {
	f, ctx := newFleet(t), deadline(t)
	var holds, observed atomic.Int64
	f.options.Hold = func() func() {
		holds.Add(1)
		return func() { holds.Add(-1) }
	}
	f.options.Observe = func(cluster string, status int, latency time.Duration) { observed.Add(1) }
	if _, err := f.CreateCluster(ctx, "shop", "1.35"); err != nil {
		t.Fatal(err)
	}
	if err := f.ScaleNodegroup(ctx, "shop", "workers", workers); err != nil {
		t.Fatal(err)
	}
	config, err := f.RESTConfig("shop")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(ctx, config, filepath.Join(testManifests, "online-boutique")); err != nil {
		t.Fatal(err)
	}
	if err := f.WaitSettled(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	defer disconnect()
	ingress, err := f.Ingress("shop")
	if err != nil {
		t.Fatal(err)
	}
	answers := func(path string) int {
		t.Helper()
		response, err := http.Get("http://" + ingress.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}

	t.Run("the ingress answers for what is ready", func(t *testing.T) {
		eventually(t, ctx, "the ingress", func() error { return wantStatus(answers("/"), 200) })
		for path, want := range map[string]int{"/svc/default/cartservice": 200, "/svc/default/nothing": 503, "/else": 404} {
			if got := answers(path); got != want {
				t.Errorf("%s: status %d, want %d", path, got, want)
			}
		}
		if observed.Load() < 4 {
			t.Errorf("%d requests observed", observed.Load())
		}
		eventually(t, ctx, "the clock to be let go", func() error {
			if n := holds.Load(); n != 0 {
				return fmt.Errorf("%d holds", n)
			}
			return nil
		})
	})

	t.Run("claims get volumes", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "database.yaml")
		if err := os.WriteFile(file, []byte(database), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(ctx, config, file); err != nil {
			t.Fatal(err)
		}
		if err := f.WaitSettled(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		claims := schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
		claim, err := client.Resource(claims).Namespace("default").Get(ctx, "data-database-0", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := typed[corev1.PersistentVolumeClaim](claim); err != nil || got.Status.Phase != corev1.ClaimBound {
			t.Errorf("claim is %s, %v", got.Status.Phase, err)
		}
	})

	t.Run("injected errors", func(t *testing.T) {
		if err := ingress.SetErrorRate(0.5); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for range 10 {
			if answers("/") == 500 {
				failed++
			}
		}
		if failed != 5 {
			t.Errorf("%d of 10 failed at a rate of 0.5", failed)
		}
		if err := ingress.SetErrorRate(0); err != nil {
			t.Fatal(err)
		}
		if ingress.SetErrorRate(1.1) == nil {
			t.Error("a rate above 1 was taken")
		}
	})

	t.Run("without its API server the workloads go on", func(t *testing.T) {
		if err := f.KillAPIServer("shop"); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Resource(nodes).List(ctx, metav1.ListOptions{}); err == nil {
			t.Error("the API server answers after it was killed")
		}
		for range 5 {
			if got := answers("/"); got != 200 {
				t.Errorf("ingress: status %d", got)
			}
		}
		if err := f.RestartAPIServer(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Resource(nodes).List(ctx, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
		if got := answers("/"); got != 200 {
			t.Errorf("ingress after the restart: status %d", got)
		}
	})

	t.Run("pods that never become ready", func(t *testing.T) {
		if err := f.SetPodsUnready(ctx, "shop", "default"); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "broken.yaml")
		if err := os.WriteFile(file, []byte(brokenRelease), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(ctx, config, file); err != nil {
			t.Fatal(err)
		}
		eventually(t, ctx, "an image that cannot be pulled", func() error {
			list, err := client.Resource(pods).Namespace("default").List(ctx, metav1.ListOptions{LabelSelector: "app=recommendations"})
			if err != nil || len(list.Items) != 1 {
				return fmt.Errorf("%v", err)
			}
			pod, err := typed[corev1.Pod](&list.Items[0])
			if err != nil || len(pod.Status.ContainerStatuses) != 1 {
				return fmt.Errorf("no container status: %v", err)
			}
			if waiting := pod.Status.ContainerStatuses[0].State.Waiting; waiting == nil || waiting.Reason != "ImagePullBackOff" {
				return fmt.Errorf("container waits for %v", waiting)
			}
			return nil
		})
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := f.WaitSettled(short, "shop"); err == nil || !strings.Contains(err.Error(), "recommendations") {
			t.Errorf("settled with a broken pod: %v", err)
		}
		if err := f.SetPodsUnready(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		if err := f.WaitSettled(ctx, "shop"); err != nil {
			t.Errorf("pods did not heal: %v", err)
		}
	})

	t.Run("a disruption budget stands in the way of new nodes", func(t *testing.T) {
		newer := workers
		newer.KubeletVersion = GitVersion("1.35")
		f.drainStall = time.Second
		err := f.ScaleNodegroup(ctx, "shop", "workers", newer)
		var eviction *EvictionError
		if !errors.As(err, &eviction) || !strings.HasPrefix(eviction.Pod, "default/recommendations-") {
			t.Fatalf("err = %v, want an EvictionError", err)
		}
		budgets := client.Resource(poddisruptionbudgets).Namespace("default")
		if err := budgets.Delete(ctx, "recommendations", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		f.drainStall = drainStall
		if err := f.ScaleNodegroup(ctx, "shop", "workers", newer); err != nil {
			t.Fatal(err)
		}
		all, err := listNodes(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		zones := map[string]int{}
		for _, node := range all {
			zones[node.Labels[corev1.LabelTopologyZone]]++
			if node.Status.NodeInfo.KubeletVersion != newer.KubeletVersion || node.Spec.Unschedulable {
				t.Errorf("node %s is left at %s", node.Name, node.Status.NodeInfo.KubeletVersion)
			}
		}
		if len(all) != newer.Count || len(zones) != 3 {
			t.Errorf("%d nodes in zones %v, want %d", len(all), zones, newer.Count)
		}
		if err := f.WaitSettled(ctx, "shop"); err != nil {
			t.Error(err)
		}
	})

	t.Run("nothing is left", func(t *testing.T) {
		processes := []*controlplane.Process{f.clusters["shop"].instance.etcd, f.clusters["shop"].instance.apiServer, f.clusters["shop"].instance.kwok}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range processes {
			if p.Exited() == nil {
				t.Errorf("%s still runs", p.Name)
			}
		}
		if _, err := os.Stat(f.dir); !os.IsNotExist(err) {
			t.Errorf("the state folder is left: %v", err)
		}
		if _, err := http.Get("http://" + ingress.Address()); err == nil {
			t.Error("the ingress still answers")
		}
		if _, err := f.CreateCluster(ctx, "again", "1.35"); !errors.Is(err, errClosed) {
			t.Errorf("err = %v", err)
		}
	})
}

func wantStatus(got, want int) error {
	if got != want {
		return fmt.Errorf("status %d, want %d", got, want)
	}
	return nil
}

func eventually(t *testing.T, ctx context.Context, what string, check func() error) {
	t.Helper()
	err := controlplane.Poll(ctx, what, func(context.Context) (bool, error, error) {
		err := check()
		return err == nil, err, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
