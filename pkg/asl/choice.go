package asl

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// choice is one rule of a Choice state.
type choice struct {
	next   string
	when   condition
	assign template
	output template // JSONata
}

// condition is a boolean test on what a view shows.
type condition interface {
	holds(v *view) (bool, error)
}

func (f *fields) choice() {
	s := f.s
	f.common()
	s.assign = f.assignments(f.reader)
	s.byDefault = f.nonEmpty("Default")
	for _, r := range f.readers("Choices", f.filled("Choices")) {
		inner := f.within(r)
		c := &choice{next: r.required("Next"), assign: inner.assignments(r)}
		if s.jsonata {
			c.output = inner.payload("Output", false)
			c.when = inner.jsonataCondition()
		} else {
			c.when = inner.rule()
		}
		r.text("Comment")
		r.unknown(inner.reason)
		s.choices = append(s.choices, c)
	}
}

// jsonataTest is Condition.
type jsonataTest struct {
	template
	field string
}

func (f *fields) jsonataCondition() condition {
	f.require("Condition")
	v, ok := f.take("Condition")
	if !ok {
		return nil
	}
	t := f.compile("Condition", v, false)
	if l, isLiteral := t.(literal); isLiteral {
		if _, isBool := l.v.(bool); !isBool {
			f.problem("Condition", "Expected value of type Boolean")
		}
	}
	return jsonataTest{t, f.prefix + "Condition"}
}

func (t jsonataTest) holds(v *view) (bool, error) {
	out, err := t.eval(v)
	if err != nil {
		return false, err
	}
	b, ok := out.(bool)
	if !ok {
		return false, wrongType(t.template, t.field, "boolean", out)
	}
	return b, nil
}

type allOf []condition
type anyOf []condition
type not struct{ condition }

func (c allOf) holds(v *view) (bool, error) {
	for _, e := range c {
		if ok, err := e.holds(v); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (c anyOf) holds(v *view) (bool, error) {
	for _, e := range c {
		if ok, err := e.holds(v); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func (c not) holds(v *view) (bool, error) {
	ok, err := c.condition.holds(v)
	return !ok && err == nil, err
}

// rule reads a JSONPath rule: And, Or, Not, or a Variable with one operator.
func (f *fields) rule() condition {
	given := 0
	for _, field := range []string{"And", "Or", "Not", "Variable", "Condition"} {
		if f.has(field) {
			given++
		}
	}
	if given != 1 {
		f.problem("", "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]")
	}
	switch {
	case f.has("And"):
		return allOf(f.rules("And"))
	case f.has("Or"):
		return anyOf(f.rules("Or"))
	case f.has("Not"):
		v, _ := f.take("Not")
		if r, ok := newReader(f.at+"/Not", v, f.p.errs); ok {
			return not{f.inner(r)}
		}
		return nil
	case f.has("Variable"):
		return f.comparison()
	}
	return nil
}

func (f *fields) rules(field string) []condition {
	var all []condition
	for _, r := range f.readers(field, f.filled(field)) {
		all = append(all, f.inner(r))
	}
	return all
}

func (f *fields) inner(r *reader) condition {
	inner := *f
	inner.reader = r
	c := inner.rule()
	r.text("Comment")
	r.unknown(unknownField)
	return c
}

// comparison is a Variable with one operator.
type comparison struct {
	variable *path
	operator string
	test     func(got, want any) bool
	want     any
	wantPath *path // of operators that end with Path
}

func (f *fields) comparison() condition {
	c := &comparison{variable: f.referencePath("Variable")}
	var given []string
	for _, name := range f.keys {
		op, known := operators[strings.TrimSuffix(name, "Path")]
		if !known || strings.HasSuffix(name, "Path") && op.literalOnly {
			continue
		}
		given = append(given, name)
		c.operator, c.test = name, op.test
		if strings.HasSuffix(name, "Path") {
			c.wantPath = f.referencePath(name)
			continue
		}
		v, _ := f.take(name)
		if c.want = v; !op.accepts(v) {
			f.problem(name, "%s", op.wants)
		}
	}
	if len(given) != 1 {
		f.problem("", "There should only be one of the following fields: [%s]", strings.Join(comparisonFields(), ", "))
	}
	return c
}

// referencePath reads a path that names one value.
func (f *fields) referencePath(field string) *path {
	v, _ := f.take(field)
	s, isString := v.(string)
	if !isString {
		f.problem(field, "Expected value of type String")
		return nil
	}
	p, err := parsePath(s)
	switch {
	case err != nil:
		f.problem(field, "Value is not a Reference Path: %v", err)
	case !p.plain():
		f.problem(field, notReference)
	}
	return p
}

func (c *comparison) holds(v *view) (bool, error) {
	got, err := c.variable.lookup(v)
	missing := errors.Is(err, errNotFound)
	switch {
	case c.operator == "IsPresent":
		return !missing == c.want.(bool), nil
	case missing:
		return false, runtimeError("Invalid path '%s': The choice state's condition path references an invalid value.", c.variable.src)
	case err != nil:
		return false, err
	}
	want := c.want
	if c.wantPath != nil {
		if want, err = c.wantPath.lookup(v); err != nil {
			return false, runtimeError("Invalid path '%s': The choice state's condition path references an invalid value.", c.wantPath.src)
		}
	}
	return c.test(got, want), nil
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)

// parseTimestamp reads the form of RFC 3339 that AWS accepts: T and Z in upper
// case, nine digits of a second at most.
func parseTimestamp(s string) (time.Time, error) {
	if !rfc3339.MatchString(s) {
		return time.Time{}, fmt.Errorf("%q is not a timestamp like 2026-08-01T12:00:00Z", s)
	}
	return time.Parse(time.RFC3339Nano, s)
}
