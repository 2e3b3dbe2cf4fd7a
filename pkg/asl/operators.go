package asl

import (
	"slices"
	"strings"
	"time"
)

// operator is a JSONPath comparison. With the suffix Path its operand is a
// path, unless literalOnly.
type operator struct {
	test        func(got, want any) bool
	accepts     func(v any) bool
	wants       string
	literalOnly bool
}

var operators = map[string]operator{
	"StringMatches": {test: func(got, want any) bool {
		a, ok1 := got.(string)
		b, ok2 := want.(string)
		return ok1 && ok2 && wildcard(a, b)
	}, accepts: isString, wants: "Expected value of type String", literalOnly: true},
	"BooleanEquals": {test: func(got, want any) bool {
		a, ok1 := got.(bool)
		b, ok2 := want.(bool)
		return ok1 && ok2 && a == b
	}, accepts: isBool, wants: "Expected value of type Boolean"},
	"IsPresent":   is(nil), // decided before the value is there
	"IsNull":      is(func(v any) bool { return v == nil }),
	"IsString":    is(isString),
	"IsNumeric":   is(isNumber),
	"IsBoolean":   is(isBool),
	"IsTimestamp": is(isTimestamp),
}

func init() {
	for name, holds := range map[string]func(order int) bool{
		"Equals":            func(c int) bool { return c == 0 },
		"LessThan":          func(c int) bool { return c < 0 },
		"GreaterThan":       func(c int) bool { return c > 0 },
		"LessThanEquals":    func(c int) bool { return c <= 0 },
		"GreaterThanEquals": func(c int) bool { return c >= 0 },
	} {
		operators["String"+name] = ordered(holds, compareStrings, isString, "Expected value of type String")
		operators["Numeric"+name] = ordered(holds, compareNumbers, isNumber, "Expected value of type Number")
		operators["Timestamp"+name] = ordered(holds, compareTimestamps, isTimestamp, "String does not match RFC3339 timestamp")
	}
}

// comparisonFields lists all operators by their names.
func comparisonFields() []string {
	var all []string
	for name, op := range operators {
		all = append(all, name)
		if !op.literalOnly {
			all = append(all, name+"Path")
		}
	}
	slices.Sort(all)
	return all
}

func ordered(holds func(int) bool, compare func(a, b any) (int, bool), accepts func(any) bool, wants string) operator {
	return operator{test: func(got, want any) bool {
		c, comparable := compare(got, want)
		return comparable && holds(c)
	}, accepts: accepts, wants: wants}
}

func is(what func(v any) bool) operator {
	return operator{
		test:    func(got, want any) bool { return what(got) == want.(bool) },
		accepts: isBool, wants: "Expected value of type Boolean", literalOnly: true,
	}
}

func isString(v any) bool { _, ok := v.(string); return ok }
func isBool(v any) bool   { _, ok := v.(bool); return ok }
func isNumber(v any) bool { _, ok := number(v); return ok }
func isTimestamp(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, err := parseTimestamp(s)
	return err == nil
}

func compareStrings(a, b any) (int, bool) {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	return strings.Compare(x, y), ok1 && ok2
}

func compareNumbers(a, b any) (int, bool) {
	x, ok1 := number(a)
	y, ok2 := number(b)
	switch {
	case x < y:
		return -1, ok1 && ok2
	case x > y:
		return 1, ok1 && ok2
	}
	return 0, ok1 && ok2
}

func compareTimestamps(a, b any) (int, bool) {
	if !isTimestamp(a) || !isTimestamp(b) {
		return 0, false
	}
	var x, y time.Time
	x, _ = parseTimestamp(a.(string))
	y, _ = parseTimestamp(b.(string))
	return x.Compare(y), true
}

// wildcard matches s with a pattern in which * stands for any characters and a
// backslash makes the next character literal.
func wildcard(s, pattern string) bool {
	type token struct {
		char byte
		star bool
	}
	var tokens []token
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			tokens = append(tokens, token{char: pattern[i]})
		default:
			tokens = append(tokens, token{char: pattern[i], star: pattern[i] == '*'})
		}
	}
	i, j, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(tokens) && tokens[j].star:
			star, mark = j, i
			j++
		case j < len(tokens) && tokens[j].char == s[i]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(tokens) && tokens[j].star {
		j++
	}
	return j == len(tokens)
}
