package bedrock

import (
	"fmt"
	"strings"

	awsbedrock "github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
)

// check refuses what Converse refuses of any model.
func check(in *awsbedrock.ConverseInput) error {
	var v constraint.Violations
	v.RequiredText("modelId", in.ModelId, 1, 2048, nil)
	if c := in.InferenceConfig; c != nil {
		v.Range("inferenceConfig.maxTokens", c.MaxTokens, 1, 1<<31-1)
		unit(&v, "inferenceConfig.temperature", c.Temperature)
		unit(&v, "inferenceConfig.topP", c.TopP)
	}
	if err := v.Err("ValidationException"); err != nil {
		return err
	}
	if len(in.Messages) == 0 {
		return invalid("The messages field must contain at least one message.")
	}
	if in.Messages[0].Role != types.ConversationRoleUser {
		return invalid("A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	}
	wished := 0
	for i, m := range in.Messages {
		if i > 0 && m.Role == in.Messages[i-1].Role {
			return invalid("A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
		}
		if len(m.Content) == 0 {
			return invalid("The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
		}
		var uses, results int
		for j, b := range m.Content {
			switch block := b.(type) {
			case *types.ContentBlockMemberText:
				if strings.TrimSpace(block.Value) == "" {
					return invalid("The text field in the ContentBlock object at messages.%d.content.%d is blank. Add text to the text field, and try again.", i, j)
				}
			case *types.ContentBlockMemberToolUse:
				uses++
			case *types.ContentBlockMemberToolResult:
				results++
			}
		}
		if uses+results > 0 && in.ToolConfig == nil {
			return invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
		}
		if results > wished {
			return invalid("The number of toolResult blocks at messages.%d.content exceeds the number of toolUse blocks of previous turn.", i)
		}
		if m.Role == types.ConversationRoleUser && results < wished {
			return invalid("Expected toolResult blocks at messages.%d.content for the toolUse blocks of previous turn.", i)
		}
		wished = uses
	}
	return checkTools(in.ToolConfig)
}

func unit(v *constraint.Violations, member string, value *float32) {
	if value == nil {
		return
	}
	text := fmt.Sprint(*value)
	switch {
	case *value < 0:
		v.Add(member, text, "have value greater than or equal to 0")
	case *value > 1:
		v.Add(member, text, "have value less than or equal to 1")
	}
}

func checkTools(c *types.ToolConfiguration) error {
	if c == nil {
		return nil
	}
	names := map[string]bool{}
	for _, t := range c.Tools {
		spec, ok := t.(*types.ToolMemberToolSpec)
		if !ok {
			continue
		}
		name := text(spec.Value.Name)
		if names[name] {
			return invalid("The toolConfig.tools contains duplicate tool names: %s", name)
		}
		names[name] = true
	}
	if len(c.Tools) == 0 {
		return invalid("1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if choice, ok := c.ToolChoice.(*types.ToolChoiceMemberTool); ok && !names[text(choice.Value.Name)] {
		return invalid("The toolChoice names a tool that is not in toolConfig.tools: %s", text(choice.Value.Name))
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
