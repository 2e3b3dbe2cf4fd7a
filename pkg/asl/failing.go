package asl

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
	if f.Name != ErrRuntime {
		switch v.state.kind {
		case kindMap:
			v.record("MapStateFailed", errorDetails(Details{}, &f.Error))
		case kindParallel:
			v.record("ParallelStateFailed", errorDetails(Details{}, &f.Error))
		}
	}
	for _, c := range v.state.catch {
		if matches(c.errors, f.Name) {
			v.caught(c, f)
			return
		}
	}
	v.frame.failed(&f.Error)
}

// retry plans the next attempt if a retrier matches and has attempts left.
func (v *visit) retry(f *failing) bool {
	for i, r := range v.state.retry {
		if !matches(r.errors, f.Name) {
			continue
		}
		if v.used[i] >= r.attempts {
			return false
		}
		d := r.delay(v.used[i], v.ex.rt.rand)
		v.used[i]++
		v.retries++
		v.after(d, v.begin)
		return true
	}
	return false
}

func (v *visit) caught(c *catcher, f *failing) {
	failure := map[string]any{"Error": f.Name, "Cause": f.Cause}
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

// failed ends a flow with an error.
func (f *frame) failed(err *Error) {
	f.dead, f.now = true, nil
	if f.parent == nil {
		f.ex.finish(Failed, nil, err)
		return
	}
	f.parent.childFailed(f, err)
}

// abort ends a flow from outside: its state's work is abandoned.
func (f *frame) abort(report bool) {
	if f == nil || f.dead {
		return
	}
	f.dead = true
	v := f.now
	if v == nil {
		return
	}
	v.stopAttempt()
	if v.cancel != nil {
		v.cancel()
		v.cancel = nil
	}
	if v.group != nil {
		for _, child := range v.group.running {
			child.abort(report)
			f.last = max(f.last, child.last)
		}
		v.group = nil
	}
	switch v.state.kind {
	case kindTask, kindWait, kindParallel, kindMap:
		if report {
			v.record(string(v.state.kind)+"StateAborted", nil)
		}
	}
	f.now = nil
	if report && f.isMap() {
		f.ex.record(f, "MapIterationAborted", f.iteration())
	}
}
