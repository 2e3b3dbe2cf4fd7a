// Package releasenotes perceives what the Kubernetes project and EKS announce
// of each version that an upgrade passes. It reads the published changelogs and
// pages, or else the copy that an earlier upgrade kept, or else the one that
// comes with the agent, and says which. All of it is untrusted text: sizes are
// bounded, markup is dropped, and nothing is decided by it alone.
package releasenotes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxHops bounds the versions of one upgrade; EKS supports about eight minors.
const maxHops = 12

// fresh is the age up to which a cached copy needs no second look: the notes of
// a version change little after its release.
const fresh = 7 * 24 * time.Hour

// Collector reads the notes of every version after the cluster's, up to the
// target's.
type Collector struct {
	Client  Doer
	URL     string                                                             // folder of the Kubernetes changelogs
	EKSURL  string                                                             // folder of the EKS user guide
	Token   string                                                             // bearer token for URL; empty: none
	Offline bool                                                               // read what comes with the agent only, and say so
	Cache   Cache                                                              // nil: nothing is kept
	Version func(ctx context.Context, cluster string) (upgrade.Version, error) // that the cluster has; nil: the one before the target
	Clock   clock.Clock
}

// Collect implements perception.Collector. Release notes inform a person; an
// upgrade is judged without them when they cannot be had, and NotChecked says
// so.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	var out upgrade.Snapshot
	versions, missed := c.versions(ctx, in.Run.Request)
	out.NotChecked = missed
	results := make([]result, len(versions)+1)
	var all sync.WaitGroup
	for i, version := range versions {
		all.Go(func() { results[i] = c.kubernetes(ctx, version) })
	}
	all.Go(func() { results[len(versions)] = c.eks(ctx, versions) })
	all.Wait()
	if ctx.Err() != nil {
		return upgrade.Snapshot{}, "", upgrade.KindReleaseNotesInterrupted.Errorf("read release notes", "%w", ctx.Err())
	}
	for _, r := range results {
		out.Notes = append(out.Notes, r.notes...)
		out.NoteOrigins = append(out.NoteOrigins, r.origins...)
		out.NotChecked = append(out.NotChecked, r.missed...)
	}
	slices.SortStableFunc(out.Notes, func(a, b upgrade.ReleaseNote) int { return a.Version.Compare(b.Version) })
	slices.SortStableFunc(out.NoteOrigins, func(a, b upgrade.NoteOrigin) int {
		return cmp.Or(a.Version.Compare(b.Version), cmp.Compare(b.Source, a.Source))
	})
	return out, summary(out), nil
}

// versions returns those that the upgrade reaches, in order.
func (c *Collector) versions(ctx context.Context, request upgrade.Request) ([]upgrade.Version, []upgrade.NotChecked) {
	target := request.Target
	if c.Version == nil {
		return []upgrade.Version{target}, nil
	}
	from, err := c.Version(ctx, request.Cluster)
	if err != nil {
		return []upgrade.Version{target}, []upgrade.NotChecked{{What: "release notes of the versions before " + target.String(),
			Why: "which version the cluster has is not known: " + err.Error(), Remedy: "allow eks:DescribeCluster, or read them yourself if the cluster is more than one minor behind"}}
	}
	var out []upgrade.Version
	for v := target; v.Major == from.Major && v.Minor > from.Minor && len(out) < maxHops; v.Minor-- {
		out = append(out, v)
	}
	if len(out) == 0 {
		out = append(out, target)
	}
	slices.Reverse(out)
	return out, nil
}

// result is what was read of one source.
type result struct {
	notes   []upgrade.ReleaseNote
	origins []upgrade.NoteOrigin
	missed  []upgrade.NotChecked
}

// kubernetes reads the changelog of one version.
func (c *Collector) kubernetes(ctx context.Context, version upgrade.Version) result {
	url := folder(c.URL) + "CHANGELOG-" + version.String() + ".md"
	origin := upgrade.NoteOrigin{Source: upgrade.NotesOfKubernetes, Version: version}
	if !c.Offline {
		origin.URL = url
		p, err := c.read(ctx, url, c.Token, func(body []byte) error {
			switch {
			case isHTML(body):
				return upgrade.Detailf("GET %s: it is an HTML page, not a changelog", url)
			case len(entries(body, version)) == 0:
				return upgrade.Detailf("GET %s: it has no entries of a stable release of %s", url, version)
			}
			return nil
		})
		if err == nil {
			origin.From, origin.AsOf, origin.Why = p.from, p.asOf, p.why
			return c.told(origin, ParseMarkdown(p.body, version))
		}
		origin.Why = err.Error()
	}
	text, day, err := Bundled(version)
	if err != nil {
		return missing(origin, joined(origin.Why, err))
	}
	origin.From, origin.AsOf = upgrade.NotesBundled, day
	return c.told(origin, ParseMarkdown(text, version))
}

