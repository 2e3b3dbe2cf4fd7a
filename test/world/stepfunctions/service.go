// Package stepfunctions simulates AWS Step Functions: the API in front of the
// interpreter of pkg/asl, with tasks that call the other simulated services.
package stepfunctions

import (
	"encoding/json"
	"math/rand"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Functions invokes Lambda functions.
type Functions interface {
	Invoke(ref string, payload json.RawMessage, done func(lambda.Result)) error
}

// Options of New.
type Options struct {
	Clock           clock.Clock
	Account, Region string
	Seed            int64     // of the jitter of retries and of the choice of an alias
	Functions       Functions // what lambda:invoke calls
	Mux             *wire.Mux // what all other integrations call
	// Hold, if set, slows simulated time while a build of a .sync task really
	// works.
	Hold func() func()
	// Events, if set, is told of every start and end of an execution.
	Events Emitter
	// Logs, if set, takes the log events of state machines that log.
	Logs Logs
}

// Emitter puts an event of Step Functions on the event bus.
type Emitter interface {
	Emit(source, detailType string, detail any, resources ...string) error
}

// Service is AWS Step Functions.
type Service struct {
	o          Options
	activities activities

	mu         sync.Mutex
	machines   map[string]*machine
	executions map[string]*execution
	order      []*execution     // in the order of their starts
	children   map[string]found // by ARN
	tokens     map[string]*execution
	observers  []func(executionArn string, e asl.Event)
	count      int
	choice     *rand.Rand // of versions behind an alias

	undelivered []error
}

// New returns Step Functions without state machines.
func New(o Options) *Service {
	return &Service{
		o: o, machines: map[string]*machine{}, executions: map[string]*execution{}, children: map[string]found{},
		tokens: map[string]*execution{}, activities: activities{byArn: map[string]*activity{}},
		choice: rand.New(rand.NewSource(o.Seed)), //nolint:gosec // repeatable on purpose
	}
}

// OnEvent calls f for every event of every execution's history, in the order
// of each execution.
func (s *Service) OnEvent(f func(executionArn string, e asl.Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, f)
}

// Execution returns the run behind an ARN, without an API call.
func (s *Service) Execution(arn string) (*asl.Execution, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.executions[arn]
	if !ok || e.run == nil { // its first events are told while it starts
		return nil, false
	}
	return e.run, true
}

// Undelivered returns why events and logs of executions did not reach the bus
// or their log group.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.undelivered...)
}

func (s *Service) notDelivered(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undelivered = append(s.undelivered, err)
}

// now is the simulated time as the API tells it: to the millisecond.
func (s *Service) now() time.Time { return s.o.Clock.Now().Truncate(time.Millisecond) }
