package asl

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problem is one thing wrong with a definition.
type Problem struct {
	Path    string // where, as a JSONPath: $.States['Wait'].Seconds
	Message string
}

// DefinitionError is what Parse returns: all problems that were found.
type DefinitionError struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *DefinitionError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asl: the definition has %d problem(s)", len(e.Problems))
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n  %s: %s", p.Path, p.Message)
	}
	return b.String()
}

// reader takes the fields out of one object of the definition and notes what
// is wrong with them. Fields that nobody took are unknown.
type reader struct {
	at    string
	m     map[string]any
	taken map[string]bool
	errs  *[]Problem
}

func newReader(at string, v any, errs *[]Problem) (*reader, bool) {
	r := &reader{at: at, taken: map[string]bool{}, errs: errs}
	m, ok := v.(map[string]any)
	if !ok {
		r.problem("", "must be an object, but is %s", typeName(v))
		return nil, false
	}
	r.m = m
	return r, true
}

func (r *reader) problem(field, format string, args ...any) {
	at := r.at
	if field != "" {
		at += "." + field
	}
	*r.errs = append(*r.errs, Problem{at, fmt.Sprintf(format, args...)})
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
		r.problem(field, "must be a string, but is %s", typeName(v))
	}
	return s
}

func (r *reader) required(field string) string {
	if !r.has(field) {
		r.taken[field] = true
		r.problem(field, "is missing")
		return ""
	}
	s := r.text(field)
	if _, isString := r.m[field].(string); isString && s == "" {
		r.problem(field, "must not be empty")
	}
	return s
}

func (r *reader) boolean(field string) bool {
	v, ok := r.take(field)
	if !ok {
		return false
	}
	b, isBool := v.(bool)
	if !isBool {
		r.problem(field, "must be true or false, but is %s", typeName(v))
	}
	return b
}

// list returns the elements of an array field; absent and wrong ones are nil.
func (r *reader) list(field string) []any {
	v, ok := r.take(field)
	if !ok {
		return nil
	}
	a, isArray := v.([]any)
	if !isArray {
		r.problem(field, "must be an array, but is %s", typeName(v))
	}
	return a
}

// integer returns a whole number from low to high, or otherwise what is given.
func (r *reader) integer(field string, low, high, otherwise int64) int64 {
	v, ok := r.take(field)
	if !ok {
		return otherwise
	}
	n, isInt := v.(json.Number)
	i, whole := integer(n)
	if !isInt || !whole || i < low || i > high {
		r.problem(field, "must be a whole number from %d to %d, but is %s", low, high, text(v))
		return otherwise
	}
	return i
}

// unknown reports the fields that were not taken. allowed names those that are
// known elsewhere, with the reason why they are not wanted here.
func (r *reader) unknown(reason func(field string) string) {
	for _, k := range slices.Sorted(maps.Keys(r.m)) {
		if !r.taken[k] {
			r.problem(k, "%s", reason(k))
		}
	}
}

func unknownField(string) string { return "is not a known field here" }
