package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// user finds a user; without a name it is the caller's.
func (s *Service) user(c *wire.Call, name *string) (*entity, error) {
	if name == nil && c != nil {
		if k, ok := s.keys[c.AccessKeyID]; ok {
			return s.users[strings.ToLower(k.user)], nil
		}
		return nil, wire.Errorf("ValidationError", "Must specify userName when calling with non-User credentials")
	}
	return find(s.users, "user", name)
}

func (e *entity) user() types.User {
	u := types.User{Arn: &e.arn, CreateDate: &e.created, Path: &e.path, UserId: &e.id, UserName: &e.name, PermissionsBoundary: e.permissionsBoundary()}
	if len(e.tags) > 0 {
		u.Tags = tagList(e.tags)
	}
	return u
}

// CreateUser makes a user.
func (s *Service) CreateUser(_ *wire.Call, in *awsiam.CreateUserInput) (*awsiam.CreateUserOutput, error) {
	if err := valid(named("userName", in.UserName, maxUserName), pathed(in.Path)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[strings.ToLower(*in.UserName)]; ok {
		return nil, alreadyExists("User with name %s already exists.", *in.UserName)
	}
	u := &entity{kind: "user", name: *in.UserName, path: orRoot(in.Path), created: s.clock.Now(), inline: map[string]*policy.Document{}}
	var err error
	if u.tags, err = setTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if in.PermissionsBoundary != nil {
		if u.boundary, err = s.boundaryPolicy(*in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	u.arn, u.id = s.arn("user", u.path, u.name), s.uniqueID("AIDA")
	s.users[strings.ToLower(u.name)] = u
	out := u.user()
	return &awsiam.CreateUserOutput{User: &out}, nil
}

// GetUser describes a user.
func (s *Service) GetUser(c *wire.Call, in *awsiam.GetUserInput) (*awsiam.GetUserOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(c, in.UserName)
	if err != nil {
		return nil, err
	}
	u := e.user()
	return &awsiam.GetUserOutput{User: &u}, nil
}

// ListUsers lists users by name.
func (s *Service) ListUsers(_ *wire.Call, in *awsiam.ListUsersInput) (*awsiam.ListUsersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.User
	for _, e := range sorted(s.users) {
		if strings.HasPrefix(e.path, aws.ToString(in.PathPrefix)) {
			u := e.user()
			u.Tags, u.PermissionsBoundary = nil, nil
			all = append(all, u)
		}
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListUsersOutput{Users: items, IsTruncated: truncated, Marker: next}, nil
}

// DeleteUser deletes a user that has neither keys nor policies.
func (s *Service) DeleteUser(_ *wire.Call, in *awsiam.DeleteUserInput) (*awsiam.DeleteUserOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	if len(s.keysOf(e)) > 0 {
		return nil, deleteConflict("Cannot delete entity, must delete access keys first.")
	}
	if err := e.deletable(); err != nil {
		return nil, err
	}
	delete(s.users, strings.ToLower(e.name))
	return &awsiam.DeleteUserOutput{}, nil
}

// keysOf lists the access keys of a user, oldest first.
func (s *Service) keysOf(e *entity) []*accessKey {
	var out []*accessKey
	for _, k := range sorted(s.keys) {
		if k.user == e.name {
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(a, b *accessKey) int { return a.created.Compare(b.created) })
	return out
}

// CreateAccessKey gives a user a key.
func (s *Service) CreateAccessKey(c *wire.Call, in *awsiam.CreateAccessKeyInput) (*awsiam.CreateAccessKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if len(s.keysOf(e)) >= maxKeys {
		return nil, limitExceeded("Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
	}
	k := &accessKey{id: s.uniqueID("AKIA")[:20], user: e.name, active: true, created: s.clock.Now()}
	k.secret = s.secret(k.id)
	s.keys[k.id] = k
	return &awsiam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: &k.id, SecretAccessKey: &k.secret, UserName: &e.name, Status: types.StatusTypeActive, CreateDate: &k.created,
	}}, nil
}

// ListAccessKeys lists the keys of a user.
func (s *Service) ListAccessKeys(c *wire.Call, in *awsiam.ListAccessKeysInput) (*awsiam.ListAccessKeysOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(c, in.UserName)
	if err != nil {
		return nil, err
	}
	var all []types.AccessKeyMetadata
	for _, k := range s.keysOf(e) {
		status := types.StatusTypeInactive
		if k.active {
			status = types.StatusTypeActive
		}
		all = append(all, types.AccessKeyMetadata{AccessKeyId: aws.String(k.id), UserName: aws.String(k.user), Status: status, CreateDate: aws.Time(k.created)})
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListAccessKeysOutput{AccessKeyMetadata: items, IsTruncated: truncated, Marker: next}, nil
}

func (s *Service) key(c *wire.Call, user, id *string) (*accessKey, error) {
	e, err := s.user(c, user)
	if err != nil {
		return nil, err
	}
	k, ok := s.keys[aws.ToString(id)]
	if !ok || k.user != e.name {
		return nil, noEntity("The Access Key with id %s cannot be found.", aws.ToString(id))
	}
	return k, nil
}

// UpdateAccessKey makes a key active or inactive.
func (s *Service) UpdateAccessKey(c *wire.Call, in *awsiam.UpdateAccessKeyInput) (*awsiam.UpdateAccessKeyOutput, error) {
	if err := valid(func(v *constraint.Violations) {
		constraint.OneOf(v, "status", in.Status, []types.StatusType{types.StatusTypeActive, types.StatusTypeInactive, types.StatusTypeExpired})
		v.Required("status", in.Status != "")
	}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.key(c, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	k.active = in.Status == types.StatusTypeActive
	return &awsiam.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey takes a key away.
func (s *Service) DeleteAccessKey(c *wire.Call, in *awsiam.DeleteAccessKeyInput) (*awsiam.DeleteAccessKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.key(c, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	delete(s.keys, k.id)
	s.gone[k.id] = true
	return &awsiam.DeleteAccessKeyOutput{}, nil
}

// PutUserPolicy sets an inline policy of a user.
func (s *Service) PutUserPolicy(_ *wire.Call, in *awsiam.PutUserPolicyInput) (*awsiam.PutUserPolicyOutput, error) {
	if err := valid(named("userName", in.UserName, maxUserName), named("policyName", in.PolicyName, maxPolicyName), documented("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	return &awsiam.PutUserPolicyOutput{}, e.put(*in.PolicyName, *in.PolicyDocument)
}

// GetUserPolicy returns an inline policy, URL-encoded.
func (s *Service) GetUserPolicy(_ *wire.Call, in *awsiam.GetUserPolicyInput) (*awsiam.GetUserPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := e.get(aws.ToString(in.PolicyName))
	if err != nil {
		return nil, err
	}
	return &awsiam.GetUserPolicyOutput{UserName: &e.name, PolicyName: in.PolicyName, PolicyDocument: encoded(d.Text)}, nil
}

// ListUserPolicies lists the inline policies by name.
func (s *Service) ListUserPolicies(_ *wire.Call, in *awsiam.ListUserPoliciesInput) (*awsiam.ListUserPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(slices.Sorted(maps.Keys(e.inline)), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListUserPoliciesOutput{PolicyNames: items, IsTruncated: truncated, Marker: next}, nil
}

// DeleteUserPolicy deletes an inline policy.
func (s *Service) DeleteUserPolicy(_ *wire.Call, in *awsiam.DeleteUserPolicyInput) (*awsiam.DeleteUserPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	if _, err := e.get(aws.ToString(in.PolicyName)); err != nil {
		return nil, err
	}
	delete(e.inline, *in.PolicyName)
	return &awsiam.DeleteUserPolicyOutput{}, nil
}

// AttachUserPolicy attaches a managed policy to a user.
func (s *Service) AttachUserPolicy(_ *wire.Call, in *awsiam.AttachUserPolicyInput) (*awsiam.AttachUserPolicyOutput, error) {
	if err := valid(named("userName", in.UserName, maxUserName), arned("policyArn", in.PolicyArn)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	return &awsiam.AttachUserPolicyOutput{}, e.attach(s, *in.PolicyArn)
}

// DetachUserPolicy detaches a managed policy from a user.
func (s *Service) DetachUserPolicy(_ *wire.Call, in *awsiam.DetachUserPolicyInput) (*awsiam.DetachUserPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	return &awsiam.DetachUserPolicyOutput{}, e.detach(aws.ToString(in.PolicyArn))
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *Service) ListAttachedUserPolicies(_ *wire.Call, in *awsiam.ListAttachedUserPoliciesInput) (*awsiam.ListAttachedUserPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.user(nil, in.UserName)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(e.attachedPolicies(s, in.PathPrefix), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListAttachedUserPoliciesOutput{AttachedPolicies: items, IsTruncated: truncated, Marker: next}, nil
}
