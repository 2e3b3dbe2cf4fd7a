// Package protobuf reads Kubernetes' protobuf into plain structs that say in a
// tag which field of the message each of their fields is:
//
//	type Taint struct {
//		Key    string `json:"key" pb:"1"`
//		Effect string `json:"effect" pb:"3"`
//	}
//
// The numbers are those of the generated.proto files of k8s.io/api. What a
// struct has no field for is passed over without being copied, so that a type
// with five fields costs five fields, whatever the object holds. Types may be
// string, bool, integers, structs, pointers to these, slices and
// maps from strings; a type that implements Message reads itself. In
// `pb:"1,unique"` a text is not worth remembering: it comes once in a list.
package protobuf

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Message reads itself from a message of its own.
type Message interface{ UnmarshalProto(data []byte) error }

// Wire types. Source: https://protobuf.dev/programming-guides/encoding/#structure
const (
	varint  = 0
	fixed64 = 1
	counted = 2 // a length, then as many bytes: texts and messages
	fixed32 = 5
)

var errMalformed = upgrade.Detailf("malformed protobuf")

// next splits the first field off a message: its number, its wire type, and its
// content, which is a number or, of counted ones, bytes.
func next(data []byte) (number int, wire int, value uint64, content, rest []byte, err error) {
	tag, n := binary.Uvarint(data)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return 0, 0, 0, nil, nil, errMalformed
	}
	data, number, wire = data[n:], int(tag>>3), int(tag&7)
	switch wire {
	case varint, counted:
		if value, n = binary.Uvarint(data); n <= 0 {
			return 0, 0, 0, nil, nil, errMalformed
		}
		data = data[n:]
		if wire == varint {
			return number, wire, value, nil, data, nil
		}
	case fixed64:
		value = 8
	case fixed32:
		value = 4
	default: // groups, which Kubernetes never had
		return 0, 0, 0, nil, nil, errMalformed
	}
	if value > uint64(len(data)) {
		return 0, 0, 0, nil, nil, errMalformed
	}
	return number, wire, value, data[:value], data[value:], nil
}

// Fields calls f for each field of a message: with its number and, of texts and
// messages, their bytes, else its value.
func Fields(data []byte, f func(number int, content []byte, value uint64) error) error {
	for len(data) > 0 {
		number, _, value, content, rest, err := next(data)
		if err != nil {
			return err
		}
		if err := f(number, content, value); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// Decoder reads many messages. It remembers texts that come again and again,
// such as the keys of labels, so that they are kept once. It is for one
// goroutine. The zero value is ready.
type Decoder struct{ texts map[string]string }

// Texts that are remembered: short ones, and not too many.
const (
	longest = 128
	most    = 1 << 15
)

// Unmarshal reads a message into a struct that into points to. What the message
// does not have keeps its value.
func (d *Decoder) Unmarshal(data []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return upgrade.Detailf("protobuf: cannot read into %T", into)
	}
	if m, ok := into.(Message); ok {
		return m.UnmarshalProto(data)
	}
	return d.message(planOf(v.Type().Elem()), data, v.Elem())
}

// Has reports whether a type has fields that can be read.
func Has(t reflect.Type) bool { return len(planOf(t).fields) > 0 }

func (d *Decoder) text(b []byte, unique bool) string {
	if unique || len(b) > longest || len(b) == 0 {
		return string(b)
	}
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	if d.texts == nil {
		d.texts = map[string]string{}
	}
	if len(d.texts) < most {
		d.texts[s] = s
	}
	return s
}

// plan is how a struct is read: its fields by their numbers.
type plan struct{ fields []*field }

type field struct {
	name   string
	index  int
	wire   int
	unique bool
	set    func(d *Decoder, f *field, v reflect.Value, content []byte, value uint64) error
}

func (d *Decoder) message(p *plan, data []byte, v reflect.Value) error {
	for len(data) > 0 {
		number, wire, value, content, rest, err := next(data)
		if err != nil {
			return err
		}
		data = rest
		if number >= len(p.fields) || p.fields[number] == nil {
			continue
		}
		f := p.fields[number]
		if wire != f.wire {
			return fmt.Errorf("field %d is not a %s: %w", number, f.name, errMalformed)
		}
		if err := f.set(d, f, v.Field(f.index), content, value); err != nil {
			return err
		}
	}
	return nil
}

var (
	plans   sync.Map // *plan by reflect.Type
	message = reflect.TypeFor[Message]()
)

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{}
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("pb")
		if !ok {
			continue
		}
		text, option, _ := strings.Cut(tag, ",")
		number, err := strconv.Atoi(text)
		if err != nil {
			panic("protobuf: " + t.String() + "." + t.Field(i).Name + " has the tag " + tag)
		}
		for number >= len(p.fields) {
			p.fields = append(p.fields, nil)
		}
		f := &field{name: t.String() + "." + t.Field(i).Name, index: i, unique: option == "unique"}
		f.wire, f.set = setter(t.Field(i).Type)
		p.fields[number] = f
	}
	plans.Store(t, p)
	return p
}

