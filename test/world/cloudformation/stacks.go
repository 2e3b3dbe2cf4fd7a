package cloudformation

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

func checkName(name *string) error {
	if !stackName.MatchString(aws.ToString(name)) {
		return invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", aws.ToString(name))
	}
	return nil
}

// checkConfig refuses the deployments that do not wait for their resources.
func checkConfig(c *types.DeploymentConfig) error {
	if c != nil && (c.Mode == types.DeploymentConfigModeExpress || c.DisableRollback != nil) {
		return notServed("the deployment mode EXPRESS")
	}
	return nil
}

// newStack makes a stack without resources; s.mu is held.
func (s *Service) newStack(name string) *stack {
	st := &stack{name: name, id: s.arn("stack/" + name + "/" + s.newID()), created: s.clock.Now(), resources: map[string]*resourceState{}, imports: map[string]bool{}}
	s.stacks = append(s.stacks, st)
	return st
}

// CreateStack implements the API operation.
func (s *Service) CreateStack(c *wire.Call, in *cfn.CreateStackInput) (*cfn.CreateStackOutput, error) {
	if err := checkName(in.StackName); err != nil {
		return nil, err
	}
	if in.OnFailure != "" && in.DisableRollback != nil {
		return nil, invalid("You can specify either DisableRollback or OnFailure, but not both.")
	}
	if in.StackPolicyURL != nil {
		return nil, notServed("StackPolicyURL")
	}
	if err := checkConfig(in.DeploymentConfig); err != nil {
		return nil, err
	}
	if err := s.absent(*in.StackName); err != nil {
		return nil, err
	}
	who := callerOf(c, aws.ToString(in.RoleARN))
	made, err := s.prepare(c, who, request{body: in.TemplateBody, url: in.TemplateURL, parameters: in.Parameters, capabilities: in.Capabilities, tags: in.Tags,
		notifications: in.NotificationARNs, resourceTypes: in.ResourceTypes}, nil)
	if err != nil {
		return nil, err
	}
	draft := &stack{name: *in.StackName, id: s.arn("stack/" + *in.StackName + "/draft"), who: who, imports: map[string]bool{}}
	if _, _, err := s.plan(draft, made); err != nil {
		return nil, err
	}
	if err := s.absent(*in.StackName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.newStack(*in.StackName)
	st.who, st.role, st.timeout, st.token = who, aws.ToString(in.RoleARN), in.TimeoutInMinutes, in.ClientRequestToken
	st.terminationProtection, st.rollbackConfiguration, st.policy = aws.ToBool(in.EnableTerminationProtection), in.RollbackConfiguration, aws.ToString(in.StackPolicyBody)
	st.disableRollback = aws.ToBool(in.DisableRollback) || in.OnFailure == types.OnFailureDoNothing
	st.onFailure, st.retainExceptOnCreate = in.OnFailure, aws.ToBool(in.RetainExceptOnCreate)
	s.startCreate(st, made, "User Initiated")
	return &cfn.CreateStackOutput{StackId: &st.id, OperationId: st.lastOperation()}, nil
}

func (st *stack) lastOperation() *string {
	if n := len(st.operations); n > 0 {
		return &st.operations[n-1].id
	}
	return nil
}

func (s *Service) absent(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(&name); err == nil {
		return &types.AlreadyExistsException{Message: aws.String("Stack [" + name + "] already exists")}
	}
	return nil
}

// updatable are the states in which a stack takes an update.
var updatable = []types.StackStatus{types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
	types.StackStatusCreateFailed, types.StackStatusUpdateFailed}

// current returns a stack that can be updated, as it is now.
func (s *Service) current(name *string) (*stack, input, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(name)
	if err != nil {
		return nil, input{}, err
	}
	if !slices.Contains(updatable, st.status) {
		return nil, input{}, invalid("Stack:%s is in %s state and can not be updated.", st.id, st.status)
	}
	return st, st.now, nil
}

// UpdateStack implements the API operation.
func (s *Service) UpdateStack(c *wire.Call, in *cfn.UpdateStackInput) (*cfn.UpdateStackOutput, error) {
	if in.StackPolicyURL != nil || in.StackPolicyDuringUpdateURL != nil || in.StackPolicyDuringUpdateBody != nil {
		return nil, notServed("StackPolicyURL and StackPolicyDuringUpdate")
	}
	if err := checkConfig(in.DeploymentConfig); err != nil {
		return nil, err
	}
	st, before, err := s.current(in.StackName)
	if err != nil {
		return nil, err
	}
	role := aws.ToString(in.RoleARN)
	if role == "" {
		role = st.role
	}
	who := callerOf(c, role)
	made, err := s.prepare(c, who, request{body: in.TemplateBody, url: in.TemplateURL, usePrevious: aws.ToBool(in.UsePreviousTemplate), parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, notifications: in.NotificationARNs, resourceTypes: in.ResourceTypes}, &before)
	if err != nil {
		return nil, err
	}
	changes, outputs, err := s.plan(st, made)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && !outputs && st.status != types.StackStatusUpdateFailed && st.status != types.StackStatusCreateFailed {
		return nil, invalid("No updates are to be performed.")
	}
	if _, _, err := s.current(in.StackName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.who, st.role, st.token, st.disableRollback, st.retainExceptOnCreate = who, role, in.ClientRequestToken, aws.ToBool(in.DisableRollback), aws.ToBool(in.RetainExceptOnCreate)
	if in.StackPolicyBody != nil {
		st.policy = *in.StackPolicyBody
	}
	if in.RollbackConfiguration != nil {
		st.rollbackConfiguration = in.RollbackConfiguration
	}
	s.startUpdate(st, made, "User Initiated")
	return &cfn.UpdateStackOutput{StackId: &st.id, OperationId: st.lastOperation()}, nil
}

// DeleteStack implements the API operation; what is not there is no error.
func (s *Service) DeleteStack(c *wire.Call, in *cfn.DeleteStackInput) (*cfn.DeleteStackOutput, error) {
	if err := checkConfig(in.DeploymentConfig); err != nil {
		return nil, err
	}
	if in.DeletionMode == types.DeletionModeForceDeleteStack {
		return nil, notServed("the deletion mode FORCE_DELETE_STACK")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil || st.status == types.StackStatusDeleteComplete || st.status == types.StackStatusDeleteInProgress {
		return &cfn.DeleteStackOutput{}, nil
	}
	if st.terminationProtection {
		return nil, invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	}
	if st.busy() && st.status != types.StackStatusReviewInProgress && st.status != types.StackStatusCreateInProgress {
		return nil, invalid("Stack [%s] cannot be deleted while in status %s", st.name, st.status)
	}
	if len(in.RetainResources) > 0 && st.status != types.StackStatusDeleteFailed {
		return nil, invalid("Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.", st.name)
	}
	for _, id := range in.RetainResources {
		if st.resources[id] == nil {
			return nil, invalid("The specified resources to retain must be in a valid state: [%s]", id)
		}
	}
	if g := st.run; g != nil { // a creation that is under way ends
		g.finish = func([]string) {}
		g.stop()
	}
	if role := aws.ToString(in.RoleARN); role != "" {
		st.role = role
	}
	st.who, st.token = callerOf(c, st.role), in.ClientRequestToken
	if used := s.usedExports(st, nil); used != "" {
		s.operation(st, types.OperationTypeDeleteStack)
		s.status(st, types.StackStatusDeleteInProgress, "User Initiated")
		s.status(st, types.StackStatusDeleteFailed, used)
		s.over(st)
		return &cfn.DeleteStackOutput{}, nil
	}
	s.startDelete(st, in.RetainResources)
	return &cfn.DeleteStackOutput{}, nil
}

// ContinueUpdateRollback implements the API operation: it tries again to bring
// back what an update had changed.
func (s *Service) ContinueUpdateRollback(c *wire.Call, in *cfn.ContinueUpdateRollbackInput) (*cfn.ContinueUpdateRollbackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if st.status != types.StackStatusUpdateRollbackFailed {
		return nil, invalid("Stack:%s is in %s state and can not be continued to rollback.", st.id, st.status)
	}
	if role := aws.ToString(in.RoleARN); role != "" {
		st.role = role
	}
	st.who, st.token = callerOf(c, st.role), in.ClientRequestToken
	snapshot := st.snapshot
	for _, id := range in.ResourcesToSkip {
		old, ok := snapshot[id]
		if !ok || st.resources[id] == nil || st.resources[id].status != types.ResourceStatusUpdateFailed {
			return nil, invalid("The resources [%s] that you specified to skip are not in a valid state. Specify only resources that are in the UPDATE_FAILED state.", id)
		}
		r := st.resources[id]
		r.properties, r.definition, r.dependsOn = old.was.properties, old.was.definition, old.was.dependsOn
		s.set(st, r, types.ResourceStatusUpdateComplete, "Resource is skipped during rollback")
	}
	s.operation(st, types.OperationTypeContinueRollback)
	s.status(st, types.StackStatusUpdateRollbackInProgress, "User Initiated")
	s.clock.AfterFunc(0, func() { s.restore(st, snapshot) })
	return &cfn.ContinueUpdateRollbackOutput{}, nil
}

// CancelUpdateStack implements the API operation.
func (s *Service) CancelUpdateStack(_ *wire.Call, in *cfn.CancelUpdateStackInput) (*cfn.CancelUpdateStackOutput, error) {
	s.mu.Lock()
	st, err := s.find(in.StackName)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	g := st.run
	if st.status != types.StackStatusUpdateInProgress || g == nil {
		s.mu.Unlock()
		return nil, invalid("CancelUpdateStack cannot be called from current stack status")
	}
	st.reason = "User Initiated"
	g.failed = append(g.failed, "")
	g.stop()
	s.mu.Unlock()
	s.clock.AfterFunc(0, func() { s.advance(g) })
	return &cfn.CancelUpdateStackOutput{}, nil
}

// UpdateTerminationProtection implements the API operation.
func (s *Service) UpdateTerminationProtection(_ *wire.Call, in *cfn.UpdateTerminationProtectionInput) (*cfn.UpdateTerminationProtectionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if st.status == types.StackStatusDeleteComplete || st.status == types.StackStatusDeleteInProgress {
		return nil, invalid("Stack [%s] is in %s state, where termination protection cannot be changed", st.name, st.status)
	}
	st.terminationProtection = aws.ToBool(in.EnableTerminationProtection)
	return &cfn.UpdateTerminationProtectionOutput{StackId: &st.id}, nil
}

// SetStackPolicy implements the API operation. The policy is kept and shown; a
// policy that denies updates is refused, as it would not be obeyed.
func (s *Service) SetStackPolicy(_ *wire.Call, in *cfn.SetStackPolicyInput) (*cfn.SetStackPolicyOutput, error) {
	if in.StackPolicyURL != nil {
		return nil, notServed("StackPolicyURL")
	}
	if strings.Contains(aws.ToString(in.StackPolicyBody), `"Deny"`) {
		return nil, notServed("stack policies that deny")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	st.policy = aws.ToString(in.StackPolicyBody)
	return &cfn.SetStackPolicyOutput{}, nil
}

// GetStackPolicy implements the API operation.
func (s *Service) GetStackPolicy(_ *wire.Call, in *cfn.GetStackPolicyInput) (*cfn.GetStackPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	return &cfn.GetStackPolicyOutput{StackPolicyBody: text(st.policy)}, nil
}

// RollbackStack implements the API operation: it takes back what a stack whose
// rollback was disabled has kept after a failure.
func (s *Service) RollbackStack(c *wire.Call, in *cfn.RollbackStackInput) (*cfn.RollbackStackOutput, error) {
	if err := checkConfig(in.DeploymentConfig); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(in.StackName)
	if err != nil {
		return nil, err
	}
	if role := aws.ToString(in.RoleARN); role != "" {
		st.role = role
	}
	switch st.status {
	case types.StackStatusCreateFailed:
		st.who, st.token, st.retainExceptOnCreate = callerOf(c, st.role), in.ClientRequestToken, aws.ToBool(in.RetainExceptOnCreate)
		s.operation(st, types.OperationTypeRollback)
		s.status(st, types.StackStatusRollbackInProgress, "User Initiated")
		doomed := st.sorted()
		s.clock.AfterFunc(0, func() { s.takeBack(st, doomed) })
	case types.StackStatusUpdateFailed:
		st.who, st.token = callerOf(c, st.role), in.ClientRequestToken
		s.operation(st, types.OperationTypeRollback)
		s.status(st, types.StackStatusUpdateRollbackInProgress, "User Initiated")
		snapshot := st.snapshot
		s.clock.AfterFunc(0, func() { s.restore(st, snapshot) })
	default:
		return nil, invalid("Stack:%s is in %s state and can not be rolled back.", st.id, st.status)
	}
	return &cfn.RollbackStackOutput{StackId: &st.id, OperationId: st.lastOperation()}, nil
}
