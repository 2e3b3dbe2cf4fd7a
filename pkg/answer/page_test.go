package answer_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestWhatIsAsked(t *testing.T) {
	w := newWorld(t)
	if resp := w.call(t, request(answer.GetRoute, ada, nil, "")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("before it is asked: %d %s", resp.StatusCode, resp.Body)
	}
	w.ask(t, "task-1")
	if resp := w.call(t, request(answer.GetRoute, mallory, nil, "")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("who may not approve: %d %s", resp.StatusCode, resp.Body)
	}
	state := func(want answer.State) answer.Question {
		t.Helper()
		resp := w.call(t, request(answer.GetRoute, ada, nil, ""))
		q, err := upgrade.Decode[answer.Question]([]byte(resp.Body))
		if resp.StatusCode != http.StatusOK || err != nil || q.State != want {
			t.Fatalf("%d, %v, state %q, want %q", resp.StatusCode, err, q.State, want)
		}
		for _, secret := range []string{w.token, w.stored(), "task-1", eksSecret} {
			if strings.Contains(resp.Body, secret) {
				t.Errorf("%q is in the answer", secret)
			}
		}
		return q
	}
	q := state(answer.Open)
	if q.PlanHash != w.plan.Hash || q.Plan.Hash != w.plan.Hash || len(q.Assessment.Findings) != 2 || q.Omitted != 0 || !q.ExpiresAt.Equal(start.Add(24*time.Hour)) {
		t.Errorf("%+v", q)
	}
	w.sendErr = errDown
	w.post(t, ada, w.yes())
	state(answer.Recorded)
	w.sendErr = nil
	w.post(t, ada, w.yes())
	if q := state(answer.Answered); q.Answer == nil || q.Answer.By != ada {
		t.Errorf("%+v", q.Answer)
	}
	w = newWorld(t)
	w.ask(t, "task-1")
	w.now.Advance(24 * time.Hour)
	state(answer.Expired)
}

func TestManyFindingsAreCut(t *testing.T) {
	w := newWorld(t)
	for len(w.findings) < 700 {
		w.findings = append(w.findings, upgrade.Finding{Check: "x", Severity: upgrade.Low, Evidence: strings.Repeat("<", 1_500), Remedy: strings.Repeat("<", 1_500)})
	}
	w.ask(t, "task-1")
	resp := w.call(t, request(answer.GetRoute, ada, map[string]string{"accept": "text/html"}, ""))
	if !strings.Contains(resp.Body, "more, in the assessment") || len(resp.Body) > 5<<20 {
		t.Errorf("%d bytes", len(resp.Body))
	}
	resp = w.call(t, request(answer.GetRoute, ada, nil, ""))
	if q, err := upgrade.Decode[answer.Question]([]byte(resp.Body)); err != nil || q.Omitted <= 200 || len(resp.Body) > 5<<20 {
		t.Errorf("%d omitted, %d bytes, %v", q.Omitted, len(resp.Body), err)
	}
}

// TestThePage writes the page to the file that PAGE names, for people who want
// to look at it.
func TestThePage(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	resp := w.call(t, request(answer.GetRoute, ada, map[string]string{"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, ""))
	if file := os.Getenv("PAGE"); file != "" {
		if err := os.WriteFile(file, []byte(resp.Body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Headers["content-type"], "text/html") {
		t.Fatalf("%d %v", resp.StatusCode, resp.Headers)
	}
	for _, want := range []string{"Upgrade shop from 1.34 to 1.35?", "go with approval", "API version goes away", "[REDACTED]", "Few free addresses", "Shift 10 % of the traffic", "then 10m of observation", "point of no return",
		`<form method="post"`, `name="planHash" value="` + w.plan.Hash, ada} {
		if !strings.Contains(resp.Body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, bad := range []string{"<script src", "<img", eksSecret, w.token, "evil.example/x.js></script>"} {
		if strings.Contains(resp.Body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(resp.Body, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	policy := resp.Headers["content-security-policy"]
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("policy %q lets others in", policy)
	}
	for name, want := range map[string]string{"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "x-frame-options": "DENY"} {
		if resp.Headers[name] != want {
			t.Errorf("%s is %q", name, resp.Headers[name])
		}
	}
}

func TestAProblemIsAPageToo(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	resp := w.call(t, request(answer.GetRoute, mallory, map[string]string{"accept": "text/html"}, ""))
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(resp.Body, "may not approve") || !strings.HasPrefix(resp.Headers["content-type"], "text/html") {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
}
