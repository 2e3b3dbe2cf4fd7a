package eks

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// observed is a backend that sees whether add-ons have their replicas.
type observed struct {
	*backend
	lacking, silent atomic.Bool
}

func (o *observed) AddonReady(_ context.Context, _ string, w Workload, _ bool) (bool, error) {
	if o.silent.Load() {
		return false, errors.New("no answer")
	}
	return w.Addon != "coredns" || !o.lacking.Load(), nil
}

// later moves the clock and waits for what the service looks at.
func (f *fixture) later(d time.Duration) {
	f.clock.Advance(d)
	f.work.Wait()
	f.clock.Advance(time.Millisecond)
}

func TestAnAddonWithoutItsReplicasIsDegraded(t *testing.T) {
	b := &observed{backend: newBackend()}
	b.lacking.Store(true)
	f := newFixture(t, Options{Clusters: b})
	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	f.finish(b.backend, "create shop 1.34", nil)
	f.clock.Advance(DefaultCreateCluster)
	f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
	f.finish(b.backend, "apply shop coredns v1.12.3-eksbuild.1 false false", nil)
	addon := func() *types.Addon {
		t.Helper()
		out, err := f.DescribeAddon(f.call, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")})
		if err != nil {
			t.Fatal(err)
		}
		return out.Addon
	}
	f.later(DefaultAddon)
	if a := addon(); a.Status != types.AddonStatusActive {
		t.Errorf("at first it is %s", a.Status)
	}
	f.later(degradedAfter)
	f.later(time.Minute)
	a := addon()
	if a.Status != types.AddonStatusDegraded || len(a.Health.Issues) != 1 || a.Health.Issues[0].Code != types.AddonIssueCodeInsufficientNumberOfReplicas {
		t.Fatalf("then it is %s, %+v", a.Status, a.Health.Issues)
	}
	if !a.ModifiedAt.After(*a.CreatedAt) {
		t.Error("it does not say when")
	}
	b.silent.Store(true)
	if a := addon(); a.Status != types.AddonStatusDegraded {
		t.Errorf("an API server that does not answer made it %s", a.Status)
	}
	b.silent.Store(false)
	b.lacking.Store(false)
	if a := addon(); a.Status != types.AddonStatusActive || len(a.Health.Issues) != 0 {
		t.Errorf("with its replicas it is %s, %+v", a.Status, a.Health.Issues)
	}
	// A short lack says nothing.
	b.lacking.Store(true)
	addon()
	f.later(degradedAfter / 2)
	b.lacking.Store(false)
	addon()
	b.lacking.Store(true)
	addon()
	f.later(degradedAfter / 2)
	f.later(time.Second)
	if a := addon(); a.Status != types.AddonStatusActive {
		t.Errorf("after a short lack it is %s", a.Status)
	}
}
