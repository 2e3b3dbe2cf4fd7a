package main

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
)

const (
	provisionProject = access.ProvisionProject
	scanProject      = access.ScanProject
)

// buildImage is CodeBuild's own image with the AWS CLI, for arm64. Source:
// https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
const buildImage = "aws/codebuild/amazonlinux-aarch64-standard:3.0"

// build is one CodeBuild project.
type build struct {
	name        string
	description string
	buildspec   string
	minutes     float64 // after which CodeBuild stops it
	artifacts   *awscodebuild.CfnProject_ArtifactsProperty
}

// newBuilds makes the projects and returns their roles by project. Their source
// is the folder dist/source, which holds the scripts and the command line tool
// of the very version that is deployed: builds fetch nothing from elsewhere.
func newBuilds(scope constructs.Construct, a arns) map[string]awsiam.Role {
	source := awss3assets.NewAsset(scope, jsii.String("Source"), &awss3assets.AssetProps{Path: jsii.String(filepath.Join(a.Dist, "source"))})
	roles := map[string]awsiam.Role{}
	for _, b := range []build{
		{
			name: provisionProject, description: "EKS upgrade agent: makes green clusters",
			buildspec: scripts.ProvisionBuildspec, minutes: 120,
			artifacts: &awscodebuild.CfnProject_ArtifactsProperty{Type: jsii.String("NO_ARTIFACTS")},
		}, {
			name: scanProject, description: "EKS upgrade agent: runs kubent and pluto",
			buildspec: scripts.ScanBuildspec, minutes: 30, // as long as the state machine waits
			artifacts: &awscodebuild.CfnProject_ArtifactsProperty{
				Type: jsii.String("S3"), Location: jsii.String(a.Bucket()), Packaging: jsii.String("NONE"),
				Path: jsii.String("scans"), NamespaceType: jsii.String("BUILD_ID"), Name: jsii.String("/"), // scans/<build id>/
				EncryptionDisabled: jsii.Bool(true), // by CodeBuild's key: the bucket encrypts
			},
		},
	} {
		roles[b.name] = newBuild(constructs.NewConstruct(scope, jsii.String(b.name)), a, b, source)
	}
	return roles
}

func newBuild(scope constructs.Construct, a arns, b build, source awss3assets.Asset) awsiam.Role {
	group := "/aws/codebuild/" + b.name
	log := newLogGroup(scope, group)
	a.Source = "arn:" + a.Partition + ":s3:::" + *source.S3BucketName() + "/" + *source.S3ObjectKey()
	role, _ := newRole(scope, b.name, "codebuild.amazonaws.com", a.InThisAccount(), access.Build(b.name, a.Names))
	// The construct one level up would give the role more than it needs.
	awscodebuild.NewCfnProject(scope, jsii.String("Project"), &awscodebuild.CfnProjectProps{
		Name:        jsii.String(b.name),
		Description: jsii.String(b.description),
		ServiceRole: role.RoleArn(),
		Source: &awscodebuild.CfnProject_SourceProperty{
			Type: jsii.String("S3"), Location: jsii.String(*source.S3BucketName() + "/" + *source.S3ObjectKey()), BuildSpec: jsii.String(b.buildspec),
		},
		Artifacts: b.artifacts,
		Environment: &awscodebuild.CfnProject_EnvironmentProperty{
			Type: jsii.String("ARM_CONTAINER"), ComputeType: jsii.String("BUILD_GENERAL1_SMALL"), Image: jsii.String(buildImage),
			ImagePullCredentialsType: jsii.String("CODEBUILD"), PrivilegedMode: jsii.Bool(false),
			EnvironmentVariables: []any{&awscodebuild.CfnProject_EnvironmentVariableProperty{Name: jsii.String("EKS_UPGRADE"), Value: jsii.String("./eks-upgrade")}},
		},
		LogsConfig: &awscodebuild.CfnProject_LogsConfigProperty{
			CloudWatchLogs: &awscodebuild.CfnProject_CloudWatchLogsConfigProperty{Status: jsii.String("ENABLED"), GroupName: log.LogGroupName()},
		},
		TimeoutInMinutes: jsii.Number(b.minutes),
	})
	return role
}
