package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
)

// tokenVariable holds the token for those who cannot type it: arguments are in
// the shell's history, and every process sees them.
const tokenVariable = "EKS_UPGRADE_APPROVAL_TOKEN"

// approveFlags are the flags of approve.
type approveFlags struct {
	upgrade, url, stack, table, reason, output string
	direct, deny, yes                          bool
}

// answers is a way to read a question and to answer it.
type answers interface {
	Question(ctx context.Context, id string) (answer.Question, error)
	Answer(ctx context.Context, id string, a answer.Answer) (answer.Receipt, error)
}

func (a *app) approveCommand() *cobra.Command {
	var f approveFlags
	c := &cobra.Command{
		Use:   "approve --upgrade ID",
		Short: "Read the plan of an upgrade that waits for approval, and answer",
		Long: `Show what an upgrade of the deployed agent asks approval for, ask, and answer.

Who answers is known by AWS credentials, with which the request is signed, or by
a bearer token of an identity provider in ` + agentapi.BearerVariable + `. The token
that the message about the question carries is asked for, or taken from
` + tokenVariable + `; the whole link will do.

The address is that of the stack's output ` + access.ApprovalOutput + `; --url gives another one.

--direct answers without the API, for administrators: it needs the right to
write to the approvals table and to resume executions, and no token.

Exit codes:
  0    answered
  1    not answered: refused, expired, answered by somebody else
  2    bad input
  130  interrupted; nothing was answered`,
		Example: `  eks-upgrade approve --upgrade shop-1-35-20260801
  eks-upgrade approve --upgrade shop-1-35-20260801 --deny --reason "not on a Friday"
  eks-upgrade approve --upgrade shop-1-35-20260801 --direct`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.approve(c.Context(), f) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.upgrade, "upgrade", "", "id of the upgrade")
	flags.StringVar(&f.url, "url", "", "address of the approval API (default: the stack's output)")
	flags.StringVar(&f.stack, "stack", access.Stack, "name of the agent's stack")
	flags.BoolVar(&f.deny, "deny", false, "refuse instead of asking")
	flags.BoolVar(&f.yes, "yes", false, "approve instead of asking")
	flags.StringVar(&f.reason, "reason", "", "why; it is recorded")
	flags.BoolVar(&f.direct, "direct", false, "answer without the API, by the table and Step Functions")
	flags.StringVar(&f.table, "approvals-table", access.Approvals, "with --direct: DynamoDB table of the questions")
	addOutputFlag(c, &f.output)
	return c
}

func (f approveFlags) check() error {
	switch {
	case f.upgrade == "":
		return usage("--upgrade", "is missing", "give the id of the upgrade, as the message says it")
	case f.deny && f.yes:
		return usage("--deny", "contradicts --yes", "give one of them")
	case f.direct && f.url != "":
		return usage("--direct", "contradicts --url", "give one of them")
	}
	if err := executions.CheckName(f.upgrade); err != nil {
		return err
	}
	return checkOutput(f.output)
}

func (a *app) approve(ctx context.Context, f approveFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if !f.deny && !f.yes && !a.terminal(a.stdin) {
		return usage("--yes", "nobody can be asked, because the input is no terminal", "say --yes or --deny, or answer on a terminal")
	}
	if !f.direct && os.Getenv(tokenVariable) == "" && !a.terminal(a.stdin) {
		return usage(tokenVariable, "is not set, and the input is no terminal", "put the token of the message there")
	}
	a.started = true
	way, err := a.wayToAnswer(ctx, f)
	if err != nil {
		return err
	}
	q, err := way.Question(ctx, f.upgrade)
	if err != nil {
		return err
	}
	screen := a.stdout // with --output json the standard output has the receipt only
	if f.output == outputJSON {
		screen = a.stderr
	}
	if _, err := io.WriteString(screen, approvalText(Approval{Upgrade: q.Upgrade, PlanHash: q.PlanHash, Plan: q.Plan, Assessment: q.Assessment, ExpiresAt: q.ExpiresAt.Time}, widthOf(screen), "it is "+a.clock.Now().UTC().Format("15:04")+" now")); err != nil {
		return err
	}
	if q.Omitted > 0 {
		fmt.Fprintf(screen, "%d more findings are in the assessment only.\n", q.Omitted)
	}
	if err := answerable(q); err != nil {
		return err
	}
	reply, err := a.reply(ctx, f, q, screen)
	if err != nil {
		return err
	}
	receipt, err := way.Answer(ctx, f.upgrade, reply)
	if err != nil {
		return err
	}
	return a.show(f.output, receipt, func(w io.Writer) error {
		verb := "Refused"
		if receipt.Approved {
			verb = "Approved"
		}
		_, err := fmt.Fprintf(w, "%s by %s. Follow it: eks-upgrade watch %s\n", verb, progress.Clean(receipt.By), progress.Clean(receipt.Upgrade))
		return err
	})
}

