package boundary_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const stepInput = `{"run":{"id":"shop-135","request":{"cluster":"shop","target":"1.35","traffic":{"hostedZone":"Z1","record":"shop.example.com","service":"a/b"}},"generation":1,"startedAt":"2026-08-01T12:00:00Z"},
"plan":{"bucket":"b","key":"k","sha256":"s"},"planHash":"h","mode":"forward","index":3}`

// invoke calls a wrapped handler as Lambda does and returns what it answered,
// its log lines and its error.
func invoke(t *testing.T, payload string, f func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error)) (string, []map[string]any, error) {
	t.Helper()
	var out bytes.Buffer
	log, err := logging.New(&out, logging.Options{Level: "info", Format: logging.JSON, Clock: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := lambda.NewHandler(boundary.Wrap(log.WithContext(t.Context()), upgrade.PhaseRecord, f)).Invoke(t.Context(), []byte(payload))
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	return strings.TrimSpace(string(answer)), lines, err
}

func TestSuccess(t *testing.T) {
	answer, lines, err := invoke(t, stepInput, func(ctx context.Context, in upgrade.StepInput) (upgrade.RecordOutput, error) {
		logging.From(ctx).Info().Msg("from inside")
		return upgrade.RecordOutput{Next: in.Index + 1}, nil
	})
	if err != nil || answer != `{"next":4}` {
		t.Fatalf("%s, %v", answer, err)
	}
	common := map[string]any{"time": "2026-08-01T12:00:00.000Z", "level": "info", "execution": "shop-135", "cluster": "shop", "phase": "record", "step": "forward[3]",
		"coldStart": true}
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, message := range []string{"from inside", "done"} {
		common["message"] = message
		delete(lines[i], "output")
		delete(lines[i], "durationMs")
		if diff := cmp.Diff(common, lines[i]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestErrorsHaveAClosedSetOfNames(t *testing.T) {
	cases := map[string]struct {
		err  error
		want upgrade.Code
	}{
		"plain":                {errors.New("boom"), upgrade.CodeInternal},
		"code that is unknown": {&upgrade.Error{Code: "Oops", Message: "x"}, upgrade.CodeInternal},
		"no code":              {&upgrade.Error{Message: "x"}, upgrade.CodeInternal},
		"deadline":             {fmt.Errorf("read: %w", context.DeadlineExceeded), upgrade.CodeUnavailable},
		"deadline with code":   {upgrade.Errorf(upgrade.CodeStepTimeout, "x", "%w", context.DeadlineExceeded), upgrade.CodeStepTimeout},
		"wrapped":              {fmt.Errorf("check: %w", upgrade.Errorf(upgrade.CodeLeaseLost, "renew", "gone")), upgrade.CodeLeaseLost},
	}
	for _, code := range upgrade.Codes() {
		cases[string(code)] = struct {
			err  error
			want upgrade.Code
		}{upgrade.Errorf(code, "op", "text"), code}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, lines, err := invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
				return upgrade.RecordOutput{Next: 9}, c.err
			})
			var response messages.InvokeResponse_Error
			if !errors.As(err, &response) || response.Type != string(c.want) || response.Message != c.err.Error() {
				t.Fatalf("error %#v, want type %s and the whole message", err, c.want)
			}
			if len(lines) != 1 || lines[0]["level"] != "error" || lines[0]["code"] != string(c.want) || lines[0]["execution"] != "shop-135" {
				t.Errorf("lines %v", lines)
			}
		})
	}
}

func TestTheLogSaysAllOfAnErrorAndTheStateMachineGetsOneLine(t *testing.T) {
	cause := upgrade.KindAWSThrottled.Errorf("describe cluster shop", "%w", errors.New("status 429\nslow down")).With("awsRequestId", "r-1").With("token", "k8s-aws-v1.aHR0cHM6Ly9zdHM")
	_, lines, err := invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		return upgrade.RecordOutput{}, upgrade.KindTrafficDrift.Errorf("shift traffic", "weights of shop: %w", cause).With("record", "shop.example.com").WithRemedy("give them back")
	})
	const message = "shift traffic: weights of shop: describe cluster shop: status 429 slow down; try again later; raise the quota if it lasts; give them back"
	var response messages.InvokeResponse_Error
	if !errors.As(err, &response) || response.Type != "Drift" || response.Message != message {
		t.Errorf("%#v", response)
	}
	delete(lines[0], "time")
	want := map[string]any{"level": "error", "message": message, "kind": "traffic.drift", "code": "Drift", "op": "shift traffic", "remedy": "give them back",
		"cause":   "describe cluster shop: status 429 slow down; try again later; raise the quota if it lasts",
		"details": map[string]any{"record": "shop.example.com", "awsRequestId": "r-1", "token": "[REDACTED]"}, "durationMs": 0.,
		"execution": "shop-135", "cluster": "shop", "phase": "record", "step": "forward[3]", "coldStart": true}
	if diff := cmp.Diff(want, lines[0]); diff != "" {
		t.Error(diff)
	}
}

func TestAnErrorOfNoKindIsUnexpected(t *testing.T) {
	_, lines, _ := invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		return upgrade.RecordOutput{}, errors.New("boom")
	})
	if lines[0]["kind"] != "internal.unexpected" {
		t.Error(lines)
	}
}

func TestMessagesHaveNoSecretsAndAreShort(t *testing.T) {
	_, lines, err := invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		return upgrade.RecordOutput{}, errors.New("GET https://x/?X-Amz-Signature=abcdef0123456789: 403 " + strings.Repeat("é", 5000))
	})
	var response messages.InvokeResponse_Error
	if !errors.As(err, &response) || strings.Contains(response.Message, "abcdef") || strings.Contains(fmt.Sprint(lines), "abcdef") {
		t.Errorf("the signature is in %v", err)
	}
	if len(response.Message) > 4200 || !utf8.ValidString(response.Message) {
		t.Errorf("%d bytes, valid: %t", len(response.Message), utf8.ValidString(response.Message))
	}
}

