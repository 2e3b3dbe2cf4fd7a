package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// location is where a member of a REST operation stands in a message.
type location int

const (
	inBody location = iota
	inLabel
	inQuery
	inQueryMap // all query parameters that nothing else takes
	inHeader
	inPrefixHeaders
	inPayload // the member is the body
	inStatus
)

// binding says where a member stands when that is not the body.
type binding struct {
	field string // Go name
	at    location
	name  string // of the label, parameter or header; the prefix of headers
}

// bound is a binding of one structure's field.
type bound struct {
	binding
	index  int
	wire   string // the member's name, as the body would have it
	schema *smithy.Schema
}

// bindingsOf returns what stands outside of the body: its schema says so, or
// the route does for modules without schemas.
func bindingsOf(t reflect.Type, s *smithy.Schema, st style, request bool, listed []binding) []bound {
	var out []bound
	for _, f := range shapeOf(t, s, st, request).fields {
		b := bound{binding: binding{field: t.Field(f.index).Name}, index: f.index, wire: f.name, schema: f.schema}
		if s != nil {
			b.at, b.name = traitLocation(f.schema)
			if b.at == inLabel {
				b.name = f.name
			}
		}
		for _, l := range listed {
			if l.field == b.field {
				b.binding = l
			}
		}
		if b.at != inBody {
			out = append(out, b)
		}
	}
	return out
}

func traitLocation(s *smithy.Schema) (location, string) {
	if _, ok := smithy.SchemaTrait[*traits.HTTPLabel](s); ok {
		return inLabel, ""
	}
	if q, ok := smithy.SchemaTrait[*traits.HTTPQuery](s); ok {
		return inQuery, q.Name
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPQueryParams](s); ok {
		return inQueryMap, ""
	}
	if h, ok := smithy.SchemaTrait[*traits.HTTPHeader](s); ok {
		return inHeader, h.Name
	}
	if h, ok := smithy.SchemaTrait[*traits.HTTPPrefixHeaders](s); ok {
		return inPrefixHeaders, h.Prefix
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPPayload](s); ok {
		return inPayload, ""
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPResponseCode](s); ok {
		return inStatus, ""
	}
	return inBody, ""
}

// decodeREST fills v from path, query, headers and, by rest, from the body.
func decodeREST(v reflect.Value, st style, rt route, labels map[string]string, r *http.Request, body []byte, rest func(skip map[string]bool) error) error {
	query, s := r.URL.Query(), schemaOf(v.Type())
	elsewhere := map[string]bool{}
	known := map[string]bool{"x-id": true}
	payload := false
	var all reflect.Value
	for _, b := range bindingsOf(v.Type(), s, st, true, rt.in) {
		elsewhere[b.wire] = true
		fv := v.Field(b.index)
		var err error
		switch b.at {
		case inLabel:
			err = setText(b.name, fv, labels[b.name])
		case inQuery:
			known[b.name] = true
			if values, ok := query[b.name]; ok {
				err = setQuery(b.name, fv, values)
			}
		case inQueryMap:
			all = fv
		case inHeader:
			if text := strings.Join(r.Header.Values(b.name), ","); text != "" {
				err = setHeader(b.name, fv, text, b.schema)
			}
		case inPrefixHeaders:
			setPrefixHeaders(fv, b.name, r.Header)
		case inPayload:
			payload = true
			err = setPayload(b, st, fv, body)
		}
		if err != nil {
			return err
		}
	}
	if _, s3 := labels["Bucket"]; !s3 { // S3 ignores what it does not know
		if err := unknownParameters(query, known, all, rt); err != nil {
			return err
		}
	}
	if payload {
		return nil
	}
	return rest(elsewhere)
}

