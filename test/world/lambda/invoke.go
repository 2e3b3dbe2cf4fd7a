package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of payloads, in bytes (source: "Lambda quotas").
const (
	maxPayload  = 6 << 20          // of a synchronous request
	maxResponse = maxPayload + 100 // of a response: as in AWS's error message
	maxEvent    = 1 << 20          // of an asynchronous request
	maxTail     = 4 << 10          // of the log that LogType Tail returns
	minBilled   = 1 * time.Millisecond
)

// Result is the answer to an invocation.
type Result struct {
	RequestID       string
	Payload         json.RawMessage
	FunctionError   string // "" or "Unhandled"
	ErrorType       string // of the payload, when there is a FunctionError
	ExecutedVersion string
	Tail            []byte // the last 4 KB of the invocation's log
}

// request is what is invoked.
type request struct {
	id            string // "": a new one
	ref           string
	qualifier     *string
	payload       []byte
	clientContext []byte // JSON
}

// invocation is one that runs.
type invocation struct {
	key      string // its own, while a retry has the request id of what it repeats
	id       string
	f        *function
	v        *version
	env      *environment
	arn      string // that was invoked
	payload  []byte
	client   []byte
	trace    string
	done     func(Result)
	release  func()
	cancel   context.CancelFunc
	stop     func() bool   // the timeout
	expired  chan struct{} // closed at the timeout of a process
	begun    time.Time     // on the clock
	real     time.Time     // for what is a real process
	init     time.Duration // of a cold start
	cold     bool
	over     bool
	timedOut bool
	crashed  bool // its handler, in process, has yet to notice
	tail     []byte
}

// Invoke starts an invocation, for other services of AWS; done gets its result
// exactly once, from any goroutine. An error means that nothing was invoked.
func (s *Service) Invoke(ref string, payload json.RawMessage, done func(Result)) error {
	return s.start(request{ref: ref, payload: payload}, done)
}

