package answer

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// refusal is what the caller did wrong, in contrast to what went wrong here.
type refusal struct {
	status int
	detail ProblemDetail
}

// Error implements error.
func (r *refusal) Error() string { return r.detail.Message + "; " + r.detail.Remedy }

// Unwrap returns the refusal as the agent's own kind of error.
func (r *refusal) Unwrap() error {
	return upgrade.APIError(r.detail.Code, "", r.detail.Field, r.detail.Message, r.detail.Remedy)
}

func refuse(status int, code upgrade.Code, field, message, remedy string) error {
	return &refusal{status, ProblemDetail{Code: code, Field: field, Message: message, Remedy: remedy}}
}

func answered(page bool, view view, body any) Response {
	return respond(http.StatusOK, page, view, body)
}

func refused(page bool, err error) Response {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{http.StatusInternalServerError, ProblemDetail{Code: upgrade.CodeInternal, Message: "the agent could not do it"}}
	}
	return respond(r.status, page, problemPage(r.detail), Problem{Error: r.detail})
}

func respond(status int, page bool, v view, body any) Response {
	resp := Response{StatusCode: status, Headers: map[string]string{
		"cache-control":             "no-store",
		"content-type":              "application/json",
		"content-security-policy":   "default-src 'none'; frame-ancestors 'none'",
		"referrer-policy":           "no-referrer",
		"strict-transport-security": "max-age=31536000",
		"vary":                      "accept",
		"x-content-type-options":    "nosniff",
		"x-frame-options":           "DENY",
	}}
	if page {
		if text, err := v.html(); err == nil {
			resp.Body = text
			resp.Headers["content-type"], resp.Headers["content-security-policy"] = "text/html; charset=utf-8", pagePolicy
			return resp
		}
	}
	text, err := json.Marshal(body)
	if err != nil { // of our own types: cannot be
		return Response{StatusCode: http.StatusInternalServerError}
	}
	resp.Body = string(text)
	return resp
}

// Always answers when f fails: what happened is in the log, and the caller
// learns whether it helps to send the request again.
func Always(f func(context.Context, json.RawMessage) (Response, error)) func(context.Context, json.RawMessage) (Response, error) {
	return func(ctx context.Context, payload json.RawMessage) (Response, error) {
		resp, err := f(ctx, payload)
		if err == nil {
			return resp, nil
		}
		code := upgrade.CodeOf(err)
		var typed messages.InvokeResponse_Error // what package boundary makes of it
		if errors.As(err, &typed) {
			code = upgrade.Code(typed.Type)
		}
		r := &refusal{http.StatusInternalServerError, ProblemDetail{Code: upgrade.CodeInternal, Message: "the agent could not do it", Remedy: "look into the log of function eks-upgrade-answer"}}
		if code.Retryable() || code == upgrade.CodeConflict {
			r = &refusal{http.StatusServiceUnavailable, ProblemDetail{Code: upgrade.CodeUnavailable, Message: "a service that the agent needs did not answer", Remedy: "send the same again in a moment"}}
		}
		return refused(false, r), nil
	}
}
