package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var (
	start   = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	v134    = upgrade.Version{Major: 1, Minor: 34}
	v135    = upgrade.Version{Major: 1, Minor: 35}
	planRef = upgrade.Ref{Bucket: "b", Key: "plan", SHA256: "p"}
	backRef = upgrade.Ref{Bucket: "b", Key: "back", SHA256: "r"}
	seenRef = upgrade.Ref{Bucket: "b", Key: "assessment", SHA256: "a"}
	run     = upgrade.Run{ID: "shop-135", Request: upgrade.Request{Cluster: "shop", Green: "shop-green", Target: v135, Strategy: upgrade.BlueGreen}}
)

const secret = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0x"

// bus is an EventBridge that keeps what it gets.
type bus struct {
	details []string // "type: detail"
	calls   int
	fail    func(call int, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error)
}

func (b *bus) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	b.calls++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("a call without a deadline could hold a phase")
	}
	size := 0
	for _, e := range in.Entries {
		size += len(*e.Detail) + len(*e.DetailType) + len(*e.Source)
	}
	if len(in.Entries) > 10 || size > 256<<10 {
		return nil, fmt.Errorf("%d entries of %d bytes", len(in.Entries), size)
	}
	if b.fail != nil {
		if out, err := b.fail(b.calls, in); out != nil || err != nil {
			return out, err
		}
	}
	out := &eventbridge.PutEventsOutput{}
	for _, e := range in.Entries {
		if *e.EventBusName != "eks-upgrade" || *e.Source != "eks-upgrade-agent" {
			return nil, fmt.Errorf("to bus %s of source %s", *e.EventBusName, *e.Source)
		}
		b.details = append(b.details, *e.DetailType+": "+*e.Detail)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: e.Detail})
	}
	return out, nil
}

// documents are what inputs and outputs refer to.
type documents struct {
	findings int
	err      error
}

func (d documents) Plan(_ context.Context, ref upgrade.Ref) (upgrade.Plan, error) {
	if d.err != nil {
		return upgrade.Plan{}, d.err
	}
	if ref == backRef {
		return upgrade.Plan{Mode: upgrade.RollingBack, Steps: []upgrade.Step{{ID: "shift-back", Title: "All traffic to shop"}}}, nil
	}
	shift, err := json.Marshal(upgrade.ShiftInput{Weights: upgrade.Weights{Blue: 90, Green: 10}})
	return upgrade.Plan{Mode: upgrade.Forward, Steps: []upgrade.Step{
		{ID: "provision", Kind: upgrade.StepProvision, Title: "Create shop-green", Input: json.RawMessage("{}")},
		{ID: "shift-10", Kind: upgrade.StepShift, Title: "Shift 10 %", Input: shift}}}, err
}

func (d documents) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	a := upgrade.Assessment{From: v134}
	for i := range max(1, d.findings) {
		a.Findings = append(a.Findings, upgrade.Finding{Check: fmt.Sprint("check-", i), Title: "T", Severity: upgrade.High, Evidence: "two\nlines " + secret + strings.Repeat("<", 5000), Remedy: "r"})
	}
	return a, d.err
}

func publisher(b *bus) *events.Publisher {
	return &events.Publisher{API: b, Bus: "eks-upgrade", Documents: documents{}, Clock: clock.NewVirtual(start)}
}

// tell runs a phase that answers out or err, and returns what was published,
// in short.
func tell[I, O any](t *testing.T, b *bus, in I, out O, fails error) []string {
	t.Helper()
	got, err := events.Around(publisher(b), func(context.Context, I) (O, error) { return out, fails })(t.Context(), in)
	if !errors.Is(err, fails) || err == nil && cmp.Diff(out, got) != "" {
		t.Errorf("the phase answered %+v, %v", got, err)
	}
	var short []string
	for _, d := range b.details {
		kind, detail, _ := strings.Cut(d, ": ")
		if kind == "Upgrade Finished" {
			short = append(short, "finished "+detail)
			continue
		}
		p, err := upgrade.Decode[events.Progress]([]byte(detail))
		if err != nil || p.Upgrade != "shop-135" || !p.Time.Equal(start) {
			t.Errorf("%s: %v", detail, err)
		}
		line := strings.Join(slices.DeleteFunc([]string{string(p.Kind), string(p.Phase), p.Step, string(p.Mode), string(p.Status), string(p.Outcome), string(p.Code)}, func(s string) bool { return s == "" }), " ")
		if p.Steps > 0 {
			line += fmt.Sprintf(" %d/%d", p.Index, p.Steps)
		}
		if p.Weights != nil {
			line += " " + p.Weights.String()
		}
		if p.Run != nil {
			line += " " + p.Run.Cluster + " to " + p.Run.Target.String()
		}
		if p.Finding != nil {
			line += " " + p.Finding.Check
		}
		if p.Text != "" {
			line += ": " + p.Text
		}
		short = append(short, line)
	}
	return short
}

