package config

import (
	"bytes"
	"encoding/json"
	"strings"
)

// SchemaID identifies the JSON Schema.
const SchemaID = "https://github.com/eks-upgrade-agent/eks-upgrade-agent/blob/main/docs/config.schema.json"

// durationPattern is what time.ParseDuration takes, but for negative ones.
const durationPattern = `^\+?(?:0|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$`

// node is a JSON Schema, with the keywords that are used here in the order in
// which people read them.
type node struct {
	Schema      string   `json:"$schema,omitempty"`
	ID          string   `json:"$id,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        any      `json:"type"`
	Enum        []string `json:"enum,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Minimum     any      `json:"minimum,omitempty"`
	Maximum     any      `json:"maximum,omitempty"`
	MinLength   int      `json:"minLength,omitempty"`
	Items       *node    `json:"items,omitempty"`
	WriteOnly   bool     `json:"writeOnly,omitempty"` // a secret
	Default     any      `json:"default,omitempty"`
	Examples    []any    `json:"examples,omitempty"`

	Properties           map[string]*node `json:"properties,omitempty"`
	AdditionalProperties *bool            `json:"additionalProperties,omitempty"`
}

// Schema returns the JSON Schema (2020-12) of the configuration file. What it
// refuses the loader refuses too; the loader checks more.
func Schema() ([]byte, error) {
	root := section("The configuration file of the EKS Upgrade Agent. Every setting can also be a parameter of Systems Manager or an environment variable.")
	root.Schema, root.ID, root.Title, root.Type = "https://json-schema.org/draft/2020-12/schema", SchemaID, "EKS Upgrade Agent", "object"
	for name, about := range emptySections {
		root.Properties[name] = section(about)
	}
	for _, s := range settings {
		at := root
		path := strings.Split(s.Key, ".")
		for _, name := range path[:len(path)-1] {
			if at.Properties[name] == nil {
				at.Properties[name] = section(SectionAbout(name))
			}
			at = at.Properties[name]
		}
		at.Properties[path[len(path)-1]] = s.schema()
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return out.Bytes(), err
}

// section is an object; one without anything below its name is null in YAML.
func section(about string) *node {
	closed := false
	return &node{Description: about, Type: []string{"object", "null"}, Properties: map[string]*node{}, AdditionalProperties: &closed}
}

func (s Setting) schema() *node {
	n := &node{Description: s.About, WriteOnly: s.Secret}
	if s.Default != nil {
		n.Default = Plain(s.Default)
	}
	if s.Example != "" {
		if value, err := s.Parse(s.Example); err == nil {
			n.Examples = []any{Plain(value)}
		}
	}
	switch s.Kind {
	case Text:
		s.text(n, s.Required)
	case Duration:
		n.Type, n.Pattern = "string", durationPattern
		n.Description += " " + s.Limits() + "."
	case Integer:
		n.Type, n.Minimum, n.Maximum = "integer", s.Least, s.Most
	case Number:
		n.Type, n.Minimum, n.Maximum = "number", s.Least, s.Most
	case Texts:
		n.Type, n.Items = "array", &node{}
		s.text(n.Items, true)
	case Integers:
		n.Type, n.Items = "array", &node{Type: "integer", Minimum: s.Least, Maximum: s.Most}
	}
	return n
}

// text describes one text; needed: it is not empty.
func (s Setting) text(n *node, needed bool) {
	n.Type, n.Enum = "string", s.Choices
	switch {
	case len(s.Choices) > 0:
	case s.Pattern != "" && needed:
		n.Pattern = "^(?:" + s.Pattern + ")$"
	case s.Pattern != "":
		n.Pattern = "^(?:" + s.Pattern + ")?$"
	case needed:
		n.MinLength = 1
	}
}
