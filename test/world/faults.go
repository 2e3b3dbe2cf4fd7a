package world

import (
	"context"
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
	// the Lambda invocation that made it die as a crashed process does. When
	// somebody else made it, every invocation in flight dies.
	CrashAfterEffect
	// Latency delays the call by Fault.Latency of simulated time. On a virtual
	// clock somebody else than the caller must advance it.
	Latency
	// CrashBeforeEffect is CrashAfterEffect without the effect: the process dies
	// before its request leaves, so that no call is recorded.
	CrashBeforeEffect
	// NoAnswer lets the call take effect and never answers: the connection stays
	// open until the caller gives up. A call that a service makes in process gets
	// wire.ErrDropped at once.
	NoAnswer
	// Stale lets a call that only reads answer with what it answered earlier, see
	// Fault.Age and Fault.Back. Without an earlier answer it is served. S3 is
	// consistent and never stale.
	Stale
)

var modeNames = map[Mode]string{Throttle: "throttle", ServerError: "server error", CrashAfterEffect: "crash after the effect", Latency: "latency",
	CrashBeforeEffect: "crash before the effect", NoAnswer: "no answer", Stale: "stale answer"}

func (m Mode) String() string {
	if name, ok := modeNames[m]; ok {
		return name
	}
	return fmt.Sprintf("mode %d", int(m))
}

// Fault makes matching calls go wrong.
type Fault struct {
	Service, Operation string         // "" matches any
	Match              func(any) bool // on the decoded Input; nil matches any
	Mode               Mode
	Latency            time.Duration
	// Age and Back say how stale an answer is: the oldest one that is at most Age
	// old (simulated time) or, when Back is set, the one that many answers ago.
	Age   time.Duration
	Back  int
	After int // matching calls that go well first
	Count int // how often it strikes; 0 means until removed
}

type activeFault struct {
	Fault
	seen, struck int
}

// Faults holds the faults of a world. It is safe for concurrent use.
type Faults struct {
	mu      sync.Mutex
	active  []*activeFault
	chooser Chooser
	modes   []Mode
	asked   int
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
		if fault, ok = f.choose(c, in); !ok {
			return next()
		}
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
	case Stale:
		if out, ok := w.earlier(c, in, fault); ok {
			return out, nil
		}
		return next()
	case CrashBeforeEffect:
		return nil, errNeverSent
	case CrashAfterEffect, NoAnswer:
		out, err := next()
		if err != nil {
			return nil, err // there was no effect after which to go wrong
		}
		if fault.Mode == CrashAfterEffect {
			return out, errNeverHeard
		}
		hang(c)
		return out, wire.ErrDropped
	}
	return nil, fmt.Errorf("world: unknown fault %v", fault.Mode)
}

// The caller of these calls has crashed: before its request left, or before it
// got the answer. It dies once the call is recorded, because from then on the
// run goes on without it.
var (
	errNeverSent  = fmt.Errorf("the caller died before the call: %w", wire.ErrDropped)
	errNeverHeard = fmt.Errorf("the caller died before the answer: %w", wire.ErrDropped)
)

// crash ends the invocation that makes a call, or all when nobody knows which.
func (w *World) crash(c *wire.Call) {
	if c.Invocation == "" || !w.lambda.CrashInvocation(c.Invocation) {
		w.lambda.Crash()
	}
}

// hanging is in the context of a request whose connection must stay open when
// its answer is dropped.
type hanging struct{}

// hang marks the request of a call; silence then keeps its connection.
func hang(c *wire.Call) {
	if mark, ok := c.Value(hanging{}).(*bool); ok {
		*mark = true
	}
}

// silence serves a request with serve. When its answer is dropped and the
// request is marked, it waits until the client has gone or the world closes.
func (w *World) silence(rw http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request)) {
	var mark bool
	defer func() {
		if mark {
			select {
			case <-r.Context().Done():
			case <-w.closing:
			}
		}
	}()
	serve(rw, r.WithContext(context.WithValue(r.Context(), hanging{}, &mark)))
}
