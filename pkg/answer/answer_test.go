package answer_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestAnApprovalResumesTheExecutionAndIsRedeemed(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	resp := w.post(t, ada, w.yes())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, resp.Body)
	}
	got, err := upgrade.Decode[answer.Receipt]([]byte(resp.Body))
	want := answer.Receipt{Upgrade: "shop-135", PlanHash: w.plan.Hash, Approved: true, By: ada, Reason: "looks fine", At: upgrade.At(start)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]upgrade.ApprovalAnswer{{PlanHash: w.plan.Hash, Approved: true, By: ada, Reason: "looks fine"}}, w.outputs); diff != "" {
		t.Fatal(diff)
	}
	out, err := w.approve.Handle(t.Context(), upgrade.ApproveInput{Action: upgrade.ApproveRedeem, Run: w.run, PlanHash: w.plan.Hash, Answer: &w.outputs[0]})
	if err != nil || !out.Approved {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestARefusalIsSentAsAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	if resp := w.post(t, "", with(w.yes(), "approved", false)); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
	if resp := w.post(t, ada, with(w.yes(), "approved", false)); resp.StatusCode != http.StatusOK || len(w.outputs) != 1 || w.outputs[0].Approved {
		t.Errorf("%d %s: %+v", resp.StatusCode, resp.Body, w.outputs)
	}
}

// Each of these leaves the question as it was: the good answer still works.
func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		by     string
		change func(w *world, r *events.APIGatewayV2HTTPRequest)
		body   func(*world) any
		status int
		code   upgrade.Code
		says   string
	}{
		"nobody":             {"", nil, nil, 401, upgrade.CodePermissionDenied, "who you are"},
		"not an approver":    {mallory, nil, nil, 403, upgrade.CodePermissionDenied, "mallory may not approve"},
		"wrong token":        {ada, nil, func(w *world) any { return with(w.yes(), "token", "eksup_wrong") }, 403, upgrade.CodeApproval, "opens nothing"},
		"no token":           {ada, nil, func(w *world) any { return with(w.yes(), "token", nil) }, 400, upgrade.CodeInvalidRequest, "#token="},
		"the digest itself":  {ada, nil, func(w *world) any { return with(w.yes(), "token", w.stored()) }, 403, upgrade.CodeApproval, "opens nothing"},
		"another plan":       {ada, nil, func(w *world) any { return with(w.yes(), "planHash", "feedbeef") }, 409, upgrade.CodePlanMismatch, "another plan"},
		"no plan":            {ada, nil, func(w *world) any { return with(w.yes(), "planHash", nil) }, 400, upgrade.CodeInvalidRequest, "hash"},
		"neither yes nor no": {ada, nil, func(w *world) any { return with(w.yes(), "approved", nil) }, 400, upgrade.CodeInvalidRequest, "no answer"},
		"approved as text":   {ada, nil, func(w *world) any { return with(w.yes(), "approved", "yes") }, 400, upgrade.CodeInvalidRequest, "not an answer"},
		"unknown field":      {ada, nil, func(w *world) any { return with(w.yes(), "by", "bob") }, 400, upgrade.CodeInvalidRequest, "not an answer"},
		"not JSON":           {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.Body = "{" }, nil, 400, upgrade.CodeInvalidRequest, "not an answer"},
		"no body":            {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.Body = "" }, nil, 400, upgrade.CodeInvalidRequest, "not an answer"},
		"not base64":         {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.IsBase64Encoded = true }, nil, 400, upgrade.CodeInvalidRequest, "base64"},
		"too long":           {ada, nil, func(w *world) any { return with(w.yes(), "reason", strings.Repeat("x", 20_000)) }, 413, upgrade.CodeInvalidRequest, "16 KB"},
		"XML":                {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.Headers["content-type"] = "application/xml" }, nil, 415, upgrade.CodeInvalidRequest, "neither JSON nor a form"},
		"another upgrade":    {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.PathParameters["upgrade"] = "other" }, nil, 403, upgrade.CodeApproval, "opens nothing"},
		"no upgrade":         {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.PathParameters = nil }, nil, 400, upgrade.CodeInvalidRequest, "no id"},
		"another route":      {ada, func(_ *world, r *events.APIGatewayV2HTTPRequest) { r.RouteKey = "DELETE /approvals/{upgrade}" }, nil, 404, upgrade.CodeNotFound, "route"},
		"expired":            {ada, func(w *world, _ *events.APIGatewayV2HTTPRequest) { w.now.Advance(24 * time.Hour) }, nil, 410, upgrade.CodeApproval, "expired at 2026-08-02T12:00:00Z"},
		"form without a choice": {ada, func(w *world, r *events.APIGatewayV2HTTPRequest) {
			r.Headers["content-type"], r.Body = "application/x-www-form-urlencoded", url.Values{"token": {w.token}, "planHash": {w.plan.Hash}}.Encode()
		}, nil, 400, upgrade.CodeInvalidRequest, "no answer"},
		"form with two choices": {ada, func(w *world, r *events.APIGatewayV2HTTPRequest) {
			r.Headers["content-type"], r.Body = "application/x-www-form-urlencoded", url.Values{"token": {w.token}, "planHash": {w.plan.Hash}, "approved": {"false", "true"}}.Encode()
		}, nil, 400, upgrade.CodeInvalidRequest, "more than once"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(t, "task-1")
			var body any = w.yes()
			if c.body != nil {
				body = c.body(w)
			}
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			r := request(answer.PostRoute, c.by, nil, string(text))
			if c.change != nil {
				c.change(w, &r)
			}
			writes := w.db.Writes()
			resp := w.call(t, r)
			p := problem(t, resp)
			if resp.StatusCode != c.status || p.Code != c.code || !strings.Contains(p.Message+"; "+p.Remedy, c.says) || p.Remedy == "" {
				t.Errorf("%d %+v", resp.StatusCode, p)
			}
			if w.db.Writes() != writes || len(w.outputs) > 0 {
				t.Error("something happened")
			}
			if strings.Contains(resp.Body, w.token) || strings.Contains(resp.Body, w.plan.Hash) {
				t.Errorf("the answer gives away what was to be known: %s", resp.Body)
			}
			if name == "expired" {
				return
			}
			if good := w.post(t, ada, w.yes()); good.StatusCode != http.StatusOK {
				t.Errorf("afterwards the good answer is refused: %d %s", good.StatusCode, good.Body)
			}
		})
	}
}

