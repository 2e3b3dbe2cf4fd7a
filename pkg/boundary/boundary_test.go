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
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
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
	answer, err := lambda.NewHandler(boundary.Wrap(upgrade.PhaseRecord, f, log)).Invoke(t.Context(), []byte(payload))
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
	common := map[string]any{"time": "2026-08-01T12:00:00.000Z", "level": "info", "execution": "shop-135", "cluster": "shop", "phase": "record", "step": "forward[3]"}
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, message := range []string{"from inside", "done"} {
		common["message"] = message
		delete(lines[i], "output")
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
	_, err = boundary.Wrap(upgrade.PhaseRecord, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		t.Error("the handler was called with a wrong input")
		return upgrade.RecordOutput{}, nil
	}, log)(t.Context(), json.RawMessage(payload))
	return err
}

func TestAPanicIsNotHidden(t *testing.T) {
	defer func() {
		if recover() != "bug" {
			t.Error("the panic was swallowed")
		}
	}()
	invoke(t, stepInput, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) { panic("bug") })
}
