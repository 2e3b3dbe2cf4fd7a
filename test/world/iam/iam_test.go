package iam_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam"
)

func newWorld(t *testing.T) (*world.World, *clock.Virtual) {
	t.Helper()
	return worldOf(t, world.Options{IAM: true})
}

func worldOf(t *testing.T, o world.Options) (*world.World, *clock.Virtual) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
	o.Clock = clk
	w, err := world.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, clk
}

// as returns the configuration of a session of a role.
func as(w *world.World, roleArn, session string) aws.Config {
	c := w.STS().Issue(roleArn, session)
	cfg := w.AWSConfig()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return cfg
}

const trustLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// allowing is a policy of one statement.
func allowing(actions, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow","Action":[%s],"Resource":%q}]}`, actions, resource)
}

// role makes a role with an inline policy and returns its ARN.
func role(t *testing.T, w *world.World, name, document string) string {
	t.Helper()
	api := awsiam.NewFromConfig(w.AWSConfig())
	out, err := api.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustLambda)})
	if err != nil {
		t.Fatal(err)
	}
	if document != "" {
		if _, err := api.PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"), PolicyDocument: &document}); err != nil {
			t.Fatal(err)
		}
	}
	return *out.Role.Arn
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("error = %v, want %s: %s", err, code, message)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestARoleLivesAndDies(t *testing.T) {
	w, _ := newWorld(t)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	made := must[*awsiam.CreateRoleOutput](t)(api.CreateRole(ctx, &awsiam.CreateRoleInput{
		RoleName: aws.String("upgrade"), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(trustLambda),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("platform")}},
	}))
	if *made.Role.Arn != "arn:aws:iam::123456789012:role/team/upgrade" || !strings.HasPrefix(*made.Role.RoleId, "AROA") || len(*made.Role.RoleId) != 21 || *made.Role.MaxSessionDuration != 3600 {
		t.Errorf("role = %+v", made.Role)
	}
	_, err := api.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("UPGRADE"), AssumeRolePolicyDocument: aws.String(trustLambda)})
	wantError(t, err, "EntityAlreadyExists", "Role with name UPGRADE already exists.")
	must[*awsiam.PutRolePolicyOutput](t)(api.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: aws.String("upgrade"), PolicyName: aws.String("own"), PolicyDocument: aws.String(allowing(`"eks:*"`, "*"))}))
	got := must[*awsiam.GetRolePolicyOutput](t)(api.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: aws.String("upgrade"), PolicyName: aws.String("own")}))
	if text, err := url.QueryUnescape(*got.PolicyDocument); err != nil || text != allowing(`"eks:*"`, "*") || strings.ContainsAny(*got.PolicyDocument, `{":`) {
		t.Errorf("document = %s", *got.PolicyDocument)
	}
	must[*awsiam.AttachRolePolicyOutput](t)(api.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("upgrade"), PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")}))
	listed := must[*awsiam.ListAttachedRolePoliciesOutput](t)(api.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: aws.String("upgrade")}))
	if len(listed.AttachedPolicies) != 1 || *listed.AttachedPolicies[0].PolicyName != "AWSLambdaBasicExecutionRole" {
		t.Errorf("attached = %+v", listed.AttachedPolicies)
	}
	_, err = api.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String("upgrade")})
	wantError(t, err, "DeleteConflict", "must detach all policies first")
	must[*awsiam.DetachRolePolicyOutput](t)(api.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: aws.String("upgrade"), PolicyArn: listed.AttachedPolicies[0].PolicyArn}))
	_, err = api.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String("upgrade")})
	wantError(t, err, "DeleteConflict", "must delete policies first")
	must[*awsiam.DeleteRolePolicyOutput](t)(api.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: aws.String("upgrade"), PolicyName: aws.String("own")}))
	must[*awsiam.DeleteRoleOutput](t)(api.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String("upgrade")}))
	_, err = api.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("upgrade")})
	wantError(t, err, "NoSuchEntity", "The role with name upgrade cannot be found.")
}

func TestRolesComeInPages(t *testing.T) {
	w, _ := newWorld(t)
	for _, name := range []string{"c", "a", "b"} {
		role(t, w, name, "")
	}
	var names []string
	p := awsiam.NewListRolesPaginator(awsiam.NewFromConfig(w.AWSConfig()), &awsiam.ListRolesInput{MaxItems: aws.Int32(2)})
	for p.HasMorePages() {
		for _, r := range must[*awsiam.ListRolesOutput](t)(p.NextPage(t.Context())).Roles {
			names = append(names, *r.RoleName)
		}
	}
	if fmt.Sprint(names) != "[a b c]" {
		t.Errorf("names = %v", names)
	}
}

func TestManagedPoliciesHaveVersions(t *testing.T) {
	w, _ := newWorld(t)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	made := must[*awsiam.CreatePolicyOutput](t)(api.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("reader"), PolicyDocument: aws.String(allowing(`"s3:GetObject"`, "*"))}))
	for range 4 {
		must[*awsiam.CreatePolicyVersionOutput](t)(api.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: made.Policy.Arn, PolicyDocument: aws.String(allowing(`"s3:*"`, "*")), SetAsDefault: true}))
	}
	_, err := api.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: made.Policy.Arn, PolicyDocument: aws.String(allowing(`"s3:*"`, "*"))})
	wantError(t, err, "LimitExceeded", "up to 5 versions")
	got := must[*awsiam.GetPolicyOutput](t)(api.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: made.Policy.Arn}))
	if *got.Policy.DefaultVersionId != "v5" || *got.Policy.AttachmentCount != 0 {
		t.Errorf("policy = %+v", got.Policy)
	}
	_, err = api.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: made.Policy.Arn, VersionId: aws.String("v5")})
	wantError(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")
	_, err = api.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: made.Policy.Arn})
	wantError(t, err, "DeleteConflict", "more than one version")
	_, err = api.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("reader"), PolicyDocument: aws.String(allowing(`"s3:*"`, "*"))})
	wantError(t, err, "EntityAlreadyExists", "A policy called reader already exists. Duplicate names are not allowed.")
}

