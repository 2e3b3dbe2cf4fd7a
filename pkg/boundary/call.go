package boundary

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxMessage bounds an error's message in bytes. It travels on in the state of
// the execution, which stays under 32 KiB.
const maxMessage = 4 << 10

// call is one call of a function.
type call struct {
	fields   logging.Fields
	recorder *metrics.Recorder
	elapsed  func() time.Duration
}

func (c *call) done(ctx context.Context, out any) {
	line := logging.From(ctx).Info().Int64("durationMs", c.elapsed().Milliseconds())
	if out != nil {
		line = line.Interface("output", out)
	}
	line.Msg("done")
	c.measure(ctx, "")
}

// failed logs the error with all that is known of it, and returns what the
// state machine gets: the code and one line.
func (c *call) failed(ctx context.Context, err error) error {
	response := toResponse(err)
	logging.Explain(c.line(ctx), err).Str("code", response.Type).Msg(response.Message)
	c.measure(ctx, response.Type)
	return response
}

// panicked logs a panic and lets it go on, without secrets, to Lambda's
// runtime.
func (c *call) panicked(ctx context.Context) {
	v := recover()
	if v == nil {
		return
	}
	response, ok := v.(messages.InvokeResponse_Error)
	if !ok {
		response = messages.InvokeResponse_Error{Type: string(upgrade.CodeInternal), Message: fmt.Sprint(v), StackTrace: stack(), ShouldExit: true}
	}
	response.Message = cut(logging.Line(response.Message, maxMessage))
	at := zerolog.Arr()
	for _, f := range response.StackTrace {
		at.Str(fmt.Sprintf("%s %s:%d", f.Label, f.Path, f.Line))
	}
	c.line(ctx).Str("kind", string(upgrade.KindUnexpected)).Str("code", response.Type).Bool("panic", true).Array("stack", at).Msg(response.Message)
	c.measure(ctx, string(upgrade.CodeInternal))
	panic(response)
}

func (c *call) line(ctx context.Context) *zerolog.Event {
	return logging.From(ctx).Error().Int64("durationMs", c.elapsed().Milliseconds())
}

// measure counts the call and writes what was measured in it. What cannot be
// written is logged: metrics never fail a phase.
func (c *call) measure(ctx context.Context, code string) {
	phase := string(c.fields.Phase)
	c.recorder.Add(metrics.PhaseCalls, 1, metrics.Dims{metrics.Phase: phase})
	c.recorder.Add(metrics.PhaseDuration, float64(c.elapsed().Milliseconds()), metrics.Dims{metrics.Phase: phase})
	failed := 0.
	if code != "" {
		failed = 1
	}
	c.recorder.Add(metrics.PhaseErrors, failed, metrics.Dims{metrics.Phase: phase, metrics.Code: code})
	if err := c.recorder.Flush(c.fields.Properties()); err != nil {
		logging.From(ctx).Warn().Str("cause", err.Error()).Msg("metrics could not be written")
	}
}

// stack returns the frames of a panic, from where it was raised.
func stack() []*messages.InvokeResponse_Error_StackFrame {
	const own = 4 // Callers, stack, panicked and the runtime's panic
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(own, pcs)])
	var out []*messages.InvokeResponse_Error_StackFrame
	for {
		f, more := frames.Next()
		out = append(out, &messages.InvokeResponse_Error_StackFrame{Path: f.File, Line: int32(f.Line), Label: f.Function}) //nolint:gosec // a line number
		if !more {
			return out
		}
	}
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
	return messages.InvokeResponse_Error{Type: string(code), Message: cut(logging.Line(err.Error(), maxMessage))}
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
