// Package progress carries what happens during an upgrade to the people and
// machines that watch it: events, and renderers that show them.
package progress

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Kind says what an event is about.
type Kind string

// The kinds.
const (
	Setup    Kind = "setup"    // something around the upgrade: a control plane starts, workloads settle
	Started  Kind = "started"  // the upgrade begins; Run says which
	Phase    Kind = "phase"    // a phase of the upgrade; Phase and Status
	State    Kind = "state"    // the state machine entered a state; State, and Phase where it belongs to one
	Step     Kind = "step"     // a step of a plan; Step, Index, Steps, Mode and Status
	Weights  Kind = "weights"  // how traffic is split now; may come many times a second
	Requests Kind = "requests" // the load's counters; may come many times a second
	Finding  Kind = "finding"  // one finding of the assessment
	Approval Kind = "approval" // a person is asked, or has answered
	Note     Kind = "note"
	Warning  Kind = "warning"
	Injected Kind = "injected" // a fault was put in on purpose
	Error    Kind = "error"    // something failed; Text says what and the remedy
	Summary  Kind = "summary"  // the upgrade ended; Text says how, Outcome is set
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Setup, Started, Phase, State, Step, Weights, Requests, Finding, Approval, Note, Warning, Injected, Error, Summary}
}

// Status is how far a phase or a step is.
type Status string

// The statuses.
const (
	Planned      Status = "planned" // a step of the plan; Text is its title
	Running      Status = "started"
	Waiting      Status = "waiting" // for AWS, a bake or a person; Text says for what
	Done         Status = "done"    // the executor is done; the verification follows
	Passed       Status = "passed"
	Failed       Status = "failed"
	Inconclusive Status = "inconclusive" // no verdict yet
	Skipped      Status = "skipped"
)

// Event is one thing that happened. Text may come from a cluster or a page:
// renderers that print it clean it first.
type Event struct {
	Time     upgrade.Time     `json:"time"` // simulated time in a rehearsal
	Kind     Kind             `json:"kind"`
	Phase    upgrade.Phase    `json:"phase,omitempty"`
	State    string           `json:"state,omitempty"` // of the state machine
	Step     string           `json:"step,omitempty"`  // id
	Index    int              `json:"index,omitempty"` // of the step, from 0
	Steps    int              `json:"steps,omitempty"` // of the plan
	Mode     upgrade.Mode     `json:"mode,omitempty"`
	Status   Status           `json:"status,omitempty"`
	Text     string           `json:"text,omitempty"`
	Run      *RunInfo         `json:"run,omitempty"`
	Weights  *upgrade.Weights `json:"weights,omitempty"`
	Requests *RequestCount    `json:"requests,omitempty"`
	Finding  *upgrade.Finding `json:"finding,omitempty"`
	Outcome  upgrade.Outcome  `json:"outcome,omitempty"`
	Code     upgrade.Code     `json:"code,omitempty"` // of an error
}

// RunInfo is what a header says of an upgrade.
type RunInfo struct {
	Upgrade  string           `json:"upgrade"`
	Cluster  string           `json:"cluster"`
	Green    string           `json:"green"`
	From     upgrade.Version  `json:"from,omitzero"`
	Target   upgrade.Version  `json:"target"`
	Strategy upgrade.Strategy `json:"strategy"`
	Speed    float64          `json:"speed,omitempty"` // of the simulated clock; 0: real time
}

// RequestCount is how many requests the users sent so far, and how many of
// them failed.
type RequestCount struct {
	Total  int64 `json:"total"`
	Failed int64 `json:"failed"`
}

// ErrorEvent returns the event of an error.
func ErrorEvent(at upgrade.Time, err error) Event {
	return Event{Time: at, Kind: Error, Text: err.Error(), Code: upgrade.CodeOf(err)}
}

// Renderer shows events. Event may be called by many goroutines at a time and
// does not block for long. Close flushes, restores the terminal and returns
// the first error of writing.
type Renderer interface {
	Event(Event)
	Close() error
}
