package resource

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

type inlinePolicy struct {
	PolicyName     string   `cfn:"required"`
	PolicyDocument Document `cfn:"required"`
}

type role struct {
	AssumeRolePolicyDocument Document `cfn:"required"`
	Description              *string
	ManagedPolicyArns        []string
	MaxSessionDuration       *int32
	Path                     *string
	PermissionsBoundary      *string
	Policies                 []inlinePolicy
	RoleName                 *string
	Tags                     []Tag
}

func iamTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func init() {
	register(definition[role]{
		name: "AWS::IAM::Role", nameProperty: "RoleName", replace: []string{"Path", "RoleName"}, attributes: []string{"Arn", "RoleId"}, takes: 15 * time.Second,
		create: createRole, read: readRole, update: updateRole, remove: deleteRole,
	}, definition[rolePolicy]{
		name: "AWS::IAM::Policy", replace: []string{"PolicyName"}, attributes: []string{"Id"}, takes: 15 * time.Second,
		create: func(x *Context, p *rolePolicy) (string, error) {
			id := x.Name(40)
			return id, p.attach(x)
		},
		read: func(_ *Context, id string, _ *rolePolicy) (State, error) {
			return State{Attributes: map[string]any{"Id": id}}, nil
		},
		update: updateRolePolicy, remove: func(x *Context, _ string, p *rolePolicy) error { return p.detach(x) },
	}, definition[managedPolicy]{
		name: "AWS::IAM::ManagedPolicy", nameProperty: "ManagedPolicyName", replace: []string{"Description", "ManagedPolicyName", "Path"}, attributes: []string{"PolicyArn", "PolicyId"}, takes: 15 * time.Second,
		create: createManagedPolicy, read: readManagedPolicy, update: updateManagedPolicy, remove: deleteManagedPolicy,
	}, definition[instanceProfile]{
		name: "AWS::IAM::InstanceProfile", nameProperty: "InstanceProfileName", replace: []string{"InstanceProfileName", "Path"}, attributes: []string{"Arn"}, takes: 15 * time.Second,
		create: createInstanceProfile, read: readInstanceProfile, update: updateInstanceProfile, remove: deleteInstanceProfile,
	})
}

func createRole(x *Context, p *role) (string, error) {
	name := x.Or(p.RoleName, 64)
	_, err := invoke[iam.CreateRoleOutput](x, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: p.AssumeRolePolicyDocument.text(), Description: p.Description,
		MaxSessionDuration: p.MaxSessionDuration, Path: p.Path, PermissionsBoundary: p.PermissionsBoundary, Tags: tagsAs(x.tags(p.Tags), iamTag)})
	if err != nil {
		return "", err
	}
	return *name, setRolePolicies(x, *name, &role{}, p)
}

// setRolePolicies attaches and writes what p has and old has not, and takes away
// the rest of old.
func setRolePolicies(x *Context, name string, old, p *role) error {
	for _, arn := range p.ManagedPolicyArns {
		if !slices.Contains(old.ManagedPolicyArns, arn) {
			if err := do(x, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn}); err != nil {
				return err
			}
		}
	}
	for _, arn := range old.ManagedPolicyArns {
		if !slices.Contains(p.ManagedPolicyArns, arn) {
			if err := unlessGone(do(x, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})); err != nil {
				return err
			}
		}
	}
	for _, policy := range p.Policies {
		if !slices.Contains(old.Policies, policy) {
			if err := do(x, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy.PolicyName, PolicyDocument: policy.PolicyDocument.text()}); err != nil {
				return err
			}
		}
	}
	for _, was := range old.Policies {
		if !slices.ContainsFunc(p.Policies, func(is inlinePolicy) bool { return is.PolicyName == was.PolicyName }) {
			if err := unlessGone(do(x, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &was.PolicyName})); err != nil {
				return err
			}
		}
	}
	return nil
}

func readRole(x *Context, id string, _ *role) (State, error) {
	out, err := invoke[iam.GetRoleOutput](x, &iam.GetRoleInput{RoleName: &id})
	if err != nil {
		return State{}, err
	}
	return State{Attributes: map[string]any{"Arn": *out.Role.Arn, "RoleId": *out.Role.RoleId}}, nil
}

