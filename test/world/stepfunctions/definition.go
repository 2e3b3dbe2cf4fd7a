package stepfunctions

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const schemaFailed = "SCHEMA_VALIDATION_FAILED"

func failed(location, message string) asl.Diagnostic {
	return asl.Diagnostic{Severity: asl.SeverityError, Code: schemaFailed, Message: message, Location: location}
}

// parse reads a definition for a type of state machine.
func (s *Service) parse(definition *string, kind types.StateMachineType) (*asl.Machine, error) {
	if err := length("definition", definition, 1, maxDefinition); err != nil {
		return nil, err
	}
	var wrong asl.DefinitionError
	for _, d := range s.diagnose(*definition, kind) {
		if d.Severity == asl.SeverityError {
			wrong.Problems = append(wrong.Problems, d)
		}
	}
	if len(wrong.Problems) > 0 {
		return nil, &types.InvalidDefinition{Message: aws.String(wrong.Error())}
	}
	m, err := asl.Parse([]byte(*definition))
	if err != nil {
		return nil, &types.InvalidDefinition{Message: aws.String(err.Error())}
	}
	return m, nil
}

// diagnose finds everything that is wrong with a definition: first with its
// language, and when that has no errors with its use of AWS's services.
func (s *Service) diagnose(definition string, kind types.StateMachineType) []asl.Diagnostic {
	all := asl.Validate([]byte(definition))
	for _, d := range all {
		if d.Severity == asl.SeverityError {
			return all
		}
	}
	return append(s.checkTasks([]byte(definition), kind), all...)
}

// ValidateStateMachineDefinition implements the API operation.
func (s *Service) ValidateStateMachineDefinition(_ *wire.Call, in *sfn.ValidateStateMachineDefinitionInput) (*sfn.ValidateStateMachineDefinitionOutput, error) {
	const most = 100
	if err := length("definition", in.Definition, 0, maxDefinition); err != nil {
		return nil, err
	}
	if in.MaxResults < 0 || in.MaxResults > most {
		return nil, constraint("maxResults", in.MaxResults, "have value less than or equal to %d", most)
	}
	limit := int(in.MaxResults)
	if limit == 0 {
		limit = most
	}
	out := &sfn.ValidateStateMachineDefinitionOutput{Result: types.ValidateStateMachineDefinitionResultCodeOk,
		Diagnostics: []types.ValidateStateMachineDefinitionDiagnostic{}, Truncated: aws.Bool(false)}
	for _, d := range s.diagnose(*in.Definition, in.Type) {
		if d.Severity == asl.SeverityError {
			out.Result = types.ValidateStateMachineDefinitionResultCodeFail
		} else if in.Severity != types.ValidateStateMachineDefinitionSeverityWarning {
			continue
		}
		if len(out.Diagnostics) == limit {
			out.Truncated = aws.Bool(true)
			break
		}
		item := types.ValidateStateMachineDefinitionDiagnostic{
			Severity: types.ValidateStateMachineDefinitionSeverity(d.Severity), Code: aws.String(d.Code), Message: aws.String(d.Message), Location: optional(d.Location)}
		out.Diagnostics = append(out.Diagnostics, item)
	}
	return out, nil
}

// first returns the first of joined errors: AWS tells one.
func first(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()[0]
	}
	return err
}
