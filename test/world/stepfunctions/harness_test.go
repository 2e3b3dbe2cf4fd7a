package stepfunctions_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	smithy "github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/kms"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/logs"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/s3"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ssm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/stepfunctions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	account = "123456789012"
	region  = "eu-west-1"
	role    = "arn:aws:iam::123456789012:role/machine"
	prefix  = "arn:aws:states:eu-west-1:123456789012:"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// busEvent is an event that was put on the bus.
type busEvent struct {
	source, kind string
	detail       map[string]any
}

// bus keeps the events that Step Functions emits.
type bus struct {
	mu     sync.Mutex
	events []busEvent
}

func (b *bus) Emit(source, kind string, detail any, _ ...string) error {
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	e := busEvent{source: source, kind: kind}
	if err := json.Unmarshal(raw, &e.detail); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	return nil
}

// call is an API call that reached a service.
type call struct{ service, operation, role string }

// counting is a virtual clock that knows how often it was asked for a timer.
type counting struct {
	*clock.Virtual
	mu      sync.Mutex
	timers  int
	waiting []chan int
}

func (c *counting) AfterFunc(d time.Duration, f func()) func() bool {
	stop := c.Virtual.AfterFunc(d, f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers++
	for _, w := range c.waiting {
		w <- c.timers
	}
	c.waiting = nil
	return stop
}

// until waits for n more timers than there were when it was called; what it
// returns does the waiting.
func (c *counting) until(n int) (wait func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := c.timers + n
	return func() {
		for {
			c.mu.Lock()
			if c.timers >= want {
				c.mu.Unlock()
				return
			}
			w := make(chan int, 1)
			c.waiting = append(c.waiting, w)
			c.mu.Unlock()
			<-w
		}
	}
}

// harness is Step Functions with the services that its tests use, behind HTTP.
type harness struct {
	*testing.T
	clk       *counting
	sfn       *sfn.Client
	service   *stepfunctions.Service
	functions *lambda.Service
	tables    *dynamodb.Service
	objects   *s3.Service
	logs      *logs.Service
	bus       *bus
	url       string

	mu     sync.Mutex
	calls  []call
	refuse func(*wire.Call) error // before the effect
	lose   func(*wire.Call) bool  // the answer, after the effect
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{T: t, clk: &counting{Virtual: clock.NewVirtual(start)}, bus: &bus{}}
	mux := wire.NewMux(h.clk.Now, func(c *wire.Call, _ any, next func() (any, error)) (any, error) {
		h.mu.Lock()
		h.calls = append(h.calls, call{c.Service, c.Operation, c.Role})
		refuse := h.refuse
		h.mu.Unlock()
		if refuse != nil {
			if err := refuse(c); err != nil {
				return nil, err
			}
		}
		out, err := next()
		if err == nil && h.lose != nil && h.lose(c) {
			return out, wire.ErrDropped
		}
		return out, err
	})
	h.functions = lambda.New(lambda.Options{Clock: h.clk, Account: account, Region: region, Synchronous: true, Mux: mux})
	h.tables = dynamodb.New(h.clk, account, region)
	h.objects = s3.New(h.clk, account, region)
	mux.Register("s3", h.objects)
	h.logs = logs.New(h.clk, account, region)
	h.service = stepfunctions.New(stepfunctions.Options{Clock: h.clk, Account: account, Region: region, Seed: 1,
		Functions: h.functions, Mux: mux, Events: h.bus, Logs: h.logs})
	mux.Register("sfn", h.service)
	mux.Register("dynamodb", h.tables)
	mux.Register("ssm", ssm.New(h.clk, account, region, kms.New(h.clk, account, region, 1)))
	mux.Register("sns", sns.New(h.clk, account, region, mux))
	mux.Register("cloudwatchlogs", h.logs)
	mux.Register("lambda", h.functions.API())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.url = server.URL
	h.sfn = sfn.New(sfn.Options{Region: region, BaseEndpoint: &server.URL, HTTPClient: wire.NewHTTPClient(), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	return h
}

// create makes a state machine of a definition.
func (h *harness) create(name, definition string, change ...func(*sfn.CreateStateMachineInput)) string {
	h.Helper()
	in := &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: aws.String(role)}
	for _, f := range change {
		f(in)
	}
	out, err := h.sfn.CreateStateMachine(h.Context(), in)
	if err != nil {
		h.Fatal(err)
	}
	return *out.StateMachineArn
}

func express(in *sfn.CreateStateMachineInput) { in.Type = types.StateMachineTypeExpress }

// run starts an execution under a name.
func (h *harness) run(machine, name, input string) string {
	h.Helper()
	out, err := h.sfn.StartExecution(h.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: optional(name), Input: optional(input)})
	if err != nil {
		h.Fatal(err)
	}
	return *out.ExecutionArn
}

// execute creates a machine and starts an execution of it.
func (h *harness) execute(definition, input string) string {
	h.Helper()
	return h.run(h.create("m", definition), "run", input)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (h *harness) describe(arn string) *sfn.DescribeExecutionOutput {
	h.Helper()
	out, err := h.sfn.DescribeExecution(h.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

// history returns the types of an execution's events.
func (h *harness) history(arn string) []types.HistoryEvent {
	h.Helper()
	out, err := h.sfn.GetExecutionHistory(h.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	if err != nil {
		h.Fatal(err)
	}
	return out.Events
}

func (h *harness) eventTypes(arn string) string {
	h.Helper()
	var names []string
	for _, e := range h.history(arn) {
		names = append(names, string(e.Type))
	}
	return strings.Join(names, " ")
}

func (h *harness) table(name string) {
	h.Helper()
	if err := h.tables.AddTable(&awsddb.CreateTableInput{
		TableName: &name, BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddbtypes.KeyTypeHash}},
	}); err != nil {
		h.Fatal(err)
	}
}

// function adds a function that takes and gives any JSON.
func (h *harness) function(name string, f func(context.Context, json.RawMessage) (any, error)) {
	h.functions.Register(name, f, time.Minute)
}

// post makes a call without the SDK, whose validation would stop it.
func (h *harness) post(operation, body string) (int, map[string]any) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.url, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260801/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=0")
	res, err := wire.NewHTTPClient().Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		h.Fatal(err)
	}
	return res.StatusCode, out
}

// check compares an error with a code, and with a message when one is wanted.
func check(t *testing.T, err error, code, message string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("err = %v", err)
		}
		return
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code {
		t.Errorf("err = %v, want code %s", err, code)
		return
	}
	if message != "" && api.ErrorMessage() != message {
		t.Errorf("message:\n got %s\nwant %s", api.ErrorMessage(), message)
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (write it anew with -update):\n%s", path, got)
	}
}

const (
	pass    = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`
	waiting = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"Next":"P"},"P":{"Type":"Pass","End":true}}}`
	failing = `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Bad","Cause":"because"}}}`
)

// topic makes an SNS topic.
func (h *harness) topic(name string) {
	h.Helper()
	arn := h.create("make-"+name, `{"StartAt":"C","States":{"C":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sns:createTopic","Parameters":{"Name":"`+name+`"},"End":true}}}`)
	if d := h.describe(h.run(arn, "", "")); d.Status != types.ExecutionStatusSucceeded {
		h.Fatalf("topic %s: %s %s", name, aws.ToString(d.Error), aws.ToString(d.Cause))
	}
}

// echo is a function that answers with its payload.
func echo(_ context.Context, in json.RawMessage) (any, error) { return in, nil }
