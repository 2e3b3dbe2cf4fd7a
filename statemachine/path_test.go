package statemachine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// phases answers the machine's tasks with answers of the handlers' own types,
// so that the document and the messages cannot drift apart. Each field holds
// what goes differently from the good path.
type phases struct {
	t         *testing.T
	lease     error
	perceive  error
	scan      error
	decision  upgrade.Decision
	approve   func(token string, e *asl.Execution) // nil: nobody answers
	approved  bool
	execute   func(in upgrade.StepInput) (upgrade.ExecuteOutput, error)
	validate  func(in upgrade.StepInput) upgrade.ValidateOutput
	closed    string
	execution *asl.Execution
	answers   []func()

	reports []upgrade.ReportInput
	kept    int
	alerts  []string
}

const planSteps, rollbackSteps = 2, 1

func decode[T any](p *phases, data json.RawMessage) T {
	v, err := upgrade.Decode[T](data)
	if err != nil {
		p.t.Errorf("the machine sends what the handler refuses: %v\n%s", err, data)
	}
	return v
}

// Start implements asl.Tasks.
func (p *phases) Start(req asl.TaskRequest, done func(asl.TaskResult)) func() {
	out, err := p.answer(req)
	if err != nil {
		done(asl.TaskResult{Err: &asl.Error{Name: string(upgrade.CodeOf(err)), Cause: err.Error()}})
		return nil
	}
	data, err := json.Marshal(out)
	if err != nil {
		p.t.Fatal(err)
	}
	done(asl.TaskResult{Output: data})
	return nil
}

func (p *phases) answer(req asl.TaskRequest) (any, error) {
	if strings.HasSuffix(req.Resource, "sns:publish") {
		var in struct{ TopicArn, Subject, Message string }
		if err := json.Unmarshal(req.Arguments, &in); err != nil {
			return nil, err
		}
		p.alerts = append(p.alerts, in.TopicArn)
		return map[string]any{"MessageId": "m"}, nil
	}
	if strings.HasSuffix(req.Resource, "codebuild:startBuild.sync") {
		return map[string]any{"Build": map[string]any{"Id": "eks-upgrade-scan:1"}}, p.scan
	}
	var in struct {
		FunctionName string
		Payload      json.RawMessage
	}
	if err := json.Unmarshal(req.Arguments, &in); err != nil {
		return nil, err
	}
	out, err := p.handle(strings.TrimPrefix(in.FunctionName, "eks-upgrade-"), in.Payload, req.TaskToken)
	return map[string]any{"Payload": out, "StatusCode": 200}, err
}

