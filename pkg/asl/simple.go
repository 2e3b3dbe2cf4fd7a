package asl

import (
	"encoding/json"
	"reflect"
	"time"
)

// pass runs a Pass state.
func (v *visit) pass() {
	s, result := v.state, v.data
	if s.parameters != nil {
		var err error
		if result, err = s.parameters.eval(v.view()); err != nil {
			v.fail(v.failure(err))
			return
		}
	}
	switch {
	case s.result != nil:
		result = s.result.(literal).v
		v.probe.see(rawResult, result)
	case !s.jsonata:
		v.probe.see(afterParameters, result)
	}
	o := transitionOf(s)
	o.resultPath = s.resultPath
	v.finish(result, o)
}

// choose runs a Choice state.
func (v *visit) choose() {
	s := v.state
	view := v.view()
	for _, c := range s.choices {
		ok, err := c.when.holds(view)
		if err != nil {
			v.fail(v.failure(err))
			return
		}
		if ok {
			v.finish(v.data, outcome{next: c.next, assign: c.assign, output: c.output, outputPath: s.outputPath})
			return
		}
	}
	if s.byDefault == "" {
		// AWS documents States.NoChoiceMatched, but raises this.
		v.fail(v.failure(runtimeError("Failed to transition out of the state. The state does not point to a next state.")))
		return
	}
	o := transitionOf(s)
	o.next = s.byDefault
	v.finish(v.data, o)
}

// wait runs a Wait state.
func (v *visit) wait() {
	d, err := v.waitTime()
	if err != nil {
		v.fail(v.failure(err))
		return
	}
	leave := func() { v.finish(v.data, transitionOf(v.state)) }
	if d <= 0 {
		leave()
		return
	}
	v.after(d, leave)
}

// after runs f later, unless the flow ended before.
func (v *visit) after(d time.Duration, f func()) {
	v.cancel = v.ex.o.Clock.AfterFunc(d, func() {
		v.ex.do(func() {
			if v.frame.dead || v.frame.now != v || v.ex.status != Running {
				return
			}
			v.cancel, v.before = nil, v.eventID
			f()
		})
	})
}

func (v *visit) waitTime() (time.Duration, error) {
	s := v.state
	if s.seconds != nil {
		n, err := v.whole(numericText{s.seconds}, "Seconds", 0, maxSeconds)
		return time.Duration(n) * time.Second, err
	}
	value, err := s.timestamp.eval(v.view())
	if err != nil {
		return 0, err
	}
	text, _ := value.(string)
	at, err := parseTimestamp(text)
	if err != nil {
		return 0, wrongType(s.timestamp, v.field("Timestamp"), "a timestamp like 2026-08-01T12:00:00Z", value)
	}
	return at.Sub(v.ex.o.Clock.Now()), nil
}

// field is the name under which a dynamic field was given.
func (v *visit) field(name string) string {
	if v.state.jsonata {
		return name
	}
	return name + "Path"
}

// whole evaluates a field that must be a whole number from low to high.
func (v *visit) whole(t template, field string, low, high int64) (int64, error) {
	value, err := t.eval(v.view())
	if err != nil {
		return 0, err
	}
	n, ok := integer(value)
	if _, isText := value.(string); isText || !ok || n < low || n > high {
		return 0, wrongType(t, v.field(field), wholeRange(low, high), value)
	}
	return n, nil
}

// numericText reads a number that a path leads to and that is written as a text:
// AWS takes it for SecondsPath and for the numbers of a Map, unless it is JSONata.
type numericText struct{ template }

func (n numericText) eval(v *view) (any, error) {
	value, err := n.template.eval(v)
	s, isText := value.(string)
	if _, isExpression := n.template.(*expression); err != nil || !isText || isExpression {
		return value, err
	}
	if d, err := decode([]byte(s)); err == nil {
		if number, ok := d.(json.Number); ok {
			return number, nil
		}
	}
	return value, nil
}

// failState runs a Fail state.
func (v *visit) failState() {
	f := &failing{}
	for _, part := range []struct {
		t     template
		field string
		into  *string
	}{{v.state.errName, "Error", &f.Name}, {v.state.cause, "Cause", &f.Cause}} {
		if part.t == nil {
			continue
		}
		value, err := part.t.eval(v.view())
		if err != nil {
			v.fail(v.failure(err))
			return
		}
		s, ok := value.(string)
		if !ok {
			v.fail(v.failure(wrongType(part.t, v.field(part.field), "string", value)))
			return
		}
		*part.into = s
	}
	v.fail(f)
}

// sameValue says whether a is the very same value as b, not a copy: then the
// text of b is the text of a.
func sameValue(a, b any) bool {
	switch a.(type) {
	case *object, map[string]any, []any:
	default:
		return false
	}
	if o, isObject := a.(*object); isObject {
		return any(o) == b
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.Kind() == y.Kind() && x.Len() == y.Len() && x.Pointer() == y.Pointer()
}
