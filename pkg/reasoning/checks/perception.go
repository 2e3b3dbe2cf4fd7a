package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxAge is how old a snapshot may be when it is judged: the scanners' build
// may take half an hour, and retries some more.
const maxAge = 2 * time.Hour

var perceptionChecks = []Check{
	{ID: "perception-complete", Title: "Something could not be seen", Severity: upgrade.High, run: complete},
}

// complete makes a finding of everything that perception could not see, and
// blocks where a plan would be made without knowing the cluster.
func complete(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	const again = "repair what keeps the agent from looking (see the perceive function's log) and start the upgrade again"
	for _, source := range []upgrade.Source{upgrade.SourceAWS, upgrade.SourceKubernetes, upgrade.SourceReleaseNotes, upgrade.SourceScanners} {
		i := slices.IndexFunc(v.Snapshots, func(s upgrade.Snapshot) bool { return s.Source == source })
		if i < 0 {
			out = append(out, needed(source, c.unseen(fmt.Sprintf("there is no snapshot of %s", source), again)))
			continue
		}
		s := v.Snapshots[i]
		if age := v.Now.Sub(s.TakenAt.Time); age > maxAge || age < -time.Minute {
			out = append(out, needed(source, c.unseen(fmt.Sprintf("the snapshot of %s is of %s, %s before it was judged; at most %s is trusted",
				source, s.TakenAt.Format(time.RFC3339), age.Round(time.Second), maxAge), "start the upgrade again")))
		}
		for _, n := range s.NotChecked {
			f := c.unseen(fmt.Sprintf("%s: %s could not be seen: %s", source, n.What, n.Why), n.Remedy)
			if !essential(source) {
				f = at(f, upgrade.Medium)
			}
			out = append(out, f)
		}
	}
	for _, what := range missing(v) {
		f := c.unseen(what+" were not seen, and no plan is made without them", again)
		f.Blocks = true
		out = append(out, at(f, upgrade.Critical))
	}
	return out
}

// essential reports whether no plan can be made without the source.
func essential(s upgrade.Source) bool {
	return s == upgrade.SourceAWS || s == upgrade.SourceKubernetes
}

// needed blocks for an essential source and asks a person for the others.
func needed(s upgrade.Source, f upgrade.Finding) upgrade.Finding {
	if essential(s) {
		f.Blocks, f.Severity = true, upgrade.Critical
		return f
	}
	return at(f, upgrade.Medium)
}

// missing names the essential parts that a snapshot lacks.
func missing(v View) []string {
	var out []string
	add := func(absent bool, what string) {
		if absent {
			out = append(out, what)
		}
	}
	has := func(source upgrade.Source) bool {
		return slices.ContainsFunc(v.Snapshots, func(s upgrade.Snapshot) bool { return s.Source == source })
	}
	if a := v.AWS; a != nil {
		add(a.NodeGroups == nil, "the node groups")
		add(a.Addons == nil, "the add-ons")
		add(a.Subnets == nil, "the subnets")
		add(a.Available == nil, "the versions that EKS offers")
	} else if has(upgrade.SourceAWS) {
		add(true, "the cluster's properties in EKS")
	}
	if k := v.Kubernetes; k != nil {
		add(k.Nodes == nil, "the nodes")
		add(k.Applications == nil, "the applications")
		add(k.DeprecatedAPIs == nil, "the API versions that objects are written in")
	} else if has(upgrade.SourceKubernetes) {
		add(true, "the objects of the cluster")
	}
	return out
}
