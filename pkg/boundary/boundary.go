// Package boundary is the edge between a handler and Lambda: strict decoding on
// the way in, error names that the state machine knows on the way out, one log
// line and one line of metrics for each call.
package boundary

import (
	"context"
	"encoding/json"
	"os"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Function is a handler as lambda.Start takes it.
type Function[O any] = func(context.Context, json.RawMessage) (O, error)

// Wrap makes a Lambda handler of a phase. ctx carries the process's logger
// (logging.From) and metrics (metrics.SinkOf). Errors of the handler are of the type
// messages.InvokeResponse_Error, whose Type is an upgrade.Code: what Retry and
// Catch of the state machine match. Any other error is Internal, a deadline
// that passed is Unavailable. Messages have no secrets.
//
// A panic is not recovered: what the process holds in memory cannot be trusted
// after it. It is logged and goes on without its secrets; Lambda's runtime then
// reports it, ends the process and starts a fresh one, and the state machine
// goes on by its catch for all errors.
func Wrap[I, O any](ctx context.Context, phase upgrade.Phase, f func(context.Context, I) (O, error)) Function[O] {
	subject := func(payload json.RawMessage) logging.Fields { return fieldsOf(phase, payload) }
	return observe(ctx, subject, true, func(ctx context.Context, payload json.RawMessage) (O, error) {
		in, err := upgrade.Decode[I](payload)
		if err != nil {
			var none O
			return none, err
		}
		return f(ctx, in)
	})
}

// Serve makes a Lambda handler of a function that is no phase of the state
// machine, such as one behind an API. Its calls are logged and measured as
// those of a phase; what it answers is not logged.
func Serve[I, O any](ctx context.Context, name string, f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	return observe(ctx, func(I) logging.Fields { return logging.Fields{Phase: upgrade.Phase(name)} }, false, f)
}

func observe[I, O any](process context.Context, subject func(I) logging.Fields, logOutput bool, f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	log, sink := *logging.From(process), metrics.SinkOf(process)
	var warm atomic.Bool
	return func(ctx context.Context, in I) (O, error) {
		fields := subject(in)
		fields.Lambda = invocation(ctx, !warm.Swap(true))
		c := &call{fields: fields, recorder: sink.Start(), elapsed: sink.Elapsed()}
		ctx = metrics.With(logging.With(ctx, log, fields), c.recorder)
		defer c.panicked(ctx)
		out, err := f(ctx, in)
		if err != nil {
			var none O
			return none, c.failed(ctx, err)
		}
		if logOutput {
			c.done(ctx, out)
		} else {
			c.done(ctx, nil)
		}
		return out, nil
	}
}

// invocation says which call of the function this is.
func invocation(ctx context.Context, cold bool) *logging.Lambda {
	l := &logging.Lambda{Version: lambdacontext.FunctionVersion, ColdStart: cold}
	if c, ok := lambdacontext.FromContext(ctx); ok {
		l.RequestID = c.AwsRequestID
	}
	header, _ := ctx.Value("x-amzn-trace-id").(string) // as the Lambda runtime hands it over
	if header == "" {
		header = os.Getenv("_X_AMZN_TRACE_ID")
	}
	l.TraceID = logging.TraceID(header)
	return l
}

// fieldsOf reads from a payload of any phase, whole or not, what log lines say.
func fieldsOf(phase upgrade.Phase, payload json.RawMessage) logging.Fields {
	type subject struct {
		ID      string `json:"id"`
		Request struct {
			Cluster string `json:"cluster"`
		} `json:"request"`
	}
	var in struct {
		subject              // acquiring the lease: there is no run yet
		Run     subject      `json:"run"`
		Mode    upgrade.Mode `json:"mode"`
		Index   int          `json:"index"`
	}
	// A payload that does not fit is refused by the strict decoding that
	// follows; its log line then says less.
	_ = json.Unmarshal(payload, &in)
	f := logging.Fields{Execution: in.Run.ID, Cluster: in.Run.Request.Cluster, Phase: phase}
	if f.Execution == "" {
		f.Execution, f.Cluster = in.ID, in.Request.Cluster
	}
	if in.Mode != "" {
		f.Step = upgrade.Place(in.Mode, in.Index)
	}
	return f
}
