package stepfunctions

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The units in which AWS bills Express workflows.
const (
	billedStep   = 100 * time.Millisecond
	billedMemory = 64 // MB
)

// StartSyncExecution implements the API operation: it answers when the
// execution has ended, or not at all when the caller goes.
func (s *Service) StartSyncExecution(c *wire.Call, in *sfn.StartSyncExecutionInput) (*sfn.StartSyncExecutionOutput, error) {
	ended := make(chan *sfn.StartSyncExecutionOutput, 1)
	if err := s.runSync(in, func(out *sfn.StartSyncExecutionOutput) { ended <- out }); err != nil {
		return nil, err
	}
	select {
	case out := <-ended:
		return out, nil
	case <-c.Done():
		return nil, c.Err()
	}
}

// runSync starts an execution and tells how it ended.
func (s *Service) runSync(in *sfn.StartSyncExecutionInput, ended func(*sfn.StartSyncExecutionOutput)) error {
	if err := length("traceHeader", in.TraceHeader, 0, 256); err != nil {
		return err
	}
	if in.Name != nil {
		if err := checkName(*in.Name); err != nil {
			return err
		}
	}
	input, err := checkInput(in.Input)
	if err != nil {
		return err
	}
	s.mu.Lock()
	t, err := s.startable(in.StateMachineArn)
	if err == nil && t.machine.kind != types.StateMachineTypeExpress {
		err = notSupportedByType()
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	e := s.newExecution(t, aws.ToString(in.Name), input, in.TraceHeader)
	seed := s.o.Seed + int64(s.count)
	s.mu.Unlock()
	if err := s.start(e, seed); err != nil {
		return err
	}
	s.whenEnded(e, func(e *execution) { ended(e.syncOutput(in.IncludedData)) })
	return nil
}

// syncOutput is what StartSyncExecution tells of an execution that has ended.
func (e *execution) syncOutput(included types.IncludedData) *sfn.StartSyncExecutionOutput {
	i := e.run.Info()
	out := &sfn.StartSyncExecutionOutput{
		ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineArn, TraceHeader: e.trace,
		StartDate: &e.started, StopDate: millis(i.Stopped), Status: types.SyncExecutionStatus(i.Status),
		BillingDetails: &types.BillingDetails{BilledMemoryUsedInMB: billedMemory,
			BilledDurationInMilliseconds: (max(i.Stopped.Sub(i.Started), 1) + billedStep - 1).Truncate(billedStep).Milliseconds()},
	}
	if i.Status == asl.Aborted { // SyncExecutionStatus has no such value
		out.Status = types.SyncExecutionStatusFailed
	}
	if included == types.IncludedDataMetadataOnly {
		return out
	}
	data := &types.CloudWatchEventsExecutionDataDetails{Included: true}
	out.Input, out.InputDetails = aws.String(string(e.input)), data
	if o := e.run.Output(); o != nil {
		out.Output, out.OutputDetails = aws.String(string(o)), data
	}
	if err := e.run.Err(); err != nil {
		out.Error, out.Cause = optional(err.Name), optional(err.Cause)
	}
	if i.Status == asl.TimedOut {
		out.Error = aws.String(asl.ErrTimeout) // the event of a timeout names no error, this answer does
	}
	return out
}

// startSync runs an Express workflow from a task without keeping anybody
// waiting.
func (a *attempt) startSync(i integration) {
	c := a.call(i)
	in := &sfn.StartSyncExecutionInput{}
	if err := decode(a.req.Arguments, in, i); err != nil {
		a.fail(err)
		return
	}
	var ended *sfn.StartSyncExecutionOutput
	answered := false
	tell := func() {
		body, err := wire.ToPascal(ended)
		if err != nil {
			a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: err.Error()})
			return
		}
		a.done(asl.TaskResult{Output: body})
	}
	_, err := a.s.o.Mux.Intercepted(c, in, func() (any, error) {
		err := a.s.runSync(in, func(out *sfn.StartSyncExecutionOutput) {
			a.mu.Lock()
			ended = out
			now := answered
			a.mu.Unlock()
			if now {
				tell()
			}
		})
		if err != nil {
			return nil, err
		}
		return &sfn.StartSyncExecutionOutput{}, nil
	})
	if err != nil {
		a.fail(serviceError(i, c, err))
		return
	}
	a.mu.Lock()
	answered = true
	over := ended != nil
	a.mu.Unlock()
	if over {
		tell()
	}
}
