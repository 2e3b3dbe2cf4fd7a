package bedrock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/bedrock"
)

func newWorld(t *testing.T) (*world.World, *bedrockruntime.Client) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, bedrockruntime.NewFromConfig(w.AWSConfig(), func(o *bedrockruntime.Options) { o.RetryMaxAttempts = 1 })
}

func user(text string) types.Message {
	return types.Message{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}
}

func ask(model, text string) *bedrockruntime.ConverseInput {
	return &bedrockruntime.ConverseInput{ModelId: &model, Messages: []types.Message{user(text)}}
}

// said is the text of an answer.
func said(t *testing.T, out *bedrockruntime.ConverseOutput) string {
	t.Helper()
	m, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok || m.Value.Role != types.ConversationRoleAssistant || len(m.Value.Content) != 1 {
		t.Fatalf("output = %#v", out.Output)
	}
	b, ok := m.Value.Content[0].(*types.ContentBlockMemberText)
	if !ok {
		t.Fatalf("content = %#v", m.Value.Content[0])
	}
	return b.Value
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("error = %v, want %s: %s", err, code, message)
	}
}

func TestScriptedAnswersComeInTurn(t *testing.T) {
	w, api := newWorld(t)
	const model = "anthropic.claude-sonnet-4-20250514-v1:0"
	remove := w.Bedrock().Script(func(in *bedrockruntime.ConverseInput) bool { return *in.ModelId == model },
		bedrock.Answer{Err: &types.ThrottlingException{Message: aws.String("Too many requests, please wait before trying again.")}},
		bedrock.Answer{Err: &types.ModelErrorException{Message: aws.String("The model failed."), OriginalStatusCode: aws.Int32(500), ResourceName: aws.String(model)}},
		bedrock.Answer{Text: "blocked", StopReason: types.StopReasonGuardrailIntervened, InputTokens: 7, OutputTokens: 2},
		bedrock.Answer{Tools: []bedrock.ToolUse{{Name: "report", Input: map[string]any{"n": 1}}}})
	_, err := api.Converse(t.Context(), ask(model, "hello"))
	if _, ok := errors.AsType[*types.ThrottlingException](err); !ok {
		t.Errorf("first answer: %v", err)
	}
	_, err = api.Converse(t.Context(), ask(model, "hello"))
	if e, ok := errors.AsType[*types.ModelErrorException](err); !ok || aws.ToInt32(e.OriginalStatusCode) != 500 {
		t.Errorf("second answer: %v", err)
	}
	out, err := api.Converse(t.Context(), ask(model, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	if said(t, out) != "blocked" || out.StopReason != types.StopReasonGuardrailIntervened || *out.Usage.TotalTokens != 9 {
		t.Errorf("third answer: %v %+v", out.StopReason, out.Usage)
	}
	for range 2 { // the last one stays
		out, err = api.Converse(t.Context(), ask(model, "hello"))
		if err != nil || out.StopReason != types.StopReasonToolUse {
			t.Errorf("last answer: %v, %v", out, err)
		}
	}
	remove()
	_, err = api.Converse(t.Context(), ask(model, "hello"))
	wantError(t, err, "AccessDeniedException", "You don't have access to the model with the specified model ID.")
}

const notes = `Kubernetes 1.34 is here. The API flowcontrol.apiserver.k8s.io/v1beta3 is no longer served.
Everybody is happy. You must move to v1 before the upgrade!`

func TestTheStandInSaysWhatItIsAndQuotesItsSource(t *testing.T) {
	_, api := newWorld(t)
	out, err := api.Converse(t.Context(), ask(bedrock.StandIn, notes))
	if err != nil {
		t.Fatal(err)
	}
	text := said(t, out)
	if !strings.Contains(text, bedrock.StandIn) || !strings.Contains(text, "stand-in") || !strings.Contains(text, "2 claims") || out.StopReason != types.StopReasonEndTurn {
		t.Errorf("%v: %s", out.StopReason, text)
	}
	in := ask(bedrock.StandIn, notes)
	in.System = []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: "Answer in JSON."}}
	if out, err = api.Converse(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Model  string
		Claims []bedrock.Claim
	}
	if err := json.Unmarshal([]byte(said(t, out)), &answer); err != nil || answer.Model != bedrock.StandIn || len(answer.Claims) != 2 {
		t.Fatalf("answer = %+v, %v", answer, err)
	}
	for _, c := range answer.Claims {
		if !strings.Contains(notes, c.Quote) || c.Quote == "" {
			t.Errorf("%q is not in the source", c.Quote)
		}
	}
	in.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(5)}
	if out, err = api.Converse(t.Context(), in); err != nil || out.StopReason != types.StopReasonMaxTokens || *out.Usage.OutputTokens != 5 {
		t.Errorf("with 5 tokens: %+v, %v", out, err)
	}
}

