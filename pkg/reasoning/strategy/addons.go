package strategy

import (
	"fmt"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// addons returns the add-ons for a cluster of the version: EKS's default for
// it, or what is installed now where that fits and is newer. Add-ons do not go
// back, and a default can be older than what somebody chose.
func addons(from []upgrade.Addon, version upgrade.Version) ([]upgrade.Addon, error) {
	out := make([]upgrade.Addon, 0, len(from))
	for _, a := range from {
		choice := a.Compatible[version.String()]
		if len(choice.Versions) == 0 {
			return nil, upgrade.KindAddonWithoutVersion.Errorf("plan", "EKS offers no version of add-on %s for %s", a.Name, version).
				WithRemedy(fmt.Sprintf("remove the add-on, or wait until EKS offers it for %s", version))
		}
		chosen := choice.Default
		if chosen == "" {
			chosen = choice.Versions[0] // the newest
		}
		if slices.Contains(choice.Versions, a.Version) && semver.Compare(a.Version, chosen) > 0 {
			chosen = a.Version
		}
		out = append(out, upgrade.Addon{Name: a.Name, Version: chosen, RoleARN: a.RoleARN, Configuration: a.Configuration})
	}
	return out, nil
}
