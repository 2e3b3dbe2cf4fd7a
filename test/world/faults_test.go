package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// once is a configuration that does not retry.
func once(w *World) aws.Config {
	cfg := w.AWSConfig()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

func put(ctx context.Context, cfg aws.Config, value string) error {
	_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/x"), Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
	return err
}

func get(t *testing.T, cfg aws.Config) string {
	t.Helper()
	out := must[*ssm.GetParameterOutput](t)(ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/x")}))
	return *out.Parameter.Value
}

func TestThrottlingAndServerErrorsAreRetryableInEveryServicesSpelling(t *testing.T) {
	w, _ := newWorld(t)
	cfg := once(w)
	for service, call := range map[string]func() error{
		"ssm": func() error { return put(t.Context(), cfg, "1") },
		"dynamodb": func() error {
			_, err := dynamodb.NewFromConfig(cfg).ListTables(t.Context(), nil)
			return err
		},
		"s3": func() error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), nil)
			return err
		},
		"sns":         func() error { _, err := sns.NewFromConfig(cfg).ListTopics(t.Context(), nil); return err },
		"cloudwatch":  func() error { _, err := cloudwatch.NewFromConfig(cfg).ListMetrics(t.Context(), nil); return err },
		"eventbridge": func() error { _, err := eventbridge.NewFromConfig(cfg).ListRules(t.Context(), nil); return err },
		"lambda":      func() error { _, err := sdklambda.NewFromConfig(cfg).ListFunctions(t.Context(), nil); return err },
	} {
		for _, mode := range []Mode{Throttle, ServerError} {
			remove := w.Faults().Add(Fault{Service: service, Mode: mode})
			before := len(w.Calls())
			err := call()
			remove()
			if err == nil || !bool(retry.NewStandard().IsErrorRetryable(err)) {
				t.Errorf("%s, %v: %v: the SDK would not retry it", service, mode, err)
			}
			calls := w.Calls()[before:]
			if len(calls) != 1 || calls[0].Err == "" || calls[0].Status < 400 {
				t.Errorf("%s, %v: calls = %v", service, mode, calls)
			}
			var res *smithyhttp.ResponseError
			if mode == ServerError && (!errors.As(err, &res) || res.HTTPStatusCode() < 500) {
				t.Errorf("%s, %v: %v", service, mode, err)
			}
		}
	}
	if _, ok := w.SSM().Value("/x"); ok {
		t.Error("a refused call took effect")
	}
}

func TestACallWithoutAnswerTakesEffectAndLetsTheCallerWait(t *testing.T) {
	w, _ := newWorld(t)
	w.Faults().Add(Fault{Service: "ssm", Operation: "PutParameter", Mode: NoAnswer, Count: 1})
	ctx, cancel := context.WithCancel(t.Context())
	w.OnCall(func(c CallRecord) {
		if !c.Dropped {
			t.Errorf("call = %+v", c)
		}
		cancel() // the caller gives up after the effect
	})
	if err := put(ctx, once(w), "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if v, _ := w.SSM().Value("/x"); v != "1" {
		t.Errorf("value = %q", v)
	}
}

func TestClosingTheWorldEndsConnectionsThatWait(t *testing.T) {
	w, err := New(Options{Clock: clock.NewVirtual(start)})
	if err != nil {
		t.Fatal(err)
	}
	w.Faults().Add(Fault{Mode: NoAnswer})
	served := make(chan struct{})
	w.OnCall(func(CallRecord) { close(served) })
	ended := make(chan error, 1)
	go func() { ended <- put(context.Background(), once(w), "1") }()
	<-served
	select {
	case err := <-ended:
		t.Fatalf("answered: %v", err)
	default:
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the call has an answer")
	}
}

func TestStaleAnswersAreEarlierOnes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"one answer ago", Fault{Mode: Stale, Back: 1}, "2"},
		{"two answers ago", Fault{Mode: Stale, Back: 2}, "1"},
		{"more answers ago than there are", Fault{Mode: Stale, Back: 9}, "0"},
		{"at most 90 s old", Fault{Mode: Stale, Age: 90 * time.Second}, "2"},
		{"at most 150 s old", Fault{Mode: Stale, Age: 150 * time.Second}, "1"},
		{"no earlier answer that is young enough", Fault{Mode: Stale, Age: time.Second}, "3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, clk := newWorld(t)
			cfg := once(w)
			for i := range 3 {
				if err := put(t.Context(), cfg, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
				get(t, cfg)
				clk.Advance(time.Minute)
			}
			if err := put(t.Context(), cfg, "3"); err != nil {
				t.Fatal(err)
			}
			remove := w.Faults().Add(tc.fault)
			if got := get(t, cfg); got != tc.want {
				t.Errorf("value = %s, want %s", got, tc.want)
			}
			if err := put(t.Context(), cfg, "4"); err != nil { // a write is never stale
				t.Fatal(err)
			}
			remove()
			if got := get(t, cfg); got != "4" {
				t.Errorf("value = %s", got)
			}
		})
	}
}

