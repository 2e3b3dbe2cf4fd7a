package stepfunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// testedState is what TestState must know of a state before it runs it.
type testedState struct {
	Type         string
	Resource     string
	Branches     []json.RawMessage
	ResultWriter json.RawMessage
}

func invalidTest(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// findState finds the state under test in a definition of that state, or of a
// whole machine when it is named.
func findState(definition, name string) (testedState, error) {
	var state testedState
	if name == "" {
		if err := json.Unmarshal([]byte(definition), &state); err != nil {
			return state, nil // the interpreter says what is wrong with it
		}
		return state, nil
	}
	var doc any
	if err := json.Unmarshal([]byte(definition), &doc); err != nil {
		return state, nil
	}
	var raw any
	walk(doc, func(key string, v any) bool {
		if states, ok := v.(map[string]any); ok && key == "States" && states[name] != nil {
			raw = states[name]
		}
		return true
	})
	if raw == nil {
		return state, invalidTest("State not found in definition")
	}
	return state, json.Unmarshal(mustJSON(raw), &state)
}

// checkMock refuses a mock that AWS refuses, and a state that needs one and has
// none.
func (s *Service) checkMock(in *sfn.TestStateInput, state testedState) error {
	mock := in.Mock
	i, service := parseIntegration(state.Resource)
	if mock == nil {
		switch {
		case state.Type == "Map" || state.Type == "Parallel":
			return &types.InvalidDefinition{Message: aws.String("TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")}
		case strings.Contains(state.Resource, ":activity:"):
			return &types.InvalidDefinition{Message: aws.String("TestState API does not support Activity tasks unless a mock is specified")}
		case service && i.pattern != "":
			return &types.InvalidDefinition{Message: aws.String(fmt.Sprintf("TestState API does not support '.%s' service integrations unless a mock is specified", i.pattern))}
		case state.Type == "Task" && in.RoleArn == nil:
			return invalidTest("RoleArn must be specified when testing a Task state without a mock")
		case in.Context != nil:
			return invalidTest("Context can only be specified when a mock is specified")
		}
		return nil
	}
	switch {
	case state.Type != "" && state.Type != "Task" && state.Type != "Map" && state.Type != "Parallel":
		return invalidTest("State type '%s' is not supported when a mock is specified", state.Type)
	case (mock.Result == nil) == (mock.ErrorOutput == nil):
		return invalidTest("A test mock should have only one of the following fields: [result, errorOutput].")
	case in.RevealSecrets:
		return invalidTest("TestState does not support RevealSecrets when a mock is specified.")
	case mock.Result == nil:
		return nil
	}
	var result any
	if err := json.Unmarshal([]byte(*mock.Result), &result); err != nil {
		return invalidTest("Mocked result must be valid JSON.")
	}
	list, isList := result.([]any)
	_, isObject := result.(map[string]any)
	switch {
	case state.Type == "Map" && state.ResultWriter != nil && !isObject:
		return invalidTest("Mocked result must be a JSON object.")
	case state.Type == "Map" && state.ResultWriter == nil && !isList, state.Type == "Parallel" && !isList:
		return invalidTest("Mocked result must be an array.")
	case state.Type == "Parallel" && len(list) != len(state.Branches):
		return invalidTest("Mocked result must contain the same number of items as number of Parallel branches.")
	case state.Type == "Task" && service && i.pattern == "":
		return s.checkMockedResult(i, mock.FieldValidationMode, result)
	}
	return nil
}

// TestState implements the API operation: it runs one state by itself, as an
// Express workflow would, and answers when it is done.
func (s *Service) TestState(c *wire.Call, in *sfn.TestStateInput) (*sfn.TestStateOutput, error) {
	test, err := s.stateTest(in)
	if err != nil {
		return nil, err
	}
	ended := make(chan asl.StateTestResult, 1)
	err = asl.TestState([]byte(*in.Definition), test, func(r asl.StateTestResult) { ended <- r })
	if _, ok := errors.AsType[*asl.DefinitionError](err); ok {
		return nil, &types.InvalidDefinition{Message: aws.String(err.Error())}
	}
	if err != nil {
		return nil, invalidTest("%v", err)
	}
	select {
	case r := <-ended:
		return testOutput(in, r)
	case <-c.Done():
		return nil, c.Err()
	}
}

// stateTest checks a request and puts it in the interpreter's terms.
func (s *Service) stateTest(in *sfn.TestStateInput) (asl.StateTest, error) {
	var none asl.StateTest
	if err := length("definition", in.Definition, 1, maxDefinition); err != nil {
		return none, err
	}
	if in.RoleArn != nil {
		if err := checkRole(*in.RoleArn); err != nil {
			return none, err
		}
	}
	input, err := checkInput(in.Input)
	if err != nil {
		return none, err
	}
	state, err := findState(*in.Definition, aws.ToString(in.StateName))
	if err != nil {
		return none, err
	}
	if err := s.checkMock(in, state); err != nil {
		return none, err
	}
	s.mu.Lock()
	s.count++
	id := fmt.Sprintf("%08x-5e6f-4a7b-8c9d-%012x", s.count, s.count)
	seed := s.o.Seed + int64(s.count)
	s.mu.Unlock()
	role := aws.ToString(in.RoleArn)
	e := &execution{arn: fmt.Sprintf("arn:aws:states:%s:%s:express:%s:%s", s.o.Region, s.o.Account, id, id), machineArn: s.machineArn(id),
		revision: &revision{role: role}, input: input, started: s.now(), test: true}
	test := asl.StateTest{
		Clock: s.o.Clock, Tasks: &tasks{s: s, execution: e}, Objects: &objects{s, role}, Rand: rand.New(rand.NewSource(seed)), //nolint:gosec // repeatable on purpose
		StateMachineArn: e.machineArn, ExecutionArn: e.arn, RoleArn: role, StateName: aws.ToString(in.StateName), Input: input,
		Variables: raw(in.Variables), Context: raw(in.Context),
	}
	if m := in.Mock; m != nil {
		test.Mock = &asl.TaskResult{Output: raw(m.Result)}
		if m.ErrorOutput != nil {
			test.Mock.Err = &asl.Error{Name: aws.ToString(m.ErrorOutput.Error), Cause: aws.ToString(m.ErrorOutput.Cause)}
		}
	}
	if c := in.StateConfiguration; c != nil {
		test.RetrierRetryCount, test.MapIterationFailureCount = int(aws.ToInt32(c.RetrierRetryCount)), int(aws.ToInt32(c.MapIterationFailureCount))
		test.ErrorCausedByState, test.MapItemReaderData = aws.ToString(c.ErrorCausedByState), raw(c.MapItemReaderData)
	}
	return test, nil
}

func raw(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	return json.RawMessage(*s)
}

// testOutput is the API's answer, with as much as the inspection level asks for.
func testOutput(in *sfn.TestStateInput, r asl.StateTestResult) (*sfn.TestStateOutput, error) {
	if r.Invalid != "" {
		return nil, invalidTest("%s", r.Invalid)
	}
	out := &sfn.TestStateOutput{Status: types.TestExecutionStatus(r.Status), NextState: optional(r.NextState)}
	if r.Output != nil {
		out.Output = aws.String(string(r.Output))
	}
	if r.Err != nil {
		out.Error, out.Cause = optional(r.Err.Name), optional(r.Err.Cause)
	}
	if in.InspectionLevel != types.InspectionLevelDebug && in.InspectionLevel != types.InspectionLevelTrace {
		return out, nil
	}
	d := &types.InspectionData{}
	for member, into := range map[string]**string{
		"input": &d.Input, "afterInputPath": &d.AfterInputPath, "afterParameters": &d.AfterParameters, "afterArguments": &d.AfterArguments,
		"afterItemsPath": &d.AfterItemsPath, "afterItemsPointer": &d.AfterItemsPointer, "afterItemSelector": &d.AfterItemSelector,
		"afterItemBatcher": &d.AfterItemBatcher, "result": &d.Result, "afterResultSelector": &d.AfterResultSelector,
		"afterResultPath": &d.AfterResultPath, "variables": &d.Variables,
	} {
		if v, ok := r.Inspection[member]; ok {
			*into = aws.String(string(v))
		}
	}
	for member, into := range map[string]any{
		"maxConcurrency": &d.MaxConcurrency, "toleratedFailureCount": &d.ToleratedFailureCount, "toleratedFailurePercentage": &d.ToleratedFailurePercentage,
	} {
		if v, ok := r.Inspection[member]; ok {
			if err := json.Unmarshal(v, into); err != nil {
				return nil, fmt.Errorf("stepfunctions: %s of a tested state: %w", member, err)
			}
		}
	}
	if e := r.Errors; e != nil {
		d.ErrorDetails = &types.InspectionErrorDetails{CatchIndex: int32Of(e.CatchIndex), RetryIndex: int32Of(e.RetryIndex)}
		if e.RetryBackoffSeconds != nil {
			d.ErrorDetails.RetryBackoffIntervalSeconds = aws.Int32(int32(*e.RetryBackoffSeconds)) //nolint:gosec // at most 99,999,999
		}
	}
	out.InspectionData = d
	return out, nil
}

func int32Of(n *int) *int32 {
	if n == nil {
		return nil
	}
	return aws.Int32(int32(*n)) //nolint:gosec // an index
}
