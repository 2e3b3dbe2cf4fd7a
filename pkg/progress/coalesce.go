package progress

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// coalescer thins out the events that come many times a second, so that a log
// of hours stays readable: weights when they changed, counters now and then
// and sooner when requests fail. Intervals are in the events' own time.
type coalescer struct {
	every   time.Duration // between counters
	failing time.Duration // between counters when more have failed

	weights *upgrade.Weights
	shown   *Event // last counters shown
	held    *Event // newest counters not shown
}

// keep reports whether e is to be shown now.
func (c *coalescer) keep(e Event) bool {
	switch {
	case e.Kind == Weights && e.Weights != nil:
		if c.weights != nil && *c.weights == *e.Weights {
			return false
		}
		w := *e.Weights
		c.weights = &w
		return true
	case e.Kind == Requests && e.Requests != nil:
		if c.shown != nil && !c.due(e) {
			c.held = &e
			return false
		}
		c.shown, c.held = &e, nil
		return true
	}
	return true
}

func (c *coalescer) due(e Event) bool {
	interval := c.every
	if e.Requests.Failed > c.shown.Requests.Failed {
		interval = c.failing
	}
	return e.Time.Sub(c.shown.Time.Time) >= interval
}

// rest returns the newest counters if they were held back, once.
func (c *coalescer) rest() (Event, bool) {
	if c.held == nil {
		return Event{}, false
	}
	e := *c.held
	c.shown, c.held = &e, nil
	return e, true
}
