package template

import (
	"encoding/json"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parameter is an input of a template.
type Parameter struct {
	Type, Description     string
	Default               *string
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	MinLength, MaxLength  *int64
	MinValue, MaxValue    *big.Float
	NoEcho                bool

	pattern *regexp.Regexp
}

var plainTypes = []string{"String", "Number", "List<Number>", "List<String>", "CommaDelimitedList", "AWS::SSM::Parameter::Name"}

// awsTypes are parameter types that name what AWS has (source: "CloudFormation-
// supplied parameter types"); that it exists is not checked.
var awsTypes = []string{"AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id", "AWS::EC2::KeyPair::KeyName",
	"AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id",
	"AWS::Route53::HostedZone::Id"}

// maxParameterValue is the longest value of a parameter, in bytes.
const maxParameterValue = 4096

// inner returns the type between the brackets of a type such as List<T>.
func inner(typ, of string) (string, bool) {
	rest, ok := strings.CutPrefix(typ, of+"<")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ">")
}

func knownType(typ string) bool {
	if slices.Contains(plainTypes, typ) || slices.Contains(awsTypes, typ) {
		return true
	}
	if of, ok := inner(typ, "List"); ok {
		return slices.Contains(awsTypes, of)
	}
	if of, ok := inner(typ, "AWS::SSM::Parameter::Value"); ok {
		return of == "String" || of == "List<String>" || of == "CommaDelimitedList" || knownAWS(of)
	}
	return false
}

func knownAWS(typ string) bool {
	if of, ok := inner(typ, "List"); ok {
		typ = of
	}
	return slices.Contains(awsTypes, typ)
}

// FromParameterStore reports whether the value is the name of a parameter of
// Systems Manager, whose value is taken.
func (p Parameter) FromParameterStore() bool {
	_, ok := inner(p.Type, "AWS::SSM::Parameter::Value")
	return ok
}

// List reports whether Ref gives a list.
func (p Parameter) List() bool {
	typ := p.Type
	if of, ok := inner(typ, "AWS::SSM::Parameter::Value"); ok {
		typ = of
	}
	return typ == "CommaDelimitedList" || strings.HasPrefix(typ, "List<")
}

// Value is what Ref gives for a parameter whose text this is.
func (p Parameter) Value(text string) any {
	if !p.List() {
		return text
	}
	parts := strings.Split(text, ",")
	list := make([]any, len(parts))
	for i, part := range parts {
		list[i] = strings.TrimSpace(part)
	}
	return list
}

func (t *Template) readParameters(all map[string]any) error {
	if len(all) > maxParameters {
		return errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", len(all), maxParameters)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, ok := all[name].(map[string]any)
		if !ok {
			return errorf("Template format error: Every Parameters member must be an object.")
		}
		if !logicalID.MatchString(name) {
			return errorf("Template format error: Parameter name %s is non alphanumeric.", name)
		}
		p, err := readParameter(name, m)
		if err != nil {
			return err
		}
		t.Parameters[name] = p
	}
	return nil
}

func readParameter(name string, m map[string]any) (Parameter, error) {
	var p Parameter
	if m["Type"] == nil {
		return p, errorf("Template format error: Every Parameters object must contain a Type member.")
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		text, isText := scalar(v)
		ok := isText
		switch key {
		case "Type":
			if p.Type = text; !knownType(text) {
				return p, errorf("Template format error: Unrecognized parameter type: %s", text)
			}
		case "Description":
			p.Description = text
		case "ConstraintDescription":
			p.ConstraintDescription = text
		case "Default":
			p.Default = &text
		case "NoEcho":
			p.NoEcho, ok = text == "true", text == "true" || text == "false"
		case "AllowedPattern":
			if p.AllowedPattern = text; ok {
				var err error
				if p.pattern, err = regexp.Compile(`^(?:` + text + `)$`); err != nil {
					return p, errorf("Template format error: AllowedPattern of parameter %s is not a valid regular expression", name)
				}
			}
		case "AllowedValues":
			var list []any
			if list, ok = v.([]any); ok {
				for _, item := range list {
					text, isText := scalar(item)
					ok = ok && isText
					p.AllowedValues = append(p.AllowedValues, text)
				}
			}
		case "MinLength", "MaxLength":
			var n int64
			if ok {
				var err error
				n, err = strconv.ParseInt(text, 10, 64)
				ok = err == nil
			}
			if key == "MinLength" {
				p.MinLength = &n
			} else {
				p.MaxLength = &n
			}
		case "MinValue", "MaxValue":
			n, valid := number(text)
			ok = ok && valid
			if key == "MinValue" {
				p.MinValue = n
			} else {
				p.MaxValue = n
			}
		default:
			return p, errorf("Invalid template parameter property '%s'", key)
		}
		if !ok {
			return p, errorf("Template format error: %s of parameter %s is malformed", key, name)
		}
	}
	if p.Default != nil {
		if err := p.Check(name, *p.Default); err != nil {
			return p, errorf("Template format error: %s", err)
		}
	}
	return p, nil
}

// number reads a decimal; nil and false for others.
func number(text string) (*big.Float, bool) {
	if !json.Valid([]byte(text)) || text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return nil, false
	}
	f, _, err := big.ParseFloat(text, 10, 200, big.ToNearestEven)
	return f, err == nil
}

// Check refuses a value that the parameter does not allow.
func (p Parameter) Check(name, value string) error {
	fail := func(format string, args ...any) error {
		if p.ConstraintDescription != "" {
			return errorf("Parameter %s failed to satisfy constraint: %s", name, p.ConstraintDescription)
		}
		return errorf("Parameter '%s' "+format, append([]any{name}, args...)...)
	}
	if len(value) > maxParameterValue {
		return errorf("Parameter '%s' exceeds the maximum size of %d bytes", name, maxParameterValue)
	}
	items := []string{value}
	if p.List() && !p.FromParameterStore() {
		items = nil
		for _, item := range p.Value(value).([]any) {
			items = append(items, item.(string))
		}
	}
	for _, item := range items {
		if p.Type == "Number" || p.Type == "List<Number>" {
			n, ok := number(item)
			switch {
			case !ok:
				return fail("must be a number")
			case p.MinValue != nil && n.Cmp(p.MinValue) < 0:
				return fail("must be a number not less than %s", p.MinValue.Text('f', -1))
			case p.MaxValue != nil && n.Cmp(p.MaxValue) > 0:
				return fail("must be a number not greater than %s", p.MaxValue.Text('f', -1))
			}
		}
		if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, item) {
			return fail("must be one of AllowedValues")
		}
		switch length := int64(utf8.RuneCountInString(item)); {
		case p.pattern != nil && !p.pattern.MatchString(item):
			return fail("must match pattern %s", p.AllowedPattern)
		case p.MinLength != nil && length < *p.MinLength:
			return fail("must contain at least %d characters", *p.MinLength)
		case p.MaxLength != nil && length > *p.MaxLength:
			return fail("must contain at most %d characters", *p.MaxLength)
		}
	}
	return nil
}

// Inputs completes the values that were given by the defaults and checks them.
func (t *Template) Inputs(given map[string]string) (map[string]string, error) {
	var unknown, missing []string
	for name := range given {
		if _, ok := t.Parameters[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, errorf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		value, ok := given[name]
		if !ok && p.Default != nil {
			value, ok = *p.Default, true
		}
		if !ok {
			missing = append(missing, name)
			continue
		}
		if err := p.Check(name, value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	if len(missing) > 0 {
		return nil, errorf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return out, nil
}

// scalar is the text of a string, number or boolean.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
