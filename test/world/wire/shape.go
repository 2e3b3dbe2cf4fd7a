package wire

import (
	"cmp"
	"reflect"
	"sync"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/traits"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire/internal/naming"
)

// style is how a protocol names things whose names no schema gives.
type style = naming.Style

const (
	styleSchema = naming.Schema
	styleCamel  = naming.Camel
	styleQuery  = naming.Query
	styleEC2    = naming.EC2
	styleXML    = naming.XML
	styleGo     = naming.Go
	stylePascal = naming.Pascal
)

// field is one member of a structure: the Go field and its name on the wire.
type field struct {
	index int
	names
	schema   *smithy.Schema
	required bool // in requests
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
		listed := rowOf(t, f.Name)
		fd := field{index: i, required: request && listed.required}
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
			fd.names = styledNames(f, listed, st, request)
		}
		sh.fields = append(sh.fields, fd)
	}
	for i := range sh.fields {
		sh.byName[sh.fields[i].name] = &sh.fields[i]
	}
	if st == stylePascal { // the API's own spelling is taken, too
		for i := range sh.fields {
			if name := t.Field(sh.fields[i].index).Name; sh.byName[name] == nil {
				sh.byName[name] = &sh.fields[i]
			}
		}
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

// styledNames returns the names of a field by the tables and the rules.
func styledNames(f reflect.StructField, listed row, st style, request bool) names {
	if st == stylePascal {
		return names{name: PascalName(f.Name)}
	}
	list := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8
	n := listed.out
	if request {
		n = listed.in
	}
	n.name = cmp.Or(n.name, naming.Name(st, f.Name, list, request))
	n.item = cmp.Or(n.item, naming.Item(st, f.Name))
	n.key, n.value = cmp.Or(n.key, "key"), cmp.Or(n.value, "value")
	return n
}

func upperFirst(s string) string { return naming.UpperFirst(s) }
func lowerFirst(s string) string { return naming.LowerFirst(s) }

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
