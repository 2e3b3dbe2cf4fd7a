package eks

import (
	"context"
	"encoding/base64"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
)

// backend is a ClusterBackend whose calls wait until the test lets them end.
type backend struct {
	started chan string // names of calls
	results chan error
	mu      sync.Mutex
	nodes   Nodes

	added     []Node
	removed   []string
	blocks    map[string]string // pods that do not leave, by node
	conflicts []string          // of add-ons
}

func newBackend() *backend { return &backend{started: make(chan string), results: make(chan error)} }

func (b *backend) run(ctx context.Context, call string) error {
	b.started <- call
	select {
	case err := <-b.results:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *backend) CreateCluster(ctx context.Context, name, version string) (Endpoint, error) {
	err := b.run(ctx, "create "+name+" "+version)
	return Endpoint{URL: "https://127.0.0.1:6443", CAData: []byte("PEM")}, err
}
func (b *backend) UpgradeCluster(ctx context.Context, name, version string) error {
	return b.run(ctx, "upgrade "+name+" "+version)
}
func (b *backend) DeleteCluster(ctx context.Context, name string) error {
	return b.run(ctx, "delete "+name)
}
func (b *backend) ScaleNodegroup(ctx context.Context, cluster, nodegroup string, n Nodes) error {
	b.mu.Lock()
	b.nodes = n
	b.mu.Unlock()
	return b.run(ctx, "scale "+cluster+" "+nodegroup)
}

// finish waits for a call of the backend, lets it end with err and waits until
// the service has taken note: it then releases the hold.
func (f *fixture) finish(b *backend, call string, err error) {
	f.t.Helper()
	if got := <-b.started; got != call {
		f.t.Fatalf("backend call = %q, want %q", got, call)
	}
	b.results <- err
	f.work.Wait()
}

func TestClusterIsActiveWhenTimeHasPassedAndTheBackendIsReady(t *testing.T) {
	for _, order := range []string{"time first", "backend first"} {
		t.Run(order, func(t *testing.T) {
			b := newBackend()
			var holds atomic.Int32
			f := newFixture(t, Options{Clusters: b, Hold: func() func() { holds.Add(1); return func() { holds.Add(-1) } }})
			f.must(f.CreateCluster(f.call, clusterInput("1.34")))
			if holds.Load() != 1 {
				t.Error("the clock must be held while the backend works")
			}
			if order == "time first" {
				f.clock.Advance(DefaultCreateCluster)
			} else {
				f.finish(b, "create shop 1.34", nil)
			}
			if got := f.status(); got != types.ClusterStatusCreating {
				t.Fatalf("status = %s, want CREATING", got)
			}
			if order == "time first" {
				f.finish(b, "create shop 1.34", nil)
			} else {
				f.clock.Advance(DefaultCreateCluster)
			}
			c, _ := f.Cluster("shop")
			if c.Status != types.ClusterStatusActive || *c.Endpoint != "https://127.0.0.1:6443" || *c.CertificateAuthority.Data != base64.StdEncoding.EncodeToString([]byte("PEM")) {
				t.Fatalf("cluster = %+v", c)
			}
			if holds.Load() != 0 {
				t.Error("the hold must be released")
			}
		})
	}
}

func TestBackendFailures(t *testing.T) {
	broken := errors.New("kube-apiserver: exit status 1")
	b := newBackend()
	f := newFixture(t, Options{Clusters: b})
	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	f.finish(b, "create shop 1.34", broken)
	c, _ := f.Cluster("shop")
	if c.Status != types.ClusterStatusFailed || *c.Health.Issues[0].Message != broken.Error() {
		t.Fatalf("cluster = %s %+v", c.Status, c.Health.Issues)
	}
	f.must(f.DeleteCluster(f.call, &sdk.DeleteClusterInput{Name: ptr("shop")}))
	f.finish(b, "delete shop", nil)
	f.clock.Advance(DefaultDeleteCluster)

	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	f.finish(b, "create shop 1.34", nil)
	f.clock.Advance(DefaultCreateCluster)
	f.must(f.CreateNodegroup(f.call, nodegroupInput("workers")))
	f.finish(b, "add shop 2", broken)
	if n := f.Nodegroups("shop")[0]; n.Status != types.NodegroupStatusCreateFailed || n.Health.Issues[0].Code != types.NodegroupIssueCodeNodeCreationFailure {
		t.Fatalf("nodegroup = %+v", n)
	}
	u, err := f.upgrade("1.35")
	if err != nil {
		t.Fatal(err)
	}
	f.finish(b, "upgrade shop 1.35", broken)
	if got := f.update(u.Id); got.Status != types.UpdateStatusFailed || *got.Errors[0].ErrorMessage != broken.Error() {
		t.Fatalf("update = %+v", got)
	}
	if c, _ := f.Cluster("shop"); c.Status != types.ClusterStatusActive || *c.Version != "1.34" {
		t.Fatalf("cluster = %s %s", c.Status, *c.Version)
	}
}

func TestBackendGetsTheNodes(t *testing.T) {
	b := newBackend()
	f := newFixture(t, Options{Clusters: b})
	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	f.finish(b, "create shop 1.34", nil)
	f.clock.Advance(DefaultCreateCluster)
	in := nodegroupInput("workers")
	in.Labels = map[string]string{"tier": "web"}
	in.InstanceTypes = []string{"m6i.large"}
	in.ScalingConfig = &types.NodegroupScalingConfig{MinSize: ptr(int32(1)), MaxSize: ptr(int32(5)), DesiredSize: ptr(int32(3))}
	f.must(f.CreateNodegroup(f.call, in))
	f.finish(b, "add shop 3", nil)
	zones := map[string]int{}
	for _, n := range b.added {
		zones[n.Labels["topology.kubernetes.io/zone"]]++
		if n.KubeletVersion != "v1.34.8-eks-3c60543" || n.CPU != 2 || n.Labels["tier"] != "web" || n.Labels["eks.amazonaws.com/nodegroup"] != "workers" ||
			n.Labels["eks.amazonaws.com/capacityType"] != "ON_DEMAND" || n.Labels["node.kubernetes.io/instance-type"] != "m6i.large" {
			t.Errorf("node = %+v", n)
		}
	}
	if d := cmp.Diff(map[string]int{"eu-west-1a": 2, "eu-west-1b": 1}, zones); d != "" {
		t.Error(d)
	}
	f.clock.Advance(DefaultCreateNodegroup)
	f.must(f.DeleteNodegroup(f.call, &sdk.DeleteNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}))
	f.finish(b, "remove shop 3", nil)
}

func TestCloseEndsTheBackendsWork(t *testing.T) {
	b := newBackend()
	f := newFixture(t, Options{Clusters: b})
	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	<-b.started
	f.Close() // returns only when the work has ended
	if got := f.status(); got != types.ClusterStatusFailed {
		t.Errorf("status = %s, want FAILED", got)
	}
}
