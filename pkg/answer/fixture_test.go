package answer_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	ada       = "arn:aws:sts::123456789012:assumed-role/approvers/ada"
	bob       = "arn:aws:sts::123456789012:assumed-role/approvers/bob"
	mallory   = "arn:aws:sts::123456789012:assumed-role/developers/mallory"
	hostile   = `"><script src=https://evil.example/x.js></script><img src=x onerror=alert(1)>{{.}}`
	eksSecret = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0x"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// world is the approve phase, the approval API, and a Step Functions that
// waits for one task.
type world struct {
	answer.Handler
	approve  approval.Handler
	db       *tabletest.Fake
	now      *clock.Virtual
	run      upgrade.Run
	plan     upgrade.Plan
	findings []upgrade.Finding
	token    string // that the last message told

	mu      sync.Mutex
	waiting string // task token that an execution waits with
	outputs []upgrade.ApprovalAnswer
	sends   int
	sendErr error
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if m := regexp.MustCompile(`#token=(\S+)\n`).FindStringSubmatch(*in.Message); m != nil {
		w.token = m[1]
	}
	return &sns.PublishOutput{}, nil
}

func (w *world) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) { return w.plan, nil }

func (w *world) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	return upgrade.Assessment{Decision: upgrade.GoWithApproval, Reason: "a person must judge " + eksSecret, Findings: w.findings}, nil
}

func (w *world) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sends++
	if w.sendErr != nil {
		return nil, w.sendErr
	}
	if *in.TaskToken != w.waiting {
		message := "Task Timed Out: 'Provided task does not exist anymore'"
		return nil, &types.TaskTimedOut{Message: &message}
	}
	out, err := upgrade.Decode[upgrade.ApprovalAnswer]([]byte(*in.Output))
	if err != nil {
		return nil, err
	}
	w.waiting = ""
	w.outputs = append(w.outputs, out)
	return &sfn.SendTaskSuccessOutput{}, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{db: &tabletest.Fake{}, now: clock.NewVirtual(start), findings: []upgrade.Finding{
		{Check: "deprecated-api", Title: "API version goes away " + hostile, Severity: upgrade.High, Evidence: "seen by " + eksSecret + hostile, Remedy: "migrate " + hostile,
			Object: &upgrade.ObjectRef{Kind: "Ingress", Namespace: "shop", Name: hostile}},
		{Check: "free-ips", Title: "Few free addresses", Severity: upgrade.Low, Evidence: "6 free", Remedy: "add a subnet"}}}
	leases := lease.New(w.db, "leases", w.now)
	held, err := leases.Acquire(t.Context(), "shop", "shop-135")
	if err != nil {
		t.Fatal(err)
	}
	w.run = upgrade.Run{ID: "shop-135", Generation: held.Generation, StartedAt: upgrade.At(start),
		Request: upgrade.Request{Cluster: "shop", Approval: upgrade.Approval{Timeout: upgrade.Duration(24 * time.Hour)}}}
	w.plan = upgrade.Plan{Upgrade: "shop-135", Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35},
		Strategy: upgrade.BlueGreen, Mode: upgrade.Forward, Steps: []upgrade.Step{
			{ID: "shift-10", Kind: upgrade.StepShift, Title: "Shift 10 % of the traffic to shop-green", Input: json.RawMessage("null"), Verify: []upgrade.Criterion{{Kind: upgrade.ClusterGone}}, Timeout: 1, VerifyTimeout: 1, Bake: upgrade.Duration(10 * time.Minute)},
			{ID: "decommission", Kind: upgrade.StepDecommission, Title: "Delete shop", Input: json.RawMessage("null"), Verify: []upgrade.Criterion{{Kind: upgrade.ClusterGone}}, Timeout: 1, VerifyTimeout: 1, NoReturn: true}}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	questions := approval.NewQuestions(w.db, "approvals")
	w.approve = approval.Handler{Questions: questions, Documents: w, Records: records.New(w.db, "records", w.now), Lease: leases, SNS: w, Topic: "arn:topic", URL: "https://approve.example", Clock: w.now}
	w.Handler = answer.Handler{Questions: questions, Documents: w, SFN: w, Approvers: []string{"arn:aws:sts::123456789012:assumed-role/approvers/*", "*@example.com"}, Clock: w.now}
	return w
}

// ask asks the question; an execution then waits with the task token.
func (w *world) ask(t testing.TB, taskToken string) {
	t.Helper()
	in := upgrade.ApproveInput{Action: upgrade.ApproveRequest, Run: w.run, PlanHash: w.plan.Hash, TaskToken: taskToken}
	if _, err := w.approve.Handle(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.waiting = taskToken
}

// request is one request as API Gateway hands it over.
func request(route, by string, headers map[string]string, body string) events.APIGatewayV2HTTPRequest {
	r := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: route, RawPath: "/approvals/shop-135", PathParameters: map[string]string{"upgrade": "shop-135"},
		Headers: map[string]string{"content-type": "application/json", "accept": "*/*"}, Body: body}
	maps.Copy(r.Headers, headers)
	if by != "" {
		r.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: by}}
	}
	return r
}

func (w *world) call(t testing.TB, r events.APIGatewayV2HTTPRequest) answer.Response {
	t.Helper()
	payload, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := answer.Always(w.Handle)(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// post answers as somebody.
func (w *world) post(t testing.TB, by string, a map[string]any) answer.Response {
	t.Helper()
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return w.call(t, request(answer.PostRoute, by, nil, string(body)))
}

// yes is an answer that is good.
func (w *world) yes() map[string]any {
	return map[string]any{"token": w.token, "planHash": w.plan.Hash, "approved": true, "reason": "looks fine"}
}

func with(m map[string]any, key string, value any) map[string]any {
	c := maps.Clone(m)
	c[key] = value
	if value == nil {
		delete(c, key)
	}
	return c
}

func problem(t testing.TB, r answer.Response) answer.ProblemDetail {
	t.Helper()
	p, err := upgrade.Decode[answer.Problem]([]byte(r.Body))
	if err != nil {
		t.Fatalf("%d %s: %v", r.StatusCode, r.Body, err)
	}
	return p.Error
}

var errDown = errors.New("connection refused")
