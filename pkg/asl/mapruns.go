package asl

import (
	"fmt"
	"strings"
)

// MapRun is one run of a Distributed Map: the child executions that it starts
// and what came of them. Its methods may be called from any goroutine.
type MapRun struct {
	ex    *Execution // that the Map state is in
	visit *visit
	info  MapRunInfo // without counts

	hasCount, hasPercentage bool // what is tolerated was given

	reading  *reading     // what ItemReader has to read, or nil
	known    bool         // the inputs are
	inputs   []childInput // of the children
	children []*Execution // by input; nil: not started
	started  []*Execution // in the order of their starts
	queue    []int        // inputs whose child has to be started or redriven
	running  int
	failed   int64    // items in children that did not succeed
	failing  *failing // why the run fails: it starts no more children
	ending   bool     // the results are being written

	export    exporter
	exported  int64 // executions whose results were written
	itemsDone int64 // items in those
}

// childInput is the input of one child execution.
type childInput struct {
	*doc
	items int
}

// What AWS says of a Map Run in which too much failed, and in a child whose Map
// Run was stopped.
const (
	causeOfExceeded = "The specified tolerated failure threshold was exceeded"
	causeOfStopped  = "The parent Map Run was stopped."
)

// startMapRun begins an attempt of a Distributed Map.
func (v *visit) startMapRun() {
	d := v.state.distributed
	var items []mapItem
	atOnce, err := v.concurrency(maxChildren)
	if err == nil && d.reader == nil {
		items, err = v.mapItems()
	}
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	length := len(items)
	v.record("MapStateStarted", &Details{Length: &length})
	if v.ex.status != Running {
		return
	}
	r := &MapRun{ex: v.ex, visit: v}
	err = r.tolerate()
	if err == nil && d.reader != nil {
		r.reading, err = v.newReading()
	}
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	r.identify(atOnce)
	v.run = r
	v.ex.mapRuns = append(v.ex.mapRuns, r)
	v.record("MapRunStarted", &Details{MapRunArn: r.info.Arn})
	switch {
	case v.ex.status != Running:
	case r.reading != nil:
		r.reading.begin(r)
	default:
		r.begin(items)
	}
}

// identify gives the run its ARN. A Map without Label gets one that depends on
// the machine and the state only.
func (r *MapRun) identify(atOnce int) {
	e, d := r.ex, r.visit.state.distributed
	label := d.label
	if label == "" {
		label = uuidOf(e.machineArn + "#" + r.visit.state.name)
	}
	r.info = MapRunInfo{
		ExecutionArn: e.arn, Label: label, Express: d.express, Status: MapRunRunning, Started: e.o.Clock.Now(),
		MaxConcurrency: int64(atOnce), ToleratedFailureCount: r.info.ToleratedFailureCount, ToleratedFailurePercentage: r.info.ToleratedFailurePercentage,
	}
	r.info.Arn = r.resource("mapRun") + ":" + e.rt.id()
	r.info.StateMachineArn = r.resource("stateMachine")
}

// resource is the beginning of an ARN: <type>:<machine>/<label>.
func (r *MapRun) resource(kind string) string {
	parts := strings.SplitN(r.ex.machineArn, ":", 7)
	name := r.ex.machineName
	if len(parts) == 7 {
		name = parts[6]
		parts = parts[:5]
	} else {
		parts = []string{"arn", "aws", "states", "", ""}
	}
	name, _, _ = strings.Cut(name, "/")
	return fmt.Sprintf("%s:%s:%s/%s", strings.Join(parts, ":"), kind, name, r.info.Label)
}

// begin makes the children's inputs of the items and starts the children.
func (r *MapRun) begin(items []mapItem) {
	v := r.visit
	docs := make([]*doc, len(items))
	for i, item := range items {
		var err error
		if docs[i], err = v.itemInput(item, i); err != nil {
			r.fail(v.failure(err))
			return
		}
	}
	v.probe.seeDocs(afterItemSelector, docs, v.state.itemSelector != nil)
	inputs, err := v.batches(docs)
	if err != nil {
		r.fail(v.failure(err))
		return
	}
	if v.state.distributed.batcher != nil {
		v.probe.seeInputs(afterItemBatcher, inputs)
	}
	if v.probe.instead(v) {
		return
	}
	r.known, r.inputs, r.children = true, inputs, make([]*Execution, len(inputs))
	for i := range inputs {
		r.queue = append(r.queue, i)
	}
	r.advance()
}

