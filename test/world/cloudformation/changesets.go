package cloudformation

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// planning is how long a change set takes to make.
const planning = 2 * time.Second

// changeSet is what an update would change.
type changeSet struct {
	id, name, operation string
	description         *string
	kind                types.ChangeSetType
	created             time.Time
	status              types.ChangeSetStatus
	reason              string
	execution           types.ExecutionStatus
	in                  input
	who                 caller
	role                string
	changes             []types.Change
	onFailure           types.OnStackFailure
	rollback            *types.RollbackConfiguration
}

// findChangeSet finds one by its name and stack or by its ARN; s.mu is held.
func (s *Service) findChangeSet(name, of *string) (*changeSet, *stack, error) {
	wanted := aws.ToString(name)
	if !strings.HasPrefix(wanted, "arn:") {
		if of == nil {
			return nil, nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
		}
		if _, err := s.find(of); err != nil {
			return nil, nil, err
		}
	}
	for i := len(s.stacks) - 1; i >= 0; i-- {
		st := s.stacks[i]
		if of != nil && st.name != *of && st.id != *of {
			continue
		}
		for _, c := range st.changeSets {
			if c.id == wanted || c.name == wanted && of != nil {
				return c, st, nil
			}
		}
	}
	return nil, nil, &types.ChangeSetNotFoundException{Message: aws.String("ChangeSet [" + wanted + "] does not exist")}
}

// CreateChangeSet implements the API operation. A change set for a new stack
// makes the stack, in review.
func (s *Service) CreateChangeSet(c *wire.Call, in *cfn.CreateChangeSetInput) (*cfn.CreateChangeSetOutput, error) {
	if !stackName.MatchString(aws.ToString(in.ChangeSetName)) {
		return nil, invalid("1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", aws.ToString(in.ChangeSetName))
	}
	switch {
	case in.ChangeSetType == types.ChangeSetTypeImport, len(in.ResourcesToImport) > 0:
		return nil, notServed("change sets of the type IMPORT")
	case in.DeploymentMode != "":
		return nil, notServed("the deployment mode " + string(in.DeploymentMode))
	}
	if err := checkConfig(in.DeploymentConfig); err != nil {
		return nil, err
	}
	creating := in.ChangeSetType == types.ChangeSetTypeCreate
	var st *stack
	var before *input
	role := aws.ToString(in.RoleARN)
	if creating {
		if err := s.reviewable(in.StackName); err != nil {
			return nil, err
		}
	} else {
		found, now, err := s.current(in.StackName)
		if err != nil {
			return nil, err
		}
		if st, before = found, &now; role == "" {
			role = st.role
		}
	}
	who := callerOf(c, role)
	made, err := s.prepare(c, who, request{body: in.TemplateBody, url: in.TemplateURL, usePrevious: aws.ToBool(in.UsePreviousTemplate), parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, notifications: in.NotificationARNs, resourceTypes: in.ResourceTypes}, before)
	if err != nil {
		return nil, err
	}
	made.adopt = aws.ToBool(in.ImportExistingResources)
	s.mu.Lock()
	defer s.mu.Unlock()
	if creating {
		if st, err = s.find(in.StackName); err != nil {
			st = s.newStack(*in.StackName)
			st.role, st.who = role, who
			s.operation(st, types.OperationTypeCreateStack)
			s.status(st, types.StackStatusReviewInProgress, "User Initiated")
		}
	}
	if slices.ContainsFunc(st.changeSets, func(c *changeSet) bool { return c.name == *in.ChangeSetName }) {
		return nil, &types.AlreadyExistsException{Message: aws.String("ChangeSet " + *in.ChangeSetName + " already exists")}
	}
	set := &changeSet{id: s.arn("changeSet/" + *in.ChangeSetName + "/" + s.newID()), name: *in.ChangeSetName, operation: s.newID(), description: in.Description, kind: in.ChangeSetType,
		created: s.clock.Now(), status: types.ChangeSetStatusCreateInProgress, execution: types.ExecutionStatusUnavailable, in: made, who: who, role: role,
		onFailure: in.OnStackFailure, rollback: in.RollbackConfiguration}
	st.changeSets = append(st.changeSets, set)
	s.clock.AfterFunc(planning, func() { s.fill(st, set) })
	return &cfn.CreateChangeSetOutput{Id: &set.id, StackId: &st.id}, nil
}

// reviewable refuses to make a stack that is there, unless it is in review.
func (s *Service) reviewable(name *string) error {
	if err := checkName(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, err := s.find(name); err == nil && st.status != types.StackStatusReviewInProgress {
		return invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.name, st.name)
	}
	return nil
}

