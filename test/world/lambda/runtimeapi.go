package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// runtimeState is what the runtime may do next (source: "Lambda runtime API" and
// the open source Runtime Interface Emulator).
type runtimeState int

const (
	stateInit    runtimeState = iota
	stateWaiting              // within a call of next
	stateInvoked              // it has an invocation
	stateAnswered
)

// runtimeAPI serves the Lambda Runtime API to one process.
func (p *process) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.initFailure)
	return mux
}

func refuse(w http.ResponseWriter, status int, typ, message string) {
	answer(w, status, map[string]string{"errorMessage": message, "errorType": typ})
}

func accepted(w http.ResponseWriter) {
	answer(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a process that went away needs no answer
}

// next gives the runtime its next invocation, once there is one.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if p.state == stateInvoked || p.state == stateWaiting {
		p.mu.Unlock()
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "Transition is not allowed")
		return
	}
	p.state = stateWaiting
	p.mu.Unlock()
	select {
	case p.idle <- struct{}{}:
	case <-p.gone:
		return
	}
	var inv *invocation
	select {
	case inv = <-p.work:
	case <-p.gone:
		return
	case <-r.Context().Done():
		return
	}
	p.mu.Lock()
	p.state, p.current, p.outcome = stateInvoked, inv, nil
	p.mu.Unlock()
	// The process counts in real time.
	deadline := inv.real.Add(inv.v.timeout).UnixMilli()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(deadline))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	h.Set("Lambda-Runtime-Trace-Id", inv.trace)
	if inv.client != nil {
		h.Set("Lambda-Runtime-Client-Context", strings.ReplaceAll(string(inv.client), "\n", " "))
	}
	_, _ = w.Write(inv.payload) // a process that went away is found by its end
}

// answers checks that the runtime may report on invocation id now.
func (p *process) answers(w http.ResponseWriter, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.current == nil || p.current.id != id:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case p.state != stateInvoked:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf("Invoke response can't be reported in this state: %s", id))
	default:
		return true
	}
	return false
}

func (p *process) report(o *outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome, p.state = o, stateAnswered
}

// take returns what the runtime reported, once; nil for nothing.
func (p *process) take() *outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.outcome
	p.outcome, p.current = nil, nil
	return o
}

func (p *process) initError() *outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.initFail
}

// response takes an invocation's result. A runtime that streams can fail after
// it has begun: then trailers carry the error.
func (p *process) response(w http.ResponseWriter, r *http.Request) {
	if !p.answers(w, r.PathValue("id")) {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err != nil {
		p.report(&outcome{failed: true, errorType: "Runtime.TruncatedResponse", payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"Response payload was truncated"}`)})
		refuse(w, http.StatusBadRequest, "Runtime.TruncatedResponse", err.Error())
		return
	}
	if len(body) > maxResponse {
		p.report(&outcome{failed: true, errorType: "Function.ResponseSizeTooLarge"})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse))
		return
	}
	o := &outcome{payload: body}
	if typ := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); typ != "" {
		o.failed, o.errorType = true, typ
		if o.payload, err = base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err != nil {
			o.payload = []byte("{}")
		}
	}
	p.report(o)
	accepted(w)
}

// reported reads the error that a runtime reports.
func reported(w http.ResponseWriter, r *http.Request) (*outcome, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return nil, false
	}
	typ := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	if typ == "" {
		typ = "Runtime.Unknown"
	}
	return &outcome{payload: body, failed: true, errorType: typ}, true
}

// failure takes an invocation's error.
func (p *process) failure(w http.ResponseWriter, r *http.Request) {
	if !p.answers(w, r.PathValue("id")) {
		return
	}
	if o, ok := reported(w, r); ok {
		p.report(o)
		accepted(w)
	}
}

// initFailure takes the error of an init phase.
func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	o, ok := reported(w, r)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != stateInit {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "Transition is not allowed")
		return
	}
	p.initFail = o
	accepted(w)
}