func TestACallerThatCrashesBeforeTheCallHasNoEffect(t *testing.T) {
	w, _ := newSyncWorld(t)
	w.Lambda().Register("f", func(ctx context.Context) error { return put(ctx, w.FunctionConfig("f"), "1") }, time.Minute)
	w.Faults().Add(Fault{Service: "ssm", Mode: CrashBeforeEffect, Count: 1})
	c, arn := execute(t, w, `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},"End":true}}}`)
	if d := describe(t, c, arn); aws.ToString(d.Error) != "Runtime.ExitError" {
		t.Errorf("error = %v %v", aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	if _, ok := w.SSM().Value("/x"); ok {
		t.Error("the call took effect")
	}
	for _, call := range w.Calls() {
		if call.Operation == "PutParameter" {
			t.Errorf("a call that was never sent is recorded: %v", call)
		}
	}
}

// retried is a machine that does not mind crashes.
const retried = `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},
	"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":20}],"End":true}}}`

// troubled runs a function of ten writes and reads with a chooser, and tells
// what happened.
func troubled(t *testing.T, c Chooser) (calls []string, value string) {
	t.Helper()
	w, clk := newSyncWorld(t)
	w.Lambda().Register("f", func(ctx context.Context) error {
		cfg := w.FunctionConfig("f")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		for i := range 10 {
			if err := put(ctx, cfg, fmt.Sprint(i)); err != nil {
				return err
			}
			if _, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/x")}); err != nil {
				return err
			}
		}
		return nil
	}, time.Minute)

	w.Faults().UseChooser(c)
	client, arn := execute(t, w, retried)
	for range 200 {
		clk.Advance(time.Minute)
	}
	w.Faults().UseChooser(nil)
	describe(t, client, arn)
	for _, call := range w.Calls() {
		calls = append(calls, fmt.Sprintf("%v dropped=%v", call, call.Dropped))
	}
	value, _ = w.SSM().Value("/x")
	return calls, value
}

func TestARunWithAChooserRepeatsFromItsSeedAndFromItsRecord(t *testing.T) {
	recorder := Record(SeededChooser(7, 0.1))
	calls, value := troubled(t, recorder)
	taken := recorder.Taken()
	if value != "9" {
		t.Errorf("the machine got no further than %q", value)
	}
	struck := map[string]int{}
	for _, c := range taken {
		struck[c.Option]++
	}
	t.Logf("%d choices: %v", len(taken), struck)
	if len(struck) < 3 {
		t.Errorf("choices = %v: nothing went wrong", struck)
	}
	if again, _ := troubled(t, SeededChooser(7, 0.1)); !slices.Equal(again, calls) {
		t.Errorf("the same seed:\n%s\nfirst:\n%s", strings.Join(again, "\n"), strings.Join(calls, "\n"))
	}
	if other, _ := troubled(t, SeededChooser(8, 0.1)); slices.Equal(other, calls) {
		t.Error("another seed gave the same run")
	}
	text, err := json.Marshal(taken)
	if err != nil {
		t.Fatal(err)
	}
	var stored []Choice
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	replay := Replay(stored)
	if again, _ := troubled(t, replay); !slices.Equal(again, calls) || replay.Err() != nil {
		t.Errorf("replayed: %v\n%s\nfirst:\n%s", replay.Err(), strings.Join(again, "\n"), strings.Join(calls, "\n"))
	}
	short := Replay(stored[:3])
	if troubled(t, short); short.Err() == nil {
		t.Error("nobody noticed that the record is shorter than the run")
	}
}

func TestAReplayTellsWhereTheRunDiffers(t *testing.T) {
	r := Replay([]Choice{{"a", "none"}, {"b", "throttle"}, {"c", "none"}})
	if i := r.Choose("a", []string{"none", "throttle"}); i != 0 || r.Err() == nil {
		t.Errorf("a: %d, %v", i, r.Err())
	}
	if i := r.Choose("x", []string{"none", "throttle"}); i != 0 || !strings.Contains(r.Err().Error(), `at "x"`) || !strings.Contains(r.Err().Error(), `at "b"`) {
		t.Errorf("x: %d, %v", i, r.Err())
	}
}
