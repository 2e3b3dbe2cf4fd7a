package checks

import (
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/apiuse"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const deprecationGuide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

var apiChecks = []Check{
	{ID: "deprecated-apis", Family: APIs, Eksup: "K8S009", Title: "API version goes away", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{DeprecatedAPIs}, Source: deprecationGuide,
		Remedy: "change the source of the object to an API version that stays, and apply it", run: deprecatedAPIs},
	{ID: "deprecated-requests", Family: APIs, Title: "A client requests an API version that goes away", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{RequestedAPIs},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html", Remedy: "update the client, or configure it to use the version that stays", run: deprecatedRequests},
	{ID: "product-apis", Family: APIs, Title: "A product's newer release drops the API version", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{DeprecatedAPIs},
		Source: "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/", Remedy: "change the source of the objects before the product is upgraded", run: productAPIs},
}

func (v View) apiSigns() apiuse.Seen {
	s := apiuse.Seen{Target: v.Request.Target, Now: v.Now}
	if v.Kubernetes != nil {
		s.Objects, s.Helm, s.Requested = v.Kubernetes.DeprecatedAPIs, v.Kubernetes.HelmReleases, v.Kubernetes.RequestedAPIs
	}
	if v.Files != nil && v.Files != v.Kubernetes {
		s.Objects = slices.Concat(s.Objects, v.Files.DeprecatedAPIs)
	}
	if v.AWS != nil {
		s.Insights = v.AWS.Insights
	}
	return s
}

// deprecatedAPIs makes one finding for each object that loses its API by this
// upgrade; many that are merely old share one.
func deprecatedAPIs(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	var old groups
	for _, u := range v.apis {
		if u.Product != "" || u.Object.Name == "" {
			continue // of product-apis and deprecated-requests
		}
		fate := fateOf(u.DeprecatedAPI, v)
		if fate != goes {
			old.add(u, fate)
			continue
		}
		f := c.found(v, fmt.Sprintf("%s is not served any more in %s; %s", u.Object.APIVersion, u.Removed, u.Why))
		switch {
		case u.Verdict == apiuse.Stale:
			f = milder(f, upgrade.Medium)
		case u.Verdict == apiuse.Source && !inFile(u):
			f = milder(f, upgrade.High) // helm-release-stuck says what it means
		}
		f.Remedy = replace(u)
		out = append(out, on(f, u.Object))
	}
	for _, g := range old {
		for _, f := range g.findings(c) {
			out = append(out, at(f, upgrade.Low))
		}
	}
	return out
}

// deprecatedRequests makes one finding for each API that clients ask for while
// no object shows why.
func deprecatedRequests(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, u := range v.apis {
		if u.Object.Name != "" || u.Product != "" {
			continue
		}
		f := c.finding(fmt.Sprintf("%s %s: %s", u.Object.APIVersion, u.Object.Kind, u.Why), c.Remedy)
		if u.Replacement != "" {
			f.Remedy += ": " + u.Replacement
		}
		switch fateOf(u.DeprecatedAPI, v) {
		case goes:
			f.Evidence += fmt.Sprintf("; it is not served any more in %s", u.Removed)
			if !named(u) {
				f = at(f, upgrade.Medium)
			}
		case gone:
			f = at(f, upgrade.Low)
			f.Evidence += fmt.Sprintf("; it is not served since %s already", u.Removed)
		default:
			f = at(f, upgrade.Low)
		}
		if u.Verdict == apiuse.Fixed {
			f = at(f, upgrade.Info)
			f.Remedy = "nothing: EKS looks back 30 days, so that a refresh before that day shows the same"
		}
		out = append(out, f)
	}
	return out
}

// productAPIs makes one finding for each API of a product: it goes with a
// release of the product, whatever the cluster's version is.
func productAPIs(v View, c Check) []upgrade.Finding {
	var old groups
	for _, u := range v.apis {
		if u.Product != "" {
			old.add(u, stays)
		}
	}
	var out []upgrade.Finding
	for _, g := range old {
		u := g.uses[0]
		for _, f := range g.findings(c) {
			if u.Removed == (upgrade.Version{}) {
				f = at(f, upgrade.Low)
			}
			if u.Source != "" {
				f.Source = u.Source
			}
			out = append(out, f)
		}
	}
	return out
}

// milder sets a lower severity; such a finding does not block.
func milder(f upgrade.Finding, s upgrade.Severity) upgrade.Finding {
	f.Blocks = false
	return at(f, s)
}

// named reports whether a client of the requests is known by name.
func named(u apiuse.Use) bool {
	for _, e := range u.Evidence {
		if e.Kind == upgrade.EvidenceInsight {
			return true
		}
	}
	return false
}

func inFile(u apiuse.Use) bool {
	for _, e := range u.Evidence {
		if e.Kind == upgrade.EvidenceFile {
			return true
		}
	}
	return false
}

// group is the uses of one API that share a finding.
type group struct {
	fate fate
	uses []apiuse.Use
}

type groups []*group

func (all *groups) add(u apiuse.Use, f fate) {
	for _, g := range *all {
		if o := g.uses[0].Object; g.fate == f && o.APIVersion == u.Object.APIVersion && o.Kind == u.Object.Kind {
			g.uses = append(g.uses, u)
			return
		}
	}
	*all = append(*all, &group{f, []apiuse.Use{u}})
}

// maxSingle is how many objects on one old API have a finding each; of more
// there is one finding of all, because there can be thousands.
const maxSingle = 20

func (g *group) findings(c Check) []upgrade.Finding {
	remedy := replace(g.uses[0])
	if len(g.uses) > maxSingle {
		var names []string
		for _, u := range g.uses {
			switch o := u.Object; {
			case o.Namespace != "":
				names = append(names, o.Namespace+"/"+o.Name)
			case o.Name != "":
				names = append(names, o.Name)
			}
		}
		return []upgrade.Finding{c.finding(fmt.Sprintf("%s; %d objects: %s; the first: %s", g.fateOfAll(), len(names), some(names), g.uses[0].Why), remedy)}
	}
	var out []upgrade.Finding
	for _, u := range g.uses {
		f := c.finding(g.fateOfAll()+"; "+u.Why, remedy)
		if u.Object.Name != "" {
			f = on(f, u.Object)
		}
		out = append(out, f)
	}
	return out
}

// fateOfAll says what becomes of the API.
func (g *group) fateOfAll() string {
	u := g.uses[0]
	what := "is deprecated"
	switch {
	case u.Product != "":
		what = ofProduct(u.DeprecatedAPI)
	case g.fate == gone:
		what = fmt.Sprintf("is not served since %s already, so that the running cluster lives without it", u.Removed)
	default:
		if u.Deprecated != (upgrade.Version{}) {
			what += fmt.Sprintf(" since %s", u.Deprecated)
		}
		if u.Removed != (upgrade.Version{}) {
			what += fmt.Sprintf(" and goes in %s", u.Removed)
		}
	}
	return fmt.Sprintf("%s %s %s", u.Object.APIVersion, u.Object.Kind, what)
}

// ofProduct says by which release of its product an API goes.
func ofProduct(d upgrade.DeprecatedAPI) string {
	switch {
	case d.Removed == (upgrade.Version{}):
		return fmt.Sprintf("is deprecated since %s %s", d.Product, d.Deprecated)
	case d.Deprecated == (upgrade.Version{}):
		return fmt.Sprintf("is not served by %s %s and later", d.Product, d.Removed)
	}
	return fmt.Sprintf("is deprecated since %s %s and not served by %s and later", d.Product, d.Deprecated, d.Removed)
}

// fate is what becomes of an API version by this upgrade.
type fate int

const (
	stays fate = iota // deprecated, still served at the target
	goes              // served now, not served at the target
	gone              // not served now either
)

func fateOf(d upgrade.DeprecatedAPI, v View) fate {
	switch {
	case d.Removed == (upgrade.Version{}) || d.Removed.Compare(v.Request.Target) > 0:
		return stays
	case v.Kubernetes != nil && d.Removed.Compare(v.Kubernetes.ServerVersion) <= 0:
		return gone
	}
	return goes
}

func replace(u apiuse.Use) string {
	if u.Replacement == "" {
		return "change its source (manifest, chart or controller) to do without this API: no replacement is named"
	}
	return "change its source (manifest, chart or controller) to " + u.Replacement + " and apply it"
}
