package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const awsOwned = "arn:aws:iam::aws:policy"

func hasPath(path, prefix string) bool { return strings.HasPrefix(path, prefix) }

func (s *Service) policy(arn *string) (*managed, error) {
	p, ok := s.policies[aws.ToString(arn)]
	if !ok {
		return nil, noEntity("Policy %s was not found.", aws.ToString(arn))
	}
	return p, nil
}

// changeable finds a policy that is the account's own.
func (s *Service) changeable(arn *string) (*managed, error) {
	p, err := s.policy(arn)
	if err == nil && strings.HasPrefix(p.arn, awsOwned) {
		return nil, &wire.Error{Code: "AccessDenied", Status: 403, Message: "Policy " + p.arn + " is an AWS managed policy and cannot be changed."}
	}
	return p, err
}

// uses counts the entities that a policy is attached to or limits.
func (s *Service) uses(arn string) (attached, boundaries int32) {
	for _, all := range []map[string]*entity{s.roles, s.users} {
		for _, e := range all {
			if slices.Contains(e.attached, arn) {
				attached++
			}
			if e.boundary == arn {
				boundaries++
			}
		}
	}
	return attached, boundaries
}

func (s *Service) describePolicy(p *managed, details bool) types.Policy {
	attached, boundaries := s.uses(p.arn)
	out := types.Policy{
		Arn: &p.arn, PolicyName: &p.name, PolicyId: &p.id, Path: &p.path, DefaultVersionId: aws.String(p.standard), AttachmentCount: &attached,
		PermissionsBoundaryUsageCount: &boundaries, IsAttachable: true, CreateDate: aws.Time(p.created), UpdateDate: aws.Time(p.updated),
	}
	if details {
		out.Description, out.Tags = p.description, tagList(p.tags)
	}
	return out
}

func managedDocument(text string) (*policy.Document, error) {
	d, err := parse(text, policy.Identity)
	if err == nil && size(text) > maxManagedSize {
		err = limitExceeded("Cannot exceed quota for PolicySize: %d", maxManagedSize)
	}
	return d, err
}

