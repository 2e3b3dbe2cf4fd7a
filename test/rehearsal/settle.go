package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Workloads that cannot run never become ready: their requests fit no node, or
// they select a label that no node has. So it is said what is missing, and
// given up in the end. Real time: the control plane is a real one.
const (
	settleReport = 30 * time.Second
	settleLimit  = 5 * time.Minute
)

// settle waits until the workloads are ready, with wait, whose error says what
// was missing last. Tell is told now and then.
func settle(ctx context.Context, wait func(context.Context) error, tell func(missing error)) error {
	for waited := settleReport; ; waited += settleReport {
		turn, cancel := context.WithTimeout(ctx, settleReport)
		err := wait(turn)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return err
		case waited >= settleLimit:
			return fmt.Errorf("after %s of real time: %w; do their requests and node selectors fit the nodes?", settleLimit, missing(err))
		}
		tell(missing(err))
	}
}

// missing takes what was last seen out of an error of giving up, which wraps it
// after the reason for giving up.
func missing(err error) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		if all := several.Unwrap(); len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return err
}
