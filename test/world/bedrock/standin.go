package bedrock

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	awsbedrock "github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// StandIn is the id of the model that rehearsals use. It is no model: it
// follows these rules, so that equal requests have equal answers.
//
//  1. The source is the text of the last user message, results of tools among
//     it. Its spans are its sentences: a line, cut after . ! or ? before white
//     space.
//  2. A span makes a claim when it has one of the words in claimWords; the first
//     10 do. The claim's quote is the span, letter for letter.
//  3. When the request has tools, and wants one (toolChoice any or tool) or may
//     have one (auto) and no tool has been used yet, the answer uses the named
//     or the first tool, with an input that is filled in by its schema (see
//     fill).
//  4. Else, when the request has a JSON schema as its output format, the answer
//     is JSON that is filled in by it.
//  5. Else, when the system prompt or the message has the word JSON, the answer
//     is {"model":"world.stand-in-v1","claims":[{"claim":...,"quote":...}]}.
//  6. Else it is text: that it is the stand-in's, then a line for each claim.
const StandIn = "world.stand-in-v1"

const maxClaims = 10

// claimWords mark the sentences that say that something changes.
var claimWords = regexp.MustCompile(`(?i)\b(removed?|removal|deprecat(ed|ion)|breaking|no longer|must|required?|renamed?|unsupported|replaced|changed|default|upgrade|before|security|CVE-\d+-\d+)\b`)

// Claim is what the stand-in finds in the source.
type Claim struct {
	Claim string `json:"claim"`
	Quote string `json:"quote"`
}

var sentenceEnd = regexp.MustCompile(`[.!?](\s+|$)`)

// spans cuts a text into its sentences.
func spans(source string) []string {
	var out []string
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		for line != "" {
			end := len(line)
			if m := sentenceEnd.FindStringIndex(line); m != nil {
				end = m[0] + 1
			}
			out = append(out, strings.TrimSpace(line[:end]))
			line = strings.TrimSpace(line[end:])
		}
	}
	return out
}

func claims(source string) []Claim {
	out := []Claim{}
	for _, span := range spans(source) {
		if claimWords.MatchString(span) && len(out) < maxClaims {
			out = append(out, Claim{Claim: "The source says: " + span, Quote: span})
		}
	}
	return out
}

func standIn(in *awsbedrock.ConverseInput) Answer {
	source := ""
	for _, m := range slices.Backward(in.Messages) {
		if m.Role == types.ConversationRoleUser {
			source = strings.Join(messageTexts(m), "\n")
			break
		}
	}
	found := claims(source)
	if tool, ok := wanted(in); ok {
		return Answer{Tools: []ToolUse{{Name: text(tool.Name), Input: fill(schemaOf(tool), "", found, 0)}}}
	}
	if schema, ok := outputSchema(in); ok {
		return Answer{Text: jsonText(fill(schema, "", found, 0))}
	}
	if strings.Contains(strings.Join(append(systemTexts(in), source), "\n"), "JSON") {
		return Answer{Text: jsonText(map[string]any{"model": StandIn, "claims": found})}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "This is the answer of %s, the stand-in of the simulated AWS; no model was asked. It found %d claims.", StandIn, len(found))
	for _, c := range found {
		fmt.Fprintf(&b, "\n- %q", c.Quote)
	}
	return Answer{Text: b.String()}
}

