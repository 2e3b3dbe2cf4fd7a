package wire

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	smithy "github.com/aws/smithy-go"
)

// Validate refuses an Input that lacks a required member or has a value that is
// not in its enumeration, as AWS does before an operation looks at it: in the
// code and words of the service's own front. The rules are the SDK's (the
// members that it documents as required, the Values of its enumerations); it
// knows neither lengths nor patterns, which stay with the services.
func Validate(service string, in any) error {
	v := &validator{service: service, style: styleOf(service)}
	switch protocols[service] {
	case awsQuery:
		v.style = styleQuery
	case ec2Query:
		v.style = styleEC2
	case restXML:
		v.style = styleXML
	}
	t := reflect.ValueOf(in).Elem()
	v.structure("", t, schemaOf(t.Type()))
	return v.refusal()
}

// eksService checks requests itself: an InvalidParameterException names the first
// parameter that is wrong.
const eksService = "eks"

// eksEnum says what CreateNodegroup is known to say: "Invalid taint effect:
// NoSchedule, must be one of these [NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE]".
func eksEnum(x reflect.Value, names []string) string {
	var words strings.Builder
	name := x.Type().Name()
	if strings.HasSuffix(name, "Types") {
		name = strings.TrimSuffix(name, "s")
	}
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(rune(name[i-1])) || i+1 < len(name) && unicode.IsLower(rune(name[i+1]))) {
			words.WriteByte(' ')
		}
		words.WriteRune(unicode.ToLower(r))
	}
	return fmt.Sprintf("Invalid %s: %s, must be one of these [%s]", words.String(), x.String(), strings.Join(names, ", "))
}

// violation is one broken constraint.
type violation struct {
	path    string
	missing bool
	text    string
}

type validator struct {
	service string
	style   style
	found   []violation
}

func (v *validator) structure(path string, s reflect.Value, schema *smithy.Schema) {
	for _, f := range shapeOf(s.Type(), schema, v.style, true).fields {
		fv, at := s.Field(f.index), v.join(path, f.name)
		if f.required && unset(fv) {
			text := fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", at)
			if v.service == eksService {
				text = "Missing required parameter: " + at
			}
			v.found = append(v.found, violation{at, true, text})
			continue
		}
		v.value(at, fv, f.schema)
	}
}

// unset reports whether a required member is missing. Numbers and booleans
// without a pointer cannot tell.
func unset(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Type() != reflect.TypeFor[string]() && v.String() == ""
	}
	return false
}

func (v *validator) value(path string, x reflect.Value, s *smithy.Schema) {
	switch x.Kind() {
	case reflect.Pointer:
		if !x.IsNil() {
			v.value(path, x.Elem(), s)
		}
	case reflect.Struct:
		if x.Type() != timeType {
			v.structure(path, x, s)
		}
	case reflect.Slice:
		if x.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.enums(path, x) {
			return
		}
		for i := range x.Len() {
			v.value(v.element(path, strconv.Itoa(i+1)), x.Index(i), listMember(s))
		}
	case reflect.Map:
		keys := x.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			v.value(v.element(path, k.String()), x.MapIndex(k), mapValue(s))
		}
	case reflect.Interface:
		if u := reflect.Indirect(x.Elem()); u.IsValid() && unions[x.Type()] != nil {
			if _, name, ok := strings.Cut(u.Type().Name(), "Member"); ok {
				name = treeEncoder{style: v.style}.variant(s, name)
				v.value(v.join(path, name), u.FieldByName("Value"), member(s, name))
			}
		}
	case reflect.String:
		v.enum(path, x)
	}
}

// enumeration returns the values of an enum; ok is false for other types.
func enumeration(t reflect.Type) (names []string, ok bool) {
	values := reflect.Zero(t).MethodByName("Values")
	if t.Kind() != reflect.String || !values.IsValid() {
		return nil, false
	}
	set := values.Call(nil)[0]
	for i := range set.Len() {
		names = append(names, set.Index(i).String())
	}
	return names, true
}

func (v *validator) enum(path string, x reflect.Value) {
	names, ok := enumeration(x.Type())
	if !ok || x.String() == "" || v.service == "ec2" || slices.Contains(names, x.String()) { // EC2 judges by parameter
		return
	}
	text := fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", x.String(), path, strings.Join(names, ", "))
	if v.service == eksService {
		text = eksEnum(x, names)
	}
	v.found = append(v.found, violation{path, false, text})
}

// enums judges a list of enums as one; it reports whether x is one.
func (v *validator) enums(path string, x reflect.Value) bool {
	names, ok := enumeration(x.Type().Elem())
	if !ok {
		return false
	}
	if v.service == eksService {
		for i := range x.Len() {
			v.enum(path, x.Index(i))
		}
		return true
	}
	var given []string
	bad := false
	for i := range x.Len() {
		given = append(given, x.Index(i).String())
		bad = bad || !slices.Contains(names, x.Index(i).String())
	}
	if bad && v.service != "ec2" {
		v.found = append(v.found, violation{path, false,
			fmt.Sprintf("Value '[%s]' at '%s' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [%s]]",
				strings.Join(given, ", "), path, strings.Join(names, ", "))})
	}
	return true
}

// join names a member as AWS's messages do: lowerCamel from the top, but with
// the names of the request for EC2, RDS and ElastiCache.
func (v *validator) join(path, name string) string {
	if !v.byParameter() {
		name = lowerFirst(name)
	}
	return join(path, name)
}

func (v *validator) element(path, key string) string {
	if v.byParameter() {
		return join(path, key)
	}
	return path + "." + key + ".member"
}

// byParameter is for services that name the first missing parameter.
func (v *validator) byParameter() bool {
	return v.service == "ec2" || v.service == "rds" || v.service == "elasticache"
}

func (v *validator) refusal() error {
	if len(v.found) == 0 {
		return nil
	}
	if first := v.found[0]; v.byParameter() && first.missing {
		return Errorf("MissingParameter", "The request must contain the parameter %s", first.path)
	}
	if v.service == eksService {
		return &Error{Code: "InvalidParameterException", Status: http.StatusBadRequest, Message: v.found[0].text}
	}
	texts := make([]string, len(v.found))
	for i, f := range v.found {
		texts[i] = f.text
	}
	plural := "error"
	if len(texts) > 1 {
		plural = "errors"
	}
	return &Error{Code: validationCode(v.service), Status: http.StatusBadRequest,
		Message: fmt.Sprintf("%d validation %s detected: %s", len(texts), plural, strings.Join(texts, "; "))}
}

// validationCode is the code of a request that breaks the service's model.
func validationCode(service string) string {
	switch protocols[service] {
	case awsQuery:
		return "ValidationError"
	case ec2Query:
		return "InvalidParameterValue"
	case restXML:
		return "InvalidInput"
	}
	if service == "cloudwatch" {
		return "ValidationError"
	}
	return "ValidationException"
}
