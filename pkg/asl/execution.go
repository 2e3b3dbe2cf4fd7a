package asl

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"time"
)

// Execution is one run of a Machine. Its methods may be called from any
// goroutine, also from within OnEvent and Tasks.Start.
type Execution struct {
	machine *Machine
	o       Options
	rt      *runtime
	region  string
	started time.Time
	stopped time.Time // zero while it runs
	mapRun  *MapRun
	mapRuns []*MapRun
	limit   int64
	done    chan struct{}

	mu       sync.Mutex
	status   Status
	output   *doc
	err      *Error
	history  []Event
	lastID   int64
	root     *frame
	ready    []step   // states to enter, first in first out
	effects  []func() // calls to the outside, made without the lock, in order
	flushing bool
	timeout  func() bool
	tokens   map[string]*attempt // nil attempt: the token was used or is void
	executed map[string]any      // the Execution part of the context object
	machineC map[string]any
}

// step is one state to enter.
type step struct {
	frame *frame
	name  string
	input *doc
}

// batch is how many states are entered before waiting calls are made, so that
// a long run of states without tasks does not pile up events.
const batch = 1024

// Start begins an execution. It has run as far as it can without waiting when
// Start returns.
func (m *Machine) Start(o Options) (*Execution, error) {
	if o.Clock == nil {
		return nil, errors.New("asl: Options.Clock is missing")
	}
	if o.Tasks == nil && m.body.hasTasks() {
		return nil, errors.New("asl: the definition has Task states, but Options.Tasks is missing")
	}
	if len(o.Input) == 0 {
		o.Input = json.RawMessage("{}")
	}
	input, err := parseDoc(o.Input)
	if err != nil {
		return nil, fmt.Errorf("asl: the input is not JSON: %w", err)
	}
	if len(input.raw) > MaxPayload {
		return nil, fmt.Errorf("asl: the input has %d bytes, more than %d", len(input.raw), MaxPayload)
	}
	if o.ExecutionName == "" {
		o.ExecutionName = lastPart(o.ExecutionArn)
	}
	e := &Execution{
		machine: m, o: o, status: Running, done: make(chan struct{}),
		started: o.Clock.Now(), limit: int64(o.MaxEvents), tokens: map[string]*attempt{},
	}
	if o.MaxEvents == 0 {
		e.limit = MaxEvents
	}
	if parts := strings.Split(o.StateMachineArn, ":"); len(parts) > 3 {
		e.region = parts[3]
	}
	e.rt = &runtime{clock: o.Clock, rand: o.Rand, id: o.ID}
	if e.rt.rand == nil {
		e.rt.rand = rand.New(rand.NewSource(1)) //nolint:gosec // repeatable on purpose
	}
	if e.rt.id == nil {
		e.rt.id = derivedIDs(o.ExecutionArn)
	}
	e.executed = map[string]any{
		"Id": o.ExecutionArn, "Name": o.ExecutionName, "Input": input.v, "RoleArn": o.RoleArn,
		"StartTime": stamp(e.started), "RedriveCount": jsonInt(0),
	}
	e.machineC = map[string]any{"Id": o.StateMachineArn, "Name": lastPart(o.StateMachineArn)}
	e.do(func() {
		e.root = &frame{ex: e, block: m.body, vars: &variables{}}
		e.record(e.root, "ExecutionStarted", inputDetails(Details{RoleArn: o.RoleArn}, input.raw))
		e.root.last = 0 // AWS: the first state's event has no previous one
		if m.timeout > 0 {
			e.timeout = o.Clock.AfterFunc(m.timeout, func() { e.do(e.timedOut) })
		}
		e.enqueue(e.root, m.body.startAt, input)
	})
	return e, nil
}

