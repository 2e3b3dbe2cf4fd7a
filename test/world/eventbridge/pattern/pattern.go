// Package pattern matches events against EventBridge event patterns (source:
// "Comparison operators for use in event patterns", EventBridge User Guide).
package pattern

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Pattern is a parsed event pattern.
type Pattern struct{ root *object }

// Invalid says why a pattern is refused, in EventBridge's own words.
type Invalid string

func (e Invalid) Error() string { return string(e) }

func invalid(format string, args ...any) error { return Invalid(fmt.Sprintf(format, args...)) }

// object matches a JSON object: every field, and one of each group of
// alternatives.
type object struct {
	fields []fieldMatch
	or     []*object // $or: at least one must match; nil: none given
}

type fieldMatch struct {
	name  string
	sub   *object   // a nested object, or
	rules []matcher // alternatives for a value
}

// matcher decides on one value; present is false when the field is absent.
type matcher func(v any, present bool) bool

// Parse parses an event pattern.
func Parse(text string) (*Pattern, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, invalid("Event pattern is not valid. Reason: %v", err)
	}
	m, ok := v.(map[string]any)
	if !ok || dec.More() {
		return nil, invalid("Event pattern is not valid. Reason: Filter is not an object")
	}
	root, err := parseObject("", m)
	if err != nil {
		return nil, invalid("Event pattern is not valid. Reason: %v", err)
	}
	return &Pattern{root}, nil
}

func parseObject(path string, m map[string]any) (*object, error) {
	if len(m) == 0 {
		return nil, invalid("Empty objects are not allowed (%s)", orRoot(path))
	}
	o := &object{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		here := strings.TrimPrefix(path+"."+name, ".")
		list, isList := m[name].([]any)
		if name == "$or" && isList && len(list) > 1 && allObjects(list) {
			for _, alt := range list {
				sub, err := parseObject(path, alt.(map[string]any))
				if err != nil {
					return nil, err
				}
				o.or = append(o.or, sub)
			}
			continue
		}
		f := fieldMatch{name: name}
		switch v := m[name].(type) {
		case map[string]any:
			sub, err := parseObject(here, v)
			if err != nil {
				return nil, err
			}
			f.sub = sub
		case []any:
			if len(v) == 0 {
				return nil, invalid("Empty arrays are not allowed (%s)", here)
			}
			for _, item := range v {
				r, err := parseRule(here, item)
				if err != nil {
					return nil, err
				}
				f.rules = append(f.rules, r)
			}
		default:
			return nil, invalid("%q must be an object or an array", here)
		}
		o.fields = append(o.fields, f)
	}
	return o, nil
}

func orRoot(path string) string {
	if path == "" {
		return "at the top"
	}
	return path
}

func allObjects(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(map[string]any); return !ok })
}

func parseRule(path string, item any) (matcher, error) {
	m, ok := item.(map[string]any)
	if !ok {
		if _, list := item.([]any); list {
			return nil, invalid("%s: arrays within arrays are not allowed", path)
		}
		return equals(item), nil
	}
	if len(m) != 1 {
		return nil, invalid("%s: Only one key allowed in match expression", path)
	}
	for op, arg := range m {
		r, err := parseOperator(op, arg)
		if err != nil {
			return nil, invalid("%s: %v", path, err)
		}
		return r, nil
	}
	return nil, nil
}

func parseOperator(op string, arg any) (matcher, error) {
	switch op {
	case "exists":
		want, ok := arg.(bool)
		if !ok {
			return nil, invalid("exists match pattern must be either true or false.")
		}
		return func(_ any, present bool) bool { return present == want }, nil
	case "anything-but":
		return parseAnythingBut(arg)
	case "numeric":
		return parseNumeric(arg)
	case "cidr":
		text, _ := arg.(string)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, invalid("Malformed CIDR, one '/' required: %v", arg)
		}
		return onText(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && p.Contains(a) }), nil
	}
	test, err := parseText(op, arg)
	if err != nil {
		return nil, err
	}
	return onText(test), nil
}

// parseText parses the operators on strings.
func parseText(op string, arg any) (func(string) bool, error) {
	if m, ok := arg.(map[string]any); ok && (op == "prefix" || op == "suffix") && len(m) == 1 {
		text, ok := m["equals-ignore-case"].(string)
		if !ok {
			return nil, invalid("%s takes a string or equals-ignore-case", op)
		}
		text = strings.ToLower(text)
		if op == "prefix" {
			return func(s string) bool { return strings.HasPrefix(strings.ToLower(s), text) }, nil
		}
		return func(s string) bool { return strings.HasSuffix(strings.ToLower(s), text) }, nil
	}
	text, ok := arg.(string)
	if !ok {
		return nil, invalid("%s match pattern must be a string", op)
	}
	switch op {
	case "prefix":
		return func(s string) bool { return strings.HasPrefix(s, text) }, nil
	case "suffix":
		return func(s string) bool { return strings.HasSuffix(s, text) }, nil
	case "equals-ignore-case":
		return func(s string) bool { return strings.EqualFold(s, text) }, nil
	case "wildcard":
		return parseWildcard(text)
	}
	return nil, invalid("Unrecognized match type %s", op)
}

// Match reports whether an event (as decoded by encoding/json with UseNumber)
// matches.
func (p *Pattern) Match(event map[string]any) bool { return p.root.match(event) }

func (o *object) match(m map[string]any) bool {
	for _, f := range o.fields {
		if !f.match(m) {
			return false
		}
	}
	return o.or == nil || slices.ContainsFunc(o.or, func(alt *object) bool { return alt.match(m) })
}

func (f fieldMatch) match(m map[string]any) bool {
	v, present := m[f.name]
	if f.sub != nil {
		switch x := v.(type) {
		case map[string]any:
			return f.sub.match(x)
		case []any: // one element must satisfy all of the nested pattern
			return slices.ContainsFunc(x, func(e any) bool { em, ok := e.(map[string]any); return ok && f.sub.match(em) })
		}
		return f.sub.match(nil) // nothing but "exists": false can match
	}
	list, isList := v.([]any)
	for _, rule := range f.rules {
		switch {
		case isList && slices.ContainsFunc(list, func(e any) bool { return rule(e, true) }):
			return true
		case isList && len(list) == 0 && rule(nil, false):
			return true
		case !isList && rule(v, present && !isObject(v)):
			return true
		}
	}
	return false
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}