// CreatePolicy makes a managed policy.
func (s *Service) CreatePolicy(_ *wire.Call, in *awsiam.CreatePolicyInput) (*awsiam.CreatePolicyOutput, error) {
	if err := valid(named("policyName", in.PolicyName, maxPolicyName), documented("policyDocument", in.PolicyDocument), pathed(in.Path), described(in.Description)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &managed{name: *in.PolicyName, path: orRoot(in.Path), description: in.Description, created: s.clock.Now()}
	for _, other := range s.policies {
		if strings.EqualFold(other.name, p.name) && !strings.HasPrefix(other.arn, awsOwned) {
			return nil, alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", p.name)
		}
	}
	doc, err := managedDocument(*in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	if p.tags, err = setTags(nil, in.Tags); err != nil {
		return nil, err
	}
	p.arn, p.id, p.updated = s.arn("policy", p.path, p.name), s.uniqueID("ANPA"), p.created
	p.add(doc, true, s)
	s.policies[p.arn] = p
	out := s.describePolicy(p, false)
	if len(p.tags) > 0 {
		out.Tags = tagList(p.tags)
	}
	return &awsiam.CreatePolicyOutput{Policy: &out}, nil
}

// add appends a version.
func (p *managed) add(doc *policy.Document, standard bool, s *Service) version {
	p.latest++
	v := version{fmt.Sprintf("v%d", p.latest), doc, s.clock.Now()}
	p.versions = append(p.versions, v)
	p.updated = v.created
	if standard {
		p.standard = v.id
	}
	return v
}

// GetPolicy describes a managed policy.
func (s *Service) GetPolicy(_ *wire.Call, in *awsiam.GetPolicyInput) (*awsiam.GetPolicyOutput, error) {
	if err := valid(arned("policyArn", in.PolicyArn)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.policy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := s.describePolicy(p, true)
	return &awsiam.GetPolicyOutput{Policy: &out}, nil
}

// ListPolicies lists managed policies by ARN.
func (s *Service) ListPolicies(_ *wire.Call, in *awsiam.ListPoliciesInput) (*awsiam.ListPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.Policy
	for _, p := range sorted(s.policies) {
		attached, boundaries := s.uses(p.arn)
		amazon := strings.HasPrefix(p.arn, awsOwned)
		switch {
		case in.Scope == types.PolicyScopeTypeLocal && amazon, in.Scope == types.PolicyScopeTypeAws && !amazon,
			in.OnlyAttached && attached == 0,
			in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary && boundaries == 0,
			!hasPath(p.path, aws.ToString(in.PathPrefix)):
			continue
		}
		all = append(all, s.describePolicy(p, false))
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListPoliciesOutput{Policies: items, IsTruncated: truncated, Marker: next}, nil
}

// DeletePolicy deletes a policy that nothing uses, with its only version.
func (s *Service) DeletePolicy(_ *wire.Call, in *awsiam.DeletePolicyInput) (*awsiam.DeletePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if attached, boundaries := s.uses(p.arn); attached+boundaries > 0 {
		return nil, deleteConflict("Cannot delete a policy attached to entities.")
	}
	if len(p.versions) > 1 {
		return nil, deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	delete(s.policies, p.arn)
	return &awsiam.DeletePolicyOutput{}, nil
}

func (p *managed) describeVersion(v version, document bool) types.PolicyVersion {
	out := types.PolicyVersion{VersionId: aws.String(v.id), IsDefaultVersion: v.id == p.standard, CreateDate: aws.Time(v.created)}
	if document {
		out.Document = encoded(v.doc.Text)
	}
	return out
}

func (p *managed) version(id *string) (int, error) {
	i := slices.IndexFunc(p.versions, func(v version) bool { return v.id == aws.ToString(id) })
	if i < 0 {
		return 0, noEntity("Policy %s version %s does not exist or is not attachable.", p.arn, aws.ToString(id))
	}
	return i, nil
}

// CreatePolicyVersion adds a version, at most 5.
func (s *Service) CreatePolicyVersion(_ *wire.Call, in *awsiam.CreatePolicyVersionInput) (*awsiam.CreatePolicyVersionOutput, error) {
	if err := valid(arned("policyArn", in.PolicyArn), documented("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	doc, err := managedDocument(*in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	if len(p.versions) >= maxVersions {
		return nil, limitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
	}
	out := p.describeVersion(p.add(doc, in.SetAsDefault, s), false)
	return &awsiam.CreatePolicyVersionOutput{PolicyVersion: &out}, nil
}

// GetPolicyVersion returns a version with its document, URL-encoded.
func (s *Service) GetPolicyVersion(_ *wire.Call, in *awsiam.GetPolicyVersionInput) (*awsiam.GetPolicyVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.policy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	out := p.describeVersion(p.versions[i], true)
	return &awsiam.GetPolicyVersionOutput{PolicyVersion: &out}, nil
}

// ListPolicyVersions lists the versions, newest first.
func (s *Service) ListPolicyVersions(_ *wire.Call, in *awsiam.ListPolicyVersionsInput) (*awsiam.ListPolicyVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.policy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var all []types.PolicyVersion
	for _, v := range slices.Backward(p.versions) {
		all = append(all, p.describeVersion(v, false))
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListPolicyVersionsOutput{Versions: items, IsTruncated: truncated, Marker: next}, nil
}

// SetDefaultPolicyVersion makes a version the one that counts.
func (s *Service) SetDefaultPolicyVersion(_ *wire.Call, in *awsiam.SetDefaultPolicyVersionInput) (*awsiam.SetDefaultPolicyVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	p.standard, p.updated = p.versions[i].id, s.clock.Now()
	return &awsiam.SetDefaultPolicyVersionOutput{}, nil
}

// DeletePolicyVersion deletes a version that is not the default.
func (s *Service) DeletePolicyVersion(_ *wire.Call, in *awsiam.DeletePolicyVersionInput) (*awsiam.DeletePolicyVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	if p.versions[i].id == p.standard {
		return nil, deleteConflict("Cannot delete the default version of a policy.")
	}
	p.versions = slices.Delete(p.versions, i, i+1)
	return &awsiam.DeletePolicyVersionOutput{}, nil
}

// ListEntitiesForPolicy lists the users and roles that a policy is attached to.
func (s *Service) ListEntitiesForPolicy(_ *wire.Call, in *awsiam.ListEntitiesForPolicyInput) (*awsiam.ListEntitiesForPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.policy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var all []*entity
	for _, e := range slices.Concat(sorted(s.users), sorted(s.roles)) {
		wanted := in.EntityFilter == "" || strings.EqualFold(string(in.EntityFilter), e.kind)
		uses := slices.Contains(e.attached, p.arn)
		if in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary {
			uses = e.boundary == p.arn
		}
		if wanted && uses && hasPath(e.path, aws.ToString(in.PathPrefix)) {
			all = append(all, e)
		}
	}
	items, truncated, next, err := page(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &awsiam.ListEntitiesForPolicyOutput{IsTruncated: truncated, Marker: next, PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{}}
	for _, e := range items {
		if e.kind == "role" {
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleId: &e.id, RoleName: &e.name})
		} else {
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserId: &e.id, UserName: &e.name})
		}
	}
	return out, nil
}

// TagPolicy adds tags.
func (s *Service) TagPolicy(_ *wire.Call, in *awsiam.TagPolicyInput) (*awsiam.TagPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if p.tags, err = tagged(p.tags, in.Tags); err != nil {
		return nil, err
	}
	return &awsiam.TagPolicyOutput{}, nil
}

// UntagPolicy removes tags.
func (s *Service) UntagPolicy(_ *wire.Call, in *awsiam.UntagPolicyInput) (*awsiam.UntagPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.changeable(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	p.tags = dropTags(p.tags, in.TagKeys)
	return &awsiam.UntagPolicyOutput{}, nil
}

// ListPolicyTags lists the tags of a policy by key.
func (s *Service) ListPolicyTags(_ *wire.Call, in *awsiam.ListPolicyTagsInput) (*awsiam.ListPolicyTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.policy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(tagList(p.tags), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.ListPolicyTagsOutput{Tags: items, IsTruncated: truncated, Marker: next}, nil
}
