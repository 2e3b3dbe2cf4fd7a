package clock

import (
	"sort"
	"sync"
	"time"
)

// Virtual stands still until Advance or Next moves it. Callbacks run one after
// the other on the goroutine that moves it, ordered by due time and, for equal
// times, by the order of their AfterFunc calls: a run repeats exactly.
type Virtual struct {
	mu     sync.Mutex
	now    time.Time
	seq    int
	timers []*virtualTimer
}

type virtualTimer struct {
	at  time.Time
	seq int
	f   func()
}

// NewVirtual returns a clock that stands at start.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start.UTC()} }

// Now implements Clock.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// AfterFunc implements Clock.
func (v *Virtual) AfterFunc(d time.Duration, f func()) func() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seq++
	t := &virtualTimer{at: v.now.Add(max(d, 0)), seq: v.seq, f: f}
	i := sort.Search(len(v.timers), func(i int) bool { return v.timers[i].at.After(t.at) })
	v.timers = append(v.timers, nil)
	copy(v.timers[i+1:], v.timers[i:])
	v.timers[i] = t
	return func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		for i, other := range v.timers {
			if other == t {
				v.timers = append(v.timers[:i], v.timers[i+1:]...)
				return true
			}
		}
		return false
	}
}

// Advance moves the clock by d and runs every callback that falls due,
// including those that the callbacks themselves schedule.
func (v *Virtual) Advance(d time.Duration) {
	v.mu.Lock()
	end := v.now.Add(d)
	v.mu.Unlock()
	for v.step(end) {
	}
	v.mu.Lock()
	v.now = end
	v.mu.Unlock()
}

// Next jumps to the next due callback and runs it. It reports false when
// nothing is scheduled.
func (v *Virtual) Next() bool { return v.step(time.Time{}) }

// step runs the first callback due at or before end (zero: no limit).
func (v *Virtual) step(end time.Time) bool {
	v.mu.Lock()
	if len(v.timers) == 0 || (!end.IsZero() && v.timers[0].at.After(end)) {
		v.mu.Unlock()
		return false
	}
	t := v.timers[0]
	v.timers = v.timers[1:]
	if t.at.After(v.now) {
		v.now = t.at
	}
	v.mu.Unlock()
	t.f()
	return true
}
