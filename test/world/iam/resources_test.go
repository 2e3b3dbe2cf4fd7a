package iam_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// trusting makes a role that a service may assume.
func trusting(t *testing.T, w *world.World, name, service string) string {
	t.Helper()
	arn := role(t, w, name, "")
	must[*awsiam.UpdateAssumeRolePolicyOutput](t)(awsiam.NewFromConfig(w.AWSConfig()).UpdateAssumeRolePolicy(t.Context(), &awsiam.UpdateAssumeRolePolicyInput{
		RoleName: &name, PolicyDocument: aws.String(strings.Replace(trustLambda, "lambda.amazonaws.com", service, 1))}))
	return arn
}

func buckets(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func TestBucketPolicies(t *testing.T) {
	w, _ := newWorld(t)
	ctx, admin, name := t.Context(), buckets(w.AWSConfig()), aws.String("plans")
	must[*s3.CreateBucketOutput](t)(admin.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}))
	reader := buckets(as(w, role(t, w, "reader", ""), "run"))
	list := func(c *s3.Client) error {
		_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name})
		return err
	}
	put := func(statement string) {
		t.Helper()
		must[*s3.PutBucketPolicyOutput](t)(admin.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)}))
	}
	wantError(t, list(reader), "AccessDenied", "because no identity-based policy allows the s3:ListBucket action")
	put(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/reader"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::plans"}`)
	if err := list(reader); err != nil {
		t.Errorf("the bucket lets the role in: %v", err)
	}
	put(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::plans","arn:aws:s3:::plans/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)
	if err := list(admin); err != nil {
		t.Errorf("a rule that asks for TLS stands in nobody's way: %v", err)
	}
	put(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::plans","arn:aws:s3:::plans/*"]}`)
	wantError(t, list(admin), "AccessDenied", "with an explicit deny in a resource-based policy")
	must[*s3.DeleteBucketPolicyOutput](t)(admin.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: name})) // as the root user may
	if err := list(admin); err != nil {
		t.Error(err)
	}
}

func TestKeyPolicies(t *testing.T) {
	w, _ := newWorld(t)
	ctx, admin := t.Context(), kms.NewFromConfig(w.AWSConfig())
	user := kms.NewFromConfig(as(w, role(t, w, "user", allowing(`"kms:*"`, "*")), "run"))
	encrypt := func(policy *string) error {
		key := must[*kms.CreateKeyOutput](t)(admin.CreateKey(ctx, &kms.CreateKeyInput{Policy: policy})).KeyMetadata.KeyId
		_, err := user.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})
		return err
	}
	if err := encrypt(nil); err != nil {
		t.Errorf("the default policy lets IAM decide: %v", err)
	}
	wantError(t, encrypt(aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/other"},"Action":"kms:*","Resource":"*"}]}`)),
		"AccessDeniedException", "because no resource-based policy allows the kms:Encrypt action")
}

