// Package lambda simulates AWS Lambda. Functions are created over the API from
// the zips of production and run as processes of this machine, driven through
// the Lambda Runtime API; or they are Go handlers that are registered under a
// name and run in process, for fast and for repeatable runs. Both go the same
// way: versions and aliases, concurrency, environments, timeouts, crashes, error
// payloads, asynchronous retries, destinations and logs.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/supervise"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Logs receives log events: CloudWatch Logs.
type Logs interface {
	Write(group, stream string, at time.Time, message string)
}

// Credentials are what an environment gets for its function's role.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Options of New. Clock, Account and Region are required.
type Options struct {
	Clock           clock.Clock
	Hold            func() func() // taken during each invocation; nil: none
	Account, Region string
	// Seed is of the choice between the versions of a weighted alias.
	Seed int64
	// Synchronous runs invocations on the goroutine that invokes, so that a run
	// on a virtual clock repeats exactly. A handler must then not wait for the
	// clock.
	Synchronous bool
	// Mux is how Lambda calls other services: destinations and dead letters.
	// Nil: such configurations are refused.
	Mux *wire.Mux
	// Logs receives the functions' logs; nil: nobody does.
	Logs Logs
	// Object reads code from S3. Nil: functions cannot be created from S3.
	Object func(bucket, key string) ([]byte, error)
	// Issue makes the credentials of a session of a function's role. Nil:
	// environments get credentials that only Caller knows.
	Issue func(roleArn, sessionName string) Credentials
	// CABundle returns the AWS_CA_BUNDLE of processes, for which Endpoint is the
	// HTTPS_PROXY too.
	CABundle func() (string, error)
	// Endpoint returns the AWS_ENDPOINT_URL of processes.
	Endpoint func() string
	// Environment is added to that of processes; a function's own variables win.
	Environment map[string]string
}

// Service is the simulated Lambda. It is safe for concurrent use. Close it:
// functions can be processes.
type Service struct {
	o Options

	mu       sync.Mutex
	funcs    map[string]*function
	codes    map[string]*code // by CodeSha256
	inflight map[string]*invocation
	dead     map[string]bool         // keys of invocations
	callers  map[string]*environment // by access key
	live     map[*environment]bool   // environments with a process
	rand     *rand.Rand
	count    int // invocations
	started  int // environments
	ids      int // of revisions and the like
	closed   bool

	processes sync.Mutex // guards what follows
	super     *supervise.Supervisor
	dir       string
}

// function is everything under one name.
type function struct {
	name     string
	latest   *version  // $LATEST as it is described
	running  *version  // $LATEST as it is invoked: latest, once an update is done
	settles  time.Time // when latest becomes running
	pending  bool      // being created until settles
	versions []*version
	last     int // number of the last version, also of a deleted one
	aliases  map[string]*types.AliasConfiguration
	reserved *int32
	inFlight int
	events   map[string]*eventConfig // asynchronous invocation, by qualifier
	policies map[string]*policy      // by qualifier
	tags     map[string]string
}

// version is one state of a function's code and configuration; it never changes.
type version struct {
	config  types.FunctionConfiguration
	code    *code             // nil for a registered handler
	handler awslambda.Handler // nil for a process
	timeout time.Duration

	idle    []*environment // the last used last
	retired bool
}

// latestName is the name of the version that is not published.
const latestName = "$LATEST"

// settling is how long it takes until a function that was created or updated is
// ready (observed on AWS for zips: one to three seconds).
const settling = 2 * time.Second

// New returns a Lambda without functions.
func New(o Options) *Service {
	if o.Hold == nil {
		o.Hold = func() func() { return func() {} }
	}
	return &Service{o: o, funcs: map[string]*function{}, codes: map[string]*code{}, inflight: map[string]*invocation{}, dead: map[string]bool{},
		callers: map[string]*environment{}, live: map[*environment]bool{},
		rand: rand.New(rand.NewPCG(uint64(o.Seed), 0x6c616d626461))} //nolint:gosec // repeatable on purpose
}

