package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS refreshes insights once a day.
const (
	refreshedDaily = 24 * time.Hour
	maxInsightAge  = 2 * refreshedDaily
)

const (
	insightsPage = "https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html"
	refreshAgain = "aws eks start-insights-refresh --cluster-name "
)

var insightChecks = []Check{
	{ID: "eks-insights", Family: ControlPlane, Title: "EKS upgrade insight does not pass", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSInsights}, Remedy: "do what the insight recommends, then refresh it: aws eks start-insights-refresh",
		Source: insightsPage, run: eksInsights},
	{ID: "eks-rollback-insights", Family: ControlPlane, Title: "EKS rollback insight does not pass", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSInsights}, Remedy: "do what the insight recommends, then refresh it: aws eks start-insights-refresh",
		Source: insightsPage, run: rollbackInsights},
	{ID: "eks-insights-fresh", Family: ControlPlane, Title: "EKS's insights were not refreshed before they were read", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSInsights}, Source: insightsPage,
		Remedy: "allow eks:StartInsightsRefresh and eks:DescribeInsightsRefresh, and look again", run: insightsFresh},
}

// eksInsights passes only what EKS calls PASSING and has looked at lately.
func eksInsights(v View, c Check) []upgrade.Finding {
	hops := v.hops()
	var out []upgrade.Finding
	judged := 0
	for _, i := range v.AWS.Insights {
		if i.Category == rollbackReadiness || i.Version != (upgrade.Version{}) && !slices.Contains(hops, i.Version) {
			continue // about something else
		}
		judged++
		evidence := insightEvidence(i)
		refresh := "then refresh it: " + refreshAgain + v.Request.Cluster + " (an insight can outlive its cause by 30 days)"
		switch i.Status {
		case "PASSING":
			if age := v.Now.Sub(i.RefreshedAt.Time); age > maxInsightAge {
				out = append(out, at(c.unseen(fmt.Sprintf("%s passed %s ago and was not looked at since", i.Name, age.Round(time.Hour)), "refresh it: "+refreshAgain+v.Request.Cluster), upgrade.Medium))
			}
		case "ERROR":
			f := c.blocking(evidence, recommended(i)+", "+refresh)
			if last, yes := quiet(i, v.Now); yes {
				f = at(unblocked(f), upgrade.High)
				f.Evidence += fmt.Sprintf("; nobody has asked since %s: fixed, as far as clients go that ask once a week, and the insight clears on %s", last.Format(time.DateOnly), last.Add(remembered).Format(time.DateOnly))
			}
			out = append(out, f)
		case "WARNING":
			out = append(out, at(c.finding(evidence, recommended(i)+", "+refresh), upgrade.Medium))
		default:
			out = append(out, at(c.unseen(evidence, "find out why EKS cannot tell, "+refresh), upgrade.High))
		}
	}
	if judged == 0 {
		out = append(out, at(c.unseen(fmt.Sprintf("EKS has no insight about %s", versionsText(hops)), "refresh them: "+refreshAgain+v.Request.Cluster), upgrade.Medium))
	}
	return out
}

// remembered is for how long EKS looks back at requests: 30 days of the audit
// log. Source: https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html
const remembered = 30 * 24 * time.Hour

// quiet returns the last request of an insight of deprecated APIs when it is more
// than a week past: weekly jobs have then had their turn.
func quiet(i upgrade.Insight, now time.Time) (last time.Time, yes bool) {
	for _, d := range i.Deprecations {
		if len(d.Clients) == 0 {
			return last, false // who asks is not known
		}
		for _, c := range d.Clients {
			if c.LastRequest.IsZero() {
				return last, false
			}
			if c.LastRequest.After(last) {
				last = c.LastRequest.Time
			}
		}
	}
	return last, !last.IsZero() && now.Sub(last) > 8*24*time.Hour
}

const rollbackReadiness = "ROLLBACK_READINESS"

// rollbackInsights are there while the control plane could still go back to the
// version that it came from: until then, what fails closes the way.
func rollbackInsights(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, i := range v.AWS.Insights {
		if i.Category != rollbackReadiness || i.Status == "PASSING" {
			continue
		}
		f := c.found(v, "the last upgrade could not be rolled back to "+i.Version.String()+": "+insightEvidence(i))
		f.Remedy = recommended(i) + ", then refresh it: " + refreshAgain + v.Request.Cluster
		if i.Status != "ERROR" {
			f.Severity = upgrade.Low
		}
		f.NotChecked = i.Status != "ERROR" && i.Status != "WARNING"
		out = append(out, f)
	}
	return out
}

func insightEvidence(i upgrade.Insight) string {
	s := fmt.Sprintf("%s is %s, seen at %s: %s", i.Name, i.Status, i.RefreshedAt.Format(time.RFC3339), i.Reason)
	var more []string
	for _, d := range i.Deprecations {
		text := d.Usage
		if d.StopServing != (upgrade.Version{}) {
			text += " (gone in " + d.StopServing.String() + ")"
		}
		var clients []string
		for _, k := range d.Clients {
			clients = append(clients, fmt.Sprintf("%s: %d requests in 30 days, last at %s", k.UserAgent, k.Requests30Days, k.LastRequest.Format("2006-01-02")))
		}
		if len(clients) > 0 {
			text += ", used by " + some(clients)
		}
		more = append(more, text)
	}
	for _, a := range i.Addons {
		more = append(more, fmt.Sprintf("add-on %s; versions that fit: %s", a.Name, some(a.Compatible)))
	}
	for _, r := range i.Resources {
		if r.Status != "PASSING" {
			more = append(more, strings.TrimSpace(r.ARN+r.URI+" "+r.Reason))
		}
	}
	if len(more) > 0 {
		s += "; " + some(more)
	}
	return s
}

// insightsFresh says when EKS was not made to look again; what it said within
// its daily round is still worth something.
func insightsFresh(v View, c Check) []upgrade.Finding {
	r := v.AWS.InsightsRefresh
	var why string
	switch {
	case r == nil:
		why = "no refresh was asked for"
	case r.Status == "COMPLETED":
		return nil
	case r.Status == "IN_PROGRESS":
		why = "the refresh that began at " + r.StartedAt.Format(time.RFC3339) + " had not ended after 90 seconds"
	default:
		why = "the refresh is " + r.Status + ": " + r.Message
	}
	var oldest upgrade.Time
	for _, i := range v.AWS.Insights {
		if oldest.IsZero() || i.RefreshedAt.Before(oldest.Time) {
			oldest = i.RefreshedAt
		}
	}
	f := c.unseen(fmt.Sprintf("%s; the oldest insight is of %s", why, oldest.Format(time.RFC3339)), "refresh them and look again: "+refreshAgain+v.Request.Cluster)
	if r != nil && r.Status == "NOT_STARTED" {
		f.Remedy = c.Remedy
	}
	if len(v.AWS.Insights) > 0 && v.Now.Sub(oldest.Time) <= refreshedDaily {
		f = at(f, upgrade.Info)
	}
	return []upgrade.Finding{f}
}

func recommended(i upgrade.Insight) string {
	if i.Recommendation == "" {
		return "see the insight in the EKS console"
	}
	return i.Recommendation
}
