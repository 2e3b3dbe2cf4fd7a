// Package approval asks a person whether a plan may run, and checks the answer.
//
// # Threat model
//
// What must hold: a plan runs only after a person who may approve it said yes
// to exactly this plan, in time, once. Two things are asked for, and neither is
// enough: an identity, which API Gateway verifies (IAM or OIDC) and
// security.approvers narrows, and a token of 256 random bits, which the message
// about this one question carries.
//
//   - Somebody who reads messages has the token but no identity that may
//     approve. Somebody who may approve in general cannot answer what they were
//     not told of.
//   - Of the token only a digest is kept, bound to upgrade, plan and expiry: who
//     reads the table cannot answer by the API, and a digest that is copied to
//     another question opens nothing there. It travels in the fragment of a link,
//     which browsers send to nobody, and in the body of a POST; it stands in no
//     query, log or error.
//   - The task token resumes the execution whatever was answered, and it can be
//     read in more places than the table: in the execution's history, and in its
//     log if that has data. So where the API is used the task token proves
//     nothing: redeem takes an answer only if it is the one on record, which the
//     answer function wrote after all checks and before the expiry. Whoever
//     forges an output makes the upgrade end without a change; to make it go on
//     they must write to the approvals table, which the answer function, the
//     approve phase and the administrators of the account may.
//   - One answer is recorded, by a conditional write: of two at a time one wins,
//     and a different one is refused for good. It is recorded before the
//     execution is resumed; after a crash between the two the same person sends
//     the same again.
//   - Where no API is deployed (approval.url is empty) the task token is the
//     capability: it goes into the approvals table only, whose readers are then
//     the approvers, and whoever answers says themselves who they are.
//
// What it does not protect from: administrators of the account, and an
// identity provider that vouches for the wrong person.
package approval

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
)

// Documents reads what a person has to know.
type Documents interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
	Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error)
}

// Records keeps the answers.
type Records interface {
	PutApproval(ctx context.Context, a upgrade.ApprovalRecord) error
	UseApproval(ctx context.Context, upgradeID, planHash string, now time.Time) (upgrade.ApprovalRecord, error)
}

// Lease keeps the lease of a run that waits.
type Lease interface {
	Keep(ctx context.Context, run upgrade.Run, atLeast time.Duration) error
}

// SNS tells people.
type SNS interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Handler is the approve phase. All fields but Hook and URL are needed.
type Handler struct {
	Questions Questions
	Documents Documents
	Records   Records
	Lease     Lease
	SNS       SNS
	Hook      webhook.Hook // a chat that is told too; the zero one is none
	Topic     string       // ARN
	URL       string       // of the approval API; empty: there is none
	Clock     clock.Clock
}

// Handle asks a person or checks the answer. An answer that does not allow the
// plan to run is no error: the output says why. Errors mean that nothing is
// known, and the state machine then changes nothing either.
func (h *Handler) Handle(ctx context.Context, in upgrade.ApproveInput) (upgrade.ApproveOutput, error) {
	switch {
	case in.PlanHash == "":
		return upgrade.ApproveOutput{}, invalid("planHash", "is missing", "give the hash of the plan")
	case in.Action == upgrade.ApproveRequest && in.TaskToken == "":
		return upgrade.ApproveOutput{}, invalid("taskToken", "is missing", "invoke the function with .waitForTaskToken and pass the token")
	case in.Action == upgrade.ApproveRequest:
		return upgrade.ApproveOutput{}, h.ask(ctx, in)
	case in.Action == upgrade.ApproveRedeem && in.Answer == nil:
		return upgrade.ApproveOutput{}, invalid("answer", "is missing", "pass the output that was sent with the task token")
	case in.Action == upgrade.ApproveRedeem:
		return h.redeem(ctx, in)
	}
	return upgrade.ApproveOutput{}, invalid("action", `"`+string(in.Action)+`" is not known`, "use one of: request, redeem")
}

