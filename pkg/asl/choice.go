package asl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
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
	s.byDefault = f.text("Default")
	rules := f.entries("Choices")
	if len(rules) == 0 {
		f.problem("Choices", "must have at least one rule")
	}
	for _, r := range rules {
		inner := *f
		inner.reader = r
		c := &choice{next: r.required("Next"), assign: f.assignments(r)}
		if s.jsonata {
			c.output = inner.payload("Output", false)
			c.when = inner.jsonataCondition()
		} else {
			c.when = inner.rule()
		}
		r.text("Comment")
		r.unknown(func(field string) string {
			if field == "Condition" {
				return "is a field of JSONata states, but this state's query language is JSONPath"
			}
			return "is not a field of a rule here"
		})
		s.choices = append(s.choices, c)
	}
}

// jsonataTest is Condition.
type jsonataTest struct{ template }

func (f *fields) jsonataCondition() condition {
	v, ok := f.take("Condition")
	if !ok {
		f.problem("Condition", "is missing")
		return nil
	}
	t := f.compile("Condition", v, false)
	if l, isLiteral := t.(literal); isLiteral {
		if _, isBool := l.v.(bool); !isBool {
			f.problem("Condition", "must be true, false or a JSONata expression, but is %s", text(v))
		}
	}
	return jsonataTest{t}
}

func (t jsonataTest) holds(v *view) (bool, error) {
	out, err := t.eval(v)
	if err != nil {
		return false, err
	}
	b, ok := out.(bool)
	if !ok {
		return false, wrongType(t.template, "Condition", "boolean", out)
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
	switch {
	case f.has("And"), f.has("Or"):
		field := "And"
		if f.has("Or") {
			field = "Or"
		}
		var all []condition
		for _, r := range f.entries(field) {
			all = append(all, f.inner(r))
		}
		if len(all) == 0 {
			f.problem(field, "must have at least one rule")
		}
		if field == "Or" {
			return anyOf(all)
		}
		return allOf(all)
	case f.has("Not"):
		v, _ := f.take("Not")
		if r, ok := newReader(f.at+".Not", v, f.p.errs); ok {
			return not{f.inner(r)}
		}
		return nil
	}
	return f.comparison()
}

func (f *fields) inner(r *reader) condition {
	inner := *f
	inner.reader = r
	c := inner.rule()
	r.text("Comment")
	r.unknown(func(string) string { return "is not a field of a rule here" })
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
	c := &comparison{}
	var err error
	if c.variable, err = parsePath(f.required("Variable")); err != nil && f.has("Variable") {
		f.problem("Variable", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(f.m)) {
		op, known := operators[strings.TrimSuffix(name, "Path")]
		if !known || strings.HasSuffix(name, "Path") && op.literalOnly {
			continue
		}
		if c.operator != "" {
			f.problem(name, "cannot be there together with %s", c.operator)
		}
		c.operator, c.test = name, op.test
		v, _ := f.take(name)
		if !strings.HasSuffix(name, "Path") {
			if c.want = v; !op.accepts(v) {
				f.problem(name, "must be %s, but is %s", op.wants, text(v))
			}
			continue
		}
		s, _ := v.(string)
		if c.wantPath, err = parsePath(s); err != nil {
			f.problem(name, "%v", err)
		}
	}
	if c.operator == "" {
		f.problem("", "must have one comparison operator (StringEquals, NumericLessThan, IsPresent, ...)")
	}
	return c
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

// parseTimestamp reads the form of RFC 3339 that AWS accepts: T and Z in upper
// case, any fraction of a second.
func parseTimestamp(s string) (time.Time, error) {
	if strings.ContainsAny(s, "tz ") {
		return time.Time{}, fmt.Errorf("%q: T and Z must be in upper case", s)
	}
	return time.Parse(time.RFC3339Nano, s)
}
