package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// Poll calls check every 50 ms of real time until it reports done, fails, or ctx
// ends; then the last reason why it was not done is part of the error.
func Poll(ctx context.Context, what string, check func(context.Context) (done bool, reason error, fatal error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	reason := errors.New("nothing")
	for {
		done, now, fatal := check(ctx)
		switch {
		case fatal != nil:
			return fatal
		case done:
			return nil
		case now != nil && ctx.Err() == nil: // else it says no more than that time is up
			reason = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("controlplane: gave up waiting for %s (%w): last seen: %w", what, context.Cause(ctx), reason)
		case <-ticker.C:
		}
	}
}

// Retry calls f again after errors that pass: the server is busy, starts or was
// not reached. It gives up when ctx ends.
func Retry(ctx context.Context, what string, f func(context.Context) error) error {
	wait := 50 * time.Millisecond // real time: a real server recovers
	for {
		err := f(ctx)
		if err == nil || !Passes(err) {
			return err
		}
		if after, ok := apierrors.SuggestsClientDelay(err); ok {
			wait = max(wait, time.Duration(after)*time.Second)
		}
		timer := time.NewTimer(min(wait, 2*time.Second))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("controlplane: gave up on %s (%w): %w", what, context.Cause(ctx), err)
		case <-timer.C:
		}
		wait *= 2
	}
}

// Passes reports whether an error is one that passes: no answer, 429 or 5xx.
func Passes(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err)
	}
	code := status.Status().Code
	return code == http.StatusTooManyRequests || code >= 500
}
