package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// A tree is what JSON and CBOR have in common: map[string]any, []any, string,
// json.Number, float64, int64, bool, []byte, time.Time and nil.

var timeType = reflect.TypeFor[time.Time]()

// treeDecoder fills SDK values from trees.
type treeDecoder struct {
	style style
	// textify writes structures and lists as JSON text where a string is wanted.
	textify bool
}

// decode fills v from in. path names the place in errors.
func (d treeDecoder) decode(path string, v reflect.Value, s *smithy.Schema, in any) error {
	if in == nil {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(path, v.Elem(), s, in)
	case reflect.Interface:
		if documents[v.Type()] != nil {
			newDocument(v, in)
			return nil
		}
		return d.decodeUnion(path, v, s, in)
	case reflect.Struct:
		if v.Type() == timeType {
			t, err := treeTime(s, in)
			if err != nil {
				return serialization("%s: %v", path, err)
			}
			v.Set(reflect.ValueOf(t))
			return nil
		}
		m, ok := in.(map[string]any)
		if !ok {
			return mismatch(path, "a structure", in)
		}
		return d.decodeStruct(path, v, s, m, nil)
	case reflect.Slice:
		return d.decodeSlice(path, v, s, in)
	case reflect.Map:
		return d.decodeMap(path, v, s, in)
	}
	if d.textify && v.Kind() == reflect.String {
		switch in.(type) {
		case map[string]any, []any:
			b, err := json.Marshal(in)
			if err != nil {
				return serialization("%s: %v", path, err)
			}
			in = string(b)
		}
	}
	return decodeScalar(path, v, in)
}

// decodeStruct fills the members of v; those in skip come from elsewhere in
// the request and must not stand in the body.
func (d treeDecoder) decodeStruct(path string, v reflect.Value, s *smithy.Schema, m map[string]any, skip map[string]bool) error {
	sh := shapeOf(v.Type(), s, d.style, true)
	for name, val := range m {
		f, ok := sh.byName[name]
		if !ok || skip[name] {
			return serialization("%s has no member %q", orTop(path), name)
		}
		if err := d.decode(join(path, name), v.Field(f.index), f.schema, val); err != nil {
			return err
		}
	}
	return nil
}

func (d treeDecoder) decodeUnion(path string, v reflect.Value, s *smithy.Schema, in any) error {
	variants, ok := unions[v.Type()]
	if !ok {
		return fmt.Errorf("wire: %s: union %v is not listed in unions", path, v.Type())
	}
	m, ok := in.(map[string]any)
	if !ok {
		return mismatch(path, "a structure", in)
	}
	if len(m) != 1 {
		return serialization("%s: exactly one member of the union must be set, got %d", orTop(path), len(m))
	}
	for name, val := range m {
		t, ok := variants[d.variant(s, name)]
		if !ok {
			return serialization("%s has no member %q", orTop(path), name)
		}
		if val == nil {
			return serialization("%s.%s must not be null", path, name)
		}
		u := reflect.New(t)
		if err := d.decode(join(path, name), u.Elem().FieldByName("Value"), member(s, name), val); err != nil {
			return err
		}
		v.Set(u)
	}
	return nil
}

// variant returns the Go name of a union's variant.
func (d treeDecoder) variant(s *smithy.Schema, name string) string {
	if name == "" || (s != nil && s.Member(name) == nil) || (s == nil && d.style == styleCamel && name != lowerFirst(name)) {
		return ""
	}
	return upperFirst(name)
}

func (d treeDecoder) decodeSlice(path string, v reflect.Value, s *smithy.Schema, in any) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		switch x := in.(type) {
		case []byte:
			v.SetBytes(x)
			return nil
		case string:
			b, err := base64.StdEncoding.DecodeString(x)
			if err != nil {
				return serialization("%s is not base64: %v", path, err)
			}
			v.SetBytes(b)
			return nil
		}
		return mismatch(path, "a blob", in)
	}
	list, ok := in.([]any)
	if !ok {
		return mismatch(path, "a list", in)
	}
	out := reflect.MakeSlice(v.Type(), len(list), len(list))
	for i, item := range list {
		if err := d.decode(join(path, strconv.Itoa(i)), out.Index(i), listMember(s), item); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (d treeDecoder) decodeMap(path string, v reflect.Value, s *smithy.Schema, in any) error {
	m, ok := in.(map[string]any)
	if !ok {
		return mismatch(path, "a map", in)
	}
	out := reflect.MakeMapWithSize(v.Type(), len(m))
	for key, val := range m {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(join(path, key), item, mapValue(s), val); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
	}
	v.Set(out)
	return nil
}

func decodeScalar(path string, v reflect.Value, in any) error {
	switch v.Kind() {
	case reflect.String:
		x, ok := in.(string)
		if !ok {
			return mismatch(path, "a string", in)
		}
		v.SetString(x)
	case reflect.Bool:
		x, ok := in.(bool)
		if !ok {
			return mismatch(path, "a boolean", in)
		}
		v.SetBool(x)
	case reflect.Int32, reflect.Int64:
		n, ok := treeInt(in)
		if !ok || v.OverflowInt(n) {
			return mismatch(path, "an integer", in)
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		n, ok := treeFloat(in)
		if !ok {
			return mismatch(path, "a number", in)
		}
		v.SetFloat(n)
	default:
		return fmt.Errorf("wire: %s: cannot decode into %v", path, v.Type())
	}
	return nil
}

func treeInt(in any) (int64, bool) {
	switch x := in.(type) {
	case int64:
		return x, true
	case json.Number:
		n, err := x.Int64()
		return n, err == nil
	case float64:
		return int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<53
	}
	return 0, false
}

func treeFloat(in any) (float64, bool) {
	switch x := in.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	case string: // JSON has no numbers for these
		switch x {
		case "NaN", "Infinity", "-Infinity":
			f, err := strconv.ParseFloat(x, 64)
			return f, err == nil
		}
	}
	return 0, false
}

// treeTime reads a timestamp: epoch seconds unless the schema says otherwise.
func treeTime(s *smithy.Schema, in any) (time.Time, error) {
	if t, ok := in.(time.Time); ok {
		return t, nil
	}
	f, formatted := smithy.SchemaTrait[*traits.TimestampFormat](s)
	if text, ok := in.(string); ok && (s == nil || (formatted && f.Format == "date-time")) {
		return time.Parse(time.RFC3339Nano, text)
	}
	sec, ok := treeFloat(in)
	if !ok {
		return time.Time{}, fmt.Errorf("%v is not a timestamp in epoch seconds", in)
	}
	whole, frac := math.Modf(sec)
	return time.Unix(int64(whole), int64(math.Round(frac*1e3))*1e6).UTC(), nil
}

func member(s *smithy.Schema, name string) *smithy.Schema {
	if s == nil {
		return nil
	}
	return s.Member(name)
}

func listMember(s *smithy.Schema) *smithy.Schema {
	if s == nil {
		return nil
	}
	return s.ListMember()
}

func mapValue(s *smithy.Schema) *smithy.Schema {
	if s == nil {
		return nil
	}
	return s.MapValue()
}

func serialization(format string, args ...any) *Error {
	return Errorf("SerializationException", format, args...)
}

func mismatch(path, want string, got any) *Error {
	return serialization("%s must be %s, not %T", orTop(path), want, got)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orTop(path string) string {
	if path == "" {
		return "the request"
	}
	return path
}
