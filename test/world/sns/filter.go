package sns

import (
	"bytes"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge/pattern"
)

// The scopes of a filter policy.
const (
	scopeAttributes = "MessageAttributes"
	scopeBody       = "MessageBody"
)

// filter says which messages a subscription wants. Its language is that of
// event patterns, but for the names of the fields (source: "Amazon SNS
// subscription filter policies").
type filter struct {
	scope   string
	pattern *pattern.Pattern
}

// parseFilter reads a filter policy; nil for none.
func parseFilter(text, scope string) (*filter, error) {
	switch scope {
	case "":
		scope = scopeAttributes
	case scopeAttributes, scopeBody:
	default:
		return nil, invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", scope)
	}
	if text == "" {
		return nil, nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		return nil, invalid("FilterPolicy: failed to parse JSON.")
	}
	if len(top) == 0 { // every message
		return nil, nil
	}
	for name, v := range top {
		if scope == scopeAttributes && name != "$or" && !bytes.HasPrefix(bytes.TrimSpace(v), []byte("[")) {
			return nil, invalid("FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy")
		}
	}
	p, err := pattern.Parse(text)
	if err != nil {
		return nil, invalid("FilterPolicy: %v", err)
	}
	return &filter{scope, p}, nil
}

// wants reports whether a message passes.
func (f *filter) wants(body string, attributes map[string]types.MessageAttributeValue) bool {
	if f == nil {
		return true
	}
	if f.scope == scopeBody {
		v, ok := decoded(body).(map[string]any)
		return ok && f.pattern.Match(v)
	}
	fields := map[string]any{}
	for name, a := range attributes {
		switch aws.ToString(a.DataType) {
		case "String.Array", "Number":
			fields[name] = decoded(aws.ToString(a.StringValue))
		case "Binary": // is not looked at
		default:
			fields[name] = aws.ToString(a.StringValue)
		}
	}
	return f.pattern.Match(fields)
}

func decoded(text string) any {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return nil
	}
	return v
}
