package asl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fields reads the fields of one state.
type fields struct {
	*reader
	p               *parser
	s               *state
	outer, assigned map[string]bool
	prefix          string // of the names of fields in causes: Choices[1]/
	inCatch         bool   // $states.errorOutput is there
}

// within reads the fields of an object in the state, like an entry of Catch.
func (f *fields) within(r *reader) *fields {
	inner := *f
	inner.reader = r
	inner.prefix = strings.TrimPrefix(strings.TrimPrefix(r.at, f.root()), "/") + "/"
	return &inner
}

// root is the location of the state.
func (f *fields) root() string {
	return strings.TrimSuffix(f.at, "/"+strings.TrimSuffix(f.prefix, "/"))
}

var (
	jsonPathOnly = []string{"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "Result", "ItemsPath",
		"SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "MaxConcurrencyPath", "ErrorPath", "CausePath",
		"ToleratedFailureCountPath", "ToleratedFailurePercentagePath", "MaxItemsPath", "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath",
		"Variable"}
	jsonataOnly = []string{"Arguments", "Output", "Items", "Condition"}
)

// reason explains why a field is not wanted.
func (f *fields) reason(field string) string {
	switch {
	case f.s.jsonata && slices.Contains(jsonPathOnly, field) && f.known(field):
		return fmt.Sprintf("The QueryLanguage is set to 'JSONata', but field '%s' is only supported for the 'JSONPath' QueryLanguage", field)
	case !f.s.jsonata && slices.Contains(jsonataOnly, field) && f.known(field):
		return fmt.Sprintf("The QueryLanguage is set to 'JSONPath', but field '%s' is only supported for the 'JSONata' QueryLanguage", field)
	}
	return unknownField(field)
}

// known says whether this type of state has the field in the other query
// language.
func (f *fields) known(field string) bool {
	in := func(kinds ...kind) bool { return slices.Contains(kinds, f.s.kind) }
	switch field {
	case "InputPath", "OutputPath", "Output":
		return f.s.kind != kindFail
	case "ResultPath", "Parameters":
		return in(kindPass, kindTask, kindParallel, kindMap)
	case "ResultSelector":
		return in(kindTask, kindParallel, kindMap)
	case "Result":
		return in(kindPass)
	case "Arguments":
		return in(kindTask, kindParallel) || f.prefix != ""
	case "SecondsPath", "TimestampPath":
		return in(kindWait)
	case "TimeoutSecondsPath", "HeartbeatSecondsPath":
		return in(kindTask)
	case "ErrorPath", "CausePath":
		return in(kindFail)
	case "Variable", "Condition":
		return in(kindChoice)
	}
	return in(kindMap)
}

func (f *fields) transition() {
	f.s.next, f.s.end = f.nonEmpty("Next"), f.boolean("End")
	switch {
	case f.has("Next") && f.s.end:
		f.problem("", "There should only be one of the following fields: [Next, End]")
	case !f.has("Next") && !f.s.end:
		f.problem("", "This object should have only one of the following fields: [Next, End]")
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
	_, isObject := members(v)
	if f.s.jsonata {
		t, err := f.jsonataTemplate(field, v)
		if err != nil {
			f.badExpression(err)
			return nil
		}
		if _, dynamic := t.(*expression); objectOnly && !isObject && !dynamic {
			f.problem(field, "Expected value of type Object")
			return nil
		}
		return t
	}
	if objectOnly && !isObject {
		f.problem(field, "Expected value of type Object")
		return nil
	}
	t, err := compileJSONPath(v)
	if err != nil {
		f.problem(field, "%v", err)
		return nil
	}
	f.warnOfMissingDollars(field, v)
	return t
}

// jsonataTemplate compiles a field of a JSONata state.
func (f *fields) jsonataTemplate(field string, v any) (template, error) {
	t, err := compileJSONata(f.prefix+field, v)
	if err != nil {
		return nil, err
	}
	result := false
	switch f.s.kind {
	case kindTask, kindParallel, kindMap:
		result = f.prefix == "" && (field == "Output" || field == "Assign")
	}
	return t, reachable(t, result, f.inCatch)
}

// badExpression notes what is wrong with a JSONata expression.
func (f *fields) badExpression(err error) {
	e := (*expressionError)(nil)
	if !errors.As(err, &e) {
		e = &expressionError{code: invalidExpression, message: err.Error()}
	}
	at := *f.reader
	at.at = f.root()
	at.note(SeverityError, e.code, e.field, "%s", e.message)
}

// warnOfMissingDollars notes texts in a payload template that look like paths.
func (f *fields) warnOfMissingDollars(field string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			f.warnOfMissingDollars(field, e)
		}
	case *object:
		for _, k := range v.keys {
			s, isString := v.values[k].(string)
			if isString && !strings.HasSuffix(k, ".$") && (strings.HasPrefix(s, "$.") || strings.HasPrefix(s, "$$.") || intrinsicLike(s)) {
				f.note(SeverityWarning, noDollar, field, "The field '%s' appears to be a JSONPath or an intrinsic function, but its name does not end with '.$'", k)
			}
			f.warnOfMissingDollars(field, v.values[k])
		}
	}
}

