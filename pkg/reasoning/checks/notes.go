package checks

import (
	"fmt"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var noteChecks = []Check{
	{ID: "release-notes", Family: ReleaseNotes, Title: "Kubernetes announces a breaking change", Severity: upgrade.Info, Blocks: BlocksNever, Remedy: "read it and decide whether it concerns this cluster",
		Source: "https://github.com/kubernetes/kubernetes/tree/master/CHANGELOG", run: breaking},
}

// breaking passes on what the release notes call breaking. The text is
// untrusted: it is shown, and decides nothing.
func breaking(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, n := range v.Notes {
		if !n.Breaking {
			continue
		}
		f := c.finding(fmt.Sprintf("%s, %s: %s", n.Version, n.Section, n.Text), "read it and decide whether it concerns this cluster")
		if n.URL != "" {
			f.Source = n.URL
		}
		out = append(out, f)
	}
	return out
}
