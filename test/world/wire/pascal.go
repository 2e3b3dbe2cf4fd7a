package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Step Functions' integrations write Inputs and Outputs as JSON with the
// members' names in PascalCase and times in ISO 8601, whatever the service's
// own protocol.

var acronym = regexp.MustCompile(`[A-Z]+([A-Z][a-z]|[0-9]|$)`)

// PascalName is the name of a member, or a shape, in Step Functions'
// integrations: that of the AWS SDK for Java 2.x, which writes acronyms as words
// (DBClusterIdentifier is DbClusterIdentifier).
func PascalName(name string) string {
	return acronym.ReplaceAllStringFunc(name, func(run string) string {
		last := len(run)
		if n := len(run); n >= 2 && run[n-1] >= 'a' {
			last = n - 2 // the capital letter of the next word stays
		}
		return run[:1] + strings.ToLower(run[1:last]) + run[last:]
	})
}

// FromPascal fills an SDK Input from such JSON. With textify, JSON may stand
// where the Input has text, as the optimised integrations allow it.
func FromPascal(data json.RawMessage, in any, textify bool) error {
	v := reflect.ValueOf(in).Elem()
	tree, err := fromJSON(data)
	if err != nil {
		return serialization("the parameters are not well-formed: %v", err)
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return mismatch("", "a structure", tree)
	}
	return treeDecoder{stylePascal, textify}.decodeStruct("", v, nil, m, nil)
}

// ToPascal writes an SDK Output, or a structure of it, as such JSON.
func ToPascal(out any) (json.RawMessage, error) {
	v := reflect.Indirect(reflect.ValueOf(out))
	if v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("wire: %T is not a structure", out)
	}
	tree, err := treeEncoder{style: stylePascal}.encodeStruct(v, nil, nil)
	if err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// FromJSON fills an SDK structure from JSON as the service's own protocol
// writes it.
func FromJSON(service string, data []byte, into any) error {
	v := reflect.ValueOf(into).Elem()
	return decodeTreeBody(styleOf(service), v, data, fromJSON, nil)
}
