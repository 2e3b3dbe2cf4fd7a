// Package boundary is the edge between a handler and Lambda: strict decoding on
// the way in, error names that the state machine knows on the way out, and one
// log line for each call.
package boundary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxMessage bounds an error's message in bytes. It travels on in the state of
// the execution, which stays under 32 KiB.
const maxMessage = 4 << 10

// Function is a handler as lambda.Start takes it.
type Function[O any] = func(context.Context, json.RawMessage) (O, error)

// Wrap makes a Lambda handler of f. Its errors are of the type
// messages.InvokeResponse_Error, whose Type is an upgrade.Code: what Retry and
// Catch of the state machine match. Any other error is Internal, a deadline
// that passed is Unavailable. Messages have no secrets.
//
// A panic is not recovered: what the process holds in memory cannot be trusted
// after it. Lambda's runtime then reports the stack, ends the process and
// starts a fresh one, and the state machine goes on by its catch for all
// errors.
func Wrap[I, O any](phase upgrade.Phase, f func(context.Context, I) (O, error), log zerolog.Logger) Function[O] {
	return func(ctx context.Context, payload json.RawMessage) (O, error) {
		ctx = logging.With(ctx, log, fieldsOf(phase, payload))
		out, err := call(ctx, f, payload)
		if err != nil {
			var none O
			response := toResponse(err)
			logging.From(ctx).Error().Str("code", response.Type).Msg(response.Message)
			return none, response
		}
		logging.From(ctx).Info().Interface("output", out).Msg("done")
		return out, nil
	}
}

func call[I, O any](ctx context.Context, f func(context.Context, I) (O, error), payload json.RawMessage) (O, error) {
	in, err := upgrade.Decode[I](payload)
	if err != nil {
		var none O
		return none, err
	}
	return f(ctx, in)
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
		f.Step = fmt.Sprintf("%s[%d]", in.Mode, in.Index)
	}
	return f
}

func toResponse(err error) messages.InvokeResponse_Error {
	code := upgrade.CodeOf(err)
	var own *upgrade.Error
	switch {
	case !errors.As(err, &own) && errors.Is(err, context.DeadlineExceeded):
		code = upgrade.CodeUnavailable
	case !slices.Contains(upgrade.Codes(), code):
		code = upgrade.CodeInternal
	}
	return messages.InvokeResponse_Error{Type: string(code), Message: cut(logging.Redact(err.Error()))}
}

// cut shortens a message to maxMessage, between two characters.
func cut(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + " ..."
}
