// Package bedrock simulates Amazon Bedrock's Converse. It has no model: tests
// script the answers, and rehearsals use a stand-in that says what it is; see
// StandIn.
package bedrock

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbedrock "github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Answer is one scripted answer.
type Answer struct {
	// Err, if set, is the answer: one of the SDK's error types, such as
	// *types.ThrottlingException or *types.ModelErrorException.
	Err error
	// Text and Tools make the content, in this order; "" and nil for none.
	Text  string
	Tools []ToolUse
	// StopReason defaults to tool_use with Tools and end_turn without.
	StopReason types.StopReason
	// InputTokens and OutputTokens default to a quarter of the bytes.
	InputTokens, OutputTokens int32
}

// ToolUse is the model's wish to use a tool; Input is any JSON value.
type ToolUse struct {
	Name  string
	Input any
}

type script struct {
	match   func(*awsbedrock.ConverseInput) bool
	answers []Answer
}

// Service is the Bedrock runtime. It is safe for concurrent use.
type Service struct {
	mu      sync.Mutex
	scripts []*script
	played  map[string]bool // models that the stand-in answers for
	tools   int
}

// New returns a Bedrock whose only model is the stand-in.
func New() *Service { return &Service{played: map[string]bool{StandIn: true}} }

// Script answers the requests that match, of any model, with the answers in
// turn; the last one stays. Older scripts come first. nil matches all. The
// returned function removes the script.
func (s *Service) Script(match func(*awsbedrock.ConverseInput) bool, answers ...Answer) (remove func()) {
	if len(answers) == 0 {
		panic("bedrock: a script without answers")
	}
	if match == nil {
		match = func(*awsbedrock.ConverseInput) bool { return true }
	}
	sc := &script{match, slices.Clone(answers)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = append(s.scripts, sc)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.scripts = slices.DeleteFunc(s.scripts, func(other *script) bool { return other == sc })
	}
}

// StandInFor lets the stand-in answer for a model too; its answers say so.
func (s *Service) StandInFor(modelID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.played[modelID] = true
}

// next takes the scripted answer to a request; its match functions run without
// the lock.
func (s *Service) next(in *awsbedrock.ConverseInput) (Answer, bool) {
	s.mu.Lock()
	scripts := slices.Clone(s.scripts)
	s.mu.Unlock()
	for _, sc := range scripts {
		if !sc.match(in) {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a := sc.answers[0]
		if len(sc.answers) > 1 {
			sc.answers = sc.answers[1:]
		}
		return a, true
	}
	return Answer{}, false
}

// Converse answers a conversation.
func (s *Service) Converse(_ *wire.Call, in *awsbedrock.ConverseInput) (*awsbedrock.ConverseOutput, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	a, ok := s.next(in)
	if !ok {
		s.mu.Lock()
		played := s.played[*in.ModelId]
		s.mu.Unlock()
		if !played {
			return nil, unknown(*in.ModelId)
		}
		a = standIn(in)
	}
	if a.Err != nil {
		return nil, a.Err
	}
	return s.output(in, a), nil
}

// vendors begin the ids of foundation models that exist on AWS.
var vendors = regexp.MustCompile(`^((us|us-gov|eu|apac|au|jp|ca|global)\.)?(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|nvidia|openai|qwen|stability|twelvelabs|writer|zai)\.`)

// unknown says why a model does not answer, as AWS does.
func unknown(id string) error {
	switch {
	case strings.HasPrefix(id, "arn:"):
		return &types.ResourceNotFoundException{Message: aws.String("Could not resolve the foundation model from the provided model identifier.")}
	case vendors.MatchString(id):
		return &types.AccessDeniedException{Message: aws.String("You don't have access to the model with the specified model ID.")}
	}
	return &types.ValidationException{Message: aws.String("The provided model identifier is invalid.")}
}

// output makes the answer's message, within the limits of the request.
func (s *Service) output(in *awsbedrock.ConverseInput, a Answer) *awsbedrock.ConverseOutput {
	stop := a.StopReason
	if stop == "" {
		stop = types.StopReasonEndTurn
		if len(a.Tools) > 0 {
			stop = types.StopReasonToolUse
		}
	}
	if c := in.InferenceConfig; c != nil && a.StopReason == "" && len(a.Tools) == 0 {
		for _, sequence := range c.StopSequences {
			if before, _, found := strings.Cut(a.Text, sequence); found {
				a.Text, stop = before, types.StopReasonStopSequence
			}
		}
		if c.MaxTokens != nil && tokens(a.Text) > *c.MaxTokens {
			a.Text, stop = strings.ToValidUTF8(a.Text[:bytesPerToken*int(*c.MaxTokens)], ""), types.StopReasonMaxTokens
		}
	}
	content := []types.ContentBlock{}
	if a.Text != "" {
		content = append(content, &types.ContentBlockMemberText{Value: a.Text})
	}
	size := a.Text
	for _, tool := range a.Tools {
		content = append(content, &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{
			Name: aws.String(tool.Name), Input: document.NewLazyDocument(tool.Input), ToolUseId: aws.String(s.toolID()),
		}})
		size += fmt.Sprint(tool.Input)
	}
	if a.InputTokens == 0 {
		a.InputTokens = tokens(strings.Join(append(systemTexts(in), allTexts(in)...), "\n"))
	}
	if a.OutputTokens == 0 {
		a.OutputTokens = tokens(size)
	}
	return &awsbedrock.ConverseOutput{
		Output:     &types.ConverseOutputMemberMessage{Value: types.Message{Role: types.ConversationRoleAssistant, Content: content}},
		StopReason: stop,
		Usage:      &types.TokenUsage{InputTokens: aws.Int32(a.InputTokens), OutputTokens: aws.Int32(a.OutputTokens), TotalTokens: aws.Int32(a.InputTokens + a.OutputTokens)},
		Metrics:    &types.ConverseMetrics{LatencyMs: aws.Int64(latencyBase + latencyPerToken*int64(a.OutputTokens))},
	}
}

// What a typical model takes, in ms; it is only reported, nobody waits.
const (
	latencyBase     = 400
	latencyPerToken = 15
	bytesPerToken   = 4
)

func tokens(text string) int32 { return int32((len(text) + bytesPerToken - 1) / bytesPerToken) } //nolint:gosec // bodies are short

func (s *Service) toolID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tools++
	return fmt.Sprintf("tooluse_%022d", s.tools)
}

func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationException", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}