func jsonText(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// What fill makes of a schema always encodes.
	_ = enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

// wanted returns the tool that the answer uses.
func wanted(in *awsbedrock.ConverseInput) (types.ToolSpecification, bool) {
	if in.ToolConfig == nil {
		return types.ToolSpecification{}, false
	}
	name := ""
	switch choice := in.ToolConfig.ToolChoice.(type) {
	case *types.ToolChoiceMemberTool:
		name = text(choice.Value.Name)
	case *types.ToolChoiceMemberAny:
	default:
		used := slices.ContainsFunc(in.Messages, func(m types.Message) bool {
			return slices.ContainsFunc(m.Content, func(b types.ContentBlock) bool {
				_, ok := b.(*types.ContentBlockMemberToolResult)
				return ok
			})
		})
		if used {
			return types.ToolSpecification{}, false
		}
	}
	for _, t := range in.ToolConfig.Tools {
		if spec, ok := t.(*types.ToolMemberToolSpec); ok && (name == "" || text(spec.Value.Name) == name) {
			return spec.Value, true
		}
	}
	return types.ToolSpecification{}, false
}

func schemaOf(tool types.ToolSpecification) map[string]any {
	schema := map[string]any{}
	if s, ok := tool.InputSchema.(*types.ToolInputSchemaMemberJson); ok && s.Value != nil {
		// A schema that cannot be read leaves the input empty.
		_ = s.Value.UnmarshalSmithyDocument(&schema)
	}
	return schema
}

func outputSchema(in *awsbedrock.ConverseInput) (map[string]any, bool) {
	if in.OutputConfig == nil || in.OutputConfig.TextFormat == nil {
		return nil, false
	}
	s, ok := in.OutputConfig.TextFormat.Structure.(*types.OutputFormatStructureMemberJsonSchema)
	if !ok {
		return nil, false
	}
	schema := map[string]any{}
	if err := json.Unmarshal([]byte(text(s.Value.Schema)), &schema); err != nil {
		return nil, false
	}
	return schema, true
}

// maxDepth bounds what is filled in of schemas that are nested deeper.
const maxDepth = 8

// fill makes a value that fits a JSON schema: of an enum the first value; of an
// array of objects one item for each claim; of other arrays no item; texts
// called quote, span, source or evidence quote the claim, others state it;
// numbers are the least allowed, booleans false.
func fill(schema map[string]any, name string, found []Claim, depth int) any {
	if depth > maxDepth {
		return nil
	}
	if values, ok := schema["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	kind, _ := schema["type"].(string)
	if _, ok := schema["properties"]; ok && kind == "" {
		kind = "object"
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for key, p := range properties {
			if sub, ok := p.(map[string]any); ok {
				out[key] = fill(sub, key, found, depth+1)
			}
		}
		return out
	case "array":
		items, _ := schema["items"].(map[string]any)
		out := []any{}
		if _, object := items["properties"]; object {
			for i := range found {
				out = append(out, fill(items, "", found[i:i+1], depth+1))
			}
		}
		return out
	case "integer":
		return int64(least(schema))
	case "number":
		return least(schema)
	case "boolean":
		return false
	case "null":
		return nil
	}
	if len(found) == 0 {
		return "The stand-in " + StandIn + " found nothing."
	}
	for _, word := range []string{"quote", "span", "source", "evidence"} {
		if strings.Contains(strings.ToLower(name), word) {
			return found[0].Quote
		}
	}
	return found[0].Claim
}

// least is the smallest number that a schema allows, if it says so, or 0.
func least(schema map[string]any) float64 {
	switch m := schema["minimum"].(type) {
	case float64:
		return m
	case interface{ Float64() (float64, error) }: // a number of a Smithy document
		if f, err := m.Float64(); err == nil {
			return f
		}
	}
	return 0
}

func systemTexts(in *awsbedrock.ConverseInput) []string {
	var out []string
	for _, b := range in.System {
		if t, ok := b.(*types.SystemContentBlockMemberText); ok {
			out = append(out, t.Value)
		}
	}
	return out
}

func allTexts(in *awsbedrock.ConverseInput) []string {
	var out []string
	for _, m := range in.Messages {
		out = append(out, messageTexts(m)...)
	}
	return out
}

// messageTexts are the texts of a message, those of tools' results among them.
func messageTexts(m types.Message) []string {
	var out []string
	for _, b := range m.Content {
		switch block := b.(type) {
		case *types.ContentBlockMemberText:
			out = append(out, block.Value)
		case *types.ContentBlockMemberToolResult:
			for _, r := range block.Value.Content {
				switch result := r.(type) {
				case *types.ToolResultContentBlockMemberText:
					out = append(out, result.Value)
				case *types.ToolResultContentBlockMemberJson:
					var v any
					if err := result.Value.UnmarshalSmithyDocument(&v); err == nil {
						out = append(out, jsonText(v))
					}
				}
			}
		}
	}
	return out
}
