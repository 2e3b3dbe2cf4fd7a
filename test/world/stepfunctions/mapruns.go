package stepfunctions

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// mapRunsOf lists the Map Runs of an execution and of its child executions,
// each before those inside of it.
func mapRunsOf(run *asl.Execution) []*asl.MapRun {
	var all []*asl.MapRun
	for _, r := range run.MapRuns() {
		all = append(all, r)
		for _, child := range r.Children() {
			all = append(all, mapRunsOf(child)...)
		}
	}
	return all
}

// findMapRun finds a Map Run; s.mu is held.
func (s *Service) findMapRun(arn *string) (*asl.MapRun, error) {
	r, err := parseArn(arn, "mapRun")
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(s.order) {
		if e.run == nil || e.machineArn != s.machineArn(r.name) || e.gone(s.now()) {
			continue
		}
		for _, mr := range mapRunsOf(e.run) {
			if mr.Info().Arn == r.arn {
				return mr, nil
			}
		}
	}
	return nil, &types.ResourceNotFound{Message: aws.String(fmt.Sprintf("Resource not found: '%s'", r.arn)), ResourceName: &r.arn}
}

// DescribeMapRun implements the API operation.
func (s *Service) DescribeMapRun(_ *wire.Call, in *sfn.DescribeMapRunInput) (*sfn.DescribeMapRunOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.findMapRun(in.MapRunArn)
	if err != nil {
		return nil, err
	}
	i := r.Info()
	return &sfn.DescribeMapRunOutput{
		MapRunArn: &i.Arn, ExecutionArn: &i.ExecutionArn, Status: types.MapRunStatus(i.Status), StartDate: millis(i.Started), StopDate: millis(i.Stopped),
		MaxConcurrency: int32(i.MaxConcurrency), ToleratedFailureCount: i.ToleratedFailureCount, ToleratedFailurePercentage: float32(i.ToleratedFailurePercentage), //nolint:gosec // the definition's limits
		RedriveCount: aws.Int32(int32(i.RedriveCount)), RedriveDate: millis(i.Redriven), //nolint:gosec // far below the limit
		ExecutionCounts: pointerTo(counts(i.Executions)), ItemCounts: pointerTo(types.MapRunItemCounts(counts(i.Items))),
	}, nil
}

func counts(c asl.MapRunCounts) types.MapRunExecutionCounts {
	return types.MapRunExecutionCounts{
		Aborted: c.Aborted, Failed: c.Failed, Pending: c.Pending, ResultsWritten: c.ResultsWritten, Running: c.Running, Succeeded: c.Succeeded,
		TimedOut: c.TimedOut, Total: c.Total, FailuresNotRedrivable: aws.Int64(c.FailuresNotRedrivable), PendingRedrive: aws.Int64(c.PendingRedrive),
	}
}

// ListMapRuns implements the API operation: the Map Runs of one execution, the
// latest first.
func (s *Service) ListMapRuns(_ *wire.Call, in *sfn.ListMapRunsInput) (*sfn.ListMapRunsOutput, error) {
	s.mu.Lock()
	f, err := s.findRun(in.ExecutionArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var all []types.MapRunListItem
	for _, r := range slices.Backward(f.run.MapRuns()) {
		i := r.Info()
		all = append(all, types.MapRunListItem{ExecutionArn: &i.ExecutionArn, MapRunArn: &i.Arn, StateMachineArn: &i.StateMachineArn,
			StartDate: millis(i.Started), StopDate: millis(i.Stopped)})
	}
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListMapRunsOutput{MapRuns: part, NextToken: next}, nil
}

// UpdateMapRun implements the API operation.
func (s *Service) UpdateMapRun(_ *wire.Call, in *sfn.UpdateMapRunInput) (*sfn.UpdateMapRunOutput, error) {
	u := asl.MapRunUpdate{ToleratedFailureCount: in.ToleratedFailureCount}
	if n := in.MaxConcurrency; n != nil {
		if *n < 0 {
			return nil, constraint("maxConcurrency", *n, "have value greater than or equal to 0")
		}
		u.MaxConcurrency = aws.Int64(int64(*n))
	}
	if n := in.ToleratedFailureCount; n != nil && *n < 0 {
		return nil, constraint("toleratedFailureCount", *n, "have value greater than or equal to 0")
	}
	if p := in.ToleratedFailurePercentage; p != nil {
		if *p < 0 {
			return nil, constraint("toleratedFailurePercentage", *p, "have value greater than or equal to 0")
		}
		if *p > 100 {
			return nil, constraint("toleratedFailurePercentage", *p, "have value less than or equal to 100")
		}
		u.ToleratedFailurePercentage = aws.Float64(float64(*p))
	}
	s.mu.Lock()
	r, err := s.findMapRun(in.MapRunArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if u == (asl.MapRunUpdate{}) {
		return nil, &types.ValidationException{Message: aws.String("Must specify at least one of the following parameters: maxConcurrency, toleratedFailureCount, toleratedFailurePercentage"),
			Reason: types.ValidationExceptionReasonMissingRequiredParameter}
	}
	if r.Info().Status != asl.MapRunRunning {
		return nil, &types.ValidationException{Message: aws.String(fmt.Sprintf("Map Run '%s' has completed and cannot be updated", *in.MapRunArn)),
			Reason: types.ValidationExceptionReasonCannotUpdateCompletedMapRun}
	}
	if err := r.Update(u); err != nil {
		return nil, err
	}
	return &sfn.UpdateMapRunOutput{}, nil
}

func pointerTo[T any](v T) *T { return &v }
