package apis_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (s *stage) approvals() agentapi.Approvals {
	return agentapi.Approvals{URL: s.config.Approval.URL, Auth: s.auth()}
}

func answerOf(q answer.Question, token string, approved bool) answer.Answer {
	return answer.Answer{Token: token, PlanHash: q.PlanHash, Approved: &approved, Reason: "read it"}
}

func TestAnAnswerOverHTTPResumesTheUpgrade(t *testing.T) {
	for name, c := range map[string]struct {
		approved bool
		status   types.ExecutionStatus
		says     string
	}{
		"approved": {true, types.ExecutionStatusSucceeded, "approved by arn:aws:"},
		"refused":  {false, types.ExecutionStatusFailed, "said no: read it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			token := s.ask()
			q, err := s.approvals().Question(t.Context(), id)
			must(t, err)
			if q.State != answer.Open || q.PlanHash != s.plan.Hash || len(q.Assessment.Findings) != 1 || q.Plan.Steps[0].Title != "Look <at> it" {
				t.Errorf("%+v", q)
			}
			receipt, err := s.approvals().Answer(t.Context(), id, answerOf(q, token, c.approved))
			must(t, err)
			if receipt.Approved != c.approved || !strings.HasPrefix(receipt.By, "arn:aws:") {
				t.Errorf("%+v", receipt)
			}
			s.eventually("the execution ends", func() bool { return s.execution().Status != types.ExecutionStatusRunning })
			e := s.execution()
			if text := aws.ToString(e.Output) + aws.ToString(e.Cause); e.Status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s: %s", e.Status, text)
			}
			again, err := s.approvals().Answer(t.Context(), id, answerOf(q, token, c.approved))
			if err != nil || again != receipt {
				t.Errorf("the same again: %+v, %v", again, err)
			}
			if _, err := s.approvals().Answer(t.Context(), id, answerOf(q, token, !c.approved)); upgrade.CodeOf(err) != upgrade.CodeConflict {
				t.Errorf("another answer: %v", err)
			}
			if strings.Contains(s.log.String(), token) {
				t.Error("the token is in the log")
			}
		})
	}
}

func TestOfTwoAnswersOverHTTPAtOnceOneWins(t *testing.T) {
	s := newStage(t)
	token := s.ask()
	q, err := s.approvals().Question(t.Context(), id)
	must(t, err)
	var all sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		all.Go(func() { _, errs[i] = s.approvals().Answer(t.Context(), id, answerOf(q, token, i == 0)) })
	}
	all.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("%v, %v", errs[0], errs[1])
	}
	s.eventually("the execution ends", func() bool { return s.execution().Status != types.ExecutionStatusRunning })
	if got := s.execution().Status; (got == types.ExecutionStatusSucceeded) != (errs[0] == nil) {
		t.Errorf("the execution is %s, and the errors are %v, %v", got, errs[0], errs[1])
	}
}

// Whoever got hold of the task token makes the upgrade end, and no more.
func TestTheTaskTokenAloneApprovesNothing(t *testing.T) {
	s := newStage(t)
	s.ask()
	pending, _, err := approval.NewQuestions(dynamodb.NewFromConfig(s.cfg), s.config.Tables.Approvals).Pending(t.Context(), id)
	must(t, err)
	output, err := json.Marshal(upgrade.ApprovalAnswer{PlanHash: s.plan.Hash, Approved: true, By: "the boss"})
	must(t, err)
	_, err = sfn.NewFromConfig(s.cfg).SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &pending.TaskToken, Output: aws.String(string(output))})
	must(t, err)
	s.eventually("the execution ends", func() bool { return s.execution().Status != types.ExecutionStatusRunning })
	if e := s.execution(); e.Status != types.ExecutionStatusFailed || !strings.Contains(aws.ToString(e.Cause), "not the one that the approval API recorded") {
		t.Errorf("%s: %s", e.Status, aws.ToString(e.Cause))
	}
}

