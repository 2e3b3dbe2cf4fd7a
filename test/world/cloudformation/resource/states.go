package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type stateMachine struct {
	Definition              any
	DefinitionS3Location    *struct{ Bucket, Key, Version *string }
	DefinitionString        *string
	DefinitionSubstitutions map[string]string
	EncryptionConfiguration *types.EncryptionConfiguration
	LoggingConfiguration    *struct {
		Destinations []struct {
			CloudWatchLogsLogGroup *struct{ LogGroupArn *string }
		}
		IncludeExecutionData bool
		Level                types.LogLevel
	}
	RoleArn              string `cfn:"required"`
	StateMachineName     *string
	StateMachineType     types.StateMachineType
	Tags                 []Tag
	TracingConfiguration *types.TracingConfiguration
}

func sfnTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func init() {
	register(definition[stateMachine]{
		name: "AWS::StepFunctions::StateMachine", nameProperty: "StateMachineName", replace: []string{"StateMachineName", "StateMachineType"},
		attributes: []string{"Arn", "Name", "StateMachineRevisionId"},
		create: func(x *Context, p *stateMachine) (string, error) {
			text, err := p.definition(x)
			if err != nil {
				return "", err
			}
			out, err := invoke[sfn.CreateStateMachineOutput](x, &sfn.CreateStateMachineInput{Name: x.Or(p.StateMachineName, 80), Definition: &text, RoleArn: &p.RoleArn,
				EncryptionConfiguration: p.EncryptionConfiguration, LoggingConfiguration: p.logging(), Tags: tagsAs(x.tags(p.Tags), sfnTag), TracingConfiguration: p.TracingConfiguration, Type: p.StateMachineType})
			if err != nil {
				return "", err
			}
			return *out.StateMachineArn, nil
		},
		read: func(x *Context, id string, _ *stateMachine) (State, error) {
			out, err := invoke[sfn.DescribeStateMachineOutput](x, &sfn.DescribeStateMachineInput{StateMachineArn: &id})
			if err != nil {
				return State{}, err
			}
			revision := aws.ToString(out.RevisionId)
			if revision == "" {
				revision = "INITIAL"
			}
			return State{Attributes: map[string]any{"Arn": id, "Name": *out.Name, "StateMachineRevisionId": revision}}, nil
		},
		update: func(x *Context, id string, old, p *stateMachine) error {
			text, err := p.definition(x)
			if err != nil {
				return err
			}
			logging := p.logging()
			if logging == nil && old.LoggingConfiguration != nil {
				logging = &types.LoggingConfiguration{Level: types.LogLevelOff}
			}
			if err := do(x, &sfn.UpdateStateMachineInput{StateMachineArn: &id, Definition: &text, RoleArn: &p.RoleArn, EncryptionConfiguration: p.EncryptionConfiguration,
				LoggingConfiguration: logging, TracingConfiguration: p.TracingConfiguration}); err != nil {
				return err
			}
			return retag(x, old.Tags, p.Tags,
				func(tags map[string]string) error {
					return do(x, &sfn.TagResourceInput{ResourceArn: &id, Tags: tagsAs(tags, sfnTag)})
				},
				func(keys []string) error { return do(x, &sfn.UntagResourceInput{ResourceArn: &id, TagKeys: keys}) })
		},
		remove: func(x *Context, id string, _ *stateMachine) error {
			return do(x, &sfn.DeleteStateMachineInput{StateMachineArn: &id})
		},
		removed: func(x *Context, id string, _ *stateMachine) (bool, error) {
			_, err := invoke[sfn.DescribeStateMachineOutput](x, &sfn.DescribeStateMachineInput{StateMachineArn: &id})
			return gone(err), unlessGone(err)
		},
	})
}

func (p *stateMachine) logging() *types.LoggingConfiguration {
	l := p.LoggingConfiguration
	if l == nil {
		return nil
	}
	out := &types.LoggingConfiguration{IncludeExecutionData: l.IncludeExecutionData, Level: l.Level}
	for _, d := range l.Destinations {
		if d.CloudWatchLogsLogGroup != nil {
			out.Destinations = append(out.Destinations, types.LogDestination{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: d.CloudWatchLogsLogGroup.LogGroupArn}})
		}
	}
	return out
}

// definition is the state machine's, wherever the template has it, with its
// substitutions made.
func (p *stateMachine) definition(x *Context) (string, error) {
	text := ""
	switch {
	case p.DefinitionString != nil:
		text = *p.DefinitionString
	case p.Definition != nil:
		text = JSON(p.Definition)
	case p.DefinitionS3Location != nil:
		out, err := invoke[s3.GetObjectOutput](x, &s3.GetObjectInput{Bucket: p.DefinitionS3Location.Bucket, Key: p.DefinitionS3Location.Key, VersionId: p.DefinitionS3Location.Version})
		if err != nil {
			return "", err
		}
		defer func() { _ = out.Body.Close() }()
		if text, err = readAll(out.Body); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("one of Definition, DefinitionString and DefinitionS3Location must be set")
	}
	for _, key := range slices.Sorted(maps.Keys(p.DefinitionSubstitutions)) {
		value, err := json.Marshal(p.DefinitionSubstitutions[key])
		if err != nil {
			return "", err
		}
		text = strings.ReplaceAll(text, "${"+key+"}", string(value[1:len(value)-1])) // within a string of JSON
	}
	return text, nil
}
