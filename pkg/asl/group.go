package asl

import "slices"

// group is the work inside of a Parallel or Map state, for one attempt.
type group struct {
	running []*frame // in the order of their start
	outputs []any
	left    int // branches or iterations that have not succeeded yet

	// Map
	items    []any
	next     int // the first item that has not started
	atOnce   int // iterations at a time
	selector template
	started  int64 // id of MapStateStarted
}

// startParallel begins an attempt of a Parallel state.
func (v *visit) startParallel() {
	input, err := v.effectiveInput()
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	started := v.record("ParallelStateStarted", nil)
	n := len(v.state.branches)
	v.group = &group{outputs: make([]any, n), left: n}
	for i, b := range v.state.branches {
		f := &frame{ex: v.ex, block: b, vars: &variables{outer: v.frame.vars}, parent: v, index: i, last: started}
		v.group.running = append(v.group.running, f)
		v.ex.enqueue(f, b.startAt, input)
	}
}

func (v *visit) effectiveInput() (*doc, error) {
	value := v.data
	if v.state.parameters != nil {
		var err error
		if value, err = v.state.parameters.eval(v.view()); err != nil {
			return nil, err
		}
	}
	return v.document(value)
}

// startMap begins an attempt of a Map state.
func (v *visit) startMap() {
	g, err := v.mapGroup()
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	length := len(g.items)
	g.started = v.record("MapStateStarted", &Details{Length: &length})
	v.group = g
	if length == 0 {
		v.groupDone()
		return
	}
	for len(g.running) < g.atOnce && g.next < length && v.group == g {
		v.startIteration()
	}
}

func (v *visit) mapGroup() (*group, error) {
	s := v.state
	items := v.data
	if s.items != nil {
		var err error
		if items, err = s.items.eval(v.view()); err != nil {
			return nil, err
		}
	}
	a, ok := items.([]any)
	if !ok {
		switch {
		case s.jsonata && s.items == nil:
			return nil, &evalError{name: ErrQueryEvaluation, location: "Items", cause: "The state's input must be an array because the field 'Items' is absent, but was the " + typeName(items) + " " + text(items)}
		case s.jsonata:
			return nil, wrongType(s.items, "Items", "array", items)
		}
		return nil, runtimeError("Reference path \"%s\" must point to array.", itemsPathText(s.items))
	}
	g := &group{items: a, outputs: make([]any, len(a)), left: len(a), atOnce: MaxConcurrent, selector: s.itemSelector}
	if s.maxConcurrent != nil {
		n, err := v.whole(s.maxConcurrent, "MaxConcurrency", 0, maxSeconds)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			g.atOnce = int(min(n, MaxConcurrent))
		}
	}
	return g, nil
}

func itemsPathText(t template) string {
	if p, ok := t.(pathTemplate); ok {
		return p.path.src
	}
	return "$"
}

func (f *frame) iteration() *Details {
	index := f.index
	return &Details{Name: f.parent.state.name, Index: &index}
}

// startIteration begins the next item of a Map.
func (v *visit) startIteration() {
	g := v.group
	f := &frame{
		ex: v.ex, block: v.state.processor, vars: &variables{outer: v.frame.vars},
		parent: v, index: g.next, item: g.items[g.next], last: max(g.started, v.frame.last),
	}
	g.next++
	g.running = append(g.running, f)
	v.ex.record(f, "MapIterationStarted", f.iteration())
	if v.ex.status != Running { // that was one event too many
		return
	}
	input, err := f.iterationInput()
	if err != nil {
		failed := v.failure(err)
		v.reportEvaluation(failed)
		v.childFailed(f, &failed.Error)
		return
	}
	v.ex.enqueue(f, f.block.startAt, input)
}

// iterationInput is the item, or what ItemSelector makes of it. The selector
// sees the Map's own input, and the item in the context object.
func (f *frame) iterationInput() (*doc, error) {
	v := f.parent
	value := f.item
	if v.group.selector != nil {
		vw := v.view()
		vw.context = func() map[string]any {
			c := map[string]any{}
			for k, e := range v.context() {
				c[k] = e
			}
			c["Map"] = map[string]any{"Item": f.itemContext()}
			return c
		}
		var err error
		if value, err = v.group.selector.eval(vw); err != nil {
			return nil, err
		}
	}
	return v.document(value)
}

// childSucceeded takes the output of a branch or an iteration.
func (v *visit) childSucceeded(f *frame, output *doc) {
	g := v.group
	if f.isMap() {
		v.ex.record(f, "MapIterationSucceeded", f.iteration())
		if v.ex.status != Running {
			return
		}
	}
	v.remove(f)
	g.outputs[f.index] = output.v
	g.left--
	if g.left == 0 {
		v.groupDone()
		return
	}
	if g.next < len(g.items) {
		v.startIteration()
	}
}

// remove takes a flow that ended out of the group. What the state does next
// follows on that flow's last event.
func (v *visit) remove(f *frame) {
	v.frame.last = f.last
	v.group.running = slices.DeleteFunc(v.group.running, func(o *frame) bool { return o == f })
}

// childFailed ends the attempt: the other branches or iterations are aborted.
func (v *visit) childFailed(f *frame, err *Error) {
	f.dead = true
	if f.isMap() {
		d := f.iteration()
		v.ex.record(f, "MapIterationFailed", errorDetails(*d, err))
	}
	if v.ex.status != Running {
		return
	}
	v.remove(f)
	for _, other := range v.group.running {
		other.abort(true)
	}
	v.group = nil
	v.fail(&failing{Error: *err})
}

// groupDone ends the attempt with the outputs of all flows.
func (v *visit) groupDone() {
	outputs := v.group.outputs
	v.group = nil
	v.record(string(v.state.kind)+"StateSucceeded", nil)
	v.finish(outputs, v.invoked(outputs))
}

// invoked is the outcome of a Task, Parallel or Map that succeeded.
func (v *visit) invoked(result any) outcome {
	o := transitionOf(v.state)
	o.selector, o.resultPath = v.state.selector, v.state.resultPath
	o.result, o.hasResult = result, true
	return o
}
