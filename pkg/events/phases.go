package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxFindings is how many findings are told one by one, the worst; the report
// has all of them.
const maxFindings = 30

// before is what a phase is told to do.
func (p *Publisher) before(in any) story {
	begin := func(run upgrade.Run, phase upgrade.Phase, more ...progress.Event) story {
		return story{upgrade: run.ID, events: append(more, progress.Event{Kind: progress.Phase, Phase: phase, Status: progress.Running})}
	}
	switch in := in.(type) {
	case upgrade.PerceiveInput:
		if in.Source == upgrade.SourceAWS { // four sources are looked at side by side; one of them speaks for the phase
			return begin(in.Run, upgrade.PhasePerceive)
		}
	case upgrade.ReasonInput: // comes when all of perception has passed
		return begin(in.Run, upgrade.PhaseReason, passed(upgrade.PhasePerceive))
	case upgrade.ApproveInput:
		if in.Action == upgrade.ApproveRequest {
			return begin(in.Run, upgrade.PhaseApprove)
		}
	case upgrade.RollbackInput:
		return begin(in.Run, upgrade.PhaseRollback, progress.Event{Kind: progress.Warning, Phase: upgrade.PhaseRollback, Text: "rolling back: " + in.Cause.Error + ": " + in.Cause.Text})
	case upgrade.ReportInput:
		return begin(in.Run, upgrade.PhaseReport)
	}
	return story{}
}

// after is what became of it.
func (p *Publisher) after(ctx context.Context, in, out any, err error) story {
	id, phase := about(in)
	if err != nil {
		s := story{upgrade: id, events: []progress.Event{failure(phase, err)}}
		if step, ok := in.(upgrade.StepInput); ok && !upgrade.CodeOf(err).Retryable() {
			s.events = append(s.events, p.stepFailed(ctx, step, err)...)
		}
		if lease, ok := in.(upgrade.LeaseInput); ok && lease.Action == upgrade.LeaseAcquire && !upgrade.CodeOf(err).Retryable() {
			s.finished = notStarted(lease, err)
		}
		return s
	}
	s := story{upgrade: id}
	switch in := in.(type) {
	case upgrade.LeaseInput:
		s.events = leased(in, out.(upgrade.LeaseOutput))
	case upgrade.PerceiveInput:
		s.events = []progress.Event{{Kind: progress.Note, Phase: phase, Text: string(in.Source) + ": " + out.(upgrade.PerceiveOutput).Summary}}
	case upgrade.ReasonInput:
		s.events = p.reasoned(ctx, out.(upgrade.ReasonOutput))
	case upgrade.ApproveInput:
		s.events = approved(in, out.(upgrade.ApproveOutput))
	case upgrade.StepInput:
		s.events = p.stepped(ctx, in, out)
	case upgrade.RollbackInput:
		s.events = p.rollback(ctx, out.(upgrade.RollbackOutput))
	case upgrade.ReportInput:
		s.events, s.finished = p.reported(ctx, in, out.(upgrade.ReportOutput))
	}
	return s
}

// about says which upgrade and phase a call is of.
func about(in any) (id string, phase upgrade.Phase) {
	switch in := in.(type) {
	case upgrade.LeaseInput:
		return in.ID, upgrade.PhaseLease
	case upgrade.PerceiveInput:
		return in.Run.ID, upgrade.PhasePerceive
	case upgrade.ReasonInput:
		return in.Run.ID, upgrade.PhaseReason
	case upgrade.ApproveInput:
		return in.Run.ID, upgrade.PhaseApprove
	case upgrade.StepInput:
		return in.Run.ID, ""
	case upgrade.RollbackInput:
		return in.Run.ID, upgrade.PhaseRollback
	case upgrade.ReportInput:
		return in.Run.ID, upgrade.PhaseReport
	}
	return "", ""
}

func passed(phase upgrade.Phase) progress.Event {
	return progress.Event{Kind: progress.Phase, Phase: phase, Status: progress.Passed}
}

func failed(phase upgrade.Phase) progress.Event {
	return progress.Event{Kind: progress.Phase, Phase: phase, Status: progress.Failed}
}

