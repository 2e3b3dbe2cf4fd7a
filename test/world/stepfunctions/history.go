package stepfunctions

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// GetExecutionHistory implements the API operation.
func (s *Service) GetExecutionHistory(_ *wire.Call, in *sfn.GetExecutionHistoryInput) (*sfn.GetExecutionHistoryOutput, error) {
	s.mu.Lock()
	f, err := s.findRun(in.ExecutionArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	events := f.run.History()
	if in.ReverseOrder {
		slices.Reverse(events)
	}
	part, next, err := page(events, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	out := &sfn.GetExecutionHistoryOutput{Events: []types.HistoryEvent{}, NextToken: next}
	for _, ev := range part {
		if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
			ev = withoutData(ev)
		}
		he, err := f.historyEvent(ev)
		if err != nil {
			return nil, err
		}
		out.Events = append(out.Events, he)
	}
	return out, nil
}

// historyEvent is an event as the API's type: what the type does not have is
// an error.
func (f found) historyEvent(ev asl.Event) (types.HistoryEvent, error) {
	var he types.HistoryEvent
	b, err := json.Marshal(ev)
	if err != nil {
		return he, err
	}
	if err := wire.FromJSON("sfn", b, &he); err != nil {
		return he, fmt.Errorf("stepfunctions: event %d of type %s: %w", ev.ID, ev.Type, err)
	}
	if d := he.ExecutionStartedEventDetails; d != nil {
		d.StateMachineVersionArn, d.StateMachineAliasArn = f.versionArn, f.aliasArn
	}
	return he, nil
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