// fill works out what a change set changes.
func (s *Service) fill(st *stack, set *changeSet) {
	changes, outputs, err := s.plan(st, set.in)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		set.status, set.reason = types.ChangeSetStatusFailed, messageOf(err)
	case len(changes) == 0 && !outputs:
		set.status, set.reason = types.ChangeSetStatusFailed, "The submitted information didn't contain changes. Submit different information to create a change set."
	default:
		set.status, set.execution, set.changes = types.ChangeSetStatusCreateComplete, types.ExecutionStatusAvailable, changes
	}
}

// changesPage is how many changes a page has.
const changesPage = 100

// DescribeChangeSet implements the API operation.
func (s *Service) DescribeChangeSet(_ *wire.Call, in *cfn.DescribeChangeSetInput) (*cfn.DescribeChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, st, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	page, next, err := paged(set.changes, in.NextToken, changesPage)
	if err != nil {
		return nil, err
	}
	return &cfn.DescribeChangeSetOutput{Capabilities: set.in.capabilities, ChangeSetId: &set.id, ChangeSetName: &set.name, Changes: page, NextToken: next, CreationTime: &set.created,
		Description: set.description, ExecutionStatus: set.execution, IncludeNestedStacks: aws.Bool(false), ImportExistingResources: &set.in.adopt, NotificationARNs: set.in.notifications, OnStackFailure: set.onFailure,
		Parameters: parametersOf(set.in), RollbackConfiguration: set.rollback, StackId: &st.id, StackName: &st.name, Status: set.status, StatusReason: text(set.reason), Tags: set.in.tags}, nil
}

// ListChangeSets implements the API operation.
func (s *Service) ListChangeSets(_ *wire.Call, in *cfn.ListChangeSetsInput) (*cfn.ListChangeSetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	var all []types.ChangeSetSummary
	for _, c := range st.changeSets {
		all = append(all, types.ChangeSetSummary{ChangeSetId: &c.id, ChangeSetName: &c.name, CreationTime: &c.created, Description: c.description, ExecutionStatus: c.execution,
			IncludeNestedStacks: aws.Bool(false), StackId: &st.id, StackName: &st.name, Status: c.status, StatusReason: text(c.reason)})
	}
	page, next, err := paged(all, in.NextToken, changesPage)
	return &cfn.ListChangeSetsOutput{Summaries: page, NextToken: next}, err
}

// DeleteChangeSet implements the API operation.
func (s *Service) DeleteChangeSet(_ *wire.Call, in *cfn.DeleteChangeSetInput) (*cfn.DeleteChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, st, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		if _, missing := err.(*types.ChangeSetNotFoundException); missing { // a second deletion is none
			return &cfn.DeleteChangeSetOutput{}, nil
		}
		return nil, err
	}
	if set.status == types.ChangeSetStatusCreateInProgress {
		return nil, &types.InvalidChangeSetStatusException{Message: aws.String("ChangeSet [" + set.id + "] cannot be deleted in its current status of " + string(set.status))}
	}
	st.changeSets = slices.DeleteFunc(st.changeSets, func(c *changeSet) bool { return c == set })
	return &cfn.DeleteChangeSetOutput{}, nil
}

// ExecuteChangeSet implements the API operation; it begins the creation or the
// update. The stack's other change sets go.
func (s *Service) ExecuteChangeSet(_ *wire.Call, in *cfn.ExecuteChangeSetInput) (*cfn.ExecuteChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, st, err := s.findChangeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	if set.execution != types.ExecutionStatusAvailable {
		return nil, &types.InvalidChangeSetStatusException{Message: aws.String("ChangeSet [" + set.id + "] cannot be executed in its current status of [" + string(set.status) + "]")}
	}
	creating := st.status == types.StackStatusReviewInProgress
	if !creating && !slices.Contains(updatable, st.status) {
		return nil, invalid("Stack:%s is in %s state and can not be updated.", st.id, st.status)
	}
	st.who, st.role, st.token, st.changeSet = set.who, set.role, in.ClientRequestToken, set.id
	st.disableRollback, st.retainExceptOnCreate = aws.ToBool(in.DisableRollback) || set.onFailure == types.OnStackFailureDoNothing, aws.ToBool(in.RetainExceptOnCreate)
	if st.onFailure = ""; set.onFailure == types.OnStackFailureDelete {
		st.onFailure = types.OnFailureDelete
	}
	if set.rollback != nil {
		st.rollbackConfiguration = set.rollback
	}
	set.execution = types.ExecutionStatusExecuteComplete
	st.changeSets = nil
	if creating {
		s.startCreate(st, set.in, "User Initiated")
	} else {
		s.startUpdate(st, set.in, "User Initiated")
	}
	return &cfn.ExecuteChangeSetOutput{}, nil
}
