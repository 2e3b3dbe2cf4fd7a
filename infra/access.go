package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// arns names resources. All names are fixed, because the state machine's
// document and the configuration's defaults say them, and account and region
// are known: so every ARN is plain text, in the template too.
type arns struct {
	Settings
	partition string
}

func (a arns) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", a.partition, service, a.Region, a.Account, resource)
}

func (a arns) bucketName() string { return "eks-upgrade-artifacts-" + a.Account + "-" + a.Region }
func (a arns) bucket() string     { return "arn:" + a.partition + ":s3:::" + a.bucketName() }

// object names the artifacts under a prefix; their names are hashes.
func (a arns) object(prefix string) string { return a.bucket() + "/" + prefix + "/*" }

func (a arns) table(name string) []string { return []string{a.arn("dynamodb", "table/"+name)} }
func (a arns) topic() string              { return a.arn("sns", topicName) }
func (a arns) function(name string) string {
	return a.arn("lambda", "function:"+name)
}
func (a arns) project(name string) []string { return []string{a.arn("codebuild", "project/"+name)} }
func (a arns) logStreams(group string) []string {
	return []string{a.arn("logs", "log-group:"+group+":log-stream:*")}
}

// clusters names the clusters that the agent may touch, and parts of them:
// the ids that EKS adds to their ARNs are not known before they exist. Source:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
func (a arns) clusters(kinds ...string) []string {
	var out []string
	for _, kind := range kinds {
		for _, name := range a.Clusters {
			resource := kind + "/" + name
			if kind != "cluster" {
				resource += "/*"
			}
			out = append(out, a.arn("eks", resource))
		}
	}
	return out
}

func (a arns) zones() []string {
	var out []string
	for _, id := range a.HostedZones {
		out = append(out, "arn:"+a.partition+":route53:::hostedzone/"+id)
	}
	return out
}

func (a arns) passable() []string {
	var out []string
	for _, name := range a.Roles {
		out = append(out, "arn:"+a.partition+":iam::"+a.Account+":role/"+name)
	}
	return out
}

// everything is the resource of actions that AWS does not let narrow; each use
// says why.
var everything = []string{"*"}

func allow(resources []string, actions ...string) awsiam.PolicyStatement {
	return allowWhen(nil, resources, actions...)
}

func allowWhen(condition map[string]any, resources []string, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)}
	if condition != nil {
		props.Conditions = &condition
	}
	return awsiam.NewPolicyStatement(props)
}

// newRole makes a role that a service of this account takes on and that may do
// what the statements say. What it returns cannot be given more: constructs
// that would help themselves change nothing.
func newRole(scope constructs.Construct, name, service string, condition map[string]any, statements []awsiam.PolicyStatement) (awsiam.Role, awsiam.IRole) {
	options := &awsiam.ServicePrincipalOpts{}
	if condition != nil {
		options.Conditions = &condition
	}
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		RoleName:  jsii.String(name),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String(service), options),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	return role, role.WithoutPolicyUpdates(nil)
}

// inThisAccount keeps a service from taking on a role on behalf of another
// account. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (a arns) inThisAccount() map[string]any {
	return map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": a.Account}}
}
