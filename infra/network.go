package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newNetwork returns the security groups of functions and builds; none outside
// of a VPC. Without groups in the settings it makes one that lets nothing in,
// and HTTPS out to the named networks only. Names are resolved by the VPC's own
// resolver, which security groups do not see.
func newNetwork(scope constructs.Construct, a agent) []*string {
	v := a.settings.VPC
	if !v.Inside() {
		return nil
	}
	if len(v.SecurityGroups) > 0 {
		return *jsii.Strings(v.SecurityGroups...)
	}
	var out []any
	for _, block := range v.Egress {
		out = append(out, &awsec2.CfnSecurityGroup_EgressProperty{IpProtocol: jsii.String("tcp"), FromPort: jsii.Number(443), ToPort: jsii.Number(443),
			CidrIp: jsii.String(block), Description: jsii.String("API servers and interface endpoints")})
	}
	for _, list := range v.PrefixLists {
		out = append(out, &awsec2.CfnSecurityGroup_EgressProperty{IpProtocol: jsii.String("tcp"), FromPort: jsii.Number(443), ToPort: jsii.Number(443),
			DestinationPrefixListId: jsii.String(list), Description: jsii.String("gateway endpoints")})
	}
	group := awsec2.NewCfnSecurityGroup(scope, jsii.String("SecurityGroup"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: jsii.String("EKS upgrade agent: HTTPS out to API servers and AWS, nothing in"), VpcId: jsii.String(v.ID), SecurityGroupEgress: out})
	return []*string{group.AttrGroupId()}
}