func (p *phases) handle(phase string, payload json.RawMessage, token string) (any, error) {
	switch upgrade.Phase(phase) {
	case upgrade.PhaseLease:
		in := decode[upgrade.LeaseInput](p, payload)
		if in.Action == upgrade.LeaseKeep {
			p.kept++
		}
		if in.Action != upgrade.LeaseAcquire {
			return upgrade.LeaseOutput{}, nil
		}
		if p.lease != nil {
			return nil, p.lease
		}
		request, err := upgrade.DecodeRequest(in.Request)
		return upgrade.LeaseOutput{Run: &upgrade.Run{ID: in.ID, Request: request, Generation: 1, StartedAt: in.StartedAt}}, err
	case upgrade.PhasePerceive:
		in := decode[upgrade.PerceiveInput](p, payload)
		if in.Source == upgrade.SourceScanners && (in.Scan == "") != (p.scan != nil) {
			p.t.Errorf("scan %q, why %q", in.Scan, in.Why)
		}
		return upgrade.PerceiveOutput{Source: in.Source, Snapshot: upgrade.Ref{Bucket: "b", Key: string(in.Source), SHA256: "s"}}, p.perceive
	case upgrade.PhaseReason:
		in := decode[upgrade.ReasonInput](p, payload)
		if len(in.Snapshots) != 4 {
			p.t.Errorf("%d snapshots, want 4", len(in.Snapshots))
		}
		out := upgrade.ReasonOutput{Decision: p.decision, Reason: "because", Assessment: upgrade.Ref{Key: "a"}, ApprovalRequired: true, ApprovalSeconds: 3600}
		if p.decision != upgrade.NoGo {
			out.Plan, out.PlanHash, out.Steps = upgrade.Ref{Key: "plan"}, "hash", planSteps
		}
		return out, nil
	case upgrade.PhaseApprove:
		in := decode[upgrade.ApproveInput](p, payload)
		if in.Action == upgrade.ApproveRequest {
			if token == "" || in.TaskToken != token {
				p.t.Errorf("task token %q, payload has %q", token, in.TaskToken)
			}
			if p.approve != nil {
				p.answers = append(p.answers, func() { p.approve(token, p.execution) })
			}
			return nil, nil
		}
		return upgrade.ApproveOutput{Approved: in.Answer.Approved && p.approved, Reason: in.Answer.Reason}, nil
	case upgrade.PhaseExecute:
		return p.execute(decode[upgrade.StepInput](p, payload))
	case upgrade.PhaseValidate:
		return p.validate(decode[upgrade.StepInput](p, payload)), nil
	case upgrade.PhaseRecord:
		in := decode[upgrade.StepInput](p, payload)
		return upgrade.RecordOutput{Next: in.Index + 1}, nil
	case upgrade.PhaseRollback:
		in := decode[upgrade.RollbackInput](p, payload)
		if in.PlanHash != "hash" || in.Cause.Error == "" {
			p.t.Errorf("rollback input %+v", in)
		}
		if p.closed != "" {
			return upgrade.RollbackOutput{Closed: p.closed}, nil
		}
		return upgrade.RollbackOutput{Plan: upgrade.Ref{Key: "back"}, PlanHash: "backHash", Steps: rollbackSteps}, nil
	case upgrade.PhaseReport:
		in := decode[upgrade.ReportInput](p, payload)
		p.reports = append(p.reports, in)
		return upgrade.ReportOutput{Outcome: in.Outcome, Reason: "reported", Result: upgrade.Ref{Key: "r"}}, nil
	}
	p.t.Errorf("nothing handles %s", phase)
	return nil, nil
}

const opening = "AcquireLease Perceive Reason Decide AwaitApproval RedeemApproval Approved"

func step(inner string) string { return " MoreSteps Execute Progressed " + inner }

const passed = "Validate Judged Record"

