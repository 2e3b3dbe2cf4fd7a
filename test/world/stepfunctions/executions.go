package stepfunctions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// checkInput reads the input of an execution; none is {}.
func checkInput(input *string) (json.RawMessage, error) {
	if input == nil {
		return json.RawMessage("{}"), nil
	}
	if err := length("input", input, 0, maxInput); err != nil {
		return nil, err
	}
	if len(*input) > maxInput {
		return nil, invalidInput("Input exceeds the maximum size of %d bytes", maxInput)
	}
	if why := jsonProblem(*input, "Invalid execution input."); why != "" {
		return nil, invalidInput("%s", why)
	}
	return json.RawMessage(*input), nil
}

func invalidInput(format string, args ...any) error {
	return &types.InvalidExecutionInput{Message: aws.String("Invalid State Machine Execution Input: '" + fmt.Sprintf(format, args...) + "'")}
}

// StartExecution implements the API operation. The same name with the same
// input, while that execution runs, is the same execution; a name is free again
// 90 days after its execution ended.
func (s *Service) StartExecution(_ *wire.Call, in *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
	if err := length("traceHeader", in.TraceHeader, 0, 256); err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := checkName(*in.Name); err != nil {
			return nil, err
		}
	}
	input, err := checkInput(in.Input)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	t, err := s.startable(in.StateMachineArn)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if in.Name != nil && t.machine.kind == types.StateMachineTypeStandard {
		arn := s.executionArn(t.machine.name, *in.Name)
		if old, ok := s.executions[arn]; ok && !old.gone(s.now()) {
			s.mu.Unlock()
			// The first event of an execution may start it again before run is known.
			if old.status() == asl.Running && sameJSON(old.input, input) {
				return &sfn.StartExecutionOutput{ExecutionArn: &arn, StartDate: &old.started}, nil
			}
			return nil, &types.ExecutionAlreadyExists{Message: aws.String(fmt.Sprintf("Execution Already Exists: '%s'", arn))}
		} else if ok {
			s.order = slices.DeleteFunc(s.order, func(o *execution) bool { return o == old })
		}
	}
	e := s.newExecution(t, aws.ToString(in.Name), input, in.TraceHeader)
	seed := s.o.Seed + int64(s.count)
	s.mu.Unlock()
	if err := s.start(e, seed); err != nil {
		return nil, err
	}
	return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: &e.started}, nil
}

// startable resolves an ARN to start an execution of; s.mu is held.
func (s *Service) startable(arn *string) (target, error) {
	t, err := s.resolve(arn, s.draw)
	switch {
	case err != nil:
		return t, err
	case t.label != "":
		return t, &types.ValidationException{Message: aws.String("This API does not support labelled state machine ARNs: " + *arn),
			Reason: types.ValidationExceptionReasonApiDoesNotSupportLabeledArns}
	case t.machine.deleting:
		return t, &types.StateMachineDeleting{Message: aws.String(fmt.Sprintf("State Machine is being deleted: '%s'", t.machine.arn))}
	}
	return t, nil
}

func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// found is an execution that was asked for: one that was started by itself, or
// a child of one of its Map Runs.
type found struct {
	*execution                // that was started by itself
	run        *asl.Execution // what was asked for; nil until it has begun
}

func (f found) child() bool { return f.run != nil && f.run != f.execution.run }

func executionMissing(arn string) error {
	return &types.ExecutionDoesNotExist{Message: aws.String(fmt.Sprintf("Execution Does Not Exist: '%s'", arn))}
}

// findExecution finds an execution; s.mu is held.
func (s *Service) findExecution(arn *string) (found, error) {
	r, err := parseArn(arn, "execution")
	if err != nil {
		return found{}, err
	}
	if len(r.rest) != 1 {
		return found{}, invalidArn("Invalid ARN: %s", r.arn)
	}
	f := found{}
	if r.label != "" {
		f = s.children[r.arn]
	} else if e := s.executions[r.arn]; e != nil {
		f = found{e, e.run}
	}
	if f.execution == nil || f.gone(s.now()) {
		return found{}, executionMissing(r.arn)
	}
	return f, nil
}

// findRun finds an execution that has begun; s.mu is held.
func (s *Service) findRun(arn *string) (found, error) {
	f, err := s.findExecution(arn)
	if err == nil && f.run == nil {
		err = executionMissing(*arn)
	}
	return f, err
}

