// Package eks simulates Amazon EKS: clusters, their updates, node groups,
// add-ons and insights, with AWS's statuses, limits and errors. What takes
// minutes on AWS takes as many minutes of the clock that is handed in. A
// ClusterBackend puts a real Kubernetes API behind each cluster; without one a
// cluster has no endpoint.
package eks

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Subnets looks up subnets in the simulated EC2.
type Subnets interface {
	// LookupSubnet returns the VPC, the availability zone and the number of
	// free addresses of a subnet; false when it does not exist.
	LookupSubnet(id string) (vpc, zone string, freeIPs int, ok bool)
}

// Options configures a Service. Clock, Account and Region are required.
type Options struct {
	Clock           clock.Clock
	Account, Region string
	Clusters        ClusterBackend // nil: clusters without a Kubernetes API
	Subnets         Subnets        // nil: every subnet exists and has room
	// EC2 runs the instances of node groups, and has their launch templates and
	// images. Nil: one of its own, which nobody else sees.
	EC2       *ec2.Service
	Durations Durations
	// RandomDurations draws what Durations leaves at zero from Distributions, by
	// Seed, kind of work, name and how often it was done before.
	RandomDurations bool
	Seed            int64
	// Hold keeps a fast clock at real time while the backend works. Nil: none.
	Hold func() (release func())
	// Principal returns the ARN of the IAM role or user, or of the role's session,
	// that makes a call: it becomes the administrator of the clusters that it
	// creates. Nil: nobody.
	Principal func(*wire.Call) string
	// UnsupportedZones cannot hold a control plane, as us-east-1e on AWS.
	UnsupportedZones []string
}

// Service is the simulated EKS. It is safe for concurrent use.
type Service struct {
	opts   Options
	ctx    context.Context // of the backend's work
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	clusters map[string]*cluster
	seq      int
	draws    map[string]int // durations drawn, by kind of work and name

	injections []Injection // failures that wait for an operation
}

// cluster is one cluster with everything that belongs to it. The SDK values in
// it are replaced, never modified in depth: answers may share their pointers.
type cluster struct {
	types.Cluster
	nodegroups map[string]*nodegroup
	addons     map[string]*types.Addon
	profiles   map[string]*types.FargateProfile
	access     map[string]*accessEntry                      // by principal ARN
	pods       map[string]*types.PodIdentityAssociation     // by id
	providers  map[string]*types.OidcIdentityProviderConfig // by name
	insights   []*insight
	refreshed  time.Time // when the insights were
	refresh    refresh   // the last one that was asked for
	updates    []*update
	tokens     map[string]tokenUse
	endpoint   Endpoint
	created    string // the request, as a fingerprint
	hop        *hop   // the last upgrade, while it can be rolled back
	auto       autoMode
	apis       map[apiKey]apiUse // deprecated APIs in use
	observed   time.Time         // when the backend was last asked for them
	blind      bool              // the backend could not answer

	unready map[string]time.Time // add-ons that lack replicas, since when
}

// New returns an EKS without clusters. Close it after use.
func New(o Options) *Service {
	if o.Hold == nil {
		o.Hold = func() func() { return func() {} }
	}
	if o.EC2 == nil {
		o.EC2 = ec2.New(ec2.Options{Account: o.Account, Region: o.Region})
	}
	o.EC2.AddImages(images()...)
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{opts: o, ctx: ctx, cancel: cancel, clusters: map[string]*cluster{}, draws: map[string]int{}}
	o.EC2.OnTerminate(s.terminated)
	return s
}

// Close cancels what the backend is doing and waits for it to end.
func (s *Service) Close() {
	s.cancel()
	s.work.Wait()
}

func (s *Service) now() *time.Time { return ptr(s.opts.Clock.Now()) }

// after calls done once, with the lock held, when d has passed by the clock and
// work (nil: nothing to do) has ended. The work runs on a goroutine of its own
// while the clock is held; when it fails, done is called at once.
func (s *Service) after(d time.Duration, work func(context.Context) error, done func(error)) {
	var finished, elapsed, worked bool
	advance := func(err error) { // with the lock held
		if !finished && (err != nil || (elapsed && worked)) {
			finished = true
			done(err)
		}
	}
	if s.opts.Clusters == nil || work == nil {
		worked = true
	} else {
		s.work.Add(1)
		release := s.opts.Hold()
		go func() {
			defer s.work.Done()
			err := work(s.ctx)
			release()
			s.mu.Lock()
			defer s.mu.Unlock()
			worked = true
			advance(err)
		}()
	}
	s.opts.Clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dailyInsights()
		elapsed = true
		advance(nil)
	})
}

// uuid returns an id that is the same in every run that makes the same calls.
func (s *Service) uuid() string {
	s.seq++
	h := sha256.Sum256(fmt.Appendf(nil, "eks/%s/%s/%d", s.opts.Account, s.opts.Region, s.seq))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80 // version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (s *Service) arn(format string, args ...any) *string {
	return ptr(fmt.Sprintf("arn:aws:eks:%s:%s:", s.opts.Region, s.opts.Account) + fmt.Sprintf(format, args...))
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