func TestMalformedPoliciesAreRefused(t *testing.T) {
	w, _ := newWorld(t)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	_, err := api.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("x"), PolicyDocument: aws.String(`{"Version":"2012-10-17"`)})
	wantError(t, err, "MalformedPolicyDocument", "Syntax errors in policy.")
	_, err = api.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String(`{`)})
	wantError(t, err, "MalformedPolicyDocument", "This policy contains invalid Json")
	_, err = api.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("x y"), AssumeRolePolicyDocument: aws.String(trustLambda)})
	wantError(t, err, "ValidationError", `Value 'x y' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`)
}

func TestUsersHaveKeysThatAreJudged(t *testing.T) {
	w, _ := newWorld(t)
	ctx, api := t.Context(), awsiam.NewFromConfig(w.AWSConfig())
	must[*awsiam.CreateUserOutput](t)(api.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("anna")}))
	key := must[*awsiam.CreateAccessKeyOutput](t)(api.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("anna")})).AccessKey
	own := w.AWSConfig()
	own.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, "")
	hers := awsiam.NewFromConfig(own)
	_, err := hers.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String("anna")})
	wantError(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/anna is not authorized to perform: iam:GetUser on resource: arn:aws:iam::123456789012:user/anna because no identity-based policy allows the iam:GetUser action")
	must[*awsiam.PutUserPolicyOutput](t)(api.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("anna"), PolicyName: aws.String("self"),
		PolicyDocument: aws.String(allowing(`"iam:GetUser"`, "arn:aws:iam::*:user/${aws:username}"))}))
	must[*awsiam.GetUserOutput](t)(hers.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String("anna")}))
	must[*awsiam.DeleteAccessKeyOutput](t)(api.DeleteAccessKey(ctx, &awsiam.DeleteAccessKeyInput{UserName: aws.String("anna"), AccessKeyId: key.AccessKeyId}))
	_, err = hers.GetUser(ctx, &awsiam.GetUserInput{UserName: aws.String("anna")})
	wantError(t, err, "InvalidClientTokenId", "security token included in the request is invalid")
}

func TestSimulatedPoliciesDecideAsTheJudgeDoes(t *testing.T) {
	w, _ := newWorld(t)
	arn := role(t, w, "upgrade", `{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"eks:*","Resource":"*"},
  {"Effect":"Deny","Action":"eks:DeleteCluster","Resource":"*"}]}`)
	api := awsiam.NewFromConfig(w.AWSConfig())
	out := must[*awsiam.SimulatePrincipalPolicyOutput](t)(api.SimulatePrincipalPolicy(t.Context(), &awsiam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &arn, ActionNames: []string{"eks:DescribeCluster", "eks:DeleteCluster", "s3:GetObject"},
	}))
	var got []string
	for _, r := range out.EvaluationResults {
		got = append(got, string(r.EvalDecision))
	}
	if fmt.Sprint(got) != "[allowed explicitDeny implicitDeny]" {
		t.Errorf("decisions = %v", got)
	}
	if s := out.EvaluationResults[1].MatchedStatements; len(s) != 1 || *s[0].SourcePolicyId != "own" || s[0].StartPosition.Line != 3 || s[0].StartPosition.Column != 3 {
		t.Errorf("statements = %+v", s)
	}
	custom := must[*awsiam.SimulateCustomPolicyOutput](t)(api.SimulateCustomPolicy(t.Context(), &awsiam.SimulateCustomPolicyInput{
		PolicyInputList: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"a"}}}}`},
		ActionNames:     []string{"s3:GetObject"},
	}))
	if r := custom.EvaluationResults[0]; r.EvalDecision != types.PolicyEvaluationDecisionTypeImplicitDeny || fmt.Sprint(r.MissingContextValues) != "[aws:PrincipalTag/team]" {
		t.Errorf("result = %+v", r)
	}
}

func TestUnusedPermissionsAreListed(t *testing.T) {
	w, _ := newWorld(t)
	arn := role(t, w, "upgrade", allowing(`"iam:GetRole","iam:DeleteRole"`, "*"))
	must[*awsiam.GetRoleOutput](t)(awsiam.NewFromConfig(as(w, arn, "run")).GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: aws.String("upgrade")}))
	res, err := http.Get(w.URL() + "/_world/iam/usage")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var usage []iam.Usage
	if err := json.Unmarshal(body, &usage); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]iam.Usage{{Principal: arn, Used: []iam.Used{{Action: "iam:GetRole", Resource: arn, Allowed: 1}},
		Unused: []iam.Unused{{Policy: "own", Sid: "One", Actions: []string{"iam:DeleteRole"}}}}})
	if got := fmt.Sprint(usage); got != want {
		t.Errorf("usage = %s\nwant    %s", got, want)
	}
	last := must[*awsiam.GetRoleOutput](t)(awsiam.NewFromConfig(w.AWSConfig()).GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: aws.String("upgrade")})).Role.RoleLastUsed
	if last == nil || last.LastUsedDate == nil || *last.Region != "eu-west-1" {
		t.Errorf("last used = %+v", last)
	}
}

func tagList(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
