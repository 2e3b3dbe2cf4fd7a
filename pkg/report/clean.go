package report

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
)

// cleaned returns a copy of d in which every text is safe to show: names and
// evidence come from clusters and pages.
func cleaned(d Data) Data {
	return progress.CleanAll(d)
}