func TestAnUnsignedRequestReachesNothing(t *testing.T) {
	s := newStage(t)
	token := s.ask()
	body, err := json.Marshal(map[string]any{"token": token, "planHash": s.plan.Hash, "approved": true})
	must(t, err)
	for name, call := range map[string]func() (*http.Response, error){
		"read": func() (*http.Response, error) { return http.Get(approval.Link(s.config.Approval.URL, id)) },
		"answer": func() (*http.Response, error) {
			return http.Post(approval.Link(s.config.Approval.URL, id), "application/json", bytes.NewReader(body))
		},
		"form": func() (*http.Response, error) {
			return http.PostForm(approval.Link(s.config.Approval.URL, id), url.Values{"token": {token}, "planHash": {s.plan.Hash}, "approved": {"true"}})
		},
	} {
		resp, err := call()
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.Body.Close(); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	if got := s.execution().Status; got != types.ExecutionStatusRunning {
		t.Errorf("the execution is %s", got)
	}
}

// environment lets the command line find the simulated AWS.
func (s *stage) environment() {
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.world.URL(), "AWS_REGION": s.cfg.Region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "HOME": s.t.TempDir()} {
		s.t.Setenv(name, value)
	}
}

func (s *stage) run(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = cli.Run(s.t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestApproveOnTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		token  func(link, token string) string
		code   int
		out    []string
		status types.ExecutionStatus
	}{
		"by the API":              {[]string{"--yes", "--reason", "read it"}, func(_, token string) string { return token }, 0, []string{"Approval of upgrade shop-135", "An API goes away", " 1. Look <at> it", "Approved by arn:aws:", "eks-upgrade watch shop-135"}, types.ExecutionStatusSucceeded},
		"with the link":           {[]string{"--yes"}, func(link, _ string) string { return link }, 0, []string{"Approved by"}, types.ExecutionStatusSucceeded},
		"a refusal":               {[]string{"--deny", "--reason", "not on a Friday"}, func(_, token string) string { return token }, 0, []string{"Refused by"}, types.ExecutionStatusFailed},
		"as JSON":                 {[]string{"--yes", "--output", "json"}, func(_, token string) string { return token }, 0, []string{`"approved": true`}, types.ExecutionStatusSucceeded},
		"directly":                {[]string{"--yes", "--direct"}, nil, 0, []string{"An API goes away", "Approved by arn:aws:"}, types.ExecutionStatusSucceeded},
		"with a wrong token":      {[]string{"--yes"}, func(string, string) string { return "eksup_wrong" }, 1, []string{"the token opens nothing here"}, types.ExecutionStatusRunning},
		"where nobody can answer": {nil, func(_, token string) string { return token }, 2, []string{"say --yes or --deny"}, types.ExecutionStatusRunning},
		"without a token":         {[]string{"--yes"}, nil, 2, []string{"EKS_UPGRADE_APPROVAL_TOKEN"}, types.ExecutionStatusRunning},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.environment()
			token := s.ask()
			t.Setenv("EKS_UPGRADE_APPROVAL_TOKEN", "")
			if c.token != nil {
				t.Setenv("EKS_UPGRADE_APPROVAL_TOKEN", c.token(approval.Link(s.config.Approval.URL, id)+"#token="+token, token))
			}
			args := append([]string{"approve", "--upgrade", id}, c.args...)
			if !strings.Contains(strings.Join(args, " "), "--direct") {
				args = append(args, "--url", s.config.Approval.URL)
			}
			code, out, errs := s.run(args...)
			if code != c.code {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
			for _, want := range c.out {
				if !strings.Contains(out+errs, want) {
					t.Errorf("%q is not in\n%s%s", want, out, errs)
				}
			}
			if strings.Contains(out+errs, token) || strings.Contains(out, "\x1b[2J") {
				t.Errorf("what must not be printed is in %q", out+errs)
			}
			if c.status != types.ExecutionStatusRunning {
				s.eventually("the execution ends", func() bool { return s.execution().Status != types.ExecutionStatusRunning })
			}
			if e := s.execution(); e.Status != c.status {
				t.Errorf("%s: %s", e.Status, aws.ToString(e.Cause))
			}
		})
	}
}
