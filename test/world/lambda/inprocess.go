package lambda

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
)

// panicked carries a panic of a handler.
type panicked struct {
	value any
	stack []*messages.InvokeResponse_Error_StackFrame
}

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

// sideBySide is a function as awslambda.NewHandler makes it a handler, for
// invocations side by side: a handler of aws-lambda-go answers with a buffer that
// its next invocation writes to, because a process of Lambda has one invocation
// at a time.
type sideBySide struct{ f any }

func (h sideBySide) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return awslambda.NewHandler(h.f).Invoke(ctx, payload)
}

func call(ctx context.Context, h awslambda.Handler, payload []byte) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, stack()}
		}
	}()
	return h.Invoke(ctx, payload)
}

// stack returns the frames of a panic, from where it was raised.
func stack() []*messages.InvokeResponse_Error_StackFrame {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	var out []*messages.InvokeResponse_Error_StackFrame
	for {
		f, more := frames.Next()
		out = append(out, &messages.InvokeResponse_Error_StackFrame{Path: f.File, Line: int32(f.Line), Label: f.Function}) //nolint:gosec // a line number
		if !more {
			return out
		}
	}
}

// result gives what the Go runtime interface client reports (source:
// aws-lambda-go, lambda/errors.go and invoke_loop.go).
func result(id string, out []byte, err error) Result {
	if err == nil {
		if len(out) > maxResponse {
			return oversized(id)
		}
		if len(out) == 0 {
			out = []byte("null")
		}
		return Result{RequestID: id, Payload: out}
	}
	if p, ok := errors.AsType[*panicked](err); ok {
		if e, ok := p.value.(messages.InvokeResponse_Error); ok {
			return failure(id, e.Type, e.Message, e.StackTrace)
		}
		return failure(id, typeName(p.value), p.Error(), p.stack)
	}
	if e, ok := err.(messages.InvokeResponse_Error); ok { //nolint:errorlint // as the runtime does
		return failure(id, e.Type, e.Message, e.StackTrace)
	}
	return failure(id, typeName(err), err.Error(), nil)
}

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		return t.Elem().Name()
	}
	return t.Name()
}
