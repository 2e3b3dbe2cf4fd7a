package wire

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// node is what XML documents and query strings have in common: a tree of
// named texts, in order.
type node struct {
	name string
	text string
	kids []*node
}

func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// parseXML reads a document into a tree; the root element is the result.
func parseXML(r io.Reader) (*node, error) {
	dec := xml.NewDecoder(r)
	top := &node{}
	stack := []*node{top}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		last := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local}
			last.kids = append(last.kids, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			last.text += string(t)
		}
	}
	if len(top.kids) != 1 {
		return nil, fmt.Errorf("the document has %d root elements", len(top.kids))
	}
	return top.kids[0], nil
}

// formTree turns the dotted keys of a query request into a tree.
func formTree(form url.Values) *node {
	top := &node{}
	keys := make([]string, 0, len(form))
	for key := range form {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		n := top
		for part := range strings.SplitSeq(key, ".") {
			next := n.kid(part)
			if next == nil {
				next = &node{name: part}
				n.kids = append(n.kids, next)
			}
			n = next
		}
		n.text = form.Get(key)
	}
	return top
}

// textDecoder fills SDK values from trees of text.
type textDecoder struct{ style style }

func (d textDecoder) decodeStruct(path string, v reflect.Value, n *node, skip map[string]bool) error {
	sh := shapeOf(v.Type(), nil, d.style, true)
	for _, k := range n.kids {
		f, ok := sh.byName[k.name]
		if !ok || skip[k.name] {
			return d.unknown(path, k.name)
		}
		fv := v.Field(f.index)
		if d.style == styleXML && f.names.flat && fv.Kind() == reflect.Slice {
			item := reflect.New(fv.Type().Elem()).Elem()
			if err := d.decode(join(path, k.name), item, k, inner("")); err != nil {
				return err
			}
			fv.Set(reflect.Append(fv, item))
			continue
		}
		if err := d.decode(join(path, k.name), fv, k, f.names); err != nil {
			return err
		}
	}
	return nil
}

// unknown refuses a member that a structure does not have.
func (d textDecoder) unknown(path, name string) error {
	switch d.style {
	case styleEC2: // as AWS does
		return Errorf("UnknownParameter", "The parameter %s is not recognized", join(path, name))
	case styleXML:
		return Errorf("InvalidInput", "The XML you provided is not well-formed or did not validate against our published schema: %s has no member %q", orTop(path), name)
	}
	return Errorf("MalformedInput", "%s has no member %q", orTop(path), name)
}

// decode fills v from n; names are those of the member that v is.
func (d textDecoder) decode(path string, v reflect.Value, n *node, names names) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(path, v.Elem(), n, names)
	case reflect.Struct:
		if v.Type() == timeType {
			return setText(path, v, n.text)
		}
		return d.decodeStruct(path, v, n, nil)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(n.text))
			if err != nil {
				return malformed(path, n.text, "base64")
			}
			v.SetBytes(b)
			return nil
		}
		return d.decodeList(path, v, n, names)
	case reflect.Map:
		return d.decodeMap(path, v, n, names)
	case reflect.Interface:
		return d.decodeUnion(path, v, n)
	}
	return setText(path, v, n.text)
}

func (d textDecoder) decodeUnion(path string, v reflect.Value, n *node) error {
	variants, ok := unions[v.Type()]
	if !ok {
		return fmt.Errorf("wire: %s: union %v is not listed in unions", path, v.Type())
	}
	if len(n.kids) != 1 {
		return Errorf("MalformedInput", "%s: exactly one member of the union must be set, got %d", path, len(n.kids))
	}
	k := n.kids[0]
	t, ok := variants[k.name]
	if !ok {
		return d.unknown(path, k.name)
	}
	u := reflect.New(t)
	if err := d.decode(join(path, k.name), u.Elem().FieldByName("Value"), k, inner("")); err != nil {
		return err
	}
	v.Set(u)
	return nil
}

// items returns the nodes of a list's items in order.
func (d textDecoder) items(path string, n *node, names names) ([]*node, error) {
	list := n.kids
	switch d.style {
	case styleXML:
		for _, k := range list {
			if k.name != names.item {
				return nil, d.unknown(path, k.name)
			}
		}
		return list, nil
	case styleQuery:
		m := n.kid(names.item)
		if m == nil { // AWS takes member for every list
			m = n.kid("member")
		}
		if m == nil {
			if len(list) > 0 && !isIndex(list[0].name) {
				return nil, d.unknown(path, list[0].name)
			}
			m = n // flat
		}
		list = m.kids
	}
	return byIndex(path, list)
}

func isIndex(name string) bool {
	_, err := strconv.Atoi(name)
	return err == nil
}

// byIndex sorts the items of a list or map of a query request.
func byIndex(path string, list []*node) ([]*node, error) {
	sorted := slices.Clone(list)
	for _, k := range sorted {
		if !isIndex(k.name) {
			return nil, Errorf("MalformedInput", "%s: %q is not the number of an item", path, k.name)
		}
	}
	sort.SliceStable(sorted, func(i, j int) bool {
		a, _ := strconv.Atoi(sorted[i].name)
		b, _ := strconv.Atoi(sorted[j].name)
		return a < b
	})
	return sorted, nil
}

func (d textDecoder) decodeList(path string, v reflect.Value, n *node, as names) error {
	items, err := d.items(path, n, as)
	if err != nil {
		return err
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := d.decode(join(path, strconv.Itoa(i+1)), out.Index(i), item, inner("")); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

// decodeMap reads Name.entry.N.key and Name.entry.N.value.
func (d textDecoder) decodeMap(path string, v reflect.Value, n *node, of names) error {
	out := reflect.MakeMap(v.Type())
	entries := n.kids
	if d.style != styleXML {
		e := n.kid("entry")
		if e == nil {
			e = n // flat
		}
		var err error
		if entries, err = byIndex(path, e.kids); err != nil {
			return err
		}
	}
	for _, e := range entries {
		key, val := e.kid(of.key), e.kid(of.value)
		if key == nil || val == nil {
			return malformed(path, e.name, "a map's entry")
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(join(path, key.text), item, val, inner("")); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key.text).Convert(v.Type().Key()), item)
	}
	v.Set(out)
	return nil
}

// setText sets a scalar from its text, as in XML, query strings and headers.
func setText(path string, v reflect.Value, text string) error {
	if v.Kind() != reflect.String {
		text = strings.TrimSpace(text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return setText(path, v.Elem(), text)
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return malformed(path, text, "a boolean")
		}
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return malformed(path, text, "an integer")
		}
		v.SetInt(i)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return malformed(path, text, "a number")
		}
		v.SetFloat(f)
	case reflect.Struct:
		if v.Type() != timeType {
			return fmt.Errorf("wire: %s: cannot decode text into %v", path, v.Type())
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil { // S3 has members in this form, too
			t, err = http.ParseTime(text)
		}
		if err != nil {
			return malformed(path, text, "a timestamp")
		}
		v.Set(reflect.ValueOf(t.UTC()))
	default:
		return fmt.Errorf("wire: %s: cannot decode text into %v", path, v.Type())
	}
	return nil
}

func malformed(path, text, want string) *Error {
	return Errorf("MalformedInput", "%s is not %s: %q", path, want, text)
}
