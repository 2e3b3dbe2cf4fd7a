package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// xmlEncoder writes SDK values as XML in the style of a protocol.
type xmlEncoder struct {
	buf   bytes.Buffer
	style style
}

func (e *xmlEncoder) open(name string)  { e.buf.WriteString("<" + name + ">") }
func (e *xmlEncoder) close(name string) { e.buf.WriteString("</" + name + ">") }

func (e *xmlEncoder) text(name, text string) {
	e.open(name)
	e.escaped(text)
	e.close(name)
}

func (e *xmlEncoder) escaped(text string) {
	// EscapeText fails only when the writer does, and a buffer does not.
	_ = xml.EscapeText(&e.buf, []byte(text))
}

// structure writes the members of v, except those in skip.
func (e *xmlEncoder) structure(v reflect.Value, skip map[string]bool) error {
	for _, f := range shapeOf(v.Type(), nil, e.style, false).fields {
		if skip[f.name] {
			continue
		}
		if err := e.value(f.names, v.Field(f.index)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// inner names the members of lists and maps that hold lists and maps.
func inner(name string) names {
	return names{name: name, item: "member", key: "key", value: "value"}
}

// value writes v as an element; unset values are left out.
func (e *xmlEncoder) value(as names, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return e.value(as, v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			e.text(as.name, v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.999Z"))
			return nil
		}
		var skip map[string]bool
		if kind := v.FieldByName("Type"); v.Type().Name() == "Grantee" && kind.Kind() == reflect.String { // of S3, whose type is an attribute
			e.open(as.name + ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + kind.String() + `"`)
			skip = map[string]bool{"Type": true}
		} else {
			e.open(as.name)
		}
		if err := e.structure(v, skip); err != nil {
			return err
		}
		e.close(as.name)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		u := reflect.Indirect(v.Elem())
		_, name, ok := strings.Cut(u.Type().Name(), "Member")
		if !ok {
			return fmt.Errorf("wire: %v is not a variant of a union", u.Type())
		}
		e.open(as.name)
		if err := e.value(inner(name), u.FieldByName("Value")); err != nil {
			return err
		}
		e.close(as.name)
	case reflect.Slice:
		return e.list(as, v)
	case reflect.Map:
		return e.mapping(as, v)
	case reflect.String:
		if v.String() == "" && v.Type() != reflect.TypeFor[string]() {
			return nil // an unset enum
		}
		e.text(as.name, v.String())
	case reflect.Bool:
		e.text(as.name, strconv.FormatBool(v.Bool()))
	case reflect.Int32, reflect.Int64:
		e.text(as.name, strconv.FormatInt(v.Int(), 10))
	case reflect.Float32, reflect.Float64:
		e.text(as.name, strconv.FormatFloat(v.Float(), 'g', -1, 64))
	default:
		return fmt.Errorf("wire: cannot encode %v as XML", v.Type())
	}
	return nil
}

func (e *xmlEncoder) list(as names, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		e.text(as.name, base64.StdEncoding.EncodeToString(v.Bytes()))
		return nil
	}
	item := as.item
	if as.flat {
		item = as.name
	} else {
		e.open(as.name)
	}
	for i := range v.Len() {
		if err := e.value(inner(item), v.Index(i)); err != nil {
			return err
		}
	}
	if !as.flat {
		e.close(as.name)
	}
	return nil
}

func (e *xmlEncoder) mapping(as names, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	entry := "entry"
	if as.flat {
		entry = as.name
	} else {
		e.open(as.name)
	}
	for _, k := range keys {
		e.open(entry)
		e.text(as.key, k.String())
		if err := e.value(inner(as.value), v.MapIndex(k)); err != nil {
			return err
		}
		e.close(entry)
	}
	if !as.flat {
		e.close(as.name)
	}
	return nil
}
