package template

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// function is the name and the argument of an intrinsic function; ok is false
// for plain objects.
func function(m map[string]any) (name string, argument any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
	}
	return name, argument, name == "Ref" || name == "Condition" && isText(argument) || strings.HasPrefix(name, "Fn::")
}

func isText(v any) bool { _, ok := v.(string); return ok }

// Value evaluates the functions in v. Properties whose value is AWS::NoValue go.
func (s *Scope) Value(v any) (any, error) {
	out, err := s.value(v)
	if _, none := out.(noValue); none {
		return nil, err
	}
	return out, err
}

func (s *Scope) value(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			e, err := s.value(item)
			if err != nil {
				return nil, err
			}
			if _, none := e.(noValue); !none {
				out = append(out, e)
			}
		}
		return out, nil
	case map[string]any:
		if name, argument, ok := function(v); ok && name != "Condition" {
			return s.call(name, argument)
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			if strings.HasPrefix(key, "Fn::") {
				return nil, errorf("Template format error: the object with %s has more keys than one", key)
			}
			e, err := s.value(item)
			if err != nil {
				return nil, err
			}
			if _, none := e.(noValue); !none {
				out[key] = e
			}
		}
		return out, nil
	}
	return v, nil
}

func (s *Scope) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(argument)
	case "Fn::GetAtt":
		return s.getAtt(argument)
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::Join":
		return s.join(argument)
	case "Fn::Select":
		return s.pick(argument)
	case "Fn::Split":
		return s.split(argument)
	case "Fn::If":
		return s.choose(argument)
	case "Fn::FindInMap":
		return s.find(argument)
	case "Fn::ImportValue":
		return s.imported(argument)
	case "Fn::Base64":
		return s.base64(argument)
	case "Fn::Cidr":
		return s.cidr(argument)
	case "Fn::GetAZs":
		return s.zones(argument)
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		return s.truth(map[string]any{name: argument})
	}
	return nil, errorf("Template format error: the simulated AWS does not serve the function %s", name)
}

func (s *Scope) ref(argument any) (any, error) {
	name, ok := argument.(string)
	if !ok || name == "" {
		return nil, errorf("Template error: every Ref object must have a single String value.")
	}
	if v, ok := s.pseudo(name); ok {
		return v, nil
	}
	if v, ok := s.Parameters[name]; ok {
		return v, nil
	}
	if _, ok := s.Template.Resources[name]; ok && s.Ref != nil {
		return s.Ref(name)
	}
	return nil, errorf("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", name)
}

