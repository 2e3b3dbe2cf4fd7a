package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
)

// Tag is one of a resource.
type Tag struct {
	Key   string `cfn:"required"`
	Value string `cfn:"required"`
}

// Document is a property that is JSON, as a policy: an object in the template,
// or its text.
type Document string

// or is the text, nil where the template has none.
func (d *Document) text() *string {
	if d == nil {
		return nil
	}
	s := string(*d)
	return &s
}

var (
	documentType = reflect.TypeFor[Document]()
	timeType     = reflect.TypeFor[time.Time]()
)

// decode reads evaluated properties strictly into the fields of a structure,
// which are named as the properties are. A field with the tag cfn:"required"
// must be there; cfn:"name=X" names the property where Go's name differs.
// Numbers and booleans may be text and the reverse, as on AWS. What is not known
// yet (template.Unknown) stays empty.
func decode(m map[string]any, into any) error {
	var problems []error
	decodeStruct(m, reflect.ValueOf(into).Elem(), "#", &problems)
	return errors.Join(problems...)
}

func decodeStruct(m map[string]any, v reflect.Value, path string, problems *[]error) {
	fields := map[string]int{}
	required := map[string]bool{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name, tag := f.Name, f.Tag.Get("cfn")
		for word := range strings.SplitSeq(tag, ",") {
			if given, ok := strings.CutPrefix(word, "name="); ok {
				name = given
			}
		}
		fields[name] = i
		required[name] = strings.Contains(tag, "required")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, ok := m[name]; required[name] && !ok {
			*problems = append(*problems, fmt.Errorf("%s: required key [%s] not found", path, name))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		i, ok := fields[key]
		if !ok {
			*problems = append(*problems, fmt.Errorf("%s: extraneous key [%s] is not permitted", path, key))
			continue
		}
		decodeValue(m[key], v.Field(i), path+"/"+key, problems)
	}
}

func decodeValue(from any, v reflect.Value, path string, problems *[]error) {
	if _, unknown := from.(template.Unknown); unknown {
		return
	}
	mismatch := func(want string) {
		*problems = append(*problems, fmt.Errorf("%s: expected type: %s, found: %s", path, want, kindOf(from)))
	}
	switch {
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		decodeValue(from, v.Elem(), path, problems)
		return
	case v.Type() == documentType:
		if text, ok := from.(string); ok {
			v.SetString(text)
			return
		}
		v.SetString(JSON(from))
		return
	case v.Type() == timeType:
		text, _ := from.(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			mismatch("date-time")
			return
		}
		v.Set(reflect.ValueOf(at))
		return
	case v.Kind() == reflect.Interface:
		v.Set(reflect.ValueOf(from))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		m, ok := from.(map[string]any)
		if !ok {
			mismatch("JSONObject")
			return
		}
		decodeStruct(m, v, path, problems)
	case reflect.Map:
		m, ok := from.(map[string]any)
		if !ok {
			mismatch("JSONObject")
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			item := reflect.New(v.Type().Elem()).Elem()
			decodeValue(m[key], item, path+"/"+key, problems)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
		}
	case reflect.Slice:
		list, ok := from.([]any)
		if !ok {
			mismatch("JSONArray")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, item := range list {
			decodeValue(item, v.Index(i), path+"/"+strconv.Itoa(i), problems)
		}
	default:
		decodeScalar(from, v, mismatch)
	}
}

func decodeScalar(from any, v reflect.Value, mismatch func(want string)) {
	text := ""
	switch from := from.(type) {
	case string:
		text = from
	case json.Number:
		text = from.String()
	case bool:
		text = strconv.FormatBool(from)
	default:
		mismatch("String")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil || len(text) < 4 { // "1" and "t" are none
			mismatch("Boolean")
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			mismatch("Integer")
			return
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			mismatch("Number")
			return
		}
		v.SetFloat(f)
	default:
		mismatch(v.Kind().String())
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "JSONObject"
	case []any:
		return "JSONArray"
	case string:
		return "String"
	case bool:
		return "Boolean"
	case json.Number:
		return "Number"
	}
	return "null"
}

// JSON writes an evaluated value without HTML's escapes.
func JSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null" // values of templates have nothing that JSON has not
	}
	return strings.TrimSuffix(b.String(), "\n")
}
