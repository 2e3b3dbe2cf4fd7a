package asl

import (
	"errors"
	"slices"
)

// Info describes the Map Run.
func (r *MapRun) Info() MapRunInfo {
	r.ex.mu.Lock()
	defer r.ex.mu.Unlock()
	i := r.info
	i.Executions.Total, i.Items.Total = r.total()
	i.Executions.ResultsWritten, i.Items.ResultsWritten = r.exported, r.itemsDone
	waiting := map[int]bool{}
	for _, n := range r.queue {
		waiting[n] = true
	}
	for n, in := range r.inputs {
		items := int64(in.items)
		count := func(executions, of *int64) { *executions++; *of += items }
		c := r.children[n]
		switch {
		case c == nil:
			count(&i.Executions.Pending, &i.Items.Pending)
			continue
		case c.status != Running && waiting[n]:
			count(&i.Executions.PendingRedrive, &i.Items.PendingRedrive)
			continue
		}
		switch c.status {
		case Running:
			count(&i.Executions.Running, &i.Items.Running)
		case Succeeded:
			count(&i.Executions.Succeeded, &i.Items.Succeeded)
		case TimedOut:
			count(&i.Executions.TimedOut, &i.Items.TimedOut)
		case Aborted:
			count(&i.Executions.Aborted, &i.Items.Aborted)
		default:
			count(&i.Executions.Failed, &i.Items.Failed)
		}
		if status, _ := c.redriveStatus(r.ex.o.Clock.Now()); status == NotRedrivable && c.status != Running && c.status != Succeeded {
			count(&i.Executions.FailuresNotRedrivable, &i.Items.FailuresNotRedrivable)
		}
	}
	return i
}

// Children returns the child executions in the order of their starts.
func (r *MapRun) Children() []*Execution {
	r.ex.mu.Lock()
	defer r.ex.mu.Unlock()
	return slices.Clone(r.started)
}

// ErrMapRunEnded is what Update returns for a Map Run that does not run.
var ErrMapRunEnded = errors.New("asl: the Map Run has ended")

// Update changes the Map Run while it runs: more children may start at once,
// or it may fail at once. The error is ErrMapRunEnded.
func (r *MapRun) Update(u MapRunUpdate) error {
	var err error
	r.ex.do(func() {
		if r.info.Status != MapRunRunning {
			err = ErrMapRunEnded
			return
		}
		if u.MaxConcurrency != nil {
			r.info.MaxConcurrency = *u.MaxConcurrency
		}
		if u.ToleratedFailureCount != nil {
			r.info.ToleratedFailureCount, r.hasCount = *u.ToleratedFailureCount, true
		}
		if u.ToleratedFailurePercentage != nil {
			r.info.ToleratedFailurePercentage, r.hasPercentage = *u.ToleratedFailurePercentage, true
		}
		if r.known {
			r.check()
			r.advance()
		}
	})
	return err
}
