package stepfunctions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// StartExecution implements the API operation. The same name with the same
// input, while that execution runs, is the same execution.
func (s *Service) StartExecution(_ *wire.Call, in *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
	input := json.RawMessage(aws.ToString(in.Input))
	if in.Input == nil {
		input = json.RawMessage("{}")
	}
	if !json.Valid(input) || len(input) > maxInput {
		return nil, &types.InvalidExecutionInput{Message: aws.String("Invalid State Machine Execution Input: 'the input is not JSON of at most 262144 bytes'")}
	}
	s.mu.Lock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.count++
	name := fmt.Sprintf("%08x-5e6f-4a7b-8c9d-%012x", s.count, s.count)
	if in.Name != nil {
		name = *in.Name
	}
	if err := checkName(name); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	arn := s.executionArn(m.name, name)
	if old, ok := s.executions[arn]; ok {
		s.mu.Unlock()
		if old.run != nil && old.run.Status() == asl.Running && sameJSON(old.input, input) {
			return &sfn.StartExecutionOutput{ExecutionArn: &arn, StartDate: &old.started}, nil
		}
		return nil, &types.ExecutionAlreadyExists{Message: aws.String(fmt.Sprintf("Execution Already Exists: '%s'", arn))}
	}
	e := &execution{arn: arn, name: name, machineArn: m.arn, definition: m.definition, role: m.role, input: input, started: s.o.Clock.Now()}
	s.executions[arn] = e
	s.order = append(s.order, e)
	parsed, seed := m.parsed, s.o.Seed+int64(s.count)
	s.mu.Unlock()
	if err := s.start(e, parsed, seed); err != nil {
		return nil, err
	}
	return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: &e.started}, nil
}

func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// DescribeExecution implements the API operation.
func (s *Service) DescribeExecution(_ *wire.Call, in *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.findExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.DescribeExecutionOutput{
		ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineArn, StartDate: &e.started, Status: types.ExecutionStatus(e.status()),
		Input: aws.String(string(e.input)), InputDetails: &types.CloudWatchEventsExecutionDataDetails{Included: true}, RedriveCount: aws.Int32(0),
	}
	if e.run == nil || out.Status == types.ExecutionStatusRunning {
		return out, nil
	}
	out.StopDate = aws.Time(e.stopped())
	if o := e.run.Output(); o != nil {
		out.Output, out.OutputDetails = aws.String(string(o)), &types.CloudWatchEventsExecutionDataDetails{Included: true}
	}
	if err := e.run.Err(); err != nil {
		out.Error, out.Cause = &err.Name, &err.Cause
	}
	return out, nil
}

// findRun finds an execution that has begun; s.mu is held.
func (s *Service) findRun(arn *string) (*execution, error) {
	e, err := s.findExecution(arn)
	if err == nil && e.run == nil {
		err = &types.ExecutionDoesNotExist{Message: aws.String(fmt.Sprintf("Execution Does Not Exist: '%s'", *arn))}
	}
	return e, err
}

// status is where an execution stands; it runs from before its first event.
func (e *execution) status() asl.Status {
	if e.run == nil {
		return asl.Running
	}
	return e.run.Status()
}

// DescribeStateMachineForExecution implements the API operation.
func (s *Service) DescribeStateMachineForExecution(_ *wire.Call, in *sfn.DescribeStateMachineForExecutionInput) (*sfn.DescribeStateMachineForExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.findExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.DescribeStateMachineForExecutionOutput{StateMachineArn: &e.machineArn, Definition: &e.definition, RoleArn: &e.role,
		Name: aws.String(e.machineArn[len(s.machineArn("")):]), UpdateDate: &e.started}
	if m, ok := s.machines[e.machineArn]; ok {
		out.UpdateDate = aws.Time(m.updated)
	}
	return out, nil
}

// ListExecutions implements the API operation: the latest first.
func (s *Service) ListExecutions(_ *wire.Call, in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMachine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	var all []types.ExecutionListItem
	for i := len(s.order) - 1; i >= 0; i-- {
		e := s.order[i]
		status := types.ExecutionStatus(e.status())
		if e.machineArn != m.arn || (in.StatusFilter != "" && in.StatusFilter != status) {
			continue
		}
		item := types.ExecutionListItem{ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineArn, StartDate: &e.started, Status: status}
		if status != types.ExecutionStatusRunning {
			item.StopDate = aws.Time(e.stopped())
		}
		all = append(all, item)
	}
	page, next, err := paged(all, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListExecutionsOutput{Executions: page, NextToken: next}, nil
}

// StopExecution implements the API operation.
func (s *Service) StopExecution(_ *wire.Call, in *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	s.mu.Lock()
	e, err := s.findRun(in.ExecutionArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	e.run.Stop(aws.ToString(in.Error), aws.ToString(in.Cause))
	return &sfn.StopExecutionOutput{StopDate: aws.Time(e.stopped())}, nil
}

// GetExecutionHistory implements the API operation.
func (s *Service) GetExecutionHistory(_ *wire.Call, in *sfn.GetExecutionHistoryInput) (*sfn.GetExecutionHistoryOutput, error) {
	s.mu.Lock()
	e, err := s.findRun(in.ExecutionArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	events := e.run.History()
	if in.ReverseOrder {
		for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
			events[i], events[j] = events[j], events[i]
		}
	}
	page, next, err := paged(events, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sfn.GetExecutionHistoryOutput{Events: []types.HistoryEvent{}, NextToken: next}
	for _, ev := range page {
		if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
			ev = withoutData(ev)
		}
		b, err := json.Marshal(ev)
		if err != nil {
			return nil, err
		}
		var he types.HistoryEvent
		if err := wire.FromJSON("sfn", b, &he); err != nil {
			return nil, fmt.Errorf("stepfunctions: event %d of type %s: %w", ev.ID, ev.Type, err)
		}
		out.Events = append(out.Events, he)
	}
	return out, nil
}

func withoutData(ev asl.Event) asl.Event {
	if ev.Details == nil {
		return ev
	}
	d := *ev.Details
	d.Input, d.Output, d.Parameters, d.AssignedVariables = "", "", "", nil
	ev.Details = &d
	return ev
}

// byToken finds the execution that waits for a task token. Tokens that no task
// of this world was given are unknown.
func (s *Service) byToken(token *string) (*asl.Execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if aws.ToString(token) == "" {
		return nil, &types.InvalidToken{Message: aws.String("Invalid Token: 'Invalid token'")}
	}
	e, ok := s.tokens[*token]
	if !ok || e.run == nil {
		return nil, &types.TaskDoesNotExist{Message: aws.String("Task does not exist")}
	}
	return e.run, nil
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
	run, err := s.byToken(in.TaskToken)
	if err != nil {
		return nil, err
	}
	if err := run.TaskSucceeded(*in.TaskToken, json.RawMessage(aws.ToString(in.Output))); err != nil {
		return nil, tokenError(err)
	}
	return &sfn.SendTaskSuccessOutput{}, nil
}

// SendTaskFailure implements the API operation.
func (s *Service) SendTaskFailure(_ *wire.Call, in *sfn.SendTaskFailureInput) (*sfn.SendTaskFailureOutput, error) {
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