// Register adds a function that runs in process, or replaces its code. It is what
// lambda.Start takes; its invocations may run side by side. timeout is in
// simulated time.
func (s *Service) Register(name string, function any, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.funcs[name]
	if f == nil {
		f = s.newFunction(name)
		f.latest = &version{config: s.registeredConfig(name)}
	}
	v := &version{config: f.latest.config, handler: sideBySide{function}, timeout: timeout}
	v.config.Timeout = ptr(int32((timeout + time.Second - 1) / time.Second)) //nolint:gosec // some minutes
	v.config.LastModified, v.config.RevisionId = s.stamp(), s.revision()
	s.retire(f.running)
	f.latest, f.running, f.pending, f.settles = v, v, false, s.o.Clock.Now()
	s.funcs[name] = f
}

func (s *Service) newFunction(name string) *function {
	return &function{name: name, aliases: map[string]*types.AliasConfiguration{}, events: map[string]*eventConfig{}, policies: map[string]*policy{}, tags: map[string]string{}}
}

// settle lets an update take effect whose time has come.
func (s *Service) settle(f *function) {
	if f.running == f.latest || s.o.Clock.Now().Before(f.settles) {
		return
	}
	s.retire(f.running)
	f.running, f.pending = f.latest, false
}

// Close kills all processes of functions and waits until they are gone.
// Invocations in flight end as those of a process that was killed.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	var all []*environment
	for env := range s.live {
		all = append(all, env)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *environment) int { return a.number - b.number })
	var err error
	for _, env := range all {
		err = errors.Join(err, env.process.close())
	}
	s.processes.Lock()
	defer s.processes.Unlock()
	if s.super == nil {
		return err
	}
	err = errors.Join(err, s.super.Close(), os.RemoveAll(s.dir))
	s.super = nil
	return err
}

// supervisor returns the supervisor of processes and its folder, which are made
// for the first process.
func (s *Service) supervisor() (*supervise.Supervisor, string, error) {
	s.processes.Lock()
	defer s.processes.Unlock()
	if s.super != nil {
		return s.super, s.dir, nil
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, "", errors.New("lambda: the simulated Lambda is closed")
	}
	dir, err := os.MkdirTemp("", "lambda-")
	if err != nil {
		return nil, "", fmt.Errorf("lambda: cannot make a folder for processes: %w", err)
	}
	super, err := supervise.New(dir)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("lambda: %w", err), os.RemoveAll(dir))
	}
	s.super, s.dir = super, dir
	return super, dir, nil
}

// Caller tells which function, in which invocation, holds an access key: the
// processes of functions are known by their credentials.
func (s *Service) Caller(accessKeyID string) (function, invocation string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	env := s.callers[accessKeyID]
	if env == nil {
		return "", "", false
	}
	return env.function, env.invocation, true
}

// Dead reports whether an invocation, by the key that Caller or Invocation gave,
// was ended by force, so that its process is no more.
func (s *Service) Dead(invocation string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead[invocation]
}

// InFlight returns how many invocations are running.
func (s *Service) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inflight)
}

// uuid returns an id that is the same in every run that makes the same calls.
func uuid(n int) string { return fmt.Sprintf("%08x-1a3b-4c5d-8e9f-%012x", n, n) }

// CodeHandler serves the zips of functions where GetFunction says that they are.
func (s *Service) CodeHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		var c *code
		for _, known := range s.codes {
			if known.digest == r.PathValue("digest") {
				c = known
			}
		}
		s.mu.Unlock()
		if c == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(c.zip) // a client that went away is not the server's error
	})
}

func (s *Service) call(service, operation, role string, in any) error {
	_, err := s.o.Mux.Invoke(&wire.Call{Context: context.Background(), Service: service, Operation: operation, RequestID: s.o.Mux.NewRequestID(),
		Region: s.o.Region, Time: s.o.Clock.Now(), UserAgent: "lambda.amazonaws.com", Role: role, Principal: "lambda.amazonaws.com"}, in)
	return err
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
