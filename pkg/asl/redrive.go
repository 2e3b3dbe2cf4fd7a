package asl

import "time"

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
	case e.limit > 0 && e.lastID >= e.limit-1:
		return NotRedrivable, "Execution history event limit exceeded"
	}
	return Redrivable, ""
}

// Redrive continues an execution that failed, was stopped or timed out from
// its unsuccessful state. The error is a *NotRedrivableError.
func (e *Execution) Redrive() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if status, reason := e.redriveStatus(e.o.Clock.Now()); status != Redrivable {
		return &NotRedrivableError{reason}
	}
	return nil
}
