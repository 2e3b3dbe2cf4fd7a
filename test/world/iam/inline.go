package iam

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// put sets an inline policy.
func (e *entity) put(name, text string) error {
	d, err := parse(text, policy.Identity)
	if err != nil {
		return err
	}
	limit, total := maxInlineOfRole, size(text)
	if e.kind == "user" {
		limit = maxInlineOfUser
	}
	for other, have := range e.inline {
		if other != name {
			total += size(have.Text)
		}
	}
	if total > limit {
		return limitExceeded("Maximum policy size of %d bytes exceeded for %s %s", limit, e.kind, e.name)
	}
	e.inline[name] = d
	return nil
}

func (e *entity) get(name string) (*policy.Document, error) {
	d, ok := e.inline[name]
	if !ok {
		return nil, noEntity("The %s policy with name %s cannot be found.", e.kind, name)
	}
	return d, nil
}

// attach adds a managed policy; one that is there already stays.
func (e *entity) attach(s *Service, arn string) error {
	if _, ok := s.policies[arn]; !ok {
		return noEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if slices.Contains(e.attached, arn) {
		return nil
	}
	if len(e.attached) >= maxAttached {
		return limitExceeded("Cannot exceed quota for PoliciesPer%s: %d", map[string]string{"role": "Role", "user": "User"}[e.kind], maxAttached)
	}
	e.attached = append(e.attached, arn)
	return nil
}

func (e *entity) detach(arn string) error {
	i := slices.Index(e.attached, arn)
	if i < 0 {
		return noEntity("Policy %s was not found.", arn)
	}
	e.attached = slices.Delete(e.attached, i, i+1)
	return nil
}

func (e *entity) attachedPolicies(s *Service, prefix *string) []types.AttachedPolicy {
	var out []types.AttachedPolicy
	for _, arn := range e.attached {
		if p := s.policies[arn]; prefix == nil || hasPath(p.path, *prefix) {
			out = append(out, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(p.name)})
		}
	}
	return out
}

// PutRolePolicy sets an inline policy of a role.
func (s *Service) PutRolePolicy(_ *wire.Call, in *awsiam.PutRolePolicyInput) (*awsiam.PutRolePolicyOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), named("policyName", in.PolicyName, maxPolicyName), documented("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &awsiam.PutRolePolicyOutput{}, e.put(*in.PolicyName, *in.PolicyDocument)
}

// GetRolePolicy returns an inline policy, URL-encoded.
func (s *Service) GetRolePolicy(_ *wire.Call, in *awsiam.GetRolePolicyInput) (*awsiam.GetRolePolicyOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), named("policyName", in.PolicyName, maxPolicyName)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	d, err := e.get(*in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &awsiam.GetRolePolicyOutput{RoleName: &e.name, PolicyName: in.PolicyName, PolicyDocument: encoded(d.Text)}, nil
}

// ListRolePolicies lists the inline policies by name.
func (s *Service) ListRolePolicies(_ *wire.Call, in *awsiam.ListRolePoliciesInput) (*awsiam.ListRolePoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(slices.Sorted(maps.Keys(e.inline)), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRolePoliciesOutput{PolicyNames: items, IsTruncated: truncated, Marker: next}, nil
}

// DeleteRolePolicy deletes an inline policy.
func (s *Service) DeleteRolePolicy(_ *wire.Call, in *awsiam.DeleteRolePolicyInput) (*awsiam.DeleteRolePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if _, err := e.get(aws.ToString(in.PolicyName)); err != nil {
		return nil, err
	}
	delete(e.inline, *in.PolicyName)
	return &awsiam.DeleteRolePolicyOutput{}, nil
}

// AttachRolePolicy attaches a managed policy to a role.
func (s *Service) AttachRolePolicy(_ *wire.Call, in *awsiam.AttachRolePolicyInput) (*awsiam.AttachRolePolicyOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), arned("policyArn", in.PolicyArn)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &awsiam.AttachRolePolicyOutput{}, e.attach(s, *in.PolicyArn)
}

// DetachRolePolicy detaches a managed policy from a role.
func (s *Service) DetachRolePolicy(_ *wire.Call, in *awsiam.DetachRolePolicyInput) (*awsiam.DetachRolePolicyOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), arned("policyArn", in.PolicyArn)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	return &awsiam.DetachRolePolicyOutput{}, e.detach(*in.PolicyArn)
}

// ListAttachedRolePolicies lists the managed policies in the order of their
// attachment.
func (s *Service) ListAttachedRolePolicies(_ *wire.Call, in *awsiam.ListAttachedRolePoliciesInput) (*awsiam.ListAttachedRolePoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(e.attachedPolicies(s, in.PathPrefix), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListAttachedRolePoliciesOutput{AttachedPolicies: items, IsTruncated: truncated, Marker: next}, nil
}
