package cloudformation

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// stacksPage is how many stacks and resources a page has.
const stacksPage = 100

func parametersOf(in input) []types.Parameter {
	var out []types.Parameter
	for _, name := range slices.Sorted(maps.Keys(in.given)) {
		value := in.given[name]
		if in.template.Parameters[name].NoEcho {
			value = "****"
		}
		p := types.Parameter{ParameterKey: &name, ParameterValue: &value}
		if resolved, ok := in.resolved[name]; ok {
			p.ResolvedValue = &resolved
		}
		out = append(out, p)
	}
	return out
}

func outputsOf(outputs []template.Evaluated) []types.Output {
	var out []types.Output
	for _, o := range outputs {
		value, _ := o.Value.(string)
		out = append(out, types.Output{OutputKey: &o.Name, OutputValue: &value, Description: text(o.Description), ExportName: text(o.Export)})
	}
	return out
}

// of describes a stack; s.mu is held.
func (st *stack) describe() types.Stack {
	d := types.Stack{StackId: &st.id, StackName: &st.name, CreationTime: &st.created, LastUpdatedTime: st.updated, DeletionTime: st.deleted, StackStatus: st.status, StackStatusReason: text(st.reason),
		Capabilities: st.now.capabilities, ChangeSetId: text(st.changeSet), DisableRollback: &st.disableRollback, EnableTerminationProtection: &st.terminationProtection,
		NotificationARNs: st.now.notifications, Outputs: outputsOf(st.outputs), RoleARN: text(st.role), RollbackConfiguration: st.rollbackConfiguration, Tags: st.now.tags,
		TimeoutInMinutes: st.timeout, DriftInformation: &types.StackDriftInformation{StackDriftStatus: types.StackDriftStatusNotChecked}}
	if d.RollbackConfiguration == nil {
		d.RollbackConfiguration = &types.RollbackConfiguration{}
	}
	if n := len(st.operations); n > 0 {
		d.LastOperations = []types.OperationEntry{{OperationId: &st.operations[n-1].id, OperationType: st.operations[n-1].kind}}
	}
	if st.now.template != nil {
		d.Parameters, d.Description = parametersOf(st.now), text(st.now.template.Description)
	}
	return d
}

// DescribeStacks implements the API operation.
func (s *Service) DescribeStacks(_ *wire.Call, in *cfn.DescribeStacksInput) (*cfn.DescribeStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.StackName != nil {
		st, err := s.find(in.StackName)
		if err != nil {
			return nil, err
		}
		return &cfn.DescribeStacksOutput{Stacks: []types.Stack{st.describe()}}, nil
	}
	var all []types.Stack
	for i := len(s.stacks) - 1; i >= 0; i-- {
		if st := s.stacks[i]; st.status != types.StackStatusDeleteComplete {
			all = append(all, st.describe())
		}
	}
	page, next, err := paged(all, in.NextToken, stacksPage)
	return &cfn.DescribeStacksOutput{Stacks: page, NextToken: next}, err
}

// ListStacks implements the API operation, deleted stacks included.
func (s *Service) ListStacks(_ *wire.Call, in *cfn.ListStacksInput) (*cfn.ListStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.StackSummary
	for i := len(s.stacks) - 1; i >= 0; i-- {
		st := s.stacks[i]
		if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, st.status) {
			continue
		}
		d := st.describe()
		all = append(all, types.StackSummary{StackId: d.StackId, StackName: d.StackName, CreationTime: d.CreationTime, DeletionTime: d.DeletionTime, LastUpdatedTime: d.LastUpdatedTime, LastOperations: d.LastOperations,
			StackStatus: d.StackStatus, StackStatusReason: d.StackStatusReason, TemplateDescription: d.Description,
			DriftInformation: &types.StackDriftInformationSummary{StackDriftStatus: types.StackDriftStatusNotChecked}})
	}
	page, next, err := paged(all, in.NextToken, stacksPage)
	return &cfn.ListStacksOutput{StackSummaries: page, NextToken: next}, err
}