// DescribeExecution implements the API operation.
func (s *Service) DescribeExecution(_ *wire.Call, in *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.DescribeExecutionOutput{
		ExecutionArn: &f.arn, Name: &f.name, StateMachineArn: &f.machineArn, StartDate: &f.started, Status: types.ExecutionStatusRunning,
		Input: aws.String(string(f.input)), RedriveCount: aws.Int32(0), RedriveStatus: types.ExecutionRedriveStatusNotRedrivable,
		RedriveStatusReason: aws.String("Execution is RUNNING and cannot be redriven"),
		TraceHeader:         f.trace, StateMachineVersionArn: f.versionArn, StateMachineAliasArn: f.aliasArn,
	}
	if f.run != nil {
		describeRun(out, f.run)
	}
	if in.IncludedData == types.IncludedDataMetadataOnly {
		out.Input, out.Output, out.Error, out.Cause = nil, nil, nil, nil
		return out, nil
	}
	included := &types.CloudWatchEventsExecutionDataDetails{Included: true}
	out.InputDetails = included
	if out.Output != nil {
		out.OutputDetails = included
	}
	return out, nil
}

// describeRun tells what the interpreter knows.
func describeRun(out *sfn.DescribeExecutionOutput, run *asl.Execution) {
	i := run.Info()
	out.ExecutionArn, out.Name, out.StateMachineArn = &i.Arn, &i.Name, &i.StateMachineArn
	out.Status, out.StartDate, out.StopDate = types.ExecutionStatus(i.Status), millis(i.Started), millis(i.Stopped)
	out.Input, out.MapRunArn = aws.String(string(i.Input)), optional(i.MapRunArn)
	out.RedriveCount, out.RedriveDate = aws.Int32(int32(i.RedriveCount)), millis(i.Redriven) //nolint:gosec // far below the limit
	out.RedriveStatus, out.RedriveStatusReason = types.ExecutionRedriveStatus(i.Redrive), optional(i.RedriveReason)
	if o := run.Output(); o != nil {
		out.Output = aws.String(string(o))
	}
	if err := run.Err(); err != nil {
		out.Error, out.Cause = optional(err.Name), optional(err.Cause)
	}
}

// optional leaves out an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// millis is a time as the API tells it; the zero time is absent.
func millis(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return aws.Time(t.Truncate(time.Millisecond))
}

// DescribeStateMachineForExecution implements the API operation: by what the
// execution runs, whatever became of its state machine.
func (s *Service) DescribeStateMachineForExecution(_ *wire.Call, in *sfn.DescribeStateMachineForExecutionInput) (*sfn.DescribeStateMachineForExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	r := f.revision
	out := &sfn.DescribeStateMachineForExecutionOutput{
		StateMachineArn: &f.machineArn, Definition: aws.String(r.definition), RoleArn: aws.String(r.role), Name: aws.String(f.machineArn[len(s.machineArn("")):]),
		UpdateDate: aws.Time(r.updated), LoggingConfiguration: r.logging, TracingConfiguration: r.tracing, EncryptionConfiguration: r.encryption,
		RevisionId: optional(r.id), VariableReferences: variableReferences(r.definition),
	}
	if f.child() {
		i := f.run.Info()
		out.StateMachineArn, out.MapRunArn = &i.StateMachineArn, optional(i.MapRunArn)
		if parsed, err := parseArn(&i.StateMachineArn, "stateMachine"); err == nil {
			out.Label = optional(parsed.label)
		}
	}
	if in.IncludedData == types.IncludedDataMetadataOnly {
		out.Definition, out.VariableReferences = nil, nil
	}
	return out, nil
}

// ListExecutions implements the API operation, for a state machine, a version,
// an alias or a Map Run: the latest first.
func (s *Service) ListExecutions(_ *wire.Call, in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	if (in.StateMachineArn == nil) == (in.MapRunArn == nil) {
		return nil, &types.ValidationException{Message: aws.String("Must specify exactly one of the following parameters: stateMachineArn, mapRunArn"),
			Reason: types.ValidationExceptionReasonMissingRequiredParameter}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.listed(in)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(i types.ExecutionListItem) bool {
		redriven := aws.ToInt32(i.RedriveCount) > 0
		return in.StatusFilter != "" && in.StatusFilter != i.Status ||
			in.RedriveFilter == types.ExecutionRedriveFilterRedriven && !redriven ||
			in.RedriveFilter == types.ExecutionRedriveFilterNotRedriven && redriven
	})
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageTokenExecutions)
	if err != nil {
		return nil, err
	}
	return &sfn.ListExecutionsOutput{Executions: part, NextToken: next}, nil
}

