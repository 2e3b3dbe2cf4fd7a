package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	token     = "AQCEAAAAKgAAAAMAAAAAAAAAAbGRXWw0exampletoken"
	eksSecret = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0x"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// world is everything around the handler.
type world struct {
	approval.Handler
	db        *tabletest.Fake
	now       *clock.Virtual
	records   *records.Store
	leases    *lease.Store
	run       upgrade.Run
	plan      upgrade.Plan
	published []*sns.PublishInput
	snsErr    error
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if w.snsErr != nil {
		return nil, w.snsErr
	}
	w.published = append(w.published, in)
	return &sns.PublishOutput{}, nil
}

func (w *world) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) { return w.plan, nil }

func (w *world) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	return upgrade.Assessment{Decision: upgrade.GoWithApproval, Reason: "1 of 2 findings need a person's judgement", Findings: []upgrade.Finding{
		{Check: "deprecated-api", Severity: upgrade.High, Evidence: "two\nlines with " + eksSecret, Remedy: "migrate"},
		{Check: "free-ips", Severity: upgrade.Low, Evidence: "6 free", Remedy: "add a subnet"}}}, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: &tabletest.Fake{}, now: clock.NewVirtual(start)}
	w.records = records.New(w.db, "records", w.now)
	w.leases = lease.New(w.db, "leases", w.now)
	held, err := w.leases.Acquire(t.Context(), "shop", "shop-135")
	if err != nil {
		t.Fatal(err)
	}
	w.run = upgrade.Run{ID: "shop-135", Generation: held.Generation, StartedAt: upgrade.At(start),
		Request: upgrade.Request{Cluster: "shop", Approval: upgrade.Approval{Timeout: upgrade.Duration(24 * time.Hour)}}}
	w.plan = upgrade.Plan{Upgrade: "shop-135", Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35},
		Strategy: upgrade.BlueGreen, Mode: upgrade.Forward, Steps: []upgrade.Step{{ID: "shift-10", Title: "Shift 10 % of the traffic to shop-green"}, {ID: "decommission", Title: "Delete shop", NoReturn: true}}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	w.Handler = approval.Handler{Questions: approval.NewQuestions(w.db, "approvals"), Documents: w, Records: w.records, Lease: w.leases, SNS: w, Topic: "arn:topic", Clock: w.now}
	return w
}

func (w *world) request() upgrade.ApproveInput {
	return upgrade.ApproveInput{Action: upgrade.ApproveRequest, Run: w.run, PlanHash: w.plan.Hash, TaskToken: token}
}

func (w *world) answer(a upgrade.ApprovalAnswer) upgrade.ApproveInput {
	return upgrade.ApproveInput{Action: upgrade.ApproveRedeem, Run: w.run, PlanHash: w.plan.Hash, Answer: &a}
}

func (w *world) ask(t *testing.T) {
	t.Helper()
	if _, err := w.Handle(t.Context(), w.request()); err != nil {
		t.Fatal(err)
	}
}

func TestRequestTellsPeopleWithoutTheToken(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	if len(w.published) != 1 {
		t.Fatalf("%d messages", len(w.published))
	}
	m := w.published[0]
	if *m.TopicArn != "arn:topic" || *m.Subject != "Approve the upgrade of EKS cluster shop from 1.34 to 1.35?" {
		t.Errorf("to %s: %s", *m.TopicArn, *m.Subject)
	}
	for _, want := range []string{"shop-green", "goWithApproval", "1 high, 1 low", "two lines with [REDACTED]", "Remedy: migrate", " 1. Shift 10 % of the traffic to shop-green\n",
		" 2. Delete shop (point of no return)", "until 2026-08-02T12:00:00Z", "aws stepfunctions send-task-success", `"planHash":"` + w.plan.Hash + `"`, "--table-name approvals"} {
		if !strings.Contains(*m.Message, want) {
			t.Errorf("the message does not say %q:\n%s", want, *m.Message)
		}
	}
	if strings.Contains(*m.Message, token) || strings.Contains(*m.Message, eksSecret) {
		t.Errorf("a secret is in the message:\n%s", *m.Message)
	}
	got, found, err := w.Questions.Pending(t.Context(), "shop-135")
	if err != nil {
		t.Fatal(err)
	}
	want := approval.Pending{Upgrade: "shop-135", PlanHash: w.plan.Hash, TaskToken: token, ExpiresAt: upgrade.At(start.Add(24 * time.Hour)), AnnouncedAt: upgrade.At(start)}
	if diff := cmp.Diff(want, got); diff != "" || !found {
		t.Error(found, diff)
	}
}

func TestRequestKeepsTheLeaseForTheWait(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	w.now.Advance(24 * time.Hour)
	if _, err := w.leases.Acquire(t.Context(), "shop", "other"); upgrade.CodeOf(err) != upgrade.CodeLeaseHeld {
		t.Errorf("another upgrade got the lease: %v", err)
	}
}

func TestRequestAgain(t *testing.T) {
	w := newWorld(t)
	w.snsErr = errors.New("sns is down")
	if _, err := w.Handle(t.Context(), w.request()); err == nil {
		t.Fatal("nobody was told, and that was no error")
	}
	w.snsErr = nil
	w.now.Advance(time.Hour)
	again := w.request()
	again.TaskToken = "a new token"
	for range 2 {
		if _, err := w.Handle(t.Context(), again); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.published) != 1 {
		t.Errorf("%d messages, want 1", len(w.published))
	}
	got, _, err := w.Questions.Pending(t.Context(), "shop-135")
	if err != nil || got.TaskToken != "a new token" || !got.ExpiresAt.Equal(start.Add(24*time.Hour)) {
		t.Errorf("%+v, %v: want the new token and the first expiry", got, err)
	}
}

