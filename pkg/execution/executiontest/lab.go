// Package executiontest holds what tests of executors share: fakes that hold
// state, and a fuse that makes the process crash before or after any effect.
package executiontest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Start is when every lab begins.
var Start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// Names that all labs use.
const (
	Blue, Green  = "shop", "shop-green"
	Zone, Record = "Z0123456789ABC", "shop.example.com"
	BlueLB       = "blue.elb.example"
	GreenLB      = "green.elb.example"
)

// Service takes the traffic.
var Service = upgrade.ObjectName{Namespace: "default", Name: "frontend"}

// ErrCrash is what a blown fuse returns: the process is gone.
var ErrCrash = errors.New("the process crashed")

// Lab is one upgrade with real records and a real lease, in memory, and with
// AWS fakes. Every call of every fake goes through the fuse.
type Lab struct {
	Clock   *clock.Virtual
	Dynamo  *tabletest.Fake
	Records *records.Store
	Leases  *lease.Store
	Route53 *Route53
	EKS     *EKS
	Builds  *Builds
	Checker *Checker
	Run     upgrade.Run
	Fuse    *Fuse
}

// New returns a lab whose upgrade holds the lease, with blue ACTIVE and taking
// all traffic.
func New(t testing.TB) *Lab {
	t.Helper()
	l := &Lab{Clock: clock.NewVirtual(Start), Dynamo: &tabletest.Fake{}, Fuse: &Fuse{}}
	l.Dynamo.Before = func(op string) error { return l.Fuse.before(op) }
	l.Dynamo.After = func() error { return l.Fuse.after() }
	l.Records, l.Leases = records.New(l.Dynamo, "records", l.Clock), lease.New(l.Dynamo, "leases", l.Clock)
	l.Route53 = NewRoute53(l.Clock, l.Fuse)
	l.EKS = NewEKS(l.Clock, l.Fuse)
	l.Builds = &Builds{EKS: l.EKS, fuse: l.Fuse, clock: l.Clock}
	l.Checker = &Checker{Clock: l.Clock, Status: map[string]upgrade.Status{}}
	l.EKS.AddCluster(Blue, "1.34", nil, "workers")
	l.Route53.Set(Blue, 100, BlueLB, 300)
	held, err := l.Leases.Acquire(t.Context(), Blue, "up-1")
	if err != nil {
		t.Fatal(err)
	}
	l.Run = upgrade.Run{ID: "up-1", Generation: held.Generation, StartedAt: upgrade.At(Start), Request: upgrade.Request{
		Cluster: Blue, Green: Green, Target: upgrade.Version{Major: 1, Minor: 35},
		Traffic: upgrade.Traffic{HostedZone: Zone, Record: Record, Service: Service}}.WithDefaults()}
	return l
}

// Stale returns the run with a generation that was overtaken.
func (l *Lab) Stale() upgrade.Run {
	run := l.Run
	run.Generation--
	return run
}

// Fuse fails one call. Calls are counted from 1; the zero value never blows.
type Fuse struct {
	At     int  // the call that fails
	Effect bool // it takes effect before it fails
	Calls  int
	Names  []string // of the calls so far
}

func (f *Fuse) before(name string) error {
	f.Calls++
	f.Names = append(f.Names, name)
	if f.Calls == f.At && !f.Effect {
		return ErrCrash
	}
	return nil
}

func (f *Fuse) after() error {
	if f.Calls == f.At && f.Effect {
		return ErrCrash
	}
	return nil
}

// Checker is a live health check whose answers are set.
type Checker struct {
	Clock  clock.Clock
	Status map[string]upgrade.Status // by cluster; Pass when there is none
	Asked  []string
}

// Check answers with the status that was set.
func (c *Checker) Check(_ context.Context, _ upgrade.Run, cluster string, _ upgrade.ObjectName) (upgrade.Health, error) {
	c.Asked = append(c.Asked, cluster)
	status := c.Status[cluster]
	if status == "" {
		status = upgrade.Pass
	}
	return upgrade.Health{Cluster: cluster, Status: status, Evidence: "as the test says", ObservedAt: upgrade.At(c.Clock.Now())}, nil
}

// Endpoints are load balancers by cluster.
type Endpoints map[string]string

// Hostname returns the load balancer of a cluster.
func (e Endpoints) Hostname(_ context.Context, cluster string, _ upgrade.ObjectName) (string, error) {
	return e[cluster], nil
}
