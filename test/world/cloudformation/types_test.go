package cloudformation_test

import (
	"archive/zip"
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// prepare makes what the templates of testdata expect to be there: code, a
// cluster and a role that has an entry in it.
func (f *fixture) prepare() {
	f.Helper()
	ctx, cfg := f.Context(), f.w.AWSConfig()
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("code"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	file, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := file.Write([]byte("#!/bin/sh\n")); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{"one.zip", "two.zip"} {
		if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("code"), Key: &key, Body: bytes.NewReader(b.Bytes())}); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := eks.NewFromConfig(cfg).CreateCluster(ctx, &eks.CreateClusterInput{Name: aws.String("shop"), RoleArn: aws.String("arn:aws:iam::123456789012:role/eks"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{full.DefaultSubnet(1), full.DefaultSubnet(2)}},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi}}); err != nil {
		f.Fatal(err)
	}
	f.clock.Advance(30 * time.Minute)
}

// TestEveryTypeIsCreatedUpdatedAndDeleted deploys a template with every type,
// then one in which every resource that can be updated in place is, then none.
func TestEveryTypeIsCreatedUpdatedAndDeleted(t *testing.T) {
	f := newFixture(t, false)
	f.prepare()
	first, second := read(t, "all.yaml"), read(t, "all-updated.yaml")
	tm, err := template.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]string{}
	for id, r := range tm.Resources {
		used[r.Type] = id
	}
	for _, name := range resource.Names() {
		if used[name] == "" {
			t.Errorf("%s is not in testdata/all.yaml", name)
		}
	}
	f.create("all", first, types.StackStatusCreateComplete)
	f.clock.Advance(2 * time.Hour) // DynamoDB takes one change of TTL an hour
	before := f.physical("all")
	count := len(f.w.Calls())
	f.update("all", second, types.StackStatusUpdateComplete)
	after := f.physical("all")
	updated := map[string]bool{}
	for _, call := range f.w.Calls()[count:] {
		if call.Mutating {
			updated[call.Service+"."+call.Operation] = true
		}
	}
	for id, r := range tm.Resources {
		typ, _ := resource.Find(r.Type)
		if typ.Updatable() && before[id] != after[id] {
			t.Errorf("%s (%s) was replaced: %s, %s", id, r.Type, before[id], after[id])
		}
	}
	changed, err := template.Parse(second)
	if err != nil {
		t.Fatal(err)
	}
	for id, r := range tm.Resources {
		if typ, _ := resource.Find(r.Type); typ.Updatable() && template.Equal(r.Properties, changed.Resources[id].Properties) {
			t.Errorf("%s (%s) has nothing to update in testdata/all-updated.yaml", id, r.Type)
		}
	}
	for _, want := range []string{"sns.SetTopicAttributes", "lambda.UpdateFunctionConfiguration", "lambda.UpdateFunctionCode", "sfn.UpdateStateMachine", "dynamodb.UpdateTable",
		"iam.PutRolePolicy", "s3.PutBucketPolicy", "kms.PutKeyPolicy", "ssm.PutParameter", "eventbridge.PutRule", "scheduler.UpdateSchedule", "codebuild.UpdateProject",
		"sqs.SetQueueAttributes", "cloudwatch.PutMetricAlarm", "cloudwatch.PutDashboard", "budgets.UpdateBudget", "eks.UpdateAccessEntry", "ec2.AuthorizeSecurityGroupEgress",
		"apigatewayv2.UpdateRoute", "apigateway.UpdateAccount", "cloudwatchlogs.PutRetentionPolicy", "ecr.PutLifecyclePolicy"} {
		if !updated[want] {
			t.Errorf("the update made no call of %s", want)
		}
	}
	// What was deployed is what the template says: there is nothing to change.
	_, err = f.UpdateStack(t.Context(), &cfn.UpdateStackInput{StackName: aws.String("all"), TemplateBody: &second, Capabilities: capabilities})
	wantError(t, err, "ValidationError", "No updates are to be performed.")
	f.delete("all", types.StackStatusDeleteComplete)
	left, err := iam.NewFromConfig(f.w.AWSConfig()).ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil || len(left.Roles) != 0 {
		t.Errorf("roles = %v, %v", left.Roles, err)
	}
	for _, call := range f.w.Calls() {
		if call.Err != "" && call.Mutating && !slices.Contains([]string{"NoSuchEntity"}, call.Err) && call.Service != "cloudformation" && call.Service != "eventbridge" {
			t.Errorf("%v: %s", call, call.Message)
		}
	}
}