func TestRequestRefusesAnotherPlan(t *testing.T) {
	w := newWorld(t)
	in := w.request()
	in.PlanHash = "other"
	if _, err := w.Handle(t.Context(), in); upgrade.CodeOf(err) != upgrade.CodePlanMismatch {
		t.Errorf("error %v", err)
	}
	w.ask(t)
	w.plan.MadeAt = upgrade.At(start)
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Handle(t.Context(), w.request()); upgrade.CodeOf(err) != upgrade.CodePlanMismatch {
		t.Errorf("error %v", err)
	}
}

func TestRequestWithALostLease(t *testing.T) {
	w := newWorld(t)
	w.run.Generation = 7
	if _, err := w.Handle(t.Context(), w.request()); upgrade.CodeOf(err) != upgrade.CodeLeaseLost {
		t.Errorf("error %v", err)
	}
	if len(w.published) != 0 {
		t.Error("people were asked all the same")
	}
}

func TestRedeem(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(*world) upgrade.ApprovalAnswer
		after    time.Duration
		approved bool
		says     string
		recorded bool
	}{
		"approved": {func(w *world) upgrade.ApprovalAnswer {
			return upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"}
		}, time.Hour, true, "approved by ada", true},
		"refused": {func(w *world) upgrade.ApprovalAnswer {
			return upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, By: "ada", Reason: "not on\na friday"}
		}, time.Hour, false, "ada said no: not on a friday", true},
		"refused without a reason": {func(w *world) upgrade.ApprovalAnswer { return upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, By: "ada"} }, time.Hour, false, "ada said no", true},
		"another plan": {func(w *world) upgrade.ApprovalAnswer {
			return upgrade.ApprovalAnswer{PlanHash: "feedbeef", Approved: true, By: "ada"}
		}, time.Hour, false, "another plan", false},
		"no plan": {func(w *world) upgrade.ApprovalAnswer { return upgrade.ApprovalAnswer{Approved: true, By: "ada"} }, time.Hour, false, "another plan", false},
		"nobody": {func(w *world) upgrade.ApprovalAnswer {
			return upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true}
		}, time.Hour, false, "does not say who", false},
		"too late": {func(w *world) upgrade.ApprovalAnswer {
			return upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"}
		}, 24 * time.Hour, false, "expired", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(t)
			w.now.Advance(c.after)
			out, err := w.Handle(t.Context(), w.answer(c.answer(w)))
			if err != nil {
				t.Fatal(err)
			}
			if out.Approved != c.approved || !strings.Contains(out.Reason, c.says) {
				t.Errorf("%+v, want approved %t, saying %q", out, c.approved, c.says)
			}
			rec, found, err := w.records.Approval(t.Context(), "shop-135", w.plan.Hash)
			if err != nil || found != c.recorded || rec.UsedAt.IsZero() == c.approved {
				t.Errorf("record %+v, found %t, err %v", rec, found, err)
			}
		})
	}
}

func TestRedeemAgainAnswersTheSame(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	in := w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"})
	first, err := w.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.now.Advance(48 * time.Hour)
	again, err := w.Handle(t.Context(), in)
	if err != nil || again != first {
		t.Errorf("%+v, %v; the first time %+v", again, err, first)
	}
}

func TestRedeemAfterARefusalStaysRefused(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	if _, err := w.Handle(t.Context(), w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, By: "ada"})); err != nil {
		t.Fatal(err)
	}
	out, err := w.Handle(t.Context(), w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "bob"}))
	if out.Approved || upgrade.CodeOf(err) != upgrade.CodeConflict {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRedeemWhatNobodyAsked(t *testing.T) {
	w := newWorld(t)
	out, err := w.Handle(t.Context(), w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"}))
	if out.Approved || upgrade.CodeOf(err) != upgrade.CodeApproval {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestInputIsChecked(t *testing.T) {
	w := newWorld(t)
	for field, in := range map[string]upgrade.ApproveInput{
		"planHash":  {Action: upgrade.ApproveRequest},
		"taskToken": {Action: upgrade.ApproveRequest, PlanHash: "x"},
		"answer":    {Action: upgrade.ApproveRedeem, PlanHash: "x"},
		"action":    {Action: "grant", PlanHash: "x"},
	} {
		_, err := w.Handle(t.Context(), in)
		var e *upgrade.Error
		if !errors.As(err, &e) || e.Code != upgrade.CodeInvalidRequest || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: error %v", field, err)
		}
	}
}

func TestTheMessageFitsWhateverIsFound(t *testing.T) {
	w := newWorld(t)
	w.Documents = many{w}
	w.ask(t)
	if n := len(*w.published[0].Message); n > 64<<10 {
		t.Errorf("%d bytes", n)
	}
	if !strings.Contains(*w.published[0].Message, "and 980 more") {
		t.Error("what was left out is not said")
	}
}

type many struct{ *world }

func (m many) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	a := upgrade.Assessment{Decision: upgrade.GoWithApproval}
	for range 1000 {
		a.Findings = append(a.Findings, upgrade.Finding{Check: "x", Severity: upgrade.High, Evidence: strings.Repeat("é", 5000), Remedy: strings.Repeat("r", 5000)})
	}
	return a, nil
}

func (m many) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) { return m.world.plan, nil }

func TestTheQuestionIsADocumentThatToolsCanRead(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	var q map[string]any
	if err := json.Unmarshal([]byte(w.db.Documents("approvals")[0]), &q); err != nil || q["taskToken"] != token {
		t.Errorf("%v, %v: the command in the message reads .taskToken", q, err)
	}
}
