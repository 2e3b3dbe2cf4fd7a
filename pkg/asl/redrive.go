package asl

import "time"

// redrivablePeriod is how long after its end an execution can be redriven, and
// maxOpen how long after its start it may run.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
const (
	redrivablePeriod = 14 * 24 * time.Hour
	maxOpen          = 365 * 24 * time.Hour
)

// redriveStatus says whether the execution can be redriven, with AWS's words
// for why not (source: DescribeExecution, redriveStatusReason).
func (e *Execution) redriveStatus(now time.Time) (RedriveStatus, string) {
	switch {
	case e.status == Running:
		return NotRedrivable, "Execution is RUNNING and cannot be redriven"
	case e.status == Succeeded:
		return NotRedrivable, "Execution is SUCCEEDED and cannot be redriven"
	case now.Sub(e.stopped) > redrivablePeriod:
		return NotRedrivable, "Execution redrivable period exceeded"
	case now.Sub(e.started) > maxOpen:
		return NotRedrivable, "Execution has exceeded the max execution time"
	case e.limits.events > 0 && e.lastID >= e.limits.events-1:
		return NotRedrivable, "Execution history event limit exceeded"
	case e.mapRun != nil:
		return RedrivableByMapRun, ""
	}
	return Redrivable, ""
}

// Redrive continues an execution that failed, was stopped or timed out from
// its unsuccessful states (RedriveExecution). States that succeeded, and
// branches and iterations that did, keep their results. The error is a
// *NotRedrivableError. A child execution is redriven by its Map Run only.
func (e *Execution) Redrive() error {
	var err error
	e.do(func() {
		status, reason := e.redriveStatus(e.o.Clock.Now())
		switch status {
		case Redrivable:
			e.redrive()
		case RedrivableByMapRun:
			err = &NotRedrivableError{"Execution is redrivable by its Map Run only"}
		default:
			err = &NotRedrivableError{reason}
		}
	})
	return err
}

// revive lets an execution that ended run again.
func (e *Execution) revive() {
	e.status, e.output, e.err, e.stopped = Running, nil, nil, time.Time{}
	e.redrives++
	e.redriven = e.o.Clock.Now()
	e.self = nil // the context object tells of the redrive
	e.done = make(chan struct{})
}

func (e *Execution) redrive() {
	e.revive()
	e.note(e.lastID, "ExecutionRedriven", &Details{RedriveCount: e.redrives})
	e.arm() // AWS: the time limit begins anew
	e.root.revive()
}

// revive lets a flow that failed or was aborted go on from the state it was in,
// with its retries unused. The state is not entered again.
func (f *frame) revive() {
	f.dead = false
	v := f.now
	if v == nil {
		if p := f.planned; p.frame != nil {
			f.ex.enqueue(f, p.name, p.input)
		}
		return
	}
	before := f.last
	f.last = v.eventID
	v.retries, v.token, v.ctx = 0, "", nil
	clear(v.used)
	switch {
	case v.redriveGroup():
	case v.redriveRun(before):
	default:
		f.ex.again(f)
	}
}

// redriveGroup redrives what did not succeed inside of a Parallel or inline
// Map. After these two errors AWS reruns the state as a whole.
func (v *visit) redriveGroup() bool {
	g := v.group
	if g == nil || v.failedAs == ErrDataLimit || v.failedAs == ErrRuntime {
		v.group = nil
		return false
	}
	g.over = false
	for _, f := range g.running {
		f.revive()
	}
	return len(g.running) > 0
}

// redriveRun redrives a Distributed Map's run that did not succeed.
func (v *visit) redriveRun(before int64) bool {
	r := v.run
	if r == nil || v.failedAs == ErrDataLimit || r.info.Status == MapRunSucceeded {
		v.run = nil
		return false
	}
	r.info.Status, r.info.Stopped = MapRunRunning, time.Time{}
	r.info.RedriveCount++
	r.info.Redriven = v.ex.o.Clock.Now()
	v.frame.last = before
	v.record("MapRunRedriven", &Details{MapRunArn: r.info.Arn, RedriveCount: r.info.RedriveCount})
	r.failing, r.ending, r.failed, r.running, r.queue = nil, false, 0, 0, nil
	if !r.known {
		if r.reading == nil {
			v.run = nil
			return false
		}
		r.reading.begin(r)
		return true
	}
	for i, c := range r.children {
		switch {
		case c == nil:
			r.queue = append(r.queue, i)
		case c.status == Running: // an EXPRESS one that could not be stopped
			r.running++
		case c.status != Succeeded:
			if status, _ := c.redriveStatus(v.ex.o.Clock.Now()); status == RedrivableByMapRun {
				r.queue = append(r.queue, i)
			} else {
				r.failed += int64(c.items)
			}
		}
	}
	r.check()
	r.advance()
	return true
}

// again plans that a flow does once more what its state is for.
func (e *engine) again(f *frame) {
	e.steps++
	f.planned = step{frame: f, id: e.steps}
	e.ready = append(e.ready, f.planned)
}
