package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/logs"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	account = "123456789012"
	region  = "eu-west-1"
	role    = "arn:aws:iam::123456789012:role/worker"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// fixture is a Lambda with the services that functions are sent to, behind the
// real SDK, on a clock that stands still unless the test moves it.
type fixture struct {
	*sdk.Client
	t      *testing.T
	clock  *clock.Virtual
	lambda *lambda.Service
	logs   *logs.Service
	sns    *sns.Service
	events *eventbridge.Service
	mux    *wire.Mux
	config aws.Config

	mu      sync.Mutex
	callers []string // "service.Operation by caller"
	dropped int
	before  func(c *wire.Call) // may be nil
	objects map[string][]byte
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: clock.NewVirtual(start), objects: map[string][]byte{}}
	f.mux = wire.NewMux(f.clock.Now, f.intercept)
	server := httptest.NewServer(f.mux)
	f.logs = logs.New(f.clock, account, region)
	tokens := sts.New(f.clock, account, "secret", f.mux)
	f.lambda = lambda.New(lambda.Options{Clock: f.clock, Account: account, Region: region, Mux: f.mux, Logs: f.logs, Endpoint: func() string { return server.URL },
		Environment: map[string]string{"GIVEN": "to all", "OWN": "what all get"},
		Object: func(bucket, key string) ([]byte, error) {
			if data, ok := f.objects[bucket+"/"+key]; ok {
				return data, nil
			}
			return nil, wire.Errorf("NoSuchKey", "The specified key does not exist.")
		},
		Issue: func(role, session string) lambda.Credentials {
			c := tokens.Issue(role, session)
			return lambda.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
		}})
	f.sns = sns.New(f.clock, account, region, f.mux)
	f.events = eventbridge.New(f.clock, account, region, f.mux)
	f.mux.Register("lambda", f.lambda.API())
	f.mux.Register("cloudwatchlogs", f.logs)
	f.mux.Register("sns", f.sns)
	f.mux.Register("eventbridge", f.events)
	f.mux.Register("sts", tokens)
	f.config = aws.Config{Region: region, BaseEndpoint: &server.URL, HTTPClient: wire.NewHTTPClient(), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	f.Client = sdk.NewFromConfig(f.config)
	t.Cleanup(func() {
		if err := f.lambda.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return f
}

func (f *fixture) intercept(c *wire.Call, _ any, next func() (any, error)) (any, error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	caller, invocation, ok := f.lambda.Caller(c.AccessKeyID)
	if ok {
		if f.lambda.Dead(invocation) {
			f.mu.Lock()
			f.dropped++
			f.mu.Unlock()
			return nil, wire.ErrDropped
		}
		f.mu.Lock()
		f.callers = append(f.callers, c.Service+"."+c.Operation+" by "+caller)
		f.mu.Unlock()
	}
	out, err := next()
	if before != nil {
		before(c)
	}
	return out, err
}

var (
	built    sync.Once
	program  []byte
	buildErr error
)

// bootstrap returns the test's function, built for this machine.
func bootstrap(t *testing.T) []byte {
	t.Helper()
	built.Do(func() {
		dir, err := os.MkdirTemp("", "bootstrap-")
		if err != nil {
			buildErr = err
			return
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "bootstrap")
		cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, "./testdata/function")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as functions are built
		if out, err := cmd.CombinedOutput(); err != nil {
			buildErr = errors.New(string(out))
			return
		}
		program, buildErr = os.ReadFile(path)
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return program
}

// zipped makes a deployment package of one file.
func zipped(t *testing.T, name string, data []byte, mode os.FileMode) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: name, Method: zip.Store}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write(data)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func input(name string, zip []byte) *sdk.CreateFunctionInput {
	return &sdk.CreateFunctionInput{FunctionName: &name, Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zip}}
}

// create creates a function, from S3, and waits until it is ready.
func (f *fixture) create(name string, change ...func(*sdk.CreateFunctionInput)) {
	f.t.Helper()
	f.objects["code/bootstrap.zip"] = zipped(f.t, "bootstrap", bootstrap(f.t), 0o755)
	in := input(name, nil)
	in.Code = &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("bootstrap.zip")}
	in.Timeout = aws.Int32(10)
	in.MemorySize = aws.Int32(256)
	for _, c := range change {
		c(in)
	}
	if _, err := f.CreateFunction(f.t.Context(), in); err != nil {
		f.t.Fatal(err)
	}
	f.clock.Advance(2 * time.Second)
}

func (f *fixture) invoke(name, event string) *sdk.InvokeOutput {
	f.t.Helper()
	out, err := f.Invoke(f.t.Context(), &sdk.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// call invokes a function that works and returns its result.
func (f *fixture) call(name, event string) string {
	f.t.Helper()
	out := f.invoke(name, event)
	if out.FunctionError != nil {
		f.t.Fatalf("%s: %s", *out.FunctionError, out.Payload)
	}
	return string(out.Payload)
}

// failure invokes a function that fails and returns type and message.
func (f *fixture) failure(name, event string) (typ, message string, out *sdk.InvokeOutput) {
	f.t.Helper()
	out = f.invoke(name, event)
	if aws.ToString(out.FunctionError) != "Unhandled" {
		f.t.Fatalf("FunctionError = %v, payload %s", out.FunctionError, out.Payload)
	}
	var p struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(out.Payload, &p); err != nil {
		f.t.Fatal(err)
	}
	return p.ErrorType, p.ErrorMessage, out
}

func wantError(t *testing.T, err error, code, part string, status int) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), part) {
		t.Errorf("error = %v\nwant %s: ...%s...", err, code, part)
		return
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) && status != 0 && response.HTTPStatusCode() != status {
		t.Errorf("%s: status %d, want %d", code, response.HTTPStatusCode(), status)
	}
}

// eventually waits, in real time, for what a process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not yet", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
