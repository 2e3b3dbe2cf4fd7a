package template

import (
	"regexp"
	"strings"
)

var subName = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// subParts reads the argument of Fn::Sub.
func subParts(argument any) (text string, variables map[string]any, err error) {
	switch a := argument.(type) {
	case string:
		return a, nil, nil
	case []any:
		if len(a) == 2 {
			text, isText := a[0].(string)
			variables, isMap := a[1].(map[string]any)
			if isText && isMap {
				return text, variables, nil
			}
		}
	}
	return "", nil, errorf("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
}

// eachVariable calls f for the text and the variables of Fn::Sub's string, in
// order; ${!Literal} is text.
func eachVariable(text string, f func(text, variable string) error) error {
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return f(text, "")
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return f(text, "")
		}
		text = rest
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			if err := f(before+"${"+literal+"}", ""); err != nil {
				return err
			}
			continue
		}
		name = strings.TrimSpace(name)
		if !subName.MatchString(name) {
			return errorf("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
		}
		if err := f(before, name); err != nil {
			return err
		}
	}
}

func (s *Scope) sub(argument any) (any, error) {
	text, variables, err := subParts(argument)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	unknown := false
	err = eachVariable(text, func(text, name string) error {
		b.WriteString(text)
		if name == "" {
			return nil
		}
		v, err := s.variable(name, variables)
		if err != nil {
			return err
		}
		if _, is := v.(Unknown); is {
			unknown = true
			return nil
		}
		value, ok := scalar(v)
		if !ok {
			return errorf("Template error: every value of the context object of every Fn::Sub object must be a string or a function that returns a string")
		}
		b.WriteString(value)
		return nil
	})
	if unknown && err == nil {
		return Unknown{}, nil
	}
	return b.String(), err
}

func (s *Scope) variable(name string, variables map[string]any) (any, error) {
	if v, ok := variables[name]; ok {
		return s.value(v)
	}
	if strings.Contains(name, ".") {
		return s.getAtt(name)
	}
	return s.ref(name)
}
