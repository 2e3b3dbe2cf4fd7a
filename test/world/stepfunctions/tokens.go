package stepfunctions

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// tokenBytes is the length of what the interpreter's tokens encode.
const tokenBytes = 32

// byToken finds the execution that waits for a task token. What is no token is
// invalid; a token that no task of this world was given is unknown.
func (s *Service) byToken(token *string) (*asl.Execution, error) {
	if err := length("taskToken", token, 1, maxToken); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.tokens[*token]; ok && e.run != nil {
		return e.run, nil
	}
	if b, err := base64.StdEncoding.DecodeString(*token); err != nil || len(b) != tokenBytes {
		return nil, &types.InvalidToken{Message: aws.String("Invalid Token: 'Invalid token'")}
	}
	return nil, &types.TaskDoesNotExist{Message: aws.String("Task does not exist")}
}

// tokenError gives the SDK's type of what the interpreter says of a token.
func tokenError(err error) error {
	t, ok := errors.AsType[*asl.TokenError](err)
	if !ok {
		return err
	}
	switch t.Code {
	case "TaskDoesNotExist":
		return &types.TaskDoesNotExist{Message: &t.Message}
	case "TaskTimedOut":
		return &types.TaskTimedOut{Message: &t.Message}
	case "InvalidToken":
		return &types.InvalidToken{Message: &t.Message}
	case "InvalidOutput":
		return &types.InvalidOutput{Message: &t.Message}
	}
	return err
}

// SendTaskSuccess implements the API operation.
func (s *Service) SendTaskSuccess(_ *wire.Call, in *sfn.SendTaskSuccessInput) (*sfn.SendTaskSuccessOutput, error) {
	if len(*in.Output) > maxInput {
		return nil, &types.InvalidOutput{Message: aws.String("Invalid Output: 'The output exceeds the maximum size of 262144 bytes'")}
	}
	if why := jsonProblem(*in.Output, "Invalid output."); why != "" {
		return nil, &types.InvalidOutput{Message: aws.String("Invalid Output: '" + why + "'")}
	}
	run, err := s.byToken(in.TaskToken)
	if err != nil {
		return nil, err
	}
	if err := run.TaskSucceeded(*in.TaskToken, json.RawMessage(*in.Output)); err != nil {
		return nil, tokenError(err)
	}
	return &sfn.SendTaskSuccessOutput{}, nil
}

// SendTaskFailure implements the API operation.
func (s *Service) SendTaskFailure(_ *wire.Call, in *sfn.SendTaskFailureInput) (*sfn.SendTaskFailureOutput, error) {
	if err := errors.Join(length("error", in.Error, 0, maxError), length("cause", in.Cause, 0, maxCause)); err != nil {
		return nil, first(err)
	}
	run, err := s.byToken(in.TaskToken)
	if err != nil {
		return nil, err
	}
	if err := run.TaskFailed(*in.TaskToken, aws.ToString(in.Error), aws.ToString(in.Cause)); err != nil {
		return nil, tokenError(err)
	}
	return &sfn.SendTaskFailureOutput{}, nil
}

// SendTaskHeartbeat implements the API operation.
func (s *Service) SendTaskHeartbeat(_ *wire.Call, in *sfn.SendTaskHeartbeatInput) (*sfn.SendTaskHeartbeatOutput, error) {
	run, err := s.byToken(in.TaskToken)
	if err != nil {
		return nil, err
	}
	if err := run.TaskHeartbeat(*in.TaskToken); err != nil {
		return nil, tokenError(err)
	}
	return &sfn.SendTaskHeartbeatOutput{}, nil
}