// stored is what the table has of the token.
func (w *world) stored() string {
	var doc struct{ Tokens []string }
	if json.Unmarshal([]byte(w.db.Documents("approvals")[0]), &doc) != nil || len(doc.Tokens) == 0 {
		return ""
	}
	return doc.Tokens[0]
}

// Whoever guesses learns nothing: not whether there is such an upgrade, whether
// it expired, or whether it was answered.
func TestAWrongTokenIsAnsweredAlikeWhateverTheQuestionIs(t *testing.T) {
	wrong := map[string]any{"token": "eksup_guess", "planHash": "guess", "approved": true}
	answers := map[string]string{}
	for name, prepare := range map[string]func(*world){
		"never asked": func(*world) {},
		"open":        func(w *world) { w.ask(t, "task-1") },
		"expired":     func(w *world) { w.ask(t, "task-1"); w.now.Advance(48 * time.Hour) },
		"answered":    func(w *world) { w.ask(t, "task-1"); w.post(t, ada, w.yes()) },
		"without API": func(w *world) { w.approve.URL = ""; w.ask(t, "task-1") },
	} {
		w := newWorld(t)
		prepare(w)
		resp := w.post(t, bob, wrong)
		answers[name] = resp.Body
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	for name, body := range answers {
		if body != answers["open"] {
			t.Errorf("%s: %s, and of an open question %s", name, body, answers["open"])
		}
	}
}

func TestReplay(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	first := w.post(t, ada, w.yes())
	again := w.post(t, ada, with(w.yes(), "reason", "again"))
	if again.StatusCode != http.StatusOK || again.Body != first.Body || w.sends != 1 {
		t.Errorf("the same again: %d %s, %d sends", again.StatusCode, again.Body, w.sends)
	}
	for name, c := range map[string]struct {
		by   string
		body map[string]any
	}{
		"another person":  {bob, w.yes()},
		"another opinion": {ada, with(w.yes(), "approved", false)},
	} {
		resp := w.post(t, c.by, c.body)
		if resp.StatusCode != http.StatusConflict || problem(t, resp).Code != upgrade.CodeConflict || w.sends != 1 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, resp.Body)
		}
	}
}

