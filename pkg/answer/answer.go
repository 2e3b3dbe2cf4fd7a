package answer

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	maxReason       = 500     // characters of a reason that are kept
	maxLine         = 1000    // characters of a text that are shown
	maxFindingBytes = 4 << 20 // of all findings; Lambda's answers have at most 6 MB
)

// Question returns what is asked about an upgrade.
func (h *Handler) Question(ctx context.Context, id string) (Question, error) {
	p, found, err := h.Questions.Pending(ctx, id)
	switch {
	case err != nil:
		return Question{}, err
	case !found:
		return Question{}, refuse(http.StatusNotFound, upgrade.CodeNotFound, "upgrade", "this upgrade asks for no approval", "take the link from the message; the message comes when the plan is ready")
	}
	q := Question{Upgrade: p.Upgrade, PlanHash: p.PlanHash, ExpiresAt: p.ExpiresAt, State: h.state(p)}
	if p.Answer != nil {
		r := receipt(p)
		q.Answer = &r
	}
	if q.Plan, err = h.Documents.Plan(ctx, p.Plan); err != nil {
		return Question{}, err
	}
	if q.Plan.Hash != p.PlanHash {
		return Question{}, upgrade.KindPlanMismatch.Errorf("read the plan", "the stored plan is %.12s, not %.12s", q.Plan.Hash, p.PlanHash)
	}
	if q.Assessment, err = h.Documents.Assessment(ctx, p.Assessment); err != nil {
		return Question{}, err
	}
	q.Assessment, q.Omitted = shown(q.Assessment)
	return q, nil
}

func (h *Handler) state(p approval.Pending) State {
	switch {
	case p.Answer != nil && !p.Answer.SentAt.IsZero():
		return Answered
	case !h.Clock.Now().Before(p.ExpiresAt.Time):
		return Expired
	case p.Answer != nil:
		return Recorded
	}
	return Open
}

// shown returns an assessment that people may see, and how many findings were
// left out: its texts come from clusters and scanners, may hold secrets, and
// may be of any length.
func shown(a upgrade.Assessment) (_ upgrade.Assessment, omitted int) {
	a.Reason = line(a.Reason)
	size := 0
	findings := []upgrade.Finding{}
	for _, f := range a.Findings[:min(len(a.Findings), MaxFindings)] {
		f.Title, f.Evidence, f.Remedy = line(f.Title), line(f.Evidence), line(f.Remedy)
		text, err := json.Marshal(f)
		if size += len(text); err != nil || size > maxFindingBytes {
			break
		}
		findings = append(findings, f)
	}
	omitted = len(a.Findings) - len(findings)
	a.Findings = findings
	return a, omitted
}

// answer takes an answer that came by the API.
func (h *Handler) answer(ctx context.Context, id, by string, a Answer) (Receipt, error) {
	return h.give(ctx, id, func(p approval.Pending, found bool) (approval.Pending, error) {
		if !found {
			p.Tokens = []string{""} // compared all the same: it takes as long
		}
		if !p.Knows(a.Token) || !found { // nothing but a valid token learns more
			return p, refuse(http.StatusForbidden, upgrade.CodeApproval, "token", "the token opens nothing here",
				"take the link from the message about this very upgrade; eks-upgrade status says how far the upgrade is")
		}
		return h.record(p, by, a)
	})
}

// AnswerDirectly answers without the API and its token, for administrators: it
// needs the right to write to the approvals table and to resume executions. by
// is who they are, as STS says.
func (h *Handler) AnswerDirectly(ctx context.Context, id, by string, a Answer) (Receipt, error) {
	return h.give(ctx, id, func(p approval.Pending, found bool) (approval.Pending, error) {
		if !found {
			return p, refuse(http.StatusNotFound, upgrade.CodeNotFound, "upgrade", "this upgrade asks for no approval", "wait until the plan is ready: eks-upgrade status")
		}
		return h.record(p, by, a)
	})
}

