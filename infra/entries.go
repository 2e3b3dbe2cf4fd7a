package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseks"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newAccessEntries lets the roles that talk to clusters into those of the
// settings: as the groups that the manifest of pkg/access binds. Green clusters
// get the entries of blue when they are made. EKS refuses a role that IAM made a
// moment ago, so the entries wait for what comes late. Source:
// https://github.com/hashicorp/terraform-provider-aws/pull/35535
func newAccessEntries(scope constructs.Construct, a agent, functions map[string]function, builds map[string]awsiam.CfnRole, late awscdk.CfnResource) {
	for _, cluster := range a.settings.AccessEntries {
		inner := part(scope, cluster)
		for _, r := range access.Roles(a.Names) {
			if r.Group == "" {
				continue
			}
			role, isBuild := builds[r.Name]
			if !isBuild {
				role = functions[r.Name].role
			}
			entry := awseks.NewCfnAccessEntry(inner, jsii.String(r.Name), &awseks.CfnAccessEntryProps{
				ClusterName: jsii.String(cluster), PrincipalArn: role.AttrArn(), Type: jsii.String("STANDARD"), KubernetesGroups: jsii.Strings(string(r.Group))})
			after(entry, late)
		}
	}
}
