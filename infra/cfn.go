package main

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// The constructs are those that CloudFormation knows (L1): those one level up
// give roles more than is used, and hide what an auditor wants to read.

// agent is what all parts of the stack share. All names are fixed, because the
// state machines' documents and the configuration's defaults say them, and
// account and region are known: so ARNs are plain text, in the template too,
// but those that AWS makes up.
type agent struct {
	access.Names
	settings deploy.Settings
	dist     string
}

// part makes a scope for a subject.
func part(scope constructs.Construct, name string) constructs.Construct {
	return constructs.NewConstruct(scope, jsii.String(name))
}

// keep lets a resource outlive the stack.
func keep(r awscdk.CfnResource) {
	r.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
}

// after makes a resource only when others are there, where no reference says so.
func after(r awscdk.CfnResource, others ...awscdk.CfnResource) {
	for _, o := range others {
		r.AddResourceDependency(o, nil)
	}
}

// accept says why a finding of cdk-nag is as it should be. A finding with a
// detail, such as "Resource::*", is accepted for these details only.
func accept(r constructs.IConstruct, rule, why string, details ...string) {
	suppression := &cdknag.NagPackSuppression{Id: jsii.String(rule), Reason: jsii.String(why)}
	if len(details) > 0 {
		var to []any
		for _, d := range details {
			if strings.Contains(d, "${Token[") { // cdk-nag shows <the logical id>
				pattern := strings.ReplaceAll(regexp.QuoteMeta(token.ReplaceAllString(d, "\x00")), "\x00", "<.*>")
				to = append(to, &cdknag.RegexAppliesTo{Regex: jsii.String("/^" + strings.ReplaceAll(pattern, "/", "\\/") + "$/g")})
				continue
			}
			to = append(to, d)
		}
		suppression.AppliesTo = &to
	}
	cdknag.NagSuppressions_AddResourceSuppressions(r, &[]*cdknag.NagPackSuppression{suppression}, nil)
}

// token is what CDK puts in the place of what only AWS knows.
var token = regexp.MustCompile(`\$\{Token\[[^\]]*\]\}`)

// document is an IAM policy as plain data.
type document []map[string]any

func (d document) json() map[string]any {
	statements := make([]any, len(d))
	for i := range d {
		statements[i] = d[i]
	}
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// onlyTLS denies what is not encrypted on its way.
func onlyTLS(actions any, resources ...string) map[string]any {
	return map[string]any{"Sid": "OnlyTLS", "Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": actions, "Resource": oneOrMore(resources),
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}
}

// oneOrMore writes a list of one as CloudFormation's readers expect it.
func oneOrMore(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	out := make([]any, len(values))
	for i := range values {
		out[i] = values[i]
	}
	return out
}

// plain turns Go values into what JSON has: maps, lists, texts, numbers.
func plain(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // it is data that the program wrote itself
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

// asJSON writes < and > as they are: EventBridge looks for <name> in the text of
// a template.
func asJSON(value any) *string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // it is data that the program wrote itself
	}
	return jsii.String(strings.TrimSuffix(b.String(), "\n"))
}
