// Package checks holds what the agent knows about upgrades that go wrong. Each
// check looks at what was perceived and says what is wrong, how bad it is and
// what to do; it sees no AWS and no Kubernetes. A check that lacks the data it
// needs says so in a finding: no data is never a pass.
package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// View is everything that was perceived of one cluster.
type View struct {
	Request    upgrade.Request
	Now        time.Time
	AWS        *upgrade.ClusterState    // nil: not seen
	Kubernetes *upgrade.KubernetesState // nil: not seen
	Notes      []upgrade.ReleaseNote
	Scans      []upgrade.Scan
	Snapshots  []upgrade.Snapshot // all of them, for what they could not see
}

// NewView joins the snapshots. Two of one source, or one of another cluster, is
// an InvalidRequest.
func NewView(request upgrade.Request, now time.Time, snapshots []upgrade.Snapshot) (View, error) {
	v := View{Request: request, Now: now, Snapshots: snapshots}
	seen := map[upgrade.Source]bool{}
	for _, s := range snapshots {
		if s.Cluster != request.Cluster {
			return v, upgrade.KindSnapshotMismatch.Errorf("join snapshots", "the snapshot of %s is of cluster %q, not of %q", s.Source, s.Cluster, request.Cluster).
				WithRemedy("start a new upgrade")
		}
		if seen[s.Source] {
			return v, upgrade.KindSnapshotMismatch.Errorf("join snapshots", "there are two snapshots of %s", s.Source).WithRemedy("start a new upgrade")
		}
		seen[s.Source] = true
		switch s.Source {
		case upgrade.SourceAWS:
			v.AWS = s.AWS
		case upgrade.SourceKubernetes:
			v.Kubernetes = s.Kubernetes
		case upgrade.SourceReleaseNotes:
			v.Notes = s.Notes
		case upgrade.SourceScanners:
			v.Scans = s.Scans
		}
	}
	return v, nil
}

// Check is one rule. Severity is what its findings usually have; a finding that
// is milder or worse says so itself.
type Check struct {
	ID       string
	Title    string // names the problem: findings are made only when there is one
	Severity upgrade.Severity
	Source   string // link to the rule
	run      func(View, Check) []upgrade.Finding
}

// All returns every check.
func All() []Check {
	return slices.Concat(perceptionChecks, versionChecks, skewChecks, apiChecks, budgetChecks, addonChecks, networkChecks, healthChecks, insightChecks, noteChecks)
}

// Run returns the findings of every check.
func Run(v View) []upgrade.Finding {
	findings := []upgrade.Finding{}
	for _, c := range All() {
		findings = append(findings, c.run(v, c)...)
	}
	return findings
}

// finding starts a finding of the check.
func (c Check) finding(evidence, remedy string) upgrade.Finding {
	return upgrade.Finding{Check: c.ID, Title: c.Title, Severity: c.Severity, Source: c.Source, Evidence: evidence, Remedy: remedy}
}

// blocking starts a finding that stops the upgrade.
func (c Check) blocking(evidence, remedy string) upgrade.Finding {
	f := c.finding(evidence, remedy)
	f.Blocks = true
	return f
}

// unseen starts a finding that says what the check could not see.
func (c Check) unseen(evidence, remedy string) upgrade.Finding {
	f := c.finding(evidence, remedy)
	f.NotChecked = true
	return f
}

// on adds the object that the finding is about.
func on(f upgrade.Finding, object upgrade.ObjectRef) upgrade.Finding {
	f.Object = &object
	return f
}

// at changes the severity.
func at(f upgrade.Finding, s upgrade.Severity) upgrade.Finding {
	f.Severity = s
	return f
}

// some lists a few names and says how many more there are.
func some(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// issues writes EKS's health issues in one line.
func issues(all []upgrade.HealthIssue) string {
	texts := make([]string, len(all))
	for i, x := range all {
		texts[i] = x.Code + ": " + x.Message
		if len(x.Resources) > 0 {
			texts[i] += " (" + some(x.Resources) + ")"
		}
	}
	return strings.Join(texts, "; ")
}
