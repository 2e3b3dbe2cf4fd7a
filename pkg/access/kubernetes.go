package access

import "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"

// Group is a Kubernetes group that access entries map the agent's roles to and
// that the manifest binds to cluster roles.
type Group string

// The groups.
const (
	Readers Group = "eks-upgrade-agent:readers"
	Writers Group = "eks-upgrade-agent:writers"
)

// groupOf returns the group of a role by its name; empty when it talks to no
// cluster.
func groupOf(role string) Group {
	switch role {
	case FunctionName(upgrade.PhasePerceive), FunctionName(upgrade.PhaseValidate), ScanProject:
		return Readers
	case FunctionName(upgrade.PhaseExecute):
		return Writers
	}
	return ""
}
