package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"time"
)

// Execution is one run of a Machine, or a child execution of a Distributed
// Map. Its methods may be called from any goroutine, also from within OnEvent
// and Tasks.Start.
type Execution struct {
	*engine
	body        *block
	limits      limits
	arn         string
	name        string // in the context object
	machineArn  string
	machineName string
	region      string
	input       *doc
	onEvent     func(Event)
	mapRun      *MapRun // of a child: the Map Run that dispatched it
	items       int     // of a child: the items in its input
	started     time.Time

	done     chan struct{}
	status   Status
	output   *doc
	err      *Error
	stopped  time.Time // zero while it runs
	history  []Event
	lastID   int64
	root     *frame
	timeout  func() bool
	mapRuns  []*MapRun
	redrives int
	redriven time.Time
	self     *contextParts
}

// limits of an execution.
type limits struct {
	express bool
	time    time.Duration // 0: none
	events  int64         // 0: none
}

// maxExpress is how long an EXPRESS execution may take.
const maxExpress = 5 * time.Minute

// Start begins an execution. It has run as far as it can without waiting when
// Start returns.
func (m *Machine) Start(o Options) (*Execution, error) {
	e, err := m.prepare(o)
	if err != nil {
		return nil, err
	}
	e.do(e.begin)
	return e, nil
}

// prepare makes an execution that has not begun.
func (m *Machine) prepare(o Options) (*Execution, error) {
	if o.Clock == nil {
		return nil, errors.New("asl: Options.Clock is missing")
	}
	if o.probe != nil && o.probe.test.Mock != nil {
		o.Tasks, o.Objects = nil, nil
	} else if err := m.equipped(o); err != nil {
		return nil, err
	}
	return m.execution(o)
}

// equipped says whether the definition's calls to the outside can be made.
func (m *Machine) equipped(o Options) error {
	if o.Tasks == nil && m.body.has(func(s *state) bool { return s.kind == kindTask }) {
		return errors.New("asl: the definition has Task states, but Options.Tasks is missing")
	}
	if o.Objects == nil && m.body.has((*state).usesObjects) {
		return errors.New("asl: the definition has a Distributed Map that reads or writes objects, but Options.Objects is missing")
	}
	return nil
}

func (m *Machine) execution(o Options) (*Execution, error) {
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
	en := &engine{o: o, tokens: map[string]*attempt{}, rt: &runtime{clock: o.Clock, rand: o.Rand, id: o.ID}}
	if en.rt.rand == nil {
		en.rt.rand = rand.New(rand.NewSource(1)) //nolint:gosec // repeatable on purpose
	}
	if en.rt.id == nil {
		en.rt.id = derivedIDs(o.ExecutionArn)
	}
	e := &Execution{
		engine: en, body: m.body, limits: limits{time: m.timeout, events: int64(o.MaxEvents)},
		arn: o.ExecutionArn, name: o.ExecutionName, machineArn: o.StateMachineArn, machineName: lastPart(o.StateMachineArn),
		input: input, onEvent: o.OnEvent, status: Running, done: make(chan struct{}), started: o.Clock.Now(),
	}
	switch {
	case o.MaxEvents == 0:
		e.limits.events = MaxEvents
	case o.MaxEvents < 0:
		e.limits.events = 0
	}
	if o.Express {
		e.limits = limits{express: true, time: maxExpress}
		if m.timeout > 0 {
			e.limits.time = min(m.timeout, maxExpress)
		}
	}
	if parts := strings.Split(o.StateMachineArn, ":"); len(parts) > 3 {
		e.region = parts[3]
	}
	return e, nil
}

// begin starts the execution's own flow.
func (e *Execution) begin() {
	e.root = e.newFrame(e.body, nil, 0)
	d := Details{RoleArn: e.o.RoleArn}
	if e.mapRun == nil {
		d.StateMachineVersionArn, d.StateMachineAliasArn = e.o.StateMachineVersionArn, e.o.StateMachineAliasArn
	}
	e.note(0, "ExecutionStarted", inputDetails(d, e.input.raw)) // AWS: nothing follows on this event
	e.arm()
	e.enqueue(e.root, e.body.startAt, e.input)
}

