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

	result, errorOutput bool // it looks at $states.result, $states.errorOutput
}

var (
	nameInExpression   = regexp.MustCompile(`\$([\p{L}_][\p{L}\p{N}_]*)`)
	statesInExpression = regexp.MustCompile(`\$states\b(\s*\.\s*[A-Za-z]+)?`)
)

// expressionError is an expression that AWS does not accept.
type expressionError struct {
	field, code, message string
}

func (e *expressionError) Error() string { return e.field + ": " + e.message }

func compileExpression(field, src string) (template, error) {
	if src == "" {
		return nil, &expressionError{field, invalidExpression, "Unexpected end of expression"}
	}
	if tooDeep(src) {
		return nil, &expressionError{field, invalidExpression, "The expression is nested too deeply"}
	}
	program, err := gnata.Compile(src)
	if err != nil {
		return nil, &expressionError{field, invalidExpression, parserMessage(err)}
	}
	for _, name := range topLevelReferences(src) {
		return nil, &expressionError{field, unsupportedExpression, fmt.Sprintf("Reference to '%s' at the top level is not supported.", name)}
	}
	e := &expression{src: src, field: field, program: program}
	for _, m := range nameInExpression.FindAllStringSubmatch(src, -1) {
		if !slices.Contains(e.names, m[1]) {
			e.names = append(e.names, m[1])
		}
	}
	for _, m := range statesInExpression.FindAllStringSubmatch(src, -1) {
		switch strings.Trim(m[1], ". \t\r\n") {
		case "input":
		case "result":
			e.result = true
		case "errorOutput":
			e.errorOutput = true
		default:
			e.context = true
		}
	}
	return e, nil
}

// Bounds on one expression, far beyond what AWS evaluates: gnata needs time that
// grows with the square of both.
const (
	maxBrackets = 1_000  // open at a time
	maxSteps    = 10_000 // dots
)

// tooDeep says whether an expression is beyond the bounds.
func tooDeep(src string) bool {
	open, steps := 0, 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"', '\'':
			if end := closingQuote(src[i:]); end > 0 {
				i += end
			}
		case '(', '[', '{':
			if open++; open > maxBrackets {
				return true
			}
		case ')', ']', '}':
			open--
		case '.':
			if steps++; steps > maxSteps {
				return true
			}
		}
	}
	return false
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
	if same(out, v.data) {
		return v.data, nil
	}
	plain, err := fromJSONata(out)
	if err != nil {
		return nil, e.fail("The JSONata expression '%s' specified for the field '%s' returned an unsupported result type: %v.", e.src, e.field, err)
	}
	return plain, nil
}

// same says that a result is an object that was given, unchanged.
func same(out, given any) bool {
	o, isObject := given.(*object)
	if !isObject {
		return false
	}
	converted := o.jsonata.Load()
	_, isMap := out.(orderedMap)
	return converted != nil && isMap && *converted == out
}

func (e *expression) states(v *view) map[string]any {
	if !v.forJSONata.done {
		*v.forJSONata = converted{toJSONata(v.data), true}
	}
	states := map[string]any{"input": v.forJSONata.value}
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
	const dateTime = "ISO-8601 extended offset date-time format string"
	shown := text(got)
	if s, isText := got.(string); isText {
		shown = s
	}
	if n, ok := t.(numericText); ok {
		t = n.template
	}
	if e, ok := t.(*expression); ok {
		if _, isText := got.(string); isText && field == "Timestamp" {
			return e.fail("The Timestamp field cannot be parsed as an %s: %s", dateTime, shown)
		}
		if _, isNumber := number(got); !isNumber && strings.HasPrefix(want, "a whole number") {
			want = "number"
		}
		return e.fail("The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s", e.src, e.field, want, typeName(got), text(got))
	}
	if p, ok := t.(pathTemplate); ok {
		switch field {
		case "TimestampPath":
			return runtimeError("The TimestampPath parameter does not reference a valid %s: %s == %s", dateTime, p.path.src, shown)
		case "SecondsPath":
			if _, isNumber := number(got); !isNumber {
				return runtimeError("The SecondsPath parameter cannot be parsed as a long value: %s == %s", p.path.src, shown)
			}
			return runtimeError("The SecondsPath parameter does not reference an integer value: %s == %s", p.path.src, shown)
		}
		if cause := wrongMapNumber(field, got, shown, p.path.src); cause != "" {
			return &evalError{name: ErrRuntime, bare: true, cause: cause}
		}
	}
	return runtimeError("The value of the field '%s' must be %s, but was the %s %s", field, want, typeName(got), text(got))
}

// wrongMapNumber is what AWS says of a number of a Map that a path leads to.
func wrongMapNumber(field string, got any, shown, path string) string {
	kind := "integer"
	_, valid := integer(got)
	switch field {
	case "ToleratedFailurePercentagePath":
		kind = "float"
		_, valid = number(got)
	case "MaxConcurrencyPath", "ToleratedFailureCountPath", "MaxItemsPath":
	default:
		return ""
	}
	switch {
	case !valid:
		return fmt.Sprintf("The %s field refers to value \"%s\" which is not a valid %s: %s", field, shown, kind, path)
	case field == "MaxConcurrencyPath":
		return fmt.Sprintf("Expected non-negative integer for MaxConcurrency, got '%s' instead.", shown)
	case field == "ToleratedFailureCountPath":
		return "ToleratedFailureCount cannot be negative."
	case field == "ToleratedFailurePercentagePath":
		return "ToleratedFailurePercentage must be between 0 and 100."
	}
	return ""
}

// parserMessage is the parser's message without its error code.
func parserMessage(err error) string {
	message := err.Error()
	if code, text, ok := strings.Cut(message, ": "); ok && len(code) == 5 {
		return text
	}
	return message
}

// reachable refuses $states.result where no state has a result, and
// $states.errorOutput outside of Catch: AWS has no such fields there.
func reachable(t template, result, errorOutput bool) error {
	switch t := t.(type) {
	case *expression:
		switch {
		case t.result && !result:
			return &expressionError{t.field, unsupportedExpression, "Field '$states.result' does not exist."}
		case t.errorOutput && !errorOutput:
			return &expressionError{t.field, unsupportedExpression, "Field '$states.errorOutput' does not exist."}
		}
	case arrayTemplate:
		for _, e := range t {
			if err := reachable(e, result, errorOutput); err != nil {
				return err
			}
		}
	case objectTemplate:
		for _, e := range t.values {
			if err := reachable(e, result, errorOutput); err != nil {
				return err
			}
		}
	}
	return nil
}
