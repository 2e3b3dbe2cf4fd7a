package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/apiuse"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var scannerChecks = []Check{
	{ID: "scanners", Family: APIs, Title: "A scanner found an API version that goes away", Severity: upgrade.High, Blocks: BlocksNever, Source: deprecationGuide,
		Remedy: "change the source of the object to an API version that stays, and apply it", run: scanned},
}

// scanned reconciles what the external scanners say with what the agent saw.
// Their tables are kept by hand and they read only the annotation of kubectl, so
// that what they alone say asks a person rather than blocks. An object of which
// the agent says the same has a finding already.
func scanned(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	seen := map[upgrade.ObjectRef]int{} // its finding
	for _, s := range v.Scans {
		for _, x := range s.Findings {
			r := reconcile(v, x)
			if r.agreed {
				continue
			}
			evidence := fmt.Sprintf("%s %s: %s; %s", s.Tool, s.Version, x.Rule, r.why)
			if i, twice := seen[x.Object]; twice {
				out[i].Evidence += "; likewise " + s.Tool + " " + s.Version
				continue
			}
			seen[x.Object] = len(out)
			f := at(c.finding(evidence, c.Remedy), r.severity)
			if x.Replacement != "" {
				f.Remedy = "change its source (manifest, chart or controller) to " + x.Replacement + " and apply it"
			}
			if r.remedy != "" {
				f.Remedy = r.remedy
			}
			out = append(out, on(f, x.Object))
		}
	}
	return out
}

// outcome is what came of comparing a scanner's result with ours.
type outcome struct {
	agreed   bool
	severity upgrade.Severity
	why      string
	remedy   string // empty: the replacement
}

// reconcile says why a scanner and the agent differ.
func reconcile(v View, x upgrade.ScanFinding) outcome {
	use, found := ownUse(v, x.Object)
	if x.Component != "k8s" && x.Component != "" {
		if found && use.Product != "" {
			return outcome{agreed: true}
		}
		return outcome{severity: upgrade.Low, why: fmt.Sprintf("these are releases of %s, not of Kubernetes: it goes when %s is upgraded", x.Component, x.Component)}
	}
	if differs, why := tablesDiffer(x); differs {
		return outcome{severity: fateSeverity(ourView(x), v), why: why}
	}
	if found {
		return outcome{agreed: true} // also where ours calls it a stale annotation: the tool cannot tell
	}
	fate := fateOf(ourView(x), v)
	r := outcome{severity: fateSeverity(ourView(x), v)}
	release, inHelm := helmRelease(v, x.Object)
	switch {
	case x.File != "":
		r.why = "it stands in the file " + x.File + ", not in the cluster"
	case fate == gone:
		r.why = fmt.Sprintf("not served since %s, so that no live object can be written in it: an old annotation or a stored manifest", ourView(x).Removed)
	case inHelm:
		r.why = "the agent sees it in Helm release " + release + " only"
	case !v.Seen(DeprecatedAPIs):
		r.why = "the agent could not list the objects itself"
	case !v.Seen(HelmReleases):
		r.why = "the agent sees no live object of it, and could not read Helm's releases, where it may be"
	default:
		r.severity = upgrade.Medium
		r.why = "the agent sees no client that writes it and no annotation, file or Helm release that has it: the object was mended or removed between the two looks"
		r.remedy = "look at the object (kubectl get with --show-managed-fields) and start again"
	}
	return r
}

// ownUse is what the agent itself shows of an object. A scanner may leave out
// the namespace, or name none where the manifest does not.
func ownUse(v View, object upgrade.ObjectRef) (apiuse.Use, bool) {
	i := slices.IndexFunc(v.apis, func(u apiuse.Use) bool {
		return u.Object == object || object.Namespace == "" && u.Object.APIVersion == object.APIVersion && u.Object.Kind == object.Kind && u.Object.Name == object.Name
	})
	if i < 0 {
		return apiuse.Use{}, false
	}
	return v.apis[i], true
}

// ourView is a scanner's result with the releases of the agent's own table,
// where it has the API.
func ourView(x upgrade.ScanFinding) upgrade.DeprecatedAPI {
	d := upgrade.DeprecatedAPI{Object: x.Object, Deprecated: x.Deprecated, Removed: x.Removed, Replacement: x.Replacement}
	if x.Ours != nil && x.Ours.Product == "" {
		d.Deprecated, d.Removed = x.Ours.Deprecated, x.Ours.Removed
	}
	return d
}

func fateSeverity(d upgrade.DeprecatedAPI, v View) upgrade.Severity {
	switch fateOf(d, v) {
	case goes:
		return upgrade.High
	case gone:
		return upgrade.Medium
	}
	return upgrade.Low
}

// tablesDiffer says how the scanner's table is at odds with Kubernetes's own.
func tablesDiffer(x upgrade.ScanFinding) (bool, string) {
	switch {
	case x.Ours == nil:
		return true, "Kubernetes's own table does not have this API, so that the tool's word stands alone"
	case x.Ours.Product != "":
		return true, fmt.Sprintf("it is an API of %s, whose releases these are not: %s", x.Ours.Product, strings.TrimPrefix(ofProduct(upgrade.DeprecatedAPI{Product: x.Ours.Product, Deprecated: x.Ours.Deprecated, Removed: x.Ours.Removed}), "is "))
	case x.Ours.Removed == x.Removed:
		return false, ""
	case x.Ours.Removed == (upgrade.Version{}):
		return true, fmt.Sprintf("the tool's table is wrong: Kubernetes has announced no removal, and the tool says %s", x.Removed)
	case x.Removed == (upgrade.Version{}):
		return true, fmt.Sprintf("the tool's table does not say when it goes: Kubernetes removed it in %s", x.Ours.Removed)
	}
	return true, fmt.Sprintf("the tool's table is wrong: Kubernetes removes it in %s, and the tool says %s", x.Ours.Removed, x.Removed)
}

// helmRelease names the release whose deployed manifest has the object.
func helmRelease(v View, object upgrade.ObjectRef) (string, bool) {
	if v.Kubernetes == nil {
		return "", false
	}
	for _, r := range v.Kubernetes.HelmReleases {
		for _, o := range slices.Concat(r.Deprecated, r.Unserved) {
			if o.Object.APIVersion == object.APIVersion && o.Object.Kind == object.Kind && o.Object.Name == object.Name {
				return r.Namespace + "/" + r.Name, true
			}
		}
	}
	return "", false
}
