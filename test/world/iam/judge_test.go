package iam_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	worldec2 "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	worldeks "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/authz"
	worldroute53 "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

// complete adds the services that a plain world may lack.
func complete(t *testing.T, w *world.World, clk clock.Clock) {
	t.Helper()
	if len(w.Mux().Operations("eks")) == 0 {
		clusters := worldeks.New(worldeks.Options{Clock: clk, Account: w.Account(), Region: w.Region()})
		t.Cleanup(clusters.Close)
		w.Mux().Register("eks", clusters)
	}
	if len(w.Mux().Operations("ec2")) == 0 {
		w.Mux().Register("ec2", worldec2.New(worldec2.Options{Account: w.Account(), Region: w.Region()}))
	}
	if len(w.Mux().Operations("route53")) == 0 {
		w.Mux().Register("route53", worldroute53.New(worldroute53.Options{Clock: clk}))
	}
}

func TestEveryServedOperationHasARule(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	n := 0
	for _, service := range []string{
		"apigateway", "apigatewaymanagementapi", "apigatewayv2", "autoscaling", "bedrockruntime", "budgets", "cloudformation", "cloudwatch", "cloudwatchlogs", "codebuild", "comprehend", "dynamodb", "ec2", "ecr", "eks", "elasticache", "elasticloadbalancing", "elasticloadbalancingv2", "eventbridge", "iam", "kms",
		"lambda", "rds", "route53", "s3", "scheduler", "servicequotas", "sfn", "sns", "sqs", "ssm", "sts",
	} {
		for _, op := range w.Mux().Operations(service) {
			n++
			if _, ok := authz.For(service, op); !ok {
				t.Errorf("%s.%s has no rule", service, op)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d operations were looked at", n)
	}
}

// TestRefusalsAreEachServicesOwn calls with a role that may do nothing.
func TestRefusalsAreEachServicesOwn(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	ctx, cfg := t.Context(), as(w, role(t, w, "nobody", ""), "run")
	const user = "User: arn:aws:sts::123456789012:assumed-role/nobody/run is not authorized to perform: "
	const because = " because no identity-based policy allows the "
	for name, tc := range map[string]struct {
		call          func() error
		code, message string
	}{
		"EKS": {func() error {
			_, err := eks.NewFromConfig(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("shop")})
			return err
		}, "AccessDeniedException", user + "eks:DescribeCluster on resource: arn:aws:eks:eu-west-1:123456789012:cluster/shop" + because + "eks:DescribeCluster action"},
		"EC2": {func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, nil)
			return err
		}, "UnauthorizedOperation", "You are not authorized to perform this operation. " + user + "ec2:DescribeSubnets" + because + "ec2:DescribeSubnets action"},
		"S3": {func() error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
			return err
		}, "Forbidden", ""},
		"S3 list": {func() error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("b")})
			return err
		}, "AccessDenied", user + `s3:ListBucket on resource: "arn:aws:s3:::b"` + because + "s3:ListBucket action"},
		"SNS": {func() error {
			_, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:t"), Message: aws.String("x")})
			return err
		}, "AuthorizationError", user + "SNS:Publish on resource: arn:aws:sns:eu-west-1:123456789012:t" + because + "SNS:Publish action"},
		"Step Functions": {func() error {
			_, err := sfn.NewFromConfig(cfg).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn:aws:states:eu-west-1:123456789012:stateMachine:m")})
			return err
		}, "AccessDeniedException", user + "states:StartExecution on resource: arn:aws:states:eu-west-1:123456789012:stateMachine:m" + because + "states:StartExecution action"},
		"STS": {func() error {
			_, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/nobody"), RoleSessionName: aws.String("again")})
			return err
		}, "AccessDenied", user + "sts:AssumeRole on resource: arn:aws:iam::123456789012:role/nobody"},
		"SSM": {func() error {
			_, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a/b")})
			return err
		}, "AccessDeniedException", user + "ssm:GetParameter on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/a/b" + because + "ssm:GetParameter action"},
		"CloudWatch": {func() error {
			_, err := cloudwatch.NewFromConfig(cfg).ListMetrics(ctx, nil)
			return err
		}, "AccessDenied", user + "cloudwatch:ListMetrics" + because + "cloudwatch:ListMetrics action"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.call()
			e, ok := errors.AsType[smithy.APIError](err)
			if !ok || e.ErrorCode() != tc.code || (tc.message != "" && e.ErrorMessage() != tc.message) {
				t.Errorf("error = %v", err)
			}
		})
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); err != nil {
		t.Errorf("everybody may ask who he is: %v", err)
	}
	calls := w.Calls()
	if last := calls[len(calls)-2]; last.Err == "" {
		t.Errorf("the refusal is not recorded: %+v", last)
	}
}

