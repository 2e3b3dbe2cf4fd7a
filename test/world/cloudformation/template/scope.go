package template

import (
	"maps"
	"slices"
	"strings"
)

// Unknown is the value of what only the deployment will tell, as the ARN of a
// resource that a change set is to create.
type Unknown struct{}

// noValue is what Ref gives for AWS::NoValue: the property goes.
type noValue struct{}

// Pseudo holds the values of the pseudo parameters.
type Pseudo struct {
	Account, Partition, Region, StackID, StackName, URLSuffix string
	Notifications                                             []string
}

// Scope is what a template's values are evaluated in.
type Scope struct {
	Template *Template
	Pseudo   Pseudo
	// Parameters are the values of Ref: text, or a list of text.
	Parameters map[string]any
	// Ref and Attribute give what is known of a resource; Unknown for what is
	// not yet.
	Ref       func(resource string) (any, error)
	Attribute func(resource, name string) (any, error)
	// Import gives the value of an export of another stack.
	Import func(name string) (string, error)
	// Dynamic gives the value of {{resolve:service:key}}.
	Dynamic func(service, key string) (string, error)
	// Zones lists the availability zones of a region.
	Zones func(region string) ([]string, error)

	conditions map[string]bool
	evaluating map[string]bool
}

// pseudo gives the value of a pseudo parameter.
func (s *Scope) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::AccountId":
		return s.Pseudo.Account, true
	case "AWS::NoValue":
		return noValue{}, true
	case "AWS::NotificationARNs":
		list := make([]any, len(s.Pseudo.Notifications))
		for i, arn := range s.Pseudo.Notifications {
			list[i] = arn
		}
		return list, true
	case "AWS::Partition":
		return s.Pseudo.Partition, true
	case "AWS::Region":
		return s.Pseudo.Region, true
	case "AWS::StackId":
		return s.Pseudo.StackID, true
	case "AWS::StackName":
		return s.Pseudo.StackName, true
	case "AWS::URLSuffix":
		return s.Pseudo.URLSuffix, true
	}
	return nil, false
}

var pseudoParameters = []string{"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

// Condition evaluates a condition of the template.
func (s *Scope) Condition(name string) (bool, error) {
	if v, ok := s.conditions[name]; ok {
		return v, nil
	}
	body, ok := s.Template.Conditions[name]
	if !ok {
		return false, errorf("Template format error: Unresolved condition dependency %s in the Conditions block of the template", name)
	}
	if s.evaluating[name] {
		return false, errorf("Template validation error: Circular dependencies for conditions: [%s]", name)
	}
	if s.evaluating == nil {
		s.evaluating, s.conditions = map[string]bool{}, map[string]bool{}
	}
	s.evaluating[name] = true
	defer delete(s.evaluating, name)
	v, err := s.truth(body)
	if err == nil {
		s.conditions[name] = v
	}
	return v, err
}

// Wanted lists the resources whose condition holds, sorted.
func (s *Scope) Wanted() ([]string, error) {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(s.Template.Resources)) {
		if c := s.Template.Resources[id].Condition; c != "" {
			ok, err := s.Condition(c)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		out = append(out, id)
	}
	return out, nil
}

// Properties evaluates the properties of a resource.
func (s *Scope) Properties(id string) (map[string]any, error) {
	v, err := s.Value(s.Template.Resources[id].Properties)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorf("Template format error: [/Resources/%s/Properties] 'null' or invalid values are not allowed in templates", id)
	}
	return m, nil
}

// Evaluated is an output's value.
type Evaluated struct {
	Name, Description, Export string
	Value                     any // text, or Unknown
}

// Outputs evaluates the outputs whose condition holds, sorted by name.
func (s *Scope) Outputs() ([]Evaluated, error) {
	var out []Evaluated
	for _, name := range slices.Sorted(maps.Keys(s.Template.Outputs)) {
		o := s.Template.Outputs[name]
		if o.Condition != "" {
			ok, err := s.Condition(o.Condition)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		e := Evaluated{Name: name, Description: o.Description}
		v, err := s.Value(o.Value)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case Unknown:
			e.Value = v
		default:
			text, ok := scalar(v)
			if !ok {
				return nil, errorf("Template format error: The Value field of every Outputs member must evaluate to a String.")
			}
			e.Value = text
		}
		if o.Export != nil {
			v, err := s.Value(o.Export)
			if err != nil {
				return nil, err
			}
			if e.Export, _ = scalar(v); e.Export == "" {
				return nil, errorf("Template format error: Output %s is malformed. The Name field of every Export member must evaluate to a String.", name)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// CheckRules refuses parameters that the rules of the template do not allow.
func (s *Scope) CheckRules() error {
	for _, name := range slices.Sorted(maps.Keys(s.Template.Rules)) {
		rule, ok := s.Template.Rules[name].(map[string]any)
		if !ok {
			return errorf("Template format error: Every Rules member must be an object.")
		}
		assertions, ok := rule["Assertions"].([]any)
		if !ok {
			return errorf("Template format error: Rule %s must contain Assertions", name)
		}
		if condition, ok := rule["RuleCondition"]; ok {
			applies, err := s.truth(condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		for _, a := range assertions {
			assertion, ok := a.(map[string]any)
			if !ok {
				return errorf("Template format error: Every Assertions member of rule %s must be an object", name)
			}
			holds, err := s.truth(assertion["Assert"])
			if err != nil {
				return err
			}
			if !holds {
				text, _ := assertion["AssertDescription"].(string)
				return errorf("Template error: rule %s failed: %s", name, strings.TrimSpace(text))
			}
		}
	}
	return nil
}