func TestACrashBetweenRecordAndSendIsRepairedByTheSamePerson(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	w.sendErr = errDown
	resp := w.post(t, ada, w.yes())
	if resp.StatusCode < 500 || strings.Contains(resp.Body, errDown.Error()) {
		t.Fatalf("%d %s", resp.StatusCode, resp.Body)
	}
	w.sendErr = nil
	if resp := w.post(t, bob, with(w.yes(), "approved", false)); resp.StatusCode != http.StatusConflict {
		t.Errorf("bob: %d %s", resp.StatusCode, resp.Body)
	}
	w.now.Advance(time.Minute)
	resp = w.post(t, ada, w.yes())
	if resp.StatusCode != http.StatusOK || len(w.outputs) != 1 || !strings.Contains(resp.Body, "2026-08-01T12:00:00Z") {
		t.Errorf("%d %s, %+v: want the first time", resp.StatusCode, resp.Body, w.outputs)
	}
}

func TestANewTaskTokenTakesTheRecordedAnswer(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	w.waiting = "" // the task failed, and the state machine is about to try again
	if resp := w.post(t, ada, w.yes()); resp.StatusCode != http.StatusConflict || !strings.Contains(resp.Body, "on record") {
		t.Fatalf("%d %s", resp.StatusCode, resp.Body)
	}
	w.ask(t, "task-2")
	if resp := w.post(t, ada, w.yes()); resp.StatusCode != http.StatusOK || len(w.outputs) != 1 {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
}

func TestEveryMessageOfAQuestionIsGood(t *testing.T) {
	w := newWorld(t)
	crash := true
	w.db.Before = func(op string) error {
		if op == "PutItem" && w.token != "" && crash { // the note that people were told
			crash = false
			return errDown
		}
		return nil
	}
	in := upgrade.ApproveInput{Action: upgrade.ApproveRequest, Run: w.run, PlanHash: w.plan.Hash, TaskToken: "task-1"}
	if _, err := w.approve.Handle(t.Context(), in); err == nil {
		t.Fatal("the crash was not noticed")
	}
	first := w.token
	w.ask(t, "task-2")
	if w.token == first {
		t.Fatal("a token was used twice")
	}
	if resp := w.post(t, ada, with(w.yes(), "token", first)); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
}

func TestOfTwoAnswersAtOnceOneWins(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		w.ask(t, "task-1")
		var all sync.WaitGroup
		statuses := make([]int, 2)
		for i, by := range []string{ada, bob} {
			all.Go(func() { statuses[i] = w.post(t, by, with(w.yes(), "approved", i == 0)).StatusCode })
		}
		all.Wait()
		if statuses[0]+statuses[1] != http.StatusOK+http.StatusConflict || len(w.outputs) != 1 {
			t.Fatalf("%v, %+v", statuses, w.outputs)
		}
		if winner := w.outputs[0].By; (winner == ada) != (statuses[0] == http.StatusOK) || (winner == ada) != w.outputs[0].Approved {
			t.Fatalf("%v, %+v", statuses, w.outputs)
		}
	}
}

