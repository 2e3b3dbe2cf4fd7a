package rehearsal

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// narrator tells the execution's history to people: it turns history events
// into progress events and the bars of the timeline.
type narrator struct {
	store  *artifacts.Store
	notify func(progress.Event)

	mu       sync.Mutex
	phase    upgrade.Phase
	lastTask string // state whose task runs
	at       upgrade.StepInput
	plans    map[upgrade.Mode]upgrade.Plan
	reason   upgrade.ReasonOutput
	result   upgrade.Ref
	entries  []report.Entry
	over     chan struct{} // closed when the execution's end was told
}

// phaseOf says which phase a state of the machine belongs to. States that are
// not listed are bookkeeping between phases.
var phaseOf = map[string]upgrade.Phase{
	"AcquireLease": upgrade.PhaseLease,
	"Perceive":     upgrade.PhasePerceive,
	"Reason":       upgrade.PhaseReason, "Decide": upgrade.PhaseReason,
	"AwaitApproval": upgrade.PhaseApprove, "RedeemApproval": upgrade.PhaseApprove, "Approved": upgrade.PhaseApprove,
	"Execute": upgrade.PhaseExecute, "Progressed": upgrade.PhaseExecute, "WaitForProgress": upgrade.PhaseExecute, "Bake": upgrade.PhaseExecute,
	"Validate": upgrade.PhaseValidate, "Judged": upgrade.PhaseValidate, "WaitForEvidence": upgrade.PhaseValidate,
	"Record":       upgrade.PhaseRecord,
	"PlanRollback": upgrade.PhaseRollback, "Reversible": upgrade.PhaseRollback,
	"Report": upgrade.PhaseReport,
}

// broken are the states that a phase is left for when it failed.
var broken = map[string]bool{"NotStarted": true, "Refuse": true, "Reject": true, "ApprovalExpired": true, "Unchanged": true,
	"VerificationFailed": true, "StepFailed": true, "KeepLease": true}

// hear takes one history event.
func (n *narrator) hear(e asl.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := e.Details
	if d == nil {
		d = &asl.Details{}
	}
	switch {
	case strings.HasSuffix(e.Type, "StateEntered"):
		n.entered(e.Timestamp, d.Name)
	case e.Type == "TaskScheduled" && strings.Contains(d.Parameters, `"index"`):
		var call struct{ Payload json.RawMessage }
		if json.Unmarshal([]byte(d.Parameters), &call) == nil {
			if in, err := upgrade.Decode[upgrade.StepInput](call.Payload); err == nil {
				n.at = in
			}
		}
	case e.Type == "TaskSucceeded":
		n.answered(e.Timestamp, d.Output)
	case e.Type == "TaskFailed" || e.Type == "TaskTimedOut":
		n.say(progress.Event{Time: upgrade.At(e.Timestamp), Kind: progress.Warning, Phase: n.phase, State: n.lastTask, Text: n.lastTask + ": " + d.Error + ": " + causeText(d.Cause)})
	case e.Type == "ExecutionFailed" || e.Type == "ExecutionTimedOut" || e.Type == "ExecutionAborted":
		n.end(e.Timestamp, progress.Failed)
		close(n.over)
	case e.Type == "ExecutionSucceeded":
		n.end(e.Timestamp, progress.Passed)
		close(n.over)
	}
}

func (n *narrator) entered(at time.Time, state string) {
	n.lastTask = state
	phase, known := phaseOf[state]
	n.say(progress.Event{Time: upgrade.At(at), Kind: progress.State, Phase: phase, State: state})
	if !known {
		if broken[state] {
			n.end(at, progress.Failed)
		}
		return
	}
	if phase == n.phase {
		return
	}
	n.end(at, progress.Passed)
	n.phase = phase
	n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Phase, Phase: phase, Status: progress.Running})
	if whole(phase) {
		n.entries = append(n.entries, report.Entry{At: upgrade.At(at), Phase: phase, State: state, Title: string(phase), Status: progress.Running})
	}
}

// whole reports whether a phase is one bar of the timeline; the others run
// once a step, and their bars are the steps.
func whole(p upgrade.Phase) bool {
	return p != upgrade.PhaseExecute && p != upgrade.PhaseValidate && p != upgrade.PhaseRecord
}

// end closes the phase that runs.
func (n *narrator) end(at time.Time, s progress.Status) {
	if n.phase == "" {
		return
	}
	n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Phase, Phase: n.phase, Status: s})
	if whole(n.phase) {
		last := &n.entries[len(n.entries)-1]
		last.End, last.Status = upgrade.At(at), s
	}
	n.phase = ""
}

