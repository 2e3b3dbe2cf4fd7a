package world

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Mode is a way in which a call goes wrong.
type Mode int

const (
	// Throttle refuses the call in the service's own spelling of throttling.
	Throttle Mode = iota
	// ServerError fails the call with a 5xx before it takes effect.
	ServerError
	// CrashAfterEffect lets the call take effect, drops its response, and lets
	// every Lambda invocation in flight die as a crashed process does.
	CrashAfterEffect
	// Latency delays the call by Fault.Latency of simulated time. On a virtual
	// clock somebody else than the caller must advance it.
	Latency
)

// Fault makes matching calls go wrong.
type Fault struct {
	Service, Operation string         // "" matches any
	Match              func(any) bool // on the decoded Input; nil matches any
	Mode               Mode
	Latency            time.Duration
	After              int // matching calls that go well first
	Count              int // how often it strikes; 0 means until removed
}

type activeFault struct {
	Fault
	seen, struck int
}

// Faults holds the faults of a world. It is safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	active []*activeFault
}

// Faults are the faults of this world.
func (w *World) Faults() *Faults { return w.faults }

// Add adds a fault; the returned function removes it.
func (f *Faults) Add(fault Fault) (remove func()) {
	a := &activeFault{Fault: fault}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(f.active, a)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, other := range f.active {
			if other == a {
				f.active = append(f.active[:i:i], f.active[i+1:]...)
				return
			}
		}
	}
}

// strike returns the first fault that strikes this call.
func (f *Faults) strike(c *wire.Call, in any) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.active {
		if (a.Service != "" && a.Service != c.Service) || (a.Operation != "" && a.Operation != c.Operation) {
			continue
		}
		if a.Match != nil && !a.Match(in) {
			continue
		}
		a.seen++
		if a.seen <= a.After || (a.Count > 0 && a.struck >= a.Count) {
			continue
		}
		a.struck++
		return a.Fault, true
	}
	return Fault{}, false
}

// apply serves a call, or lets it go wrong.
func (f *Faults) apply(w *World, c *wire.Call, in any, next func() (any, error)) (any, error) {
	fault, ok := f.strike(c, in)
	if !ok {
		return next()
	}
	switch fault.Mode {
	case Throttle:
		return nil, throttled(c.Service)
	case ServerError:
		return nil, serverError(c.Service)
	case Latency:
		if err := clock.Sleep(c, w.opts.Clock, fault.Latency); err != nil {
			return nil, err
		}
		return next()
	case CrashAfterEffect:
		out, err := next()
		if err != nil {
			return nil, err // there was no effect after which to crash
		}
		w.lambda.Crash()
		return out, wire.ErrDropped
	}
	return nil, fmt.Errorf("world: unknown fault mode %d", fault.Mode)
}

// throttled returns a service's own throttling error (source: the services'
// lists of common errors).
func throttled(service string) error {
	e := &wire.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
	switch service {
	case "dynamodb":
		e.Code, e.Message = "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded."
	case "ec2":
		e.Code, e.Message, e.Status = "RequestLimitExceeded", "Request limit exceeded.", http.StatusServiceUnavailable
	case "eks":
		e.Status = http.StatusTooManyRequests
	case "route53", "sns", "sts", "cloudwatch":
		e.Code = "Throttling"
	case "s3":
		e.Code, e.Message, e.Status = "SlowDown", "Please reduce your request rate.", http.StatusServiceUnavailable
	}
	return e
}

// serverError returns a service's own spelling of a failure on its side.
func serverError(service string) error {
	e := &wire.Error{Code: "InternalFailure", Message: "We encountered an internal error. Please try again.", Status: http.StatusInternalServerError}
	switch service {
	case "dynamodb", "ssm":
		e.Code = "InternalServerError"
	case "eks":
		e.Code = "ServerException"
	case "ec2", "s3":
		e.Code = "InternalError"
	case "eventbridge":
		e.Code = "InternalException"
	}
	return e
}
