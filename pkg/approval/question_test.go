package approval_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var tokenInLink = regexp.MustCompile(`(?m)^https://approve\.example/approvals/shop-135#token=(\S+)$`)

func (w *world) told(t *testing.T) string {
	t.Helper()
	m := tokenInLink.FindStringSubmatch(*w.published[len(w.published)-1].Message)
	if m == nil {
		t.Fatalf("no link in\n%s", *w.published[len(w.published)-1].Message)
	}
	return m[1]
}

func TestWithTheAPIPeopleGetALinkAndNoWayToTheTaskToken(t *testing.T) {
	w := newWorld(t)
	w.URL = "https://approve.example/"
	w.ask(t)
	secret := w.told(t)
	message := *w.published[0].Message
	for _, want := range []string{"eks-upgrade approve --upgrade shop-135 --url https://approve.example", "until 2026-08-02T12:00:00Z", "Do not pass it on"} {
		if !strings.Contains(message, want) {
			t.Errorf("the message does not say %q:\n%s", want, message)
		}
	}
	for _, bad := range []string{"dynamodb", "task-token", "?token", token} {
		if strings.Contains(message, bad) {
			t.Errorf("the message says %q:\n%s", bad, message)
		}
	}
	if stored := w.db.Documents("approvals")[0]; strings.Contains(stored, secret) {
		t.Errorf("the token is stored: %s", stored)
	}
	if len(secret) < 43 || strings.Contains(logging.Redact("x "+secret+" y"), secret) {
		t.Errorf("%q would pass into a log", secret)
	}
	other := newWorld(t)
	other.URL = "https://approve.example"
	other.ask(t)
	if other.told(t) == secret {
		t.Error("two questions have one token")
	}
}

// A digest is good for its own question only, whoever copies it.
func TestATokenIsBoundToItsQuestion(t *testing.T) {
	w := newWorld(t)
	w.URL = "https://approve.example"
	w.ask(t)
	secret := w.told(t)
	asked, _, err := w.Questions.Pending(t.Context(), "shop-135")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*approval.Pending)
		token  string
		knows  bool
	}{
		"as asked":              {func(*approval.Pending) {}, secret, true},
		"another upgrade":       {func(p *approval.Pending) { p.Upgrade = "cart-135" }, secret, false},
		"another plan":          {func(p *approval.Pending) { p.PlanHash = "feedbeef" }, secret, false},
		"a later expiry":        {func(p *approval.Pending) { p.ExpiresAt = upgrade.At(p.ExpiresAt.Add(time.Hour)) }, secret, false},
		"another token":         {func(*approval.Pending) {}, secret[:len(secret)-1], false},
		"no token":              {func(*approval.Pending) {}, "", false},
		"no digests":            {func(p *approval.Pending) { p.Tokens = nil }, secret, false},
		"empty digest":          {func(p *approval.Pending) { p.Tokens = []string{""} }, "", false},
		"one digest of several": {func(p *approval.Pending) { p.Tokens = []string{"x", p.Tokens[0], "y"} }, secret, true},
	} {
		p := asked
		c.change(&p)
		if p.Knows(c.token) != c.knows {
			t.Errorf("%s: knows the token: %t", name, !c.knows)
		}
	}
}

func TestAnAnswerOnRecordThatCameTooLateIsRefused(t *testing.T) {
	w := newWorld(t)
	w.URL = "https://approve.example"
	w.ask(t)
	late := approval.Given{Approved: true, By: "ada", At: upgrade.At(start.Add(24 * time.Hour))}
	if _, err := w.Questions.Update(t.Context(), "shop-135", func(p approval.Pending, _ bool) (approval.Pending, error) {
		p.Answer = &late
		return p, nil
	}); err != nil {
		t.Fatal(err)
	}
	out, err := w.Handle(t.Context(), w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"}))
	if err != nil || out.Approved || !strings.Contains(out.Reason, "after the question had expired") {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestTheWaitIsMeasured(t *testing.T) {
	w := newWorld(t)
	w.ask(t)
	w.now.Advance(90 * time.Second)
	var lines bytes.Buffer
	recorder := metrics.NewSink(&lines, w.now).Start()
	if _, err := w.Handle(metrics.With(t.Context(), recorder), w.answer(upgrade.ApprovalAnswer{PlanHash: w.plan.Hash, Approved: true, By: "ada"})); err != nil {
		t.Fatal(err)
	}
	if err := recorder.Flush(nil); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line[metrics.ApprovalWait] != 90. {
		t.Errorf("%s, %v", lines.String(), err)
	}
}
