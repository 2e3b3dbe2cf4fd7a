package checks

import (
	"fmt"

	"github.com/Masterminds/semver/v3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// allows reports whether a chart's kubeVersion admits a minor of Kubernetes, in
// any patch of it. What EKS appends to its versions ("v1.35.2-eks-2d5f9a1") is left
// out: older releases of Helm take it for a prerelease and newer ones drop it, and
// a chart that is installed got past that.
// Source: https://github.com/helm/helm/blob/v3.19.0/pkg/chartutil/compatible.go
func allows(constraint string, target upgrade.Version) (bool, error) {
	wanted, err := semver.NewConstraint(constraint)
	if err != nil {
		return false, err
	}
	for _, text := range []string{"%d.%d.0", "%d.%d.99"} {
		version, err := semver.NewVersion(fmt.Sprintf(text, target.Major, target.Minor))
		if err != nil {
			return false, err
		}
		if wanted.Check(version) {
			return true, nil
		}
	}
	return false, nil
}
