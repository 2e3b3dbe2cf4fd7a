// Package clock hands time in, so that nothing in the agent reads the wall
// clock by itself: production uses System, a rehearsal uses Fast, and
// deterministic tests use Virtual.
package clock

import (
	"context"
	"time"
)

// Clock tells the time (UTC) and calls back later.
type Clock interface {
	// Now returns the current time in UTC.
	Now() time.Time
	// AfterFunc calls f once, d from now. d <= 0 means as soon as possible,
	// never from within AfterFunc itself. stop reports whether it prevented
	// the call.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Sleep blocks for d of the clock's time, or until ctx ends.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan struct{})
	stop := c.AfterFunc(d, func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}
