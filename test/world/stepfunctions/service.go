// Package stepfunctions simulates AWS Step Functions: the API in front of the
// interpreter of pkg/asl, with tasks that call the other simulated services.
package stepfunctions

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of AWS Step Functions (source: "Service quotas", Step Functions
// Developer Guide).
const (
	maxDefinition = 1 << 20
	maxInput      = 256 << 10
	maxPage       = 1000
	defaultPage   = 100
)

// nameSyntax is what AWS takes as a name: no blanks, brackets, wildcards,
// control or special characters.
var nameSyntax = regexp.MustCompile(`^[^\s<>{}\[\]?*"#%\\^|~` + "`" + `$&,;:/\x00-\x1f\x7f]{1,80}$`)

// Functions invokes Lambda functions.
type Functions interface {
	Invoke(ref string, payload json.RawMessage, done func(lambda.Result)) error
}

// Options of New.
type Options struct {
	Clock           clock.Clock
	Account, Region string
	Seed            int64     // of the jitter of retries
	Functions       Functions // what lambda:invoke calls
	Mux             *wire.Mux // what all other integrations call
	// Hold, if set, slows simulated time while a build of a .sync task really
	// works.
	Hold func() func()
	// Events, if set, is told of every start and end of an execution.
	Events Emitter
}

// Emitter puts an event of Step Functions on the event bus.
type Emitter interface {
	Emit(source, detailType string, detail any, resources ...string) error
}

type machine struct {
	arn, name, role string
	definition      string
	parsed          *asl.Machine
	created         time.Time
	updated         time.Time
	revision        int
}

type execution struct {
	arn, name  string
	machineArn string
	definition string
	role       string
	input      json.RawMessage
	started    time.Time
	run        *asl.Execution
	pending    []func() // task attempts that wait until run is known
	onEnd      []func(*execution)
	toldEnd    bool
}

// Service is AWS Step Functions.
type Service struct {
	o Options

	mu         sync.Mutex
	machines   map[string]*machine
	executions map[string]*execution
	order      []*execution // in the order of their starts
	tokens     map[string]*execution
	observers  []func(executionArn string, e asl.Event)
	count      int

	undelivered []error
}

// New returns Step Functions without state machines.
func New(o Options) *Service {
	return &Service{o: o, machines: map[string]*machine{}, executions: map[string]*execution{}, tokens: map[string]*execution{}}
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
	if !ok {
		return nil, false
	}
	return e.run, true
}

func (s *Service) machineArn(name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", s.o.Region, s.o.Account, name)
}

func (s *Service) executionArn(machineName, name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:execution:%s:%s", s.o.Region, s.o.Account, machineName, name)
}

var (
	machineArnSyntax   = regexp.MustCompile(`^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^:/]+$`)
	executionArnSyntax = regexp.MustCompile(`^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:execution:[^:]+:[^:]+$`)
)

// findMachine finds a state machine; s.mu is held.
func (s *Service) findMachine(arn *string) (*machine, error) {
	a := aws.ToString(arn)
	if !machineArnSyntax.MatchString(a) {
		return nil, &types.InvalidArn{Message: aws.String(fmt.Sprintf("Invalid Arn: 'Invalid ARN: %s'", a))}
	}
	m, ok := s.machines[a]
	if !ok {
		return nil, &types.StateMachineDoesNotExist{Message: aws.String(fmt.Sprintf("State Machine Does Not Exist: '%s'", a))}
	}
	return m, nil
}

// findExecution finds an execution; s.mu is held.
func (s *Service) findExecution(arn *string) (*execution, error) {
	a := aws.ToString(arn)
	if !executionArnSyntax.MatchString(a) {
		return nil, &types.InvalidArn{Message: aws.String(fmt.Sprintf("Invalid Arn: 'Invalid ARN: %s'", a))}
	}
	e, ok := s.executions[a]
	if !ok {
		return nil, &types.ExecutionDoesNotExist{Message: aws.String(fmt.Sprintf("Execution Does Not Exist: '%s'", a))}
	}
	return e, nil
}

// start begins an execution. It is called without s.mu, because tasks and
// observers call back.
func (s *Service) start(e *execution, m *asl.Machine, seed int64) error {
	tasks := &tasks{s: s, execution: e}
	run, err := m.Start(asl.Options{
		Clock: s.o.Clock, Tasks: tasks, Rand: rand.New(rand.NewSource(seed)), //nolint:gosec // repeatable on purpose
		StateMachineArn: e.machineArn, ExecutionArn: e.arn, ExecutionName: e.name, RoleArn: e.role, Input: e.input,
		OnEvent: func(ev asl.Event) { s.observe(e, ev) },
	})
	if err != nil {
		return &types.InvalidExecutionInput{Message: aws.String("Invalid State Machine Execution Input: " + err.Error())}
	}
	s.mu.Lock()
	e.run = run
	s.mu.Unlock()
	for {
		s.mu.Lock()
		pending := e.pending
		e.pending = nil
		s.mu.Unlock()
		if len(pending) == 0 {
			break
		}
		for _, begin := range pending {
			begin()
		}
	}
	select {
	case <-run.Done():
		s.end(e)
	default:
	}
	return nil
}

// terminal names the events that end a history.
var terminal = map[string]bool{"ExecutionSucceeded": true, "ExecutionFailed": true, "ExecutionTimedOut": true, "ExecutionAborted": true}

func (s *Service) observe(e *execution, ev asl.Event) {
	s.mu.Lock()
	observers := s.observers
	started := e.run != nil
	s.mu.Unlock()
	for _, f := range observers {
		f(e.arn, ev)
	}
	switch {
	case ev.Type == "ExecutionStarted":
		s.changed(e, asl.Running, nil)
	case terminal[ev.Type] && started:
		s.end(e)
	}
}

// end tells those who wait for the execution, once.
func (s *Service) end(e *execution) {
	s.mu.Lock()
	waiting, told := e.onEnd, e.toldEnd
	e.onEnd, e.toldEnd = nil, true
	s.mu.Unlock()
	for _, f := range waiting {
		f(e)
	}
	if !told {
		s.changed(e, e.run.Status(), e.run)
	}
}

// whenEnded calls f when the execution has ended, at once if it has already.
func (s *Service) whenEnded(e *execution, f func(*execution)) {
	s.mu.Lock()
	if !e.toldEnd {
		e.onEnd = append(e.onEnd, f)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f(e)
}

// stopped is when the execution ended: the time of its last event.
func (e *execution) stopped() time.Time {
	h := e.run.History()
	if len(h) == 0 {
		return e.started
	}
	return h[len(h)-1].Timestamp
}

// changed puts the execution's new status on the event bus (source: "Automating
// event delivery with EventBridge", Step Functions Developer Guide).
func (s *Service) changed(e *execution, status asl.Status, ended *asl.Execution) {
	if s.o.Events == nil {
		return
	}
	detail := map[string]any{
		"executionArn": e.arn, "stateMachineArn": e.machineArn, "name": e.name, "status": status, "startDate": e.started.UnixMilli(),
		"stopDate": nil, "input": string(e.input), "output": nil, "error": nil, "cause": nil,
		"inputDetails": map[string]bool{"included": true}, "outputDetails": nil,
	}
	if ended != nil {
		detail["stopDate"] = e.stopped().UnixMilli()
		if out := ended.Output(); out != nil {
			detail["output"], detail["outputDetails"] = string(out), map[string]bool{"included": true}
		}
		if err := ended.Err(); err != nil {
			detail["error"], detail["cause"] = err.Name, err.Cause
		}
	}
	if err := s.o.Events.Emit("aws.states", "Step Functions Execution Status Change", detail, e.arn); err != nil {
		s.mu.Lock()
		s.undelivered = append(s.undelivered, err)
		s.mu.Unlock()
	}
}

// Undelivered returns why events of executions did not reach the bus.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.undelivered...)
}
