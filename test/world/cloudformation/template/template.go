package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Template is a CloudFormation template.
type Template struct {
	Body        string // as it was given
	Description string
	Metadata    any
	Parameters  map[string]Parameter
	Mappings    map[string]any
	Conditions  map[string]any
	Rules       map[string]any
	Resources   map[string]Resource
	Outputs     map[string]Output
}

// Resource is one of the template.
type Resource struct {
	Type, Condition     string
	DependsOn           []string
	Properties          map[string]any
	Metadata            any
	DeletionPolicy      string // Delete, Retain or RetainExceptOnCreate
	UpdateReplacePolicy string // Delete or Retain
}

// Output is a value that the stack tells.
type Output struct {
	Description, Condition string
	Value                  any
	Export                 any // its name; nil for none
}

// Limits of CloudFormation (source: "Understand CloudFormation quotas").
const (
	maxResources  = 500
	maxOutputs    = 200
	maxParameters = 200
	maxMappings   = 200
)

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)

var sections = []string{"AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Rules"}

// Parse reads and checks a template, in JSON or YAML.
func Parse(body string) (*Template, error) {
	tree, err := readTree(body)
	if err != nil {
		return nil, err
	}
	for _, section := range []string{"Transform", "Hooks"} {
		if _, ok := tree[section]; ok {
			return nil, errorf("Template format error: the simulated AWS does not serve the section %s", section)
		}
	}
	var unknown []string
	for key := range tree {
		if !slices.Contains(sections, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, errorf("Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	t := &Template{Body: body, Metadata: tree["Metadata"], Parameters: map[string]Parameter{}, Resources: map[string]Resource{}, Outputs: map[string]Output{}}
	if version, ok := tree["AWSTemplateFormatVersion"]; ok && version != "2010-09-09" {
		return nil, errorf("Template format error: Unsupported template version: %v", version)
	}
	if d, ok := tree["Description"]; ok {
		if t.Description, ok = d.(string); !ok {
			return nil, errorf("Template format error: Description must be a string")
		}
	}
	all := map[string]map[string]any{}
	for _, section := range []string{"Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs"} {
		if all[section], err = object(tree, section); err != nil {
			return nil, err
		}
	}
	t.Mappings, t.Conditions, t.Rules = all["Mappings"], all["Conditions"], all["Rules"]
	if err := t.readParameters(all["Parameters"]); err != nil {
		return nil, err
	}
	if err := t.readResources(all["Resources"]); err != nil {
		return nil, err
	}
	if err := t.readOutputs(all["Outputs"]); err != nil {
		return nil, err
	}
	if len(t.Mappings) > maxMappings {
		return nil, errorf("Template format error: Number of mappings, %d, is greater than maximum allowed, %d", len(t.Mappings), maxMappings)
	}
	return t, t.checkReferences()
}

func object(tree map[string]any, section string) (map[string]any, error) {
	v, ok := tree[section]
	if !ok {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorf("Template format error: %s must be an object.", section)
	}
	return m, nil
}

func (t *Template) readResources(all map[string]any) error {
	if len(all) == 0 {
		return errorf("Template format error: At least one Resources member must be defined.")
	}
	if len(all) > maxResources {
		return errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", len(all), maxResources)
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		m, ok := all[id].(map[string]any)
		if !ok {
			return errorf("Template format error: [/Resources/%s] Every Resources member must be an object.", id)
		}
		if !logicalID.MatchString(id) {
			return errorf("Template format error: Resource name %s is non alphanumeric.", id)
		}
		r, err := readResource(id, m)
		if err != nil {
			return err
		}
		t.Resources[id] = r
	}
	return nil
}

func readResource(id string, m map[string]any) (Resource, error) {
	r := Resource{DeletionPolicy: "Delete", UpdateReplacePolicy: "Delete", Properties: map[string]any{}}
	if _, ok := m["Type"]; !ok {
		return r, errorf("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", id)
	}
	text := func(key string, v any) (string, error) {
		s, ok := v.(string)
		if !ok {
			return "", errorf("Template format error: [/Resources/%s/%s] %s must be a string", id, key, key)
		}
		return s, nil
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		var err error
		switch key {
		case "Type":
			r.Type, err = text(key, v)
		case "Condition":
			r.Condition, err = text(key, v)
		case "DependsOn":
			r.DependsOn, err = texts(id, v)
		case "Properties":
			var ok bool
			if r.Properties, ok = v.(map[string]any); !ok {
				err = errorf("Template format error: [/Resources/%s/Properties] 'null' or invalid values are not allowed in templates", id)
			}
		case "Metadata":
			r.Metadata = v
		case "DeletionPolicy":
			r.DeletionPolicy, err = policy(id, key, v, "Delete", "Retain", "RetainExceptOnCreate")
		case "UpdateReplacePolicy":
			r.UpdateReplacePolicy, err = policy(id, key, v, "Delete", "Retain")
		case "CreationPolicy", "UpdatePolicy":
			err = errorf("Template format error: [/Resources/%s] the simulated AWS does not serve %s", id, key)
		default:
			err = errorf("Invalid template resource property '%s'", key)
		}
		if err != nil {
			return r, err
		}
	}
	if path, ok := nullIn(r.Properties); ok {
		return r, errorf("Template format error: [/Resources/%s/Properties%s] 'null' values are not allowed in templates", id, path)
	}
	return r, nil
}

func nullIn(v any) (path string, found bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if path, ok := nullIn(v[key]); ok {
				return "/" + key + path, true
			}
		}
	case []any:
		for _, item := range v {
			if path, ok := nullIn(item); ok {
				return path, true
			}
		}
	}
	return "", false
}

func texts(id string, v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, errorf("Template format error: DependsOn of resource %s must be a string or list of strings", id)
		}
		out = append(out, s)
	}
	return out, nil
}

func policy(id, key string, v any, allowed ...string) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errorf("Template format error: Every %s member must be a string.", key)
	}
	if s == "Snapshot" {
		return "", errorf("Template error: resource type of %s does not support %s Snapshot", id, key)
	}
	if !slices.Contains(allowed, s) {
		return "", errorf("Template format error: Unrecognized %s %s for resource %s", key, s, id)
	}
	return s, nil
}

func (t *Template) readOutputs(all map[string]any) error {
	if len(all) > maxOutputs {
		return errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", len(all), maxOutputs)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, ok := all[name].(map[string]any)
		if !ok || m["Value"] == nil {
			return errorf("Template format error: Output %s is malformed. Every Outputs member must contain a Value object", name)
		}
		if !logicalID.MatchString(name) {
			return errorf("Template format error: Output name %s is non alphanumeric.", name)
		}
		out := Output{Value: m["Value"]}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			switch key {
			case "Value":
			case "Description":
				if out.Description, ok = m[key].(string); !ok {
					return errorf("Template format error: Every Description member must be a string.")
				}
			case "Condition":
				if out.Condition, ok = m[key].(string); !ok {
					return errorf("Template format error: Every Condition member must be a string.")
				}
			case "Export":
				export, ok := m[key].(map[string]any)
				if !ok || len(export) != 1 || export["Name"] == nil {
					return errorf("Template format error: Output %s is malformed. The Export section must contain a Name field", name)
				}
				out.Export = export["Name"]
			default:
				return errorf("Invalid template output property '%s'", key)
			}
		}
		t.Outputs[name] = out
	}
	return nil
}