func TestPaths(t *testing.T) {
	agree := func(token string, e *asl.Execution) {
		if err := e.TaskSucceeded(token, json.RawMessage(`{"planHash":"hash","approved":true,"by":"ada"}`)); err != nil {
			t.Error(err)
		}
	}
	fails := func(mode upgrade.Mode, index int, code upgrade.Code) func(upgrade.StepInput) (upgrade.ExecuteOutput, error) {
		return func(in upgrade.StepInput) (upgrade.ExecuteOutput, error) {
			if in.Mode == mode && in.Index == index {
				return upgrade.ExecuteOutput{}, upgrade.Errorf(code, "step", "no")
			}
			return upgrade.ExecuteOutput{Done: true}, nil
		}
	}
	verdict := func(mode upgrade.Mode, index int, s upgrade.Status) func(upgrade.StepInput) upgrade.ValidateOutput {
		return func(in upgrade.StepInput) upgrade.ValidateOutput {
			if in.Mode == mode && in.Index == index {
				return upgrade.ValidateOutput{Step: "s", Status: s, WaitSeconds: 30, Reason: "seen"}
			}
			return upgrade.ValidateOutput{Step: "s", Status: upgrade.Pass}
		}
	}
	looks := 0
	cases := map[string]struct {
		edit    func(*phases)
		path    string
		status  asl.Status
		err     string
		outcome upgrade.Outcome
		kept    bool // the lease is kept and somebody is alerted
	}{
		"all steps pass": {
			path:   opening + step(passed) + step(passed) + " MoreSteps MarkSucceeded Report Clean ReleaseLease Finished Succeeded",
			status: asl.Succeeded, outcome: upgrade.Succeeded},
		"a step takes several looks and bakes": {
			edit: func(p *phases) {
				p.execute = func(in upgrade.StepInput) (upgrade.ExecuteOutput, error) {
					looks++
					if in.Index == 0 && looks < 3 {
						return upgrade.ExecuteOutput{WaitSeconds: 15}, nil
					}
					if in.Index == 0 {
						return upgrade.ExecuteOutput{Done: true, BakeSeconds: 600}, nil
					}
					return upgrade.ExecuteOutput{Done: true}, nil
				}
			},
			path: opening + " MoreSteps Execute Progressed WaitForProgress Execute Progressed WaitForProgress Execute Progressed Bake " + passed +
				step(passed) + " MoreSteps MarkSucceeded Report Clean ReleaseLease Finished Succeeded",
			status: asl.Succeeded, outcome: upgrade.Succeeded},
		"the lease is held": {
			edit:   func(p *phases) { p.lease = upgrade.Errorf(upgrade.CodeLeaseHeld, "acquire", "held") },
			path:   "AcquireLease NotStarted",
			status: asl.Failed, err: "LeaseHeld"},
		"perception is not permitted": {
			edit: func(p *phases) {
				p.perceive = upgrade.Errorf(upgrade.CodePermissionDenied, "perceive", "no")
			},
			path:   "AcquireLease Perceive Unchanged Report Clean ReleaseLease Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed},
		"a scanner that does not run is no obstacle": {
			edit:   func(p *phases) { p.scan = upgrade.Errorf(upgrade.CodeNotFound, "scan", "no such project") },
			path:   opening + step(passed) + step(passed) + " MoreSteps MarkSucceeded Report Clean ReleaseLease Finished Succeeded",
			status: asl.Succeeded, outcome: upgrade.Succeeded},
		"the assessment says no": {
			edit:   func(p *phases) { p.decision = upgrade.NoGo },
			path:   "AcquireLease Perceive Reason Decide Refuse Unchanged Report Clean ReleaseLease Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed},
		"a decision nobody knows is a no": {
			edit:   func(p *phases) { p.decision = "yolo" },
			path:   "AcquireLease Perceive Reason Decide Refuse Unchanged Report Clean ReleaseLease Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed},
		"nobody answers": {
			edit:   func(p *phases) { p.approve = nil },
			path:   "AcquireLease Perceive Reason Decide AwaitApproval ApprovalExpired Unchanged Report Clean ReleaseLease Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed},
		"a person says no": {
			edit:   func(p *phases) { p.approved = false },
			path:   opening + " Reject Unchanged Report Clean ReleaseLease Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed},
		"the second step fails its verification": {
			edit:   func(p *phases) { p.validate = verdict(upgrade.Forward, 1, upgrade.Fail) },
			path:   opening + step(passed) + step("Validate Judged VerificationFailed StepFailed PlanRollback Reversible") + step(passed) + " MoreSteps MarkRolledBack Report Clean ReleaseLease Finished RolledBack",
			status: asl.Failed, err: "RolledBack", outcome: upgrade.RolledBack},
		"a verdict nobody knows is a fail": {
			edit:   func(p *phases) { p.validate = verdict(upgrade.Forward, 0, "fine") },
			path:   opening + step("Validate Judged VerificationFailed StepFailed PlanRollback Reversible") + step(passed) + " MoreSteps MarkRolledBack Report Clean ReleaseLease Finished RolledBack",
			status: asl.Failed, err: "RolledBack", outcome: upgrade.RolledBack},
		"the first step fails to execute": {
			edit:   func(p *phases) { p.execute = fails(upgrade.Forward, 0, upgrade.CodeStepFailed) },
			path:   opening + " MoreSteps Execute StepFailed PlanRollback Reversible" + step(passed) + " MoreSteps MarkRolledBack Report Clean ReleaseLease Finished RolledBack",
			status: asl.Failed, err: "RolledBack", outcome: upgrade.RolledBack},
		"a point of no return was passed": {
			edit: func(p *phases) {
				p.execute, p.closed = fails(upgrade.Forward, 1, upgrade.CodeStepFailed), "decommission-blue"
			},
			path:   opening + step(passed) + " MoreSteps Execute StepFailed PlanRollback Reversible KeepLease Alert Report Clean Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed, kept: true},
		"somebody else changed the weights": {
			edit:   func(p *phases) { p.execute = fails(upgrade.Forward, 1, upgrade.CodeDrift) },
			path:   opening + step(passed) + " MoreSteps Execute KeepLease Alert Report Clean Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed, kept: true},
		"the lease was lost": {
			edit:   func(p *phases) { p.execute = fails(upgrade.Forward, 0, upgrade.CodeLeaseLost) },
			path:   opening + " MoreSteps Execute KeepLease Alert Report Clean Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed, kept: true},
		"the rollback fails too": {
			edit: func(p *phases) {
				p.validate = verdict(upgrade.Forward, 0, upgrade.Fail)
				p.execute = fails(upgrade.RollingBack, 0, upgrade.CodeStepFailed)
			},
			path:   opening + step("Validate Judged VerificationFailed StepFailed PlanRollback Reversible") + " MoreSteps Execute StepFailed KeepLease Alert Report Clean Finished Failed",
			status: asl.Failed, err: "Failed", outcome: upgrade.Failed, kept: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := &phases{t: t, decision: upgrade.GoWithApproval, approve: agree, approved: true,
				execute:  fails("none", 0, ""),
				validate: verdict("none", 0, "")}
			if c.edit != nil {
				c.edit(p)
			}
			path, e := run(t, p)
			if diff := cmp.Diff(strings.Fields(c.path), path); diff != "" {
				t.Errorf("path:\n%s", diff)
			}
			if e.Status() != c.status {
				t.Fatalf("status %s (%v), want %s", e.Status(), e.Err(), c.status)
			}
			if c.err != "" && e.Err().Name != c.err {
				t.Errorf("error %v, want %s", e.Err(), c.err)
			}
			if c.outcome != "" && (len(p.reports) != 1 || p.reports[0].Outcome != c.outcome) {
				t.Errorf("reports %+v, want one of %s", p.reports, c.outcome)
			}
			if c.kept != (p.kept == 1) || c.kept != (len(p.alerts) == 1) {
				t.Errorf("lease kept %d times, %d alerts", p.kept, len(p.alerts))
			}
			if c.kept && p.alerts[0] != "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts" {
				t.Errorf("alert to %s", p.alerts[0])
			}
		})
	}
}

// run executes the document on a clock that jumps, and returns the states of
// the top level in the order in which they were entered.
func run(t *testing.T, p *phases) ([]string, *asl.Execution) {
	t.Helper()
	m, err := asl.Parse(Upgrade)
	if err != nil {
		t.Fatal(err)
	}
	top := load(t).States
	v := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	var path []string
	e, err := m.Start(asl.Options{Clock: v, Tasks: p,
		ExecutionArn: "arn:aws:states:eu-west-1:123456789012:execution:eks-upgrade:u-1", StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade",
		Input: json.RawMessage(`{"cluster":"shop","target":"1.35","traffic":{"hostedZone":"Z0123456789ABC","record":"shop.example.com","service":"default/frontend"}}`),
		OnEvent: func(ev asl.Event) {
			if _, isTop := top[nameOf(ev)]; isTop && strings.HasSuffix(ev.Type, "StateEntered") {
				path = append(path, nameOf(ev))
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	p.execution = e
	for e.Status() == asl.Running {
		if len(p.answers) > 0 {
			answer := p.answers[0]
			p.answers = p.answers[1:]
			answer()
			continue
		}
		if !v.Next() {
			t.Fatalf("the execution stands still after %v", path)
		}
	}
	return path, e
}

func nameOf(e asl.Event) string {
	if e.Details == nil {
		return ""
	}
	return e.Details.Name
}
