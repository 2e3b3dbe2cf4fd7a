package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/recolabs/gnata"
)

// Values are plain Go: nil, bool, string, json.Number or float64, []any and
// map[string]any. They are never changed in place, so they are shared freely.

// doc is a value with its JSON text: what flows from state to state.
type doc struct {
	v   any
	raw string
}

func newDoc(v any) (*doc, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	return &doc{v: v, raw: raw}, nil
}

func parseDoc(raw []byte) (*doc, error) {
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, err
	}
	return &doc{v: v, raw: compact.String()}, nil
}

func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the JSON value")
	}
	return v, nil
}

// encode writes v with sorted keys and without HTML escapes.
func encode(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	b := buf.Bytes()
	return string(b[:len(b)-1]), nil
}

// text is encode for values that came from JSON and so cannot fail to go back.
func text(v any) string {
	s, err := encode(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return s
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int:
		return float64(n), true
	}
	return 0, false
}

// integer accepts numbers without a fraction: 3 and 3.0, not 3.5.
func integer(v any) (int64, bool) {
	f, ok := number(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// equal is equality of JSON values: 1 and 1.0 are equal.
func equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// jsonataNull is how gnata represents null; its Go nil is "undefined".
var jsonataNull = func() any {
	v, err := gnata.DecodeJSON([]byte("null"))
	if err != nil {
		panic(err)
	}
	return v
}()

// toJSONata replaces nil by gnata's null. Values without nulls are not copied.
func toJSONata(v any) any {
	out, _ := withNulls(v)
	return out
}

func withNulls(v any) (out any, changed bool) {
	switch v := v.(type) {
	case nil:
		return jsonataNull, true
	case []any:
		var c []any
		for i, e := range v {
			if w, ch := withNulls(e); ch {
				if c == nil {
					c = append([]any(nil), v...)
				}
				c[i] = w
			}
		}
		if c != nil {
			return c, true
		}
	case map[string]any:
		var c map[string]any
		for k, e := range v {
			if w, ch := withNulls(e); ch {
				if c == nil {
					c = make(map[string]any, len(v))
					for k, e := range v {
						c[k] = e
					}
				}
				c[k] = w
			}
		}
		if c != nil {
			return c, true
		}
	}
	return v, false
}

// fromJSONata turns a result of gnata into a plain value. Functions and other
// things that are not JSON are errors.
func fromJSONata(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string:
		return v, nil
	case json.Number:
		return v, nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, errors.New("the result is not a finite number")
		}
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(x), 10)), nil
		}
		return v, nil
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
		out := make(map[string]any, len(x))
		for k, e := range x {
			w, err := fromJSONata(e)
			if err != nil {
				return nil, err
			}
			out[k] = w
		}
		return out, nil
	case interface {
		Range(func(string, any) bool)
		Len() int
	}: // gnata's ordered object
		out := make(map[string]any, x.Len())
		var failed error
		x.Range(func(k string, e any) bool {
			w, err := fromJSONata(e)
			if err != nil {
				failed = err
				return false
			}
			out[k] = w
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
