package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// MalformedError says why a text is no policy, in AWS's words.
type MalformedError struct{ Message string }

func (e *MalformedError) Error() string { return e.Message }

var (
	errSyntax = &MalformedError{"Syntax errors in policy."}
	errLegacy = &MalformedError{"The policy failed legacy parsing"}
)

// object is a JSON object that keeps the order of its members and where it is.
type object struct {
	names      []string
	values     []any
	start, end int
}

func (o *object) get(name string) (any, bool) {
	i := slices.Index(o.names, name)
	if i < 0 {
		return nil, false
	}
	return o.values[i], true
}

// readJSON reads a whole text; objects become *object, and no name may come
// twice in one.
func readJSON(text string) (any, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	v, err := readValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errSyntax
	}
	return v, nil
}

func readValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		o := &object{start: int(dec.InputOffset()) - 1}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			if slices.Contains(o.names, name.(string)) {
				return nil, errSyntax
			}
			v, err := readValue(dec)
			if err != nil {
				return nil, err
			}
			o.names, o.values = append(o.names, name.(string)), append(o.values, v)
		}
		_, err := dec.Token()
		o.end = int(dec.InputOffset())
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := readValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return tok, nil
}

// Parse reads a policy strictly. Its errors are *MalformedError.
func Parse(text string, kind Kind) (*Document, error) {
	v, err := readJSON(text)
	top, ok := v.(*object)
	if err != nil || !ok {
		if kind == Trust {
			return nil, &MalformedError{"This policy contains invalid Json"}
		}
		return nil, errSyntax
	}
	d := &Document{Text: text}
	if err := d.read(top, kind); err != nil {
		return nil, err
	}
	if err := d.check(kind); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Document) read(top *object, kind Kind) error {
	var statements []any
	for i, name := range top.names {
		v := top.values[i]
		ok := true
		switch name {
		case "Version":
			d.Version, ok = v.(string)
			ok = ok && (d.Version == Version || d.Version == "2008-10-17")
		case "Id":
			d.ID, ok = v.(string)
		case "Statement":
			if statements, ok = v.([]any); !ok {
				statements, ok = []any{v}, true
			}
		default:
			ok = false
		}
		if !ok {
			return errSyntax
		}
	}
	if len(statements) == 0 {
		return errSyntax
	}
	for _, v := range statements {
		o, ok := v.(*object)
		if !ok {
			return errSyntax
		}
		s, err := readStatement(o, kind)
		if err != nil {
			return err
		}
		d.Statements = append(d.Statements, s)
	}
	return nil
}

func readStatement(o *object, kind Kind) (Statement, error) {
	s := Statement{Start: o.start, End: o.end}
	for i, name := range o.names {
		v := o.values[i]
		var err error
		switch name {
		case "Sid":
			s.Sid, err = readText(v)
		case "Effect":
			err = s.readEffect(v)
		case "Action":
			s.Actions, err = readTexts(v)
		case "NotAction":
			s.NotActions, err = readTexts(v)
		case "Resource":
			s.Resources, err = readTexts(v)
		case "NotResource":
			s.NotResources, err = readTexts(v)
		case "Principal":
			s.Principals, err = readPrincipals(v)
		case "NotPrincipal":
			s.NotPrincipals, err = readPrincipals(v)
		case "Condition":
			s.Conditions, err = readConditions(v)
		default:
			err = errSyntax
		}
		if err != nil {
			return s, err
		}
	}
	_, effect := o.get("Effect")
	if !effect {
		if kind == Trust {
			return s, &MalformedError{"Missing required field Effect"}
		}
		return s, errSyntax
	}
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		_, one := o.get(pair[0])
		if _, other := o.get(pair[1]); one && other {
			return s, errSyntax
		}
	}
	return s, nil
}

func (s *Statement) readEffect(v any) error {
	switch text, _ := v.(string); {
	case text == "Allow":
		s.Allow = true
	case text == "Deny":
	case strings.EqualFold(text, "Allow") || strings.EqualFold(text, "Deny"):
		return errLegacy
	default:
		return errSyntax
	}
	return nil
}

func readText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errSyntax
	}
	return s, nil
}

// readTexts reads a string or a list of strings; the result is not nil.
func readTexts(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := []string{}
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, errSyntax
		}
		out = append(out, s)
	}
	return out, nil
}

func readPrincipals(v any) (*Principals, error) {
	if v == "*" {
		return &Principals{AWS: []string{"*"}}, nil
	}
	o, ok := v.(*object)
	if !ok {
		return nil, &MalformedError{"Invalid principal in policy"}
	}
	p := &Principals{}
	for i, name := range o.names {
		texts, err := readTexts(o.values[i])
		if err != nil {
			return nil, err
		}
		switch name {
		case "AWS":
			p.AWS = texts
		case "Service":
			p.Service = texts
		case "Federated":
			p.Federated = texts
		case "CanonicalUser":
			p.CanonicalUser = texts
		default:
			return nil, &MalformedError{`Invalid principal in policy: "` + name + `"`}
		}
	}
	return p, nil
}

func readConditions(v any) ([]Condition, error) {
	block, ok := v.(*object)
	if !ok {
		return nil, errSyntax
	}
	var out []Condition
	for i, operator := range block.names {
		keys, ok := block.values[i].(*object)
		if !ok {
			return nil, errSyntax
		}
		if _, known := parseOperator(operator); !known && len(keys.names) > 0 {
			return nil, errSyntax
		}
		for j, key := range keys.names {
			values, err := readScalars(keys.values[j])
			if err != nil {
				return nil, err
			}
			out = append(out, Condition{operator, key, values})
		}
	}
	return out, nil
}

// readScalars reads a string, boolean or number, or a list of them, as text.
func readScalars(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := []string{}
	for _, item := range list {
		switch x := item.(type) {
		case string:
			out = append(out, x)
		case json.Number:
			out = append(out, x.String())
		case bool:
			out = append(out, map[bool]string{true: "true", false: "false"}[x])
		default:
			return nil, errSyntax
		}
	}
	return out, nil
}

var sidPattern = regexp.MustCompile(`^[0-9A-Za-z]*$`)
