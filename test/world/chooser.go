package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Chooser takes the decisions of a run: of options at a point it returns the
// index of one. The first option is always the ordinary course. A run that asks
// the same questions in the same order and gets the same answers is the same
// run; that needs a virtual clock and Options.Synchronous.
type Chooser interface {
	Choose(point string, options []string) int
}

// Choice is one decision that was taken.
type Choice struct{ Point, Option string }

// SeededChooser takes something else than the first option with probability
// rate, each of the others being as likely, from a seed.
func SeededChooser(seed uint64, rate float64) Chooser {
	return &seeded{random: rand.New(rand.NewPCG(seed, 0)), rate: rate}
}

type seeded struct {
	random *rand.Rand
	rate   float64
}

// Choose implements Chooser.
func (s *seeded) Choose(_ string, options []string) int {
	if len(options) < 2 || s.random.Float64() >= s.rate {
		return 0
	}
	return 1 + s.random.IntN(len(options)-1)
}

// Recorder passes questions on and keeps the answers.
type Recorder struct {
	next Chooser

	mu    sync.Mutex
	taken []Choice
}

// Record returns a Chooser that keeps what next chooses.
func Record(next Chooser) *Recorder { return &Recorder{next: next} }

// Choose implements Chooser.
func (r *Recorder) Choose(point string, options []string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.next.Choose(point, options)
	r.taken = append(r.taken, Choice{point, options[i]})
	return i
}

// Taken returns the choices so far, in order.
func (r *Recorder) Taken() []Choice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

// Replayer gives recorded answers.
type Replayer struct {
	mu   sync.Mutex
	left []Choice
	err  error
}

// Replay returns a Chooser that answers as recorded.
func Replay(choices []Choice) *Replayer { return &Replayer{left: slices.Clone(choices)} }

// Choose implements Chooser. Where the run differs from the recorded one, and
// from there on, it takes the first option; Err says where.
func (r *Replayer) Choose(point string, options []string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0
	}
	if len(r.left) == 0 {
		r.err = fmt.Errorf("world: replay: %q was not asked in the recorded run", point)
		return 0
	}
	want := r.left[0]
	i := slices.Index(options, want.Option)
	if want.Point != point || i < 0 {
		r.err = fmt.Errorf("world: replay: at %q of %q, the recorded run was at %q and took %q", point, options, want.Point, want.Option)
		return 0
	}
	r.left = r.left[1:]
	return i
}

// Err says where the run differed from the recorded one, or that it ended
// before all of the recorded choices were asked for.
func (r *Replayer) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && len(r.left) > 0 {
		return fmt.Errorf("world: replay: %q and %d more were not asked", r.left[0].Point, len(r.left)-1)
	}
	return r.err
}

// chosenModes are what a chooser chooses from by default. NoAnswer is left out:
// a caller without a timeout of its own would wait for ever.
var chosenModes = []Mode{Throttle, ServerError, Stale, CrashBeforeEffect, CrashAfterEffect}

// UseChooser asks c at every call whether it goes wrong, and how; nil ends it.
// Without modes it chooses from Throttle, ServerError, Stale (one answer ago,
// where there is one), CrashBeforeEffect and CrashAfterEffect (of a Lambda
// invocation's own calls). Faults that were added go first.
func (f *Faults) UseChooser(c Chooser, modes ...Mode) {
	if len(modes) == 0 {
		modes = chosenModes
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chooser, f.modes, f.asked = c, modes, 0
}

// choose asks the chooser about a call.
func (f *Faults) choose(c *wire.Call, in any) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.chooser == nil {
		return Fault{}, false
	}
	modes := f.modesFor(c)
	options := []string{"none"}
	for _, m := range modes {
		options = append(options, m.String())
	}
	f.asked++
	i := f.chooser.Choose(fmt.Sprintf("%d %s.%s %s", f.asked, c.Service, c.Operation, Resource(in)), options)
	if i <= 0 || i >= len(options) {
		return Fault{}, false
	}
	return Fault{Mode: modes[i-1], Back: 1}, true
}

// modesFor returns the modes that make sense for a call.
func (f *Faults) modesFor(c *wire.Call) []Mode {
	var out []Mode
	for _, m := range f.modes {
		switch {
		case (m == CrashBeforeEffect || m == CrashAfterEffect) && c.Invocation == "":
		case m == Stale && (Mutating(c.Operation) || c.Service == "s3"):
		case m == NoAnswer && c.HTTP == nil:
		default:
			out = append(out, m)
		}
	}
	return out
}
