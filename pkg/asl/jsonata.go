package asl

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/recolabs/gnata"
)

// expression is a compiled JSONata expression. gnata's expressions may be
// evaluated from several goroutines.
type expression struct {
	src     string
	field   string
	program *gnata.Expression
	names   []string // the $names it mentions, each once
	context bool     // it may look at $states.context
}

var (
	nameInExpression   = regexp.MustCompile(`\$([\p{L}_][\p{L}\p{N}_]*)`)
	statesInExpression = regexp.MustCompile(`\$states\b(\s*\.\s*[A-Za-z]+)?`)
)

func compileExpression(field, src string) (template, error) {
	if src == "" {
		return nil, fmt.Errorf("%s: the JSONata expression is empty", field)
	}
	program, err := gnata.Compile(src)
	if err != nil {
		return nil, fmt.Errorf("%s: the JSONata expression '%s' does not parse: %w", field, src, err)
	}
	e := &expression{src: src, field: field, program: program}
	for _, m := range nameInExpression.FindAllStringSubmatch(src, -1) {
		if !slices.Contains(e.names, m[1]) {
			e.names = append(e.names, m[1])
		}
	}
	for _, m := range statesInExpression.FindAllStringSubmatch(src, -1) {
		switch strings.Trim(m[1], ". \t\r\n") {
		case "input", "result", "errorOutput":
		default:
			e.context = true
		}
	}
	return e, nil
}

// eval binds only what the expression mentions: $states, variables, and the
// functions that AWS adds or that must follow the execution's clock and seed.
func (e *expression) eval(v *view) (any, error) {
	vars := make(map[string]any, len(e.names))
	for _, name := range e.names {
		if name == "states" {
			vars[name] = e.states(v)
		} else if value, ok := v.vars.get(name); ok {
			vars[name] = toJSONata(value)
		} else if f, ok := v.rt.function(name); ok {
			vars[name] = f
		}
	}
	out, err := e.program.EvalWithVars(context.Background(), nil, vars)
	if err != nil {
		return nil, e.fail("The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %v", e.src, e.field, err)
	}
	if out == nil {
		return nil, e.fail("The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", e.src, e.field)
	}
	plain, err := fromJSONata(out)
	if err != nil {
		return nil, e.fail("The JSONata expression '%s' specified for the field '%s' returned an unsupported result type: %v.", e.src, e.field, err)
	}
	return plain, nil
}

func (e *expression) states(v *view) map[string]any {
	if !v.converted {
		v.jsonataData, v.converted = toJSONata(v.data), true
	}
	states := map[string]any{"input": v.jsonataData}
	if e.context {
		states["context"] = toJSONata(v.context())
	}
	if v.hasResult {
		states["result"] = toJSONata(v.result)
	}
	if v.hasError {
		states["errorOutput"] = toJSONata(v.failure)
	}
	return states
}

func (e *expression) fail(format string, args ...any) error {
	return &evalError{name: ErrQueryEvaluation, cause: fmt.Sprintf(format, args...), location: e.field}
}

// wrongType is the error of a field whose value has the wrong type or range;
// JSONata fields fail with States.QueryEvaluationError, JSONPath fields with
// States.Runtime.
func wrongType(t template, field, want string, got any) error {
	if e, ok := t.(*expression); ok {
		return e.fail("The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s", e.src, e.field, want, typeName(got), text(got))
	}
	return runtimeError("The value of the field '%s' must be %s, but was the %s %s", field, want, typeName(got), text(got))
}
