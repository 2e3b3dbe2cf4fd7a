// Package lambda runs Lambda functions in process: Go handlers that are
// registered under a name, with the timeouts, crashes and error payloads that
// AWS Lambda gives.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxPayload is the largest request or response of a synchronous invocation.
const maxPayload = 6 << 20

// Options of New.
type Options struct {
	Clock           clock.Clock
	Hold            func() func() // taken during each invocation
	Account, Region string
	// Synchronous runs handlers on the goroutine that invokes them, so that a
	// run on a virtual clock repeats exactly. A handler must then not wait for
	// the clock.
	Synchronous bool
}

// Result is the answer to an invocation.
type Result struct {
	RequestID     string
	Payload       json.RawMessage
	FunctionError string // "" or "Unhandled"
	ErrorType     string // of the payload, when there is a FunctionError
}

type function struct {
	name    string
	handler awslambda.Handler
	timeout time.Duration
}

type invocation struct {
	id      string
	name    string
	cancel  context.CancelFunc
	release func()
	stop    func() bool // the timeout
	done    func(Result)
	over    bool
}

// Service is the registry of functions.
type Service struct {
	o Options

	mu       sync.Mutex
	funcs    map[string]function
	inflight map[string]*invocation
	dead     map[string]bool
	count    int
}

// New returns a registry without functions.
func New(o Options) *Service {
	return &Service{o: o, funcs: map[string]function{}, inflight: map[string]*invocation{}, dead: map[string]bool{}}
}

// Register adds a function, or replaces it. timeout is in simulated time.
func (s *Service) Register(name string, h awslambda.Handler, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.funcs[name] = function{name, h, timeout}
}

// ARN is the ARN of a function.
func (s *Service) ARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", s.o.Region, s.o.Account, name)
}

// plainName takes a name, a name with a qualifier, a partial or a full ARN.
func (s *Service) plainName(ref string) string {
	if i := strings.Index(ref, "function:"); i >= 0 {
		ref = ref[i+len("function:"):]
	}
	name, _, _ := strings.Cut(ref, ":")
	return name
}

// Invoke starts an invocation; done gets its result exactly once, from any
// goroutine. An error means that nothing was invoked.
func (s *Service) Invoke(ref string, payload json.RawMessage, done func(Result)) error {
	if len(payload) > maxPayload {
		return &wire.Error{Code: "RequestTooLargeException", Status: 413, Message: fmt.Sprintf("%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", len(payload), maxPayload)}
	}
	s.mu.Lock()
	f, ok := s.funcs[s.plainName(ref)]
	if !ok {
		s.mu.Unlock()
		return &wire.Error{Code: "ResourceNotFoundException", Status: 404, Message: "Function not found: " + s.ARN(s.plainName(ref))}
	}
	s.count++
	inv := &invocation{id: fmt.Sprintf("%08x-1a3b-4c5d-8e9f-%012x", s.count, s.count), name: f.name, done: done}
	// The deadline that a handler sees is in real time, because simulated time
	// runs at that speed while a function runs; what ends it is the clock.
	ctx, cancelDeadline := context.WithDeadline(context.Background(), time.Now().Add(f.timeout))
	ctx, cancel := context.WithCancel(ctx)
	inv.cancel = func() { cancel(); cancelDeadline() }
	s.inflight[inv.id] = inv
	s.mu.Unlock()

	inv.release = s.o.Hold()
	stop := s.o.Clock.AfterFunc(f.timeout, func() { s.timedOut(inv, f.timeout) })
	s.mu.Lock()
	inv.stop = stop
	s.mu.Unlock()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: inv.id, InvokedFunctionArn: s.ARN(f.name)})
	run := func() {
		out, err := call(ctx, f.handler, payload)
		s.finish(inv, result(inv.id, out, err), false)
	}
	if s.o.Synchronous {
		run()
	} else {
		go run()
	}
	return nil
}

// finish ends an invocation, once; later results of it count for nothing.
func (s *Service) finish(inv *invocation, r Result, kill bool) {
	s.mu.Lock()
	if inv.over {
		s.mu.Unlock()
		return
	}
	inv.over = true
	delete(s.inflight, inv.id)
	if kill {
		s.dead[inv.id] = true
	}
	stop := inv.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	inv.cancel()
	// The result is delivered before the clock may run fast again: a timeout of
	// the caller must not fire in between.
	inv.done(r)
	inv.release()
}

func (s *Service) timedOut(inv *invocation, limit time.Duration) {
	s.finish(inv, failure(inv.id, "Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, limit.Seconds()), nil), true)
}

// Crash ends every invocation in flight as AWS reports a process that died.
// Calls that the dead ones still make must be refused: see Dead.
func (s *Service) Crash() {
	s.mu.Lock()
	var all []*invocation
	for _, inv := range s.inflight {
		all = append(all, inv)
	}
	s.mu.Unlock()
	for _, inv := range all {
		s.finish(inv, failure(inv.id, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited with error: exit status 2", inv.id), nil), true)
	}
}

// Dead reports whether an invocation was ended by force, so that its process
// is no more.
func (s *Service) Dead(requestID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead[requestID]
}

// InFlight returns how many invocations are running.
func (s *Service) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inflight)
}

// panicked carries a panic of a handler.
type panicked struct {
	value any
	stack []*messages.InvokeResponse_Error_StackFrame
}

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

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
		if len(out) > maxPayload {
			return failure(id, "Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload), nil)
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

func failure(id, typ, message string, stack []*messages.InvokeResponse_Error_StackFrame) Result {
	payload := struct {
		Message string                                      `json:"errorMessage"`
		Type    string                                      `json:"errorType"`
		Stack   []*messages.InvokeResponse_Error_StackFrame `json:"stackTrace,omitempty"`
	}{message, typ, stack}
	// Strings and frames always encode.
	b, _ := json.Marshal(payload)
	return Result{RequestID: id, Payload: b, FunctionError: "Unhandled", ErrorType: typ}
}
