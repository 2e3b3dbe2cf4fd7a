package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	maxRoleName   = 64
	maxUserName   = 64
	maxPolicyName = 128
)

func sessionLength(seconds *int32) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.Range("maxSessionDuration", seconds, 3600, 43200) }
}

func described(text *string) func(*constraint.Violations) {
	return func(v *constraint.Violations) { v.Text("description", text, 0, 1000, nil) }
}

// CreateRole makes a role.
func (s *Service) CreateRole(_ *wire.Call, in *awsiam.CreateRoleInput) (*awsiam.CreateRoleOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), documented("assumeRolePolicyDocument", in.AssumeRolePolicyDocument),
		pathed(in.Path), sessionLength(in.MaxSessionDuration), described(in.Description)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.roles[strings.ToLower(*in.RoleName)]; ok {
		return nil, alreadyExists("Role with name %s already exists.", *in.RoleName)
	}
	trust, err := trustPolicy(*in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	r := &entity{
		kind: "role", name: *in.RoleName, path: orRoot(in.Path), created: s.clock.Now(), inline: map[string]*policy.Document{},
		trust: trust, description: in.Description, maxSession: defaultSession,
	}
	if in.MaxSessionDuration != nil {
		r.maxSession = *in.MaxSessionDuration
	}
	if r.tags, err = setTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if in.PermissionsBoundary != nil {
		if r.boundary, err = s.boundaryPolicy(*in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	r.arn, r.id = s.arn("role", r.path, r.name), s.uniqueID("AROA")
	s.roles[strings.ToLower(r.name)] = r
	out := r.role(true)
	out.RoleLastUsed = nil
	return &awsiam.CreateRoleOutput{Role: &out}, nil
}

func trustPolicy(text string) (*policy.Document, error) {
	d, err := parse(text, policy.Trust)
	if err == nil && size(text) > maxTrustSize {
		err = limitExceeded("Cannot exceed quota for ACLSizePerRole: %d", maxTrustSize)
	}
	return d, err
}

func (s *Service) boundaryPolicy(arn string) (string, error) {
	if _, ok := s.policies[arn]; !ok {
		return "", noEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return arn, nil
}

// role describes a role; lists leave out what details has.
func (e *entity) role(details bool) types.Role {
	r := types.Role{
		Arn: &e.arn, CreateDate: &e.created, Path: &e.path, RoleId: &e.id, RoleName: &e.name, Description: e.description,
		MaxSessionDuration: aws.Int32(e.maxSession), AssumeRolePolicyDocument: encoded(e.trust.Text),
	}
	if !details {
		return r
	}
	r.RoleLastUsed = &types.RoleLastUsed{}
	if !e.usedAt.IsZero() {
		r.RoleLastUsed.LastUsedDate, r.RoleLastUsed.Region = aws.Time(e.usedAt), aws.String(e.usedRegion)
	}
	if len(e.tags) > 0 {
		r.Tags = tagList(e.tags)
	}
	r.PermissionsBoundary = e.permissionsBoundary()
	return r
}

func (e *entity) permissionsBoundary() *types.AttachedPermissionsBoundary {
	if e.boundary == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: aws.String(e.boundary), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy}
}

// GetRole describes a role.
func (s *Service) GetRole(_ *wire.Call, in *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	r := e.role(true)
	return &awsiam.GetRoleOutput{Role: &r}, nil
}

// ListRoles lists roles by name.
func (s *Service) ListRoles(_ *wire.Call, in *awsiam.ListRolesInput) (*awsiam.ListRolesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.Role
	for _, e := range sorted(s.roles) {
		if strings.HasPrefix(e.path, aws.ToString(in.PathPrefix)) {
			all = append(all, e.role(false))
		}
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRolesOutput{Roles: items, IsTruncated: truncated, Marker: next}, nil
}

// UpdateRole changes description and session length.
func (s *Service) UpdateRole(_ *wire.Call, in *awsiam.UpdateRoleInput) (*awsiam.UpdateRoleOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), sessionLength(in.MaxSessionDuration), described(in.Description)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		e.description = in.Description
	}
	if in.MaxSessionDuration != nil {
		e.maxSession = *in.MaxSessionDuration
	}
	return &awsiam.UpdateRoleOutput{}, nil
}

// UpdateAssumeRolePolicy replaces the trust policy.
func (s *Service) UpdateAssumeRolePolicy(_ *wire.Call, in *awsiam.UpdateAssumeRolePolicyInput) (*awsiam.UpdateAssumeRolePolicyOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), documented("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	trust, err := trustPolicy(*in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	e.trust = trust
	return &awsiam.UpdateAssumeRolePolicyOutput{}, nil
}

// DeleteRole deletes a role that has no policies and is in no instance profile.
func (s *Service) DeleteRole(_ *wire.Call, in *awsiam.DeleteRoleInput) (*awsiam.DeleteRoleOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	for _, p := range s.profiles {
		if p.role == e.name {
			return nil, deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
	}
	if err := e.deletable(); err != nil {
		return nil, err
	}
	delete(s.roles, strings.ToLower(e.name))
	return &awsiam.DeleteRoleOutput{}, nil
}

func (e *entity) deletable() error {
	if len(e.attached) > 0 {
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	}
	if len(e.inline) > 0 {
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

// PutRolePermissionsBoundary limits what the role's policies can allow.
func (s *Service) PutRolePermissionsBoundary(_ *wire.Call, in *awsiam.PutRolePermissionsBoundaryInput) (*awsiam.PutRolePermissionsBoundaryOutput, error) {
	if err := valid(named("roleName", in.RoleName, maxRoleName), arned("permissionsBoundary", in.PermissionsBoundary)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	arn, err := s.boundaryPolicy(*in.PermissionsBoundary)
	if err != nil {
		return nil, err
	}
	e.boundary = arn
	return &awsiam.PutRolePermissionsBoundaryOutput{}, nil
}

// DeleteRolePermissionsBoundary takes the limit away.
func (s *Service) DeleteRolePermissionsBoundary(_ *wire.Call, in *awsiam.DeleteRolePermissionsBoundaryInput) (*awsiam.DeleteRolePermissionsBoundaryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if e.boundary == "" {
		return nil, noEntity("Role %s does not have a permissions boundary.", e.name)
	}
	e.boundary = ""
	return &awsiam.DeleteRolePermissionsBoundaryOutput{}, nil
}

// TagRole adds tags.
func (s *Service) TagRole(_ *wire.Call, in *awsiam.TagRoleInput) (*awsiam.TagRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if e.tags, err = tagged(e.tags, in.Tags); err != nil {
		return nil, err
	}
	return &awsiam.TagRoleOutput{}, nil
}

// tagged returns have with more tags, or have itself with an error.
func tagged(have map[string]string, add []types.Tag) (map[string]string, error) {
	out, err := setTags(have, add)
	if err != nil {
		return have, err
	}
	return out, nil
}

// UntagRole removes tags.
func (s *Service) UntagRole(_ *wire.Call, in *awsiam.UntagRoleInput) (*awsiam.UntagRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	e.tags = dropTags(e.tags, in.TagKeys)
	return &awsiam.UntagRoleOutput{}, nil
}

// ListRoleTags lists the tags of a role by key.
func (s *Service) ListRoleTags(_ *wire.Call, in *awsiam.ListRoleTagsInput) (*awsiam.ListRoleTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(tagList(e.tags), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListRoleTagsOutput{Tags: items, IsTruncated: truncated, Marker: next}, nil
}