// advance starts as many children as may run, and ends the run after the last.
func (r *MapRun) advance() {
	for r.failing == nil && len(r.queue) > 0 && int64(r.running) < r.limit() {
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.launch(next)
	}
	if r.running == 0 && (r.failing != nil || len(r.queue) == 0) && !r.ending {
		r.ending = true
		r.conclude()
	}
}

func (r *MapRun) limit() int64 {
	if n := r.info.MaxConcurrency; n > 0 && n < maxChildren {
		return n
	}
	return maxChildren
}

// launch starts a child, or redrives one that did not succeed. EXPRESS ones are
// started anew.
func (r *MapRun) launch(i int) {
	r.running++
	c := r.children[i]
	switch {
	case c == nil:
		c = r.newChild(r.inputs[i])
		r.children[i] = c
		r.started = append(r.started, c)
		if f := c.o.OnChild; f != nil {
			c.later(func() { f(c) })
		}
		c.begin()
	case c.limits.express:
		c.revive()
		c.started = c.redriven
		c.begin()
	default:
		c.redrive()
	}
}

func (r *MapRun) newChild(input childInput) *Execution {
	e := r.ex
	c := &Execution{
		engine: e.engine, body: r.visit.state.processor, limits: limits{time: r.visit.state.distributed.time, events: e.limits.events},
		name: e.rt.id(), machineArn: r.info.StateMachineArn, machineName: lastPart(r.info.StateMachineArn), region: e.region,
		input: input.doc, items: input.items, mapRun: r, status: Running, done: make(chan struct{}), started: e.o.Clock.Now(),
	}
	c.arn = r.resource("execution") + ":" + c.name
	if r.info.Express {
		c.arn = r.resource("express") + ":" + c.name + ":" + e.rt.id()
		c.limits = limits{express: true, time: maxExpress}
		if d := r.visit.state.distributed.time; d > 0 && d < maxExpress {
			c.limits.time = d
		}
	}
	if f := e.o.OnChildEvent; f != nil {
		c.onEvent = func(ev Event) { f(c, ev) }
	}
	return c
}

// childEnded counts a child's end.
func (r *MapRun) childEnded(c *Execution) {
	if r.info.Status != MapRunRunning {
		return
	}
	r.running--
	if c.status != Succeeded {
		r.failed += int64(c.items)
		r.check()
	}
	r.advance()
}

// abortChildren ends the children that run. EXPRESS ones cannot be stopped.
func (r *MapRun) abortChildren() {
	for _, c := range r.started {
		if c.status == Running && !c.limits.express {
			c.finish(Aborted, nil, &Error{Cause: causeOfStopped})
		}
	}
}

// stop ends the run from outside.
func (r *MapRun) stop() {
	if r.info.Status != MapRunRunning {
		return
	}
	r.info.Status, r.info.Stopped = MapRunAborted, r.ex.o.Clock.Now()
	r.abortChildren()
}

// fail ends a run that cannot go on.
func (r *MapRun) fail(f *failing) {
	r.failing = f
	r.advance()
}

// conclude delivers the results, then ends the run.
func (r *MapRun) conclude() {
	w := r.visit.state.distributed.writer
	if w != nil && w.arguments != nil && r.known {
		r.writeResults(w)
		return
	}
	r.exported, r.itemsDone = r.total()
	if r.failing != nil {
		r.end(nil, r.failing)
		return
	}
	if w == nil {
		w = &resultWriter{transformation: "COMPACT"}
	}
	r.end(w.transform(r.children), nil)
}

func (r *MapRun) total() (executions, items int64) {
	for _, in := range r.inputs {
		items += int64(in.items)
	}
	return int64(len(r.inputs)), items
}

// end leaves the run, and with it the state's attempt.
func (r *MapRun) end(result any, f *failing) {
	v := r.visit
	if f == nil {
		if d, err := newDoc(result); err != nil {
			f = v.failure(runtimeError("The output is not JSON: %v", err))
		} else if len(d.raw) > MaxPayload {
			f = v.failure(tooLarge(v.state.name))
		}
	}
	r.info.Stopped = r.ex.o.Clock.Now()
	if f != nil {
		r.info.Status = MapRunFailed
		v.record("MapRunFailed", errorDetails(Details{}, &f.Error))
		v.fail(f)
		return
	}
	r.info.Status = MapRunSucceeded
	ended := v.ex.note(v.frame.last, "MapRunSucceeded", nil)
	v.ex.note(ended, "MapStateSucceeded", nil)
	if v.ex.status == Running {
		v.finish(result, v.invoked(result))
	}
}

// alive says whether what was waited for still matters.
func (r *MapRun) alive() bool {
	return r.info.Status == MapRunRunning && r.ex.status == Running && !r.visit.frame.dead && r.visit.run == r
}
