package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"sort"
	"strconv"
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
	// EscapeText fails only when the writer does, and a buffer does not.
	_ = xml.EscapeText(&e.buf, []byte(text))
	e.close(name)
}

// structure writes the members of v, except those in skip.
func (e *xmlEncoder) structure(v reflect.Value, skip map[string]bool) error {
	for _, f := range shapeOf(v.Type(), nil, e.style, false).fields {
		if skip[v.Type().Field(f.index).Name] {
			continue
		}
		if err := e.value(f.name, f.item, v.Field(f.index)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// value writes v as element name; unset values are left out.
func (e *xmlEncoder) value(name, item string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return e.value(name, item, v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			e.text(name, v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.999Z"))
			return nil
		}
		e.open(name)
		if err := e.structure(v, nil); err != nil {
			return err
		}
		e.close(name)
	case reflect.Slice:
		return e.list(name, item, v)
	case reflect.Map:
		return e.mapping(name, v)
	case reflect.String:
		if v.String() == "" && v.Type() != reflect.TypeFor[string]() {
			return nil // an unset enum
		}
		e.text(name, v.String())
	case reflect.Bool:
		e.text(name, strconv.FormatBool(v.Bool()))
	case reflect.Int32, reflect.Int64:
		e.text(name, strconv.FormatInt(v.Int(), 10))
	case reflect.Float32, reflect.Float64:
		e.text(name, strconv.FormatFloat(v.Float(), 'g', -1, 64))
	default:
		return fmt.Errorf("wire: cannot encode %v as XML", v.Type())
	}
	return nil
}

func (e *xmlEncoder) list(name, item string, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		e.text(name, base64.StdEncoding.EncodeToString(v.Bytes()))
		return nil
	}
	if item == "" {
		item = "member"
	}
	e.open(name)
	for i := range v.Len() {
		if err := e.value(item, "", v.Index(i)); err != nil {
			return err
		}
	}
	e.close(name)
	return nil
}

func (e *xmlEncoder) mapping(name string, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	e.open(name)
	for _, k := range keys {
		e.open("entry")
		e.text("key", k.String())
		if err := e.value("value", "", v.MapIndex(k)); err != nil {
			return err
		}
		e.close("entry")
	}
	e.close(name)
	return nil
}
