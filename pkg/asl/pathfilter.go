package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// filter is the test in [?()], as Jayway writes it.
type filter interface {
	holds(item, root any) bool
}

type (
	filterAnd []filter
	filterOr  []filter
	filterNot struct{ filter }
	// filterTest compares two operands; without an operator it asks whether
	// the left one is there.
	filterTest struct {
		left, right operand
		operator    string
	}
	// operand is a path below the item or the root, a regular expression or a
	// literal.
	operand struct {
		path    *path
		root    bool
		pattern *regexp.Regexp
		value   any
	}
)

func (f filterAnd) holds(item, root any) bool {
	for _, e := range f {
		if !e.holds(item, root) {
			return false
		}
	}
	return true
}

func (f filterOr) holds(item, root any) bool {
	for _, e := range f {
		if e.holds(item, root) {
			return true
		}
	}
	return false
}

func (f filterNot) holds(item, root any) bool { return !f.filter.holds(item, root) }

func (o operand) get(item, root any) (v any, there bool) {
	if o.path == nil {
		return o.value, true
	}
	if o.root {
		item = root
	}
	v, err := o.path.eval(item)
	if list, isList := v.([]any); err == nil && isList && !o.path.definite && o.path.function == "" {
		return v, len(list) > 0
	}
	return v, err == nil
}

func (t filterTest) holds(item, root any) bool {
	a, there := t.left.get(item, root)
	if t.operator == "" {
		return there
	}
	if t.operator == "=~" {
		s, isText := a.(string)
		if !isText && there {
			s = text(a)
		}
		return there && t.right.pattern.MatchString(s)
	}
	b, alsoThere := t.right.get(item, root)
	if !there || !alsoThere {
		return t.operator == "!=" && there != alsoThere
	}
	return filterOperators[t.operator](a, b)
}

var filterOperators = map[string]func(a, b any) bool{
	"==":  looselyEqual,
	"===": func(a, b any) bool { return typeName(a) == typeName(b) && equal(a, b) },
	"!=":  func(a, b any) bool { return !looselyEqual(a, b) },
	"!==": func(a, b any) bool { return typeName(a) != typeName(b) || !equal(a, b) },
	"<":   orderedAs(func(c int) bool { return c < 0 }),
	"<=":  orderedAs(func(c int) bool { return c <= 0 }),
	">":   orderedAs(func(c int) bool { return c > 0 }),
	">=":  orderedAs(func(c int) bool { return c >= 0 }),
	"in":  func(a, b any) bool { return among(a, b) },
	"nin": func(a, b any) bool { return !among(a, b) },
	"contains": func(a, b any) bool {
		if s, ok := a.(string); ok {
			part, isText := b.(string)
			return isText && strings.Contains(s, part)
		}
		return among(b, a)
	},
	"all":      func(a, b any) bool { return every(b, a) },
	"subsetof": func(a, b any) bool { return every(a, b) },
	"anyof":    func(a, b any) bool { return some(a, b) },
	"noneof":   func(a, b any) bool { return !some(a, b) },
	"size": func(a, b any) bool {
		n, ok := integer(b)
		if s, isText := a.(string); isText {
			return ok && int64(len([]rune(s))) == n
		}
		list, isList := a.([]any)
		return ok && isList && int64(len(list)) == n
	},
	"empty": func(a, b any) bool {
		empty, ok := b.(bool)
		if s, isText := a.(string); isText {
			return ok && (s == "") == empty
		}
		list, isList := a.([]any)
		return ok && isList && (len(list) == 0) == empty
	},
}

// looselyEqual compares a number with a text by the number in the text.
func looselyEqual(a, b any) bool {
	if s, isText := a.(string); isText && isNumber(b) {
		return s == text(b)
	}
	if s, isText := b.(string); isText && isNumber(a) {
		return equal(a, json.Number(s))
	}
	return equal(a, b)
}

func orderedAs(holds func(c int) bool) func(a, b any) bool {
	return func(a, b any) bool {
		if c, comparable := compareNumbers(a, b); comparable {
			return holds(c)
		}
		c, comparable := compareStrings(a, b)
		return comparable && holds(c)
	}
}

func among(v, list any) bool {
	a, _ := list.([]any)
	for _, e := range a {
		if looselyEqual(v, e) {
			return true
		}
	}
	return false
}

func every(of, in any) bool {
	a, ok := of.([]any)
	for _, e := range a {
		if !among(e, in) {
			return false
		}
	}
	return ok
}

func some(of, in any) bool {
	a, _ := of.([]any)
	for _, e := range a {
		if among(e, in) {
			return true
		}
	}
	return false
}