// failure is the event of a phase's error. What the state machine tries again
// is a warning.
func failure(phase upgrade.Phase, err error) progress.Event {
	e := progress.ErrorEvent(upgrade.Time{}, err)
	e.Phase = phase
	if e.Code.Retryable() {
		e.Kind = progress.Warning
	}
	return e
}

// notStarted is the end of an upgrade that gets no lease: nothing follows that
// would say so.
func notStarted(in upgrade.LeaseInput, err error) *Finished {
	var request struct {
		Cluster string          `json:"cluster"`
		Target  json.RawMessage `json:"target"`
	}
	if json.Unmarshal(in.Request, &request) != nil || request.Cluster == "" { // it is refused for that; Step Functions tells
		return nil
	}
	f := &Finished{Upgrade: in.ID, Cluster: logging.Line(request.Cluster, 100), Outcome: upgrade.Failed, Reason: err.Error()}
	if target, err := upgrade.Decode[upgrade.Version](request.Target); err == nil {
		f.Target = target
	}
	return f
}

func leased(in upgrade.LeaseInput, out upgrade.LeaseOutput) []progress.Event {
	switch {
	case in.Action == upgrade.LeaseAcquire && out.Run != nil:
		r := out.Run.Request
		return []progress.Event{{Kind: progress.Started, Run: &progress.RunInfo{Upgrade: out.Run.ID, Cluster: r.Cluster, Green: r.Green, Target: r.Target, Strategy: r.Strategy}}, passed(upgrade.PhaseLease)}
	case in.Action == upgrade.LeaseKeep:
		return []progress.Event{{Kind: progress.Warning, Phase: upgrade.PhaseLease, Text: "the cluster is not clean: its lease is kept until a person has looked"}}
	case in.Action == upgrade.LeaseRelease:
		return []progress.Event{{Kind: progress.Note, Phase: upgrade.PhaseLease, Text: "the lease was given back"}}
	}
	return nil
}

func (p *Publisher) reasoned(ctx context.Context, out upgrade.ReasonOutput) []progress.Event {
	var all []progress.Event
	if a, err := p.Documents.Assessment(ctx, out.Assessment); err == nil {
		for i := range a.Findings {
			if i == maxFindings {
				all = append(all, progress.Event{Kind: progress.Note, Phase: upgrade.PhaseReason, Text: fmt.Sprintf("and %d more findings, in the assessment", len(a.Findings)-i)})
				break
			}
			all = append(all, progress.Event{Kind: progress.Finding, Phase: upgrade.PhaseReason, Finding: &a.Findings[i]})
		}
	} else {
		all = append(all, unread("the assessment", err))
	}
	all = append(all, progress.Event{Kind: progress.Note, Phase: upgrade.PhaseReason, Text: "decision: " + progress.Words(string(out.Decision)) + ": " + out.Reason})
	if out.Decision == upgrade.NoGo {
		return append(all, failed(upgrade.PhaseReason))
	}
	return append(append(all, p.planned(ctx, out.Plan)...), passed(upgrade.PhaseReason))
}

// planned tells the steps of a plan.
func (p *Publisher) planned(ctx context.Context, ref upgrade.Ref) []progress.Event {
	if ref == (upgrade.Ref{}) {
		return nil
	}
	plan, err := p.Documents.Plan(ctx, ref)
	if err != nil {
		return []progress.Event{unread("the plan", err)}
	}
	var all []progress.Event
	for i, s := range plan.Steps {
		all = append(all, progress.Event{Kind: progress.Step, Step: s.ID, Index: i, Steps: len(plan.Steps), Mode: plan.Mode, Status: progress.Planned, Text: s.Title})
	}
	return all
}

func unread(what string, err error) progress.Event {
	return progress.Event{Kind: progress.Warning, Text: what + " cannot be shown: " + err.Error()}
}

func approved(in upgrade.ApproveInput, out upgrade.ApproveOutput) []progress.Event {
	e := progress.Event{Kind: progress.Approval, Phase: upgrade.PhaseApprove}
	switch {
	case in.Action == upgrade.ApproveRequest:
		e.Status, e.Text = progress.Waiting, fmt.Sprintf("people were asked to approve plan %.12s", in.PlanHash)
		return []progress.Event{e}
	case out.Approved:
		e.Status, e.Text = progress.Passed, out.Reason
		return []progress.Event{e, passed(upgrade.PhaseApprove)}
	}
	e.Status, e.Text = progress.Failed, "not approved: "+out.Reason
	return []progress.Event{e, failed(upgrade.PhaseApprove)}
}

