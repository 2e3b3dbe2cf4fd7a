package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// pathEvaluation follows a path that may find many values.
type pathEvaluation struct {
	path    *path
	root    any
	results []any
}

// from follows the steps from number i on at v. certain says that all steps
// before named one value: then what is missing is an error, otherwise nothing
// was found.
func (e *pathEvaluation) from(i int, v any, certain bool) error {
	if i == len(e.path.steps) {
		e.results = append(e.results, v)
		return nil
	}
	s := e.path.steps[i]
	last := i == len(e.path.steps)-1
	switch {
	case s.scan:
		return e.scan(i+1, v)
	case s.wildcard:
		for _, w := range children(v) {
			if err := e.from(i+1, w, false); err != nil {
				return err
			}
		}
		return nil
	case s.filter != nil:
		candidates, isArray := v.([]any)
		if !isArray {
			candidates = nil
			if _, isObject := members(v); isObject {
				candidates = []any{v}
			}
		}
		for _, w := range candidates {
			if s.filter.holds(w, e.root) {
				if err := e.from(i+1, w, false); err != nil {
					return err
				}
			}
		}
		return nil
	case len(s.names) > 0:
		return e.named(i, v, certain, last)
	}
	a, ok := v.([]any)
	if !ok {
		if !certain {
			return nil
		}
		return &notFound{why: fmt.Sprintf("Filter: %s can only be applied to arrays. Current context is: %s", s, text(v))}
	}
	for _, n := range s.chosen(len(a)) {
		if err := e.from(i+1, a[n], certain && s.single()); err != nil {
			return err
		}
	}
	return nil
}

func (e *pathEvaluation) named(i int, v any, certain, last bool) error {
	s := e.path.steps[i]
	m, ok := members(v)
	if !ok {
		if !certain {
			return nil
		}
		return &notFound{why: fmt.Sprintf("Expected to find an object with property ['%s'] in path %s but found '%s'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.", s.names[0], e.path.normalized(i), javaType(v))}
	}
	if len(s.names) > 1 && last { // one object of those that are there
		merged := newObject(len(s.names))
		for _, name := range s.names {
			if w, there := m[name]; there {
				merged.set(name, w)
			}
		}
		e.results = append(e.results, merged)
		return nil
	}
	for _, name := range s.names {
		w, there := m[name]
		if !there {
			// AWS finds nothing, instead of failing, where a path that can find
			// many values leads through a member that is missing.
			if certain && s.single() && !last && e.path.definite {
				return &notFound{why: "Missing property in path " + e.path.normalized(i+1)}
			}
			continue
		}
		if err := e.from(i+1, w, certain && s.single()); err != nil {
			return err
		}
	}
	return nil
}

// chosen lists the elements of an array of n that the step names.
func (s pathStep) chosen(n int) []int {
	if s.slice == nil {
		var out []int
		for _, i := range s.indices {
			if i < 0 {
				i += n
			}
			if i >= 0 && i < n {
				out = append(out, i)
			}
		}
		return out
	}
	from, to := 0, n
	if p := s.slice[0]; p != nil {
		if from = *p; from < 0 {
			from = max(0, from+n)
		}
	}
	if p := s.slice[1]; p != nil {
		if to = *p; to < 0 {
			to += n
		}
	}
	var out []int
	for i := from; i < min(to, n); i++ {
		out = append(out, i)
	}
	return out
}

// scan applies the steps from i on to v and to everything below it.
func (e *pathEvaluation) scan(i int, v any) error {
	s := e.path.steps[i]
	applies := false
	switch v := v.(type) {
	case []any:
		applies = s.wildcard || s.slice != nil || len(s.indices) > 0
	default:
		m, isObject := members(v)
		switch {
		case !isObject:
			return nil
		case s.wildcard, len(s.names) > 1:
			applies = true
		case s.filter != nil:
			applies = s.filter.holds(v, e.root)
		case len(s.names) == 1:
			_, applies = m[s.names[0]]
		}
	}
	if applies {
		if err := e.from(i, v, false); err != nil {
			return err
		}
	}
	for _, w := range children(v) {
		if err := e.scan(i, w); err != nil {
			return err
		}
	}
	return nil
}