// The task token alone proves nothing.
func TestAnOutputThatIsNotOnRecordIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		forged   upgrade.ApprovalAnswer
		answered bool
	}{
		"nobody answered":    {upgrade.ApprovalAnswer{Approved: true, By: ada}, false},
		"another person":     {upgrade.ApprovalAnswer{Approved: true, By: bob, Reason: "looks fine"}, true},
		"another reason":     {upgrade.ApprovalAnswer{Approved: true, By: ada, Reason: "whatever"}, true},
		"the other decision": {upgrade.ApprovalAnswer{By: ada, Reason: "looks fine"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(t, "task-1")
			if c.answered {
				w.post(t, ada, w.yes())
			}
			c.forged.PlanHash = w.plan.Hash
			out, err := w.approve.Handle(t.Context(), upgrade.ApproveInput{Action: upgrade.ApproveRedeem, Run: w.run, PlanHash: w.plan.Hash, Answer: &c.forged})
			if err != nil || out.Approved || !strings.Contains(out.Reason, "not the one that the approval API recorded") {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

func TestWhoApproves(t *testing.T) {
	iam := func(arn string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
		return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: arn}}
	}
	jwt := func(claims ...string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
		all := map[string]string{}
		for i := 0; i < len(claims); i += 2 {
			all[claims[i]] = claims[i+1]
		}
		return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: all}}
	}
	for name, c := range map[string]struct {
		who    *events.APIGatewayV2HTTPRequestContextAuthorizerDescription
		status int
		by     string
	}{
		"IAM role":                        {iam(ada), 200, ada},
		"another IAM role":                {iam(mallory), 403, ""},
		"a name that only begins alike":   {iam("x" + ada), 403, ""},
		"verified address":                {jwt("sub", "77", "email", "ada@example.com", "email_verified", "true"), 200, "ada@example.com"},
		"address that nobody verified":    {jwt("sub", "77", "email", "ada@example.com", "email_verified", "false"), 403, ""},
		"address without a word about it": {jwt("sub", "77", "email", "ada@example.com"), 403, ""},
		"session named like an address":   {iam("arn:aws:sts::123456789012:assumed-role/anybody/ada@example.com"), 403, ""},
		"another domain":                  {jwt("sub", "77", "email", "ada@example.com.evil.org", "email_verified", "true"), 403, ""},
		"subject that passes for an ARN":  {jwt("sub", ada), 401, ""},
		"no claims":                       {jwt(), 401, ""},
		"line breaks in the name":         {jwt("sub", "ada\nroot@example.com"), 401, ""},
		"neither":                         {&events.APIGatewayV2HTTPRequestContextAuthorizerDescription{}, 401, ""},
		"own authorizer's context":        {&events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: map[string]any{"userArn": ada, "sub": ada}}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(t, "task-1")
			body, err := json.Marshal(w.yes())
			if err != nil {
				t.Fatal(err)
			}
			r := request(answer.PostRoute, "", nil, string(body))
			r.RequestContext.Authorizer = c.who
			resp := w.call(t, r)
			if resp.StatusCode != c.status || (c.by != "") != (len(w.outputs) == 1) || c.by != "" && w.outputs[0].By != c.by {
				t.Errorf("%d %s, %+v", resp.StatusCode, resp.Body, w.outputs)
			}
		})
	}
}

func TestWithoutPatternsTheAPIDecidesWhoMay(t *testing.T) {
	w := newWorld(t)
	w.Approvers = nil
	w.ask(t, "task-1")
	if resp := w.post(t, mallory, w.yes()); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
}

func TestAForm(t *testing.T) {
	w := newWorld(t)
	w.ask(t, "task-1")
	form := url.Values{"token": {" " + w.token + "\n"}, "planHash": {w.plan.Hash}, "approved": {"true"}, "reason": {"read it\r\nall"}}
	resp := w.call(t, request(answer.PostRoute, ada, map[string]string{"content-type": "application/x-www-form-urlencoded; charset=utf-8", "accept": "text/html,*/*"}, form.Encode()))
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Body, "The upgrade was approved") || len(w.outputs) != 1 || w.outputs[0].Reason != "read it all" {
		t.Errorf("%d %s, %+v", resp.StatusCode, resp.Body, w.outputs)
	}
}

func FuzzHandle(f *testing.F) {
	w := newWorld(f)
	w.ask(f, "task-1")
	for _, r := range []events.APIGatewayV2HTTPRequest{
		request(answer.GetRoute, ada, nil, ""),
		request(answer.PostRoute, ada, nil, `{"token":"x","planHash":"y","approved":true}`),
		request(answer.PostRoute, ada, map[string]string{"content-type": "application/x-www-form-urlencoded"}, "token=a&planHash=b&approved=true"),
		request(answer.PostRoute, "", nil, ""),
	} {
		data, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"requestContext":{"authorizer":{"jwt":{"claims":{"sub":1}}}}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		resp, err := w.Handle(t.Context(), payload)
		if err != nil {
			t.Fatalf("whatever the caller sends is an answer, not an error: %v", err)
		}
		if resp.StatusCode < 200 || resp.StatusCode >= 500 || resp.Headers["cache-control"] != "no-store" {
			t.Errorf("%+v", resp)
		}
		if w.sends > 0 {
			t.Fatal("without the token something was sent")
		}
	})
}
