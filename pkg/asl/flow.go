package asl

import (
	"errors"
	"fmt"
	"time"
)

// frame is one flow of control through a block: the execution's own, a branch
// of Parallel, or an iteration of an inline Map.
type frame struct {
	ex      *Execution
	id      int64 // in the order of their starts
	block   *block
	vars    *variables
	parent  *visit // the Parallel or Map state, nil for the execution's own
	index   int    // branch or iteration
	item    mapItem
	last    int64  // id of the last event of this flow
	planned step   // the state to enter next, if it is not in one
	now     *visit // the state it is in, or was in when it failed or was aborted
	dead    bool   // nothing that comes later counts, until it is redriven
}

func (e *Execution) newFrame(b *block, parent *visit, index int) *frame {
	e.frames++
	f := &frame{ex: e, id: e.frames, block: b, parent: parent, index: index, vars: &variables{}}
	if parent != nil {
		f.vars.outer = parent.frame.vars
	}
	return f
}

// visit is one stay of a frame in a state, over all attempts.
type visit struct {
	ex         *Execution
	frame      *frame
	state      *state
	input      *doc      // as it came in
	data       any       // after InputPath
	forJSONata converted // data, for the expressions of the state
	entered    time.Time
	eventID    int64 // of the StateEntered event
	before     int64 // the event that this one follows on, until something else has happened

	retries  int         // all retries so far: State.RetryCount
	used     []int       // retries by retrier
	cancel   func() bool // the timer that runs: Wait, or the pause before a retry
	attempt  *attempt    // Task
	group    *group      // Parallel, inline Map
	run      *MapRun     // Distributed Map
	token    string      // Task.Token of the context object
	ctx      any         // the context object, when somebody looked at it
	failedAs string      // the error that ended it

	beforeFailed int64 // the event before MapStateFailed or ParallelStateFailed

	probe *probe // who looks at the data between the steps, or nil
}

func (f *frame) isMap() bool { return f.parent != nil && f.parent.state.kind == kindMap }

// enter begins a state.
func (e *Execution) enter(s step) {
	if halted := e.o.Halted; halted != nil && halted() {
		e.finish(Aborted, nil, &Error{})
		return
	}
	st := s.frame.block.states[s.name]
	v := &visit{ex: e, frame: s.frame, state: st, input: s.input, entered: e.o.Clock.Now(), before: s.frame.last, probe: e.o.probe}
	s.frame.now = v
	var d *Details
	if !e.unseen() {
		d = inputDetails(Details{Name: st.name}, s.input.raw)
	}
	v.eventID = v.record(st.kind.entered(), d)
	if e.status != Running {
		return
	}
	v.execute()
}

// execute does what the state is for, from the beginning.
func (v *visit) execute() {
	st := v.state
	v.data = v.input.v
	if st.inputPath != nil {
		data, err := st.inputPath.read(v.view())
		if err != nil {
			v.fail(v.failure(err))
			return
		}
		v.data = data
	}
	if !st.jsonata && st.result == nil {
		v.probe.see(afterInputPath, v.data)
	}
	switch st.kind {
	case kindPass:
		v.pass()
	case kindChoice:
		v.choose()
	case kindWait:
		v.wait()
	case kindSucceed:
		v.finish(v.data, transitionOf(st))
	case kindFail:
		v.failState()
	default:
		if len(st.retry) > 0 {
			v.used = make([]int, len(st.retry))
		}
		v.begin()
	}
}

// begin starts an attempt of a Task, Parallel or Map state.
func (v *visit) begin() {
	v.ctx = nil
	switch v.state.kind {
	case kindTask:
		v.startTask()
	case kindParallel:
		v.startParallel()
	case kindMap:
		if v.state.distributed != nil {
			v.startMapRun()
		} else {
			v.startMap()
		}
	}
}

// read evaluates InputPath or OutputPath.
func (p *dataPath) read(v *view) (any, error) {
	if p.discard {
		return map[string]any{}, nil
	}
	return p.eval(v)
}

// view shows the templates of this state what they may see.
func (v *visit) view() *view {
	return &view{rt: v.ex.rt, data: v.data, context: v.context, vars: v.frame.vars, forJSONata: &v.forJSONata}
}

func (v *visit) record(kind string, d *Details) int64 { return v.ex.record(v.frame, kind, d) }

// outcome says how a state is left: where to, and what is evaluated before.
type outcome struct {
	next   string // "" ends the flow
	assign template
	output template // JSONata
	// JSONPath: how the result goes into the input.
	selector               template
	resultPath, outputPath *dataPath
	result                 any // $states.result
	hasResult              bool
	failure                any // $states.errorOutput
	hasFailure             bool
}

func transitionOf(s *state) outcome {
	return outcome{next: s.next, assign: s.assign, output: s.output, outputPath: s.outputPath}
}

// finish leaves the state with a result (for states without one: the input).
func (v *visit) finish(result any, o outcome) {
	output, assigned, err := v.evaluate(result, o)
	if err != nil {
		f := v.failure(err)
		if o.hasFailure { // within a Catch: no second chance
			v.frame.last = v.beforeFailed
			v.reportEvaluation(f)
			v.recordFailed(f)
			v.lose(f)
			return
		}
		v.fail(f)
		return
	}
	v.leave(output, assigned, o.next)
}