func answerable(q answer.Question) error {
	switch {
	case q.State == answer.Expired:
		return &upgrade.Error{Code: upgrade.CodeApproval, Message: "the question has expired; nothing was changed", Remedy: "start a new upgrade to ask again"}
	case q.State == answer.Answered && q.Answer != nil:
		return &upgrade.Error{Code: upgrade.CodeConflict, Message: fmt.Sprintf("it was answered by %s (approved: %t)", q.Answer.By, q.Answer.Approved), Remedy: "follow it: eks-upgrade watch " + q.Upgrade}
	}
	return nil
}

// reply asks whoever sits at the terminal, for a decision and for the token.
func (a *app) reply(ctx context.Context, f approveFlags, q answer.Question, screen io.Writer) (answer.Answer, error) {
	approved := f.yes
	r := answer.Answer{PlanHash: q.PlanHash, Approved: &approved, Reason: f.reason}
	if !f.yes && !f.deny {
		line, open, err := a.askLine(ctx, screen, "Approve? [y/N] ")
		if err != nil {
			return r, err
		}
		if approved, _ = readAnswer(line, open); !approved { // no yes is not yet a no, which others would have to live with
			return r, &upgrade.Error{Code: upgrade.CodeApproval, Message: "nothing was answered", Remedy: "say y to approve, or give --deny to refuse"}
		}
	}
	if f.direct {
		return r, nil
	}
	token := os.Getenv(tokenVariable)
	if token == "" {
		var err error
		if token, err = a.askSecret(ctx, screen, "Token or link of the message (it does not show): "); err != nil {
			return r, err
		}
	}
	r.Token = tokenOf(token)
	if r.Token == "" {
		return r, usage("token", "is missing", "paste the link of the message, or set "+tokenVariable)
	}
	return r, nil
}

// tokenOf returns the token of a link, or what is one itself.
func tokenOf(text string) string {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && strings.HasPrefix(u.Fragment, "token=") {
		return strings.TrimPrefix(u.Fragment, "token=")
	}
	return text
}

// askLine asks for one line. What was typed before the question does not answer
// it.
func (a *app) askLine(ctx context.Context, out io.Writer, prompt string) (line string, open bool, err error) {
	if err := live.DropTyped(a.stdin); err != nil {
		return "", false, err
	}
	if _, err := io.WriteString(out, prompt); err != nil {
		return "", false, err
	}
	select {
	case line, open = <-readLine(a.stdin):
		return line, open, nil
	case <-ctx.Done():
		fmt.Fprintln(out)
		return "", false, context.Cause(ctx)
	}
}

// askSecret asks for one line, which the terminal does not show: people share
// their screens, and terminals keep what was on them.
func (a *app) askSecret(ctx context.Context, out io.Writer, prompt string) (string, error) {
	show := live.HideKeys(a.stdin)
	defer show()
	line, _, err := a.askLine(ctx, out, prompt)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintln(out) // the typed end of the line did not show either
	return line, err
}

// wayToAnswer is the API, or the table and Step Functions.
func (a *app) wayToAnswer(ctx context.Context, f approveFlags) (answers, error) {
	cfg, err := a.aws(ctx)
	if err != nil {
		return nil, err
	}
	if f.direct {
		return a.direct(ctx, cfg, f)
	}
	address, err := addressOf(ctx, cfg, f.url, f.stack, access.ApprovalOutput)
	if err != nil {
		return nil, err
	}
	return agentapi.Approvals{URL: address, Auth: a.auth(cfg)}, nil
}

func (a *app) auth(cfg aws.Config) agentapi.Auth {
	return agentapi.Auth{Bearer: os.Getenv(agentapi.BearerVariable), AWS: cfg, Clock: a.clock}
}

// addressOf returns the address that was given, or else the stack's.
func addressOf(ctx context.Context, cfg aws.Config, given, stack, output string) (string, error) {
	if given != "" {
		return given, nil
	}
	return agentapi.Output(ctx, cloudformation.NewFromConfig(cfg), stack, output)
}

// direct is the way of administrators.
type direct struct {
	cfg     aws.Config
	handler answer.Handler
	by      string
}

func (a *app) direct(ctx context.Context, cfg aws.Config, f approveFlags) (answers, error) {
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, awserr.Wrap("find out who you are", err)
	}
	return direct{cfg: cfg, by: aws.ToString(who.Arn), handler: answer.Handler{Questions: approval.NewQuestions(dynamodb.NewFromConfig(cfg), f.table), SFN: sfn.NewFromConfig(cfg), Clock: a.clock}}, nil
}

// Question implements answers. The documents are in the bucket that the
// question itself names.
func (d direct) Question(ctx context.Context, id string) (answer.Question, error) {
	p, _, err := d.handler.Questions.Pending(ctx, id)
	if err != nil {
		return answer.Question{}, err
	}
	d.handler.Documents = documents.Store{Store: artifacts.New(awsclient.S3(d.cfg), p.Plan.Bucket)}
	return d.handler.Question(ctx, id)
}

// Answer implements answers.
func (d direct) Answer(ctx context.Context, id string, a answer.Answer) (answer.Receipt, error) {
	return d.handler.AnswerDirectly(ctx, id, d.by, a)
}
