package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/theory/jsonpath"
)

// variables are what templates may use besides their own.
type variables struct {
	ruleArn, ruleName, ingestion string
	event                        json.RawMessage
}

var dashed = regexp.MustCompile(`\.([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)`)

// selectPath returns the first value at a JSON path; nil when there is none.
func selectPath(path string, event map[string]any) (any, error) {
	// EventBridge takes dashes in names, as in $.detail-type, which RFC 9535 wants
	// in quotes.
	p, err := jsonpath.Parse(dashed.ReplaceAllString(path, "['$1']"))
	if err != nil {
		return nil, fmt.Errorf("JSON path %q: %w", path, err)
	}
	nodes := p.Select(event)
	if len(nodes) == 0 {
		return nil, nil
	}
	return nodes[0], nil
}

// transform fills an input template (source: "Amazon EventBridge input
// transformation"). A variable within quotes becomes part of that string; one
// without becomes a JSON value.
func transform(t *types.InputTransformer, event map[string]any, vars variables) (json.RawMessage, error) {
	values := map[string]any{
		"aws.events.rule-arn": vars.ruleArn, "aws.events.rule-name": vars.ruleName,
		"aws.events.event.ingestion-time": vars.ingestion,
	}
	whole := vars.event
	if whole == nil {
		whole = json.RawMessage("{}")
	}
	values["aws.events.event"], values["aws.events.event.json"] = whole, whole
	for name, path := range t.InputPathsMap {
		if strings.HasPrefix(name, "aws.") || name == "" {
			return nil, fmt.Errorf("the variable name %q is reserved", name)
		}
		v, err := selectPath(path, event)
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	out, err := fill(aws.ToString(t.InputTemplate), values)
	if err != nil {
		return nil, err
	}
	if !json.Valid(out) {
		return nil, fmt.Errorf("the filled template is not JSON: %s", out)
	}
	return out, nil
}

func fill(template string, values map[string]any) (json.RawMessage, error) {
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(template); i++ {
		c := template[i]
		switch {
		case c == '\\' && quoted && i+1 < len(template):
			out.WriteString(template[i : i+2])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case c == '<':
			end := strings.IndexByte(template[i:], '>')
			if end < 0 {
				return nil, fmt.Errorf("the template's '<' at %d has no end", i)
			}
			name := template[i+1 : i+end]
			v, ok := values[name]
			if !ok {
				return nil, fmt.Errorf("the template uses <%s>, which InputPathsMap does not define", name)
			}
			text, err := insert(v, quoted)
			if err != nil {
				return nil, err
			}
			out.WriteString(text)
			i += end
			continue
		}
		out.WriteByte(c)
	}
	return out.Bytes(), nil
}

// insert writes a value as JSON or, within quotes, as the inside of a string.
func insert(v any, quoted bool) (string, error) {
	if quoted && v == nil {
		return "", nil // what is missing is left out of texts
	}
	text, isText := v.(string)
	if !isText || !quoted {
		b, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		if !quoted {
			return string(b), nil
		}
		text = string(b)
	}
	b, err := json.Marshal(text)
	if err != nil {
		return "", err
	}
	return string(b[1 : len(b)-1]), nil
}
