package stepfunctions

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// free are the members of optimised integrations' results that may be any JSON.
var free = map[string]bool{"lambda:invoke Payload": true}

// checkMockedResult holds a mocked result to the model of the action's answer,
// as far as the SDK's types tell it: members, types, enumerations, and in the
// strict mode the required ones. Members that the model does not have are fine.
func (s *Service) checkMockedResult(i integration, mode types.MockResponseValidationMode, result any) error {
	if mode == types.MockResponseValidationModeNone {
		return nil
	}
	out, err := s.newOutput(i)
	if err != nil {
		return nil // an action that the world does not serve: nothing is known of it
	}
	m, ok := result.(map[string]any)
	if !ok {
		return invalidTest("Mock result schema validation error: the result must be an object")
	}
	c := schemaCheck{strict: mode != types.MockResponseValidationModePresent}
	if !i.sdk {
		c.free = i.String()
	}
	if why := c.structure(reflect.TypeOf(out).Elem(), m); why != "" {
		return invalidTest("Mock result schema validation error: %s", why)
	}
	return nil
}

// newOutput returns an empty Output of an action.
func (s *Service) newOutput(i integration) (any, error) {
	return s.o.Mux.NewOutput(i.muxService(), i.operation())
}

// schemaCheck compares JSON with the SDK's types.
type schemaCheck struct {
	strict bool
	free   string // the action, whose free members are not checked
}

func (c schemaCheck) structure(t reflect.Type, m map[string]any) string {
	if c.strict {
		for _, name := range wire.Required(t) {
			pascal := wire.PascalName(name)
			if _, ok := m[pascal]; !ok && m[name] == nil {
				return fmt.Sprintf("Required field '%s' is missing", pascal)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f, ok := t.FieldByNameFunc(func(field string) bool { return field == name || wire.PascalName(field) == name })
		if !ok || name == "ResultMetadata" || free[c.free+" "+name] {
			continue
		}
		if why := c.value(name, f.Type, m[name]); why != "" {
			return why
		}
	}
	return ""
}

func (c schemaCheck) value(name string, t reflect.Type, v any) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	must := func(ok bool, what string) string {
		if ok {
			return ""
		}
		return fmt.Sprintf("Field '%s' must be %s", name, what)
	}
	text, isText := v.(string)
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[[]byte]():
		return must(isText, "a string")
	case t.Kind() == reflect.String:
		if isText && !expected(t, text) {
			return fmt.Sprintf("Field '%s' is not an expected value", name)
		}
		return must(isText, "a string")
	case t.Kind() == reflect.Bool:
		_, ok := v.(bool)
		return must(ok, "a boolean")
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		_, ok := v.(float64)
		return must(ok, "a number")
	case t.Kind() == reflect.Slice:
		list, ok := v.([]any)
		for _, item := range list {
			if why := c.value(name, t.Elem(), item); why != "" {
				return why
			}
		}
		return must(ok, "an array")
	case t.Kind() == reflect.Map:
		m, ok := v.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if why := c.value(key, t.Elem(), m[key]); why != "" {
				return why
			}
		}
		return must(ok, "an object")
	case t.Kind() == reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return must(false, "an object")
		}
		return c.structure(t, m)
	}
	return "" // a stream or a union: what it may be, the types do not tell
}

// expected reports whether a text is one of an enumeration's values; what is
// no enumeration may be any text.
func expected(t reflect.Type, text string) bool {
	values := reflect.Zero(t).MethodByName("Values")
	if !values.IsValid() {
		return true
	}
	set := values.Call(nil)[0]
	for i := range set.Len() {
		if set.Index(i).String() == text {
			return true
		}
	}
	return false
}
