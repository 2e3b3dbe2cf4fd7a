// Package route53 simulates Amazon Route 53: hosted zones, record sets changed
// in atomic batches, weighted routing, and changes that take time until every
// DNS server answers with them (PENDING, then INSYNC).
//
// Two views of a zone are kept. The API (ListResourceRecordSets) shows a change
// as soon as it was accepted. DNS (Resolve, Weights) shows it only once it is
// INSYNC: what clients get while a change is PENDING is the old answer.
package route53

import (
	"crypto/sha256"
	"encoding/base32"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Defaults of Options, in simulated time.
const (
	// DefaultPropagation is how long a change stays PENDING. AWS: "generally
	// within 60 seconds"; half a minute is typical.
	DefaultPropagation = 30 * time.Second
	// DefaultProcessing is how long a zone refuses further batches after it
	// took one. AWS refuses a batch that arrives before the last one was
	// processed; a change that is merely PENDING refuses nothing.
	DefaultProcessing = time.Second
	// RequestsPerSecond is the limit of AWS for one account over all of
	// Route 53's API.
	RequestsPerSecond = 5
)

// Limiter decides whether a request is served or answered with Throttling.
type Limiter interface{ Allow() bool }

// Options configures a Service. Only Clock is required; zero durations mean the
// defaults, negative ones mean none.
type Options struct {
	Clock       clock.Clock
	Propagation time.Duration
	Processing  time.Duration
	// Limiter throttles the API; nil means AWS's RequestsPerSecond by Clock, see
	// Unlimited.
	Limiter Limiter
	// Seed makes the answers of TestDNSAnswer repeat.
	Seed int64
	// Prober checks the endpoints of health checks; nil: over the network.
	Prober Prober
	// Alarms tells the state of CloudWatch alarms; nil: there is no data.
	Alarms Alarms
	// Addresses looks up a name outside Route 53: a load balancer's. Nil: none is
	// known.
	Addresses func(name string) []string
	// Hold keeps a fast clock at real time while an endpoint is probed. Nil: none.
	Hold func() (release func())
}

// Alarms tells the state of a CloudWatch alarm: OK, ALARM, INSUFFICIENT_DATA,
// or "" when there is no such alarm.
type Alarms interface{ AlarmState(name string) string }

// Service is the simulated Route 53. It is safe for concurrent use.
type Service struct {
	opts Options

	mu         sync.Mutex
	zones      map[string]*zone // by id without prefix
	changes    map[string]*change
	checks     map[string]*healthCheck
	seq        int
	random     *rand.Rand // of TestDNSAnswer
	limiter    Limiter
	listeners  []func(ChangeEvent)
	outbox     []ChangeEvent
	events     int
	delivering bool
}

type zone struct {
	id, name, callerReference string
	comment                   string
	private                   bool
	vpcs                      []types.VPC
	tags                      map[string]string
	records                   recordMap // what the API shows
	live                      recordMap // what DNS answers
	busyUntil                 time.Time
	pending                   []*change // in the order they were accepted
}

type change struct {
	info    types.ChangeInfo
	due     time.Time // when it becomes INSYNC
	records recordMap // the zone's records from then on
	event   ChangeEvent
}

// New returns an empty Route 53.
func New(o Options) *Service {
	o.Propagation = orDefault(o.Propagation, DefaultPropagation)
	o.Processing = orDefault(o.Processing, DefaultProcessing)
	if o.Limiter == nil {
		o.Limiter = PerSecond(RequestsPerSecond, o.Clock)
	}
	if o.Addresses == nil {
		o.Addresses = func(string) []string { return nil }
	}
	if o.Hold == nil {
		o.Hold = func() func() { return func() {} }
	}
	s := &Service{opts: o, limiter: o.Limiter, zones: map[string]*zone{}, changes: map[string]*change{}, checks: map[string]*healthCheck{},
		random: rand.New(rand.NewPCG(uint64(o.Seed), 53))} //nolint:gosec // repeatable on purpose
	if o.Prober == nil {
		s.opts.Prober = network{s.ipv4}
	}
	return s
}

// ipv4 resolves a name for a health checker.
func (s *Service) ipv4(name string) []string {
	var out []string
	for _, r := range s.Lookup(name, types.RRTypeA, 0).Records {
		if r.Type == types.RRTypeA {
			out = append(out, r.Value)
		}
	}
	if out == nil {
		out = s.opts.Addresses(name)
	}
	return out
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}

// SetLimiter replaces the throttling.
func (s *Service) SetLimiter(l Limiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter = l
}

// admit takes the lock and applies the rate limit. The caller calls unlock,
// also after an error.
func (s *Service) admit() error {
	s.lock()
	if !s.limiter.Allow() {
		return &wire.Error{Code: "Throttling", Message: "Rate exceeded", Status: 400}
	}
	return nil
}

// lock takes the lock and lets the changes that are due become INSYNC.
func (s *Service) lock() {
	s.mu.Lock()
	now := s.opts.Clock.Now()
	for _, z := range s.zones {
		s.settle(z, now)
	}
}

// unlock hands the events of this call to the listeners, in order and without
// the lock, so that a listener may look at the service.
func (s *Service) unlock() {
	defer s.mu.Unlock()
	if s.delivering {
		return // whoever delivers now takes these events along
	}
	s.delivering = true
	for len(s.outbox) > 0 {
		e, listeners := s.outbox[0], s.listeners
		s.outbox = s.outbox[1:]
		s.mu.Unlock()
		for _, f := range listeners {
			f(e)
		}
		s.mu.Lock()
	}
	s.delivering = false
}

func (s *Service) zone(id *string) (*zone, error) {
	bare := bareID(id)
	if z := s.zones[bare]; z != nil {
		return z, nil
	}
	return nil, &types.NoSuchHostedZone{Message: ptr("No hosted zone found with ID: " + bare)}
}

// nextID returns an id that looks like AWS's and is the same in every run that
// makes the same calls.
func (s *Service) nextID(prefix string) string {
	s.seq++
	sum := sha256.Sum256([]byte(prefix + time.Duration(s.seq).String()))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:20]
}

// bareID strips the "/hostedzone/" or "/change/" that AWS puts before ids.
func bareID(id *string) string {
	v := value(id)
	return v[strings.LastIndex(v, "/")+1:]
}

// Unlimited lets every request pass, for tests that are not about throttling.
var Unlimited Limiter = unlimited{}

type unlimited struct{}

func (unlimited) Allow() bool { return true }

// perSecond is a token bucket over a clock.
type perSecond struct {
	mu     sync.Mutex
	clock  clock.Clock
	rate   float64
	tokens float64
	last   time.Time
}

// PerSecond returns a Limiter that lets n requests pass in a second of c's
// time: clock.System for real time, the world's clock for simulated time.
func PerSecond(n int, c clock.Clock) Limiter {
	return &perSecond{clock: c, rate: float64(n), tokens: float64(n), last: c.Now()}
}

func (l *perSecond) Allow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	l.tokens = min(l.rate, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
