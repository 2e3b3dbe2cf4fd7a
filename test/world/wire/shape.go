package wire

import (
	"reflect"
	"strings"
	"sync"
	"unicode"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/traits"
)

// style is how a protocol names things whose names no schema gives.
type style int

const (
	styleSchema style = iota // names as in the schema
	styleCamel               // JSON with lowerCamel names: Step Functions
	styleQuery               // AWS query: names as in Go, lists as member.N
	styleEC2                 // EC2: lowerCamel in answers, flat lists in requests
	styleXML                 // Route 53: names as in Go, list items in the singular
	styleGo                  // JSON with names as in Go: EventBridge Scheduler
	stylePascal              // Step Functions' integrations: names as in Go, times in ISO 8601
)

// field is one member of a structure: the Go field and its name on the wire.
type field struct {
	index  int
	name   string
	item   string // name of a list's items; "" where the protocol fixes it
	schema *smithy.Schema
}

// shape is what is known about a Go structure on the wire.
type shape struct {
	fields []field
	byName map[string]*field
}

type shapeKey struct {
	t     reflect.Type
	style style
	req   bool
}

var shapes sync.Map // shapeKey -> *shape

var metadataType = reflect.TypeFor[middleware.Metadata]()

// shapeOf returns the shape of structure type t. EC2 names members of requests
// and answers differently, hence request.
func shapeOf(t reflect.Type, s *smithy.Schema, st style, request bool) *shape {
	key := shapeKey{t, st, request}
	if known, ok := shapes.Load(key); ok {
		return known.(*shape)
	}
	sh := &shape{byName: map[string]*field{}}
	members := schemaNames(s)
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Type == metadataType || f.Name == "ErrorCodeOverride" {
			continue
		}
		fd := field{index: i, name: f.Name}
		if s != nil {
			m, ok := members[f.Name]
			if !ok {
				continue
			}
			fd.name, fd.schema = m.MemberName(), m
			if jn, ok := smithy.SchemaTrait[*traits.JSONName](m); ok {
				fd.name = jn.Name
			}
		} else {
			fd.name, fd.item = styledName(t, f, st, request)
		}
		sh.fields = append(sh.fields, fd)
	}
	for i := range sh.fields {
		sh.byName[sh.fields[i].name] = &sh.fields[i]
	}
	actual, _ := shapes.LoadOrStore(key, sh)
	return actual.(*shape)
}

// schemaNames maps Go field names to the members of a schema.
func schemaNames(s *smithy.Schema) map[string]*smithy.Schema {
	if s == nil {
		return nil
	}
	out := make(map[string]*smithy.Schema, len(s.Members()))
	for name, m := range s.Members() {
		out[upperFirst(name)] = m
	}
	return out
}

func styledName(t reflect.Type, f reflect.StructField, st style, request bool) (name, item string) {
	name = f.Name
	list := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8
	switch st {
	case styleCamel:
		name = lowerFirst(name)
	case styleXML:
		if list {
			item = singular(name)
		}
	case styleEC2:
		if request {
			if list {
				name = singular(name)
			}
			break
		}
		name = lowerFirst(name)
		if list {
			name, item = strings.TrimSuffix(lowerFirst(singular(f.Name)), "Set")+"Set", "item"
		}
	}
	if hint, ok := nameHints[hintKey(t, f.Name, request)]; ok {
		name = hint
	}
	if hint, ok := itemHints[hintKey(t, f.Name, false)]; ok {
		item = hint
	}
	return name, item
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// lowerFirst gives the lowerCamel form: VpcId is vpcId, but ARN is aRN as in
// AWS's own generator.
func lowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies"):
		return strings.TrimSuffix(s, "ies") + "y"
	case strings.HasSuffix(s, "sses"):
		return strings.TrimSuffix(s, "es")
	}
	return strings.TrimSuffix(s, "s")
}

// catcher takes the schema that a value writes itself with.
type catcher struct {
	smithy.ShapeSerializer
	schema *smithy.Schema
}

// WriteStruct implements smithy.ShapeSerializer; nothing beyond it is wanted.
func (c *catcher) WriteStruct(s *smithy.Schema) {
	c.schema = s
	panic(c)
}

// schemaOf returns the Smithy schema of an SDK structure, or nil for SDK
// modules that do not carry schemas.
func schemaOf(t reflect.Type) (s *smithy.Schema) {
	v, ok := reflect.New(t).Interface().(smithy.Serializable)
	if !ok {
		return nil
	}
	c := &catcher{}
	defer func() {
		if r := recover(); r != nil && r != any(c) {
			panic(r)
		}
		s = c.schema
	}()
	v.Serialize(c)
	return nil
}
