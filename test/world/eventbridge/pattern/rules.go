package pattern

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// onText makes a matcher of a test on strings.
func onText(test func(string) bool) matcher {
	return func(v any, present bool) bool {
		s, ok := v.(string)
		return present && ok && test(s)
	}
}

// equals matches a scalar exactly; numbers by value.
func equals(want any) matcher {
	return func(v any, present bool) bool { return present && same(v, want) }
}

func same(a, b any) bool {
	x, okx := number(a)
	y, oky := number(b)
	if okx || oky {
		return okx && oky && x.Cmp(y) == 0
	}
	switch a.(type) {
	case string, bool, nil:
		return a == b
	}
	return false
}

// number reads a JSON number exactly. Exponents beyond what EventBridge takes
// are no numbers here.
func number(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || len(n) > 40 {
		return nil, false
	}
	if _, exp, has := strings.Cut(strings.ToLower(n.String()), "e"); has && len(strings.TrimLeft(exp, "+-0")) > 2 {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// parseAnythingBut parses the negation of values, of a list of values, or of
// an operator on strings.
func parseAnythingBut(arg any) (matcher, error) {
	switch x := arg.(type) {
	case map[string]any:
		if len(x) != 1 {
			return nil, invalid("anything-but takes one operator")
		}
		for op, sub := range x {
			return parseNotText(op, sub)
		}
	case []any:
		if len(x) == 0 {
			return nil, invalid("anything-but takes a list that is not empty")
		}
		for _, v := range x {
			if !scalar(v) {
				return nil, invalid("anything-but takes strings and numbers")
			}
		}
		return func(v any, present bool) bool {
			return present && !slices.ContainsFunc(x, func(w any) bool { return same(v, w) })
		}, nil
	}
	if !scalar(arg) {
		return nil, invalid("anything-but takes strings and numbers")
	}
	return func(v any, present bool) bool { return present && !same(v, arg) }, nil
}

func scalar(v any) bool {
	switch v.(type) {
	case string, json.Number:
		return true
	}
	return false
}

func parseNotText(op string, arg any) (matcher, error) {
	args, isList := arg.([]any)
	if !isList {
		args = []any{arg}
	}
	var tests []func(string) bool
	for _, a := range args {
		t, err := parseText(op, a)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return func(v any, present bool) bool {
		s, ok := v.(string)
		return present && (!ok || !slices.ContainsFunc(tests, func(t func(string) bool) bool { return t(s) }))
	}, nil
}

// parseNumeric parses one or two comparisons: ["=", 5] or [">", 0, "<=", 5].
func parseNumeric(arg any) (matcher, error) {
	list, ok := arg.([]any)
	if !ok || (len(list) != 2 && len(list) != 4) {
		return nil, invalid("Value of numeric must be an array of one or two comparisons.")
	}
	var tests []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		op, _ := list[i].(string)
		limit, ok := number(list[i+1])
		if !ok {
			return nil, invalid("Value of %s must be numeric", op)
		}
		test, ok := map[string]func(*big.Rat) bool{
			"=":  func(n *big.Rat) bool { return n.Cmp(limit) == 0 },
			"<":  func(n *big.Rat) bool { return n.Cmp(limit) < 0 },
			"<=": func(n *big.Rat) bool { return n.Cmp(limit) <= 0 },
			">":  func(n *big.Rat) bool { return n.Cmp(limit) > 0 },
			">=": func(n *big.Rat) bool { return n.Cmp(limit) >= 0 },
		}[op]
		if !ok {
			return nil, invalid("Unrecognized numeric range operator: %s", op)
		}
		tests = append(tests, test)
	}
	return func(v any, present bool) bool {
		n, ok := number(v)
		return present && ok && !slices.ContainsFunc(tests, func(t func(*big.Rat) bool) bool { return !t(n) })
	}, nil
}

// parseWildcard parses a text with * for any run of characters; \* and \\ stand
// for themselves.
func parseWildcard(text string) (func(string) bool, error) {
	var parts []string
	var part strings.Builder
	stars := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			part.WriteByte(text[i])
		case text[i] == '\\':
			return nil, invalid("Invalid escape character at pos %d", i)
		case text[i] == '*':
			if i > 0 && text[i-1] == '*' && stars > 0 && part.Len() == 0 {
				return nil, invalid("Consecutive wildcard characters at pos %d", i)
			}
			stars++
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(text[i])
		}
	}
	parts = append(parts, part.String())
	return func(s string) bool { return glob(s, parts) }, nil
}

// glob reports whether s is the parts with anything between them.
func glob(s string, parts []string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	last := parts[len(parts)-1]
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}
