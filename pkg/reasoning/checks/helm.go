package checks

import (
	"fmt"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var helmChecks = []Check{
	{ID: "helm-release-stuck", Family: APIs, Title: "Helm release cannot be upgraded any more", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{HelmReleases},
		Source: "https://helm.sh/docs/topics/kubernetes_apis/", Remedy: "before the upgrade, release the chart in a version without the API; after it, rewrite the stored manifest: helm mapkubeapis", run: stuckReleases},
	{ID: "helm-release-unfinished", Family: APIs, Title: "Helm release did not end well", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{HelmReleases},
		Source: "https://helm.sh/docs/helm/helm_history/", Remedy: "finish it before the upgrade: helm rollback to the last deployed revision, or helm upgrade again", run: unfinishedReleases},
	{ID: "helm-chart-kubeversion", Family: APIs, Title: "Helm chart excludes the target version", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{HelmReleases},
		Source: "https://helm.sh/docs/topics/charts/#the-kubeversion-field", Remedy: "upgrade to a version of the chart that allows the target", run: chartVersions},
}

// stuckReleases finds releases that "helm upgrade" refuses once the cluster does
// not serve an API of the manifest that Helm compares the next one with: "unable
// to build kubernetes objects from current release manifest".
// Source: https://github.com/helm/helm/blob/main/pkg/action/upgrade.go
func stuckReleases(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, r := range v.Kubernetes.HelmReleases {
		var lost, now []string
		for _, o := range r.Deprecated {
			d := upgrade.DeprecatedAPI{Deprecated: o.Deprecated, Removed: o.Removed, Product: o.Product}
			if o.Hook || o.Product != "" || fateOf(d, v) != goes {
				continue
			}
			lost = append(lost, fmt.Sprintf("%s (%s, removed in %s)", o.Object, o.Template, o.Removed))
		}
		for _, o := range r.Unserved {
			if !o.Hook {
				now = append(now, fmt.Sprintf("%s (%s)", o.Object, o.Template))
			}
		}
		what := fmt.Sprintf("release %s/%s, revision %d of chart %s", r.Namespace, r.Name, r.Deployed.Revision, r.Deployed.Chart)
		switch {
		case len(lost) > 0:
			out = append(out, on(c.found(v, what+", has what "+v.Request.Target.String()+" does not serve, so that Helm will refuse to upgrade it: "+some(lost)), release(r)))
		case len(now) > 0:
			f := c.found(v, what+", has what the cluster does not serve now, so that Helm refuses to upgrade it already: "+some(now))
			f.Remedy = "rewrite the stored manifest: helm mapkubeapis, or install the CustomResourceDefinition that is missing"
			out = append(out, on(at(f, upgrade.Medium), release(r)))
		}
	}
	return out
}

// unfinishedReleases finds releases that Helm works at, or that failed. Helm
// refuses another operation while one is pending.
func unfinishedReleases(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, r := range v.Kubernetes.HelmReleases {
		what := fmt.Sprintf("revision %d of chart %s is %s", r.Last.Revision, r.Last.Chart, r.Last.Status)
		if !r.Last.UpdatedAt.IsZero() {
			what += " since " + r.Last.UpdatedAt.Format("2006-01-02 15:04")
		}
		switch {
		case strings.HasPrefix(r.Last.Status, "pending"), r.Last.Status == "uninstalling":
			out = append(out, on(c.found(v, what+": Helm refuses another operation until it ends"), release(r)))
		case r.Last.Status == "failed":
			out = append(out, on(milder(c.found(v, what), upgrade.Low), release(r)))
		}
	}
	return out
}

// chartVersions finds charts whose kubeVersion excludes the target.
func chartVersions(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, r := range v.Kubernetes.HelmReleases {
		chart := r.Deployed
		if chart == (upgrade.HelmRevision{}) {
			chart = r.Last
		}
		if chart.KubeVersion == "" {
			continue
		}
		allowed, err := allows(chart.KubeVersion, v.Request.Target)
		if err != nil {
			out = append(out, on(at(c.unseen(fmt.Sprintf("the kubeVersion %q of chart %s cannot be read", chart.KubeVersion, chart.Chart), "see the chart's documentation"), upgrade.Low), release(r)))
			continue
		}
		if !allowed {
			out = append(out, on(c.found(v, fmt.Sprintf("chart %s wants Kubernetes %s, which %s is not: Helm refuses to install or upgrade it there", chart.Chart, chart.KubeVersion, v.Request.Target)), release(r)))
		}
	}
	return out
}

// release names a Helm release as an object: Helm has no kind for it.
func release(r upgrade.HelmRelease) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "helm.sh/v3", Kind: "Release", Namespace: r.Namespace, Name: r.Name}
}
