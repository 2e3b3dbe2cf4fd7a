// Package assess judges a cluster, or manifests, without a deployment of the
// agent: it runs collectors side by side, makes the checks, and says what came
// of it in one document that the renderers of package render write.
package assess

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Document is an assessment as it is shown. docs/assess.schema.json describes
// its JSON and is made from these types.
type Document struct {
	Schema     string           `json:"schema"` // version of this format: "1"
	Tool       Tool             `json:"tool"`
	Decision   upgrade.Decision `json:"decision"`
	Reason     string           `json:"reason"`
	Cluster    string           `json:"cluster,omitempty"` // empty: manifests only
	From       upgrade.Version  `json:"from,omitzero"`     // version that runs; empty: not known
	Target     upgrade.Version  `json:"target"`
	Strategy   upgrade.Strategy `json:"strategy"`
	MadeAt     upgrade.Time     `json:"madeAt"`
	Counts     Counts           `json:"counts"`
	Sources    []SourceReport   `json:"sources"`
	Manifests  []string         `json:"manifests,omitempty"` // files and folders that were read
	Filters    *Filters         `json:"filters,omitempty"`   // what was left out on request
	Findings   []Finding        `json:"findings"`            // worst first
	Checks     []Outcome        `json:"checks"`              // every check of the catalogue, in its order
	NotChecked []Unseen         `json:"notChecked"`          // what could not be seen

	Drain   *upgrade.DrainForecast `json:"drain,omitempty"` // how an update of the node groups would go; left out: what it needs was not seen
	Outside []Outside              `json:"outside"`         // databases and caches that workloads use
	Inside  []Inside               `json:"inside"`          // workloads that use something, and what
}

// Tool is the program that assessed.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Counts of a document.
type Counts struct {
	Findings   int                      `json:"findings"`
	Blocking   int                      `json:"blocking"`   // findings that keep an upgrade from starting
	Judgement  int                      `json:"judgement"`  // others that a person has to judge
	Suppressed int                      `json:"suppressed"` // findings that do not count, by the user's rules
	BySeverity map[upgrade.Severity]int `json:"bySeverity"` // those that count; all five severities
	Passed     int                      `json:"passed"`     // checks
	Found      int                      `json:"found"`      // checks
	NotChecked int                      `json:"notChecked"` // checks
}

// Finding is a finding with what the catalogue and the manifests know of it.
type Finding struct {
	upgrade.Finding
	Family      checks.Family `json:"family"`
	Location    *Location     `json:"location,omitempty"` // of the object's manifest
	Fingerprint string        `json:"fingerprint"`        // the same in each run, while check and object are
}

// Outside is a database or cache outside of the cluster that workloads use, or
// that lets the cluster's security groups in.
type Outside struct {
	Object  upgrade.ObjectRef `json:"object"`
	Engine  string            `json:"engine,omitempty"`
	Version string            `json:"version,omitempty"`
	Status  string            `json:"status,omitempty"`
	UsedBy  []Use             `json:"usedBy"`
	LetsIn  []string          `json:"letsIn,omitempty"` // security groups of the cluster
}

// Use is a workload that uses something, and how that is known.
type Use struct {
	Object upgrade.ObjectRef `json:"object"`
	Why    []string          `json:"why"` // "host orders.abc.eu-west-1.rds.amazonaws.com", "ExternalSecret db"
}

// Inside is what a workload uses inside the cluster, and the hosts that it names.
type Inside struct {
	Object    upgrade.ObjectRef    `json:"object"`
	DependsOn upgrade.Dependencies `json:"dependsOn"`
}

// Location is a line of a file.
type Location struct {
	File string `json:"file"` // slashes, relative to the working directory where it is below it
	Line int    `json:"line"` // from 1
}

// Outcome is what became of one check.
type Outcome struct {
	upgrade.CheckOutcome
	Family   checks.Family    `json:"family"`
	Title    string           `json:"title"`
	Severity upgrade.Severity `json:"severity"`
	Blocks   checks.Blocks    `json:"blocks"`
}

// SourceReport is what became of one source.
type SourceReport struct {
	Source  upgrade.Source   `json:"source"`
	Status  SourceStatus     `json:"status"`
	Summary string           `json:"summary"`        // one line
	Took    upgrade.Duration `json:"took,omitempty"` // of the look
}

// SourceStatus is how much of a source was seen.
type SourceStatus string

// The statuses of a source.
const (
	Seen     SourceStatus = "seen"
	Partly   SourceStatus = "partly" // see notChecked
	Unread   SourceStatus = "unread" // nothing was seen
	NotAsked SourceStatus = "notAsked"
)

// Unseen is something that could not be seen.
type Unseen struct {
	Source upgrade.Source `json:"source"`
	upgrade.NotChecked
}

// Filters say what was left out on request.
type Filters struct {
	Checks     []string `json:"checks,omitempty"`     // only these
	Skipped    []string `json:"skipped,omitempty"`    // all but these
	Namespaces []string `json:"namespaces,omitempty"` // only findings of these, and of what has no namespace
	LeftOut    int      `json:"leftOut"`              // findings of other namespaces
}

// FailOn says which findings make an assessment fail, for exit codes and JUnit.
type FailOn string

// What can make an assessment fail.
const (
	FailNever   FailOn = "never"
	FailBlocks  FailOn = "blocks"  // findings that keep an upgrade from starting
	FailSerious FailOn = "serious" // these, and what a person has to judge
	FailAny     FailOn = "any"     // every finding
)

// FailOns lists them, the mildest first.
func FailOns() []FailOn { return []FailOn{FailNever, FailBlocks, FailSerious, FailAny} }

// Fails reports whether a finding makes an assessment fail.
func (o FailOn) Fails(f Finding) bool {
	switch {
	case o == FailNever, f.silenced():
		return false
	case o == FailBlocks:
		return f.Blocks
	case o == FailAny:
		return true
	}
	return f.Blocks || f.Serious()
}

// Serious reports whether a person has to judge the finding, as
// upgrade.Assessment.Judge does.
func (f Finding) Serious() bool {
	return !f.Blocks && !f.silenced() && (f.NotChecked && f.Severity != upgrade.Info || f.Severity.Rank() <= upgrade.High.Rank())
}

// silenced reports whether a rule of the user keeps the finding from counting.
func (f Finding) silenced() bool { return f.Suppressed != nil && !f.NotChecked }

// Severities are all severities, the worst first.
func Severities() []upgrade.Severity {
	return []upgrade.Severity{upgrade.Critical, upgrade.High, upgrade.Medium, upgrade.Low, upgrade.Info}
}
