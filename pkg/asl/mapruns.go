package asl

import (
	"slices"
	"time"
)

// MapRun is one run of a Distributed Map: the child executions that it starts
// and what came of them. Its methods may be called from any goroutine.
type MapRun struct {
	ex       *Execution // that the Map state is in
	info     MapRunInfo // without counts
	children []*Execution
}

// Info describes the Map Run.
func (r *MapRun) Info() MapRunInfo {
	r.ex.mu.Lock()
	defer r.ex.mu.Unlock()
	return r.info
}

// Children returns the child executions in the order of their starts.
func (r *MapRun) Children() []*Execution {
	r.ex.mu.Lock()
	defer r.ex.mu.Unlock()
	return slices.Clone(r.children)
}

// Update changes the Map Run while it runs.
func (r *MapRun) Update(u MapRunUpdate) error {
	r.ex.mu.Lock()
	defer r.ex.mu.Unlock()
	if u.MaxConcurrency != nil {
		r.info.MaxConcurrency = *u.MaxConcurrency
	}
	if u.ToleratedFailureCount != nil {
		r.info.ToleratedFailureCount = *u.ToleratedFailureCount
	}
	if u.ToleratedFailurePercentage != nil {
		r.info.ToleratedFailurePercentage = *u.ToleratedFailurePercentage
	}
	return nil
}

// MapRuns returns the execution's Map Runs in the order of their starts.
func (e *Execution) MapRuns() []*MapRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.mapRuns)
}

// MapRun returns the Map Run that dispatched this execution, nil for one that
// was started by itself.
func (e *Execution) MapRun() *MapRun { return e.mapRun }

// Info describes the execution.
func (e *Execution) Info() ExecutionInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := ExecutionInfo{
		Arn: e.o.ExecutionArn, Name: e.o.ExecutionName, StateMachineArn: e.o.StateMachineArn,
		Status: e.status, Started: e.started, Stopped: e.stopped, Input: e.o.Input,
	}
	i.Redrive, i.RedriveReason = e.redriveStatus(e.o.Clock.Now())
	return i
}

// redrivablePeriod is how long after its end an execution can be redriven.
const redrivablePeriod = 14 * 24 * time.Hour