// children are the elements of an array or the members of an object.
func children(v any) []any {
	if a, ok := v.([]any); ok {
		return a
	}
	m, _ := members(v)
	out := make([]any, 0, len(m))
	for _, k := range keysOf(v) {
		out = append(out, m[k])
	}
	return out
}

// asObject gives the object that v is, or an empty one.
func asObject(v any) *object {
	switch v := v.(type) {
	case *object:
		return v
	case map[string]any:
		o := newObject(len(v))
		for _, k := range keysOf(v) {
			o.set(k, v[k])
		}
		return o
	}
	return newObject(0)
}

// pathFunctions are Jayway's functions at the end of a path.
var pathFunctions = map[string]func(v any, args []any) (any, error){
	"length": func(v any, _ []any) (any, error) {
		switch v := v.(type) {
		case []any:
			return jsonInt(int64(len(v))), nil
		case *object, map[string]any:
			return jsonInt(int64(len(keysOf(v)))), nil
		}
		return nil, nil
	},
	"keys": func(v any, _ []any) (any, error) {
		if _, ok := members(v); !ok {
			return nil, nil
		}
		out := []any{}
		for _, k := range keysOf(v) {
			out = append(out, k)
		}
		return out, nil
	},
	"sum":    aggregate(func(n []float64) float64 { return total(n) }),
	"avg":    aggregate(func(n []float64) float64 { return total(n) / float64(len(n)) }),
	"min":    aggregate(func(n []float64) float64 { return extreme(n, math.Min) }),
	"max":    aggregate(func(n []float64) float64 { return extreme(n, math.Max) }),
	"stddev": aggregate(deviation),
	"first":  element(func(int) int { return 0 }),
	"last":   element(func(n int) int { return n - 1 }),
	"index": func(v any, args []any) (any, error) {
		if len(args) != 1 {
			return nil, errors.New("index takes one argument")
		}
		n, _ := integer(args[0])
		return element(func(int) int { return int(n) })(v, nil)
	},
	"append": func(v any, args []any) (any, error) {
		a, ok := v.([]any)
		if !ok {
			return v, nil
		}
		return append(append([]any{}, a...), args...), nil
	},
	"concat": func(v any, args []any) (any, error) {
		out := ""
		list, _ := v.([]any)
		for _, e := range append(append([]any{}, list...), args...) {
			if s, ok := e.(string); ok {
				out += s
			}
		}
		return out, nil
	},
}

func aggregate(f func(n []float64) float64) func(v any, args []any) (any, error) {
	return func(v any, args []any) (any, error) {
		list, _ := v.([]any)
		var n []float64
		for _, e := range append(append([]any{}, list...), args...) {
			if _, isText := e.(string); isText {
				continue
			}
			if x, ok := number(e); ok {
				n = append(n, x)
			}
		}
		if len(n) == 0 {
			return nil, &notFound{why: "Aggregation function attempted to calculate value using empty array"}
		}
		return json.Number(javaDouble(f(n))), nil
	}
}

func total(n []float64) float64 {
	t := 0.0
	for _, x := range n {
		t += x
	}
	return t
}

func extreme(n []float64, better func(a, b float64) float64) float64 {
	out := n[0]
	for _, x := range n {
		out = better(out, x)
	}
	return out
}

func deviation(n []float64) float64 {
	squares := 0.0
	for _, x := range n {
		squares += x * x
	}
	mean := total(n) / float64(len(n))
	return math.Sqrt(squares/float64(len(n)) - mean*mean)
}

func element(which func(n int) int) func(v any, args []any) (any, error) {
	return func(v any, _ []any) (any, error) {
		a, ok := v.([]any)
		i := which(len(a))
		if i < 0 {
			i += len(a)
		}
		if !ok || i < 0 || i >= len(a) {
			return nil, &notFound{why: "no element " + strconv.Itoa(i)}
		}
		return a[i], nil
	}
}
