package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newParameters stores the settings of the agent that are no secrets, one
// parameter each: "verify.healthMaxAge" under verify/healthMaxAge of the path.
// Functions read them by their environment first; the command line tool knows
// them by the path alone. CloudFormation cannot make a SecureString: secrets are
// stored by `eks-upgrade config push`. Source:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ssm-parameter.html
func newParameters(scope constructs.Construct, a agent, urls map[string]*string) {
	values := map[string]*string{
		"bucket":             jsii.String(a.Bucket()),
		"notification.topic": jsii.String(a.Topic()),
		"events.bus":         jsii.String(access.Bus),
		"approval.url":       urls[approvalURL],
		"stream.url":         urls[streamURL],
	}
	for key, value := range a.settings.Parameters() {
		values[key] = jsii.String(value)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		awsssm.NewCfnParameter(scope, jsii.String(key), &awsssm.CfnParameterProps{
			Name: jsii.String(access.ConfigPath + strings.ReplaceAll(key, ".", "/")), Type: jsii.String("String"), Value: values[key],
			Description: jsii.String("EKS upgrade agent: setting " + key)})
	}
}
