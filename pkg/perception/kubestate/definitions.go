package kubestate

import (
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func definition(d *objects.CustomResourceDefinition) (upgrade.CustomResource, bool) {
	out := upgrade.CustomResource{Name: d.Name, Group: d.Spec.Group, Kind: d.Spec.Names.Kind, Plural: d.Spec.Names.Plural, Namespaced: d.Spec.Scope == "Namespaced",
		Versions: []upgrade.CustomResourceVersion{}, StoredVersions: append([]string{}, d.Status.StoredVersions...), Release: release(&d.ObjectMeta),
		Established: slices.ContainsFunc(d.Status.Conditions, func(c objects.Condition) bool { return c.Type == "Established" && c.Status == objects.True })}
	for _, v := range d.Spec.Versions {
		out.Versions = append(out.Versions, upgrade.CustomResourceVersion{Name: v.Name, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, Warning: logging.Line(text(v.DeprecationWarning), maxExpression)})
	}
	if c := d.Spec.Conversion; c != nil && c.Strategy == "Webhook" {
		out.Conversion = &upgrade.Conversion{}
		if c.Webhook != nil {
			out.Conversion.Service, out.Conversion.URLHost = reached(c.Webhook.ClientConfig)
		}
	}
	return out, true
}

// release returns the version of the product that an object is of. Sources:
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/,
// https://helm.sh/docs/chart_best_practices/labels/,
// https://gateway-api.sigs.k8s.io/guides/crd-management/
func release(m *objects.ObjectMeta) string {
	if version := m.Annotations["gateway.networking.k8s.io/bundle-version"]; version != "" {
		return version
	}
	if version := m.Labels["app.kubernetes.io/version"]; version != "" {
		return version
	}
	chart := m.Labels["helm.sh/chart"] // "cert-manager-v1.15.0"
	if chart == "" {
		chart = m.Labels["chart"]
	}
	for i := len(chart) - 1; i > 0; i-- {
		if version := strings.TrimPrefix(chart[i:], "v"); chart[i-1] == '-' && version != "" && version[0] >= '0' && version[0] <= '9' && strings.Contains(version, ".") {
			return chart[i:]
		}
	}
	return ""
}

// apiService leaves out the APIs that the API server answers itself.
func apiService(a *objects.APIService) (upgrade.APIService, bool) {
	if a.Spec.Service == nil {
		return upgrade.APIService{}, false
	}
	out := upgrade.APIService{Name: a.Name, Service: upgrade.ObjectName{Namespace: a.Spec.Service.Namespace, Name: a.Spec.Service.Name}}
	for _, c := range a.Status.Conditions {
		if c.Type == "Available" {
			out.Available = c.Status == objects.True
			if !out.Available {
				out.Message = logging.Line(c.Message, maxExpression)
			}
		}
	}
	return out, true
}
