package sts_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

const role = "arn:aws:iam::123456789012:role/team/upgrade"

func newWorld(t *testing.T) (*world.World, *clock.Virtual) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
	w, err := world.New(world.Options{Clock: clk})
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

// assumed returns the configuration of a session of the role.
func assumed(t *testing.T, w *world.World, session string) aws.Config {
	t.Helper()
	out, err := sts.NewFromConfig(w.AWSConfig()).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: &session})
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.AWSConfig()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return cfg
}

func TestASessionIsWhoItSays(t *testing.T) {
	w, clk := newWorld(t)
	out, err := sts.NewFromConfig(w.AWSConfig()).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String("run-1"), DurationSeconds: aws.Int32(1800), SourceIdentity: aws.String("anna"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.AssumedRoleUser.Arn; got != "arn:aws:sts::123456789012:assumed-role/upgrade/run-1" {
		t.Errorf("ARN = %s", got)
	}
	if got := out.Credentials.Expiration.Sub(clk.Now()); got != 30*time.Minute {
		t.Errorf("expires in %v", got)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.AccessKeyId) != 20 || aws.ToString(out.SourceIdentity) != "anna" {
		t.Errorf("out = %+v", out)
	}
	id, err := sts.NewFromConfig(assumed(t, w, "run-2")).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *id.Arn != "arn:aws:sts::123456789012:assumed-role/upgrade/run-2" || !strings.HasPrefix(*id.UserId, "AROA") || !strings.HasSuffix(*id.UserId, ":run-2") {
		t.Errorf("identity = %s %s", *id.Arn, *id.UserId)
	}
	key, err := sts.NewFromConfig(w.AWSConfig()).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})
	if err != nil || *key.Account != "123456789012" {
		t.Errorf("account = %v, %v", key, err)
	}
}

func TestIssuedCredentialsRepeat(t *testing.T) {
	one, _ := newWorld(t)
	two, _ := newWorld(t)
	a, b := one.STS().Issue(role, "x"), two.STS().Issue(role, "x")
	if a != b || a == one.STS().Issue(role, "x") {
		t.Errorf("credentials: %+v and %+v", a, b)
	}
	if s, ok := one.STS().Session(a.AccessKeyID); !ok || s.RoleArn != role || s.SessionName != "x" {
		t.Errorf("session = %+v, %v", s, ok)
	}
}