func unknownParameters(query url.Values, known map[string]bool, all reflect.Value, rt route) error {
	for _, name := range sortedKeys(query) {
		if known[name] || rt.query.Has(name) || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if !all.IsValid() {
			return Errorf("ValidationException", "%s has no query parameter %q", rt.operation, name)
		}
		if all.IsNil() {
			all.Set(reflect.MakeMap(all.Type()))
		}
		item := reflect.New(all.Type().Elem()).Elem()
		if err := setQuery(name, item, query[name]); err != nil {
			return err
		}
		all.SetMapIndex(reflect.ValueOf(name), item)
	}
	return nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func setQuery(name string, v reflect.Value, values []string) error {
	if v.Kind() != reflect.Slice {
		return setText(name, v, values[0])
	}
	out := reflect.MakeSlice(v.Type(), len(values), len(values))
	for i, text := range values {
		if err := setText(name, out.Index(i), text); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

// setHeader sets a member from a header: times are HTTP dates and lists are
// separated by commas.
func setHeader(name string, v reflect.Value, text string, s *smithy.Schema) error {
	switch {
	case v.Kind() == reflect.Slice:
		var values []string
		for part := range strings.SplitSeq(text, ",") {
			values = append(values, strings.TrimSpace(part))
		}
		return setQuery(name, v, values)
	case v.Type() == reflect.PointerTo(timeType):
		if f, ok := smithy.SchemaTrait[*traits.TimestampFormat](s); ok && f.Format != "http-date" {
			break
		}
		t, err := http.ParseTime(text)
		if err != nil && s == nil {
			t, err = time.Parse(time.RFC3339, text)
		}
		if err != nil {
			return malformed(name, text, "a HTTP date")
		}
		v.Set(reflect.ValueOf(&t))
		return nil
	}
	return setText(name, v, text)
}

func setPrefixHeaders(v reflect.Value, prefix string, h http.Header) {
	for key := range h {
		if len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(strings.ToLower(key[len(prefix):])), reflect.ValueOf(h.Get(key)))
		}
	}
}

var readerType = reflect.TypeFor[io.Reader]()

// setPayload sets the member that is the body.
func setPayload(b bound, st style, v reflect.Value, body []byte) error {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		if len(body) > 0 {
			v.SetBytes(body)
		}
		return nil
	case v.Type() == readerType:
		v.Set(reflect.ValueOf(bytes.NewReader(body)))
		return nil
	case len(body) == 0:
		return nil
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.String:
		return setText(b.wire, v, string(body))
	}
	if st == styleXML {
		root, err := parseXML(bytes.NewReader(body))
		if err != nil {
			return Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		}
		return textDecoder{styleXML}.decode("", v, root, inner(""))
	}
	tree, err := fromJSON(body)
	if err != nil {
		return serialization("the body is not well-formed: %v", err)
	}
	return treeDecoder{style: styleSchema}.decode("", v, b.schema, tree)
}

// encodeREST puts the members that stand outside of the body where they
// belong. It returns the names of those that the body leaves out, and the
// member that is the body, if there is one.
func encodeREST(res *response, v reflect.Value, s *smithy.Schema, st style, listed []binding) (skip map[string]bool, payload *bound, err error) {
	skip = map[string]bool{}
	for _, b := range bindingsOf(v.Type(), s, st, false, listed) {
		skip[b.wire] = true
		fv := v.Field(b.index)
		switch b.at {
		case inHeader:
			if text, ok := headerText(fv, b.schema); ok {
				res.header.Set(b.name, text)
			}
		case inPrefixHeaders:
			for it := fv.MapRange(); it.Next(); {
				res.header[strings.ToLower(b.name+it.Key().String())] = []string{it.Value().String()} // as AWS writes them
			}
		case inStatus:
			if n := reflect.Indirect(fv); n.IsValid() && n.Int() != 0 {
				res.status = int(n.Int())
			}
		case inPayload:
			payload = &b
		default:
			return nil, nil, fmt.Errorf("wire: member %s cannot stand in a response's path or query", b.field)
		}
	}
	return skip, payload, nil
}

// headerText returns a member as a header's text; ok is false when it is unset.
func headerText(v reflect.Value, s *smithy.Schema) (text string, ok bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "", false
		}
		return headerText(v.Elem(), s)
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			part, _ := headerText(v.Index(i), nil)
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), len(parts) > 0
	case reflect.String:
		return v.String(), v.String() != ""
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), true
	case reflect.Struct:
		if t, isTime := v.Interface().(time.Time); isTime {
			return t.UTC().Format(http.TimeFormat), true
		}
	}
	return "", false
}

// encodePayload returns the bytes of the member that is the body.
func encodePayload(c *Call, res *response, b *bound, v reflect.Value) ([]byte, error) {
	switch x := v.Interface().(type) {
	case []byte:
		return x, nil
	case io.ReadCloser:
		if x == nil {
			return nil, nil
		}
		body, err := io.ReadAll(x)
		if err != nil {
			return nil, err
		}
		return body, x.Close()
	case *string:
		if x == nil {
			return nil, nil
		}
		return []byte(*x), nil
	}
	if c.protocol == restXML {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, nil
		}
		v = reflect.Indirect(v)
		e := &xmlEncoder{style: styleXML}
		e.buf.WriteString(xmlDeclaration)
		e.root(v.Type().Name(), c.Service)
		err := e.structure(v, nil)
		e.close(v.Type().Name())
		return e.buf.Bytes(), err
	}
	tree, ok, err := treeEncoder{style: styleSchema}.encode(v, b.schema)
	if err != nil || !ok {
		return nil, err
	}
	res.header.Set("Content-Type", contentTypes[restJSON])
	return json.Marshal(tree)
}
