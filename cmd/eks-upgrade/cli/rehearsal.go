package cli

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/rehearsal"
)

// What the commands use of the rehearsal.
type (
	// Options of a rehearsal.
	Options = rehearsal.Options
	// Approval is what a person is asked.
	Approval = rehearsal.Approval
	// Injection is something that goes wrong on purpose.
	Injection = rehearsal.Injection
)

// findPrograms checks that the control planes' programs are there.
func findPrograms() error {
	_, err := cluster.FindAssets()
	return err
}
