package stepfunctions

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
)

// kept is how long AWS keeps an execution that has ended; its name is free
// after that.
const kept = 90 * 24 * time.Hour

// execution is one that was started by itself; the child executions of its
// Distributed Maps are the interpreter's.
type execution struct {
	arn, name            string
	machineArn           string
	versionArn, aliasArn *string
	revision             *revision
	express              bool
	test                 bool // a state that is tested by itself
	trace                *string
	input                json.RawMessage
	started              time.Time
	log                  *logStream
	halted               atomic.Bool // its machine was deleted: it ends at its next transition

	// Guarded by Service.mu.
	run      *asl.Execution
	pending  []func() // task attempts that wait until run is known
	onEnd    []func(*execution)
	toldEnd  bool
	redrives map[string]time.Time // by client token
}

// status is where an execution stands; it runs from before its first event.
func (e *execution) status() asl.Status {
	if e.run == nil {
		return asl.Running
	}
	return e.run.Status()
}

// gone reports whether AWS has forgotten the execution.
func (e *execution) gone(now time.Time) bool {
	if e.run == nil {
		return false
	}
	i := e.run.Info()
	return i.Status != asl.Running && now.Sub(i.Stopped) > kept
}

// newExecution registers an execution behind a target; s.mu is held.
func (s *Service) newExecution(t target, name string, input json.RawMessage, trace *string) *execution {
	s.count++
	id := fmt.Sprintf("%08x-5e6f-4a7b-8c9d-%012x", s.count, s.count)
	if name == "" {
		name = id
	}
	m := t.machine
	e := &execution{name: name, machineArn: m.arn, revision: t.revision, input: input, trace: trace, started: s.now(),
		express: m.kind == types.StateMachineTypeExpress, redrives: map[string]time.Time{}}
	if t.version != nil {
		e.versionArn = &t.version.arn
	}
	if t.alias != nil {
		e.aliasArn = &t.alias.arn
	}
	if e.express {
		e.arn = fmt.Sprintf("arn:aws:states:%s:%s:express:%s:%s:%s", s.o.Region, s.o.Account, m.name, name, id)
	} else {
		e.arn = s.executionArn(m.name, name)
		s.executions[e.arn] = e
		s.order = append(s.order, e)
	}
	e.log = s.newLogStream(m.name, e)
	return e
}

func (s *Service) executionArn(machineName, name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:execution:%s:%s", s.o.Region, s.o.Account, machineName, name)
}

// start begins an execution. It is called without s.mu, because tasks and
// observers call back.
func (s *Service) start(e *execution, seed int64) error {
	run, err := e.revision.parsed.Start(s.engineOptions(e, seed))
	if err != nil {
		s.forget(e)
		return &types.InvalidExecutionInput{Message: aws.String("Invalid State Machine Execution Input: '" + err.Error() + "'")}
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

func (s *Service) engineOptions(e *execution, seed int64) asl.Options {
	return asl.Options{
		Clock: s.o.Clock, Tasks: &tasks{s: s, execution: e}, Rand: rand.New(rand.NewSource(seed)), //nolint:gosec // repeatable on purpose
		StateMachineArn: e.machineArn, ExecutionArn: e.arn, ExecutionName: e.name, RoleArn: e.revision.role, Input: e.input,
		StateMachineVersionArn: aws.ToString(e.versionArn), StateMachineAliasArn: aws.ToString(e.aliasArn),
		Express: e.express, DiscardHistory: e.express, Halted: e.halted.Load,
		OnEvent: func(ev asl.Event) { s.observe(e, ev) },
		OnChild: func(child *asl.Execution) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.children[child.Info().Arn] = found{e, child}
		},
		OnChildEvent: func(child *asl.Execution, ev asl.Event) { e.log.write(child.Info().Arn, ev) },
		Objects:      &objects{s, e.revision.role},
	}
}

// forget takes back an execution that could not begin.
func (s *Service) forget(e *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.executions[e.arn] != e {
		return
	}
	delete(s.executions, e.arn)
	for i, o := range s.order {
		if o == e {
			s.order = append(s.order[:i:i], s.order[i+1:]...)
			return
		}
	}
}

// terminal names the events that end a history.
var terminal = map[string]bool{"ExecutionSucceeded": true, "ExecutionFailed": true, "ExecutionTimedOut": true, "ExecutionAborted": true}

func (s *Service) observe(e *execution, ev asl.Event) {
	s.mu.Lock()
	observers := s.observers
	run := e.run
	s.mu.Unlock()
	for _, f := range observers {
		f(e.arn, ev)
	}
	e.log.write(e.arn, ev)
	switch {
	case ev.Type == "ExecutionStarted":
		s.changed(e, asl.Running, nil)
	case ev.Type == "ExecutionRedriven":
		s.changed(e, asl.Running, run)
	case terminal[ev.Type] && run != nil:
		s.end(e)
	}
}

// end tells those who wait for the execution, once.
func (s *Service) end(e *execution) {
	s.mu.Lock()
	waiting, told := e.onEnd, e.toldEnd
	e.onEnd, e.toldEnd = nil, true
	if m := s.machines[e.machineArn]; m != nil && m.deleting {
		s.removeIfIdle(m)
	}
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

// maxEventData is how much input and output an event carries, in bytes of
// escaped JSON: beyond it AWS leaves out the input, then the output.
const maxEventData = 248 << 10

// changed puts the execution's new status on the event bus (source: "Automating
// event delivery with EventBridge", Step Functions Developer Guide). Express
// executions do not tell theirs.
func (s *Service) changed(e *execution, status asl.Status, run *asl.Execution) {
	if s.o.Events == nil || e.express {
		return
	}
	input, output := string(e.input), ""
	detail := map[string]any{
		"executionArn": e.arn, "stateMachineArn": e.machineArn, "name": e.name, "status": status, "startDate": e.started.UnixMilli(),
		"stopDate": nil, "output": nil, "error": nil, "cause": nil, "outputDetails": nil,
		"stateMachineVersionArn": e.versionArn, "stateMachineAliasArn": e.aliasArn, "redriveCount": 0, "redriveDate": nil,
		"redriveStatus": asl.NotRedrivable, "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
	}
	if run != nil {
		i := run.Info()
		detail["redriveCount"], detail["redriveStatus"], detail["redriveStatusReason"] = i.RedriveCount, i.Redrive, nil
		if i.RedriveReason != "" {
			detail["redriveStatusReason"] = i.RedriveReason
		}
		if !i.Redriven.IsZero() {
			detail["redriveDate"] = i.Redriven.UnixMilli()
		}
		if status != asl.Running {
			detail["stopDate"] = i.Stopped.UnixMilli()
		}
		if out := run.Output(); out != nil {
			output = string(out)
			detail["output"], detail["outputDetails"] = output, map[string]bool{"included": true}
		}
		if err := run.Err(); err != nil {
			detail["error"], detail["cause"] = textOrNil(err.Name), textOrNil(err.Cause)
		}
	}
	detail["input"], detail["inputDetails"] = input, map[string]bool{"included": true}
	if escaped(input)+escaped(output) > maxEventData {
		detail["input"], detail["inputDetails"] = nil, map[string]bool{"included": false}
	}
	if escaped(output) > maxEventData {
		detail["output"], detail["outputDetails"] = nil, map[string]bool{"included": false}
	}
	if err := s.o.Events.Emit("aws.states", "Step Functions Execution Status Change", detail, e.arn); err != nil {
		s.notDelivered(err)
	}
}

// escaped is the length of a text as a JSON string, in bytes.
func escaped(s string) int { return len(mustJSON(s)) }

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