// stepped tells of a look at a step, of the split of the traffic after a shift,
// and of a verdict.
func (p *Publisher) stepped(ctx context.Context, in upgrade.StepInput, out any) []progress.Event {
	if _, is := out.(upgrade.RecordOutput); is { // the verdict was told
		return nil
	}
	e := progress.Event{Kind: progress.Step, Index: in.Index, Mode: in.Mode}
	plan, err := p.Documents.Plan(ctx, in.Plan)
	if err == nil {
		e.Steps = len(plan.Steps)
	}
	switch out := out.(type) {
	case upgrade.ExecuteOutput:
		e.Phase, e.Step, e.Text, e.Status = upgrade.PhaseExecute, out.Step, out.Note, progress.Waiting
		if !out.Done {
			return []progress.Event{e}
		}
		e.Status = progress.Done
		all := append([]progress.Event{e}, shifted(plan, in.Index)...)
		if out.BakeSeconds > 0 {
			e.Status, e.Text = progress.Waiting, "baking for "+progress.Span(time.Duration(out.BakeSeconds)*time.Second)
			all = append(all, e)
		}
		return all
	case upgrade.ValidateOutput:
		e.Phase, e.Step, e.Text = upgrade.PhaseValidate, out.Step, out.Reason
		switch out.Status {
		case upgrade.Pass:
			e.Status = progress.Passed
		case upgrade.Inconclusive:
			e.Status = progress.Inconclusive
		default:
			e.Status = progress.Failed
		}
		return []progress.Event{e}
	}
	return nil
}

// stepFailed tells that a step has failed for good.
func (p *Publisher) stepFailed(ctx context.Context, in upgrade.StepInput, cause error) []progress.Event {
	plan, err := p.Documents.Plan(ctx, in.Plan)
	if err != nil {
		return nil
	}
	step, err := plan.Step(in.Index)
	if err != nil {
		return nil
	}
	return []progress.Event{{Kind: progress.Step, Step: step.ID, Index: in.Index, Steps: len(plan.Steps), Mode: in.Mode, Status: progress.Failed, Text: cause.Error()}}
}

// shifted is the split of the traffic after a step that shifts it: the executor
// is done when Route 53 says that the weights are everywhere.
func shifted(plan upgrade.Plan, index int) []progress.Event {
	step, err := plan.Step(index)
	if err != nil || step.Kind != upgrade.StepShift {
		return nil
	}
	input, err := upgrade.Decode[upgrade.ShiftInput](step.Input)
	if err != nil {
		return nil
	}
	return []progress.Event{{Kind: progress.Weights, Weights: &input.Weights}}
}

func (p *Publisher) rollback(ctx context.Context, out upgrade.RollbackOutput) []progress.Event {
	if out.Closed != "" {
		return []progress.Event{{Kind: progress.Error, Phase: upgrade.PhaseRollback, Text: "nothing can be rolled back after " + out.Closed}, failed(upgrade.PhaseRollback)}
	}
	return append(p.planned(ctx, out.Plan), passed(upgrade.PhaseRollback))
}

func (p *Publisher) reported(ctx context.Context, in upgrade.ReportInput, out upgrade.ReportOutput) ([]progress.Event, *Finished) {
	f := &Finished{Upgrade: in.Run.ID, Cluster: in.Run.Request.Cluster, Outcome: out.Outcome, Reason: out.Reason, From: p.from(ctx, in), Target: in.Run.Request.Target}
	return []progress.Event{passed(upgrade.PhaseReport), {Kind: progress.Summary, Outcome: out.Outcome, Text: out.Reason}}, f
}

// from is the version before the upgrade, as the assessment has it; none when
// nobody saw it.
func (p *Publisher) from(ctx context.Context, in upgrade.ReportInput) upgrade.Version {
	if in.Assessment == (upgrade.Ref{}) {
		return upgrade.Version{}
	}
	a, err := p.Documents.Assessment(ctx, in.Assessment)
	if err != nil {
		return upgrade.Version{}
	}
	return a.From
}
