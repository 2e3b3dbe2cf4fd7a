package approval

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	maxSubject  = 100 // characters, ASCII. SNS API reference, Publish
	maxFindings = 20
	maxText     = 300 // characters of one finding
)

func refuse(format string, args ...any) (upgrade.ApproveOutput, error) {
	return upgrade.ApproveOutput{Reason: clean(fmt.Sprintf(format, args...))}, nil
}

func subject(p upgrade.Plan) string {
	s := fmt.Sprintf("Approve the upgrade of EKS cluster %s from %s to %s?", p.Cluster, p.From, p.Target)
	return s[:min(len(s), maxSubject)]
}

// message is what people read before they decide. Evidence comes from clusters
// and scanners and is not trusted: one line each, cut, without secrets.
func message(run upgrade.Run, p upgrade.Plan, a upgrade.Assessment, expires upgrade.Time, how string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Cluster %s: Kubernetes %s to %s, %s; the new cluster is %s.", p.Cluster, p.From, p.Target, p.Strategy, p.Green)
	line("Upgrade %s, plan %s.", run.ID, p.Hash)
	line("Decision: %s. %s", a.Decision, clean(a.Reason))
	line("\nFindings: %s.", count(a.Findings))
	for i, f := range a.Findings {
		if i == maxFindings {
			line("- and %d more, in the assessment (s3://%s/%s)", len(a.Findings)-i, p.Assessment.Bucket, p.Assessment.Key)
			break
		}
		line("- %s, %s: %s Remedy: %s", f.Severity, f.Check, clean(f.Evidence), clean(f.Remedy))
	}
	line("\nThe plan:")
	for i, s := range p.Steps {
		note := ""
		if s.NoReturn {
			note = " (point of no return)"
		}
		line("%2d. %s%s", i+1, clean(s.Title), note)
	}
	line("\nAnswer until %s; without an answer nothing is changed.", expires.Format(time.RFC3339))
	b.WriteString(how)
	return b.String()
}

// how says how to answer: by the approval API, or where there is none with the
// task token.
func (h *Handler) how(p Pending, token string) string {
	if h.URL == "" {
		return fmt.Sprintf(`To answer, fetch the task token, which only approvers may read, and send:

TOKEN=$(aws dynamodb get-item --table-name %s --key '{"upgrade":{"S":"%s"}}' --query Item.data.S --output text | jq -r .taskToken)
aws stepfunctions send-task-success --task-token "$TOKEN" --task-output '{"planHash":"%s","approved":true,"by":"YOUR NAME"}'

To refuse, send "approved":false and a "reason".
`, h.Questions.name, p.Upgrade, p.PlanHash)
	}
	// In the fragment, which is sent to nobody: not to the server's log, not to
	// the next page.
	return fmt.Sprintf(`To read and answer, open this link, or run the command and give it the link when it asks:

%s#token=%s
eks-upgrade approve --upgrade %s --url %s

The link is good for one answer to this plan, by people who may approve. Do not pass it on.
`, Link(h.URL, p.Upgrade), token, p.Upgrade, h.URL)
}

// Link is the address of a question.
func Link(base, upgradeID string) string {
	return strings.TrimSuffix(base, "/") + "/approvals/" + url.PathEscape(upgradeID)
}

func count(findings []upgrade.Finding) string {
	if len(findings) == 0 {
		return "none"
	}
	var parts []string
	for _, s := range []upgrade.Severity{upgrade.Critical, upgrade.High, upgrade.Medium, upgrade.Low, upgrade.Info} {
		n := 0
		for _, f := range findings {
			if f.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// clean makes one harmless line of a text.
func clean(text string) string { return logging.Line(text, maxText) }
