package upgrade

import "fmt"

// StepRecord is the durable trace of one step. It is written before the act
// and after, so that a handler that starts again knows what was begun.
type StepRecord struct {
	Upgrade    string       `json:"upgrade"`
	Mode       Mode         `json:"mode"`
	Index      int          `json:"index"`
	Step       string       `json:"step"`
	Kind       StepKind     `json:"kind"`
	Title      string       `json:"title"`
	StartedAt  Time         `json:"startedAt"`
	DoneAt     Time         `json:"doneAt,omitzero"`     // the executor was done
	VerifiedAt Time         `json:"verifiedAt,omitzero"` // the verification passed
	Note       string       `json:"note,omitempty"`      // the last progress note
	Verdict    *StepVerdict `json:"verdict,omitempty"`   // the last verification
}

// Place says where a step stands, in logs: "forward[3]".
func (r StepRecord) Place() string { return Place(r.Mode, r.Index) }

// Place says where a step stands, in logs: "forward[3]".
func Place(mode Mode, index int) string { return fmt.Sprintf("%s[%d]", mode, index) }

// Gate is the record that must exist before a point of no return.
type Gate struct {
	Upgrade  string `json:"upgrade"`
	Step     string `json:"step"`
	PlanHash string `json:"planHash"`
	Evidence string `json:"evidence"` // why it was allowed
	OpenedAt Time   `json:"openedAt"`
}

// ApprovalRecord is a person's answer to a plan.
type ApprovalRecord struct {
	Upgrade   string `json:"upgrade"`
	PlanHash  string `json:"planHash"`
	Approved  bool   `json:"approved"`
	By        string `json:"by"`
	Reason    string `json:"reason,omitempty"`
	ExpiresAt Time   `json:"expiresAt"`
	UsedAt    Time   `json:"usedAt,omitzero"` // single use: when the plan was started with it
}

// Lease is the right to change one cluster.
type Lease struct {
	Cluster    string `json:"cluster"`
	Owner      string `json:"owner"`      // upgrade id
	Generation int64  `json:"generation"` // rises with each acquisition; a stale one changes nothing
	ExpiresAt  Time   `json:"expiresAt"`
}

// Result is how an upgrade ended, with all that a report needs.
type Result struct {
	Upgrade    string             `json:"upgrade"`
	Cluster    string             `json:"cluster"`
	Green      string             `json:"green"`
	From       Version            `json:"from,omitzero"`
	Target     Version            `json:"target"`
	Outcome    Outcome            `json:"outcome"`
	Reason     string             `json:"reason"`
	StartedAt  Time               `json:"startedAt"`
	EndedAt    Time               `json:"endedAt"`
	Weights    *Weights           `json:"weights,omitempty"`  // observed at the end; nil when they could not be read
	Versions   map[string]Version `json:"versions,omitempty"` // of the clusters that exist at the end
	Assessment *Assessment        `json:"assessment,omitempty"`
	Plan       *Plan              `json:"plan,omitempty"`
	Rollback   *Plan              `json:"rollback,omitempty"`
	Approval   *ApprovalRecord    `json:"approval,omitempty"`
	Steps      []StepRecord       `json:"steps"`
	NotRead    []string           `json:"notRead,omitempty"` // what the report could not read
}
