package clock

import (
	"fmt"
	"sync"
	"time"
)

// Fast runs at a multiple of real time while the agent only waits, and at real
// time while somebody holds it. Real work (a Lambda handler, a kube-apiserver
// that starts) takes its hold for as long as it runs, so that a two-hour bake
// passes in seconds and yet no 60-second timeout fires because a real request
// took 200 ms.
type Fast struct {
	mu       sync.Mutex
	speed    float64
	holds    int
	simBase  time.Time // simulated time at realBase
	realBase time.Time
	timers   map[*fastTimer]struct{}
}

type fastTimer struct {
	at   time.Time
	f    func()
	real *time.Timer
	gen  int
}

// NewFast returns a clock that starts at start and runs speed times as fast as
// real time. The speed must be at least 1.
func NewFast(start time.Time, speed float64) (*Fast, error) {
	if speed < 1 {
		return nil, fmt.Errorf("clock: speed %v is below 1, the speed of real time", speed)
	}
	return &Fast{speed: speed, simBase: start.UTC(), realBase: time.Now(), timers: map[*fastTimer]struct{}{}}, nil
}

// Now implements Clock.
func (c *Fast) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// Hold slows the clock to real time until release is called. Holds count:
// the clock is fast again when the last one is released. A second release of
// the same hold does nothing.
func (c *Fast) Hold() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setHolds(c.holds + 1)
	var once sync.Once
	return func() {
		once.Do(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.setHolds(c.holds - 1)
		})
	}
}

// Advance jumps ahead: what falls due in between is called at once, in no
// particular order, and finds that it is late.
func (c *Fast) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.simBase, c.realBase = c.now().Add(d), time.Now()
	for t := range c.timers {
		t.real.Stop()
		c.arm(t)
	}
}

// AfterFunc implements Clock. f runs on a goroutine of its own.
func (c *Fast) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fastTimer{at: c.now().Add(max(d, 0)), f: f}
	c.timers[t] = struct{}{}
	c.arm(t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, pending := c.timers[t]; !pending {
			return false
		}
		delete(c.timers, t)
		t.real.Stop()
		return true
	}
}

func (c *Fast) now() time.Time {
	return c.simBase.Add(time.Duration(float64(time.Since(c.realBase)) * c.rate()))
}

func (c *Fast) rate() float64 {
	if c.holds > 0 {
		return 1
	}
	return c.speed
}

func (c *Fast) setHolds(n int) {
	before := c.rate()
	now := c.now()
	c.simBase, c.realBase, c.holds = now, time.Now(), n
	if c.rate() == before {
		return
	}
	for t := range c.timers {
		t.real.Stop()
		c.arm(t)
	}
}

// arm starts the real timer of t for the current rate. The generation makes a
// real timer that fired while the rate changed harmless.
func (c *Fast) arm(t *fastTimer) {
	t.gen++
	gen := t.gen
	wait := time.Duration(float64(t.at.Sub(c.now())) / c.rate())
	t.real = time.AfterFunc(max(wait, 0), func() {
		c.mu.Lock()
		_, pending := c.timers[t]
		if !pending || t.gen != gen {
			c.mu.Unlock()
			return
		}
		delete(c.timers, t)
		c.mu.Unlock()
		t.f()
	})
}
