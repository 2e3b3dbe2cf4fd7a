package authz

import (
	"reflect"

	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// assumed needs the role's trust policy to agree, to tags and to a source
// identity too where the request sets them.
func assumed(r Request) []Need {
	in, ok := r.Input.(*awssts.AssumeRoleInput)
	if !ok {
		return nil
	}
	need := func(action string) Need {
		c := policy.Context{}
		c.Set("sts:ExternalId", r.texts("ExternalId")...)
		c.Set("sts:RoleSessionName", r.texts("RoleSessionName")...)
		c.Set("sts:SourceIdentity", r.texts("SourceIdentity")...)
		c.Set("sts:TransitiveTagKeys", r.texts("TransitiveTagKeys")...)
		return Need{Action: "sts:" + action, Resource: deref(in.RoleArn), Context: c, Trust: true}
	}
	out := []Need{need("AssumeRole")}
	if len(in.Tags) > 0 {
		out = append(out, need("TagSession"))
	}
	if in.SourceIdentity != nil {
		out = append(out, need("SetSourceIdentity"))
	}
	return out
}

var sts = merge(
	map[string]Rule{
		"AssumeRole": assumed,
		"AssumeRoleWithWebIdentity": func(r Request) []Need {
			c := policy.Context{}
			c.Set("sts:RoleSessionName", r.texts("RoleSessionName")...)
			return []Need{{Action: "sts:AssumeRoleWithWebIdentity", Resource: r.text("RoleArn"), Context: c, Trust: true}}
		},
		// Source: "No permissions are required to perform this operation."
		"GetCallerIdentity": nobody, "GetSessionToken": nobody,
		"GetAccessKeyInfo": on("sts:GetAccessKeyInfo", anything),
	},
)

// entity is the ARN of a role, user and so on, which has its path.
func entity(kind, nameField, operation string, ask func(name *string) any, path string) resources {
	return func(r Request) []string {
		name := r.text(nameField)
		if name == "" {
			return []string{"arn:aws:iam::" + r.Account + ":" + kind + "/*"}
		}
		if found := r.ask("iam", operation, ask(&name), path); len(found) == 1 {
			return found
		}
		return []string{"arn:aws:iam::" + r.Account + ":" + kind + "/" + name}
	}
}

// created is the ARN that something will have.
func created(kind, nameField string) resources {
	return func(r Request) []string {
		path := r.text("Path")
		if path == "" {
			path = "/"
		}
		return []string{"arn:aws:iam::" + r.Account + ":" + kind + path + r.text(nameField)}
	}
}

var (
	role    = entity("role", "RoleName", "GetRole", func(n *string) any { return &awsiam.GetRoleInput{RoleName: n} }, "Role.Arn")
	user    = entity("user", "UserName", "GetUser", func(n *string) any { return &awsiam.GetUserInput{UserName: n} }, "User.Arn")
	profile = entity("instance-profile", "InstanceProfileName", "GetInstanceProfile", func(n *string) any {
		return &awsiam.GetInstanceProfileInput{InstanceProfileName: n}
	}, "InstanceProfile.Arn")
	managedPolicy = field("PolicyArn")
	oidc          = field("OpenIDConnectProviderArn")
)

func limited(rule Rule) Rule { return with(rule, "iam:PermissionsBoundary", "PermissionsBoundary") }

var iam = merge(
	map[string]Rule{
		"CreateRole":                       limited(on("iam:CreateRole", created("role", "RoleName"))),
		"CreateUser":                       limited(on("iam:CreateUser", created("user", "UserName"))),
		"CreatePolicy":                     on("iam:CreatePolicy", created("policy", "PolicyName")),
		"CreateInstanceProfile":            on("iam:CreateInstanceProfile", created("instance-profile", "InstanceProfileName")),
		"PutRolePermissionsBoundary":       limited(on("iam:PutRolePermissionsBoundary", role)),
		"AttachRolePolicy":                 with(on("iam:AttachRolePolicy", role), "iam:PolicyARN", "PolicyArn"),
		"DetachRolePolicy":                 with(on("iam:DetachRolePolicy", role), "iam:PolicyARN", "PolicyArn"),
		"AttachUserPolicy":                 with(on("iam:AttachUserPolicy", user), "iam:PolicyARN", "PolicyArn"),
		"DetachUserPolicy":                 with(on("iam:DetachUserPolicy", user), "iam:PolicyARN", "PolicyArn"),
		"AddRoleToInstanceProfile":         func(r Request) []Need { return and(on("iam:AddRoleToInstanceProfile", profile), passNamed(role))(r) },
		"CreateOpenIDConnectProvider":      on("iam:CreateOpenIDConnectProvider", newProvider),
		"ListOpenIDConnectProviders":       on("iam:ListOpenIDConnectProviders", anything),
		"SimulatePrincipalPolicy":          on("iam:SimulatePrincipalPolicy", field("PolicySourceArn")),
		"GetContextKeysForPrincipalPolicy": on("iam:GetContextKeysForPrincipalPolicy", field("PolicySourceArn")),
	},
	same("iam", role, "GetRole", "UpdateRole", "UpdateAssumeRolePolicy", "DeleteRole", "PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy",
		"ListAttachedRolePolicies", "DeleteRolePermissionsBoundary", "TagRole", "UntagRole", "ListRoleTags", "ListInstanceProfilesForRole", "UpdateRoleDescription"),
	same("iam", user, "GetUser", "DeleteUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey", "PutUserPolicy", "GetUserPolicy",
		"ListUserPolicies", "DeleteUserPolicy", "ListAttachedUserPolicies"),
	same("iam", managedPolicy, "GetPolicy", "DeletePolicy", "CreatePolicyVersion", "GetPolicyVersion", "ListPolicyVersions", "SetDefaultPolicyVersion",
		"DeletePolicyVersion", "ListEntitiesForPolicy", "TagPolicy", "UntagPolicy", "ListPolicyTags"),
	same("iam", profile, "GetInstanceProfile", "RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"),
	same("iam", oidc, "GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider"),
	same("iam", anything, "ListRoles", "ListUsers", "ListPolicies", "SimulateCustomPolicy", "GetContextKeysForCustomPolicy"),
)

func newProvider(r Request) []string {
	return []string{"arn:aws:iam::" + r.Account + ":oidc-provider/" + trimScheme(r.text("Url"))}
}

// passNamed is for a role that is handed over by its name.
func passNamed(res resources) Rule {
	return func(r Request) []Need {
		needs := on("iam:PassRole", res)(r)
		for _, n := range needs {
			n.Context.Set("iam:PassedToService", "ec2.amazonaws.com")
		}
		return needs
	}
}

// structs returns the elements of a list of structures, as pointers.
func structs(in any, name string) ([]any, bool) {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return nil, false
	}
	list := v.FieldByName(name)
	if list.Kind() != reflect.Slice {
		return nil, false
	}
	var out []any
	for i := range list.Len() {
		out = append(out, list.Index(i).Addr().Interface())
	}
	return out, true
}

// mapValue is a value of a map of texts in an Input.
func mapValue(in any, name, key string) string {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return ""
	}
	m, _ := v.FieldByName(name).Interface().(map[string]string)
	return m[key]
}
