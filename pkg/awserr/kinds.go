package awserr

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// kinds says which kind of error a code is, when AWS is who answered.
var kinds = map[upgrade.Code]upgrade.Kind{
	upgrade.CodeThrottled:        upgrade.KindAWSThrottled,
	upgrade.CodePermissionDenied: upgrade.KindAWSDenied,
	upgrade.CodeNotFound:         upgrade.KindAWSNotFound,
	upgrade.CodeConflict:         upgrade.KindAWSConflict,
	upgrade.CodeUnavailable:      upgrade.KindAWSUnavailable,
	upgrade.CodeInvalidRequest:   upgrade.KindAWSInvalid,
	upgrade.CodeInternal:         upgrade.KindAWSUnexpected,
}

// CodeOfStatus judges an HTTP answer that says no more than its status, of AWS
// or of anybody else. What is in no other class is Internal.
func CodeOfStatus(status int) upgrade.Code {
	switch {
	case status == http.StatusTooManyRequests:
		return upgrade.CodeThrottled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return upgrade.CodePermissionDenied
	case status == http.StatusNotFound:
		return upgrade.CodeNotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return upgrade.CodeConflict
	case status == http.StatusRequestTimeout, status >= 500:
		return upgrade.CodeUnavailable
	}
	return upgrade.CodeInternal
}

// Unanswered reports whether a call over the network got no answer at all, or
// not a whole one: it may be tried again.
func Unanswered(err error) bool {
	var network net.Error
	var connection interface{ ConnectionError() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network) || (errors.As(err, &connection) && connection.ConnectionError())
}
