package asl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values are plain Go: nil, bool, string, json.Number or float64, []any and
// *object (map[string]any is read too, without an order of keys). They are
// never changed in place, so they are shared freely.

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

// decode reads one JSON value.
func decode(raw []byte) (any, error) {
	if !json.Valid(raw) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
	}
	d := decoder{raw: raw}
	return d.value(), nil
}

// decoder reads JSON that was found valid, keeping the order of keys.
type decoder struct {
	raw []byte
	at  int
}

func (d *decoder) space() byte {
	for d.at < len(d.raw) {
		switch c := d.raw[d.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			d.at++
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) value() any {
	switch d.space() {
	case '{':
		d.at++
		o := newObject(0)
		for d.space() != '}' {
			key := d.text()
			d.space()
			o.set(key, d.value())
		}
		d.at++
		return o
	case '[':
		d.at++
		a := []any{}
		for d.space() != ']' {
			a = append(a, d.value())
		}
		d.at++
		return a
	case '"':
		return d.text()
	case 't':
		d.at += len("true")
		return true
	case 'f':
		d.at += len("false")
		return false
	case 'n':
		d.at += len("null")
		return nil
	}
	start := d.at
	for d.at < len(d.raw) && strings.IndexByte("+-.eE0123456789", d.raw[d.at]) >= 0 {
		d.at++
	}
	if n := string(d.raw[start:d.at]); n != "-0" {
		return json.Number(n)
	}
	return json.Number("0") // as AWS reads it
}

func (d *decoder) text() string {
	start, plain := d.at, true
	for d.at++; d.raw[d.at] != '"'; d.at++ {
		if d.raw[d.at] == '\\' {
			d.at++
			plain = false
		}
	}
	d.at++
	inner := d.raw[start+1 : d.at-1]
	if plain && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(d.raw[start:d.at], &s) // the whole text was found valid
	return s
}

// encode writes v compactly, as AWS does: objects in their order, characters
// as they are and not as escapes.
func encode(v any) (string, error) {
	b, err := appendJSON(nil, v)
	return string(b), err
}

func appendJSON(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendText(b, v), nil
	case json.Number:
		return append(b, v...), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return b, fmt.Errorf("%v is not a JSON number", v)
		}
		return append(b, javaDouble(v)...), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, e); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case *object, map[string]any:
		m, _ := members(v)
		b = append(b, '{')
		for i, k := range keysOf(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, k), ':')
			if b, err = appendJSON(b, m[k]); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	return b, fmt.Errorf("%T is not JSON", v)
}

func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = fmt.Appendf(b, "\\u%04X", c)
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// javaDouble writes a number as Java does, and so AWS: with a fraction, and
// with an exponent below 0.001 and from 10,000,000 on (1.0E7).
func javaDouble(f float64) string {
	abs := math.Abs(f)
	if abs == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
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
	if x, ok := a.([]any); ok {
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	if x, ok := members(a); ok {
		y, ok := members(b)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any, *object:
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
	case map[string]any, *object:
		return "object"
	}
	return "number"
}
