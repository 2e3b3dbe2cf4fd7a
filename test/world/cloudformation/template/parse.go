// Package template reads AWS CloudFormation templates and evaluates what they
// say: parameters, conditions, intrinsic functions and the order in which
// resources depend on each other. Errors are in CloudFormation's own words.
package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is a template that CloudFormation refuses; it answers ValidationError
// with the message.
type Error struct{ Message string }

// Error implements error.
func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// maxDepth bounds how deep a template nests; AWS's own limit is not published.
const maxDepth = 200

// readTree reads JSON or YAML to maps, lists, strings, numbers (json.Number),
// booleans and nil. The short forms of functions (!Ref, !Sub) become long ones.
func readTree(body string) (map[string]any, error) {
	var tree any
	var err error
	if strings.HasPrefix(strings.TrimSpace(body), "{") {
		tree, err = readJSON(body)
		if err != nil { // the flow style of YAML looks like JSON
			if fromYAML, yamlErr := readYAML(body); yamlErr == nil {
				tree, err = fromYAML, nil
			}
		}
	} else {
		tree, err = readYAML(body)
	}
	if err != nil {
		return nil, err
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return nil, errorf("Template format error: unsupported structure.")
	}
	return m, nil
}

func readJSON(body string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		line, column := position(body, dec.InputOffset(), err)
		return nil, errorf("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		line, column := position(body, dec.InputOffset(), nil)
		return nil, errorf("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
	}
	if depth(tree) > maxDepth {
		return nil, errorf("Template format error: the template is nested too deeply")
	}
	return tree, nil
}

func depth(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			most = max(most, depth(item))
		}
	case []any:
		for _, item := range v {
			most = max(most, depth(item))
		}
	}
	return most + 1
}

func position(body string, offset int64, err error) (line, column int) {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	before := body[:min(int(offset), len(body))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndex(before, "\n")
}

func readYAML(body string) (any, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader([]byte(body)))
	if err := dec.Decode(&doc); err != nil {
		return nil, errorf("Template format error: YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) != 1 {
		return nil, errorf("Template format error: unsupported structure.")
	}
	return fromYAML(doc.Content[0], 0)
}

// shortForms are the functions that YAML writes as tags, but for those whose
// long form has no "Fn::".
var shortForms = map[string]string{"!Ref": "Ref", "!Condition": "Condition"}

func init() {
	for _, name := range []string{"And", "Base64", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap", "GetAtt", "GetAZs", "If",
		"ImportValue", "Join", "Not", "Or", "RefAll", "Select", "Split", "Sub", "Transform", "ValueOf", "ValueOfAll"} {
		shortForms["!"+name] = "Fn::" + name
	}
}

func fromYAML(n *yaml.Node, level int) (any, error) {
	if level > maxDepth {
		return nil, errorf("Template format error: the template is nested too deeply")
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return nil, errorf("Template error: YAML aliases are not allowed in CloudFormation templates")
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name, ok := shortForms[n.Tag]
		if !ok {
			return nil, errorf("Template format error: YAML not well-formed. (line %d, column %d): unknown tag %s", n.Line, n.Column, n.Tag)
		}
		value, err := yamlValue(n, level, true)
		if err != nil {
			return nil, err
		}
		if text, isText := value.(string); isText && name == "Fn::GetAtt" {
			resource, attribute, _ := strings.Cut(text, ".")
			value = []any{resource, attribute}
		}
		return map[string]any{name: value}, nil
	}
	return yamlValue(n, level, false)
}

// yamlValue reads a node; tagged scalars are text whatever they look like.
func yamlValue(n *yaml.Node, level int, tagged bool) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				return nil, errorf("Template format error: YAML not well-formed. (line %d, column %d)", key.Line, key.Column)
			}
			if _, twice := m[key.Value]; twice {
				return nil, errorf("Template format error: YAML not well-formed. (line %d, column %d): duplicate key %q", key.Line, key.Column, key.Value)
			}
			value, err := fromYAML(n.Content[i+1], level+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			value, err := fromYAML(item, level+1)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	}
	if tagged {
		return n.Value, nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return n.Value, nil
		}
		return b, nil
	case "!!int", "!!float":
		if number := json.Number(n.Value); json.Valid([]byte(n.Value)) {
			return number, nil
		}
	}
	return n.Value, nil // also times and the numbers that are none in JSON, such as 0123
}
