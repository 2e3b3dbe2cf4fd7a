package asl

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
)

// engine runs an execution and the child executions of its Distributed Maps:
// one lock, one queue of states to enter, one queue of calls to the outside,
// so that the order of everything follows from the inputs alone.
type engine struct {
	o  Options // of the execution that was started
	rt *runtime

	mu       sync.Mutex
	ready    []step   // states to enter, first in first out
	effects  []func() // calls to the outside, made without the lock, in order
	flushing bool
	tokens   map[string]*attempt // nil attempt: the token was used or is void
	frames   int64               // how many flows have begun
	steps    int64               // how many steps were planned
}

// step is one state to enter.
type step struct {
	frame *frame
	name  string
	input *doc
	id    int64 // a step is taken once, and not after its flow was planned anew
}

// batch is how many states are entered before waiting calls are made, so that
// a long run of states without tasks does not pile up events.
const batch = 1024

// do changes the execution: it runs f and everything that follows from it,
// then makes the calls to the outside that are due. If somebody else is making
// calls already, that one makes these too, in order.
func (e *engine) do(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	for {
		for n := 0; n < batch && len(e.ready) > 0; n++ {
			s := e.ready[0]
			e.ready[0] = step{}
			if e.ready = e.ready[1:]; len(e.ready) == 0 {
				e.ready = nil
			}
			if !s.frame.dead && s.frame.planned.id == s.id {
				s.frame.planned = step{}
				if s.name == "" { // a redrive: it is in its state already
					s.frame.now.execute()
				} else {
					s.frame.ex.enter(s)
				}
			}
		}
		if e.flushing || len(e.effects) == 0 {
			if len(e.ready) == 0 {
				return
			}
			continue
		}
		e.flush()
	}
}

// flush makes one round of calls, without the lock.
func (e *engine) flush() {
	calls := e.effects
	e.effects = nil
	e.flushing = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.flushing = false
	}()
	for _, call := range calls {
		call()
	}
}

// later makes a call to the outside when the lock is free.
func (e *engine) later(call func()) { e.effects = append(e.effects, call) }

func (e *engine) enqueue(f *frame, name string, input *doc) {
	e.steps++
	f.planned = step{f, name, input, e.steps}
	e.ready = append(e.ready, f.planned)
}

// newToken makes a task token as opaque as AWS's.
func (e *engine) newToken() string {
	sum := sha256.Sum256([]byte(e.rt.id()))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// derivedIDs makes UUIDs that depend only on the execution's ARN and on how
// many were made before.
func derivedIDs(arn string) func() string {
	n := 0
	return func() string {
		n++
		return uuidOf(fmt.Sprintf("%s#%d", arn, n))
	}
}

// uuidOf makes a UUID that depends on a text only.
func uuidOf(text string) string {
	b := sha256.Sum256([]byte(text))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4 and its variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
