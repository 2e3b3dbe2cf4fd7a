package template

import (
	"maps"
	"slices"
	"strings"
)

// checkReferences refuses what refers to nothing: resources, parameters,
// conditions, mappings are not looked at before they are used.
func (t *Template) checkReferences() error {
	for _, block := range []struct {
		name  string
		parts map[string]any
	}{{"Resources", t.resourceParts()}, {"Outputs", t.outputParts()}} {
		var missing []string
		for _, id := range slices.Sorted(maps.Keys(block.parts)) {
			refs, err := t.references(block.parts[id])
			if err != nil {
				return err
			}
			for name := range refs.refs {
				_, resource := t.Resources[name]
				_, parameter := t.Parameters[name]
				if !resource && !parameter && !slices.Contains(pseudoParameters, name) {
					missing = append(missing, name)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(refs.attributes)) {
				if _, ok := t.Resources[name]; !ok {
					return errorf("Template error: instance of Fn::GetAtt references undefined resource %s", name)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(refs.conditions)) {
				if _, ok := t.Conditions[name]; !ok {
					return errorf("Template format error: Unresolved condition dependency %s in the %s block of the template", name, block.name)
				}
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			return errorf("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(slices.Compact(missing), ", "), block.name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		for _, other := range t.Resources[id].DependsOn {
			if _, ok := t.Resources[other]; !ok {
				return errorf("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", other)
			}
			if other == id {
				return errorf("Circular dependency between resources: [%s]", id)
			}
		}
	}
	_, err := t.Order(slices.Sorted(maps.Keys(t.Resources)))
	return err
}

func (t *Template) resourceParts() map[string]any {
	out := map[string]any{}
	for id, r := range t.Resources {
		out[id] = withCondition(r.Properties, r.Condition)
	}
	return out
}

func (t *Template) outputParts() map[string]any {
	out := map[string]any{}
	for id, o := range t.Outputs {
		out[id] = withCondition([]any{o.Value, o.Export}, o.Condition)
	}
	return out
}

func withCondition(v any, condition string) any {
	if condition == "" {
		return v
	}
	return []any{v, map[string]any{"Condition": condition}}
}

// refs are the names that a value uses.
type refs struct{ refs, attributes, conditions map[string]bool }

func (t *Template) references(v any) (refs, error) {
	r := refs{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	return r, r.collect(v)
}

func (r refs) collect(v any) error {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := r.collect(item); err != nil {
				return err
			}
		}
	case map[string]any:
		name, argument, ok := function(v)
		if !ok {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if err := r.collect(v[key]); err != nil {
					return err
				}
			}
			return nil
		}
		return r.collectCall(name, argument)
	}
	return nil
}

func (r refs) collectCall(name string, argument any) error {
	switch name {
	case "Ref":
		text, ok := argument.(string)
		if !ok || text == "" {
			return errorf("Template error: every Ref object must have a single String value.")
		}
		r.refs[text] = true
		return nil
	case "Condition":
		r.conditions[argument.(string)] = true
		return nil
	case "Fn::GetAtt":
		resource, attribute, err := getAttParts(argument)
		if err != nil {
			return err
		}
		r.attributes[resource] = true
		return r.collect(attribute)
	case "Fn::If":
		if args, ok := argument.([]any); ok && len(args) == 3 {
			if condition, ok := args[0].(string); ok {
				r.conditions[condition] = true
			}
		}
	case "Fn::Sub":
		text, variables, err := subParts(argument)
		if err != nil {
			return err
		}
		if err := r.collect(variables); err != nil {
			return err
		}
		return eachVariable(text, func(_, variable string) error {
			resource, _, attribute := strings.Cut(variable, ".")
			if _, own := variables[variable]; own || variable == "" {
				return nil
			}
			if attribute {
				r.attributes[resource] = true
			} else {
				r.refs[variable] = true
			}
			return nil
		})
	}
	return r.collect(argument)
}

// DependsOn lists the resources that a resource needs, sorted.
func (t *Template) DependsOn(id string) []string {
	r, _ := t.references(t.Resources[id].Properties) // checked when the template was read
	all := map[string]bool{}
	for _, names := range []map[string]bool{r.refs, r.attributes} {
		for name := range names {
			if _, ok := t.Resources[name]; ok {
				all[name] = true
			}
		}
	}
	for _, name := range t.Resources[id].DependsOn {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Order sorts resources so that each comes after what it needs, and by name.
func (t *Template) Order(ids []string) ([]string, error) {
	const (
		visiting = 1
		done     = 2
	)
	state := map[string]int{}
	var out, cycle []string
	var visit func(id string) bool
	visit = func(id string) bool {
		switch state[id] {
		case done:
			return true
		case visiting:
			cycle = append(cycle, id)
			return false
		}
		state[id] = visiting
		for _, other := range t.DependsOn(id) {
			if slices.Contains(ids, other) && !visit(other) {
				if cycle[0] != id && !slices.Contains(cycle, id) {
					cycle = append(cycle, id)
				}
				return false
			}
		}
		state[id] = done
		out = append(out, id)
		return true
	}
	for _, id := range ids {
		if !visit(id) {
			slices.Sort(cycle)
			return nil, errorf("Circular dependency between resources: [%s]", strings.Join(slices.Compact(cycle), ", "))
		}
	}
	return out, nil
}
