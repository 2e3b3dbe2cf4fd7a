// Package apiuse joins what all sources show of API versions that go away: for
// each object every sign of its use, and a verdict on them.
package apiuse

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Verdict says what the signs amount to. The first of these that has a sign
// counts.
type Verdict string

// The verdicts.
const (
	Written   Verdict = "written"   // a client's last write went through the version
	Source    Verdict = "source"    // a manifest file or the manifest of a deployed Helm release has it
	Exists    Verdict = "exists"    // the object is served in no version that stays
	Requested Verdict = "requested" // a client asks for it, and no object says why
	Stale     Verdict = "stale"     // only an old trace is left: an annotation, an old revision of Helm
	Fixed     Verdict = "fixed"     // nothing shows it any more but EKS's insight, which remembers 30 days
)

// Use is an object, or a client without one, that uses an API version that goes
// away.
type Use struct {
	upgrade.DeprecatedAPI
	Verdict Verdict
	Why     string // one line for people
}

// quiet is how long a client must not have asked to count as mended: controllers
// and daily jobs have then had their turn.
const quiet = 25 * time.Hour

// remembers is how long EKS shows a client after its last request.
// Source: https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html
const remembers = 30 * 24 * time.Hour

// Seen is what the sources show. A source that was not seen is nil.
type Seen struct {
	Objects   []upgrade.DeprecatedAPI
	Helm      []upgrade.HelmRelease
	Requested []upgrade.RequestedAPI
	Insights  []upgrade.Insight // nil: not seen
	Target    upgrade.Version
	Now       time.Time
}

// key names one API version of one kind.
type key struct{ apiVersion, kind string }

// Join returns each use once, in a fixed order: by API version, kind, namespace
// and name.
func Join(s Seen, table lifecycle.Table) []Use {
	j := joiner{at: map[upgrade.ObjectRef]int{}}
	for _, d := range s.Objects {
		j.add(d)
	}
	for _, r := range s.Helm {
		for _, o := range r.Deprecated {
			j.add(fromHelm(r, o, r.Deployed.Revision, r.Deployed.Chart))
		}
		for _, o := range r.Old {
			j.add(fromHelm(r, o, o.Revision, ""))
		}
	}
	asked := requests(s, table)
	explained := map[key]bool{}
	for i := range j.all {
		k := key{j.all[i].Object.APIVersion, j.all[i].Object.Kind}
		if v := verdict(j.all[i].Evidence, s.Now); v == Written || v == Source || v == Exists {
			explained[k] = true
			j.all[i].Evidence = append(j.all[i].Evidence, asked[k].Evidence...)
		}
	}
	for k, d := range asked {
		if !explained[k] {
			j.all = append(j.all, d)
		}
	}
	uses := make([]Use, len(j.all))
	for i, d := range j.all {
		v := verdict(d.Evidence, s.Now)
		uses[i] = Use{DeprecatedAPI: d, Verdict: v, Why: why(v, d, s)}
	}
	slices.SortStableFunc(uses, func(a, b Use) int {
		x, y := a.Object, b.Object
		return cmp.Or(cmp.Compare(x.APIVersion, y.APIVersion), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return uses
}

// joiner gathers the signs of each object.
type joiner struct {
	all []upgrade.DeprecatedAPI
	at  map[upgrade.ObjectRef]int
}

func (j *joiner) add(d upgrade.DeprecatedAPI) {
	if i, known := j.at[d.Object]; known {
		j.all[i].Evidence = append(j.all[i].Evidence, d.Evidence...)
		return
	}
	j.at[d.Object] = len(j.all)
	d.Evidence = slices.Clone(d.Evidence) // the snapshot stays as it is
	j.all = append(j.all, d)
}

// fromHelm is an object of a revision; an old one has no chart.
func fromHelm(r upgrade.HelmRelease, o upgrade.HelmObject, revision int, chart string) upgrade.DeprecatedAPI {
	return upgrade.DeprecatedAPI{Object: o.Object, Deprecated: o.Deprecated, Removed: o.Removed, Replacement: o.Replacement, Product: o.Product,
		Evidence: []upgrade.Evidence{{Kind: upgrade.EvidenceHelm, Release: upgrade.ObjectName{Namespace: r.Namespace, Name: r.Name},
			Revision: revision, Chart: chart, File: o.Template, Old: chart == ""}}}
}

// verdict weighs the signs.
func verdict(signs []upgrade.Evidence, now time.Time) Verdict {
	var requested, stale, asked bool
	best := map[Verdict]bool{}
	for _, e := range signs {
		switch e.Kind {
		case upgrade.EvidenceManager:
			best[Written] = true
		case upgrade.EvidenceFile:
			best[Source] = true
		case upgrade.EvidenceHelm:
			best[Source] = best[Source] || !e.Old
			stale = stale || e.Old
		case upgrade.EvidenceLive:
			best[Exists] = true
		case upgrade.EvidenceLastApplied:
			stale = true
		case upgrade.EvidenceInsight:
			asked = true
			requested = requested || recent(e, now)
		case upgrade.EvidenceRequests:
			requested = true
		}
	}
	switch {
	case best[Written]:
		return Written
	case best[Source]:
		return Source
	case best[Exists]:
		return Exists
	case requested:
		return Requested
	case stale:
		return Stale
	case asked:
		return Fixed
	}
	return Stale
}

// recent reports whether a client asked so lately that it may ask again. One of
// which no time is known may.
func recent(e upgrade.Evidence, now time.Time) bool {
	return e.At.IsZero() || now.Sub(e.At.Time) < quiet
}

// ours are clients that are no concern of people: parts of the control plane,
// which change with it, and the agent itself.
var ours = []string{"kube-apiserver/", "kube-controller-manager/", "kube-scheduler/", "cloud-controller-manager/", "eks-upgrade-agent"}

func ofOurs(userAgent string) bool {
	return slices.ContainsFunc(ours, func(prefix string) bool { return strings.HasPrefix(userAgent, prefix) })
}