func TestWhatSTSRefuses(t *testing.T) {
	w, _ := newWorld(t)
	ok := func() *sts.AssumeRoleInput {
		return &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("run")}
	}
	for name, tc := range map[string]struct {
		change        func(*sts.AssumeRoleInput)
		chained       bool
		code, message string
	}{
		"a short name": {func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") }, false, "ValidationError",
			"1 validation error detected: Value 'x' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"a name with spaces": {func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x y") }, false, "ValidationError",
			`1 validation error detected: Value 'x y' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		"not a role": {func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:user/x") }, false, "ValidationError",
			"arn:aws:iam::123456789012:user/x is invalid"},
		"too short a session": {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) }, false, "ValidationError",
			"1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		"a long chained session": {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }, true, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		"a policy that is no JSON": {func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{") }, false, "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		"a policy without resources": {func(in *sts.AssumeRoleInput) {
			in.Policy = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}`)
		}, false, "MalformedPolicyDocument", "Policy statement must contain resources."},
		"a transitive key without tag": {func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"team"} }, false, "InvalidParameterValue",
			"The specified transitive tag key must be included in the requested tags."},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := w.AWSConfig()
			if tc.chained {
				cfg = assumed(t, w, "first")
			}
			in := ok()
			tc.change(in)
			_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), in)
			e, is := errors.AsType[smithy.APIError](err)
			if !is || e.ErrorCode() != tc.code || e.ErrorMessage() != tc.message {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestASessionTokenIsOfTheSameCaller(t *testing.T) {
	w, _ := newWorld(t)
	api := sts.NewFromConfig(w.AWSConfig())
	out, err := api.GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Credentials.SessionToken == nil {
		t.Error("there is no session token")
	}
	_, err = sts.NewFromConfig(assumed(t, w, "run")).GetSessionToken(t.Context(), nil)
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorMessage() != "Cannot call GetSessionToken with session credentials" {
		t.Errorf("error = %v", err)
	}
}

func jwt(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc(body) + "." + enc([]byte("signature"))
}

func TestWebIdentityOpensASessionWithoutCredentials(t *testing.T) {
	w, _ := newWorld(t)
	cfg := w.AWSConfig()
	cfg.Credentials = aws.AnonymousCredentials{}
	api := sts.NewFromConfig(cfg)
	claims := map[string]any{"iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", "sub": "system:serviceaccount:kube-system:aws-node",
		"aud": []string{"sts.amazonaws.com"}, "exp": time.Now().Add(time.Hour).Unix()}
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(role), RoleSessionName: aws.String("pod"), WebIdentityToken: aws.String(jwt(t, claims))}
	out, err := api.AssumeRoleWithWebIdentity(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Provider != "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC" || *out.SubjectFromWebIdentityToken != claims["sub"] || *out.Audience != "sts.amazonaws.com" {
		t.Errorf("out = %+v", out)
	}
	claims["exp"] = time.Now().Add(-time.Hour).Unix()
	in.WebIdentityToken = aws.String(jwt(t, claims))
	_, err = api.AssumeRoleWithWebIdentity(t.Context(), in)
	if _, ok := errors.AsType[*types.ExpiredTokenException](err); !ok {
		t.Errorf("an expired token: %v", err)
	}
	in.WebIdentityToken = aws.String("not a token")
	_, err = api.AssumeRoleWithWebIdentity(t.Context(), in)
	if _, ok := errors.AsType[*types.InvalidIdentityTokenException](err); !ok {
		t.Errorf("no token: %v", err)
	}
}

// review asks the webhook who made a token, as a kube-apiserver does.
func review(t *testing.T, w *world.World, cfg aws.Config, cluster string) (username string, groups []string, reason string) {
	t.Helper()
	req, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(t.Context(), nil, func(o *sts.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *sts.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("x-k8s-aws-id", cluster), smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q}}`, "k8s-aws-v1."+base64.RawURLEncoding.EncodeToString([]byte(req.URL)))
	res, err := http.Post(w.URL()+"/_world/token-review/"+cluster, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct {
		Status struct {
			User struct {
				Username string
				Groups   []string
			}
			Error string
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Status.User.Username, out.Status.User.Groups, out.Status.Error
}

func TestARoleIsToKubernetesWhatItsAccessEntrySays(t *testing.T) {
	w, clk := newWorld(t)
	clusters := eks.New(eks.Options{Clock: clk, Account: w.Account(), Region: w.Region()})
	t.Cleanup(clusters.Close)
	w.Mux().Register("eks", clusters)
	api := awseks.NewFromConfig(w.AWSConfig())
	if _, err := api.CreateCluster(t.Context(), &awseks.CreateClusterInput{
		Name: aws.String("shop"), RoleArn: aws.String("arn:aws:iam::123456789012:role/cluster"), Version: aws.String("1.34"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{"subnet-0a", "subnet-0b"}},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi},
	}); err != nil {
		t.Fatal(err)
	}
	clk.Advance(30 * time.Minute)
	cfg := assumed(t, w, "run@1")
	if _, _, reason := review(t, w, cfg, "shop"); !strings.Contains(reason, "has no access entry") {
		t.Errorf("without an entry: %q", reason)
	}
	if _, err := api.CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: aws.String(role), KubernetesGroups: []string{"viewers"}}); err != nil {
		t.Fatal(err)
	}
	username, groups, reason := review(t, w, cfg, "shop")
	if username != "arn:aws:sts::123456789012:assumed-role/upgrade/run-1" || fmt.Sprint(groups) != "[viewers]" {
		t.Errorf("user = %s %v %s", username, groups, reason)
	}
	forged := cfg.Copy()
	c, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forged.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, world.Secret, c.SessionToken)
	if _, _, reason := review(t, w, forged, "shop"); reason == "" {
		t.Error("a token signed with another secret is taken")
	}
	if _, groups, _ := review(t, w, w.AWSConfig(), "shop"); fmt.Sprint(groups) != "[system:masters]" {
		t.Errorf("the administrator's groups = %v", groups)
	}
}
