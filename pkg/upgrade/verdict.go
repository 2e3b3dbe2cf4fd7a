package upgrade

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is the result of one criterion.
type Verdict struct {
	Criterion  CriterionKind `json:"criterion"`
	Cluster    string        `json:"cluster,omitempty"`
	Status     Status        `json:"status"`
	Evidence   string        `json:"evidence"`
	ObservedAt Time          `json:"observedAt"`
}

// StepVerdict is the result of all criteria of a step.
type StepVerdict struct {
	Step     string    `json:"step"`
	Status   Status    `json:"status"`
	Verdicts []Verdict `json:"verdicts"`
	Reason   string    `json:"reason"` // evidence of what did not pass; or how many did
}

// Conclude derives status and reason: any fail fails, anything inconclusive is
// inconclusive, and no verdict at all is inconclusive too.
func (v *StepVerdict) Conclude() {
	var failed, open []string
	for _, x := range v.Verdicts {
		text := fmt.Sprintf("%s: %s", x.Criterion, x.Evidence)
		if x.Cluster != "" {
			text = fmt.Sprintf("%s of %s: %s", x.Criterion, x.Cluster, x.Evidence)
		}
		switch x.Status {
		case Pass:
		case Fail:
			failed = append(failed, text)
		default:
			open = append(open, text)
		}
	}
	switch {
	case len(v.Verdicts) == 0:
		v.Status, v.Reason = Inconclusive, "nothing was verified"
	case len(failed) > 0:
		v.Status, v.Reason = Fail, strings.Join(failed, "; ")
	case len(open) > 0:
		v.Status, v.Reason = Inconclusive, strings.Join(open, "; ")
	default:
		v.Status, v.Reason = Pass, fmt.Sprintf("%d of %d criteria pass", len(v.Verdicts), len(v.Verdicts))
	}
}

// Health is the latest verdict on a whole cluster, as recorded.
type Health struct {
	Cluster    string `json:"cluster"`
	Status     Status `json:"status"`
	Evidence   string `json:"evidence"`
	ObservedAt Time   `json:"observedAt"`
}

// Fresh reports whether the verdict passed no longer than maxAge before now.
// A verdict from the future is not fresh.
func (h Health) Fresh(now time.Time, maxAge time.Duration) bool {
	age := now.Sub(h.ObservedAt.Time)
	return h.Status == Pass && age >= 0 && age <= maxAge
}

// Progress is what an executor says after one look.
type Progress struct {
	Done  bool     `json:"done"`
	After Duration `json:"after,omitempty"` // look again after this; only when not done
	Note  string   `json:"note"`            // for people: "creating: 4 of 9 minutes"
}