// listed gives all executions that a request is about; s.mu is held.
func (s *Service) listed(in *sfn.ListExecutionsInput) ([]types.ExecutionListItem, error) {
	var all []types.ExecutionListItem
	if in.MapRunArn != nil {
		r, err := s.findMapRun(in.MapRunArn)
		if err != nil {
			return nil, err
		}
		if r.Info().Express {
			return nil, notSupportedByType()
		}
		for _, child := range slices.Backward(r.Children()) {
			all = append(all, listItem(child.Info()))
		}
		return all, nil
	}
	t, err := s.resolve(in.StateMachineArn, heaviest)
	switch {
	case err != nil:
		return nil, err
	case t.machine.kind == types.StateMachineTypeExpress:
		return nil, notSupportedByType()
	}
	for _, e := range slices.Backward(s.order) {
		if e.machineArn != t.machine.arn || e.gone(s.now()) {
			continue
		}
		switch {
		case t.alias != nil && aws.ToString(e.aliasArn) != t.alias.arn,
			t.alias == nil && t.version != nil && aws.ToString(e.versionArn) != t.version.arn:
			continue
		}
		item := types.ExecutionListItem{ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineArn, StartDate: &e.started,
			Status: types.ExecutionStatusRunning, RedriveCount: aws.Int32(0)}
		if e.run != nil {
			item = listItem(e.run.Info())
		}
		item.StateMachineVersionArn, item.StateMachineAliasArn = e.versionArn, e.aliasArn
		all = append(all, item)
	}
	return all, nil
}

func listItem(i asl.ExecutionInfo) types.ExecutionListItem {
	item := types.ExecutionListItem{ExecutionArn: &i.Arn, Name: &i.Name, StateMachineArn: &i.StateMachineArn, Status: types.ExecutionStatus(i.Status),
		StartDate: millis(i.Started), StopDate: millis(i.Stopped), MapRunArn: optional(i.MapRunArn),
		RedriveCount: aws.Int32(int32(i.RedriveCount)), RedriveDate: millis(i.Redriven)} //nolint:gosec // far below the limit
	if i.MapRunArn != "" {
		item.ItemCount = aws.Int32(int32(i.ItemCount)) //nolint:gosec // far below the limit
	}
	return item
}

// StopExecution implements the API operation. An execution that has ended
// stays as it is.
func (s *Service) StopExecution(_ *wire.Call, in *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	if err := errors.Join(length("error", in.Error, 0, maxError), length("cause", in.Cause, 0, maxCause)); err != nil {
		return nil, first(err)
	}
	s.mu.Lock()
	f, err := s.findRun(in.ExecutionArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f.run.Stop(aws.ToString(in.Error), aws.ToString(in.Cause))
	return &sfn.StopExecutionOutput{StopDate: millis(f.run.Info().Stopped)}, nil
}

// RedriveExecution implements the API operation. A client token stands for one
// redrive.
func (s *Service) RedriveExecution(_ *wire.Call, in *sfn.RedriveExecutionInput) (*sfn.RedriveExecutionOutput, error) {
	if err := length("clientToken", in.ClientToken, 1, 64); err != nil {
		return nil, err
	}
	s.mu.Lock()
	f, err := s.findRun(in.ExecutionArn)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	token := aws.ToString(in.ClientToken)
	if at, ok := f.redrives[token]; ok && token != "" {
		s.mu.Unlock()
		return &sfn.RedriveExecutionOutput{RedriveDate: &at}, nil
	}
	if f.child() {
		reason := f.run.Info().RedriveReason
		s.mu.Unlock()
		return nil, notRedrivable(reason)
	}
	status, told := f.run.Info().Redrive, f.toldEnd
	if status == asl.Redrivable {
		f.toldEnd = false // the end will be told again
	}
	s.mu.Unlock()
	if err := f.run.Redrive(); err != nil {
		s.mu.Lock()
		f.toldEnd = told
		s.mu.Unlock()
		if n, ok := errors.AsType[*asl.NotRedrivableError](err); ok {
			return nil, notRedrivable(n.Reason)
		}
		return nil, err
	}
	at := s.now()
	if token != "" {
		s.mu.Lock()
		f.redrives[token] = at
		s.mu.Unlock()
	}
	return &sfn.RedriveExecutionOutput{RedriveDate: &at}, nil
}

func notRedrivable(reason string) error {
	return &types.ExecutionNotRedrivable{Message: &reason}
}