func intrinsicLike(s string) bool {
	return strings.HasPrefix(s, "States.") && strings.HasSuffix(s, ")")
}

const notReference = "Value is not a Reference Path"

// path reads InputPath, OutputPath or ResultPath; reference asks for a
// reference path.
func (f *fields) path(field string, reference func(p *path) bool) *dataPath {
	v, ok := f.take(field)
	if !ok {
		return nil
	}
	if v == nil {
		return &dataPath{discard: true}
	}
	s, isString := v.(string)
	if !isString {
		f.problem(field, "Expected value of type String")
		return nil
	}
	p, err := parsePath(s)
	if err != nil {
		f.problem(field, "Value must be a valid JSONPath.")
		return nil
	}
	if reference != nil && !reference(p) {
		f.problem(field, notReference)
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
			e, err := f.jsonataTemplate(field, s)
			if err != nil {
				f.badExpression(err)
				return nil
			}
			if _, isExpression := e.(*expression); isExpression {
				return e
			}
		}
		if wrong := check(v); wrong != "" {
			f.problem(field, "%s", wrong)
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
	s, isString := p.(string)
	if !isString {
		f.problem(field+"Path", "Expected value of type String")
		return nil
	}
	f.atMostOne(field, field+"Path")
	return f.dynamicPath(field+"Path", s)
}

// dynamicPath compiles a field that ends with Path: a reference path, and for
// ErrorPath and CausePath also an intrinsic function.
func (f *fields) dynamicPath(field, s string) template {
	if f.s.kind == kindFail && strings.HasPrefix(s, "States.") {
		t, err := compileIntrinsic(s)
		if err != nil {
			f.problem(field, "Value must be a valid JSONPath or a valid intrinsic function call")
			return nil
		}
		return t
	}
	p, err := parsePath(s)
	if err != nil {
		f.problem(field, "Value must be a valid JSONPath.")
		return nil
	}
	if !p.plain() {
		f.problem(field, notReference)
		return nil
	}
	return pathTemplate{path: p, field: field}
}

// maxVariableName is the number of characters that AWS allows.
const maxVariableName = 80

// assignments compiles an Assign field.
func (f *fields) assignments(r *reader) template {
	v, ok := r.take("Assign")
	if !ok {
		return nil
	}
	if _, isObject := members(v); !isObject {
		r.problem("Assign", "Expected value of type Object")
		return nil
	}
	for _, k := range keysOf(v) {
		name := k
		if !f.s.jsonata {
			name = strings.TrimSuffix(k, ".$")
		}
		switch {
		case name == "states":
			r.note(SeverityError, reservedVariableName, "Assign", "Cannot assign to reserved variable '$states'.")
		case utf8.RuneCountInString(name) > maxVariableName:
			r.note(SeverityError, invalidVariableName, "Assign", "Invalid variable name '%s': the variable name exceeds the %d-character limit.", name, maxVariableName)
		case !isVariableName(name):
			r.note(SeverityError, invalidVariableName, "Assign", "Invalid variable name '%s': the variable name contains invalid characters.", name)
		case f.outer[name]:
			r.note(SeverityError, invalidVariableName, "Assign", "Invalid variable name '%s': the variable is assigned in an outer scope.", name)
		}
	}
	inner := f
	if r != f.reader {
		inner = f.within(r)
	}
	if t := inner.compile("Assign", v, true); t != nil {
		return t
	}
	return nil
}

// isVariableName follows Unicode's rule for identifiers.
func isVariableName(name string) bool {
	for i, r := range name {
		start := unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || r == '_'
		if !start && (i == 0 || !unicode.IsDigit(r) && !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc)) {
			return false
		}
	}
	return name != ""
}

// collectAssigned adds the variables that a state assigns in its own scope.
func collectAssigned(v any, into map[string]bool) {
	m, ok := members(v)
	if !ok {
		return
	}
	if a, ok := members(m["Assign"]); ok {
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
