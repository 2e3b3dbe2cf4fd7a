// Package policy parses and evaluates IAM policies: identity-based ones,
// permissions boundaries, session policies, trust and other resource-based
// ones. Source of the rules: IAM User Guide, "IAM JSON policy elements
// reference" and "Policy evaluation logic".
package policy

import "strings"

// Kind says what a policy is for; it decides what it must contain.
type Kind int

const (
	Identity Kind = iota // managed, inline, session, boundary
	Trust                // of a role
	Resource             // of a bucket, a topic, a key ...
)

// Version is that of the policy language.
const Version = "2012-10-17"

// Document is a parsed policy.
type Document struct {
	Text       string // as it was given
	Version    string
	ID         string
	Statements []Statement
}

// Statement is one statement of a policy. Of each pair like Actions and
// NotActions one is set.
type Statement struct {
	Sid                       string
	Allow                     bool // false: Deny
	Actions, NotActions       []string
	Resources, NotResources   []string
	Principals, NotPrincipals *Principals
	Conditions                []Condition
	// Start and End are byte offsets of the statement in the document's text.
	Start, End int
}

// Principals are those that a statement of a resource-based policy is about.
type Principals struct {
	AWS, Service, Federated, CanonicalUser []string
}

// Condition is one comparison; all of a statement must hold.
type Condition struct {
	Operator string // as written, with ForAnyValue: and IfExists
	Key      string
	Values   []string
}

// Position returns line and column, counted from 1, of a byte offset.
func (d *Document) Position(offset int) (line, column int) {
	before := d.Text[:min(offset, len(d.Text))]
	return 1 + strings.Count(before, "\n"), 1 + len(before) - (strings.LastIndexByte(before, '\n') + 1)
}

// ContextKeys lists the condition keys and variables that the policy mentions,
// each once, as they are written first.
func (d *Document) ContextKeys() []string {
	var keys []string
	seen := map[string]bool{}
	add := func(key string) {
		if lower := strings.ToLower(key); !seen[lower] {
			seen[lower] = true
			keys = append(keys, key)
		}
	}
	for _, s := range d.Statements {
		for _, list := range [][]string{s.Resources, s.NotResources} {
			for _, text := range list {
				d.variables(text, add)
			}
		}
		for _, c := range s.Conditions {
			add(c.Key)
			for _, text := range c.Values {
				d.variables(text, add)
			}
		}
	}
	return keys
}