func TestAnExplicitDenyWins(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	arn := role(t, w, "upgrade", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"eks:Delete*","Resource":"*"}]}`)
	_, err := eks.NewFromConfig(as(w, arn, "run")).DeleteCluster(t.Context(), &eks.DeleteClusterInput{Name: aws.String("shop")})
	wantError(t, err, "AccessDeniedException", "is not authorized to perform: eks:DeleteCluster on resource: arn:aws:eks:eu-west-1:123456789012:cluster/shop with an explicit deny in an identity-based policy")
	_, err = eks.NewFromConfig(as(w, arn, "run")).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String("shop")})
	wantError(t, err, "ResourceNotFoundException", "shop")
}

func TestABoundaryLimitsARole(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	arn := role(t, w, "upgrade", allowing(`"*"`, "*"))
	p := must[*awsiam.CreatePolicyOutput](t)(api.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: aws.String(allowing(`"eks:List*"`, "*"))}))
	must[*awsiam.PutRolePermissionsBoundaryOutput](t)(api.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: aws.String("upgrade"), PermissionsBoundary: p.Policy.Arn}))
	clusters := eks.NewFromConfig(as(w, arn, "run"))
	must[*eks.ListClustersOutput](t)(clusters.ListClusters(ctx, nil))
	_, err := clusters.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("shop")})
	wantError(t, err, "AccessDeniedException", "because no permissions boundary allows the eks:DescribeCluster action")
}

// assume opens a session by STS.
func assume(t *testing.T, cfg aws.Config, in *sts.AssumeRoleInput) (aws.Config, error) {
	t.Helper()
	out, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), in)
	if err != nil {
		return cfg, err
	}
	c := cfg.Copy()
	c.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return c, nil
}

func TestTrustSessionPoliciesAndExpiry(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	arn := role(t, w, "upgrade", allowing(`"eks:*"`, "*"))
	in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("run"), ExternalId: aws.String("x-1"), Policy: aws.String(allowing(`"eks:ListClusters"`, "*"))}
	_, err := assume(t, w.AWSConfig(), in)
	wantError(t, err, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "+arn)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x-1"}}}]}`
	must[*awsiam.UpdateAssumeRolePolicyOutput](t)(api.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: aws.String("upgrade"), PolicyDocument: &trust}))
	cfg := must[aws.Config](t)(assume(t, w.AWSConfig(), in))
	must[*eks.ListClustersOutput](t)(eks.NewFromConfig(cfg).ListClusters(ctx, nil))
	_, err = eks.NewFromConfig(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("shop")})
	wantError(t, err, "AccessDeniedException", "because no session policy allows the eks:DescribeCluster action")
	in.ExternalId = aws.String("other")
	_, err = assume(t, w.AWSConfig(), in)
	wantError(t, err, "AccessDenied", "sts:AssumeRole")
	clk.Advance(2 * time.Hour)
	_, err = eks.NewFromConfig(cfg).ListClusters(ctx, nil)
	wantError(t, err, "ExpiredTokenException", "expired")
}

