package asl

import "slices"

// fail is what happens when an attempt of a state failed: Retry, then Catch,
// then the end of the flow.
func (v *visit) fail(f *failing) {
	v.reportEvaluation(f)
	if v.ex.status != Running {
		return
	}
	v.stopAttempt()
	if v.retry(f) {
		return
	}
	v.beforeFailed = v.frame.last
	v.recordFailed(f)
	for i, c := range v.state.catch {
		if name, ok := f.matches(c.errors); ok {
			v.probe.caught(i, f)
			v.caught(c, Error{name, f.Cause})
			return
		}
	}
	v.lose(f)
}

// recordFailed adds the event that a Map or Parallel state has for its failure.
func (v *visit) recordFailed(f *failing) {
	if f.final() {
		return
	}
	switch v.state.kind {
	case kindMap:
		v.record("MapStateFailed", nil)
	case kindParallel:
		v.record("ParallelStateFailed", nil)
	}
}

// final says whether the whole execution ends, wherever the state is: nothing
// catches States.Runtime.
func (f *failing) final() bool { return f.Name == ErrRuntime }

// matches says whether ErrorEquals names the error, and by which name. A missed
// heartbeat is States.Timeout on AWS, and has States.HeartbeatTimeout as its
// second name for Retry and Catch.
func (f *failing) matches(names []string) (string, bool) {
	if f.heartbeat && slices.Contains(names, ErrHeartbeatTimeout) {
		return ErrHeartbeatTimeout, true
	}
	return f.Name, matches(names, f.Name)
}

// lose ends the flow, or the execution.
func (v *visit) lose(f *failing) {
	v.failedAs = f.Name
	v.probe.lost(v, f)
	if f.final() {
		v.frame.dead = true
		v.ex.finish(Failed, nil, &f.Error)
		return
	}
	v.frame.failed(f)
}

// retry plans the next attempt if a retrier matches and has attempts left.
func (v *visit) retry(f *failing) bool {
	for i, r := range v.state.retry {
		if _, ok := f.matches(r.errors); !ok {
			continue
		}
		if v.probe != nil {
			v.used[i] = v.probe.test.RetrierRetryCount
		}
		if v.used[i] >= r.attempts {
			return false
		}
		d := r.delay(v.used[i], v.ex.rt.rand)
		if v.probe.retried(v, i, f, d) {
			return true
		}
		v.used[i]++
		v.retries++
		v.after(d, v.begin)
		return true
	}
	return false
}

func (v *visit) caught(c *catcher, err Error) {
	failure := objectOf("Error", err.Name, "Cause", err.Cause)
	v.finish(failure, outcome{
		next: c.next, assign: c.assign, output: c.output, resultPath: c.resultPath,
		failure: failure, hasFailure: true,
	})
}

// succeeded ends a flow with its last state's output.
func (f *frame) succeeded(output *doc) {
	f.dead = true
	if f.parent == nil {
		f.ex.finish(Succeeded, output, nil)
		return
	}
	f.parent.childSucceeded(f, output)
}

// failed ends a flow with an error. It stays in its state for a redrive.
func (f *frame) failed(err *failing) {
	f.dead = true
	if f.parent == nil {
		f.ex.finish(Failed, nil, &err.Error)
		return
	}
	f.parent.childFailed(f, err)
}
