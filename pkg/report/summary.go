package report

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// SummaryJSON is the last line of JSON output.
type SummaryJSON struct {
	Kind       progress.Kind              `json:"kind"` // summary
	Upgrade    string                     `json:"upgrade"`
	Outcome    upgrade.Outcome            `json:"outcome"`
	Reason     string                     `json:"reason"`
	Requests   progress.RequestCount      `json:"requests"`
	Weights    *upgrade.Weights           `json:"weights"`  // null: they could not be read
	Versions   map[string]upgrade.Version `json:"versions"` // by cluster
	Steps      []StepSummary              `json:"steps"`
	Findings   FindingCount               `json:"findings"`
	Injected   []string                   `json:"injected"`
	Invariants []string                   `json:"invariants"` // violated ones
	Cost       *cost.Bill                 `json:"cost"`       // of the agent on AWS; null: it was not measured
	Report     string                     `json:"report"`     // path of the HTML page; empty: there is none
}

// StepSummary is one step that was started.
type StepSummary struct {
	ID         string         `json:"id"`
	Title      string         `json:"title"`
	Mode       upgrade.Mode   `json:"mode"`
	Status     upgrade.Status `json:"status"` // of the verification; inconclusive: there is none
	StartedAt  upgrade.Time   `json:"startedAt"`
	DoneAt     upgrade.Time   `json:"doneAt,omitzero"`
	VerifiedAt upgrade.Time   `json:"verifiedAt,omitzero"`
	Verdict    string         `json:"verdict"` // why
}

// FindingCount is how many findings there are of each severity.
type FindingCount struct {
	Total      int `json:"total"`
	Blocking   int `json:"blocking"`
	NotChecked int `json:"notChecked"`
	Critical   int `json:"critical"`
	High       int `json:"high"`
	Medium     int `json:"medium"`
	Low        int `json:"low"`
	Info       int `json:"info"`
}

// Summary returns the last line of JSON output; path is where the HTML page
// is.
func Summary(d Data, path string) SummaryJSON {
	r := d.Result
	s := SummaryJSON{Kind: progress.Summary, Upgrade: r.Upgrade, Outcome: r.Outcome, Reason: r.Reason,
		Requests: d.Requests, Weights: r.Weights, Versions: r.Versions, Steps: []StepSummary{},
		Injected: orEmpty(d.Injected), Invariants: orEmpty(d.Invariants), Cost: d.Cost, Report: path}
	if s.Versions == nil {
		s.Versions = map[string]upgrade.Version{}
	}
	for _, step := range r.Steps {
		status, why := verdictOf(step)
		s.Steps = append(s.Steps, StepSummary{ID: step.Step, Title: step.Title, Mode: step.Mode, Status: status,
			StartedAt: step.StartedAt, DoneAt: step.DoneAt, VerifiedAt: step.VerifiedAt, Verdict: why})
	}
	if r.Assessment != nil {
		s.Findings = countFindings(r.Assessment.Findings)
	}
	return s
}

// verdictOf returns the status of a step and why. A step without a verdict is
// inconclusive: no data is never a pass.
func verdictOf(s upgrade.StepRecord) (upgrade.Status, string) {
	switch {
	case s.Verdict != nil:
		return s.Verdict.Status, s.Verdict.Reason
	case !s.DoneAt.IsZero():
		return upgrade.Inconclusive, "done, but not verified"
	default:
		return upgrade.Inconclusive, "started, but not done"
	}
}

func countFindings(findings []upgrade.Finding) FindingCount {
	c := FindingCount{Total: len(findings)}
	for _, f := range findings {
		if f.Blocks {
			c.Blocking++
		}
		if f.NotChecked {
			c.NotChecked++
		}
		switch f.Severity {
		case upgrade.High:
			c.High++
		case upgrade.Medium:
			c.Medium++
		case upgrade.Low:
			c.Low++
		case upgrade.Info:
			c.Info++
		default: // unknown severities rank with the worst
			c.Critical++
		}
	}
	return c
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