// arm starts the time limit anew.
func (e *Execution) arm() {
	if e.limits.time > 0 {
		e.timeout = e.o.Clock.AfterFunc(e.limits.time, func() { e.do(e.timedOut) })
	}
}

// note adds an event that follows on another one. The last event that AWS
// allows is kept for the failure that reports the limit.
func (e *Execution) note(previous int64, kind string, d *Details) int64 {
	if e.status != Running {
		return e.lastID
	}
	if e.limits.events > 0 && e.lastID >= e.limits.events-1 && !strings.HasPrefix(kind, "Execution") {
		e.finish(Failed, nil, &Error{Name: ErrRuntime, Cause: fmt.Sprintf("The execution reached the maximum number of history events (%d).", e.limits.events)})
		return e.lastID
	}
	e.lastID++
	ev := Event{ID: e.lastID, PreviousEventID: previous, Timestamp: e.o.Clock.Now(), Type: kind, Details: d}
	if !e.o.DiscardHistory {
		e.history = append(e.history, ev)
	}
	if e.onEvent != nil {
		e.later(func() { e.onEvent(ev) })
	}
	return ev.ID
}

// unseen says that nobody looks at events: their details need not be made.
func (e *Execution) unseen() bool { return e.o.DiscardHistory && e.onEvent == nil }

// record adds the next event of a flow.
func (e *Execution) record(f *frame, kind string, d *Details) int64 {
	id := e.note(f.last, kind, d)
	f.last = id
	return id
}

// finish ends the execution. What its states were doing is abandoned without
// events, as on AWS.
func (e *Execution) finish(status Status, output *doc, err *Error) {
	if e.status != Running {
		return
	}
	if status != Succeeded {
		e.root.abandon()
	}
	switch status {
	case Succeeded:
		e.note(e.lastID, "ExecutionSucceeded", outputDetails(Details{}, output.raw))
	case TimedOut:
		e.note(0, "ExecutionTimedOut", errorDetails(Details{}, &Error{Name: ErrTimeout}))
	case Aborted:
		e.note(0, "ExecutionAborted", errorDetails(Details{}, err))
	default:
		e.note(e.lastID, "ExecutionFailed", errorDetails(Details{}, err))
	}
	e.status, e.output, e.err = status, output, err
	e.stopped = e.o.Clock.Now()
	if e.timeout != nil {
		e.timeout()
		e.timeout = nil
	}
	done := e.done
	e.later(func() { close(done) })
	if e.mapRun != nil {
		e.mapRun.childEnded(e)
	}
}

// timedOut ends the execution at its time limit. AWS tells the error in the
// event only, not in DescribeExecution.
func (e *Execution) timedOut() {
	e.o.probe.lost(e.root.now, &failing{Error: Error{Name: ErrTimeout}})
	e.finish(TimedOut, nil, nil)
}

// Done is closed when the execution has ended and its last event was reported.
// A redrive makes a new one.
func (e *Execution) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.done
}

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

// Err returns why the execution failed or was stopped, else nil. As on AWS, an
// execution that timed out has no error of its own.
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

// Info describes the execution.
func (e *Execution) Info() ExecutionInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := ExecutionInfo{
		Arn: e.arn, Name: lastName(e.arn), StateMachineArn: e.machineArn, Express: e.limits.express,
		Status: e.status, Started: e.started, Stopped: e.stopped, Input: json.RawMessage(e.input.raw),
		ItemCount: e.items, RedriveCount: e.redrives, Redriven: e.redriven,
	}
	if e.mapRun != nil {
		i.MapRunArn = e.mapRun.info.Arn
	}
	if i.Name == "" {
		i.Name = e.name
	}
	i.Redrive, i.RedriveReason = e.redriveStatus(e.o.Clock.Now())
	return i
}

// MapRuns returns the execution's Map Runs in the order of their starts.
func (e *Execution) MapRuns() []*MapRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.mapRuns)
}

// MapRun returns the Map Run that dispatched this execution, nil for one that
// was started by itself.
func (e *Execution) MapRun() *MapRun { return e.mapRun }

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// lastName is an execution's name in its ARN: for EXPRESS executions the name
// and the id.
func lastName(arn string) string {
	if parts := strings.SplitN(arn, ":", 8); len(parts) == 8 {
		return parts[7]
	}
	return ""
}
