package asl

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// fields reads the fields of one state.
type fields struct {
	*reader
	p               *parser
	s               *state
	outer, assigned map[string]bool
}

// reason explains why a field is not wanted.
func (f *fields) reason(field string) string {
	jsonPathOnly := []string{"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "Result", "ItemsPath",
		"SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "MaxConcurrencyPath", "ErrorPath", "CausePath"}
	jsonataOnly := []string{"Arguments", "Output", "Items"}
	switch {
	case f.s.jsonata && slices.Contains(jsonPathOnly, field):
		return "is a field of JSONPath states, but this state's query language is JSONata"
	case !f.s.jsonata && slices.Contains(jsonataOnly, field):
		return "is a field of JSONata states, but this state's query language is JSONPath"
	}
	return fmt.Sprintf("is not a field of a %s state", f.s.kind)
}

func (f *fields) transition() {
	f.s.next, f.s.end = f.text("Next"), f.boolean("End")
	switch {
	case f.s.next != "" && f.s.end:
		f.problem("Next", "cannot be there together with End")
	case f.s.next == "" && !f.s.end:
		f.problem("", "must have Next, or End: true")
	}
}

// payload compiles a field of the state's query language.
func (f *fields) payload(field string, objectOnly bool) template {
	v, ok := f.take(field)
	if !ok {
		return nil
	}
	return f.compile(field, v, objectOnly)
}

func (f *fields) compile(field string, v any, objectOnly bool) template {
	if f.s.jsonata {
		t, err := compileJSONata(field, v)
		if err != nil {
			f.problem("", "%v", err)
			return nil
		}
		if _, isObject := v.(map[string]any); objectOnly && !isObject {
			if _, dynamic := t.(*expression); !dynamic {
				f.problem(field, "must be an object or a JSONata expression, but is %s", typeName(v))
			}
		}
		return t
	}
	if _, isObject := v.(map[string]any); objectOnly && !isObject {
		f.problem(field, "must be an object, but is %s", typeName(v))
		return nil
	}
	t, err := compileJSONPath(v)
	if err != nil {
		f.problem(field, "%v", err)
		return nil
	}
	return t
}

// path reads InputPath, OutputPath or ResultPath.
func (f *fields) path(field string, reference bool) *dataPath {
	v, ok := f.take(field)
	if !ok {
		return nil
	}
	if v == nil {
		return &dataPath{discard: true}
	}
	s, isString := v.(string)
	if !isString {
		f.problem(field, "must be a path or null, but is %s", typeName(v))
		return nil
	}
	p, err := parsePath(s)
	if err != nil {
		f.problem(field, "%v", err)
		return nil
	}
	if reference && !p.reference() {
		f.problem(field, "must be a reference path ($, $.a.b, $['a'][0]), but is %q", s)
		return nil
	}
	return &dataPath{template: pathTemplate{path: p, field: field}, path: p}
}

// dynamic reads a number or text that may also come from a path (field+"Path",
// JSONPath) or an expression (JSONata). check validates literals.
func (f *fields) dynamic(field string, check func(v any) string) template {
	v, ok := f.take(field)
	var t template
	if ok {
		if s, isString := v.(string); isString && f.s.jsonata {
			if src, isExpr := jsonataSource(s); isExpr {
				t, err := compileExpression(field, src)
				if err != nil {
					f.problem("", "%v", err)
				}
				return t
			}
		}
		if wrong := check(v); wrong != "" {
			f.problem(field, "%s, but is %s", wrong, text(v))
		}
		t = literal{v}
	}
	if f.s.jsonata {
		return t
	}
	p, has := f.take(field + "Path")
	if !has {
		return t
	}
	if ok {
		f.problem(field+"Path", "cannot be there together with %s", field)
	}
	s, isString := p.(string)
	if !isString {
		f.problem(field+"Path", "must be a path, but is %s", typeName(p))
		return nil
	}
	t, err := compileDynamic(field+"Path", s)
	if err != nil {
		f.problem(field+"Path", "%v", err)
	}
	return t
}

func wholeNumber(low, high int64) func(any) string {
	return func(v any) string {
		if i, ok := integer(v); !ok || i < low || i > high {
			return "must be " + wholeRange(low, high)
		}
		return ""
	}
}

func wholeRange(low, high int64) string {
	return fmt.Sprintf("a whole number from %d to %d", low, high)
}

func isText(v any) string {
	if _, ok := v.(string); !ok {
		return "must be a string"
	}
	return ""
}

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]{0,79}$`)

// assignments compiles an Assign field.
func (f *fields) assignments(r *reader) template {
	v, ok := r.take("Assign")
	if !ok {
		return nil
	}
	m, isObject := v.(map[string]any)
	if !isObject {
		r.problem("Assign", "must be an object, but is %s", typeName(v))
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := k
		if !f.s.jsonata {
			name = strings.TrimSuffix(k, ".$")
		}
		switch {
		case name == "states":
			r.problem("Assign", "the name \"states\" is reserved")
		case !variableName.MatchString(name):
			r.problem("Assign", "%q is not a variable name (a letter, then letters, digits and underscores; at most 80 characters)", name)
		case f.outer[name]:
			r.problem("Assign", "%q is a variable of an outer scope: a branch or iteration cannot assign it", name)
		}
	}
	inner := *f
	inner.reader = r
	if t := inner.compile("Assign", m, true); t != nil {
		return t
	}
	return nil
}

// collectAssigned adds the variables that a state assigns in its own scope.
func collectAssigned(v any, into map[string]bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if a, ok := m["Assign"].(map[string]any); ok {
		for k := range a {
			into[strings.TrimSuffix(k, ".$")] = true
		}
	}
	for _, field := range []string{"Catch", "Choices"} {
		list, _ := m[field].([]any)
		for _, e := range list {
			collectAssigned(e, into)
		}
	}
}