// sorted lists a stack's resources by logical id; s.mu is held.
func (st *stack) sorted() []*resourceState {
	var out []*resourceState
	for _, id := range slices.Sorted(maps.Keys(st.resources)) {
		out = append(out, st.resources[id])
	}
	return out
}

// DescribeStackResource implements the API operation.
func (s *Service) DescribeStackResource(_ *wire.Call, in *cfn.DescribeStackResourceInput) (*cfn.DescribeStackResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, eventsOf(err, in.StackName)
	}
	r := st.resources[aws.ToString(in.LogicalResourceId)]
	if r == nil {
		return nil, invalid("Resource %s does not exist for stack %s", aws.ToString(in.LogicalResourceId), aws.ToString(in.StackName))
	}
	d := &types.StackResourceDetail{StackId: &st.id, StackName: &st.name, LogicalResourceId: &r.logical, PhysicalResourceId: text(r.physical), ResourceType: &r.typ,
		ResourceStatus: r.status, ResourceStatusReason: text(r.reason), LastUpdatedTimestamp: &r.changed,
		DriftInformation: &types.StackResourceDriftInformation{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}}
	d.Metadata = aws.String("{}")
	if r.definition.Metadata != nil {
		d.Metadata = aws.String(resource.JSON(r.definition.Metadata))
	}
	return &cfn.DescribeStackResourceOutput{StackResourceDetail: d}, nil
}

// DescribeStackResources implements the API operation: of a stack, or of the
// stack that a physical resource belongs to.
func (s *Service) DescribeStackResources(_ *wire.Call, in *cfn.DescribeStackResourcesInput) (*cfn.DescribeStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st *stack
	var err error
	switch {
	case in.StackName != nil:
		if st, err = s.find(in.StackName); err != nil {
			return nil, err
		}
	case in.PhysicalResourceId != nil:
		for _, other := range s.stacks {
			for _, r := range other.resources {
				if r.physical == *in.PhysicalResourceId && other.status != types.StackStatusDeleteComplete {
					st = other
				}
			}
		}
		if st == nil {
			return nil, invalid("Stack for %s does not exist", *in.PhysicalResourceId)
		}
	default:
		return nil, invalid("Neither StackName nor PhysicalResourceId were specified")
	}
	var all []types.StackResource
	for _, r := range st.sorted() {
		if in.LogicalResourceId != nil && *in.LogicalResourceId != r.logical {
			continue
		}
		all = append(all, types.StackResource{StackId: &st.id, StackName: &st.name, LogicalResourceId: &r.logical, PhysicalResourceId: text(r.physical), ResourceType: &r.typ,
			ResourceStatus: r.status, ResourceStatusReason: text(r.reason), Timestamp: &r.changed,
			DriftInformation: &types.StackResourceDriftInformation{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}})
	}
	if in.LogicalResourceId != nil && len(all) == 0 {
		return nil, invalid("Resource %s does not exist for stack %s", *in.LogicalResourceId, st.name)
	}
	return &cfn.DescribeStackResourcesOutput{StackResources: all[:min(len(all), stacksPage)]}, nil
}

// ListStackResources implements the API operation.
func (s *Service) ListStackResources(_ *wire.Call, in *cfn.ListStackResourcesInput) (*cfn.ListStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	var all []types.StackResourceSummary
	for _, r := range st.sorted() {
		all = append(all, types.StackResourceSummary{LogicalResourceId: &r.logical, PhysicalResourceId: text(r.physical), ResourceType: &r.typ, ResourceStatus: r.status,
			ResourceStatusReason: text(r.reason), LastUpdatedTimestamp: &r.changed,
			DriftInformation: &types.StackResourceDriftInformationSummary{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}})
	}
	page, next, err := paged(all, in.NextToken, stacksPage)
	return &cfn.ListStackResourcesOutput{StackResourceSummaries: page, NextToken: next}, err
}