func TestWhatEachPhaseTells(t *testing.T) {
	step := upgrade.StepInput{Run: run, Plan: planRef, Mode: upgrade.Forward, Index: 1}
	broken := &upgrade.Error{Code: upgrade.CodeStepFailed, Message: "it broke"}
	busy := &upgrade.Error{Code: upgrade.CodeThrottled, Message: "slow down"}
	request := json.RawMessage(`{"cluster":"shop","target":"1.35"}`)
	for name, c := range map[string]struct {
		got  func(*testing.T, *bus) []string
		want []string
	}{
		"acquire": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "shop-135", Request: request}, upgrade.LeaseOutput{Run: &run}, nil)
		}, []string{"started shop to 1.35", "phase lease passed"}},
		"no lease": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "shop-135", Request: request}, upgrade.LeaseOutput{}, &upgrade.Error{Code: upgrade.CodeLeaseHeld, Message: "held by other"})
		}, []string{"error lease LeaseHeld: held by other", `finished {"upgrade":"shop-135","cluster":"shop","outcome":"failed","reason":"held by other","target":"1.35"}`}},
		"no lease yet": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "shop-135", Request: request}, upgrade.LeaseOutput{}, busy)
		}, []string{"warning lease Throttled: slow down"}},
		"no cluster named": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "shop-135", Request: json.RawMessage(`{}`)}, upgrade.LeaseOutput{}, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Message: "no cluster"})
		}, []string{"error lease InvalidRequest: no cluster"}},
		"keep": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.LeaseInput{Action: upgrade.LeaseKeep, ID: "shop-135"}, upgrade.LeaseOutput{}, nil)
		}, []string{"warning lease: the cluster is not clean: its lease is kept until a person has looked"}},
		"perceive": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceAWS}, upgrade.PerceiveOutput{Summary: "5 nodes"}, nil)
		}, []string{"phase perceive started", "note perceive: aws: 5 nodes"}},
		"perceive more": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceScanners}, upgrade.PerceiveOutput{Summary: "nothing"}, nil)
		}, []string{"note perceive: scanners: nothing"}},
		"reason": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ReasonInput{Run: run}, upgrade.ReasonOutput{Decision: upgrade.GoWithApproval, Reason: "judge", Assessment: seenRef, Plan: planRef, Steps: 2}, nil)
		}, []string{"phase perceive passed", "phase reason started", "finding reason check-0", "note reason: decision: go with approval: judge", "step provision forward planned 0/2: Create shop-green", "step shift-10 forward planned 1/2: Shift 10 %", "phase reason passed"}},
		"no go": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ReasonInput{Run: run}, upgrade.ReasonOutput{Decision: upgrade.NoGo, Reason: "blocked", Assessment: seenRef}, nil)
		}, []string{"phase perceive passed", "phase reason started", "finding reason check-0", "note reason: decision: no go: blocked", "phase reason failed"}},
		"ask": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ApproveInput{Action: upgrade.ApproveRequest, Run: run, PlanHash: "abcdef0123456789", TaskToken: "secret-task"}, upgrade.ApproveOutput{}, nil)
		}, []string{"phase approve started", "approval approve waiting: people were asked to approve plan abcdef012345"}},
		"approved": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ApproveInput{Action: upgrade.ApproveRedeem, Run: run}, upgrade.ApproveOutput{Approved: true, Reason: "approved by ada"}, nil)
		}, []string{"approval approve passed: approved by ada", "phase approve passed"}},
		"refused": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ApproveInput{Action: upgrade.ApproveRedeem, Run: run}, upgrade.ApproveOutput{Reason: "ada said no"}, nil)
		}, []string{"approval approve failed: not approved: ada said no", "phase approve failed"}},
		"execute, waiting": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ExecuteOutput{Step: "shift-10", WaitSeconds: 5, Note: "PENDING"}, nil)
		}, []string{"step execute shift-10 forward waiting 1/2: PENDING"}},
		"execute, shifted": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ExecuteOutput{Step: "shift-10", Done: true, BakeSeconds: 600, Note: "INSYNC"}, nil)
		}, []string{"step execute shift-10 forward done 1/2: INSYNC", "weights blue 90, green 10", "step execute shift-10 forward waiting 1/2: baking for 10m"}},
		"execute, failed": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ExecuteOutput{}, broken)
		}, []string{"error StepFailed: it broke", "step shift-10 forward failed 1/2: it broke"}},
		"execute, throttled": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ExecuteOutput{}, busy)
		}, []string{"warning Throttled: slow down"}},
		"validate": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ValidateOutput{Step: "shift-10", Status: upgrade.Pass, Reason: "2 of 2"}, nil)
		}, []string{"step validate shift-10 forward passed 1/2: 2 of 2"}},
		"validate, no verdict": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ValidateOutput{Step: "shift-10", Status: upgrade.Inconclusive, Reason: "no data"}, nil)
		}, []string{"step validate shift-10 forward inconclusive 1/2: no data"}},
		"validate, unknown": {func(t *testing.T, b *bus) []string {
			return tell(t, b, step, upgrade.ValidateOutput{Step: "shift-10", Status: "odd"}, nil)
		}, []string{"step validate shift-10 forward failed 1/2"}},
		"record": {func(t *testing.T, b *bus) []string { return tell(t, b, step, upgrade.RecordOutput{Next: 2}, nil) }, nil},
		"roll back": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.RollbackInput{Run: run, Cause: upgrade.Cause{Error: "StepFailed", Text: "it broke"}}, upgrade.RollbackOutput{Plan: backRef, Steps: 1}, nil)
		}, []string{"warning rollback: rolling back: StepFailed: it broke", "phase rollback started", "step shift-back rollback planned 0/1: All traffic to shop", "phase rollback passed"}},
		"no way back": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.RollbackInput{Run: run}, upgrade.RollbackOutput{Closed: "decommission"}, nil)
		}, []string{"warning rollback: rolling back: :", "phase rollback started", "error rollback: nothing can be rolled back after decommission", "phase rollback failed"}},
		"report": {func(t *testing.T, b *bus) []string {
			return tell(t, b, upgrade.ReportInput{Run: run, Outcome: upgrade.RolledBack, Assessment: seenRef}, upgrade.ReportOutput{Outcome: upgrade.RolledBack, Reason: "rolled back: it broke"}, nil)
		}, []string{"phase report started", "phase report passed", "summary rolledBack: rolled back: it broke",
			`finished {"upgrade":"shop-135","cluster":"shop","outcome":"rolledBack","reason":"rolled back: it broke","from":"1.34","target":"1.35"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			if diff := cmp.Diff(c.want, c.got(t, b)); diff != "" {
				t.Error(diff)
			}
			for _, s := range []string{secret, "secret-task"} {
				if all := strings.Join(b.details, "\n"); strings.Contains(all, s) {
					t.Errorf("%s is in %s", s, all)
				}
			}
		})
	}
}

func TestWithoutABusNothingIsTold(t *testing.T) {
	var none *events.Publisher
	out, err := events.Around(none, func(context.Context, upgrade.StepInput) (upgrade.RecordOutput, error) {
		return upgrade.RecordOutput{Next: 7}, nil
	})(t.Context(), upgrade.StepInput{})
	if err != nil || out.Next != 7 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestManyEventsGoInBatches(t *testing.T) {
	b := &bus{}
	p := publisher(b)
	p.Documents = documents{findings: 500}
	_, err := events.Around(p, func(context.Context, upgrade.ReasonInput) (upgrade.ReasonOutput, error) {
		return upgrade.ReasonOutput{Decision: upgrade.Go, Assessment: seenRef, Plan: planRef}, nil
	})(t.Context(), upgrade.ReasonInput{Run: run})
	if err != nil || len(b.details) != 2+30+1+1+2+1 {
		t.Errorf("%d events, %v", len(b.details), err)
	}
	if !strings.Contains(strings.Join(b.details, ""), "and 470 more findings") {
		t.Error("what was left out is not said")
	}
}

// A phase that did its work has done it, whatever becomes of the news.
func TestAFailureToPublishIsThePublishersOwn(t *testing.T) {
	down := errors.New("no route to host")
	code, message := "InternalFailure", "try again"
	for name, c := range map[string]struct {
		fail  func(int, *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error)
		calls int
		told  int
	}{
		"down": {func(int, *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) { return nil, down }, 4, 0},
		"down for once": {func(call int, _ *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
			return nil, map[int]error{1: down}[call]
		}, 3, 2},
		"one entry fails once": {func(call int, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
			if call > 1 {
				return nil, nil
			}
			return &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{ErrorCode: &code, ErrorMessage: &message}}}, nil
		}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{fail: c.fail}
			_ = tell(t, b, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceAWS}, upgrade.PerceiveOutput{Summary: "5 nodes"}, nil)
			if b.calls != c.calls || len(b.details) != c.told {
				t.Errorf("%d calls, %d events told", b.calls, len(b.details))
			}
		})
	}
}

func TestLostEventsAreCounted(t *testing.T) {
	b := &bus{fail: func(int, *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
		return nil, errors.New("no route to host")
	}}
	var lines bytes.Buffer
	recorder := metrics.NewSink(&lines, clock.NewVirtual(start)).Start()
	if _, err := events.Around(publisher(b), func(context.Context, upgrade.PerceiveInput) (upgrade.PerceiveOutput, error) {
		return upgrade.PerceiveOutput{}, nil
	})(metrics.With(t.Context(), recorder), upgrade.PerceiveInput{Run: run, Source: upgrade.SourceAWS}); err != nil {
		t.Fatal(err)
	}
	if err := recorder.Flush(nil); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line[metrics.EventFailures] != 2. {
		t.Errorf("%s, %v", lines.String(), err)
	}
}

func TestAPhaseWhoseTimeIsOverStillTells(t *testing.T) {
	b := &bus{}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := events.Around(publisher(b), func(context.Context, upgrade.PerceiveInput) (upgrade.PerceiveOutput, error) {
		cancel()
		return upgrade.PerceiveOutput{}, ctx.Err()
	})(ctx, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceScanners})
	if !errors.Is(err, context.Canceled) || len(b.details) != 1 {
		t.Errorf("%v, %v", err, b.details)
	}
}

// stuck are documents that never come.
type stuck struct{}

func (stuck) Plan(ctx context.Context, _ upgrade.Ref) (upgrade.Plan, error) {
	<-ctx.Done()
	return upgrade.Plan{}, ctx.Err()
}

func (stuck) Assessment(ctx context.Context, _ upgrade.Ref) (upgrade.Assessment, error) {
	<-ctx.Done()
	return upgrade.Assessment{}, ctx.Err()
}

func TestDocumentsThatNeverComeHoldNoPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, begun := &bus{}, time.Now()
		p := publisher(b)
		p.Documents = stuck{}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // Lambda's longest
		defer cancel()
		if _, err := events.Around(p, func(context.Context, upgrade.ReasonInput) (upgrade.ReasonOutput, error) {
			return upgrade.ReasonOutput{Decision: upgrade.Go, Plan: planRef}, nil
		})(ctx, upgrade.ReasonInput{Run: run}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 10*time.Second || !strings.Contains(strings.Join(b.details, " "), "decision: go") {
			t.Errorf("it took %s; told: %q", took, b.details)
		}
	})
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	b := &bus{}
	p := publisher(b)
	p.Documents = documents{err: errors.New("S3 is down")}
	if _, err := events.Around(p, func(context.Context, upgrade.ReasonInput) (upgrade.ReasonOutput, error) {
		return upgrade.ReasonOutput{Decision: upgrade.Go, Plan: planRef}, nil
	})(t.Context(), upgrade.ReasonInput{Run: run}); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(b.details, "\n"); !strings.Contains(all, "the assessment cannot be shown: S3 is down") || !strings.Contains(all, "the plan cannot be shown") {
		t.Error(all)
	}
}
