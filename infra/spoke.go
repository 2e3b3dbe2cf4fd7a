package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// spokeStack names the stack of a spoke.
func spokeStack(s deploy.Spoke) string { return access.Stack + "Spoke-" + s.Account + "-" + s.Region }

// newSpoke makes the roles in another account with clusters: one for each role
// of the hub that works on clusters, zones or metrics, with the same statements
// but for that account's clusters, and taken on by that one role of the hub only,
// with the external id of the settings.
func newSpoke(app awscdk.App, s deploy.Settings, spoke deploy.Spoke) awscdk.Stack {
	stack := newStack(app, spokeStack(spoke), "EKS upgrade agent: roles for the agent of account "+s.Account, spoke.Account, spoke.Region, s.Tags)
	hub := s.Names(*stack.Partition())
	for _, r := range access.SpokeRoles(spoke.Names(*stack.Partition())) {
		inner := part(stack, strings.TrimPrefix(r.Name, "eks-upgrade-spoke-"))
		role := renderRole(inner, r.Name, "EKS upgrade agent in account "+s.Account+": "+r.Purpose, map[string]any{
			"Effect": "Allow", "Action": "sts:AssumeRole",
			// The account as the principal, the role as a condition: a role's ARN as
			// the principal would have to exist first, and would be lost with it.
			"Principal": map[string]any{"AWS": "arn:" + hub.Partition + ":iam::" + hub.Account + ":root"},
			"Condition": map[string]any{"StringEquals": map[string]any{"sts:ExternalId": spoke.ExternalID}, "ArnEquals": map[string]any{"aws:PrincipalArn": hub.Role(r.TakenOnBy)}},
		}, r.Statements)
		awscdk.NewCfnOutput(inner, jsii.String("Arn"), &awscdk.CfnOutputProps{Description: jsii.String(r.Purpose), Value: role.AttrArn()})
	}
	return stack
}
