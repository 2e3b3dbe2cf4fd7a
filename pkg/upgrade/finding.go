package upgrade

import (
	"fmt"
	"sort"
)

// Finding is one check's verdict on one object.
type Finding struct {
	Check      string      `json:"check"` // id: "kubelet-skew"
	Title      string      `json:"title"`
	Severity   Severity    `json:"severity"`
	Blocks     bool        `json:"blocks"`               // the upgrade may not start
	NotChecked bool        `json:"notChecked,omitempty"` // the check could not see what it needs
	Object     *ObjectRef  `json:"object"`               // null: the cluster as a whole
	Evidence   string      `json:"evidence"`
	Remedy     string      `json:"remedy"`
	Source     string      `json:"source,omitempty"`     // link to the rule
	Suppressed *Suppressed `json:"suppressed,omitempty"` // null: it counts in the decision
}

// Suppressed says why somebody wants a finding not to count. One that says what
// could not be seen is never suppressed.
type Suppressed struct {
	Reason string `json:"reason"`
	Until  string `json:"until"` // last day, "2026-12-31"
}

// Validate checks that a finding says what is wrong and what to do.
func (f Finding) Validate() error {
	switch {
	case f.Check == "":
		return invalid("check", "is missing", "name the check")
	case f.Evidence == "":
		return invalid("evidence", "is missing", "say what was seen")
	case f.Remedy == "":
		return invalid("remedy", "is missing", "say what to do")
	}
	return oneOf("severity", f.Severity, Critical, High, Medium, Low, Info)
}

// CheckStatus is what became of a check.
type CheckStatus string

// What can become of a check. Only CheckPassed says that there is no problem.
const (
	CheckPassed     CheckStatus = "passed"
	CheckFound      CheckStatus = "found"      // it made findings
	CheckNotChecked CheckStatus = "notChecked" // it lacked what it needs, or some of it
)

// CheckOutcome is what became of one check.
type CheckOutcome struct {
	Check    string      `json:"check"`
	Status   CheckStatus `json:"status"`
	Findings int         `json:"findings"`
	Why      string      `json:"why,omitempty"` // of CheckNotChecked: what was not seen
}

// Assessment is all findings, with the decision.
type Assessment struct {
	Upgrade   string         `json:"upgrade"`
	Cluster   string         `json:"cluster"`
	From      Version        `json:"from"`
	Target    Version        `json:"target"`
	Strategy  Strategy       `json:"strategy"`
	Findings  []Finding      `json:"findings"` // worst first
	Checks    []CheckOutcome `json:"checks"`   // every check of the catalogue
	Decision  Decision       `json:"decision"`
	Reason    string         `json:"reason"`
	Drain     *DrainForecast `json:"drain,omitempty"` // null: what it needs was not seen
	Snapshots []Ref          `json:"snapshots"`
	MadeAt    Time           `json:"madeAt"`
}

// Judge orders the findings, the worst first and suppressed ones last, and sets
// decision and reason:
// any blocking finding is a no-go; critical, high or unchecked ones need a
// person; the rest goes. What was left out on purpose is unchecked with severity
// info, and known to the person who left it out.
func (a *Assessment) Judge() {
	sort.SliceStable(a.Findings, func(i, j int) bool {
		x, y := a.Findings[i], a.Findings[j]
		if (x.Suppressed == nil) != (y.Suppressed == nil) {
			return x.Suppressed == nil
		}
		if x.Blocks != y.Blocks {
			return x.Blocks
		}
		if x.Severity.Rank() != y.Severity.Rank() {
			return x.Severity.Rank() < y.Severity.Rank()
		}
		return x.Check < y.Check
	})
	var blocking, serious, suppressed int
	for _, f := range a.Findings {
		switch {
		case f.Suppressed != nil && !f.NotChecked:
			suppressed++
		case f.Blocks:
			blocking++
		case f.NotChecked && f.Severity != Info || f.Severity.Rank() <= High.Rank():
			serious++
		}
	}
	switch {
	case blocking > 0:
		a.Decision, a.Reason = NoGo, fmt.Sprintf("%d of %d findings block the upgrade; the first: %s: %s", blocking, len(a.Findings), a.Findings[0].Check, a.Findings[0].Evidence)
	case serious > 0:
		a.Decision, a.Reason = GoWithApproval, fmt.Sprintf("%d of %d findings need a person's judgement", serious, len(a.Findings))
	default:
		a.Decision, a.Reason = Go, fmt.Sprintf("%d findings, none of them serious", len(a.Findings)-suppressed)
	}
	if suppressed > 0 {
		a.Reason += fmt.Sprintf("; %d more are suppressed", suppressed)
	}
}
