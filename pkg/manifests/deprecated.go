package manifests

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Deprecated returns the objects whose API version is deprecated or removed at
// the release, with the file as evidence.
func Deprecated(manifests []Manifest, table lifecycle.Table, target upgrade.Version) []upgrade.DeprecatedAPI {
	all := []upgrade.DeprecatedAPI{}
	for _, m := range manifests {
		o := m.Ref()
		api, ages := table.Aged(o.APIVersion, o.Kind, target)
		if !ages {
			continue
		}
		found := api.Describe(o.Namespace, o.Name)
		found.Evidence = []upgrade.Evidence{{Kind: upgrade.EvidenceFile, File: m.File, Line: m.Line}}
		all = append(all, found)
	}
	return all
}