type set = func(d *Decoder, f *field, v reflect.Value, content []byte, value uint64) error

// setter returns how a value of a type is set, and what it is on the wire.
func setter(t reflect.Type) (int, set) {
	if reflect.PointerTo(t).Implements(message) {
		return counted, func(_ *Decoder, _ *field, v reflect.Value, content []byte, _ uint64) error {
			return v.Addr().Interface().(Message).UnmarshalProto(content)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return counted, func(d *Decoder, f *field, v reflect.Value, content []byte, _ uint64) error {
			v.SetString(d.text(content, f.unique))
			return nil
		}
	case reflect.Bool:
		return varint, func(_ *Decoder, _ *field, v reflect.Value, _ []byte, value uint64) error {
			v.SetBool(value != 0)
			return nil
		}
	case reflect.Int32, reflect.Int64:
		return varint, func(_ *Decoder, _ *field, v reflect.Value, _ []byte, value uint64) error {
			v.SetInt(int64(value))
			return nil
		}
	case reflect.Struct:
		return counted, func(d *Decoder, _ *field, v reflect.Value, content []byte, _ uint64) error {
			return d.message(planOf(t), content, v)
		}
	case reflect.Pointer:
		return pointer(t.Elem())
	case reflect.Slice:
		return slice(t.Elem())
	case reflect.Map:
		return counted, entry(t)
	}
	panic("protobuf: cannot read " + t.String())
}

func pointer(t reflect.Type) (int, set) {
	wire, one := setter(t)
	return wire, func(d *Decoder, f *field, v reflect.Value, content []byte, value uint64) error {
		if v.IsNil() {
			v.Set(reflect.New(t))
		}
		return one(d, f, v.Elem(), content, value)
	}
}

// slice adds one element: repeated fields come one by one, but for numbers,
// which nothing here has.
func slice(t reflect.Type) (int, set) {
	wire, one := setter(t)
	return wire, func(d *Decoder, f *field, v reflect.Value, content []byte, value uint64) error {
		n := v.Len()
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		v.Index(n).SetZero()
		return one(d, f, v.Index(n), content, value)
	}
}

// Entry splits an entry of a map: a message of key 1 and value 2.
func Entry(message []byte) (key, value []byte, err error) {
	err = Fields(message, func(number int, content []byte, _ uint64) error {
		switch number {
		case 1:
			key = content
		case 2:
			value = content
		}
		return nil
	})
	return key, value, err
}

// entry adds one entry of a map.
func entry(t reflect.Type) set {
	if t.Key().Kind() != reflect.String {
		panic("protobuf: cannot read " + t.String())
	}
	_, one := setter(t.Elem())
	texts := t == reflect.TypeFor[map[string]string]()
	return func(d *Decoder, f *field, v reflect.Value, content []byte, _ uint64) error {
		key, value, err := Entry(content)
		if err != nil {
			return err
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(t))
		}
		if texts { // most maps, and without reflection
			(*v.Addr().Interface().(*map[string]string))[d.text(key, false)] = d.text(value, f.unique)
			return nil
		}
		element := reflect.New(t.Elem()).Elem()
		if err := one(d, f, element, value, 0); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(d.text(key, false)).Convert(t.Key()), element)
		return nil
	}
}
