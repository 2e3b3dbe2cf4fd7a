package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	smithy "github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

var start = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

// stand is a world with API Gateway's client.
type stand struct {
	*world.World
	t   *testing.T
	clk *clock.Virtual
	api *v2.Client
}

func newStand(t *testing.T, iam bool) *stand {
	t.Helper()
	clk := clock.NewVirtual(start)
	w, err := world.New(world.Options{Clock: clk, IAM: iam})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &stand{w, t, clk, v2.NewFromConfig(w.AWSConfig())}
}

// function registers a handler and keeps its events.
type function struct {
	mu     sync.Mutex
	arn    string
	events []map[string]any
	answer func(event map[string]any) (any, error)
}

func (s *stand) function(name string, answer func(map[string]any) (any, error)) *function {
	s.t.Helper()
	f := &function{arn: s.Lambda().ARN(name), answer: answer}
	s.Lambda().Register(name, func(_ context.Context, event map[string]any) (any, error) {
		f.mu.Lock()
		f.events = append(f.events, event)
		f.mu.Unlock()
		return f.answer(event)
	}, time.Minute)

	return f
}

// last is the last event that the function got.
func (f *function) last(t *testing.T) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		t.Fatal("the function got no event")
	}
	return f.events[len(f.events)-1]
}

func (f *function) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.events)
}

// ok answers every request with 200.
func ok(map[string]any) (any, error) {
	return map[string]any{"statusCode": 200, "body": "fine"}, nil
}

// invocation is the URI by which API Gateway invokes a function.
func invocation(arn string) string {
	return "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/" + arn + "/invocations"
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

// httpAPI makes a HTTP API with a stage $default that deploys itself.
func (s *stand) httpAPI(cors *types.Cors) (id, url string) {
	s.t.Helper()
	a := must[*v2.CreateApiOutput](s.t)(s.api.CreateApi(s.t.Context(), &v2.CreateApiInput{Name: aws.String("approvals"), ProtocolType: types.ProtocolTypeHttp, CorsConfiguration: cors}))
	must[*v2.CreateStageOutput](s.t)(s.api.CreateStage(s.t.Context(), &v2.CreateStageInput{ApiId: a.ApiId, StageName: aws.String("$default"), AutoDeploy: aws.Bool(true)}))
	return *a.ApiId, *a.ApiEndpoint
}

// integration makes a Lambda proxy integration and returns a route's target.
func (s *stand) integration(api, arn, format string) *string {
	s.t.Helper()
	i := must[*v2.CreateIntegrationOutput](s.t)(s.api.CreateIntegration(s.t.Context(), &v2.CreateIntegrationInput{ApiId: &api, IntegrationType: types.IntegrationTypeAwsProxy,
		IntegrationUri: &arn, PayloadFormatVersion: &format}))
	return aws.String("integrations/" + *i.IntegrationId)
}

func (s *stand) route(in *v2.CreateRouteInput) string {
	s.t.Helper()
	return *must[*v2.CreateRouteOutput](s.t)(s.api.CreateRoute(s.t.Context(), in)).RouteId
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stand) do(r *http.Request) answer {
	s.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (s *stand) request(method, url, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *stand) get(url string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, url, ""))
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
