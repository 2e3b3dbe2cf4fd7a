package asl

import "slices"

// group is the work inside of a Parallel or inline Map state, for one attempt.
type group struct {
	running []*frame // those that have begun and not succeeded, in the order of their starts
	outputs []any
	left    int // branches or iterations that have not succeeded yet
	over    bool

	// Map
	items  []mapItem
	next   int // the first item that has not started
	atOnce int // iterations at a time
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
	if v.probe.instead(v) {
		return
	}
	for i, b := range v.state.branches {
		f := v.ex.newFrame(b, v, i)
		f.last = started
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
	if v.state.parameters != nil || !v.state.jsonata && v.state.kind == kindTask {
		v.probe.see(v.afterArguments(), value)
	}
	return v.document(value)
}

// startMap begins an attempt of an inline Map state.
func (v *visit) startMap() {
	items, err := v.mapItems()
	if err == nil {
		v.group = &group{items: items, outputs: make([]any, len(items)), left: len(items)}
		v.group.atOnce, err = v.concurrency(MaxConcurrent)
	}
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	g := v.group
	length := len(items)
	started := v.record("MapStateStarted", &Details{Length: &length})
	if v.probe.instead(v) {
		return
	}
	if length == 0 {
		v.groupDone()
		return
	}
	for len(g.running) < g.atOnce && g.next < length && !g.over && v.ex.status == Running {
		v.startIteration(started)
	}
}

// mapItems finds what a Map without ItemReader runs over. A Distributed Map,
// and every Map of JSONata, also takes an object: its members are the items.
func (v *visit) mapItems() ([]mapItem, error) {
	s := v.state
	value := v.data
	if s.items != nil {
		var err error
		if value, err = s.items.eval(v.view()); err != nil {
			return nil, err
		}
	}
	if !s.jsonata {
		v.probe.see(afterItemsPath, value)
	}
	if items, ok := itemsOf(value, s.jsonata || s.distributed != nil); ok {
		if s.distributed != nil {
			for i := range items {
				items[i].source = sourceOfState
			}
		}
		return items, nil
	}
	switch {
	case s.jsonata && s.items == nil:
		return nil, &evalError{name: ErrQueryEvaluation, location: "Items", cause: "The state's input must be an array because the field 'Items' is absent, but was the " + typeName(value) + " " + text(value)}
	case s.jsonata:
		return nil, wrongType(s.items, "Items", "array", value)
	}
	return nil, runtimeError("Reference path \"%s\" must point to array.", itemsPathText(s.items))
}

// itemsOf makes items of an array, or of an object's members.
func itemsOf(value any, objects bool) ([]mapItem, bool) {
	if a, ok := value.([]any); ok {
		items := make([]mapItem, len(a))
		for i, e := range a {
			items[i].value = e
		}
		return items, true
	}
	m, ok := members(value)
	if !ok || !objects {
		return nil, false
	}
	items := make([]mapItem, 0, len(m))
	for _, k := range keysOf(value) {
		items = append(items, mapItem{value: m[k], key: k, keyed: true})
	}
	return items, true
}

// concurrency is how many iterations may run at a time.
func (v *visit) concurrency(most int) (int, error) {
	given := int64(0)
	if v.state.maxConcurrent != nil {
		var err error
		if given, err = v.whole(numericText{v.state.maxConcurrent}, "MaxConcurrency", 0, maxSeconds); err != nil {
			return 0, err
		}
	}
	v.probe.see(maxConcurrency, given)
	if given > 0 && given < int64(most) {
		return int(given), nil
	}
	return most, nil
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

// startIteration begins the next item of an inline Map.
func (v *visit) startIteration(previous int64) {
	g := v.group
	input, err := v.itemInput(g.items[g.next], g.next)
	if err != nil { // the Map fails, without any event of this iteration
		failed := v.failure(err)
		g.over = true
		if v.frame.last = previous; !failed.final() {
			v.abortGroup(nil)
		}
		v.fail(failed)
		return
	}
	f := v.ex.newFrame(v.state.processor, v, g.next)
	f.item, f.last = g.items[g.next], previous
	g.next++
	g.running = append(g.running, f)
	v.ex.record(f, "MapIterationStarted", f.iteration())
	if v.ex.status != Running { // that was one event too many
		return
	}
	v.ex.enqueue(f, f.block.startAt, input)
}

// itemInput is the item, or what ItemSelector makes of it. The selector sees
// the Map's own input, and the item in the context object.
func (v *visit) itemInput(item mapItem, index int) (*doc, error) {
	value := item.value
	if v.state.itemSelector != nil {
		vw := v.view()
		vw.context = func() any { return v.contextOf(item, index) }
		var err error
		if value, err = v.state.itemSelector.eval(vw); err != nil {
			return nil, err
		}
	}
	return v.document(value)
}

// childSucceeded takes the output of a branch or an iteration. The next
// iteration follows on the last event before MapIterationSucceeded, and what
// comes after the Map on that event itself, as recorded on AWS.
func (v *visit) childSucceeded(f *frame, output *doc) {
	g := v.group
	before := f.last
	if f.isMap() {
		v.ex.record(f, "MapIterationSucceeded", f.iteration())
		if v.ex.status != Running {
			return
		}
	}
	v.frame.last = f.last
	g.running = slices.DeleteFunc(g.running, func(o *frame) bool { return o == f })
	g.outputs[f.index] = output.v
	g.left--
	if g.left == 0 {
		v.groupDone()
		return
	}
	if g.next < len(g.items) {
		v.startIteration(before)
	}
}

// childFailed ends the attempt: the other branches or iterations are aborted.
// All of it follows on the failed flow's last event. The group stays for a
// redrive.
func (v *visit) childFailed(f *frame, failed *failing) {
	f.dead = true
	if failed.final() {
		v.lose(failed)
		return
	}
	v.group.over = true
	v.frame.last = f.last
	v.abortGroup(f)
	if v.ex.status != Running {
		return
	}
	v.fail(&failing{Error: failed.Error, heartbeat: failed.heartbeat})
}

// abortGroup records the end of all flows of the group that have not
// succeeded, and of those inside of them, in the order of their starts.
func (v *visit) abortGroup(failed *frame) {
	previous := v.frame.last
	frames := v.under(nil)
	slices.SortFunc(frames, func(a, b *frame) int { return int(a.id - b.id) })
	for _, f := range frames {
		if f.isMap() {
			kind := "MapIterationAborted"
			if f == failed {
				kind = "MapIterationFailed"
			}
			v.ex.note(previous, kind, f.iteration())
		}
		if f.now == nil {
			continue
		}
		switch k := f.now.state.kind; k {
		case kindTask, kindWait, kindParallel, kindMap:
			v.ex.note(previous, string(k)+"StateAborted", nil)
		}
		if r := f.now.run; r != nil && r.info.Status == MapRunRunning {
			r.stop()
			v.ex.note(previous, "MapRunAborted", nil)
		}
	}
	for _, f := range frames {
		f.abandon()
	}
}

// under collects the flows inside of the state that have not succeeded.
func (v *visit) under(out []*frame) []*frame {
	if v.group == nil {
		return out
	}
	for _, f := range v.group.running {
		out = append(out, f)
		if f.now != nil {
			out = f.now.under(out)
		}
	}
	return out
}

// abandon ends a flow from outside, without events: its state's work is
// cancelled.
func (f *frame) abandon() {
	f.dead = true
	v := f.now
	if v == nil {
		return
	}
	v.stopAttempt()
	if v.cancel != nil {
		v.cancel()
		v.cancel = nil
	}
	if v.group != nil {
		v.group.over = true
		for _, child := range v.group.running {
			child.abandon()
		}
	}
	if v.run != nil {
		v.run.stop()
	}
}

// groupDone ends the attempt with the outputs of all flows. What follows does
// so on the last flow's event, not on this one, as recorded on AWS.
func (v *visit) groupDone() {
	outputs := v.group.outputs
	v.group = nil
	v.ex.note(v.frame.last, string(v.state.kind)+"StateSucceeded", nil)
	if v.ex.status != Running {
		return
	}
	v.finish(outputs, v.invoked(outputs))
}

// invoked is the outcome of a Task, Parallel or Map that succeeded.
func (v *visit) invoked(result any) outcome {
	o := transitionOf(v.state)
	o.selector, o.resultPath = v.state.selector, v.state.resultPath
	o.result, o.hasResult = result, true
	return o
}