// eks reads the pages of EKS, which hold several versions each.
func (c *Collector) eks(ctx context.Context, versions []upgrade.Version) result {
	pages := []string{folder(c.EKSURL) + standardPage, folder(c.EKSURL) + extendedPage}
	read, errs := make([]page, len(pages)), make([]error, len(pages))
	if !c.Offline {
		var both sync.WaitGroup
		for i, url := range pages {
			both.Go(func() {
				read[i], errs[i] = c.read(ctx, url, "", func(body []byte) error {
					if len(ParseEKS(body, url)) == 0 {
						return upgrade.Detailf("GET %s: it has no notes of versions", url)
					}
					return nil
				})
			})
		}
		both.Wait()
	}
	text, day := BundledEKS()
	bundled := ParseEKS(text, bundledPage)
	parsed := make([]map[upgrade.Version][]upgrade.ReleaseNote, len(pages))
	for i, p := range read {
		parsed[i] = ParseEKS(p.body, pages[i])
	}
	var out result
	for _, version := range versions {
		out.add(c.ofEKS(version, pages, read, errs, parsed, bundled[version], day))
	}
	return out
}

// ofEKS picks the notes of one version from the pages, or the bundled ones.
func (c *Collector) ofEKS(version upgrade.Version, pages []string, read []page, errs []error, parsed []map[upgrade.Version][]upgrade.ReleaseNote, bundled []upgrade.ReleaseNote, day upgrade.Time) result {
	origin := upgrade.NoteOrigin{Source: upgrade.NotesOfEKS, Version: version}
	if !c.Offline {
		var why []string
		for i, p := range read {
			origin.URL = pages[i]
			if notes := parsed[i][version]; len(notes) > 0 {
				origin.From, origin.AsOf, origin.Why = p.from, p.asOf, p.why
				return c.told(origin, notes)
			}
			switch {
			case errs[i] != nil:
				why = append(why, errs[i].Error())
			default:
				why = append(why, fmt.Sprintf("%s has no notes of %s", pages[i], version))
			}
		}
		origin.URL, origin.Why = pages[0], strings.Join(why, "; ")
	}
	if len(bundled) == 0 {
		return missing(origin, joined(origin.Why, upgrade.Detailf("the agent comes without EKS's notes of %s", version)))
	}
	origin.From, origin.AsOf = upgrade.NotesBundled, day
	return c.told(origin, bundled)
}

// told returns the notes with where they come from. Whoever wanted the published
// text and got an old one is told so.
func (c *Collector) told(origin upgrade.NoteOrigin, notes []upgrade.ReleaseNote) result {
	origin.Why, origin.Notes = cut(origin.Why, maxText), len(notes)
	out := result{notes: notes, origins: []upgrade.NoteOrigin{origin}}
	old := origin.From == upgrade.NotesBundled && !c.Offline || origin.From == upgrade.NotesCached && c.Clock.Now().Sub(origin.AsOf.Time) > fresh
	if old {
		out.missed = append(out.missed, upgrade.NotChecked{
			What:   fmt.Sprintf("what %s's release notes of %s say since %s", origin.Source, origin.Version, origin.AsOf.Format(time.DateOnly)),
			Why:    fmt.Sprintf("the %s copy was read instead of the published text: %s", origin.From, origin.Why),
			Remedy: "let the agent reach " + origin.URL + ", or read it yourself",
		})
	}
	return out
}

func missing(origin upgrade.NoteOrigin, why string) result {
	remedy := "read them yourself"
	if origin.URL != "" {
		remedy = "let the agent reach " + origin.URL + ", or read it yourself"
	}
	return result{missed: []upgrade.NotChecked{{What: fmt.Sprintf("%s's release notes of %s", origin.Source, origin.Version), Why: cut(why, maxText), Remedy: remedy}}}
}

func (r *result) add(other result) {
	r.notes, r.origins, r.missed = append(r.notes, other.notes...), append(r.origins, other.origins...), append(r.missed, other.missed...)
}

// summary says in one line what was read.
func summary(s upgrade.Snapshot) string {
	if len(s.NoteOrigins) == 0 {
		return "release notes were not seen"
	}
	counts := map[upgrade.NoteLabelName]int{}
	for _, n := range s.Notes {
		for _, l := range n.Labels {
			if n.Is(l.Name) {
				counts[l.Name]++
			}
		}
	}
	var from []string
	for _, o := range s.NoteOrigins {
		from = append(from, fmt.Sprintf("%s %s %s", o.Source, o.Version, o.From))
	}
	return fmt.Sprintf("%d release notes (%s): %d ask for action, %d break, %d deprecate, %d change an API", len(s.Notes), strings.Join(from, ", "),
		counts[upgrade.NoteActionRequired], counts[upgrade.NoteBreaking], counts[upgrade.NoteDeprecation], counts[upgrade.NoteAPIChange])
}

func folder(url string) string { return strings.TrimSuffix(url, "/") + "/" }

func joined(why string, err error) string {
	if why == "" {
		return err.Error()
	}
	return why + "; " + err.Error()
}
