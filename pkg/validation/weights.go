package validation

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Traffic reads how traffic is split, and whether the last change of the
// upgrade is in sync.
type Traffic interface {
	Weights(ctx context.Context, run upgrade.Run, zone, record, blue, green string) (w upgrade.Weights, inSync bool, err error)
}

// WeightsHold checks that Route 53 has the weights, in sync.
type WeightsHold struct{ Traffic Traffic }

// Check implements Checker.
func (w WeightsHold) Check(ctx context.Context, run upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (Result, error) {
	weights, inSync, err := w.Traffic.Weights(ctx, run, c.HostedZone, c.Record, c.Blue, c.Green)
	switch {
	case upgrade.CodeOf(err) == upgrade.CodeDrift, upgrade.CodeOf(err) == upgrade.CodePrecondition:
		return fail("%v", err), nil // they were read, and are not what they must be
	case err != nil:
		return Result{}, err
	case weights != c.Weights:
		return fail("the weights are %s instead of %s", weights, c.Weights), nil
	case !inSync:
		return inconclusive("%s, but Route 53 is still spreading the change", weights), nil
	}
	return pass("%s, in sync", weights), nil
}