func TestInputIsDecodedStrictly(t *testing.T) {
	for name, c := range map[string]struct{ payload, names string }{
		"unknown field": {`{"indx":3}`, "indx"},
		"wrong type":    {`{"index":"3"}`, "index"},
		"bad version":   {`{"run":{"request":{"target":"35"}}}`, "run.request.target"},
		"two values":    {`{} {}`, ""},
		"no JSON":       {`[`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := invokeRaw(t, c.payload)
			var response messages.InvokeResponse_Error
			if !errors.As(err, &response) || response.Type != string(upgrade.CodeInvalidRequest) || !strings.Contains(response.Message, c.names) {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// invokeRaw calls the wrapped function itself: lambda.NewHandler refuses what
// is no JSON before the boundary sees it.
func invokeRaw(t *testing.T, payload string) error {
	t.Helper()
	log, err := logging.New(&bytes.Buffer{}, logging.Options{Level: "info", Format: logging.JSON, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = boundary.Wrap(log.WithContext(t.Context()), upgrade.PhaseRecord, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		t.Error("the handler was called with a wrong input")
		return upgrade.RecordOutput{}, nil
	})(t.Context(), json.RawMessage(payload))
	return err
}

func TestAPanicIsLoggedAndGoesOnWithoutItsSecrets(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, logging.Options{Level: "info", Format: logging.JSON, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	f := boundary.Wrap(log.WithContext(t.Context()), upgrade.PhaseRecord, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		panic("bug with password=hunter2hunter2")
	})
	defer func() {
		response, ok := recover().(messages.InvokeResponse_Error)
		if !ok || response.Type != string(upgrade.CodeInternal) || !response.ShouldExit || len(response.StackTrace) == 0 {
			t.Fatalf("%#v is not a panic that ends the process", response)
		}
		if label := response.StackTrace[0].Label; !strings.Contains(label, "TestAPanic") {
			t.Errorf("the stack begins at %s", label)
		}
		if all := response.Message + out.String(); strings.Contains(all, "hunter2") || !strings.Contains(out.String(), `"panic":true`) || !strings.Contains(out.String(), "shop-135") {
			t.Error(all)
		}
	}()
	_, err = f(t.Context(), json.RawMessage(stepInput))
	t.Errorf("the panic was swallowed, error %v", err)
}

func TestAPanicOfTheRuntimeKeepsItsType(t *testing.T) {
	defer func() {
		if response, ok := recover().(messages.InvokeResponse_Error); !ok || response.Type != "Runtime.ExitError" {
			t.Errorf("%#v", response)
		}
	}()
	_, _, err := invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		panic(messages.InvokeResponse_Error{Type: "Runtime.ExitError", Message: "killed"})
	})
	t.Errorf("the panic was swallowed, error %v", err)
}

// measured runs calls of one process and returns its metric lines.
func measured(ctx context.Context, t *testing.T, calls ...error) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	c := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	next := 0
	f := boundary.Wrap(metrics.WithSink(t.Context(), metrics.NewSink(&out, c)), upgrade.PhaseRecord, func(ctx context.Context, _ upgrade.StepInput) (upgrade.RecordOutput, error) {
		metrics.From(ctx).Add(metrics.UpgradesStarted, 1, nil)
		c.Advance(1500 * time.Millisecond)
		next++
		return upgrade.RecordOutput{}, calls[next-1]
	})
	for range calls {
		_, _ = f(ctx, json.RawMessage(stepInput)) // the metrics say whether it failed
	}
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, doc)
	}
	return lines
}

func TestEachCallIsMeasuredOnOneLine(t *testing.T) {
	lines := measured(t.Context(), t, nil, upgrade.Errorf(upgrade.CodeDrift, "x", "y"))
	want := []map[string]any{
		{"Phase": "record", "PhaseCalls": 1., "PhaseErrors": 0., "PhaseDuration": 1500., "UpgradesStarted": 1., "execution": "shop-135", "cluster": "shop", "phase": "record", "step": "forward[3]"},
		{"Phase": "record", "PhaseCalls": 1., "PhaseErrors": 1., "Code": "Drift", "PhaseDuration": 1500., "UpgradesStarted": 1., "execution": "shop-135", "cluster": "shop", "phase": "record", "step": "forward[3]"},
	}
	for _, l := range lines {
		delete(l, "_aws")
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestLinesSayWhichInvocationOfWhichProcessTheyAreOf(t *testing.T) {
	t.Setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	version := lambdacontext.FunctionVersion
	lambdacontext.FunctionVersion = "7"
	t.Cleanup(func() { lambdacontext.FunctionVersion = version })
	var out bytes.Buffer
	log, err := logging.New(&out, logging.Options{Level: "info", Format: logging.JSON, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	f := boundary.Serve(log.WithContext(t.Context()), "answer", func(context.Context, string) (string, error) { return "not to be logged", nil })
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8f507cfc"})
	for range 2 {
		if got, err := f(ctx, ""); got != "not to be logged" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if strings.Contains(out.String(), "not to be logged") {
		t.Error("the answer is in the log")
	}
	cold := true
	for line := range strings.Lines(out.String()) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "time")
		want := map[string]any{"level": "info", "message": "done", "durationMs": 0., "phase": "answer", "requestId": "8f507cfc", "traceId": "1-5759e988-bd862e3fe1be46a994272793", "functionVersion": "7", "coldStart": cold}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		cold = false
	}
}