// give records an answer, once and for all, and then resumes the execution.
// After a crash between the two the same person sends the same again.
func (h *Handler) give(ctx context.Context, id string, record func(approval.Pending, bool) (approval.Pending, error)) (Receipt, error) {
	p, err := h.Questions.Update(ctx, id, record)
	if err != nil {
		return Receipt{}, err
	}
	if !p.Answer.SentAt.IsZero() {
		return receipt(p), nil
	}
	if err := h.send(ctx, p); err != nil {
		return Receipt{}, err
	}
	_, err = h.Questions.Update(ctx, id, func(p approval.Pending, found bool) (approval.Pending, error) {
		if found && p.Answer != nil && p.Answer.SentAt.IsZero() {
			sent := *p.Answer
			sent.SentAt = upgrade.At(h.Clock.Now())
			p.Answer = &sent
		}
		return p, nil
	})
	if err != nil { // the execution has the answer: whoever gave it is told so
		logging.From(ctx).Warn().Str("cause", err.Error()).Msg("the answer was sent, but not that it was")
	}
	return receipt(p), nil
}

// record returns the question with the answer, or why it may not be answered
// so.
func (h *Handler) record(p approval.Pending, by string, a Answer) (approval.Pending, error) {
	if a.Approved == nil {
		return p, refuse(http.StatusBadRequest, upgrade.CodeInvalidRequest, "approved", "is missing", "say true or false: leaving it out is no answer")
	}
	if a.PlanHash != p.PlanHash {
		return p, refuse(http.StatusConflict, upgrade.CodePlanMismatch, "planHash", "this is another plan than the one that is asked about", "read the plan again and answer to that")
	}
	if old := p.Answer; old != nil {
		if old.By == by && old.Approved == *a.Approved {
			return p, nil // again; the first reason stays
		}
		return p, refuse(http.StatusConflict, upgrade.CodeConflict, "", "the question was answered by "+old.By+" ("+verb(old.Approved)+"), and one answer counts", "start a new upgrade to ask again")
	}
	if now := h.Clock.Now(); !now.Before(p.ExpiresAt.Time) {
		return p, refuse(http.StatusGone, upgrade.CodeApproval, "", "the question expired at "+p.ExpiresAt.UTC().Format(time.RFC3339)+"; nothing was changed", "start a new upgrade to ask again")
	}
	p.Answer = &approval.Given{Approved: *a.Approved, By: by, Reason: logging.Line(a.Reason, maxReason), At: upgrade.At(h.Clock.Now())}
	return p, nil
}

// send resumes the execution. A refusal is sent as a success of the task too:
// the redeem step then records who refused and why.
func (h *Handler) send(ctx context.Context, p approval.Pending) error {
	output, err := json.Marshal(p.Output())
	if err != nil {
		return upgrade.KindAPIUnreadable.Errorf("send the answer", "%w", err)
	}
	_, err = h.SFN.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &p.TaskToken, Output: aws.String(string(output))})
	if !awserr.Is(err, "TaskTimedOut", "TaskDoesNotExist", "InvalidToken") {
		return awserr.Wrap("send the answer", err)
	}
	// The same answer at the same time may have been faster.
	now, found, err := h.Questions.Pending(ctx, p.Upgrade)
	if err != nil || found && now.Answer != nil && !now.Answer.SentAt.IsZero() {
		return err
	}
	return refuse(http.StatusConflict, upgrade.CodeApproval, "", "your answer is on record, but the upgrade does not wait for it now: it has it already, it has ended, or it is about to ask again",
		"look with eks-upgrade status; if it still waits in a minute, send the same answer again")
}

func receipt(p approval.Pending) Receipt {
	return Receipt{Upgrade: p.Upgrade, PlanHash: p.PlanHash, Approved: p.Answer.Approved, By: p.Answer.By, Reason: p.Answer.Reason, At: p.Answer.At}
}

func verb(approved bool) string {
	if approved {
		return "approved"
	}
	return "refused"
}
