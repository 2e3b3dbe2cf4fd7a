package checks

import (
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const crdVersions = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"

var crdChecks = []Check{
	{ID: "conversion-webhook", Family: Admission, Title: "Conversion webhook does not answer, or may not while nodes are replaced", Severity: upgrade.Critical, Blocks: BlocksInPlace, Needs: []upgrade.Part{CustomResources, Services, KubeWorkloads},
		Source: crdVersions + "#webhook-conversion", Remedy: "repair the Service behind it and run 2 replicas or more: without it the objects can be neither read nor written", run: conversions},
	{ID: "crd-stored-versions", Family: Admission, Title: "Objects may be stored in a version that is gone", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{CustomResources},
		Source: crdVersions + "#upgrade-existing-objects-to-a-new-stored-version", Remedy: "write every object again, then take the version out of status.storedVersions, before the next release of the product drops it", run: storedVersions},
	{ID: "crd-version-deprecated", Family: Admission, Title: "Custom resource has a deprecated version", Severity: upgrade.Info, Blocks: BlocksNever, Needs: []upgrade.Part{CustomResources},
		Source: crdVersions + "#version-deprecation", Remedy: "change manifests and clients to a version that is not deprecated", run: deprecatedVersions},
	{ID: "crd-not-established", Family: Admission, Title: "Custom resource definition is not accepted", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{CustomResources},
		Source: "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/", Remedy: "see the conditions of the definition: its names may collide with those of another", run: notEstablished},
}

func definition(r *upgrade.CustomResource) upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition", Name: r.Name}
}

func conversions(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.CustomResources {
		r := &v.Kubernetes.CustomResources[i]
		if r.Conversion == nil || r.Conversion.Service == nil {
			continue
		}
		served := 0
		for _, version := range r.Versions {
			if version.Served {
				served++
			}
		}
		if served < 2 && len(r.StoredVersions) < 2 {
			continue // nothing is converted
		}
		service := r.Conversion.Service
		switch b := v.backend(service); {
		case b.down != "":
			out = append(out, on(c.drained(v, fmt.Sprintf("%s: objects of %s are not converted between %s now", b.down, r.Name, some(versionNames(r)))), definition(r)))
		case b.replicas == 1:
			out = append(out, on(at(unblocked(c.drained(v, fmt.Sprintf("%s/%s has 1 replica: while its node is drained, objects of %s are not converted between %s", service.Namespace, service.Name, r.Name, some(versionNames(r))))), singleReplica(v)), definition(r)))
		}
	}
	return out
}

func singleReplica(v View) upgrade.Severity {
	if v.Request.Strategy == upgrade.BlueGreen {
		return upgrade.Low
	}
	return upgrade.Medium
}

func versionNames(r *upgrade.CustomResource) []string {
	var names []string
	for _, v := range r.Versions {
		names = append(names, v.Name)
	}
	return names
}

// storedVersions finds versions that objects in etcd may have and that the
// definition no longer serves, or that it calls deprecated.
func storedVersions(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.CustomResources {
		r := &v.Kubernetes.CustomResources[i]
		var gone, going []string
		for _, stored := range r.StoredVersions {
			j := slices.IndexFunc(r.Versions, func(x upgrade.CustomResourceVersion) bool { return x.Name == stored })
			switch {
			case j < 0 || !r.Versions[j].Served && !r.Versions[j].Storage:
				gone = append(gone, stored)
			case r.Versions[j].Deprecated && !r.Versions[j].Storage:
				going = append(going, stored)
			}
		}
		switch {
		case len(gone) > 0:
			out = append(out, on(c.found(v, fmt.Sprintf("storedVersions holds %s, and it serves %s: objects that were never written again are lost when the version is dropped", some(gone), some(servedNames(r)))), definition(r)))
		case len(going) > 0:
			out = append(out, on(at(c.found(v, fmt.Sprintf("storedVersions holds %s, which is deprecated", some(going))), upgrade.Low), definition(r)))
		}
	}
	return out
}

func servedNames(r *upgrade.CustomResource) []string {
	var names []string
	for _, v := range r.Versions {
		if v.Served {
			names = append(names, v.Name)
		}
	}
	return names
}

func deprecatedVersions(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.CustomResources {
		r := &v.Kubernetes.CustomResources[i]
		var names []string
		warning := ""
		for _, version := range r.Versions {
			if version.Served && version.Deprecated {
				names = append(names, version.Name)
				if warning == "" && version.Warning != "" {
					warning = ": " + version.Warning
				}
			}
		}
		if len(names) > 0 {
			out = append(out, on(c.found(v, fmt.Sprintf("%s is deprecated%s", some(names), warning)), definition(r)))
		}
	}
	return out
}

func notEstablished(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for i := range v.Kubernetes.CustomResources {
		if r := &v.Kubernetes.CustomResources[i]; !r.Established && len(r.StoredVersions) > 0 { // one in a file has no status
			out = append(out, on(c.found(v, "it is not established: its objects cannot be read or written"), definition(r)))
		}
	}
	return out
}
