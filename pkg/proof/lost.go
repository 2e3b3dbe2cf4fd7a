package proof

import (
	"fmt"
	"slices"
)

// lost returns the fields of what was sent that are not in what came back, as
// "spec.containers[0].foo", in order. Fields that say nothing (null, "", 0,
// false, {} and []) are left out by servers, and are not lost; values that came
// back otherwise written ("1000m" as "1") are not either.
func lost(sent, back map[string]any) []string {
	var out []string
	walk("", sent, back, &out)
	slices.Sort(out)
	return out
}

func walk(path string, sent, back any, out *[]string) {
	switch s := sent.(type) {
	case map[string]any:
		b, ok := back.(map[string]any)
		if !ok {
			*out = append(*out, path)
			return
		}
		for key, value := range s {
			at := key
			if path != "" {
				at = path + "." + key
			}
			if at == "status" || empty(value) {
				continue
			}
			if there, ok := b[key]; ok {
				walk(at, value, there, out)
			} else {
				*out = append(*out, at)
			}
		}
	case []any:
		b, ok := back.([]any)
		if !ok || len(b) < len(s) {
			*out = append(*out, path)
			return
		}
		for i, value := range s {
			walk(fmt.Sprintf("%s[%d]", path, i), value, same(value, i, b), out)
		}
	}
}

// same finds an item of a list in what came back: by its name or key where it
// has one, because defaults may have been put before it.
func same(item any, i int, back []any) any {
	m, ok := item.(map[string]any)
	if !ok {
		return back[i]
	}
	for _, key := range []string{"name", "key", "topologyKey", "containerPort", "port"} {
		value, named := m[key]
		if !named {
			continue
		}
		for _, b := range append([]any{back[i]}, back...) {
			if other, ok := b.(map[string]any); ok && fmt.Sprint(other[key]) == fmt.Sprint(value) {
				return b
			}
		}
	}
	return back[i]
}

// empty reports whether a value says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case map[string]any:
		for _, x := range v {
			if !empty(x) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}
