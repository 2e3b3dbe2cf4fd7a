package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var ruleChecks = []Check{
	{ID: "suppression-expired", Family: Perception, Title: "A suppression has expired", Severity: upgrade.Medium, Blocks: BlocksNever,
		Source: "https://github.com/eks-upgrade-agent/eks-upgrade-agent/blob/main/docs/rules.md", Remedy: "repair what it was about, or give the suppression a new last day in the rules file", run: expiredSuppressions},
}

// expiredSuppressions names suppressions whose last day is over: what they are
// about counts again.
func expiredSuppressions(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, s := range v.Rules.Suppressions {
		if s.Expired(v.Now) {
			out = append(out, c.found(v, fmt.Sprintf("the suppression of %s ended with %s: %s", s, s.Until, s.Reason)))
		}
	}
	return out
}

// IDs returns the ids of all checks.
func IDs() []string {
	all := All()
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	return ids
}
