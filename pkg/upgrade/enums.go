package upgrade

import (
	"fmt"
	"slices"
	"strings"
)

// Strategy is a way to upgrade.
type Strategy string

// The strategies.
const (
	BlueGreen Strategy = "blueGreen" // a new cluster beside the old one, traffic shifted in steps
	InPlace   Strategy = "inPlace"   // control plane, add-ons and nodes of the cluster itself; assessed only: no plan is made for it
)

// Phase is a part of an upgrade, as reports and logs name it.
type Phase string

// The phases, in the order in which an upgrade goes through them.
const (
	PhaseLease    Phase = "lease"
	PhasePerceive Phase = "perceive"
	PhaseReason   Phase = "reason"
	PhaseApprove  Phase = "approve"
	PhaseExecute  Phase = "execute"
	PhaseValidate Phase = "validate"
	PhaseRecord   Phase = "record"
	PhaseRollback Phase = "rollback"
	PhaseReport   Phase = "report"
)

// Phases lists the phases in order.
func Phases() []Phase {
	return []Phase{PhaseLease, PhasePerceive, PhaseReason, PhaseApprove, PhaseExecute, PhaseValidate, PhaseRecord, PhaseRollback, PhaseReport}
}

// Mode says which plan a step belongs to.
type Mode string

// The modes.
const (
	Forward     Mode = "forward"
	RollingBack Mode = "rollback"
)

// Outcome is how an upgrade ended.
type Outcome string

// The outcomes.
const (
	Succeeded  Outcome = "succeeded"
	RolledBack Outcome = "rolledBack" // a step failed and everything went back
	Failed     Outcome = "failed"     // neither: a person is needed, or nothing was changed; the reason says which
)

// Severity of a finding.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Rank orders severities: 0 is the worst. Unknown severities rank with the
// worst, so that they are never overlooked.
func (s Severity) Rank() int {
	return max(slices.Index([]Severity{Critical, High, Medium, Low, Info}, s), 0)
}

// Decision is what the assessment says about going on.
type Decision string

// The decisions.
const (
	Go             Decision = "go"
	GoWithApproval Decision = "goWithApproval"
	NoGo           Decision = "noGo"
)

// Status is the result of one verification.
type Status string

// The statuses. Only Pass lets an upgrade go on.
const (
	Pass         Status = "pass"
	Fail         Status = "fail"
	Inconclusive Status = "inconclusive" // no data, stale data, or an error
)

// Source is what a snapshot was taken from.
type Source string

// The sources.
const (
	SourceAWS          Source = "aws"
	SourceKubernetes   Source = "kubernetes"
	SourceReleaseNotes Source = "releaseNotes"
	SourceScanners     Source = "scanners"  // kubent and pluto in CodeBuild
	SourceManifests    Source = "manifests" // files, of Git; an assessment without a deployment can have them
)

// Side is one of the two clusters of a blue/green upgrade.
type Side string

// The sides: blue is the cluster that is upgraded, green replaces it.
const (
	Blue  Side = "blue"
	Green Side = "green"
)

// oneOf checks an enum value and names the field when it is not in the set.
func oneOf[T ~string](field string, value T, set ...T) error {
	if slices.Contains(set, value) {
		return nil
	}
	names := make([]string, len(set))
	for i, s := range set {
		names[i] = string(s)
	}
	return invalid(field, fmt.Sprintf("%q is not known", string(value)), "use one of: "+strings.Join(names, ", "))
}
