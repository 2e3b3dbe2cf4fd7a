// Package approval asks a person whether a plan may run, and checks the answer.
//
// The task token that resumes the execution is a capability: whoever has it can
// answer. It goes into the approvals table only, whose readers are the
// approvers; the message to people says how to get it there.
package approval

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Pending is a question that waits for its answer: the document of the
// approvals table, whose string key is "upgrade".
type Pending struct {
	Upgrade     string       `json:"upgrade"`
	PlanHash    string       `json:"planHash"`
	TaskToken   string       `json:"taskToken"`
	ExpiresAt   upgrade.Time `json:"expiresAt"`
	AnnouncedAt upgrade.Time `json:"announcedAt,omitzero"` // people were told
}

// Questions is the table of pending approvals.
type Questions struct {
	table table.Table
	name  string
}

// NewQuestions returns the pending approvals in the DynamoDB table of that name.
func NewQuestions(api table.API, name string) Questions {
	return Questions{table: table.New(api, name), name: name}
}

// Pending returns the question of an upgrade.
func (q Questions) Pending(ctx context.Context, upgradeID string) (p Pending, found bool, err error) {
	p, version, err := table.Get[Pending](ctx, q.table, questionKey(upgradeID))
	return p, version > 0, err
}

func questionKey(upgradeID string) table.Key { return table.Key{"upgrade": upgradeID} }

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

// Handler is the approve phase. All fields are needed.
type Handler struct {
	Questions Questions
	Documents Documents
	Records   Records
	Lease     Lease
	SNS       SNS
	Topic     string // ARN
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
	pending, err := h.note(ctx, in.Run.ID, func(old Pending, found bool) (Pending, error) {
		next := Pending{Upgrade: in.Run.ID, PlanHash: in.PlanHash, TaskToken: in.TaskToken, ExpiresAt: expires}
		if found && old.PlanHash != in.PlanHash {
			return old, upgrade.Errorf(upgrade.CodePlanMismatch, "ask for approval", "upgrade %s already asked for the approval of plan %.12s", in.Run.ID, old.PlanHash)
		}
		if found { // a retry: the token may be new, the question is not
			next.ExpiresAt, next.AnnouncedAt = old.ExpiresAt, old.AnnouncedAt
		}
		return next, nil
	})
	if err != nil || !pending.AnnouncedAt.IsZero() {
		return err
	}
	_, err = h.SNS.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(h.Topic),
		Subject:  aws.String(subject(plan)),
		Message:  aws.String(message(in.Run, plan, assessment, pending.ExpiresAt, h.Questions.name)),
	})
	if err != nil {
		return awserr.Wrap("tell people about the approval", err)
	}
	_, err = h.note(ctx, in.Run.ID, func(p Pending, _ bool) (Pending, error) {
		p.AnnouncedAt = upgrade.At(h.Clock.Now())
		return p, nil
	})
	return err
}

func (h *Handler) note(ctx context.Context, upgradeID string, change func(Pending, bool) (Pending, error)) (Pending, error) {
	return table.Update(ctx, h.Questions.table, questionKey(upgradeID), func(old Pending, found bool) (Pending, bool, error) {
		next, err := change(old, found)
		return next, next != old, err
	})
}

func (h *Handler) read(ctx context.Context, in upgrade.ApproveInput) (upgrade.Plan, upgrade.Assessment, error) {
	plan, err := h.Documents.Plan(ctx, in.Plan)
	if err != nil {
		return upgrade.Plan{}, upgrade.Assessment{}, err
	}
	if plan.Hash != in.PlanHash || plan.Upgrade != in.Run.ID {
		return upgrade.Plan{}, upgrade.Assessment{}, upgrade.Errorf(upgrade.CodePlanMismatch, "ask for approval",
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
		return upgrade.ApproveOutput{}, upgrade.Errorf(upgrade.CodeApproval, "redeem approval", "nobody was asked to approve plan %.12s", in.PlanHash)
	case answer.By == "":
		return refuse("the answer does not say who gave it")
	case answer.PlanHash != in.PlanHash:
		return refuse("%s answered to another plan (%.12q instead of %.12q)", answer.By, answer.PlanHash, in.PlanHash)
	}
	record := upgrade.ApprovalRecord{Upgrade: in.Run.ID, PlanHash: in.PlanHash, Approved: answer.Approved, By: answer.By, Reason: answer.Reason, ExpiresAt: pending.ExpiresAt}
	if err := h.Records.PutApproval(ctx, record); err != nil {
		return upgrade.ApproveOutput{}, err
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

func invalid(field, message, remedy string) error {
	return &upgrade.Error{Code: upgrade.CodeInvalidRequest, Op: "approve", Field: field, Message: message, Remedy: remedy}
}
