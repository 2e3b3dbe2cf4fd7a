package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/recolabs/gnata"
)

// orderedMap is what is used of gnata's object, whose type is internal there.
type orderedMap interface {
	Set(key string, v any)
	Range(func(key string, v any) bool)
	Len() int
}

func decodeJSONata(raw string) any {
	v, err := gnata.DecodeJSON([]byte(raw))
	if err != nil {
		panic(err)
	}
	return v
}

// jsonataNull is how gnata represents null; its Go nil is "undefined".
var jsonataNull = decodeJSONata("null")

// toJSONata turns a value into gnata's form. Objects are converted once.
func toJSONata(v any) any {
	switch v := v.(type) {
	case nil:
		return jsonataNull
	case json.Number:
		return jsonataNumber(v)
	case []any:
		var c []any
		for i, e := range v {
			switch e.(type) {
			case bool, string:
				if c == nil {
					continue
				}
			}
			if c == nil {
				c = append(make([]any, 0, len(v)), v...)
			}
			c[i] = toJSONata(e)
		}
		if c == nil {
			return v
		}
		return c
	case *object:
		if done := v.jsonata.Load(); done != nil {
			return *done
		}
		o := decodeJSONata("{}")
		for _, k := range v.keys {
			o.(orderedMap).Set(k, toJSONata(v.values[k]))
		}
		v.jsonata.Store(&o)
		return o
	case map[string]any:
		o := decodeJSONata("{}")
		for _, k := range keysOf(v) {
			o.(orderedMap).Set(k, toJSONata(v[k]))
		}
		return o
	}
	return v
}

// jsonataNumber keeps integers that fit 64 bits exact, as AWS does; 1.0 and
// 1e2 are the integers 1 and 100, and other numbers are doubles.
func jsonataNumber(n json.Number) any {
	if _, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return n
	}
	f, err := n.Float64()
	if err != nil {
		return n
	}
	return plainNumber(f)
}

// plainNumber writes a whole number as an integer, as AWS does up to 2^63.
func plainNumber(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	return f
}

// fromJSONata turns a result of gnata into a plain value. Functions and other
// things that are not JSON are errors; what JSON has no number for is the text
// that JavaScript has for it, as AWS does.
func fromJSONata(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string:
		return v, nil
	case json.Number:
		return v, nil
	case float64:
		switch {
		case math.IsNaN(x):
			return "NaN", nil
		case math.IsInf(x, 1):
			return "Infinity", nil
		case math.IsInf(x, -1):
			return "-Infinity", nil
		}
		return plainNumber(x), nil
	case int:
		return json.Number(strconv.Itoa(x)), nil
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			w, err := fromJSONata(e)
			if err != nil {
				return nil, err
			}
			out[i] = w
		}
		return out, nil
	case map[string]any:
		out := newObject(len(x))
		for _, k := range keysOf(x) {
			w, err := fromJSONata(x[k])
			if err != nil {
				return nil, err
			}
			out.set(k, w)
		}
		return out, nil
	case orderedMap:
		out := newObject(x.Len())
		var failed error
		x.Range(func(k string, e any) bool {
			w, err := fromJSONata(e)
			if err != nil {
				failed = err
				return false
			}
			out.set(k, w)
			return true
		})
		return out, failed
	}
	if gnata.IsNull(v) {
		return nil, nil
	}
	if n := gnata.NormalizeValue(v); fmt.Sprintf("%T", n) != fmt.Sprintf("%T", v) {
		return fromJSONata(n)
	}
	return nil, errors.New("the result is not JSON")
}
