package apigateway_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

// signed is a request that is signed for execute-api.
func (s *stand) signed(method, url string, from aws.CredentialsProvider) *http.Request {
	s.t.Helper()
	r := s.request(method, url, "")
	r.Body, r.ContentLength = http.NoBody, 0
	keys, err := from.Retrieve(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	none := sha256.Sum256(nil)
	if err := signer.NewSigner().SignHTTP(s.t.Context(), keys, r, hex.EncodeToString(none[:]), "execute-api", "eu-west-1", time.Now()); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// role makes a role and returns credentials of a session of it.
func (s *stand) role(name, policy string) aws.CredentialsProvider {
	s.t.Helper()
	client := awsiam.NewFromConfig(s.AWSConfig())
	must[*awsiam.CreateRoleOutput](s.t)(client.CreateRole(s.t.Context(), &awsiam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}}`)}))
	if policy != "" {
		must[*awsiam.PutRolePolicyOutput](s.t)(client.PutRolePolicy(s.t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))
	}
	out := must[*sts.AssumeRoleOutput](s.t)(sts.NewFromConfig(s.AWSConfig()).AssumeRole(s.t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/" + name), RoleSessionName: aws.String("test")}))
	return credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

func TestAWSIAM(t *testing.T) {
	s := newStand(t, true)
	f := s.function("answer", ok)
	id, url := s.httpAPI(nil)
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("POST /upgrades/{id}"), Target: s.integration(id, f.arn, "2.0"), AuthorizationType: types.AuthorizationTypeAwsIam})
	may := s.role("approver", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:eu-west-1:123456789012:`+id+`/*/POST/upgrades/a"}}`)
	nobody := s.role("nobody", "")
	if got := s.do(s.signed(http.MethodPost, url+"/upgrades/a", may)); got.status != 500 || got.body != `{"message":"Internal Server Error"}` {
		t.Errorf("API Gateway may not invoke the function, and yet: %+v", got)
	}
	must[*awslambda.AddPermissionOutput](t)(awslambda.NewFromConfig(s.AWSConfig()).AddPermission(t.Context(), &awslambda.AddPermissionInput{FunctionName: aws.String("answer"), StatementId: aws.String("api"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com"), SourceArn: aws.String("arn:aws:execute-api:eu-west-1:123456789012:" + id + "/*/POST/upgrades/{id}")}))
	for name, tc := range map[string]struct {
		request *http.Request
		status  int
		body    string
	}{
		"with the permission":    {s.signed(http.MethodPost, url+"/upgrades/a", may), 200, "fine"},
		"another resource":       {s.signed(http.MethodPost, url+"/upgrades/b", may), 403, `{"message":"Forbidden"}`},
		"without the permission": {s.signed(http.MethodPost, url+"/upgrades/a", nobody), 403, `{"message":"Forbidden"}`},
		"unsigned":               {s.request(http.MethodPost, url+"/upgrades/a", ""), 403, `{"message":"Forbidden"}`},
	} {
		if got := s.do(tc.request); got.status != tc.status || got.body != tc.body {
			t.Errorf("%s: %+v", name, got)
		}
	}
	who := f.last(t)["requestContext"].(map[string]any)["authorizer"].(map[string]any)["iam"].(map[string]any)
	if who["userArn"] != "arn:aws:sts::123456789012:assumed-role/approver/test" || who["accountId"] != "123456789012" || !strings.HasSuffix(who["userId"].(string), ":test") ||
		who["callerId"] != who["userId"] || who["accessKey"] == "" {
		t.Errorf("identity %v", who)
	}
	if f.count() != 1 {
		t.Errorf("the function ran %d times", f.count())
	}
}

// issuer is an OpenID provider on this machine.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(t *testing.T, key any, algorithm jose.SignatureAlgorithm, kid string, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": i.URL, "aud": "approvals", "sub": "ann", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(), "scope": "read approve", "groups": []string{"a", "b"}}
	for k, v := range claims {
		all[k] = v
		if v == nil {
			delete(all, k)
		}
	}
	sign, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(sign).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJWT(t *testing.T) {
	s := newStand(t, true)
	f := s.function("answer", ok)
	must[*awslambda.AddPermissionOutput](t)(awslambda.NewFromConfig(s.AWSConfig()).AddPermission(t.Context(), &awslambda.AddPermissionInput{FunctionName: aws.String("answer"), StatementId: aws.String("api"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com")}))
	i := newIssuer(t)
	id, url := s.httpAPI(nil)
	z := must[*v2.CreateAuthorizerOutput](t)(s.api.CreateAuthorizer(t.Context(), &v2.CreateAuthorizerInput{ApiId: &id, Name: aws.String("oidc"), AuthorizerType: types.AuthorizerTypeJwt,
		IdentitySource: []string{"$request.header.Authorization"}, JwtConfiguration: &types.JWTConfiguration{Issuer: &i.URL, Audience: []string{"approvals"}}}))
	target := s.integration(id, f.arn, "2.0")
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /open"), Target: target, AuthorizationType: types.AuthorizationTypeJwt, AuthorizerId: z.AuthorizerId})
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /scoped"), Target: target, AuthorizationType: types.AuthorizationTypeJwt, AuthorizerId: z.AuthorizerId, AuthorizationScopes: []string{"approve"}})
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := i.token(t, i.key, jose.RS256, "one", nil)
	with := func(claims map[string]any) string { return i.token(t, i.key, jose.RS256, "one", claims) }
	for name, tc := range map[string]struct {
		path, header, why string
		status            int
	}{
		"good":                   {"/open", "Bearer " + good, "", 200},
		"without the word":       {"/open", good, "", 200},
		"none":                   {"/open", "", "", 401},
		"only the word":          {"/open", "Bearer ", "", 401},
		"no token":               {"/open", "Bearer abc", "segments", 401},
		"expired":                {"/open", with(map[string]any{"exp": start.Add(-time.Second).Unix()}), "expired", 401},
		"no expiry":              {"/open", with(map[string]any{"exp": nil}), "expired", 401},
		"not yet":                {"/open", with(map[string]any{"nbf": start.Add(time.Minute).Unix()}), "not valid yet", 401},
		"issued later":           {"/open", with(map[string]any{"iat": start.Add(time.Minute).Unix()}), "future", 401},
		"other audience":         {"/open", with(map[string]any{"aud": "shop"}), "audience", 401},
		"one of the audiences":   {"/open", with(map[string]any{"aud": []string{"x", "approvals"}}), "", 200},
		"client_id for aud":      {"/open", with(map[string]any{"aud": nil, "client_id": "approvals"}), "", 200},
		"client_id beside aud":   {"/open", with(map[string]any{"aud": "shop", "client_id": "approvals"}), "audience", 401},
		"other issuer":           {"/open", with(map[string]any{"iss": "https://other"}), "issuer", 401},
		"other key":              {"/open", i.token(t, other, jose.RS256, "one", nil), "signature", 401},
		"unknown key id":         {"/open", i.token(t, i.key, jose.RS256, "two", nil), "signature", 401},
		"no key id":              {"/open", i.token(t, i.key, jose.RS256, "", nil), "kid", 401},
		"symmetric key":          {"/open", i.token(t, []byte("01234567890123456789012345678901"), jose.HS256, "one", nil), "signing method", 401},
		"unsigned":               {"/open", "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0." + strings.Split(good, ".")[1] + ".", "signing method", 401},
		"with the scope":         {"/scoped", good, "", 200},
		"scopes as a list":       {"/scoped", with(map[string]any{"scope": nil, "scp": []string{"approve"}}), "", 200},
		"without the scope":      {"/scoped", with(map[string]any{"scope": "read"}), "scope", 403},
		"part of a scope's name": {"/scoped", with(map[string]any{"scope": "approve-all"}), "scope", 403},
	} {
		r := s.request(http.MethodGet, url+tc.path, "")
		if tc.header != "" {
			r.Header.Set("Authorization", tc.header)
		}
		got := s.do(r)
		if got.status != tc.status {
			t.Errorf("%s: %+v", name, got)
		}
		body := map[int]string{200: "fine", 401: `{"message":"Unauthorized"}`, 403: `{"message":"Forbidden"}`}[tc.status]
		if challenge := got.header.Get("Www-Authenticate"); got.body != body || !strings.Contains(challenge, tc.why) || (tc.status == 200) != (challenge == "") {
			t.Errorf("%s: body %s, challenge %q", name, got.body, challenge)
		}
	}
	r := s.request(http.MethodGet, url+"/scoped", "")
	r.Header.Set("Authorization", good)
	s.do(r)
	who := f.last(t)["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)
	claims := who["claims"].(map[string]any)
	if claims["sub"] != "ann" || claims["groups"] != "[a b]" || claims["exp"] != "1793615400" || len(who["scopes"].([]any)) != 2 {
		t.Errorf("claims %v", who)
	}
	i.Close()
	s.clk.Advance(2 * time.Hour)
	r.Body = nil
	if got := s.do(r); got.status != 401 || !strings.Contains(got.header.Get("Www-Authenticate"), "expired") {
		t.Errorf("two hours later: %+v", got)
	}
}

func TestIssuersMustBeSecure(t *testing.T) {
	s := newStand(t, false)
	id, _ := s.httpAPI(nil)
	for issuer, want := range map[string]string{"https://login.example.com": "", "http://127.0.0.1:1": "", "http://localhost:1": "", "http://login.example.com": "BadRequestException", "login": "BadRequestException"} {
		_, err := s.api.CreateAuthorizer(t.Context(), &v2.CreateAuthorizerInput{ApiId: &id, Name: aws.String("a"), AuthorizerType: types.AuthorizerTypeJwt,
			IdentitySource: []string{"$request.header.Authorization"}, JwtConfiguration: &types.JWTConfiguration{Issuer: &issuer, Audience: []string{"a"}}})
		if codeOf(err) != want {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestLambdaAuthorizersOfHTTPAPIs(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", ok)
	judge := s.function("judge", func(e map[string]any) (any, error) {
		token := e["headers"].(map[string]any)["x-token"]
		return map[string]any{"isAuthorized": token == "let me", "context": map[string]any{"who": token}}, nil
	})
	strict := s.function("strict", func(e map[string]any) (any, error) {
		effect := "Deny"
		if e["authorizationToken"] == "let me" {
			effect = "Allow"
		}
		return map[string]any{"principalId": "ann", "policyDocument": map[string]any{"Version": "2012-10-17",
			"Statement": []any{map[string]any{"Effect": effect, "Action": "execute-api:Invoke", "Resource": e["methodArn"]}}}, "context": map[string]any{"n": 1}}, nil
	})
	id, url := s.httpAPI(nil)
	target := s.integration(id, f.arn, "2.0")
	simple := must[*v2.CreateAuthorizerOutput](t)(s.api.CreateAuthorizer(t.Context(), &v2.CreateAuthorizerInput{ApiId: &id, Name: aws.String("simple"), AuthorizerType: types.AuthorizerTypeRequest,
		AuthorizerUri: aws.String(invocation(judge.arn)), AuthorizerPayloadFormatVersion: aws.String("2.0"), EnableSimpleResponses: aws.Bool(true),
		IdentitySource: []string{"$request.header.x-token"}, AuthorizerResultTtlInSeconds: aws.Int32(60)}))
	policy := must[*v2.CreateAuthorizerOutput](t)(s.api.CreateAuthorizer(t.Context(), &v2.CreateAuthorizerInput{ApiId: &id, Name: aws.String("policy"), AuthorizerType: types.AuthorizerTypeRequest,
		AuthorizerUri: aws.String(invocation(strict.arn)), AuthorizerPayloadFormatVersion: aws.String("1.0"), IdentitySource: []string{"$request.header.Authorization"}}))
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /simple"), Target: target, AuthorizationType: types.AuthorizationTypeCustom, AuthorizerId: simple.AuthorizerId})
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /policy"), Target: target, AuthorizationType: types.AuthorizationTypeCustom, AuthorizerId: policy.AuthorizerId})
	ask := func(path, name, value string) answer {
		r := s.request(http.MethodGet, url+path, "")
		if value != "" {
			r.Header.Set(name, value)
		}
		return s.do(r)
	}
	for name, tc := range map[string]struct {
		got    answer
		status int
	}{
		"simple":         {ask("/simple", "x-token", "let me"), 200},
		"simple refused": {ask("/simple", "x-token", "please"), 403},
		"no identity":    {ask("/simple", "x-token", ""), 401},
		"policy":         {ask("/policy", "Authorization", "let me"), 200},
		"policy refused": {ask("/policy", "Authorization", "please"), 403},
	} {
		if tc.got.status != tc.status {
			t.Errorf("%s: %+v", name, tc.got)
		}
	}
	asked := judge.count()
	if ask("/simple", "x-token", "let me"); judge.count() != asked {
		t.Error("an answer is not remembered")
	}
	s.clk.Advance(time.Minute)
	if ask("/simple", "x-token", "let me"); judge.count() != asked+1 {
		t.Error("an answer is remembered for too long")
	}
	if got := f.last(t)["requestContext"].(map[string]any)["authorizer"].(map[string]any)["lambda"].(map[string]any)["who"]; got != "let me" {
		t.Errorf("context %v", got)
	}
}
