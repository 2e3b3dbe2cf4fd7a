package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// CallerHeader and InvocationHeader say which Lambda function, in which
// invocation, makes a call. They are the world's own, not AWS's.
const (
	CallerHeader     = "X-World-Caller"
	InvocationHeader = "X-World-Invocation"
)

// A client of the Go SDK may break the connection when an answer that does not
// arrive at once begins before the client has looked for its request's end (see
// NewHTTPClient). AWS is never that fast; so that everybody's SDK works, neither
// are we. It is real time: that of the client.
const (
	latency  = 2 * time.Millisecond
	soonRead = 2 << 10 // bytes that arrive with the header
)

// ErrDropped makes the connection break without an answer, as when the caller
// or the network dies after the call took effect.
var ErrDropped = errors.New("wire: the response is dropped")

// ServeHTTP serves one API call.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, ok := Identify(r)
	if !ok {
		id, ok = identifyUnsigned(r)
	}
	c := m.NewCall(r, id)
	if !ok {
		reply(w, c, unsigned(c, r))
		return
	}
	if _, known := protocols[id.Service]; !known {
		reply(w, c, jsonRefusal(contentTypes[json11], "UnrecognizedClientException", fmt.Sprintf("the simulated AWS has no service %q", id.Service)))
		return
	}
	res, err := m.serve(c, r)
	if errors.Is(err, ErrDropped) {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, c, res)
}

func reply(w http.ResponseWriter, c *Call, res *response) {
	for k, v := range res.header {
		w.Header()[k] = v
	}
	w.Header().Set("X-Amzn-Requestid", c.RequestID)
	if c.HTTP.ContentLength > 0 && len(res.body) > soonRead {
		time.Sleep(latency)
	}
	switch {
	case res.status == http.StatusNoContent, res.status == http.StatusNotModified:
	case c.HTTP.Method == http.MethodHead: // the length is that of what a GET returns
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(res.body)))
	}
	w.WriteHeader(res.status)
	// A client that went away is not the server's error.
	_, _ = w.Write(res.body)
}

// NewCall describes the request r of identity id.
func (m *Mux) NewCall(r *http.Request, id Identity) *Call {
	resource, _ := r.Context().Value(resourceKey{}).(string)
	return &Call{
		Context: r.Context(), Resource: resource, Service: id.Service, Region: id.Region, AccessKeyID: id.AccessKeyID,
		RequestID: m.NewRequestID(), UserAgent: r.UserAgent(), Time: m.now(), HTTP: r,
		protocol: protocolOf(id.Service, r), Caller: r.Header.Get(CallerHeader), Invocation: r.Header.Get(InvocationHeader),
	}
}

type resourceKey struct{}

// WithResource returns a context for a request whose call is about a resource.
func WithResource(ctx context.Context, arn string) context.Context {
	return context.WithValue(ctx, resourceKey{}, arn)
}

// NewRequestID returns the next request id; ids count up, so that runs repeat.
func (m *Mux) NewRequestID() string {
	n := m.requests.Add(1)
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", n>>32, n&0xffffffff)
}

func (m *Mux) serve(c *Call, r *http.Request) (*response, error) {
	body, err := readBody(c, r)
	if err != nil {
		return encodeError(c, err)
	}
	op, in, err := m.decodeRequest(c, r, body)
	c.Operation = op
	if err != nil {
		return encodeError(c, err)
	}
	out, err := m.Invoke(c, in)
	if errors.Is(err, ErrDropped) {
		return nil, err
	}
	if err != nil {
		return encodeError(c, err)
	}
	return encodeOutput(c, out)
}