// Invoke invokes a function over the API.
func (a *API) Invoke(c *wire.Call, in *sdk.InvokeInput) (*sdk.InvokeOutput, error) {
	s := a.Service
	r := request{ref: value(in.FunctionName), qualifier: in.Qualifier, payload: in.Payload}
	if in.DurableExecutionName != nil || in.TenantId != nil {
		return nil, invalid("the simulated Lambda has no durable functions and no tenant isolation")
	}
	if len(in.Payload) > 0 && !json.Valid(in.Payload) {
		return nil, &types.InvalidRequestContentException{Message: ptr("Could not parse request body into json: Could not parse payload into json"), Type: ptr("User")}
	}
	if in.ClientContext != nil {
		var err error
		if r.clientContext, err = base64.StdEncoding.DecodeString(*in.ClientContext); err != nil || !json.Valid(r.clientContext) {
			return nil, &types.InvalidRequestContentException{Message: ptr("Client context must be a valid Base64-encoded JSON object."), Type: ptr("User")}
		}
	}
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err := s.resolve(r.ref, r.qualifier, false)
		return &sdk.InvokeOutput{StatusCode: http.StatusNoContent}, err
	case types.InvocationTypeEvent:
		if err := s.enqueue(r); err != nil {
			return nil, err
		}
		return &sdk.InvokeOutput{StatusCode: http.StatusAccepted}, nil
	case "", types.InvocationTypeRequestResponse:
	default:
		return nil, violation(string(in.InvocationType), "invocationType", "Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	ended := make(chan Result, 1)
	if err := s.start(r, func(result Result) { ended <- result }); err != nil {
		return nil, err
	}
	select {
	case result := <-ended:
		out := &sdk.InvokeOutput{StatusCode: http.StatusOK, Payload: result.Payload, ExecutedVersion: &result.ExecutedVersion}
		if result.FunctionError != "" {
			out.FunctionError = &result.FunctionError
		}
		if in.LogType == types.LogTypeTail {
			out.LogResult = ptr(base64.StdEncoding.EncodeToString(result.Tail))
		}
		return out, nil
	case <-c.Done(): // the caller went away; the function runs on
		return nil, wire.ErrDropped
	}
}

// start admits an invocation, finds it an environment and runs it.
func (s *Service) start(r request, done func(Result)) error {
	if len(r.payload) > maxPayload {
		return tooLarge(len(r.payload), types.InvocationTypeRequestResponse, maxPayload)
	}
	s.mu.Lock()
	inv, err := s.accept(r, done)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	inv.release = s.o.Hold()
	if s.o.Synchronous {
		s.run(inv)
	} else {
		go s.run(inv)
	}
	return nil
}

func (s *Service) accept(r request, done func(Result)) (*invocation, error) {
	if s.closed {
		return nil, &wire.Error{Code: "ServiceException", Status: http.StatusInternalServerError, Message: "the simulated Lambda is closed"}
	}
	t, err := s.resolve(r.ref, r.qualifier, true)
	if err != nil {
		return nil, err
	}
	if t.f.pending {
		return nil, conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	if err := s.admit(t.f); err != nil {
		return nil, err
	}
	s.count++
	key := uuid(s.count)
	if r.id == "" {
		r.id = key
	}
	if len(r.payload) == 0 {
		r.payload = []byte("{}")
	}
	inv := &invocation{key: key, id: r.id, f: t.f, v: t.v, arn: s.qualifiedARN(t.f.name, t.qualifier), payload: r.payload, client: r.clientContext, done: done,
		expired: make(chan struct{}), cancel: func() {}, begun: s.o.Clock.Now()}
	inv.trace = fmt.Sprintf("Root=1-%08x-%024x;Parent=%016x;Sampled=0", inv.begun.Unix(), s.count, s.count)
	inv.env = s.take(t)
	inv.env.invocation, inv.env.current = key, inv
	t.f.inFlight++
	s.inflight[key] = inv
	return inv, nil
}

// run runs an invocation to its end.
func (s *Service) run(inv *invocation) {
	if inv.v.handler == nil {
		s.finish(inv, s.runProcess(inv), false)
		return
	}
	// The deadline that a handler sees is in real time, because simulated time
	// runs at that speed while a function runs; what ends it is the clock.
	ctx, cancelDeadline := context.WithDeadline(context.Background(), time.Now().Add(inv.v.timeout))
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	inv.cancel = func() { cancel(); cancelDeadline() }
	s.mu.Unlock()
	inv.env.log(inv, fmt.Sprintf("START RequestId: %s Version: %s", inv.id, *inv.v.config.Version))
	s.arm(inv)
	lc := &lambdacontext.LambdaContext{AwsRequestID: inv.id, InvokedFunctionArn: inv.arn}
	if inv.client != nil {
		_ = json.Unmarshal(inv.client, &lc.ClientContext) // what does not fit is left out, as in the runtime
	}
	ctx = context.WithValue(lambdacontext.NewContext(ctx, lc), invocationKey{}, inv.key)
	out, err := call(ctx, inv.v.handler, inv.payload)
	s.mu.Lock()
	crashed := inv.crashed
	s.mu.Unlock()
	if crashed {
		s.finish(inv, exited(inv.id, "exit status 2"), true)
		return
	}
	r := result(inv.id, out, err)
	if err != nil { // the runtime says so on its standard error
		inv.env.log(inv, string(r.Payload))
	}
	s.finish(inv, r, false)
}

type invocationKey struct{}

// Invocation returns the key of the invocation whose handler, in process, has
// this context: what Dead takes. It is "" elsewhere.
func Invocation(ctx context.Context) string {
	key, _ := ctx.Value(invocationKey{}).(string)
	return key
}

// arm starts the timeout.
func (s *Service) arm(inv *invocation) {
	stop := s.o.Clock.AfterFunc(inv.v.timeout, func() { s.timedOut(inv) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv.over {
		stop()
		return
	}
	inv.stop = stop
}

// timedOut ends a handler in process; a process is ended by who drives it.
func (s *Service) timedOut(inv *invocation) {
	s.mu.Lock()
	if inv.over || inv.timedOut {
		s.mu.Unlock()
		return
	}
	inv.timedOut = true
	close(inv.expired)
	s.mu.Unlock()
	if inv.v.handler != nil {
		s.finish(inv, timedOut(inv), true)
	}
}

// timedOut is how AWS reports a function that took too long.
func timedOut(inv *invocation) Result {
	return failure(inv.id, "Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, inv.v.timeout.Seconds()), nil)
}

// finish ends an invocation, once; later results of it count for nothing.
func (s *Service) finish(inv *invocation, r Result, kill bool) {
	s.mu.Lock()
	if inv.over {
		s.mu.Unlock()
		return
	}
	inv.over = true
	if kill {
		s.dead[inv.key] = true
	}
	stop, cancel := inv.stop, inv.cancel
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	cancel()
	if kill {
		inv.env.kill()
	}
	s.report(inv, r)
	s.mu.Lock()
	delete(s.inflight, inv.key)
	inv.f.inFlight--
	s.put(inv.env, kill)
	r.ExecutedVersion, r.Tail = *inv.v.config.Version, slices.Clone(inv.tail)
	s.mu.Unlock()
	// The result is delivered before the clock may run fast again: a timeout of
	// the caller must not fire in between.
	inv.done(r)
	inv.release()
}

// report writes the lines that end an invocation's log.
func (s *Service) report(inv *invocation, r Result) {
	now := s.o.Clock.Now()
	s.mu.Lock()
	begun, started, init, cold, late := inv.begun, inv.real, inv.init, inv.cold, inv.timedOut
	s.mu.Unlock()
	took := now.Sub(begun)
	if !started.IsZero() {
		took = time.Since(started)
	}
	if late {
		took = inv.v.timeout
		inv.env.log(inv, fmt.Sprintf("%s %s Task timed out after %.2f seconds\n", now.Format("2006-01-02T15:04:05.000Z"), inv.id, inv.v.timeout.Seconds()))
	} else if r.ErrorType == "Runtime.ExitError" {
		reason := strings.TrimPrefix(message(r.Payload), "RequestId: "+inv.id+" ")
		inv.env.log(inv, fmt.Sprintf("RequestId: %s %s\nRuntime.ExitError", inv.id, reason))
	}
	inv.env.log(inv, "END RequestId: "+inv.id)
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		inv.id, millis(took), (max(took+init, minBilled)+time.Millisecond-1)/time.Millisecond, value(inv.v.config.MemorySize), inv.env.maxMemory()>>20)
	if cold {
		line += fmt.Sprintf("Init Duration: %s ms\t", millis(init))
	}
	switch {
	case late:
		line += "Status: timeout"
	case r.FunctionError != "":
		line += "Status: error\tError Type: " + r.ErrorType
	}
	inv.env.log(inv, line)
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

func message(payload []byte) string {
	var p struct{ ErrorMessage string }
	_ = json.Unmarshal(payload, &p) // no message then
	return p.ErrorMessage
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
	slices.SortFunc(all, func(a, b *invocation) int { return strings.Compare(a.key, b.key) })
	for _, inv := range all {
		s.crash(inv)
	}
}

// CrashInvocation is Crash for one invocation, by the key that Caller or
// Invocation gave. It reports whether that one was in flight.
func (s *Service) CrashInvocation(key string) bool {
	s.mu.Lock()
	inv := s.inflight[key]
	s.mu.Unlock()
	if inv == nil {
		return false
	}
	s.crash(inv)
	return true
}

// crash ends an invocation at once. A handler that runs on the goroutine of its
// caller cannot be left behind: it is cancelled, and its end is told when it
// returns, so that a run repeats exactly.
func (s *Service) crash(inv *invocation) {
	if !s.o.Synchronous || inv.v.handler == nil {
		s.finish(inv, exited(inv.id, "exit status 2"), true)
		return
	}
	s.mu.Lock()
	if inv.over {
		s.mu.Unlock()
		return
	}
	inv.crashed, s.dead[inv.key] = true, true
	cancel := inv.cancel
	s.mu.Unlock()
	cancel()
}

// exited is how AWS reports a process that ended while it had an invocation.
func exited(id, how string) Result {
	reason := "with error: " + how
	if how == "" {
		reason = "without providing a reason"
	}
	return failure(id, "Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime exited %s", id, reason), nil)
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

func oversized(id string) Result {
	return failure(id, "Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse), nil)
}
