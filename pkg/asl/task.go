package asl

import (
	"encoding/json"
	"time"
)

// attempt is one attempt of a Task state.
type attempt struct {
	visit     *visit
	token     string
	request   TaskRequest
	cancel    func() // the runner's, once Start has returned
	over      bool   // the state went on: nothing that comes later counts
	answered  bool   // the runner called done
	taken     bool   // a worker took the activity's task
	submitted bool   // TaskSubmitted was recorded
	timeout   func() bool
	heartbeat func() bool
}

// startTask begins an attempt of a Task state.
func (v *visit) startTask() {
	s := v.state
	a := &attempt{visit: v}
	v.token = ""
	if s.resource.callback || s.resource.family == activity {
		a.token = v.ex.newToken()
		v.token = a.token
	}
	request, err := v.request(a.token)
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	a.request = request
	v.attempt = a
	if v.probe.instead(v) {
		return
	}
	if c, ok := v.ex.o.Tasks.(Checker); ok {
		if err := c.Check(request); err != nil {
			v.fail(v.failure(runtimeError("%s", err)))
			return
		}
	}
	a.recordScheduled()
	if v.frame.dead || v.ex.status != Running {
		return
	}
	if a.token != "" {
		v.ex.tokens[a.token] = a
	}
	v.ex.later(a.start)
}

func (v *visit) request(token string) (TaskRequest, error) {
	s := v.state
	r := TaskRequest{
		Resource: s.resource.arn, State: s.name, TaskToken: token, Attempt: v.retries,
		ExecutionArn: v.ex.arn, ExecutionName: v.ex.name,
	}
	arguments, err := v.effectiveInput()
	if err != nil {
		return r, err
	}
	r.Arguments = json.RawMessage(arguments.raw)
	if s.credentials != nil {
		c, err := s.credentials.eval(v.view())
		if err != nil {
			return r, err
		}
		r.Credentials = json.RawMessage(text(c))
	}
	for _, limit := range []struct {
		t     template
		field string
		into  *time.Duration
	}{{s.timeout, "TimeoutSeconds", &r.Timeout}, {s.heartbeat, "HeartbeatSeconds", &r.Heartbeat}} {
		if limit.t == nil {
			continue
		}
		n, err := v.whole(limit.t, limit.field, 1, maxSeconds)
		if err != nil {
			return r, err
		}
		*limit.into = time.Duration(n) * time.Second
	}
	return r, nil
}

// start hands the attempt to the runner. It is called without the lock.
func (a *attempt) start() {
	e := a.visit.ex
	over := false
	e.do(func() {
		if !a.over && a.visit.state.resource.family != activity {
			a.recordStarted()
			a.arm()
		}
		over = a.over || e.status != Running
	})
	if over {
		return
	}
	request := a.request
	if a.visit.state.resource.sync {
		request.Submitted = func(output json.RawMessage) { e.do(func() { a.submit(string(output)) }) }
	}
	cancel := e.o.Tasks.Start(request, func(r TaskResult) { e.do(func() { a.answer(r) }) })
	e.mu.Lock()
	a.cancel = cancel
	abandoned := a.over && !a.answered && cancel != nil
	e.mu.Unlock()
	if abandoned { // while Start was running
		cancel()
	}
}

// answer takes the runner's result.
func (a *attempt) answer(r TaskResult) {
	if a.answered {
		return
	}
	a.answered = true
	if a.over || a.visit.ex.status != Running {
		return
	}
	switch {
	case r.Err != nil:
		a.failed(r.Err)
	case a.visit.state.resource.callback:
		a.submit(string(r.Output))
	default:
		a.succeeded(r.Output)
	}
}

// submit notes that the request was accepted.
func (a *attempt) submit(output string) {
	if a.over || a.submitted || a.visit.ex.status != Running {
		return
	}
	a.submitted = true
	a.visit.record("TaskSubmitted", outputDetails(a.details(), output))
}

func (a *attempt) succeeded(raw json.RawMessage) {
	v := a.visit
	output, err := parseDoc(raw)
	if len(raw) == 0 {
		output, err = &doc{raw: "null"}, nil
	}
	switch {
	case err != nil:
		a.failed(&Error{Name: ErrRuntime, Cause: "The task's output is not JSON: " + err.Error()})
		return
	case len(output.raw) > MaxPayload:
		a.failed(&v.failure(tooLarge(v.state.resource.callee())).Error)
		return
	}
	if v.state.resource.sync {
		a.submit(output.raw)
	}
	a.recordSucceeded(output.raw)
	if v.ex.status != Running {
		return
	}
	v.stopAttempt()
	v.probe.see(rawResult, output.v)
	v.finish(output.v, v.invoked(output.v))
}

func (a *attempt) failed(err *Error) {
	a.recordFailed(err)
	a.visit.fail(&failing{Error: *err})
}

// arm starts the attempt's time limits. They count from the start of the task:
// for an activity, from when a worker took it.
func (a *attempt) arm() {
	if d := a.request.Timeout; d > 0 {
		a.timeout = a.after(d, &failing{Error: Error{Name: ErrTimeout}})
	}
	a.beat()
}

// beat starts HeartbeatSeconds anew.
func (a *attempt) beat() {
	if a.heartbeat != nil {
		a.heartbeat()
		a.heartbeat = nil
	}
	waits := a.token != "" && (a.visit.state.resource.family != activity || a.taken)
	if d := a.request.Heartbeat; d > 0 && waits {
		a.heartbeat = a.after(d, &failing{Error: Error{Name: ErrTimeout}, heartbeat: true})
	}
}

// after lets the attempt time out d from now, unless it is over by then.
func (a *attempt) after(d time.Duration, f *failing) (stop func() bool) {
	e := a.visit.ex
	return e.o.Clock.AfterFunc(d, func() {
		e.do(func() {
			if a.over || e.status != Running {
				return
			}
			a.recordTimedOut(&f.Error)
			a.visit.fail(f)
		})
	})
}

// stopAttempt ends the attempt that is in flight, if any. A runner that has not
// answered is told so, unless the state went on by its token: then its work is
// not in vain.
func (v *visit) stopAttempt() {
	a := v.attempt
	if a == nil {
		return
	}
	v.attempt = nil
	a.over = true
	for _, timer := range []func() bool{a.timeout, a.heartbeat} {
		if timer != nil {
			timer()
		}
	}
	if a.token != "" {
		v.ex.tokens[a.token] = nil
	}
	if a.cancel != nil && !a.answered {
		v.ex.later(a.cancel)
	}
}