// do changes the execution: it runs f and everything that follows from it,
// then makes the calls to the outside that are due. If somebody else is making
// calls already, that one makes these too, in order.
func (e *Execution) do(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	for {
		for n := 0; n < batch && len(e.ready) > 0; n++ {
			s := e.ready[0]
			e.ready[0] = step{}
			if e.ready = e.ready[1:]; len(e.ready) == 0 {
				e.ready = nil
			}
			if !s.frame.dead {
				e.enter(s)
			}
		}
		if e.flushing || len(e.effects) == 0 {
			if len(e.ready) == 0 {
				return
			}
			continue
		}
		e.flush()
	}
}

// flush makes one round of calls, without the lock.
func (e *Execution) flush() {
	calls := e.effects
	e.effects = nil
	e.flushing = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.flushing = false
	}()
	for _, call := range calls {
		call()
	}
}

func (e *Execution) enqueue(f *frame, name string, input *doc) {
	e.ready = append(e.ready, step{f, name, input})
}

// record adds an event. The last event that AWS allows is kept for the failure
// that reports the limit.
func (e *Execution) record(f *frame, kind string, d *Details) int64 {
	if e.status != Running {
		return e.lastID
	}
	if e.limit > 0 && e.lastID >= e.limit-1 && !strings.HasPrefix(kind, "Execution") {
		e.finish(Failed, nil, &Error{Name: ErrRuntime, Cause: fmt.Sprintf("The execution reached the maximum number of history events (%d).", e.limit)})
		return e.lastID
	}
	e.lastID++
	ev := Event{ID: e.lastID, PreviousEventID: f.last, Timestamp: e.o.Clock.Now(), Type: kind, Details: d}
	f.last = ev.ID
	if !e.o.DiscardHistory {
		e.history = append(e.history, ev)
	}
	if e.o.OnEvent != nil {
		e.effects = append(e.effects, func() { e.o.OnEvent(ev) })
	}
	return ev.ID
}

// finish ends the execution.
func (e *Execution) finish(status Status, output *doc, err *Error) {
	if e.status != Running {
		return
	}
	e.root.abort(status == Aborted)
	if e.status != Running { // the aborted states' events reached the limit
		return
	}
	switch status {
	case Succeeded:
		e.record(e.root, "ExecutionSucceeded", outputDetails(Details{}, output.raw))
	case TimedOut:
		e.record(e.root, "ExecutionTimedOut", errorDetails(Details{}, err))
	case Aborted:
		e.record(e.root, "ExecutionAborted", errorDetails(Details{}, err))
	default:
		e.record(e.root, "ExecutionFailed", errorDetails(Details{}, err))
	}
	e.status, e.output, e.err = status, output, err
	e.stopped = e.o.Clock.Now()
	if e.timeout != nil {
		e.timeout()
	}
	e.effects = append(e.effects, func() { close(e.done) })
}

func (e *Execution) timedOut() {
	e.finish(TimedOut, nil, &Error{Name: ErrTimeout})
}

// Done is closed when the execution has ended and its last event was reported.
func (e *Execution) Done() <-chan struct{} { return e.done }

// Status returns where the execution stands.
func (e *Execution) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// Output returns the output of a succeeded execution, otherwise nil.
func (e *Execution) Output() json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.output == nil {
		return nil
	}
	return json.RawMessage(e.output.raw)
}

// Err returns why the execution failed, timed out or was stopped, else nil.
func (e *Execution) Err() *Error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// History returns the events so far.
func (e *Execution) History() []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.history)
}

// Stop aborts the execution. Tasks in flight are cancelled. An execution that
// has ended stays as it is.
func (e *Execution) Stop(errName, cause string) {
	e.do(func() { e.finish(Aborted, nil, &Error{Name: errName, Cause: cause}) })
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// derivedIDs makes UUIDs that depend only on the execution's ARN and on how
// many were made before.
func derivedIDs(arn string) func() string {
	n := 0
	return func() string {
		n++
		b := sha256.Sum256(fmt.Appendf(nil, "%s#%d", arn, n))
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4 and its variant
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
	}
}

// newToken makes a task token as opaque as AWS's.
func (e *Execution) newToken() string {
	sum := sha256.Sum256([]byte(e.rt.id()))
	return base64.StdEncoding.EncodeToString(sum[:])
}
