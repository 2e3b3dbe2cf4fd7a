package stepfunctions

import (
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func parse(definition *string) (*asl.Machine, error) {
	if aws.ToString(definition) == "" || len(*definition) > maxDefinition {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length between 1 and %d", maxDefinition)
	}
	m, err := asl.Parse([]byte(*definition))
	if err != nil {
		return nil, &types.InvalidDefinition{Message: aws.String("Invalid State Machine Definition: '" + err.Error() + "'")}
	}
	return m, nil
}

func checkName(name string) error {
	if !nameSyntax.MatchString(name) {
		return &types.InvalidName{Message: aws.String(fmt.Sprintf("Invalid Name: '%s'", name))}
	}
	return nil
}

// CreateStateMachine implements the API operation. Repeating it with the same
// definition and role is idempotent.
func (s *Service) CreateStateMachine(_ *wire.Call, in *sfn.CreateStateMachineInput) (*sfn.CreateStateMachineOutput, error) {
	name := aws.ToString(in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	if aws.ToString(in.RoleArn) == "" {
		return nil, &types.InvalidArn{Message: aws.String("Invalid Arn: 'roleArn is missing'")}
	}
	if in.Type == types.StateMachineTypeExpress {
		return nil, &types.StateMachineTypeNotSupported{Message: aws.String("the simulated AWS runs Standard workflows only")}
	}
	parsed, err := parse(in.Definition)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.machineArn(name)
	if old, ok := s.machines[arn]; ok {
		if old.definition != *in.Definition || old.role != *in.RoleArn {
			return nil, &types.StateMachineAlreadyExists{Message: aws.String(fmt.Sprintf("State Machine Already Exists: '%s'", arn))}
		}
		return &sfn.CreateStateMachineOutput{StateMachineArn: &arn, CreationDate: &old.created}, nil
	}
	now := s.o.Clock.Now()
	m := &machine{arn: arn, name: name, role: *in.RoleArn, definition: *in.Definition, parsed: parsed, created: now, updated: now, revision: 1}
	s.machines[arn] = m
	return &sfn.CreateStateMachineOutput{StateMachineArn: &arn, CreationDate: &m.created}, nil
}

// UpdateStateMachine implements the API operation. Executions that run keep
// the definition they started with.
func (s *Service) UpdateStateMachine(_ *wire.Call, in *sfn.UpdateStateMachineInput) (*sfn.UpdateStateMachineOutput, error) {
	if in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil && in.EncryptionConfiguration == nil {
		return nil, &types.MissingRequiredParameter{Message: aws.String("Missing Required Parameter: 'Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified'")}
	}
	var parsed *asl.Machine
	if in.Definition != nil {
		var err error
		if parsed, err = parse(in.Definition); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if parsed != nil {
		m.definition, m.parsed = *in.Definition, parsed
	}
	if in.RoleArn != nil {
		m.role = *in.RoleArn
	}
	m.updated = s.o.Clock.Now()
	m.revision++
	return &sfn.UpdateStateMachineOutput{UpdateDate: aws.Time(m.updated), RevisionId: aws.String(revision(m))}, nil
}

func revision(m *machine) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", m.revision, m.revision)
}

// DescribeStateMachine implements the API operation.
func (s *Service) DescribeStateMachine(_ *wire.Call, in *sfn.DescribeStateMachineInput) (*sfn.DescribeStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	return &sfn.DescribeStateMachineOutput{
		StateMachineArn: &m.arn, Name: &m.name, RoleArn: aws.String(m.role), Definition: aws.String(m.definition), CreationDate: &m.created,
		Type: types.StateMachineTypeStandard, Status: types.StateMachineStatusActive, RevisionId: aws.String(revision(m)),
	}, nil
}

// DeleteStateMachine implements the API operation; deleting what is not there
// is no error.
func (s *Service) DeleteStateMachine(_ *wire.Call, in *sfn.DeleteStateMachineInput) (*sfn.DeleteStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if _, missing := errors.AsType[*types.StateMachineDoesNotExist](err); missing {
		return &sfn.DeleteStateMachineOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	delete(s.machines, m.arn)
	return &sfn.DeleteStateMachineOutput{}, nil
}

// ListStateMachines implements the API operation.
func (s *Service) ListStateMachines(_ *wire.Call, in *sfn.ListStateMachinesInput) (*sfn.ListStateMachinesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.StateMachineListItem
	for _, m := range s.machines {
		all = append(all, types.StateMachineListItem{StateMachineArn: &m.arn, Name: &m.name, CreationDate: &m.created, Type: types.StateMachineTypeStandard})
	}
	sort.Slice(all, func(i, j int) bool { return *all[i].Name < *all[j].Name })
	page, next, err := paged(all, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListStateMachinesOutput{StateMachines: page, NextToken: next}, nil
}

// paged cuts one page out of a list.
func paged[T any](all []T, size int32, token *string) (page []T, next *string, err error) {
	if size < 0 || size > maxPage {
		return nil, nil, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to %d", size, maxPage)
	}
	n := int(size)
	if n == 0 {
		n = defaultPage
	}
	from := 0
	if token != nil {
		from, err = strconv.Atoi(*token)
		if err != nil || from < 0 || from > len(all) {
			return nil, nil, &types.InvalidToken{Message: aws.String("Invalid Token: 'Invalid token'")}
		}
	}
	to := min(from+n, len(all))
	if to < len(all) {
		next = aws.String(strconv.Itoa(to))
	}
	return append([]T{}, all[from:to]...), next, nil
}

// ValidateStateMachineDefinition implements the API operation.
func (s *Service) ValidateStateMachineDefinition(_ *wire.Call, in *sfn.ValidateStateMachineDefinitionInput) (*sfn.ValidateStateMachineDefinitionOutput, error) {
	out := &sfn.ValidateStateMachineDefinitionOutput{Result: types.ValidateStateMachineDefinitionResultCodeOk,
		Diagnostics: []types.ValidateStateMachineDefinitionDiagnostic{}, Truncated: aws.Bool(false)}
	_, err := asl.Parse([]byte(aws.ToString(in.Definition)))
	if err == nil {
		return out, nil
	}
	out.Result = types.ValidateStateMachineDefinitionResultCodeFail
	problems := []asl.Problem{{Path: "$", Message: err.Error()}}
	if d, ok := errors.AsType[*asl.DefinitionError](err); ok {
		problems = d.Problems
	}
	for _, p := range problems {
		out.Diagnostics = append(out.Diagnostics, types.ValidateStateMachineDefinitionDiagnostic{
			Severity: types.ValidateStateMachineDefinitionSeverityError, Code: aws.String("SCHEMA_VALIDATION_FAILED"),
			Message: aws.String(p.Message), Location: aws.String(p.Path),
		})
	}
	return out, nil
}