// filter reads (expression), what follows [?.
func (s *pathScanner) filter() (filter, error) {
	if s.space(); !s.take("(") {
		return nil, errors.New("a filter must be in parentheses")
	}
	f, err := s.or(0)
	if err != nil {
		return nil, err
	}
	if s.space(); !s.take(")") {
		return nil, fmt.Errorf("expected ) before %q", s.rest)
	}
	return f, nil
}

// maxFilterDepth bounds parentheses within parentheses.
const maxFilterDepth = 50

func (s *pathScanner) or(depth int) (filter, error) {
	return s.joined("||", func(all []filter) filter { return filterOr(all) }, func() (filter, error) {
		return s.joined("&&", func(all []filter) filter { return filterAnd(all) }, func() (filter, error) { return s.test(depth) })
	})
}

func (s *pathScanner) joined(by string, join func([]filter) filter, next func() (filter, error)) (filter, error) {
	var all []filter
	for {
		f, err := next()
		if err != nil {
			return nil, err
		}
		all = append(all, f)
		if s.space(); !s.take(by) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (s *pathScanner) test(depth int) (filter, error) {
	if depth > maxFilterDepth {
		return nil, errors.New("the filter is nested too deeply")
	}
	s.space()
	if strings.HasPrefix(s.rest, "!") {
		s.rest = s.rest[1:]
		f, err := s.test(depth + 1)
		return filterNot{f}, err
	}
	if s.take("(") {
		f, err := s.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if s.space(); !s.take(")") {
			return nil, fmt.Errorf("expected ) before %q", s.rest)
		}
		return f, nil
	}
	left, err := s.operand()
	if err != nil {
		return nil, err
	}
	t := filterTest{left: left}
	s.space()
	for _, op := range []string{"===", "!==", "==", "!=", "=~", "<=", ">=", "<", ">", "subsetof", "contains", "noneof", "anyof", "empty", "size", "nin", "all", "in"} {
		if len(s.rest) >= len(op) && strings.EqualFold(s.rest[:len(op)], op) {
			t.operator = op
			s.rest = s.rest[len(op):]
			break
		}
	}
	if t.operator == "" {
		if left.path == nil {
			return nil, fmt.Errorf("an operator is missing before %q", s.rest)
		}
		return t, nil
	}
	s.space()
	if t.right, err = s.operand(); err != nil {
		return nil, err
	}
	if (t.operator == "=~") != (t.right.pattern != nil) {
		return nil, errors.New("=~ takes a regular expression in slashes, and nothing else does")
	}
	return t, nil
}

func (s *pathScanner) operand() (operand, error) {
	switch {
	case s.rest == "":
		return operand{}, errors.New("an operand is missing")
	case s.rest[0] == '@', s.rest[0] == '$':
		inner := &pathScanner{rest: s.rest[1:], open: true}
		p := &path{src: s.rest, definite: true}
		err := inner.path(p)
		root := s.rest[0] == '$'
		s.rest = inner.rest
		return operand{path: p, root: root}, err
	case s.rest[0] == '/':
		end := closingQuote(s.rest)
		if end < 0 {
			return operand{}, errors.New("unclosed regular expression")
		}
		source := s.rest[1:end]
		s.rest = s.rest[end+1:]
		flags := ""
		for s.rest != "" && strings.ContainsRune("imsuxdU", rune(s.rest[0])) {
			if strings.ContainsRune("ims", rune(s.rest[0])) {
				flags += s.rest[:1]
			}
			s.rest = s.rest[1:]
		}
		if flags != "" {
			flags = "(?" + flags + ")"
		}
		pattern, err := regexp.Compile(flags + "^(?:" + source + ")$")
		return operand{pattern: pattern}, err
	}
	v, err := s.literal()
	return operand{value: v}, err
}

// literal reads a text in quotes or a JSON value.
func (s *pathScanner) literal() (any, error) {
	if s.rest != "" && s.rest[0] == '\'' {
		return s.quoted()
	}
	if s.take("[") { // whose texts may be in single quotes too
		if s.depth++; s.depth > maxFilterDepth {
			return nil, errors.New("the list is nested too deeply")
		}
		defer func() { s.depth-- }()
		list := []any{}
		for s.space(); !s.take("]"); s.space() {
			if len(list) > 0 && !s.take(",") {
				return nil, fmt.Errorf("expected , or ] before %q", s.rest)
			}
			s.space()
			v, err := s.literal()
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	dec := json.NewDecoder(strings.NewReader(s.rest))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("expected a value before %q", s.rest)
	}
	s.rest = s.rest[dec.InputOffset():]
	return decode(raw)
}
