package wire

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Interceptor stands between every call, over HTTP or in process, and the
// operation that serves it.
type Interceptor func(c *Call, in any, next func() (any, error)) (any, error)

// Mux holds the operations of all services. It is safe for concurrent use.
type Mux struct {
	mu        sync.RWMutex
	services  map[string]map[string]*operation
	now       func() time.Time
	intercept Interceptor
	authorize Authorizer
	requests  atomic.Uint64
}

// Authorizer judges a call before it is served; an error refuses it.
type Authorizer func(c *Call, in any) error

// operation is one method of a service.
type operation struct {
	service, name string
	method        reflect.Value // func(*Call, *In) (*Out, error)
	in, out       reflect.Type  // struct types
}

// NewMux returns a Mux without services. now tells the simulated time;
// intercept may be nil.
func NewMux(now func() time.Time, intercept Interceptor) *Mux {
	m := &Mux{services: map[string]map[string]*operation{}, now: now, intercept: intercept}
	if intercept == nil {
		m.intercept = func(c *Call, in any, next func() (any, error)) (any, error) {
			if err := m.Authorize(c, in); err != nil {
				return nil, err
			}
			return next()
		}
	}
	return m
}

var (
	callType  = reflect.TypeFor[*Call]()
	errorType = reflect.TypeFor[error]()
)

// Register adds every method of svc of the form
//
//	func (s *S) Op(c *wire.Call, in *pkg.OpInput) (*pkg.OpOutput, error)
//
// as operation Op of the service. The service is named as its SDK package:
// "eks", "ec2", "route53", "codebuild", "sfn", "ssm", "dynamodb", "sns", "sts",
// "cloudwatch", "eventbridge". It panics when svc has no such method or the
// service has no known protocol: both are programming errors.
func (m *Mux) Register(service string, svc any) {
	if _, known := protocols[service]; !known {
		panic(fmt.Sprintf("wire: service %q has no protocol; add it to protocols", service))
	}
	v := reflect.ValueOf(svc)
	ops := map[string]*operation{}
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		if in, out, ok := signature(name, method.Type()); ok {
			ops[name] = &operation{service: service, name: name, method: method, in: in, out: out}
		}
	}
	if len(ops) == 0 {
		panic(fmt.Sprintf("wire: %T has no operations for service %q", svc, service))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.services[service] = ops
}

func signature(name string, t reflect.Type) (in, out reflect.Type, ok bool) {
	if t.NumIn() != 2 || t.NumOut() != 2 || t.In(0) != callType || t.Out(1) != errorType {
		return nil, nil, false
	}
	in, out = t.In(1), t.Out(0)
	if in.Kind() != reflect.Pointer || out.Kind() != reflect.Pointer {
		return nil, nil, false
	}
	in, out = in.Elem(), out.Elem()
	return in, out, in.Name() == name+"Input" && out.Name() == name+"Output"
}

// Operations lists the operations of a service, sorted.
func (m *Mux) Operations(service string) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for name := range m.services[service] {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (m *Mux) operation(service, name string) *operation {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.services[service][name]
}

// NewInput returns a new, empty Input of the operation.
func (m *Mux) NewInput(service, name string) (any, error) {
	op := m.operation(service, name)
	if op == nil {
		return nil, notSimulated(service, name)
	}
	return reflect.New(op.in).Interface(), nil
}

// Invoke calls an operation in process, through the interceptor. in is the
// SDK's Input, as a pointer; the result is a pointer to the SDK's Output.
func (m *Mux) Invoke(c *Call, in any) (any, error) {
	op := m.operation(c.Service, c.Operation)
	if op == nil {
		return nil, notSimulated(c.Service, c.Operation)
	}
	if got := reflect.TypeOf(in); got != reflect.PointerTo(op.in) {
		return nil, fmt.Errorf("wire: %s.%s takes *%v, not %v", c.Service, c.Operation, op.in, got)
	}
	if c.Context == nil {
		c.Context = context.Background()
	}
	return m.Intercepted(c, in, func() (any, error) {
		if err := Validate(c.Service, in); err != nil {
			return nil, err
		}
		return op.call(c, in)
	})
}

// Peek calls an operation in process without the interceptor: it is neither
// recorded nor made to fail. It is for what AWS does inside itself.
func (m *Mux) Peek(c *Call, in any) (any, error) {
	op := m.operation(c.Service, c.Operation)
	if op == nil {
		return nil, notSimulated(c.Service, c.Operation)
	}
	if c.Context == nil {
		c.Context = context.Background()
	}
	return op.call(c, in)
}

// Intercepted runs next through the interceptor, for services that speak HTTP
// themselves (S3) and for the part of a call that answers at once (Lambda).
func (m *Mux) Intercepted(c *Call, in any, next func() (any, error)) (any, error) {
	if c.Context == nil {
		c.Context = context.Background()
	}
	return m.intercept(c, in, next)
}

// SetAuthorizer lets f judge every call of Invoke and Intercepted. The
// interceptor asks it by Authorize, so that a refusal is recorded as a call and
// no fault strikes in its stead. f must not change the Input.
func (m *Mux) SetAuthorizer(f func(c *Call, in any) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.authorize = f
}

// Authorize returns the error with which a call is refused, if it is.
func (m *Mux) Authorize(c *Call, in any) error {
	m.mu.RLock()
	f := m.authorize
	m.mu.RUnlock()
	if f == nil {
		return nil
	}
	return f(c, in)
}

func (op *operation) call(c *Call, in any) (any, error) {
	res := op.method.Call([]reflect.Value{reflect.ValueOf(c), reflect.ValueOf(in)})
	if err, _ := res[1].Interface().(error); err != nil {
		return nil, err
	}
	if res[0].IsNil() {
		return nil, fmt.Errorf("wire: %s.%s returned neither output nor error", op.service, op.name)
	}
	return res[0].Interface(), nil
}

func notSimulated(service, name string) error {
	return &Error{Code: "NotImplementedException", Status: 501,
		Message: fmt.Sprintf("the simulated AWS does not serve %s.%s", service, name)}
}
