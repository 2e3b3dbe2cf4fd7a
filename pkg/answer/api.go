// Package answer is the approval API: what a person is asked, and the person's
// answer, behind an API Gateway HTTP API (payload 2.0) that authenticates.
//
//	GET  /approvals/{upgrade}  what is asked: Question as JSON, or a page for Accept: text/html
//	POST /approvals/{upgrade}  the answer: Answer as JSON or as a form; Receipt as JSON, or a page
//
// Errors are Problem with a status of 4xx, or 503 when the answer can be sent
// again. Who may approve may read every question. Who has no valid token learns
// nothing by answering: an upgrade that does not exist, a question that has
// expired or was answered, and a wrong token get one and the same answer. The
// threat model is in package approval.
package answer

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Routes of the API, as API Gateway writes them.
const (
	GetRoute  = "GET /approvals/{upgrade}"
	PostRoute = "POST /approvals/{upgrade}"
)

// State is how far a question is.
type State string

// The states.
const (
	Open     State = "open"
	Answered State = "answered" // on record and sent
	Recorded State = "recorded" // on record; the same person must send it again
	Expired  State = "expired"
)

// Question is what is asked.
type Question struct {
	Upgrade    string             `json:"upgrade"`
	PlanHash   string             `json:"planHash"`
	ExpiresAt  upgrade.Time       `json:"expiresAt"`
	State      State              `json:"state"`
	Answer     *Receipt           `json:"answer,omitempty"`  // of the states answered and recorded
	Plan       upgrade.Plan       `json:"plan"`              // whole: its hash can be checked
	Assessment upgrade.Assessment `json:"assessment"`        // its texts without secrets, cut
	Omitted    int                `json:"omitted,omitempty"` // findings beyond MaxFindings, the mildest
}

// MaxFindings is how many findings a Question carries; fewer when they are long.
const MaxFindings = 500

// Answer is what a person sends.
type Answer struct {
	Token    string `json:"token"`
	PlanHash string `json:"planHash"`
	Approved *bool  `json:"approved"` // must be given: leaving it out is no answer
	Reason   string `json:"reason,omitempty"`
}

// Receipt is what is on record.
type Receipt struct {
	Upgrade  string       `json:"upgrade"`
	PlanHash string       `json:"planHash"`
	Approved bool         `json:"approved"`
	By       string       `json:"by"`
	Reason   string       `json:"reason,omitempty"`
	At       upgrade.Time `json:"at"`
}

// Problem is the body of an error.
type Problem struct {
	Error ProblemDetail `json:"error"`
}

// ProblemDetail says what is wrong and what to do.
type ProblemDetail struct {
	Code    upgrade.Code `json:"code"`
	Field   string       `json:"field,omitempty"`
	Message string       `json:"message"`
	Remedy  string       `json:"remedy,omitempty"`
}
