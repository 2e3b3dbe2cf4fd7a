package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func (s *Service) profile(name *string) (*instanceProfile, error) {
	p, ok := s.profiles[strings.ToLower(aws.ToString(name))]
	if !ok {
		return nil, noEntity("Instance Profile %s cannot be found.", aws.ToString(name))
	}
	return p, nil
}

func (s *Service) describeProfile(p *instanceProfile) types.InstanceProfile {
	out := types.InstanceProfile{
		Arn: &p.arn, InstanceProfileId: &p.id, InstanceProfileName: &p.name, Path: &p.path, CreateDate: &p.created, Roles: []types.Role{},
	}
	if len(p.tags) > 0 {
		out.Tags = tagList(p.tags)
	}
	if r, ok := s.roles[strings.ToLower(p.role)]; ok && p.role != "" {
		out.Roles = append(out.Roles, r.role(false))
	}
	return out
}

// CreateInstanceProfile makes a profile without a role.
func (s *Service) CreateInstanceProfile(_ *wire.Call, in *awsiam.CreateInstanceProfileInput) (*awsiam.CreateInstanceProfileOutput, error) {
	if err := valid(named("instanceProfileName", in.InstanceProfileName, 128), pathed(in.Path)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(*in.InstanceProfileName)
	if _, ok := s.profiles[key]; ok {
		return nil, alreadyExists("Instance Profile %s already exists.", *in.InstanceProfileName)
	}
	p := &instanceProfile{name: *in.InstanceProfileName, path: orRoot(in.Path), created: s.clock.Now()}
	var err error
	if p.tags, err = setTags(nil, in.Tags); err != nil {
		return nil, err
	}
	p.arn, p.id = s.arn("instance-profile", p.path, p.name), s.uniqueID("AIPA")
	s.profiles[key] = p
	out := s.describeProfile(p)
	return &awsiam.CreateInstanceProfileOutput{InstanceProfile: &out}, nil
}

// GetInstanceProfile describes a profile.
func (s *Service) GetInstanceProfile(_ *wire.Call, in *awsiam.GetInstanceProfileInput) (*awsiam.GetInstanceProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.profile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	out := s.describeProfile(p)
	return &awsiam.GetInstanceProfileOutput{InstanceProfile: &out}, nil
}

// AddRoleToInstanceProfile puts a role into a profile, at most one.
func (s *Service) AddRoleToInstanceProfile(_ *wire.Call, in *awsiam.AddRoleToInstanceProfileInput) (*awsiam.AddRoleToInstanceProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.profile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.role != "" {
		return nil, limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: %d", rolesPerInstance)
	}
	p.role = r.name
	return &awsiam.AddRoleToInstanceProfileOutput{}, nil
}

// RemoveRoleFromInstanceProfile takes the role out.
func (s *Service) RemoveRoleFromInstanceProfile(_ *wire.Call, in *awsiam.RemoveRoleFromInstanceProfileInput) (*awsiam.RemoveRoleFromInstanceProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.profile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(p.role, aws.ToString(in.RoleName)) || p.role == "" {
		return nil, noEntity("The role with name %s cannot be found.", aws.ToString(in.RoleName))
	}
	p.role = ""
	return &awsiam.RemoveRoleFromInstanceProfileOutput{}, nil
}

// DeleteInstanceProfile deletes a profile without a role.
func (s *Service) DeleteInstanceProfile(_ *wire.Call, in *awsiam.DeleteInstanceProfileInput) (*awsiam.DeleteInstanceProfileOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.profile(in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if p.role != "" {
		return nil, deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
	}
	delete(s.profiles, strings.ToLower(p.name))
	return &awsiam.DeleteInstanceProfileOutput{}, nil
}

// ListInstanceProfilesForRole lists the profiles that a role is in.
func (s *Service) ListInstanceProfilesForRole(_ *wire.Call, in *awsiam.ListInstanceProfilesForRoleInput) (*awsiam.ListInstanceProfilesForRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	var all []types.InstanceProfile
	for _, p := range sorted(s.profiles) {
		if p.role == r.name {
			all = append(all, s.describeProfile(p))
		}
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListInstanceProfilesForRoleOutput{InstanceProfiles: items, IsTruncated: truncated, Marker: next}, nil
}