// zipped is a zip with one program that is never run.
func zipped(t *testing.T, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	f, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("program")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestServicesNeedPermission lets EventBridge, SNS and alarms call without a role.
func TestServicesNeedPermission(t *testing.T) {
	w, clk := worldOf(t, world.Options{IAM: true, Synchronous: true})
	ctx, cfg := t.Context(), w.AWSConfig()
	invoked := 0
	w.Lambda().Register("watch", func() error { invoked++; return nil }, time.Minute)
	const function = "arn:aws:lambda:eu-west-1:123456789012:function:watch"
	topics, bus, functions := sns.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg), lambda.NewFromConfig(cfg)
	topic := must[*sns.CreateTopicOutput](t)(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})).TopicArn
	must[*sns.SubscribeOutput](t)(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("lambda"), Endpoint: aws.String(function)}))
	must[*eventbridge.PutRuleOutput](t)(bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("all"), EventPattern: aws.String(`{"source":["shop"]}`)}))
	must[*eventbridge.PutTargetsOutput](t)(bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("all"), Targets: []ebtypes.Target{
		{Id: aws.String("function"), Arn: aws.String(function)}, {Id: aws.String("topic"), Arn: topic}}}))
	happen := func() {
		t.Helper()
		must[*eventbridge.PutEventsOutput](t)(bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{Source: aws.String("shop"), DetailType: aws.String("x"), Detail: aws.String("{}")}}}))
		clk.Advance(time.Second)
	}
	happen()
	if got := fmt.Sprint(w.Events().Undelivered()); invoked != 0 || !strings.Contains(got, "events.amazonaws.com is not authorized to perform: lambda:InvokeFunction") || !strings.Contains(got, "SNS:Publish") {
		t.Fatalf("invoked %d times; %s", invoked, got)
	}
	for _, p := range []struct{ id, service, source string }{{"rule", "events.amazonaws.com", "arn:aws:events:eu-west-1:123456789012:rule/all"}, {"topic", "sns.amazonaws.com", *topic}} {
		must[*lambda.AddPermissionOutput](t)(functions.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: aws.String("watch"), StatementId: &p.id, Action: aws.String("lambda:InvokeFunction"),
			Principal: &p.service, SourceArn: &p.source}))
	}
	must[*sns.SetTopicAttributesOutput](t)(topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"` + *topic + `"}]}`)}))
	happen()
	if invoked != 2 || len(w.Events().Undelivered()) != 2 || len(w.SNS().Undelivered()) != 0 {
		t.Errorf("invoked %d times; %v; %v", invoked, w.Events().Undelivered(), w.SNS().Undelivered())
	}
}

func TestRolesMustTrustTheService(t *testing.T) {
	w, _ := newWorld(t)
	services := full.Add(w, full.Options{Seed: 1, TempDir: t.TempDir()})
	t.Cleanup(services.Close)
	if err := services.AddDefaultVPC(w.Region()); err != nil {
		t.Fatal(err)
	}
	ctx, cfg := t.Context(), w.AWSConfig()
	must[*eventbridge.PutRuleOutput](t)(eventbridge.NewFromConfig(cfg).PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["shop"]}`)}))
	for name, tc := range map[string]struct {
		principal, code, message string
		call                     func(role *string) error
	}{
		"a function": {"lambda.amazonaws.com", "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.", func(role *string) error {
			_, err := lambda.NewFromConfig(cfg).CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: role, Runtime: "provided.al2023", Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: zipped(t, "bootstrap")}})
			return err
		}},
		"a state machine": {"states.amazonaws.com", "AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.", func(role *string) error {
			_, err := sfn.NewFromConfig(cfg).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("m"), RoleArn: role, Definition: aws.String(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`)})
			return err
		}},
		"a schedule": {"scheduler.amazonaws.com", "ValidationException", "must allow AWS EventBridge Scheduler to assume the role", func(role *string) error {
			_, err := scheduler.NewFromConfig(cfg).CreateSchedule(ctx, &scheduler.CreateScheduleInput{Name: aws.String("s"), ScheduleExpression: aws.String("rate(1 hour)"),
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"}, Target: &schedulertypes.Target{Arn: aws.String("arn:aws:sns:eu-west-1:123456789012:alerts"), RoleArn: role}})
			return err
		}},
		"a target": {"events.amazonaws.com", "ValidationException", "cannot be assumed by principal 'events.amazonaws.com'.", func(role *string) error {
			_, err := eventbridge.NewFromConfig(cfg).PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []ebtypes.Target{
				{Id: aws.String("1"), Arn: aws.String("arn:aws:states:eu-west-1:123456789012:stateMachine:m"), RoleArn: role}}})
			return err
		}},
		"a cluster": {"eks.amazonaws.com", "InvalidParameterException", "could not be assumed because it does not exist or the trusted entity is not correct", func(role *string) error {
			_, err := eks.NewFromConfig(cfg).CreateCluster(ctx, &eks.CreateClusterInput{Name: aws.String("shop"), RoleArn: role, ResourcesVpcConfig: &ekstypes.VpcConfigRequest{
				SubnetIds: []string{"subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"}}})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			short := strings.ReplaceAll(name[2:], " ", "-")
			arn := "arn:aws:iam::123456789012:role/" + short
			wantError(t, tc.call(&arn), tc.code, tc.message)
			trusting(t, w, short, "ec2.amazonaws.com")
			wantError(t, tc.call(&arn), tc.code, tc.message)
			must[*awsiam.UpdateAssumeRolePolicyOutput](t)(awsiam.NewFromConfig(cfg).UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{
				RoleName: &short, PolicyDocument: aws.String(strings.Replace(trustLambda, "lambda.amazonaws.com", tc.principal, 1))}))
			if err := tc.call(&arn); err != nil {
				t.Errorf("with a role that trusts %s: %v", tc.principal, err)
			}
		})
	}
}

func TestKeyPoliciesAreParsed(t *testing.T) {
	w, _ := newWorld(t)
	for _, text := range []string{`{`, `{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Principal":"*","Action":"kms:*","Resource":"*"}]}`} {
		_, err := kms.NewFromConfig(w.AWSConfig()).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &text})
		wantError(t, err, "MalformedPolicyDocumentException", "")
	}
}
