package upgrade

import "encoding/json"

// The inputs and outputs of the handlers, as the state machine passes them.

// Run identifies an upgrade in every message.
type Run struct {
	ID         string  `json:"id"` // execution name
	Request    Request `json:"request"`
	Generation int64   `json:"generation"` // of the lease
	StartedAt  Time    `json:"startedAt"`
}

// LeaseInput acquires, releases or keeps the lease of a cluster.
type LeaseInput struct {
	Action    LeaseAction     `json:"action"`
	ID        string          `json:"id"`
	StartedAt Time            `json:"startedAt"`
	Request   json.RawMessage `json:"request,omitempty"` // acquire: as the person wrote it
	Run       *Run            `json:"run,omitempty"`     // release and keep
}

// LeaseAction is what to do with a lease.
type LeaseAction string

// The lease actions.
const (
	LeaseAcquire LeaseAction = "acquire"
	LeaseRelease LeaseAction = "release"
	LeaseKeep    LeaseAction = "keep" // the cluster is not clean: hold on until a person releases it
)

// LeaseOutput answers acquire with the run; the others with none.
type LeaseOutput struct {
	Run *Run `json:"run,omitempty"`
}

// PerceiveInput asks for the snapshot of one source.
type PerceiveInput struct {
	Run    Run    `json:"run"`
	Source Source `json:"source"`
	Scan   string `json:"scan,omitempty"` // scanners: id of the CodeBuild build; empty when it could not run
	Why    string `json:"why,omitempty"`  // scanners: why there is no build
}

// PerceiveOutput is the reference of the snapshot.
type PerceiveOutput struct {
	Source   Source `json:"source"`
	Snapshot Ref    `json:"snapshot"`
	Summary  string `json:"summary"` // for people: "5 nodes, 34 applications"
}

// ReasonInput asks for assessment and plan.
type ReasonInput struct {
	Run       Run              `json:"run"`
	Snapshots []PerceiveOutput `json:"snapshots"`
}

// ReasonOutput is the decision; PlanRef and the rest are set unless it is noGo.
type ReasonOutput struct {
	Decision         Decision `json:"decision"`
	Reason           string   `json:"reason"`
	Assessment       Ref      `json:"assessment"`
	Plan             Ref      `json:"plan,omitzero"`
	PlanHash         string   `json:"planHash,omitempty"`
	Steps            int      `json:"steps"`
	ApprovalRequired bool     `json:"approvalRequired"`
	ApprovalSeconds  int      `json:"approvalSeconds"`
}

// ApproveInput asks a person (request) or checks the answer (redeem).
type ApproveInput struct {
	Action     ApproveAction   `json:"action"`
	Run        Run             `json:"run"`
	Plan       Ref             `json:"plan"`
	PlanHash   string          `json:"planHash"`
	Assessment Ref             `json:"assessment,omitzero"`
	TaskToken  string          `json:"taskToken,omitempty"` // request
	Answer     *ApprovalAnswer `json:"answer,omitempty"`    // redeem
}

// ApproveAction is what to do about an approval.
type ApproveAction string

// The approve actions.
const (
	ApproveRequest ApproveAction = "request"
	ApproveRedeem  ApproveAction = "redeem"
)

// ApprovalAnswer is what a person's tool sends with the task token.
type ApprovalAnswer struct {
	PlanHash string `json:"planHash"`
	Approved bool   `json:"approved"`
	By       string `json:"by"`
	Reason   string `json:"reason,omitempty"`
}

// ApproveOutput says whether the plan may run.
type ApproveOutput struct {
	Approved bool   `json:"approved"`
	Reason   string `json:"reason,omitempty"`
}

// StepInput names one step of one plan: the input of execute, validate and
// record.
type StepInput struct {
	Run      Run    `json:"run"`
	Plan     Ref    `json:"plan"`
	PlanHash string `json:"planHash"`
	Mode     Mode   `json:"mode"`
	Index    int    `json:"index"`
}

// ExecuteOutput is the executor's progress.
type ExecuteOutput struct {
	Step        string `json:"step"`
	Done        bool   `json:"done"`
	WaitSeconds int    `json:"waitSeconds"` // before the next look; 0 when done
	BakeSeconds int    `json:"bakeSeconds"` // before the verification; 0 when not done
	Note        string `json:"note"`
}

// ValidateOutput is the verdict on a step.
type ValidateOutput struct {
	Step        string `json:"step"`
	Status      Status `json:"status"`
	WaitSeconds int    `json:"waitSeconds"` // before the next look, when inconclusive
	Reason      string `json:"reason"`
}

// RecordOutput says which step is next.
type RecordOutput struct {
	Next int `json:"next"`
}

// Cause is why an upgrade left its way: an error name of Step Functions or a
// Code, and the text.
type Cause struct {
	Error string `json:"error"`
	Text  string `json:"text"`
}

// RollbackInput asks for the rollback plan.
type RollbackInput struct {
	Run      Run    `json:"run"`
	Plan     Ref    `json:"plan"`
	PlanHash string `json:"planHash"`
	Cause    Cause  `json:"cause"`
}

// RollbackOutput is the rollback plan. Closed is the id of the point of no
// return that was passed; then there is no plan.
type RollbackOutput struct {
	Plan     Ref    `json:"plan,omitzero"`
	PlanHash string `json:"planHash,omitempty"`
	Steps    int    `json:"steps"`
	Closed   string `json:"closed,omitempty"`
}

// ReportInput asks for the report of a run that ended.
type ReportInput struct {
	Run        Run     `json:"run"`
	Outcome    Outcome `json:"outcome"`
	Cause      *Cause  `json:"cause,omitempty"`
	Assessment Ref     `json:"assessment,omitzero"`
	Plan       Ref     `json:"plan,omitzero"`
	Rollback   Ref     `json:"rollback,omitzero"`
}

// ReportOutput is where the result is.
type ReportOutput struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason"`
	Result  Ref     `json:"result"`
}
