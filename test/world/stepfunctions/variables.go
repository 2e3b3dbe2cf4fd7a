package stepfunctions

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var variable = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)`)

// variableReferences lists the workflow variables that each state refers to,
// without the states that refer to none.
func variableReferences(definition string) map[string][]string {
	var doc any
	if json.Unmarshal([]byte(definition), &doc) != nil {
		return nil
	}
	assigned := map[string]bool{}
	walk(doc, func(key string, v any) bool {
		if m, ok := v.(map[string]any); ok && key == "Assign" {
			for name := range m {
				assigned[strings.TrimSuffix(name, ".$")] = true
			}
		}
		return true
	})
	refs := map[string][]string{}
	walk(doc, func(key string, v any) bool {
		states, ok := v.(map[string]any)
		if !ok || key != "States" {
			return true
		}
		for name, state := range states {
			if used := variablesIn(state, assigned); len(used) > 0 {
				refs[name] = used
			}
		}
		return true
	})
	if len(refs) == 0 {
		return nil
	}
	return refs
}

// variablesIn lists the assigned variables that a state's own fields name.
func variablesIn(state any, assigned map[string]bool) []string {
	var used []string
	walk(state, func(key string, v any) bool {
		if text, ok := v.(string); ok {
			for _, m := range variable.FindAllStringSubmatch(text, -1) {
				if assigned[m[1]] && !slices.Contains(used, m[1]) {
					used = append(used, m[1])
				}
			}
		}
		return key != "States" // those inside are states of their own
	})
	slices.Sort(used)
	return used
}

// walk calls f for every value inside of v with the key it is under; f says
// whether to go on into it.
func walk(v any, f func(key string, v any) bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if f(key, inner) {
				walk(inner, f)
			}
		}
	case []any:
		for _, inner := range v {
			if f("", inner) {
				walk(inner, f)
			}
		}
	}
}
