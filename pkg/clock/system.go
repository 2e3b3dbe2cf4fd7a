//go:build !worldclock

package clock

import "time"

// System is the machine's own clock. Programs that are built for the simulated
// AWS, with the tag worldclock, have another System: the clock of that world.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now().UTC() }

// AfterFunc implements Clock.
func (System) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}
