package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// treeEncoder turns SDK values into trees. Times and blobs are kept as they
// are for CBOR (raw) and become numbers and base64 for JSON.
type treeEncoder struct {
	style style
	raw   bool
	iso   bool // times as texts where no schema says how
}

// isoTimes are the services without schemas that write times as ISO 8601
// (source: the SDK's deserializers).
var isoTimes = map[string]bool{"apigatewaymanagementapi": true, "apigatewayv2": true}

// encode returns the tree of v; ok is false when v is unset.
func (e treeEncoder) encode(v reflect.Value, s *smithy.Schema) (out any, ok bool, err error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, false, nil
		}
		return e.encode(v.Elem(), s)
	case reflect.Interface:
		if v.IsNil() {
			return nil, false, nil
		}
		if documents[v.Type()] != nil {
			tree, err := documentTree(v.Interface())
			return tree, true, err
		}
		return e.encodeUnion(v.Elem(), s)
	case reflect.Struct:
		if v.Type() == timeType {
			return e.time(v.Interface().(time.Time), s), true, nil
		}
		m, err := e.encodeStruct(v, s, nil)
		return m, true, err
	case reflect.Slice:
		if v.IsNil() {
			return nil, false, nil
		}
		return e.encodeSlice(v, s)
	case reflect.Map:
		if v.IsNil() {
			return nil, false, nil
		}
		return e.encodeMap(v, s)
	case reflect.String:
		// An enum has no pointer in Go: its empty string means unset.
		return v.String(), v.String() != "" || v.Type() == reflect.TypeFor[string](), nil
	case reflect.Bool:
		return v.Bool(), true, nil
	case reflect.Int32, reflect.Int64:
		return v.Int(), true, nil
	case reflect.Float32, reflect.Float64:
		return e.float(v.Float()), true, nil
	}
	return nil, false, fmt.Errorf("wire: cannot encode %v", v.Type())
}

// encodeStruct returns the members of v except those in skip.
func (e treeEncoder) encodeStruct(v reflect.Value, s *smithy.Schema, skip map[string]bool) (map[string]any, error) {
	m := map[string]any{}
	for _, f := range shapeOf(v.Type(), s, e.style, false).fields {
		if skip[f.name] {
			continue
		}
		val, ok, err := e.encode(v.Field(f.index), f.schema)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if ok {
			m[f.name] = val
		}
	}
	return m, nil
}

func (e treeEncoder) encodeUnion(v reflect.Value, s *smithy.Schema) (any, bool, error) {
	v = reflect.Indirect(v)
	_, name, ok := strings.Cut(v.Type().Name(), "Member")
	if !ok {
		return nil, false, fmt.Errorf("wire: %v is not a variant of a union", v.Type())
	}
	name = e.variant(s, name)
	val, set, err := e.encode(v.FieldByName("Value"), member(s, name))
	if err != nil {
		return nil, false, err
	}
	if !set { // an empty list or map variant made with a nil slice
		val = reflect.New(v.FieldByName("Value").Type()).Elem().Interface()
		if v.FieldByName("Value").Kind() == reflect.Slice {
			val = []any{}
		} else if v.FieldByName("Value").Kind() == reflect.Map {
			val = map[string]any{}
		}
	}
	return map[string]any{name: val}, true, nil
}

// variant returns the name on the wire of a union's variant, given its Go name.
func (e treeEncoder) variant(s *smithy.Schema, name string) string {
	if m, ok := schemaNames(s)[name]; ok {
		return m.MemberName()
	}
	if e.style == styleCamel {
		return lowerFirst(name)
	}
	return name
}

func (e treeEncoder) encodeSlice(v reflect.Value, s *smithy.Schema) (any, bool, error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if e.raw {
			return v.Bytes(), true, nil
		}
		return base64.StdEncoding.EncodeToString(v.Bytes()), true, nil
	}
	list := make([]any, v.Len())
	for i := range list {
		val, _, err := e.encode(v.Index(i), listMember(s))
		if err != nil {
			return nil, false, err
		}
		list[i] = val
	}
	return list, true, nil
}

func (e treeEncoder) encodeMap(v reflect.Value, s *smithy.Schema) (any, bool, error) {
	m := make(map[string]any, v.Len())
	for it := v.MapRange(); it.Next(); {
		val, _, err := e.encode(it.Value(), mapValue(s))
		if err != nil {
			return nil, false, err
		}
		m[it.Key().String()] = val
	}
	return m, true, nil
}

func (e treeEncoder) time(t time.Time, s *smithy.Schema) any {
	if e.raw {
		return t
	}
	if f, ok := smithy.SchemaTrait[*traits.TimestampFormat](s); e.style == stylePascal || e.iso || (ok && f.Format == "date-time") {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', -1, 64))
}

func (e treeEncoder) float(f float64) any {
	if !e.raw {
		switch {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		}
	}
	return f
}