// answered takes the answer of a task.
func (n *narrator) answered(at time.Time, output string) {
	var out struct{ Payload json.RawMessage }
	if json.Unmarshal([]byte(output), &out) != nil || len(out.Payload) == 0 {
		return
	}
	e := progress.Event{Time: upgrade.At(at), Kind: progress.Step, Index: n.at.Index, Mode: n.at.Mode, Steps: len(n.plans[n.at.Mode].Steps)}
	switch n.lastTask {
	case "Reason":
		n.reasoned(at, out.Payload)
	case "PlanRollback":
		if back, err := upgrade.Decode[upgrade.RollbackOutput](out.Payload); err == nil && back.Steps > 0 {
			n.planned(at, back.Plan)
		}
	case "Execute":
		p, err := upgrade.Decode[upgrade.ExecuteOutput](out.Payload)
		if err != nil {
			return
		}
		e.Step, e.Text, e.Status = p.Step, p.Note, progress.Waiting
		if p.Done {
			e.Status = progress.Done
		}
		n.say(e)
		if p.BakeSeconds > 0 {
			e.Status, e.Text = progress.Waiting, "baking for "+progress.Span(time.Duration(p.BakeSeconds)*time.Second)
			n.say(e)
		}
	case "Validate":
		v, err := upgrade.Decode[upgrade.ValidateOutput](out.Payload)
		if err != nil {
			return
		}
		e.Step, e.Text = v.Step, v.Reason
		e.Status = map[upgrade.Status]progress.Status{upgrade.Pass: progress.Passed, upgrade.Inconclusive: progress.Inconclusive}[v.Status]
		if e.Status == "" {
			e.Status = progress.Failed
		}
		n.say(e)
	case "Report":
		if r, err := upgrade.Decode[upgrade.ReportOutput](out.Payload); err == nil {
			n.result = r.Result
			n.end(at, progress.Passed) // the machine may still end as failed: not because of its report
		}
	default:
		if p, err := upgrade.Decode[upgrade.PerceiveOutput](out.Payload); err == nil && p.Source != "" {
			n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Note, Phase: upgrade.PhasePerceive, Text: string(p.Source) + ": " + p.Summary})
		}
	}
}

func (n *narrator) reasoned(at time.Time, payload json.RawMessage) {
	out, err := upgrade.Decode[upgrade.ReasonOutput](payload)
	if err != nil {
		return
	}
	n.reason = out
	if a, err := artifacts.Get[upgrade.Assessment](context.Background(), n.store, out.Assessment); err == nil {
		for i := range a.Findings {
			n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Finding, Phase: upgrade.PhaseReason, Finding: &a.Findings[i]})
		}
	}
	n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Note, Phase: upgrade.PhaseReason, Text: "decision: " + progress.Words(string(out.Decision)) + ": " + out.Reason})
	if out.Steps > 0 {
		n.planned(at, out.Plan)
	}
}

// planned announces the steps of a plan.
func (n *narrator) planned(at time.Time, ref upgrade.Ref) {
	plan, err := artifacts.Get[upgrade.Plan](context.Background(), n.store, ref)
	if err != nil {
		n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Warning, Text: "the plan cannot be shown: " + err.Error()})
		return
	}
	n.plans[plan.Mode] = plan
	for i, s := range plan.Steps {
		n.say(progress.Event{Time: upgrade.At(at), Kind: progress.Step, Step: s.ID, Index: i, Steps: len(plan.Steps), Mode: plan.Mode, Status: progress.Planned, Text: s.Title})
	}
}

func (n *narrator) say(e progress.Event) { n.notify(e) }

// causeText takes the message out of the cause that the Lambda service makes
// of an error, which is JSON.
func causeText(cause string) string {
	var lambda struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &lambda) == nil && lambda.Message != "" {
		return lambda.Message
	}
	return cause
}

// current is the phase that runs.
func (n *narrator) current() upgrade.Phase {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.phase
}

// question returns what a person is asked about.
func (n *narrator) question(ctx context.Context) (upgrade.Plan, upgrade.Assessment, error) {
	n.mu.Lock()
	plan, ref := n.plans[upgrade.Forward], n.reason.Assessment
	n.mu.Unlock()
	a, err := artifacts.Get[upgrade.Assessment](ctx, n.store, ref)
	return plan, a, err
}
