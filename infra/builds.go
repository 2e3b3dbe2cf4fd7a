package main

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
)

// container is CodeBuild's own image with the AWS CLI, by processor. Source:
// https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
var container = map[string]struct{ kind, image string }{
	deploy.Arm: {"ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"},
	deploy.X86: {"LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"},
}

// buildMinutes is after how long CodeBuild stops a build. A request may give
// making a cluster up to eight hours; the state machine waits for a scan for
// half an hour.
var buildMinutes = map[string]float64{access.ProvisionProject: 480, access.ScanProject: 30}

// newBuilds makes the CodeBuild projects of pkg/access and returns their roles
// by name. Their source is the folder dist/source, which holds the scripts and
// the command line tool of the very version that is deployed: builds fetch
// nothing of the agent from elsewhere. Which upgrade a build is for, it is told
// by variables when it is started.
func newBuilds(scope constructs.Construct, a agent, groups []*string) map[string]awsiam.CfnRole {
	source := awss3assets.NewAsset(scope, jsii.String("Source"), &awss3assets.AssetProps{Path: jsii.String(filepath.Join(a.dist, "source"))})
	location := *source.S3BucketName() + "/" + *source.S3ObjectKey()
	a.Source = "arn:" + a.Partition + ":s3:::" + location
	artifacts := map[string]*awscodebuild.CfnProject_ArtifactsProperty{
		access.ProvisionProject: {Type: jsii.String("NO_ARTIFACTS")},
		access.ScanProject: {
			Type: jsii.String("S3"), Location: jsii.String(a.Bucket()), Packaging: jsii.String("NONE"),
			Path: jsii.String("scans"), NamespaceType: jsii.String("BUILD_ID"), Name: jsii.String("/"), // scans/<build id>/
			EncryptionDisabled: jsii.Bool(true), // by CodeBuild: the bucket encrypts with the same key
		},
	}
	specs := map[string]string{access.ProvisionProject: scripts.ProvisionBuildspec, access.ScanProject: scripts.ScanBuildspec}
	roles := map[string]awsiam.CfnRole{}
	for _, b := range access.Builds() {
		inner := part(scope, b.Name)
		log := newLog(inner, a, "/aws/codebuild/"+b.Name)
		role := newRole(inner, a.roleNamed(b.Name))
		props := &awscodebuild.CfnProjectProps{
			Name:        jsii.String(b.Name),
			Description: jsii.String("EKS upgrade agent: " + b.Purpose),
			ServiceRole: role.AttrArn(),
			Source:      &awscodebuild.CfnProject_SourceProperty{Type: jsii.String("S3"), Location: jsii.String(location), BuildSpec: jsii.String(specs[b.Name])},
			Artifacts:   artifacts[b.Name],
			Environment: &awscodebuild.CfnProject_EnvironmentProperty{
				Type: jsii.String(container[a.settings.Architecture].kind), ComputeType: jsii.String("BUILD_GENERAL1_SMALL"), Image: jsii.String(container[a.settings.Architecture].image),
				ImagePullCredentialsType: jsii.String("CODEBUILD"), PrivilegedMode: jsii.Bool(false),
				EnvironmentVariables: []any{&awscodebuild.CfnProject_EnvironmentVariableProperty{Name: jsii.String("EKS_UPGRADE"), Type: jsii.String("PLAINTEXT"), Value: jsii.String("./eks-upgrade")}},
			},
			EncryptionKey: jsii.String(a.Key),
			LogsConfig: &awscodebuild.CfnProject_LogsConfigProperty{
				CloudWatchLogs: &awscodebuild.CfnProject_CloudWatchLogsConfigProperty{Status: jsii.String("ENABLED"), GroupName: log.Ref()},
			},
			TimeoutInMinutes:       jsii.Number(buildMinutes[b.Name]),
			QueuedTimeoutInMinutes: jsii.Number(30),
		}
		if groups != nil {
			props.VpcConfig = &awscodebuild.CfnProject_VpcConfigProperty{VpcId: jsii.String(a.settings.VPC.ID), Subnets: jsii.Strings(a.settings.VPC.Subnets...), SecurityGroupIds: &groups}
		}
		awscodebuild.NewCfnProject(inner, jsii.String("Project"), props)
		roles[b.Name] = role
	}
	return roles
}
