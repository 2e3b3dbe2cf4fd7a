// Package metrics writes what the agent measures in CloudWatch's embedded
// metric format: JSON lines on a function's standard output that CloudWatch
// Logs turns into metrics, without a call of an API.
//
// Dimensions are of small, closed sets, so that the number of metrics that
// CloudWatch keeps and bills stays bounded. What tells one upgrade from
// another (its id, its cluster) is a property of the line: Logs Insights finds
// it, no metric is made of it.
package metrics

import "slices"

// Namespace of all metrics.
const Namespace = "EKSUpgradeAgent"

// Names of the metrics. Definitions says their units and dimensions.
const (
	PhaseCalls       = "PhaseCalls"       // calls of a phase's function
	PhaseErrors      = "PhaseErrors"      // calls that failed; 0 for those that did not, in the set without Code
	PhaseDuration    = "PhaseDuration"    // how long a call took
	UpgradesStarted  = "UpgradesStarted"  // leases taken
	UpgradesFinished = "UpgradesFinished" // reports written, by outcome
	Verdicts         = "Verdicts"         // validations, by result
	StepDuration     = "StepDuration"     // from the start of a step to its record, by kind
	ApprovalWait     = "ApprovalWait"     // from the question to the answer
	AWSCalls         = "AWSCalls"         // calls of AWS, retries not counted
	AWSRetries       = "AWSRetries"       // attempts after the first
	AWSErrors        = "AWSErrors"        // calls that failed after all attempts
	EventFailures    = "EventFailures"    // progress events that could not be published
)

// Names of the dimensions.
const (
	Phase    = "Phase"    // name of a function without its prefix: "execute"
	Code     = "Code"     // an upgrade.Code
	Outcome  = "Outcome"  // an upgrade.Outcome
	Result   = "Result"   // an upgrade.Result
	StepKind = "StepKind" // an upgrade.StepKind
	Service  = "Service"  // the SDK's service id: "EKS", "Route 53"
)

// Units as CloudWatch spells them.
const (
	Count        = "Count"
	Milliseconds = "Milliseconds"
	Seconds      = "Seconds"
)

// Definition of a metric. Each of its values counts in every dimension set
// whose dimensions it carries.
type Definition struct {
	Name, Unit    string
	DimensionSets [][]string // the empty set is the total
}

var definitions = []Definition{
	{PhaseCalls, Count, [][]string{{Phase}}},
	{PhaseErrors, Count, [][]string{{Phase}, {Phase, Code}}},
	{PhaseDuration, Milliseconds, [][]string{{Phase}}},
	{UpgradesStarted, Count, [][]string{{}}},
	{UpgradesFinished, Count, [][]string{{Outcome}}},
	{Verdicts, Count, [][]string{{Result}}},
	{StepDuration, Seconds, [][]string{{StepKind}}},
	{ApprovalWait, Seconds, [][]string{{}}},
	{AWSCalls, Count, [][]string{{Service}}},
	{AWSRetries, Count, [][]string{{Service}}},
	{AWSErrors, Count, [][]string{{Service}}},
	{EventFailures, Count, [][]string{{}}},
}

// Definitions lists every metric, in the order of the constants.
func Definitions() []Definition { return slices.Clone(definitions) }