// ask writes the question down, then tells people, then notes that it did: a
// crash between the two tells them twice, never not at all.
func (h *Handler) ask(ctx context.Context, in upgrade.ApproveInput) error {
	plan, assessment, err := h.read(ctx, in)
	if err != nil {
		return err
	}
	timeout := in.Run.Request.Approval.Timeout.D()
	if err := h.Lease.Keep(ctx, in.Run, timeout); err != nil {
		return err
	}
	expires := upgrade.At(h.Clock.Now().Add(timeout))
	token := ""
	pending, err := h.Questions.Update(ctx, in.Run.ID, func(old Pending, found bool) (Pending, error) {
		if found && old.PlanHash != in.PlanHash {
			return old, upgrade.KindPlanMismatch.Errorf("ask for approval", "upgrade %s already asked for the approval of plan %.12s", in.Run.ID, old.PlanHash)
		}
		next := old // a retry: the task token may be new, the question is not
		if !found {
			next = Pending{Upgrade: in.Run.ID, PlanHash: in.PlanHash, ExpiresAt: expires}
		}
		next.Plan, next.Assessment, next.TaskToken = in.Plan, in.Assessment, in.TaskToken
		if h.URL != "" && next.AnnouncedAt.IsZero() { // a message may be on its way with the last one: both are good
			token = newToken()
			next.Tokens = append(slices.Clone(old.Tokens), next.digest(token))
		}
		return next, nil
	})
	if err != nil || !pending.AnnouncedAt.IsZero() {
		return err
	}
	text := message(in.Run, plan, assessment, pending.ExpiresAt, h.how(pending, token))
	_, err = h.SNS.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(h.Topic),
		Subject:  aws.String(subject(plan)),
		Message:  aws.String(text),
	})
	if err != nil {
		return awserr.Wrap("tell people about the approval", err)
	}
	h.Hook.Try(ctx, subject(plan), text)
	_, err = h.Questions.Update(ctx, in.Run.ID, func(p Pending, _ bool) (Pending, error) {
		p.AnnouncedAt = upgrade.At(h.Clock.Now())
		return p, nil
	})
	return err
}

func (h *Handler) read(ctx context.Context, in upgrade.ApproveInput) (upgrade.Plan, upgrade.Assessment, error) {
	plan, err := h.Documents.Plan(ctx, in.Plan)
	if err != nil {
		return upgrade.Plan{}, upgrade.Assessment{}, err
	}
	if plan.Hash != in.PlanHash || plan.Upgrade != in.Run.ID {
		return upgrade.Plan{}, upgrade.Assessment{}, upgrade.KindPlanMismatch.Errorf("ask for approval",
			"the stored plan is %.12s of upgrade %s, not %.12s of %s", plan.Hash, plan.Upgrade, in.PlanHash, in.Run.ID)
	}
	assessment, err := h.Documents.Assessment(ctx, in.Assessment)
	return plan, assessment, err
}

// redeem checks the answer, records it and uses it.
func (h *Handler) redeem(ctx context.Context, in upgrade.ApproveInput) (upgrade.ApproveOutput, error) {
	pending, found, err := h.Questions.Pending(ctx, in.Run.ID)
	if err != nil {
		return upgrade.ApproveOutput{}, err
	}
	answer := *in.Answer
	switch {
	case !found || pending.PlanHash != in.PlanHash:
		return upgrade.ApproveOutput{}, upgrade.KindNotAsked.Errorf("redeem approval", "nobody was asked to approve plan %.12s", in.PlanHash)
	case answer.By == "":
		return refuse("the answer does not say who gave it")
	case answer.PlanHash != in.PlanHash:
		return refuse("%s answered to another plan (%.12q instead of %.12q)", answer.By, answer.PlanHash, in.PlanHash)
	case pending.Proved() && (pending.Answer == nil || answer != pending.Output()):
		return refuse("the answer of %s is not the one that the approval API recorded", answer.By)
	case pending.Proved() && !pending.Answer.At.Before(pending.ExpiresAt.Time):
		return refuse("the answer of %s came after the question had expired at %s", answer.By, pending.ExpiresAt.Format(time.RFC3339))
	}
	record := upgrade.ApprovalRecord{Upgrade: in.Run.ID, PlanHash: in.PlanHash, Approved: answer.Approved, By: answer.By, Reason: answer.Reason, ExpiresAt: pending.ExpiresAt}
	if err := h.Records.PutApproval(ctx, record); err != nil {
		return upgrade.ApproveOutput{}, err
	}
	if !pending.AnnouncedAt.IsZero() {
		metrics.From(ctx).Add(metrics.ApprovalWait, answeredAt(pending, h.Clock).Sub(pending.AnnouncedAt.Time).Seconds(), nil)
	}
	if !answer.Approved {
		if answer.Reason == "" {
			return refuse("%s said no", answer.By)
		}
		return refuse("%s said no: %s", answer.By, answer.Reason)
	}
	_, err = h.Records.UseApproval(ctx, in.Run.ID, in.PlanHash, h.Clock.Now())
	if upgrade.CodeOf(err) == upgrade.CodeApproval {
		return refuse("%s", err)
	}
	if err != nil {
		return upgrade.ApproveOutput{}, err
	}
	return upgrade.ApproveOutput{Approved: true, Reason: "approved by " + answer.By}, nil
}

// answeredAt is when the person answered, as far as is known.
func answeredAt(p Pending, c clock.Clock) time.Time {
	if p.Answer != nil {
		return p.Answer.At.Time
	}
	return c.Now()
}

func invalid(field, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("approve", field, message, remedy)
}
