// Package wire speaks AWS's wire protocols on the server's side: it finds the
// service and the operation of a HTTP request, decodes it into the SDK's own
// Input type, calls the Go method that implements the operation, and encodes
// its Output or error. Services are plain Go types whose operations are
// methods on SDK types; they know nothing of HTTP.
package wire

//go:generate go run ./generate

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Call is one API call being served.
type Call struct {
	context.Context
	Service, Operation, RequestID, Region, AccessKeyID, UserAgent string
	// Caller names the Lambda function that makes the call; "" for others.
	Caller string
	// Invocation is the request id of that function's invocation.
	Invocation string
	// Role is the ARN of the IAM role on whose behalf a service of AWS makes the
	// call in process: a state machine's, a rule's target's; "" otherwise.
	Role string
	// Principal is the service of AWS that makes the call in process, such as
	// "events.amazonaws.com": by its own name, or by the Role that it assumes. ""
	// for others.
	Principal string
	// SourceArn is the resource on whose behalf Principal calls, such as a rule.
	SourceArn string
	// Resource is the ARN of what the call is about where neither the Input nor the
	// path tells: a front that knows sets it by WithResource.
	Resource string
	// Time is the simulated time at which the call was received.
	Time time.Time
	// HTTP is the request; nil for a call made in process.
	HTTP *http.Request

	protocol protocol // of the request
}

// Error is a service error with AWS's own code. The SDK's modelled error types
// (for example *ekstypes.ResourceNotFoundException) may be returned as well.
type Error struct {
	Code, Message string
	Status        int    // HTTP status; 0 means 400
	Fault         string // "client" or "server"; "" follows from Status
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// HTTPStatus returns the status that the error is sent with.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Errorf returns a client error (HTTP 400) with a formatted message.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
