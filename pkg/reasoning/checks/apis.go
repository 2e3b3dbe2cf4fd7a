package checks

import (
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const deprecationGuide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

var apiChecks = []Check{
	{ID: "deprecated-apis", Family: APIs, Title: "API version goes away", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{DeprecatedAPIs}, Source: deprecationGuide,
		Remedy: "change the source of the object to an API version that stays, and apply it", run: deprecatedAPIs},
	{ID: "scanners", Family: APIs, Title: "A scanner found an API version that goes away", Severity: upgrade.High, Blocks: BlocksNever, Source: deprecationGuide,
		Remedy: "change the source of the object to an API version that stays, and apply it", run: scanned},
}

// deprecatedAPIs makes one finding for each object that loses its API by this
// upgrade, and one for each API that is merely old: there can be thousands.
func deprecatedAPIs(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	old := map[ageing][]upgrade.DeprecatedAPI{}
	var order []ageing
	for _, d := range v.Kubernetes.DeprecatedAPIs {
		fate := fateOf(d, v)
		if fate != goes {
			key := ageing{d.Object.APIVersion, d.Object.Kind, fate}
			if old[key] == nil {
				order = append(order, key)
			}
			old[key] = append(old[key], d)
			continue
		}
		f := c.finding(fmt.Sprintf("%s is not served any more in %s; %s", d.Object.APIVersion, d.Removed, d.Evidence), replace(d))
		if f.Blocks = d.Written; !d.Written {
			f = at(f, upgrade.High)
		}
		out = append(out, on(f, d.Object))
	}
	for _, key := range order {
		out = append(out, at(c.finding(key.evidence(old[key]), replace(old[key][0])), upgrade.Low))
	}
	return out
}

// ageing is an API whose objects share one finding.
type ageing struct {
	apiVersion, kind string
	fate             fate
}

func (a ageing) evidence(all []upgrade.DeprecatedAPI) string {
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Object.Name
		if d.Object.Namespace != "" {
			names[i] = d.Object.Namespace + "/" + d.Object.Name
		}
	}
	d := all[0]
	what := fmt.Sprintf("is deprecated since %s%s", d.Deprecated, later(d))
	if a.fate == gone {
		what = fmt.Sprintf("is not served since %s already, so that the running cluster lives without it", d.Removed)
	}
	return fmt.Sprintf("%s %s %s; %d objects: %s; the first: %s", a.apiVersion, a.kind, what, len(all), some(names), d.Evidence)
}

// scanned judges what the external scanners say. Their tables are kept by hand
// and are wrong in places, so that they ask a person rather than block; what
// the live objects show blocks by itself.
func scanned(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	seen := []upgrade.ObjectRef{}
	if v.Kubernetes != nil {
		for _, d := range v.Kubernetes.DeprecatedAPIs {
			seen = append(seen, d.Object)
		}
	}
	for _, s := range v.Scans {
		for _, d := range s.Findings {
			if slices.Contains(seen, d.Object) {
				continue // said by the live objects, or by the other scanner
			}
			seen = append(seen, d.Object)
			evidence := fmt.Sprintf("%s %s: %s", s.Tool, s.Version, d.Evidence)
			switch fateOf(d, v) {
			case goes:
				out = append(out, on(c.finding(evidence, replace(d)), d.Object))
			case gone:
				out = append(out, on(at(c.finding(evidence, replace(d)), upgrade.Medium), d.Object))
			default:
				out = append(out, on(at(c.finding(evidence, replace(d)), upgrade.Low), d.Object))
			}
		}
	}
	return out
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

func replace(d upgrade.DeprecatedAPI) string {
	if d.Replacement == "" {
		return "change its source (manifest, chart or controller) to do without this API: no replacement is named"
	}
	return "change its source (manifest, chart or controller) to " + d.Replacement + " and apply it"
}

func later(d upgrade.DeprecatedAPI) string {
	if d.Removed == (upgrade.Version{}) {
		return ""
	}
	return fmt.Sprintf(" and goes in %s", d.Removed)
}
