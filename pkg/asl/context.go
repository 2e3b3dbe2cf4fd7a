package asl

// contextParts are the parts of the context object that are the same for all
// states of an execution.
type contextParts struct{ execution, machine any }

// parts are made when a state first looks at the context object.
func (e *Execution) parts() *contextParts {
	if e.self == nil {
		x := objectOf("Id", e.arn, "Input", e.input.v, "StartTime", stamp(e.started), "Name", e.name, "RoleArn", e.o.RoleArn)
		if !e.limits.express {
			x.set("RedriveCount", jsonInt(int64(e.redrives)))
		}
		if e.redrives > 0 {
			x.set("RedriveTime", stamp(e.redriven))
		}
		e.self = &contextParts{execution: x, machine: objectOf("Id", e.machineArn, "Name", e.machineName)}
	}
	return e.self
}

// context is the context object ($$, $states.context).
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
func (v *visit) context() any {
	if v.ctx != nil {
		return v.ctx
	}
	if v.probe != nil && v.probe.context != nil {
		v.ctx = v.probe.context
		return v.ctx
	}
	st := objectOf("Name", v.state.name, "EnteredTime", stamp(v.entered))
	switch v.state.kind {
	case kindTask, kindParallel, kindMap:
		st.set("RetryCount", jsonInt(int64(v.retries)))
	}
	parts := v.ex.parts()
	c := objectOf("Execution", parts.execution, "StateMachine", parts.machine, "State", st)
	for f := v.frame; f != nil; f = f.outer() {
		if f.isMap() {
			c.set("Map", objectOf("Item", f.item.context(f.index)))
			break
		}
	}
	if v.token != "" {
		c.set("Task", objectOf("Token", v.token))
	}
	v.ctx = c
	return c
}

// contextOf is the context object while one item's input is made.
func (v *visit) contextOf(item mapItem, index int) any {
	m := objectOf("Item", item.context(index))
	if c, ok := v.context().(*object); ok {
		return c.with("Map", m)
	}
	return objectOf("Map", m)
}

func (f *frame) outer() *frame {
	if f.parent == nil {
		return nil
	}
	return f.parent.frame
}

// mapItem is one item of a Map.
type mapItem struct {
	value  any
	key    string // of an item that is an object's member
	keyed  bool
	source string // of a Distributed Map: where it is from
}

// sourceOfState is Map.Item.Source of items that are in the state's data.
const sourceOfState = "STATE_DATA"

// context is Map.Item of the context object.
func (i mapItem) context(index int) any {
	o := objectOf("Index", jsonInt(int64(index)))
	if i.keyed {
		o.set("Key", i.key)
	}
	o.set("Value", i.value)
	if i.source != "" {
		o.set("Source", i.source)
	}
	return o
}
