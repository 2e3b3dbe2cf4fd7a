package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/user"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// minTextWidth is the narrowest that text is wrapped to.
const minTextWidth = 30

// suspender is a renderer that can leave the terminal to a prompt.
type suspender interface {
	Suspend()
	Resume()
}

// approver returns how approvals are answered: by --yes, or by the person at
// the terminal.
func (a *app) approver(yes bool, renderer progress.Renderer) func(context.Context, Approval) (upgrade.ApprovalAnswer, error) {
	if yes {
		return func(_ context.Context, asked Approval) (upgrade.ApprovalAnswer, error) {
			return upgrade.ApprovalAnswer{PlanHash: asked.PlanHash, Approved: true, By: userName(), Reason: "--yes"}, nil
		}
	}
	out := a.stdout
	if !a.terminal(out) {
		out = a.stderr
	}
	return func(ctx context.Context, asked Approval) (upgrade.ApprovalAnswer, error) {
		if s, ok := renderer.(suspender); ok {
			s.Suspend()
			defer s.Resume()
		}
		if err := live.DropTyped(a.stdin); err != nil {
			return upgrade.ApprovalAnswer{}, err
		}
		typed := readLine(a.stdin)
		answer := upgrade.ApprovalAnswer{PlanHash: asked.PlanHash, By: userName()}
		if _, err := io.WriteString(out, approvalText(asked, widthOf(out), "the upgrade's own time")+"Approve? [y/N] "); err != nil {
			return answer, err
		}
		select {
		case line, open := <-typed:
			answer.Approved, answer.Reason = readAnswer(line, open)
			return answer, nil
		case <-ctx.Done():
			fmt.Fprintln(out)
			return answer, context.Cause(ctx)
		}
	}
}

// readAnswer takes nothing but a clear yes for a yes.
func readAnswer(line string, open bool) (approved bool, reason string) {
	switch answer := strings.ToLower(strings.TrimSpace(line)); {
	case answer == "y" || answer == "yes":
		return true, "approved on the terminal"
	case !open:
		return false, "the input ended without an answer"
	default:
		return false, "declined on the terminal"
	}
}

// readLine reads one line. Reading cannot be interrupted, so it has a goroutine
// of its own, which ends with the line, the input or the program.
func readLine(in io.Reader) <-chan string {
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		if scanner := bufio.NewScanner(in); scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// approvalText is the question, with lines of at most width columns: what goes
// over one goes on below, indented as far. clock says whose time the expiry is.
func approvalText(asked Approval, width int, clock string) string {
	plan, assessment := asked.Plan, asked.Assessment
	var b strings.Builder
	line := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		body := strings.TrimLeft(text, " ")
		indent := strings.Repeat(" ", len(text)-len(body))
		b.WriteString(indent + strings.ReplaceAll(ansi.Wrap(body, max(width-len(indent), minTextWidth), " "), "\n", "\n"+indent) + "\n")
	}
	line("")
	line("Approval of upgrade %s", progress.Clean(asked.Upgrade))
	line("  %s from %s to %s, %s, new cluster %s", progress.Clean(plan.Cluster), plan.From, plan.Target, progress.Words(string(plan.Strategy)), progress.Clean(plan.Green))
	line("  Decision: %s: %s", progress.Words(string(assessment.Decision)), progress.Clean(assessment.Reason))
	line("")
	line("Findings: %d", len(assessment.Findings))
	for _, f := range report.Digest(assessment.Findings) {
		object := ""
		if f.Object != nil {
			object = ", " + f.Object.String()
		}
		if f.More > 0 {
			object += fmt.Sprintf(" and %d more", f.More)
		}
		line("  %-8s %s", f.Severity, progress.Clean(f.Check+": "+f.Title+object))
		line("           %s", progress.Clean(f.Evidence))
		line("           -> %s", progress.Clean(f.Remedy))
	}
	line("")
	line("Plan %.12s, %d steps:", asked.PlanHash, len(plan.Steps))
	for i, s := range plan.Steps {
		if s.NoReturn {
			line("  --- point of no return: after step %d nothing before it can be rolled back ---", i+1)
		}
		line("  %2d. %s%s", i+1, progress.Clean(s.Title), bakeText(s))
	}
	line("")
	if !asked.ExpiresAt.IsZero() {
		line("Without an answer by %s (%s) nothing is changed.", asked.ExpiresAt.UTC().Format("2006-01-02 15:04:05 MST"), clock)
	}
	return b.String()
}

func bakeText(s upgrade.Step) string {
	if s.Bake <= 0 {
		return ""
	}
	return fmt.Sprintf(" (then %s of observation)", progress.Span(s.Bake.D()))
}

// userName is who answers, as the operating system knows them.
func userName() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "unknown user"
	}
	return u.Username
}
