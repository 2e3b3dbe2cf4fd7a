package checks

import (
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS refreshes insights once a day.
const maxInsightAge = 48 * time.Hour

var insightChecks = []Check{
	{ID: "eks-insights", Family: ControlPlane, Title: "EKS upgrade insight does not pass", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{AWSInsights}, Remedy: "do what the insight recommends, then refresh it: aws eks start-insights-refresh",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html", run: eksInsights},
}

// eksInsights passes only what EKS calls PASSING and has looked at lately.
func eksInsights(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	judged := 0
	for _, i := range v.AWS.Insights {
		if i.Version != v.Request.Target && i.Version != (upgrade.Version{}) {
			continue // about another version
		}
		judged++
		evidence := fmt.Sprintf("%s is %s, seen at %s: %s", i.Name, i.Status, i.RefreshedAt.Format(time.RFC3339), i.Reason)
		const refresh = "then refresh it: aws eks start-insights-refresh (an insight can outlive its cause by days)"
		switch i.Status {
		case "PASSING":
			if age := v.Now.Sub(i.RefreshedAt.Time); age > maxInsightAge {
				out = append(out, at(c.unseen(fmt.Sprintf("%s passed %s ago and was not looked at since", i.Name, age.Round(time.Hour)), "refresh it: aws eks start-insights-refresh"), upgrade.Medium))
			}
		case "ERROR":
			out = append(out, c.blocking(evidence, recommended(i)+", "+refresh))
		case "WARNING":
			out = append(out, at(c.finding(evidence, recommended(i)+", "+refresh), upgrade.Medium))
		default:
			out = append(out, at(c.unseen(evidence, "find out why EKS cannot tell, "+refresh), upgrade.High))
		}
	}
	if judged == 0 {
		out = append(out, at(c.unseen(fmt.Sprintf("EKS has no insight about %s", v.Request.Target), "refresh them: aws eks start-insights-refresh"), upgrade.Medium))
	}
	return out
}

func recommended(i upgrade.Insight) string {
	if i.Recommendation == "" {
		return "see the insight in the EKS console"
	}
	return i.Recommendation
}
