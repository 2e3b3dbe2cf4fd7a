// Package report shows a person, and a machine, how an upgrade went: a
// self-contained HTML page, tables for a terminal, and one line of JSON.
package report

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Data is all that a report shows.
type Data struct {
	Result     upgrade.Result        `json:"result"`
	Timeline   []Entry               `json:"timeline"`
	Series     []Point               `json:"series"`
	Calls      []Call                `json:"calls"`
	Failures   []Failure             `json:"failures"`
	Requests   progress.RequestCount `json:"requests"`
	Injected   []string              `json:"injected,omitempty"` // names of the faults that were put in
	Speed      float64               `json:"speed,omitempty"`    // of the simulated clock; 0: real time
	Real       time.Duration         `json:"real,omitempty"`     // how long it really took, in nanoseconds
	Invariants []string              `json:"invariants"`         // violated ones; empty is good
	Cost       *cost.Bill            `json:"cost,omitempty"`     // of the agent, as a rehearsal measured it
}

// Entry is one bar of the timeline: a phase, or a step when Step is set.
type Entry struct {
	At     upgrade.Time    `json:"at"`
	End    upgrade.Time    `json:"end,omitzero"` // zero: it never ended
	Phase  upgrade.Phase   `json:"phase"`
	State  string          `json:"state,omitempty"` // of the state machine
	Step   string          `json:"step,omitempty"`  // id
	Mode   upgrade.Mode    `json:"mode,omitempty"`
	Title  string          `json:"title"`
	Status progress.Status `json:"status"`
	Text   string          `json:"text,omitempty"`
}

// Point is one simulated minute of traffic. Nothing is known of a weight
// that is negative.
type Point struct {
	At            upgrade.Time  `json:"at"`
	BlueWeight    int           `json:"blueWeight"`  // percent at the end of the minute
	GreenWeight   int           `json:"greenWeight"` // percent
	Requests      int64         `json:"requests"`
	Failed        int64         `json:"failed"`
	BlueRequests  int64         `json:"blueRequests"`
	GreenRequests int64         `json:"greenRequests"`
	P50           time.Duration `json:"p50"` // nanoseconds, real time
	P99           time.Duration `json:"p99"`
}

// Call is one AWS call that changed something, or tried to.
type Call struct {
	At        upgrade.Time `json:"at"`
	Service   string       `json:"service"`   // "route53"
	Operation string       `json:"operation"` // "ChangeResourceRecordSets"
	Resource  string       `json:"resource"`
	Caller    string       `json:"caller"`          // role or function
	Error     string       `json:"error,omitempty"` // AWS's error code
	RequestID string       `json:"requestId,omitempty"`
}

// Failure is requests of users that failed alike.
type Failure struct {
	At      upgrade.Time `json:"at"` // of the first one
	Cluster string       `json:"cluster,omitempty"`
	Reason  string       `json:"reason"`
	Count   int64        `json:"count"`
}
