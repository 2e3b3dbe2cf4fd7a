package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newRole makes a role of pkg/access: what a service of this account takes on,
// and may do what is written there and nothing else.
func newRole(scope constructs.Construct, r access.Role) awsiam.CfnRole {
	trust := map[string]any{"Effect": "Allow", "Principal": map[string]any{"Service": r.Service}, "Action": "sts:AssumeRole"}
	if r.AssumedIf != nil {
		trust["Condition"] = plain(r.AssumedIf)
	}
	return renderRole(scope, r.Name, "EKS upgrade agent: "+r.Purpose, trust, r.Statements)
}

func renderRole(scope constructs.Construct, name, description string, trust map[string]any, may []access.Statement) awsiam.CfnRole {
	var statements document
	for _, s := range may {
		statement := map[string]any{"Effect": "Allow", "Action": oneOrMore(s.Actions), "Resource": oneOrMore(s.Resources)}
		if s.Condition != nil {
			statement["Condition"] = plain(s.Condition)
		}
		statements = append(statements, statement)
	}
	role := awsiam.NewCfnRole(scope, jsii.String("Role"), &awsiam.CfnRoleProps{
		RoleName: jsii.String(name), Description: jsii.String(description), AssumeRolePolicyDocument: document{trust}.json(),
		Policies: []any{&awsiam.CfnRole_PolicyProperty{PolicyName: jsii.String("own"), PolicyDocument: statements.json()}},
	})
	reasons := wide(may)
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		accept(role, "AwsSolutions-IAM5", why, reasons[why]...)
	}
	return role
}

// wide returns why there is a * in the resources of statements, and in which:
// cdk-nag wants a reason for each, and pkg/access has one for each statement.
func wide(may []access.Statement) map[string][]string {
	why := map[string][]string{} // by resource
	for _, s := range may {
		for _, on := range s.Resources {
			if strings.Contains(on, "*") && !slices.Contains(why[on], reason(s)) {
				why[on] = append(why[on], reason(s))
			}
		}
	}
	out := map[string][]string{}
	for _, on := range slices.Sorted(maps.Keys(why)) {
		text := strings.Join(why[on], " ")
		if on != "*" {
			text += " The * stands for what has no name yet."
		}
		out[text] = append(out[text], "Resource::"+on)
	}
	return out
}

// reason says why a statement is there, and why on everything if it is.
func reason(s access.Statement) string {
	text := strings.ToUpper(s.Why[:1]) + s.Why[1:]
	if s.Wide != "" {
		text += ": " + s.Wide
	}
	return text + "."
}

// roleNamed returns a role of pkg/access.
func (a agent) roleNamed(name string) access.Role {
	r, known := access.RoleNamed(name, a.Names)
	if !known {
		panic("no permissions are written down for " + name)
	}
	return r
}