func updateRole(x *Context, id string, old, p *role) error {
	if old.AssumeRolePolicyDocument != p.AssumeRolePolicyDocument {
		if err := do(x, &iam.UpdateAssumeRolePolicyInput{RoleName: &id, PolicyDocument: p.AssumeRolePolicyDocument.text()}); err != nil {
			return err
		}
	}
	if aws.ToString(old.Description) != aws.ToString(p.Description) || aws.ToInt32(old.MaxSessionDuration) != aws.ToInt32(p.MaxSessionDuration) {
		description, longest := aws.ToString(p.Description), max(aws.ToInt32(p.MaxSessionDuration), 3600)
		if err := do(x, &iam.UpdateRoleInput{RoleName: &id, Description: &description, MaxSessionDuration: &longest}); err != nil {
			return err
		}
	}
	switch was, is := aws.ToString(old.PermissionsBoundary), aws.ToString(p.PermissionsBoundary); {
	case was != is && is == "":
		if err := do(x, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &id}); err != nil {
			return err
		}
	case was != is:
		if err := do(x, &iam.PutRolePermissionsBoundaryInput{RoleName: &id, PermissionsBoundary: &is}); err != nil {
			return err
		}
	}
	err := retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &iam.TagRoleInput{RoleName: &id, Tags: tagsAs(tags, iamTag)})
		},
		func(keys []string) error { return do(x, &iam.UntagRoleInput{RoleName: &id, TagKeys: keys}) })
	if err != nil {
		return err
	}
	return setRolePolicies(x, id, old, p)
}

func deleteRole(x *Context, id string, p *role) error {
	if err := setRolePolicies(x, id, p, &role{}); err != nil {
		return err
	}
	return do(x, &iam.DeleteRoleInput{RoleName: &id})
}

// rolePolicy is AWS::IAM::Policy: an inline policy of roles and users.
type rolePolicy struct {
	PolicyDocument Document `cfn:"required"`
	PolicyName     string   `cfn:"required"`
	Groups         []string
	Roles          []string
	Users          []string
}

func (p *rolePolicy) attach(x *Context) error {
	if len(p.Groups) > 0 {
		return refuse("Groups")
	}
	for _, name := range p.Roles {
		if err := do(x, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &p.PolicyName, PolicyDocument: p.PolicyDocument.text()}); err != nil {
			return err
		}
	}
	for _, name := range p.Users {
		if err := do(x, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &p.PolicyName, PolicyDocument: p.PolicyDocument.text()}); err != nil {
			return err
		}
	}
	return nil
}

func (p *rolePolicy) detach(x *Context) error {
	for _, name := range p.Roles {
		if err := unlessGone(do(x, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &p.PolicyName})); err != nil {
			return err
		}
	}
	for _, name := range p.Users {
		if err := unlessGone(do(x, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &p.PolicyName})); err != nil {
			return err
		}
	}
	return nil
}

func updateRolePolicy(x *Context, _ string, old, p *rolePolicy) error {
	if err := p.attach(x); err != nil {
		return err
	}
	left := &rolePolicy{PolicyName: old.PolicyName}
	left.Roles = slices.DeleteFunc(slices.Clone(old.Roles), func(name string) bool { return slices.Contains(p.Roles, name) })
	left.Users = slices.DeleteFunc(slices.Clone(old.Users), func(name string) bool { return slices.Contains(p.Users, name) })
	return left.detach(x)
}

type managedPolicy struct {
	PolicyDocument    Document `cfn:"required"`
	Description       *string
	Groups            []string
	ManagedPolicyName *string
	Path              *string
	Roles             []string
	Users             []string
}

func createManagedPolicy(x *Context, p *managedPolicy) (string, error) {
	if len(p.Groups) > 0 {
		return "", refuse("Groups")
	}
	out, err := invoke[iam.CreatePolicyOutput](x, &iam.CreatePolicyInput{PolicyName: x.Or(p.ManagedPolicyName, 128), PolicyDocument: p.PolicyDocument.text(),
		Description: p.Description, Path: p.Path, Tags: tagsAs(x.tags(nil), iamTag)})
	if err != nil {
		return "", err
	}
	return *out.Policy.Arn, attachManagedPolicy(x, *out.Policy.Arn, &managedPolicy{}, p)
}

