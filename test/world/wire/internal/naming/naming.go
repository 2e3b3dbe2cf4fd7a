// Package naming has the rules by which AWS's protocols name members whose
// names no schema gives. Where an SDK module differs, a table lists it.
package naming

import (
	"strings"
	"unicode"
)

// Style is how a protocol names things.
type Style int

// The styles.
const (
	Schema Style = iota // names as in the schema
	Camel               // JSON with lowerCamel names: Step Functions
	Query               // AWS query: names as in Go, lists as member.N
	EC2                 // EC2: lowerCamel in answers, flat lists in requests
	XML                 // Route 53: names as in Go, list items in the singular
	Go                  // JSON with names as in Go: EventBridge Scheduler
	Pascal              // Step Functions' integrations: names as in Go, times in ISO 8601
)

// Name returns the name on the wire of a Go field. EC2 names members of
// requests and answers differently.
func Name(st Style, field string, list, request bool) string {
	switch {
	case st == Camel:
		return LowerFirst(field)
	case st == EC2 && request && list:
		return Singular(field)
	case st == EC2 && !request && list:
		return strings.TrimSuffix(LowerFirst(Singular(field)), "Set") + "Set"
	case st == EC2 && !request:
		return LowerFirst(field)
	}
	return field
}

// Item returns the name of a list's items.
func Item(st Style, field string) string {
	switch st {
	case XML:
		return Singular(field)
	case EC2:
		return "item"
	}
	return "member"
}

// UpperFirst gives the Go form of a member's name.
func UpperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// LowerFirst gives the lowerCamel form: VpcId is vpcId, but ARN is aRN as in
// AWS's own generator.
func LowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// Singular gives the singular of a list's name.
func Singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies"):
		return strings.TrimSuffix(s, "ies") + "y"
	case strings.HasSuffix(s, "sses"):
		return strings.TrimSuffix(s, "es")
	}
	return strings.TrimSuffix(s, "s")
}
