package awsclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithylogging "github.com/aws/smithy-go/logging"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
)

// answer is what the server says to one attempt.
type answer struct {
	status int
	code   string
	body   string
}

// observed makes calls to a server that gives the answers in order, and
// returns the lines of the log and of the metrics.
func observed(t *testing.T, level string, answers []answer, calls func(context.Context, aws.Config)) (lines, measured []map[string]any) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[0]
		answers = answers[1:]
		w.Header().Set("X-Amzn-Requestid", "request-1")
		w.Header().Set("Content-Type", "application/json")
		if a.code != "" {
			w.Header().Set("X-Amzn-Errortype", a.code)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body)) // the client notices
	}))
	defer server.Close()
	environment(t, server.URL)
	var log, emf bytes.Buffer
	logger, err := logging.New(&log, logging.Options{Level: level, Format: logging.JSON, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := logging.With(t.Context(), logger, logging.Fields{Execution: "shop-135", Phase: "execute"})
	recorder := metrics.NewSink(&emf, clock.System{}).Start()
	ctx = metrics.With(ctx, recorder)
	cfg, err := awsclient.Environment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	retryer := awsclient.Retryer()
	cfg.Retryer = func() aws.Retryer { return impatient{retryer} }
	calls(ctx, cfg)
	if err := recorder.Flush(nil); err != nil {
		t.Fatal(err)
	}
	return decode(t, log.String()), decode(t, emf.String())
}

// impatient retries at once.
type impatient struct{ aws.Retryer }

func (impatient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func decode(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"time", "durationMs", "_aws"} {
			delete(m, name)
		}
		all = append(all, m)
	}
	return all
}

func describe(ctx context.Context, cfg aws.Config) {
	_, _ = eks.NewFromConfig(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("secret-name-of-a-cluster")}) // the log says how it ended
}

func TestCallsAreLoggedByHowTheyEnded(t *testing.T) {
	busy := answer{429, "ThrottlingException", `{"message":"slow down"}`}
	fine := answer{200, "", `{"cluster":{"name":"secret-name-of-a-cluster"}}`}
	for name, c := range map[string]struct {
		answers  []answer
		want     map[string]any
		measured map[string]any
	}{
		"success": {[]answer{fine},
			map[string]any{"level": "debug", "attempts": 1., "retries": 0., "awsRequestId": "request-1"},
			map[string]any{"AWSCalls": 1., "AWSRetries": 0., "AWSErrors": 0.}},
		"success after retries": {[]answer{busy, busy, fine},
			map[string]any{"level": "info", "attempts": 3., "retries": 2., "awsRequestId": "request-1"},
			map[string]any{"AWSCalls": 1., "AWSRetries": 2., "AWSErrors": 0.}},
		"failure": {[]answer{{403, "AccessDeniedException", `{"message":"secret-name-of-a-cluster is not yours"}`}},
			map[string]any{"level": "warn", "attempts": 1., "retries": 0., "awsRequestId": "request-1", "errorCode": "AccessDeniedException"},
			map[string]any{"AWSCalls": 1., "AWSRetries": 0., "AWSErrors": 1.}},
		"failure after all attempts": {[]answer{busy, busy, busy, busy, busy},
			map[string]any{"level": "warn", "attempts": 5., "retries": 4., "awsRequestId": "request-1", "errorCode": "ThrottlingException"},
			map[string]any{"AWSCalls": 1., "AWSRetries": 4., "AWSErrors": 1.}},
		"an answer that the agent asks for": {[]answer{{404, "ResourceNotFoundException", `{"message":"No cluster found"}`}},
			map[string]any{"level": "debug", "attempts": 1., "retries": 0., "awsRequestId": "request-1", "errorCode": "ResourceNotFoundException"},
			map[string]any{"AWSCalls": 1., "AWSRetries": 0., "AWSErrors": 0.}},
	} {
		t.Run(name, func(t *testing.T) {
			lines, measured := observed(t, "debug", c.answers, describe)
			for k, v := range map[string]any{"message": "AWS call", "service": "EKS", "operation": "DescribeCluster", "execution": "shop-135", "phase": "execute"} {
				c.want[k] = v
			}
			c.measured["Service"] = "EKS"
			if diff := cmp.Diff([]map[string]any{c.want}, lines); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]map[string]any{c.measured}, measured); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSuccessIsSilentAtInfo(t *testing.T) {
	lines, measured := observed(t, "info", []answer{{200, "", `{}`}}, describe)
	if len(lines) != 0 || len(measured) != 1 {
		t.Errorf("lines %v, metrics %v", lines, measured)
	}
}

func TestASignatureIsNoCall(t *testing.T) {
	lines, measured := observed(t, "debug", nil, func(ctx context.Context, cfg aws.Config) {
		if _, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(ctx, nil); err != nil {
			t.Error(err)
		}
	})
	if len(lines)+len(measured) != 0 {
		t.Errorf("lines %v, metrics %v", lines, measured)
	}
}

func TestACallWithoutCredentialsIsAnError(t *testing.T) {
	lines, measured := observed(t, "warn", nil, func(ctx context.Context, cfg aws.Config) {
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("secret-name-of-a-profile has none")
		})
		describe(ctx, cfg)
	})
	if len(lines) != 1 || lines[0]["errorCode"] != "Internal" || strings.Contains(fmt.Sprint(lines), "secret") || len(measured) != 1 || measured[0]["AWSErrors"] != 1. {
		t.Errorf("lines %v, metrics %v", lines, measured)
	}
}

func TestTheSDKsOwnLogIsRedactedAndOfTheProcess(t *testing.T) {
	lines, _ := observed(t, "info", nil, func(_ context.Context, cfg aws.Config) {
		cfg.Logger.Logf(smithylogging.Warn, "GET https://b/?X-Amz-Signature=%s\nand more", "abcdef0123456789")
		cfg.Logger.Logf(smithylogging.Debug, "below the level")
	})
	want := []map[string]any{{"level": "warn", "source": "aws-sdk-go", "execution": "shop-135", "phase": "execute",
		"message": "GET https://b/?X-Amz-Signature=[REDACTED] and more"}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// In Lambda the SDK passes the trace on by itself, so that X-Ray joins what an
// upgrade calls: nothing of the agent's has to.
func TestCallsCarryTheTraceOfTheInvocation(t *testing.T) {
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "eks-upgrade-execute")
	t.Setenv("_X_AMZN_TRACE_ID", trace)
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Amzn-Trace-Id")
		_, _ = w.Write([]byte(`{}`)) // the client notices
	}))
	defer server.Close()
	environment(t, server.URL)
	cfg, err := awsclient.Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	describe(t.Context(), cfg)
	if got != trace {
		t.Errorf("the trace header is %q", got)
	}
}

func TestCallsOfARunCarryItsIDToCloudTrail(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("User-Agent")
		_, _ = w.Write([]byte(`{}`)) // the client notices
	}))
	defer server.Close()
	environment(t, server.URL)
	ctx := logging.With(t.Context(), zerolog.Nop(), logging.Fields{Run: "0a1b2c3d4e5f"})
	cfg, err := awsclient.Environment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	describe(ctx, cfg)
	if !strings.Contains(got, "app/"+awsclient.AppID("0a1b2c3d4e5f")) {
		t.Errorf("the user agent is %q", got)
	}
}
