// Package strategy turns an assessed cluster into the steps of an upgrade. Each
// strategy is one function; a request names it.
package strategy

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Input is what a plan is made from.
type Input struct {
	Request upgrade.Request      // with its defaults
	Cluster upgrade.ClusterState // as perceived, assessed without a blocking finding

	ProvisionTimeout upgrade.Duration // how long making green may take; an hour is usual
	MetricsPeriod    upgrade.Duration // resolution of the metrics that bakes are judged by; a minute is usual
}

// Func plans. It errs only when the input is not fit for a plan.
type Func func(Input) ([]upgrade.Step, error)

var strategies = map[upgrade.Strategy]Func{
	upgrade.BlueGreen: blueGreen,
}

// For returns the strategy of a name.
func For(name upgrade.Strategy) (Func, error) {
	f, ok := strategies[name]
	if !ok {
		return nil, upgrade.KindStrategyUnknown.Field("plan", "strategy", fmt.Sprintf("%q is not known", string(name)), "use "+string(upgrade.BlueGreen))
	}
	return f, nil
}

// input encodes a step's input; the types cannot fail to encode, so that an
// error is a bug.
func input(v any) (json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, upgrade.KindPlanBroken.Errorf("plan", "%w", err)
	}
	return data, nil
}

// nodeGroups returns the node groups for a cluster of the version: the same
// ones, without what EKS reports of them.
func nodeGroups(from []upgrade.NodeGroup, version upgrade.Version) []upgrade.NodeGroup {
	out := slices.Clone(from)
	for i := range out {
		out[i].Version, out[i].Status, out[i].Health = version, "", nil
	}
	return out
}