func TestConditionsOfRecordSets(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	arn := role(t, w, "traffic", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"route53:ChangeResourceRecordSets","Resource":"arn:aws:route53:::hostedzone/Z1",
		"Condition":{"ForAllValues:StringEquals":{"route53:ChangeResourceRecordSetsRecordTypes":["CNAME"],"route53:ChangeResourceRecordSetsActions":["UPSERT","DELETE"]},
		"Null":{"route53:ChangeResourceRecordSetsRecordTypes":"false"}}}]}`)
	api := route53.NewFromConfig(as(w, arn, "run"))
	change := func(action r53types.ChangeAction, kind r53types.RRType) error {
		_, err := api.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/Z1"), ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
			Action: action, ResourceRecordSet: &r53types.ResourceRecordSet{Name: aws.String("a.example.com."), Type: kind, TTL: aws.Int64(60),
				ResourceRecords: []r53types.ResourceRecord{{Value: aws.String("b.example.com")}}}}}}})
		return err
	}
	wantError(t, change(r53types.ChangeActionUpsert, r53types.RRTypeCname), "NoSuchHostedZone", "")
	wantError(t, change(r53types.ChangeActionCreate, r53types.RRTypeCname), "AccessDenied", "route53:ChangeResourceRecordSets on resource: arn:aws:route53:::hostedzone/Z1")
	wantError(t, change(r53types.ChangeActionUpsert, r53types.RRTypeA), "AccessDenied", "")
}

func TestHandlersActByTheirFunctionsRole(t *testing.T) {
	w, clk := newWorld(t)
	complete(t, w, clk)
	ctx := t.Context()
	_, err := eks.NewFromConfig(w.FunctionConfig("perceive")).ListClusters(ctx, nil)
	wantError(t, err, "AccessDeniedException", "assumed-role/perceive/perceive is not authorized to perform: eks:ListClusters")
	w.Judge().SetFunctionRole("perceive", role(t, w, "perceive-role", allowing(`"eks:ListClusters"`, "*")))
	must[*eks.ListClustersOutput](t)(eks.NewFromConfig(w.FunctionConfig("perceive")).ListClusters(ctx, nil))
	// What the SDK would not send is refused too: a session key without its token.
	c := w.STS().Issue("arn:aws:iam::123456789012:role/perceive-role", "x")
	cfg := w.AWSConfig()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")
	_, err = eks.NewFromConfig(cfg).ListClusters(ctx, nil)
	wantError(t, err, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

func TestRolesMustBePassed(t *testing.T) {
	w, _ := newWorld(t)
	arn := role(t, w, "maker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"states:CreateStateMachine","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/machine","Condition":{"StringEquals":{"iam:PassedToService":"states.amazonaws.com"}}}]}`)
	trusting(t, w, "machine", "states.amazonaws.com")
	api := sfn.NewFromConfig(as(w, arn, "run"))
	create := func(role string) error {
		_, err := api.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("m"), RoleArn: aws.String("arn:aws:iam::123456789012:role/" + role),
			Definition: aws.String(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`)})
		return err
	}
	wantError(t, create("other"), "AccessDeniedException", "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/other because no identity-based policy allows the iam:PassRole action")
	if err := create("machine"); err != nil {
		t.Error(err)
	}
}

func TestLeadingKeysNarrowTables(t *testing.T) {
	w, clk := newWorld(t)
	ctx := t.Context()
	must[*dynamodb.CreateTableOutput](t)(dynamodb.NewFromConfig(w.AWSConfig()).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("leases"), BillingMode: dbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: dbtypes.ScalarAttributeTypeS}},
		KeySchema:            []dbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: dbtypes.KeyTypeHash}},
	}))
	clk.Advance(time.Minute)
	arn := role(t, w, "lease", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:*:*:table/leases",
		"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["own-*"]}}}}`)
	api := dynamodb.NewFromConfig(as(w, arn, "run"))
	get := func(key string) error {
		_, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("leases"), Key: map[string]dbtypes.AttributeValue{"pk": &dbtypes.AttributeValueMemberS{Value: key}}})
		return err
	}
	if err := get("own-1"); err != nil {
		t.Error(err)
	}
	wantError(t, get("other"), "AccessDeniedException", "dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/leases")
	_, err := api.Query(ctx, &dynamodb.QueryInput{TableName: aws.String("leases"), KeyConditionExpression: aws.String("#k = :v"),
		ExpressionAttributeNames: map[string]string{"#k": "pk"}, ExpressionAttributeValues: map[string]dbtypes.AttributeValue{":v": &dbtypes.AttributeValueMemberS{Value: "other"}}})
	wantError(t, err, "AccessDeniedException", "dynamodb:Query")
}

func TestTagsOfResourcesAndPrincipals(t *testing.T) {
	w, _ := newWorld(t)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	arn := role(t, w, "tagged", strings.ReplaceAll(allowing(`"iam:GetRole"`, "*"), `"Resource":"*"`, `"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`))
	mine := awsiam.NewFromConfig(as(w, arn, "run"))
	_, err := mine.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("tagged")})
	wantError(t, err, "AccessDenied", "iam:GetRole")
	must[*awsiam.TagRoleOutput](t)(api.TagRole(ctx, &awsiam.TagRoleInput{RoleName: aws.String("tagged"), Tags: tagList("team", "platform")}))
	must[*awsiam.GetRoleOutput](t)(mine.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("tagged")}))
}

func TestConditionsOnTheResourcesAccount(t *testing.T) {
	w, _ := newWorld(t)
	c := s3.NewFromConfig(w.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("mine"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, key, account string
		allowed            bool
	}{{"own", "aws:ResourceAccount", "123456789012", true}, {"other", "aws:ResourceAccount", "999999999999", false}, {"ofs3", "s3:ResourceAccount", "123456789012", true}} {
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringEquals":{"` + tc.key + `":"` + tc.account + `"}}}]}`
		cfg := as(w, role(t, w, tc.name, policy), "run")
		_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("mine")})
		if (err == nil) != tc.allowed {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestConditionsOnTheCallersAccountOfAKey(t *testing.T) {
	w, _ := newWorld(t)
	id := must[*kms.CreateKeyOutput](t)(kms.NewFromConfig(w.AWSConfig()).CreateKey(t.Context(), &kms.CreateKeyInput{})).KeyMetadata.KeyId
	for name, account := range map[string]string{"own": "123456789012", "other": "999999999999"} {
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"` + account + `"}}}]}`
		_, err := kms.NewFromConfig(as(w, role(t, w, name, policy), "run")).Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
		if (err == nil) != (name == "own") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