func attachManagedPolicy(x *Context, arn string, old, p *managedPolicy) error {
	for _, name := range p.Roles {
		if err := do(x, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, name := range p.Users {
		if err := do(x, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, name := range old.Roles {
		if !slices.Contains(p.Roles, name) {
			if err := unlessGone(do(x, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})); err != nil {
				return err
			}
		}
	}
	for _, name := range old.Users {
		if !slices.Contains(p.Users, name) {
			if err := unlessGone(do(x, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})); err != nil {
				return err
			}
		}
	}
	return nil
}

func readManagedPolicy(x *Context, id string, _ *managedPolicy) (State, error) {
	out, err := invoke[iam.GetPolicyOutput](x, &iam.GetPolicyInput{PolicyArn: &id})
	if err != nil {
		return State{}, err
	}
	return State{Attributes: map[string]any{"PolicyArn": id, "PolicyId": *out.Policy.PolicyId}}, nil
}

func updateManagedPolicy(x *Context, id string, old, p *managedPolicy) error {
	if old.PolicyDocument != p.PolicyDocument {
		if err := dropOldVersions(x, id, 4); err != nil { // a policy has five at most
			return err
		}
		if err := do(x, &iam.CreatePolicyVersionInput{PolicyArn: &id, PolicyDocument: p.PolicyDocument.text(), SetAsDefault: true}); err != nil {
			return err
		}
	}
	return attachManagedPolicy(x, id, old, p)
}

// dropOldVersions deletes the oldest versions but for as many as to keep.
func dropOldVersions(x *Context, arn string, keep int) error {
	out, err := invoke[iam.ListPolicyVersionsOutput](x, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	if err != nil {
		return err
	}
	versions := slices.DeleteFunc(out.Versions, func(v types.PolicyVersion) bool { return v.IsDefaultVersion })
	slices.SortFunc(versions, func(a, b types.PolicyVersion) int { return b.CreateDate.Compare(*a.CreateDate) })
	for i, v := range versions {
		if i+1 >= keep { // the default one counts too
			if err := do(x, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId}); err != nil {
				return err
			}
		}
	}
	return nil
}

func deleteManagedPolicy(x *Context, id string, p *managedPolicy) error {
	if err := attachManagedPolicy(x, id, p, &managedPolicy{}); err != nil {
		return err
	}
	if err := dropOldVersions(x, id, 1); err != nil {
		return err
	}
	return do(x, &iam.DeletePolicyInput{PolicyArn: &id})
}

type instanceProfile struct {
	InstanceProfileName *string
	Path                *string
	Roles               []string `cfn:"required"`
}

func createInstanceProfile(x *Context, p *instanceProfile) (string, error) {
	name := x.Or(p.InstanceProfileName, 128)
	if err := do(x, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: p.Path}); err != nil {
		return "", err
	}
	return *name, updateInstanceProfile(x, *name, &instanceProfile{}, p)
}

func readInstanceProfile(x *Context, id string, _ *instanceProfile) (State, error) {
	out, err := invoke[iam.GetInstanceProfileOutput](x, &iam.GetInstanceProfileInput{InstanceProfileName: &id})
	if err != nil {
		return State{}, err
	}
	return State{Attributes: map[string]any{"Arn": *out.InstanceProfile.Arn}}, nil
}

func updateInstanceProfile(x *Context, id string, old, p *instanceProfile) error {
	for _, name := range old.Roles {
		if !slices.Contains(p.Roles, name) {
			if err := unlessGone(do(x, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: &id, RoleName: &name})); err != nil {
				return err
			}
		}
	}
	for _, name := range p.Roles {
		if !slices.Contains(old.Roles, name) {
			if err := do(x, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &id, RoleName: &name}); err != nil {
				return err
			}
		}
	}
	return nil
}

func deleteInstanceProfile(x *Context, id string, p *instanceProfile) error {
	if err := updateInstanceProfile(x, id, p, &instanceProfile{}); err != nil {
		return err
	}
	return do(x, &iam.DeleteInstanceProfileInput{InstanceProfileName: &id})
}

// lastOf is what follows the last separator of an id.
func lastOf(id, separator string) string { return id[strings.LastIndex(id, separator)+len(separator):] }