func (v *visit) leave(output *doc, assigned map[string]*doc, next string) {
	texts := v.frame.vars.assign(assigned)
	var d *Details
	if !v.ex.unseen() {
		d = outputDetails(Details{Name: v.state.name, AssignedVariables: texts}, output.raw)
		if texts != nil {
			d.AssignedVariablesDetails = whole
		}
	}
	v.record(v.state.kind.exited(), d)
	if v.ex.status != Running {
		return
	}
	if v.probe.left(v, output, next) {
		return
	}
	v.frame.now = nil
	if next == "" {
		v.frame.succeeded(output)
		return
	}
	v.ex.enqueue(v.frame, next, output)
}

// evaluate computes output and variables. Both see the variables as they were.
func (v *visit) evaluate(result any, o outcome) (output *doc, assigned map[string]*doc, err error) {
	vw := v.view()
	vw.result, vw.hasResult = o.result, o.hasResult
	vw.failure, vw.hasError = o.failure, o.hasFailure
	out := result
	if v.state.jsonata {
		if o.output != nil {
			if out, err = o.output.eval(vw); err != nil {
				return nil, nil, err
			}
		}
	} else if out, err = v.throughPaths(vw, result, o); err != nil {
		return nil, nil, err
	}
	if o.assign != nil {
		a, err := o.assign.eval(vw)
		if err != nil {
			return nil, nil, err
		}
		// Parse let only objects through, and those evaluate to objects.
		values, _ := members(a)
		if assigned, err = v.assignment(values); err != nil {
			return nil, nil, err
		}
	}
	output, err = v.document(out)
	return output, assigned, err
}

// throughPaths applies ResultSelector, ResultPath and OutputPath. Assign sees
// the result after the selector as $.
func (v *visit) throughPaths(vw *view, result any, o outcome) (any, error) {
	var err error
	if o.selector != nil {
		vw.data = result
		if result, err = o.selector.eval(vw); err != nil {
			return nil, err
		}
	}
	transforms := v.state.kind != kindChoice && v.state.kind != kindWait && v.state.kind != kindSucceed && !o.hasFailure
	if transforms {
		v.probe.see(afterResultSelector, result)
	}
	out := result
	if p := o.resultPath; p != nil {
		if p.discard {
			out = v.input.v
		} else if out, err = p.path.insert(v.input.v, result); err != nil {
			return nil, &evalError{name: "States.ResultPathMatchFailure", cause: fmt.Sprintf("Unable to apply step \"%s\" to input %s: %v", p.path.src, v.input.raw, err)}
		}
	}
	if transforms {
		v.probe.see(afterResultPath, out)
	}
	vw.data = out
	if o.outputPath != nil {
		if out, err = o.outputPath.read(vw); err != nil {
			return nil, err
		}
	}
	vw.data = result
	return out, nil
}

// document writes a value down, unless it is too large to be passed on.
func (v *visit) document(value any) (*doc, error) {
	if d := v.input; sameValue(value, d.v) {
		return d, nil
	}
	d, err := newDoc(value)
	if err != nil {
		return nil, runtimeError("The output is not JSON: %v", err)
	}
	if len(d.raw) > MaxPayload {
		return nil, tooLarge(v.state.name)
	}
	return d, nil
}

// assignment writes the new values of variables down. Together they may be as
// large as one payload.
func (v *visit) assignment(values map[string]any) (map[string]*doc, error) {
	size := 0
	out := make(map[string]*doc, len(values))
	for name, value := range values {
		d, err := newDoc(value)
		if err != nil {
			return nil, runtimeError("The variable '%s' is not JSON: %v", name, err)
		}
		out[name] = d
		size += len(d.raw)
	}
	if size > MaxPayload || v.frame.vars.stored(out) > MaxVariables {
		return nil, tooLarge(v.state.name)
	}
	return out, nil
}

// tooLarge is the error of more than MaxPayload bytes. of is the state, or what
// the task calls: the integrated service or the function's ARN.
func tooLarge(of string) error {
	return &evalError{name: ErrDataLimit, bare: true, cause: fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", of)}
}

// failing is an Error with what the history needs to know about it.
type failing struct {
	Error
	location   string
	evaluation bool // a JSONata expression failed
	heartbeat  bool // a Task was silent for too long: States.HeartbeatTimeout matches it too
}

// failure turns the error of a template into the error of the state.
func (v *visit) failure(err error) *failing {
	var ev *evalError
	if !errors.As(err, &ev) {
		ev = &evalError{name: ErrRuntime, cause: err.Error()}
	}
	cause := ev.cause
	if !ev.bare {
		cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", v.state.name, v.eventID, ev.cause)
	}
	return &failing{
		Error:      Error{ev.name, cause},
		location:   ev.location,
		evaluation: ev.name == ErrQueryEvaluation,
	}
}

// reportEvaluation records that an expression failed. If nothing happened since
// the state was entered, the event has the same previous event as that one, as
// recorded on AWS.
func (v *visit) reportEvaluation(f *failing) {
	if !f.evaluation {
		return
	}
	previous := v.frame.last
	if previous == v.eventID {
		previous = v.before
	}
	v.frame.last = v.ex.note(previous, "EvaluationFailed", errorDetails(Details{State: v.state.name, Location: f.location}, &f.Error))
}
