package apiuse

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxClients is how many clients of an API are kept: the latest ones.
const maxClients = 5

// requests returns what EKS's insights and the API server's metric say of each
// API: who asked for it and when.
func requests(s Seen, table lifecycle.Table) map[key]upgrade.DeprecatedAPI {
	out := map[key]upgrade.DeprecatedAPI{}
	named := map[key]bool{}
	for _, i := range s.Insights {
		for _, d := range i.Deprecations {
			group, version, resource, ok := path(d.Usage)
			if !ok {
				continue
			}
			found := describe(table, group, version, resource)
			k := key{found.Object.APIVersion, found.Object.Kind}
			if found.Removed == (upgrade.Version{}) && found.Product == "" {
				found.Removed = d.StopServing
			}
			for _, c := range d.Clients {
				if !ofOurs(c.UserAgent) {
					found.Evidence = append(found.Evidence, upgrade.Evidence{Kind: upgrade.EvidenceInsight, By: c.UserAgent, At: c.LastRequest, Requests: c.Requests30Days})
				}
			}
			named[k] = true
			if len(found.Evidence) == 0 {
				continue
			}
			slices.SortStableFunc(found.Evidence, func(a, b upgrade.Evidence) int {
				return cmp.Or(b.At.Compare(a.At.Time), cmp.Compare(a.By, b.By))
			})
			found.Evidence = found.Evidence[:min(len(found.Evidence), maxClients)]
			if before, twice := out[k]; !twice || len(before.Evidence) < len(found.Evidence) { // insights of several versions repeat each other
				out[k] = found
			}
		}
	}
	for _, r := range s.Requested {
		found := describe(table, r.Group, r.Version, r.Resource)
		k := key{found.Object.APIVersion, found.Object.Kind}
		if found.Removed == (upgrade.Version{}) && found.Product == "" {
			found.Removed = r.Removed
		}
		if s.Insights != nil && !named[k] && found.Product == "" && found.Removed == s.Target {
			continue // EKS reads the audit log and names no client: it was the control plane, or a scanner's own look
		}
		if before, known := out[k]; known {
			found.Evidence = before.Evidence
			if slices.ContainsFunc(found.Evidence, func(e upgrade.Evidence) bool { return e.Kind == upgrade.EvidenceInsight }) {
				continue // the insight knows more: who, and when
			}
		}
		found.Evidence = append(found.Evidence, upgrade.Evidence{Kind: upgrade.EvidenceRequests, Subresource: r.Subresource})
		out[k] = found
	}
	return out
}

// describe says what is known of an API by the plural in its path. The kind of
// one that the table does not have is its plural.
func describe(table lifecycle.Table, group, version, resource string) upgrade.DeprecatedAPI {
	if api, known := table.Resource(group, version, resource); known {
		return api.Describe("", "")
	}
	return lifecycle.API{Group: group, Version: version, Kind: resource}.Describe("", "")
}

// path takes apart "/apis/policy/v1beta1/podsecuritypolicies" or
// "/api/v1/endpoints"; what follows the resource is not looked at.
func path(usage string) (group, version, resource string, ok bool) {
	parts := strings.Split(strings.Trim(usage, "/"), "/")
	switch {
	case len(parts) >= 4 && parts[0] == "apis":
		group, version, resource = parts[1], parts[2], parts[3]
	case len(parts) >= 3 && parts[0] == "api":
		version, resource = parts[1], parts[2]
	}
	return group, version, resource, resource != "" && version != ""
}
