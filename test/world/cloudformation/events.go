package cloudformation

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// eventsPage is how many events a page has.
const eventsPage = 100

// operationRecord is one create, update or deletion of a stack.
type operationRecord struct {
	id         string
	kind       types.OperationType
	start, end time.Time
	status     types.StackStatus
}

// operation begins one; s.mu is held.
func (s *Service) operation(st *stack, kind types.OperationType) {
	st.operations = append(st.operations, operationRecord{id: s.newID(), kind: kind, start: s.clock.Now()})
}

// event tells of a change; s.mu is held.
func (s *Service) event(st *stack, logical, typ, physical string, status types.ResourceStatus, reason string, properties map[string]any) {
	now := s.clock.Now()
	e := types.StackEvent{StackId: &st.id, StackName: &st.name, LogicalResourceId: &logical, ResourceType: &typ, PhysicalResourceId: &physical,
		ResourceStatus: status, Timestamp: &now, ClientRequestToken: st.token}
	id := s.newID()
	if typ != "AWS::CloudFormation::Stack" {
		id = logical + "-" + string(status) + "-" + now.UTC().Format("2006-01-02T15:04:05.000Z")
		for n := len(st.events); n > 0 && *st.events[n-1].EventId == id; n-- {
			id += "-" + s.newID()[:8]
		}
	}
	e.EventId = &id
	if n := len(st.operations); n > 0 {
		e.OperationId = &st.operations[n-1].id
	}
	if reason != "" {
		e.ResourceStatusReason = &reason
	}
	if properties != nil {
		text := resource.JSON(properties)
		e.ResourceProperties = &text
	}
	st.events = append(st.events, e)
}

// DescribeStackEvents implements the API operation: the latest event first.
func (s *Service) DescribeStackEvents(_ *wire.Call, in *cfn.DescribeStackEventsInput) (*cfn.DescribeStackEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, eventsOf(err, in.StackName)
	}
	all := slices.Clone(st.events)
	slices.Reverse(all)
	page, next, err := paged(all, in.NextToken, eventsPage)
	return &cfn.DescribeStackEventsOutput{StackEvents: page, NextToken: next}, err
}

// eventsOf words the refusal as DescribeStackEvents does.
func eventsOf(err error, name *string) error {
	if info := wire.Describe(err); strings.Contains(info.Message, "does not exist") {
		return invalid("Stack [%s] does not exist", aws.ToString(name))
	}
	return err
}

// paged cuts one page out of all.
func paged[T any](all []T, token *string, size int) ([]T, *string, error) {
	page, next, ok := paging.Cut(all, token, size)
	if !ok {
		return nil, nil, invalid("Invalid token")
	}
	return page, next, nil
}

// DescribeEvents implements the API operation: the events of a stack's
// operations, or of one of them.
func (s *Service) DescribeEvents(_ *wire.Call, in *cfn.DescribeEventsInput) (*cfn.DescribeEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []types.StackEvent
	var operations []operationRecord
	switch {
	case in.ChangeSetName != nil:
		c, _, err := s.findChangeSet(in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		operations = []operationRecord{{id: c.operation, kind: types.OperationTypeCreateChangeset, start: c.created, end: c.created}}
	case in.StackName == nil && in.OperationId == nil:
		return nil, invalid("Either StackName, ChangeSetName or OperationId must be specified")
	default:
		for _, st := range s.stacks {
			for _, o := range st.operations {
				if o.id == aws.ToString(in.OperationId) {
					operations = append(operations, o)
					events = st.events
				}
			}
		}
		if in.OperationId == nil {
			st, err := s.find(in.StackName)
			if err != nil {
				return nil, eventsOf(err, in.StackName)
			}
			events, operations = st.events, st.operations
		} else if operations == nil {
			return nil, invalid("Operation [%s] does not exist", *in.OperationId)
		}
	}
	failedOnly := in.Filters != nil && aws.ToBool(in.Filters.FailedEvents)
	var all []types.OperationEvent
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		kind := types.OperationType("")
		for _, o := range operations {
			if o.id == aws.ToString(e.OperationId) {
				kind = o.kind
			}
		}
		if kind == "" || failedOnly && !strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			continue
		}
		all = append(all, types.OperationEvent{EventId: e.EventId, StackId: e.StackId, OperationId: e.OperationId, OperationType: kind, EventType: types.EventTypeStackEvent,
			LogicalResourceId: e.LogicalResourceId, PhysicalResourceId: e.PhysicalResourceId, ResourceType: e.ResourceType, Timestamp: e.Timestamp,
			ResourceStatus: e.ResourceStatus, ResourceStatusReason: e.ResourceStatusReason, ResourceProperties: e.ResourceProperties, ClientRequestToken: e.ClientRequestToken})
	}
	page, next, err := paged(all, in.NextToken, eventsPage)
	return &cfn.DescribeEventsOutput{OperationEvents: page, NextToken: next}, err
}
