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
	{ID: "perception-complete", Family: Perception, Title: "Something could not be seen", Severity: upgrade.High, Blocks: BlocksAlways, run: complete,
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html", Remedy: "give the agent the permission that its error names, and look again"},
}

const again = "repair what keeps the agent from looking (see the perceive function's log) and start the upgrade again"

// complete makes a finding of everything that perception could not see, and
// blocks where a plan would be made without knowing the cluster.
func complete(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, source := range Sources() {
		i := slices.IndexFunc(v.Snapshots, func(s upgrade.Snapshot) bool { return s.Source == source })
		switch {
		case !slices.Contains(v.Asked, source):
			if n := v.needing(func(p part) bool { return p.source == source && !p.seen(v) }); n > 0 {
				out = append(out, at(c.unseen(fmt.Sprintf("%s was not looked at, so that %d checks could not be made", source, n), "name what is to be looked at: see eks-upgrade assess --help"), upgrade.Info))
			}
			continue
		case i < 0:
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
			if !essential(source) || n.Part != "" && !v.decides(n.Part) {
				f = at(f, upgrade.Medium)
			}
			out = append(out, f)
		}
		out = append(out, missing(v, c, s)...)
	}
	for _, s := range v.Snapshots {
		if s.Source == upgrade.SourceManifests {
			for _, n := range s.NotChecked {
				out = append(out, at(c.unseen(fmt.Sprintf("%s could not be read: %s", n.What, n.Why), n.Remedy), upgrade.Medium))
			}
		}
	}
	return out
}

// decides reports whether a check that could keep the upgrade from starting needs
// a part: what is not seen of others is nothing to be woken for.
func (v View) decides(id upgrade.Part) bool {
	return slices.ContainsFunc(v.catalogue, func(c Check) bool { return c.Blocks.in(v.Request.Strategy) && slices.Contains(c.Needs, id) })
}

// missing makes a finding of each part that a snapshot lacks: one that blocks
// when no plan can be made without it, and else one that says how many checks
// could not be made, unless the collector said already why.
func missing(v View, c Check, s upgrade.Snapshot) []upgrade.Finding {
	var out []upgrade.Finding
	whole := s.Source == upgrade.SourceAWS && v.AWS == nil || s.Source == upgrade.SourceKubernetes && v.Kubernetes == nil
	for _, p := range parts {
		if whole && len(out) > 0 {
			break // the first part of a source stands for all
		}
		said := slices.ContainsFunc(s.NotChecked, func(n upgrade.NotChecked) bool { return n.Part == p.id })
		switch {
		case p.source != s.Source || p.seen(v):
		case p.essential:
			f := c.unseen(p.what+" were not seen, and no plan is made without them", again)
			f.Blocks = true
			out = append(out, at(f, upgrade.Critical))
		case !said:
			if n := v.needing(func(x part) bool { return x.id == p.id }); n > 0 {
				out = append(out, at(c.unseen(fmt.Sprintf("%s were not seen, so that %d checks could not be made", p.what, n), again), upgrade.Medium))
			}
		}
	}
	return out
}

// needing counts the checks that need any of some parts.
func (v View) needing(which func(part) bool) int {
	n := 0
	for _, check := range v.catalogue {
		if slices.ContainsFunc(parts, func(p part) bool { return which(p) && slices.Contains(check.Needs, p.id) }) {
			n++
		}
	}
	return n
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