func TestTheStandInFillsTools(t *testing.T) {
	_, api := newWorld(t)
	schema := map[string]any{"type": "object", "properties": map[string]any{
		"claims": map[string]any{"type": "array", "items": map[string]any{"type": "object", "properties": map[string]any{
			"claim": map[string]any{"type": "string"}, "quote": map[string]any{"type": "string"}, "severity": map[string]any{"type": "string", "enum": []any{"info", "warning"}}}}},
		"confidence": map[string]any{"type": "number", "minimum": 0.5}, "blocking": map[string]any{"type": "boolean"}}}
	in := ask(bedrock.StandIn, notes)
	in.ToolConfig = &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
		Name: aws.String("report"), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(schema)}}}}}
	out, err := api.Converse(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	m := out.Output.(*types.ConverseOutputMemberMessage).Value
	use, ok := m.Content[0].(*types.ContentBlockMemberToolUse)
	if !ok || out.StopReason != types.StopReasonToolUse || *use.Value.Name != "report" {
		t.Fatalf("content = %#v", m.Content)
	}
	var got struct {
		Claims []struct{ Claim, Quote, Severity string }
		// The stand-in's least number and boolean.
		Confidence float64
		Blocking   bool
	}
	raw, err := use.Value.Input.MarshalSmithyDocument()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Claims) != 2 || got.Confidence != 0.5 || got.Claims[1].Severity != "info" || got.Claims[1].Quote != "You must move to v1 before the upgrade!" {
		t.Errorf("input = %s, %v", raw, err)
	}
	// After the tool's result the stand-in answers with text.
	in.Messages = append(in.Messages, m, types.Message{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
		ToolUseId: use.Value.ToolUseId, Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: "It was removed."}}}}}})
	if out, err = api.Converse(t.Context(), in); err != nil || !strings.Contains(said(t, out), "It was removed.") {
		t.Errorf("after the tool: %v, %v", out, err)
	}
}

func TestWhatConverseRefuses(t *testing.T) {
	_, api := newWorld(t)
	assistant := types.Message{Role: types.ConversationRoleAssistant, Content: user("x").Content}
	for name, tc := range map[string]struct {
		in            *bedrockruntime.ConverseInput
		code, message string
	}{
		"an unknown model":       {ask("nobody.knows-v1", "x"), "ValidationException", "The provided model identifier is invalid."},
		"an unknown profile":     {ask("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/x", "x"), "ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."},
		"no messages":            {&bedrockruntime.ConverseInput{ModelId: aws.String(bedrock.StandIn)}, "ValidationException", "at least one message"},
		"the assistant begins":   {&bedrockruntime.ConverseInput{ModelId: aws.String(bedrock.StandIn), Messages: []types.Message{assistant}}, "ValidationException", "A conversation must start with a user message."},
		"two users in a row":     {&bedrockruntime.ConverseInput{ModelId: aws.String(bedrock.StandIn), Messages: []types.Message{user("a"), user("b")}}, "ValidationException", "A conversation must alternate between user and assistant roles."},
		"a blank text":           {ask(bedrock.StandIn, " "), "ValidationException", "The text field in the ContentBlock object at messages.0.content.0 is blank."},
		"a hot temperature":      {&bedrockruntime.ConverseInput{ModelId: aws.String(bedrock.StandIn), Messages: []types.Message{user("a")}, InferenceConfig: &types.InferenceConfiguration{Temperature: aws.Float32(1.5)}}, "ValidationException", "Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1"},
		"a result without tools": {&bedrockruntime.ConverseInput{ModelId: aws.String(bedrock.StandIn), Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: aws.String("t"), Content: []types.ToolResultContentBlock{}}}}}}}, "ValidationException", "The toolConfig field must be defined"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Converse(t.Context(), tc.in)
			wantError(t, err, tc.code, tc.message)
		})
	}
}

func TestEqualRequestsHaveEqualAnswers(t *testing.T) {
	var all []string
	for range 2 {
		w, api := newWorld(t)
		w.Bedrock().StandInFor("eu.amazon.nova-pro-v1:0")
		out, err := api.Converse(t.Context(), ask("eu.amazon.nova-pro-v1:0", notes))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(said(t, out), *out.Usage.InputTokens, *out.Metrics.LatencyMs))
	}
	if all[0] != all[1] {
		t.Errorf("%q and %q", all[0], all[1])
	}
}
