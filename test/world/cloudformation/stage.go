package cloudformation

import (
	"maps"
	"slices"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// pause is how long CloudFormation waits before it looks at a resource again.
const pause = 2 * time.Second

// step is what is done with one resource in a stage.
type step struct {
	logical string
	after   []string // the steps that go first, by logical id
	// run makes the calls, without s.mu; it returns how long the resource takes,
	// about. Negative: the step is done already.
	run func() (time.Duration, error)
	// ready is asked, without s.mu, until it says yes.
	ready func() (bool, error)
	// ended keeps what became of the step; s.mu is held.
	ended func(err error)
	// cancelled is called for a step that runs when another has failed; s.mu is
	// held.
	cancelled func()

	started, done, failed bool
}

// stage is a set of steps that are done in the order of their needs, as many at
// a time as there are. All but its first lines are guarded by Service.mu.
type stage struct {
	steps map[string]*step
	// goOn lets the others go on when one has failed, as deletions do.
	goOn bool
	// finish is called once, without s.mu, when nothing runs and nothing can.
	finish func(failed []string)

	failed   []string
	over     bool
	finished bool
}

// begin runs a stage of the stack; s.mu is not held.
func (s *Service) begin(st *stack, g *stage) {
	s.mu.Lock()
	st.run = g
	s.mu.Unlock()
	s.clock.AfterFunc(0, func() { s.advance(g) })
}

// advance starts every step whose turn has come.
func (s *Service) advance(g *stage) {
	for {
		s.mu.Lock()
		next := g.next()
		if next != nil {
			next.started = true
			s.mu.Unlock()
			s.start(g, next)
			continue
		}
		finish := g.idle() && !g.finished
		if finish {
			g.finished = true
		}
		failed := slices.Clone(g.failed)
		s.mu.Unlock()
		if finish {
			g.finish(failed)
		}
		return
	}
}

// next is the first step that may start, by its logical id.
func (g *stage) next() *step {
	if g.over {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(g.steps)) {
		t := g.steps[id]
		if t.started {
			continue
		}
		waits := slices.ContainsFunc(t.after, func(other string) bool {
			o := g.steps[other]
			return o != nil && (!o.done || o.failed)
		})
		if !waits {
			return t
		}
	}
	return nil
}

// idle reports that no step runs.
func (g *stage) idle() bool {
	for _, t := range g.steps {
		if t.started && !t.done {
			return false
		}
	}
	return true
}

func (s *Service) start(g *stage, t *step) {
	takes, err := t.run()
	if err != nil || takes < 0 {
		s.end(g, t, err)
		return
	}
	s.clock.AfterFunc(takes, func() { s.look(g, t) })
}

// look asks whether a step is over.
func (s *Service) look(g *stage, t *step) {
	s.mu.Lock()
	over := g.over && !g.goOn || t.done
	s.mu.Unlock()
	if over {
		return
	}
	done, err := t.ready()
	if err == nil && !done {
		s.clock.AfterFunc(pause, func() { s.look(g, t) })
		return
	}
	s.end(g, t, err)
}

// end keeps what became of a step and goes on.
func (s *Service) end(g *stage, t *step, err error) {
	s.mu.Lock()
	if t.done {
		s.mu.Unlock()
		return
	}
	t.done, t.failed = true, err != nil
	t.ended(err)
	if err != nil {
		g.failed = append(g.failed, t.logical)
		if !g.goOn {
			g.stop()
		}
	}
	s.mu.Unlock()
	s.advance(g)
}

// stop cancels the steps that run and lets no other start; s.mu is held.
func (g *stage) stop() {
	g.over = true
	for _, id := range slices.Sorted(maps.Keys(g.steps)) {
		if t := g.steps[id]; t.started && !t.done {
			t.done = true
			if t.cancelled != nil {
				t.cancelled()
			}
			g.failed = append(g.failed, id)
		}
	}
}

// temporary reports whether a call may work when it is made again.
func temporary(err error) bool {
	info := wire.Describe(err)
	switch info.Code {
	case "NotImplementedException", "InternalFailure":
		return false
	}
	return info.Status >= 500 || info.Status == 429 || info.Code == "Throttling" || info.Code == "ThrottlingException" || info.Code == "TooManyRequestsException"
}
