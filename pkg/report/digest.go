package report

import "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"

// Group is findings that say the same of several objects.
type Group struct {
	upgrade.Finding     // the first of them
	More            int // how many others there are
}

// Digest shortens a list of findings for a terminal: those that need a person's
// judgement stay one by one, the others become one group for each check. The
// order stays.
func Digest(findings []upgrade.Finding) []Group {
	type key struct {
		check    string
		severity upgrade.Severity
		title    string
	}
	at := map[key]int{}
	var out []Group
	for _, f := range findings {
		serious := f.Blocks || f.NotChecked || f.Severity.Rank() <= upgrade.High.Rank()
		k := key{f.Check, f.Severity, f.Title}
		if i, known := at[k]; known && !serious {
			out[i].More++
			continue
		}
		if !serious {
			at[k] = len(out)
		}
		out = append(out, Group{Finding: f})
	}
	return out
}
