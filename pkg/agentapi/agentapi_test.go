package agentapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func auth() agentapi.Auth {
	return agentapi.Auth{AWS: aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "session")}, Clock: clock.NewVirtual(start)}
}

// server answers each request with a status and a body, and keeps the last.
type server struct {
	*httptest.Server
	status int
	body   string
	header http.Header
	last   *http.Request
	sent   string
}

func newServer(t *testing.T, status int, body string) *server {
	t.Helper()
	s := &server{status: status, body: body, header: http.Header{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.last, s.sent = r, string(data)
		for name := range s.header {
			w.Header().Set(name, s.header.Get(name))
		}
		w.WriteHeader(s.status)
		if _, err := io.WriteString(w, s.body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestARequestIsSigned(t *testing.T) {
	s := newServer(t, 200, `{"upgrade":"shop-135","planHash":"abc","approved":true,"by":"ada","at":"2026-08-01T12:00:00Z"}`)
	yes := true
	receipt, err := agentapi.Approvals{URL: s.URL, Auth: auth()}.Answer(t.Context(), "shop-135", answer.Answer{Token: "eksup_secret", PlanHash: "abc", Approved: &yes})
	if err != nil || !receipt.Approved || receipt.By != "ada" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if s.last.Method != http.MethodPost || s.last.URL.String() != "/approvals/shop-135" || s.sent != `{"token":"eksup_secret","planHash":"abc","approved":true}` {
		t.Errorf("%s %s %s", s.last.Method, s.last.URL, s.sent)
	}
	got := s.last.Header.Get("Authorization")
	if !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/eu-west-1/execute-api/aws4_request, SignedHeaders=") || s.last.Header.Get("X-Amz-Security-Token") != "session" {
		t.Errorf("Authorization: %s", got)
	}
	bearer := auth()
	bearer.Bearer = "token.of.oidc"
	if _, err := (agentapi.Approvals{URL: s.URL, Auth: bearer}).Answer(t.Context(), "shop-135", answer.Answer{}); err != nil || s.last.Header.Get("Authorization") != "Bearer token.of.oidc" {
		t.Errorf("%v, Authorization: %s", err, s.last.Header.Get("Authorization"))
	}
}

func TestWhatTheAPIRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		code   upgrade.Code
		says   string
	}{
		"the agent says why":         {410, `{"error":{"code":"Approval","message":"the question expired","remedy":"start anew"}}`, upgrade.CodeApproval, "the question expired; start anew"},
		"API Gateway says no":        {403, `{"message":"Forbidden"}`, upgrade.CodePermissionDenied, "execute-api:Invoke"},
		"no token":                   {401, `{"message":"Unauthorized"}`, upgrade.CodePermissionDenied, agentapi.BearerVariable},
		"another API":                {404, `{"message":"Not Found"}`, upgrade.CodeNotFound, "ApprovalURL"},
		"too often":                  {429, `{"message":"Too Many Requests"}`, upgrade.CodeThrottled, "try again"},
		"broken":                     {500, "<html>\x1b[2J", upgrade.CodeUnavailable, "status 500: <html> [2J"},
		"not the agent":              {200, "hello", upgrade.CodeInvalidRequest, ""},
		"a plan that is not its own": {200, `{"upgrade":"shop-135","planHash":"abc","expiresAt":"2026-08-01T12:00:00Z","state":"open","plan":{"upgrade":"shop-135","hash":"abc","steps":[]},"assessment":{}}`, upgrade.CodePlanMismatch, "not what its hash says"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.status, c.body)
			_, err := agentapi.Approvals{URL: s.URL, Auth: auth()}.Question(t.Context(), "shop-135")
			if upgrade.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAQuestionAboutSomethingElseIsRefused(t *testing.T) {
	p := upgrade.Plan{Upgrade: "cart-135", Steps: []upgrade.Step{}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(answer.Question{Upgrade: "shop-135", PlanHash: p.Hash, Plan: p})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, 200, string(body))
	if _, err := (agentapi.Approvals{URL: s.URL, Auth: auth()}).Question(t.Context(), "shop-135"); upgrade.CodeOf(err) != upgrade.CodePlanMismatch {
		t.Errorf("%v", err)
	}
}

func TestTheTokenFollowsNoRedirect(t *testing.T) {
	other := newServer(t, 200, "{}")
	s := newServer(t, 307, "")
	s.header.Set("Location", other.URL)
	if _, err := (agentapi.Approvals{URL: s.URL, Auth: auth()}).Answer(t.Context(), "shop-135", answer.Answer{Token: "eksup_secret"}); err == nil || other.last != nil {
		t.Errorf("%v, the other got %v", err, other.last)
	}
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{"https://127.0.0.1:1": true, "http://127.0.0.1:1": true, "http://example.com": false, "https://me@127.0.0.1": false, "": false, "approve.example": false} {
		_, err := agentapi.Approvals{URL: address, Auth: auth()}.Question(t.Context(), "x")
		if refused := upgrade.CodeOf(err) == upgrade.CodeInvalidRequest; refused == good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

type stacks struct {
	outputs []types.Output
	err     error
}

func (s stacks) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{Outputs: s.outputs}}}, s.err
}

func TestOutput(t *testing.T) {
	outputs := []types.Output{{OutputKey: aws.String("Other"), OutputValue: aws.String("x")}, {OutputKey: aws.String(access.StreamOutput), OutputValue: aws.String("wss://stream.example")}}
	if got, err := agentapi.Output(t.Context(), stacks{outputs: outputs}, access.Stack, access.StreamOutput); got != "wss://stream.example" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, c := range map[string]struct {
		api  stacks
		code upgrade.Code
	}{
		"no such output": {stacks{outputs: outputs}, upgrade.CodeNotFound},
		"no such stack":  {stacks{err: &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id EksUpgradeAgent does not exist"}}, upgrade.CodeNotFound},
		"not allowed":    {stacks{err: &smithy.GenericAPIError{Code: "AccessDenied"}}, upgrade.CodePermissionDenied},
		"no network":     {stacks{err: errors.New("no route to host")}, upgrade.CodeInternal},
	} {
		if _, err := agentapi.Output(t.Context(), c.api, access.Stack, access.ApprovalOutput); upgrade.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
