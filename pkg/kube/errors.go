package kube

import (
	"context"
	"errors"
	"io"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Wrap returns an error of a Kubernetes client as an *upgrade.Error with the
// code that fits; op says what was being done. nil stays nil, and an error
// that has a code already keeps it.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *upgrade.Error
	if errors.As(err, &own) {
		return err
	}
	code := codeOf(err)
	e := upgrade.Errorf(code, op, "%w", err)
	switch {
	case apierrors.IsUnauthorized(err):
		return e.WithRemedy("give the agent's role an access entry in the cluster")
	case code == upgrade.CodePermissionDenied:
		return e.WithRemedy("give the agent's access entry a policy that allows this")
	}
	return e
}

func codeOf(err error) upgrade.Code {
	switch {
	case apierrors.IsTooManyRequests(err):
		return upgrade.CodeThrottled
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return upgrade.CodePermissionDenied
	case apierrors.IsNotFound(err):
		return upgrade.CodeNotFound
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return upgrade.CodeConflict
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return upgrade.CodeInvalidRequest
	case expired(err):
		return upgrade.CodeUnavailable
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		if status.Status().Code >= 500 {
			return upgrade.CodeUnavailable
		}
		return upgrade.CodeInternal
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return upgrade.CodeUnavailable
	}
	return upgrade.CodeInternal
}

// expired reports whether the server no longer has the version of the list
// that a continue token names.
func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }
