package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// reader takes the fields out of one object of the definition and notes what
// is wrong with them, in AWS's words. Fields that nobody took are unknown.
type reader struct {
	at    string // location of the object: /States/Wait; empty for the whole
	m     map[string]any
	keys  []string
	taken map[string]bool
	errs  *[]Diagnostic
}

func newReader(at string, v any, errs *[]Diagnostic) (*reader, bool) {
	r := &reader{at: at, taken: map[string]bool{}, errs: errs}
	m, ok := members(v)
	if !ok {
		r.problem("", "Expected value of type Object")
		return nil, false
	}
	r.m, r.keys = m, keysOf(v)
	return r, true
}

// note adds a diagnostic. field "" is the object itself.
func (r *reader) note(severity Severity, code, field, format string, args ...any) {
	at := r.at
	if field != "" {
		at += "/" + field
	}
	if at == "" {
		at = "/"
	}
	*r.errs = append(*r.errs, Diagnostic{severity, code, fmt.Sprintf(format, args...), at})
}

// problem notes what the schema does not allow.
func (r *reader) problem(field, format string, args ...any) {
	r.note(SeverityError, schemaFailed, field, format, args...)
}

func (r *reader) has(field string) bool {
	_, ok := r.m[field]
	return ok
}

func (r *reader) take(field string) (any, bool) {
	v, ok := r.m[field]
	r.taken[field] = true
	return v, ok
}

func (r *reader) text(field string) string {
	v, ok := r.take(field)
	if !ok {
		return ""
	}
	s, isString := v.(string)
	if !isString {
		r.problem(field, "Expected value of type String")
	}
	return s
}

// require notes which of the fields are missing.
func (r *reader) require(fields ...string) {
	var missing []string
	for _, f := range fields {
		if !r.has(f) {
			missing = append(missing, f)
		}
	}
	if len(missing) > 0 {
		r.problem("", "These fields are required: [%s]", strings.Join(missing, ", "))
	}
}

// required is text for a field that must be there and not be empty.
func (r *reader) required(field string) string {
	r.require(field)
	return r.nonEmpty(field)
}

// nonEmpty is text for a field that must not be empty if it is there.
func (r *reader) nonEmpty(field string) string {
	s := r.text(field)
	if v, isString := r.m[field].(string); isString && v == "" {
		r.problem(field, "Value cannot be empty")
	}
	return s
}

// atMostOne notes that more than one of the fields is there; exactlyOne also
// that none is. They return how many are.
func (r *reader) atMostOne(fields ...string) int {
	n := 0
	for _, f := range fields {
		if r.has(f) {
			n++
		}
	}
	if n > 1 {
		r.problem("", "There should only be one of the following fields: [%s]", strings.Join(fields, ", "))
	}
	return n
}

func (r *reader) exactlyOne(fields ...string) {
	if r.atMostOne(fields...) == 0 {
		r.problem("", "This object should have only one of the following fields: [%s]", strings.Join(fields, ", "))
	}
}

func (r *reader) boolean(field string) bool {
	v, ok := r.take(field)
	if !ok {
		return false
	}
	b, isBool := v.(bool)
	if !isBool {
		r.problem(field, "Expected value of type Boolean")
	}
	return b
}

// choice reads a text that must be one of values.
func (r *reader) oneOf(field string, values ...string) string {
	v, ok := r.take(field)
	if !ok {
		return ""
	}
	s, isString := v.(string)
	if !isString || !slices.Contains(values, s) {
		r.problem(field, "Value should be one of the following: [%s]", strings.Join(values, ", "))
		return ""
	}
	return s
}

// list returns the elements of an array field; absent and wrong ones are nil.
func (r *reader) list(field string) []any {
	v, ok := r.take(field)
	if !ok {
		return nil
	}
	a, isArray := v.([]any)
	if !isArray {
		r.problem(field, "Expected value of type Array")
	}
	return a
}

// filled is list for an array that must be there and not be empty.
func (r *reader) filled(field string) []any {
	r.require(field)
	a := r.list(field)
	if v, isArray := r.m[field].([]any); isArray && len(v) == 0 {
		r.problem(field, "Value cannot be empty")
	}
	return a
}

// integer returns a whole number from low to high, or otherwise what is given.
func (r *reader) integer(field string, low, high, otherwise int64) int64 {
	v, ok := r.take(field)
	if !ok {
		return otherwise
	}
	if wrong := wholeNumber(low, high)(v); wrong != "" {
		r.problem(field, "%s", wrong)
		return otherwise
	}
	i, _ := integer(v)
	return i
}

// wholeNumber checks literals of number fields.
func wholeNumber(low, high int64) func(any) string {
	return func(v any) string {
		f, ok := number(v)
		_, isNumber := v.(json.Number)
		switch {
		case !ok || !isNumber || f != math.Trunc(f):
			return "Expected value of type Integer"
		case f < float64(low):
			return fmt.Sprintf("Minimum value is %d", low)
		case f > float64(high):
			return fmt.Sprintf("Maximum value is %d", high)
		}
		return ""
	}
}

func wholeRange(low, high int64) string {
	return fmt.Sprintf("a whole number from %d to %d", low, high)
}

func isText(v any) string {
	if _, ok := v.(string); !ok {
		return "Expected value of type String"
	}
	return ""
}

// unknown reports the fields that were not taken, for the reason given.
func (r *reader) unknown(reason func(field string) string) {
	for _, k := range r.keys {
		if !r.taken[k] {
			r.problem("", "%s", reason(k))
		}
	}
}

func unknownField(field string) string { return fmt.Sprintf("Field '%s' is not supported", field) }
