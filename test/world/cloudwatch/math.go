package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is the value of an expression: a number, or one number per period.
type result struct {
	scalar bool
	number float64
	series series
}

// expression evaluates metric math of + - * / and parentheses over numbers and
// the ids of other queries, and FILL(id, number).
type expression struct {
	text   string
	at     int
	depth  int
	lookup func(id string) (result, error)
}

// maxDepth bounds the nesting of an expression.
const maxDepth = 100

func evaluate(text string, lookup func(string) (result, error)) (result, error) {
	e := &expression{text: text, lookup: lookup}
	r, err := e.sum()
	if err != nil {
		return result{}, err
	}
	if e.skip(); e.at < len(e.text) {
		return result{}, fmt.Errorf("unexpected %q at %d in expression %q", e.text[e.at:], e.at, e.text)
	}
	return r, nil
}

func (e *expression) skip() {
	for e.at < len(e.text) && strings.IndexByte(" \t\n\r", e.text[e.at]) >= 0 {
		e.at++
	}
}

func (e *expression) take(symbols string) (byte, bool) {
	e.skip()
	if e.at < len(e.text) && strings.IndexByte(symbols, e.text[e.at]) >= 0 {
		e.at++
		return e.text[e.at-1], true
	}
	return 0, false
}

func (e *expression) sum() (result, error) { return e.chain("+-", e.product) }

func (e *expression) product() (result, error) { return e.chain("*/", e.unary) }

func (e *expression) chain(symbols string, operand func() (result, error)) (result, error) {
	left, err := operand()
	for err == nil {
		op, ok := e.take(symbols)
		if !ok {
			return left, nil
		}
		var right result
		if right, err = operand(); err == nil {
			left = combine(op, left, right)
		}
	}
	return result{}, err
}

func (e *expression) unary() (result, error) {
	if e.depth++; e.depth > maxDepth {
		return result{}, fmt.Errorf("the expression nests deeper than %d", maxDepth)
	}
	defer func() { e.depth-- }()
	if _, ok := e.take("-"); ok {
		r, err := e.unary()
		return combine('*', result{scalar: true, number: -1}, r), err
	}
	if _, ok := e.take("("); ok {
		r, err := e.sum()
		if err != nil {
			return result{}, err
		}
		if _, ok := e.take(")"); !ok {
			return result{}, fmt.Errorf("missing ) at %d in expression %q", e.at, e.text)
		}
		return r, nil
	}
	return e.operand()
}

func (e *expression) operand() (result, error) {
	e.skip()
	start := e.at
	for e.at < len(e.text) && (isWord(e.text[e.at]) || e.text[e.at] == '.') {
		e.at++
	}
	word := e.text[start:e.at]
	switch {
	case word == "":
		return result{}, fmt.Errorf("a value is missing at %d in expression %q", start, e.text)
	case word[0] >= '0' && word[0] <= '9' || word[0] == '.':
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return result{}, fmt.Errorf("%q is not a number in expression %q", word, e.text)
		}
		return result{scalar: true, number: n}, nil
	case word == "FILL":
		return e.fill()
	}
	if e.skip(); e.at < len(e.text) && e.text[e.at] == '(' {
		return result{}, fmt.Errorf("the simulated AWS does not know the function %s", word)
	}
	return e.lookup(word)
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// fill gives a number to the periods of the range that have no value.
func (e *expression) fill() (result, error) {
	if _, ok := e.take("("); !ok {
		return result{}, fmt.Errorf("FILL takes (id, number) in expression %q", e.text)
	}
	s, err := e.sum()
	if err != nil {
		return result{}, err
	}
	if _, ok := e.take(","); !ok {
		return result{}, fmt.Errorf("FILL takes (id, number) in expression %q", e.text)
	}
	n, err := e.sum()
	if err != nil {
		return result{}, err
	}
	if _, ok := e.take(")"); !ok || !n.scalar || s.scalar {
		return result{}, fmt.Errorf("FILL takes (id, number) in expression %q", e.text)
	}
	grid, err := e.lookup("")
	if err != nil {
		return result{}, err
	}
	out := series{}
	for _, t := range grid.series.times {
		v := n.number
		if i, ok := slices.BinarySearchFunc(s.series.times, t, time.Time.Compare); ok {
			v = s.series.values[i]
		}
		out.times = append(out.times, t)
		out.values = append(out.values, v)
	}
	return result{series: out}, nil
}

// combine applies an operator: two series meet where both have a value, and
// what is not a number (a division by zero) is no value.
func combine(op byte, a, b result) result {
	if a.scalar && b.scalar {
		return result{scalar: true, number: apply(op, a.number, b.number)}
	}
	out := series{}
	put := func(t time.Time, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out.times = append(out.times, t)
			out.values = append(out.values, v)
		}
	}
	switch {
	case a.scalar:
		for i, t := range b.series.times {
			put(t, apply(op, a.number, b.series.values[i]))
		}
	case b.scalar:
		for i, t := range a.series.times {
			put(t, apply(op, a.series.values[i], b.number))
		}
	default:
		for i, t := range a.series.times {
			if j, ok := slices.BinarySearchFunc(b.series.times, t, time.Time.Compare); ok {
				put(t, apply(op, a.series.values[i], b.series.values[j]))
			}
		}
	}
	return result{series: out}
}

func apply(op byte, a, b float64) float64 {
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	}
	return a / b
}
