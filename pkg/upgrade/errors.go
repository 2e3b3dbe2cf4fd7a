package upgrade

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure happened. The set is closed: the state
// machine's Retry and Catch name these codes, and nothing else.
type Code string

// The codes. Retryable ones say so.
const (
	CodeInvalidRequest   Code = "InvalidRequest"   // the input is wrong; the field and the remedy are named
	CodeNotFound         Code = "NotFound"         // something named in the request does not exist
	CodePermissionDenied Code = "PermissionDenied" // AWS or Kubernetes refused the call
	CodeThrottled        Code = "Throttled"        // retryable: called too often
	CodeUnavailable      Code = "Unavailable"      // retryable: a service did not answer
	CodeConflict         Code = "Conflict"         // the object is busy or was changed at the same time
	CodeLeaseHeld        Code = "LeaseHeld"        // another upgrade may change this cluster
	CodeLeaseLost        Code = "LeaseLost"        // our generation is stale: change nothing any more
	CodeDrift            Code = "Drift"            // somebody else changed what we change: park
	CodeApproval         Code = "Approval"         // the approval is missing, used, expired or of another plan
	CodePlanMismatch     Code = "PlanMismatch"     // the stored plan is not the one that was approved
	CodePrecondition     Code = "Precondition"     // a condition that must hold before a change does not
	CodeStepFailed       Code = "StepFailed"       // the step cannot succeed; roll back
	CodeStepTimeout      Code = "StepTimeout"      // the step did not finish in its time; roll back
	CodeInternal         Code = "Internal"         // a bug
)

// Codes lists every code, in the order of their declaration.
func Codes() []Code {
	return []Code{CodeInvalidRequest, CodeNotFound, CodePermissionDenied, CodeThrottled, CodeUnavailable, CodeConflict,
		CodeLeaseHeld, CodeLeaseLost, CodeDrift, CodeApproval, CodePlanMismatch, CodePrecondition, CodeStepFailed, CodeStepTimeout, CodeInternal}
}

// Retryable reports whether trying the same call again can help.
func (c Code) Retryable() bool { return c == CodeThrottled || c == CodeUnavailable }

// Error is the one error type of the agent.
type Error struct {
	Kind    Kind // what exactly happened; its Code is Code
	Code    Code
	Op      string // what was being done: "shift traffic"
	Field   string // the input field at fault, as a JSON path: "traffic.weights[2]"; empty when none is
	Message string // what is wrong
	Remedy  string // what a person can do about it; empty when nothing
	Details Details
	Err     error // the cause; may be nil
}

// Error implements error: one line, cause and remedy included.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	if e.Err != nil {
		if e.Message != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain, CodeInternal for
// any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Errorf returns an error with a code and no kind, for what has no place in the
// catalogue of kinds; op says what was being done. A %w verb in format sets the
// cause.
func Errorf(code Code, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Op: op, Message: err.Error()}
	if cause := errors.Unwrap(err); cause != nil {
		e.Message, e.Err = "", err
	}
	return e
}

// WithRemedy adds what a person can do and returns e.
func (e *Error) WithRemedy(remedy string) *Error {
	e.Remedy = remedy
	return e
}

// invalid returns an InvalidRequest error for a field.
func invalid(field, message, remedy string) *Error {
	return KindInvalidInput.Field("", field, message, remedy)
}

// under prefixes the field path of an invalid-request error.
func under(prefix string, err error) error {
	var e *Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Field = joinPath(prefix, c.Field)
	if prefix == "" {
		c.Field = e.Field
	}
	return &c
}