// getAttParts reads the argument of Fn::GetAtt; the attribute may be a function.
func getAttParts(argument any) (resource string, attribute any, err error) {
	switch a := argument.(type) {
	case string:
		name, rest, ok := strings.Cut(a, ".")
		if ok && name != "" && rest != "" {
			return name, rest, nil
		}
	case []any:
		if len(a) == 2 {
			if name, ok := a[0].(string); ok && name != "" && a[1] != "" && a[1] != nil {
				return name, a[1], nil
			}
		}
	}
	return "", nil, errorf("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
}

func (s *Scope) getAtt(argument any) (any, error) {
	resource, attribute, err := getAttParts(argument)
	if err != nil {
		return nil, err
	}
	v, err := s.value(attribute)
	if err != nil {
		return nil, err
	}
	name, ok := v.(string)
	if !ok {
		return nil, errorf("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
	}
	if _, ok := s.Template.Resources[resource]; !ok || s.Attribute == nil {
		return nil, errorf("Template error: instance of Fn::GetAtt references undefined resource %s", resource)
	}
	return s.Attribute(resource, name)
}

func (s *Scope) join(argument any) (any, error) {
	const usage = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	args, ok := argument.([]any)
	if !ok || len(args) != 2 {
		return nil, errorf(usage)
	}
	delimiter, ok := args[0].(string)
	if !ok {
		return nil, errorf(usage)
	}
	v, err := s.value(args[1])
	if err != nil {
		return nil, err
	}
	if _, unknown := v.(Unknown); unknown {
		return v, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errorf(usage)
	}
	parts, unknown := make([]string, len(list)), false
	for i, item := range list {
		if _, is := item.(Unknown); is {
			unknown = true
			continue
		}
		if parts[i], ok = scalar(item); !ok {
			return nil, errorf(usage)
		}
	}
	if unknown {
		return Unknown{}, nil
	}
	return strings.Join(parts, delimiter), nil
}

func (s *Scope) pick(argument any) (any, error) {
	args, ok := argument.([]any)
	if !ok || len(args) != 2 {
		return nil, errorf("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
	}
	v, err := s.value(args[0])
	if err != nil {
		return nil, err
	}
	text, _ := scalar(v)
	index, err := strconv.Atoi(text)
	if err != nil {
		return nil, errorf("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
	}
	from, err := s.value(args[1])
	if err != nil {
		return nil, err
	}
	if _, unknown := from.(Unknown); unknown {
		return from, nil
	}
	list, ok := from.([]any)
	if !ok {
		return nil, errorf("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
	}
	if index < 0 || index >= len(list) {
		return nil, errorf("Template error: Fn::Select  cannot select nonexistent value at index %d", index)
	}
	return list[index], nil
}

func (s *Scope) split(argument any) (any, error) {
	const usage = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	args, ok := argument.([]any)
	if !ok || len(args) != 2 {
		return nil, errorf(usage)
	}
	delimiter, ok := args[0].(string)
	if !ok || delimiter == "" {
		return nil, errorf(usage)
	}
	v, err := s.value(args[1])
	if err != nil {
		return nil, err
	}
	if _, unknown := v.(Unknown); unknown {
		return v, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, errorf(usage)
	}
	var out []any
	for part := range strings.SplitSeq(text, delimiter) {
		out = append(out, part)
	}
	return out, nil
}

func (s *Scope) choose(argument any) (any, error) {
	args, ok := argument.([]any)
	if !ok || len(args) != 3 {
		return nil, errorf("Template error: Fn::If requires a list argument with three elements")
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, errorf("Template error: Fn::If requires a list argument with the first element being a condition")
	}
	holds, err := s.Condition(name)
	if err != nil {
		return nil, err
	}
	if holds {
		return s.value(args[1])
	}
	return s.value(args[2])
}

func (s *Scope) find(argument any) (any, error) {
	args, ok := argument.([]any)
	if !ok || len(args) != 3 {
		return nil, errorf("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
	}
	keys := make([]string, 3)
	for i, arg := range args {
		v, err := s.value(arg)
		if err != nil {
			return nil, err
		}
		if keys[i], ok = scalar(v); !ok {
			return nil, errorf("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
		}
	}
	if _, ok := s.Template.Mappings[keys[0]]; !ok {
		return nil, errorf("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", keys[0])
	}
	var v any = s.Template.Mappings
	for _, key := range keys {
		m, _ := v.(map[string]any)
		if v, ok = m[key]; !ok {
			return nil, errorf("Template error: Unable to get mapping for %s", strings.Join(keys, "::"))
		}
	}
	return v, nil
}

func (s *Scope) imported(argument any) (any, error) {
	v, err := s.value(argument)
	if err != nil {
		return nil, err
	}
	name, ok := scalar(v)
	if !ok {
		return nil, errorf("Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
	}
	if s.Import == nil {
		return nil, errorf("No export named %s found.", name)
	}
	return s.Import(name)
}

func (s *Scope) base64(argument any) (any, error) {
	v, err := s.value(argument)
	if err != nil {
		return nil, err
	}
	if _, unknown := v.(Unknown); unknown {
		return v, nil
	}
	text, ok := scalar(v)
	if !ok {
		return nil, errorf("Template error: every Fn::Base64 object must have a String-typed value.")
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

func (s *Scope) zones(argument any) (any, error) {
	v, err := s.value(argument)
	if err != nil {
		return nil, err
	}
	region, ok := v.(string)
	if !ok {
		return nil, errorf("Template error: every Fn::GetAZs object must have a String-typed value.")
	}
	if region == "" {
		region = s.Pseudo.Region
	}
	if s.Zones == nil {
		return nil, errorf("Template error: Fn::GetAZs cannot be used here")
	}
	names, err := s.Zones(region)
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out, err
}
