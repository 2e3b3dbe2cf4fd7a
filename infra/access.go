package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newRole makes a role that a service of this account takes on and that may do
// what the statements of pkg/access say. What it returns second cannot be given
// more: constructs that would help themselves change nothing.
func newRole(scope constructs.Construct, name, service string, condition map[string]map[string]any, may []access.Statement) (awsiam.Role, awsiam.IRole) {
	var statements []awsiam.PolicyStatement
	for _, s := range may {
		statements = append(statements, render(s))
	}
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		RoleName:  jsii.String(name),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String(service), &awsiam.ServicePrincipalOpts{Conditions: conditions(condition)}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	return role, role.WithoutPolicyUpdates(nil)
}

func render(s access.Statement) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(s.Actions...), Resources: jsii.Strings(s.Resources...), Conditions: conditions(s.Condition)})
}

func conditions(all map[string]map[string]any) *map[string]any {
	if all == nil {
		return nil
	}
	out := map[string]any{}
	for operator, keys := range all {
		out[operator] = keys
	}
	return &out
}
