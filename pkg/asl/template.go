package asl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// template is a field whose value may depend on the execution: a literal, a
// path, an intrinsic function, a JSONata expression, or arrays and objects of
// those.
type template interface {
	eval(v *view) (any, error)
}

// view is what a template sees.
type view struct {
	rt      *runtime
	data    any // JSONPath's $, and $states.input
	context func() any
	vars    *variables

	result    any // $states.result
	hasResult bool
	failure   any // $states.errorOutput
	hasError  bool

	forJSONata *converted // data for JSONata, made once
}

// converted is data in gnata's form, when somebody has asked for it.
type converted struct {
	value any
	done  bool
}

// evalError is a template that could not be evaluated, with AWS's error name
// and cause.
type evalError struct {
	name     string
	cause    string
	location string // JSONata: the field, for the EvaluationFailed event
	bare     bool   // the cause does not name the state
}

func (e *evalError) Error() string { return e.name + ": " + e.cause }

func runtimeError(format string, args ...any) error {
	return &evalError{name: ErrRuntime, cause: fmt.Sprintf(format, args...)}
}

type literal struct{ v any }

func (l literal) eval(*view) (any, error) { return l.v, nil }

type arrayTemplate []template

func (t arrayTemplate) eval(v *view) (any, error) {
	out := make([]any, len(t))
	for i, e := range t {
		w, err := e.eval(v)
		if err != nil {
			return nil, err
		}
		out[i] = w
	}
	return out, nil
}

type objectTemplate struct {
	keys   []string // in the order of evaluation
	values []template
}

func (t objectTemplate) eval(v *view) (any, error) {
	out := newObject(len(t.keys))
	for i, e := range t.values {
		w, err := e.eval(v)
		if err != nil {
			return nil, err
		}
		out.set(t.keys[i], w)
	}
	return out, nil
}

// pathTemplate is a path in a field: the field's name is for messages.
type pathTemplate struct {
	path  *path
	field string
}

func (t pathTemplate) eval(v *view) (any, error) {
	out, err := t.path.lookup(v)
	if !errors.Is(err, errNotFound) {
		return out, err
	}
	switch t.field {
	case "InputPath", "OutputPath", "ItemsPath":
		return nil, runtimeError("Invalid path '%s' : %v", t.path.src, err)
	case "": // an argument of an intrinsic function
		return nil, runtimeError("The JsonPath argument for the field '%s' could not be found in the input '%s'", t.path.src, text(v.data))
	}
	if missing := (*notFound)(nil); strings.HasSuffix(t.field, ".$") && errors.As(err, &missing) && missing.beyond {
		return nil, nil // AWS makes null of what is beyond the end of an array
	}
	source, where := "input", text(v.data)
	if t.path.context {
		source, where = "context object", text(v.context())
	}
	return nil, runtimeError("The JSONPath '%s' specified for the field '%s' could not be found in the %s '%s'", t.path.src, t.field, source, where)
}

// lookup evaluates the path on the input, the context object or a variable.
func (p *path) lookup(v *view) (any, error) {
	switch {
	case p.context:
		return p.eval(v.context())
	case p.variable != "":
		value, ok := v.vars.get(p.variable)
		if !ok {
			return nil, &notFound{why: "There is no variable $" + p.variable}
		}
		return p.eval(value)
	}
	return p.eval(v.data)
}

// compileJSONPath compiles a payload template: in objects, a key that ends
// with .$ has a path or an intrinsic function as value.
func compileJSONPath(v any) (template, error) {
	if a, isArray := v.([]any); isArray {
		return compileArray(a, compileJSONPath)
	}
	m, isObject := members(v)
	if !isObject {
		return literal{v}, nil
	}
	var t objectTemplate
	constant := true
	dynamic := map[string]template{}
	for _, k := range keysOf(v) {
		name, isDynamic := strings.CutSuffix(k, ".$")
		if isDynamic {
			s, ok := m[k].(string)
			if !ok {
				return nil, &templateError{k}
			}
			if _, clash := m[name]; clash {
				return nil, &templateError{k}
			}
			e, err := compileDynamic(k, s)
			if err != nil {
				return nil, &templateError{k}
			}
			dynamic[name] = e
			continue
		}
		e, err := compileJSONPath(m[k])
		if err != nil {
			return nil, err
		}
		_, isLiteral := e.(literal)
		constant = constant && isLiteral
		t.keys, t.values = append(t.keys, k), append(t.values, e)
	}
	if constant && len(dynamic) == 0 {
		return literal{v}, nil
	}
	// AWS keeps the order of the constant members and puts the others behind
	// them, in the order of a Java HashMap.
	for _, name := range javaHashOrder(slices.Sorted(maps.Keys(dynamic))) {
		t.keys, t.values = append(t.keys, name), append(t.values, dynamic[name])
	}
	return t, nil
}

// templateError is a member of a payload template that is neither a path nor
// an intrinsic function.
type templateError struct{ field string }

func (e *templateError) Error() string {
	return fmt.Sprintf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", e.field)
}

// compileDynamic compiles a path or an intrinsic function.
func compileDynamic(field, s string) (template, error) {
	if isPath(s) {
		p, err := parsePath(s)
		if err != nil {
			return nil, err
		}
		return pathTemplate{path: p, field: field}, nil
	}
	if strings.HasPrefix(s, "States.") {
		return compileIntrinsic(s)
	}
	return nil, fmt.Errorf("%q is neither a path ($...) nor an intrinsic function (States...)", s)
}

// compileJSONata compiles a value in which every string of the form {% ... %}
// is an expression. field is the location for messages.
func compileJSONata(field string, v any) (template, error) {
	switch v := v.(type) {
	case string:
		if src, ok := jsonataSource(v); ok {
			return compileExpression(field, src)
		}
		if strings.HasPrefix(v, "{%") {
			return nil, &expressionError{field: field, code: schemaFailed, message: "JSONata string must start with {% and end with %}"}
		}
	case []any:
		i := -1
		return compileArray(v, func(e any) (template, error) {
			i++
			return compileJSONata(fmt.Sprintf("%s[%d]", field, i), e)
		})
	case *object, map[string]any:
		m, _ := members(v)
		var t objectTemplate
		constant := true
		for _, k := range keysOf(v) {
			e, err := compileJSONata(field+"/"+k, m[k])
			if err != nil {
				return nil, err
			}
			_, isLiteral := e.(literal)
			constant = constant && isLiteral
			t.keys, t.values = append(t.keys, k), append(t.values, e)
		}
		if constant {
			return literal{v}, nil
		}
		return t, nil
	}
	return literal{v}, nil
}

func compileArray(v []any, compile func(any) (template, error)) (template, error) {
	t := make(arrayTemplate, len(v))
	constant := true
	for i, e := range v {
		var err error
		if t[i], err = compile(e); err != nil {
			return nil, err
		}
		_, isLiteral := t[i].(literal)
		constant = constant && isLiteral
	}
	if constant {
		return literal{v}, nil
	}
	return t, nil
}

// jsonataSource returns the expression in "{% expression %}". The whole string
// must have that form: " {% x %}" is text.
func jsonataSource(s string) (string, bool) {
	inner, ok := strings.CutPrefix(s, "{%")
	if !ok {
		return "", false
	}
	if inner, ok = strings.CutSuffix(inner, "%}"); !ok {
		return "", false
	}
	return strings.TrimSpace(inner), true
}
