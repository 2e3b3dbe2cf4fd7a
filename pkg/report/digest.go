package report

import (
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Group is findings that say the same of several objects.
type Group struct {
	upgrade.Finding     // the first of them
	More            int // how many others there are
}

// maxEvidence is how many characters of evidence a terminal gets of a finding
// that needs nobody's judgement; the HTML page has all of it.
const maxEvidence = 200

func shorten(s string) string {
	runes := []rune(s)
	if len(runes) <= maxEvidence {
		return s
	}
	return strings.TrimRight(string(runes[:maxEvidence-1]), " ") + "…"
}

// Digest shortens a list of findings for a terminal: those that need a person's
// judgement stay whole and one by one, the others become one group for each check,
// with the beginning of the first one's evidence. The order stays.
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
			f.Evidence = shorten(f.Evidence)
		}
		out = append(out, Group{Finding: f})
	}
	return out
}
