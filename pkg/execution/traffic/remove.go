package traffic

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Remove deletes the record set of one side, which must have no traffic while
// the other side has all of it; anything else is a Precondition error. It is a
// reconciler like Reconcile: done when there is no such record set and the
// last change of this upgrade is in sync and past its TTL.
func (t *Traffic) Remove(ctx context.Context, run upgrade.Run, n Name, side upgrade.Side) (upgrade.Progress, error) {
	identifier := n.Blue
	if side == upgrade.Green {
		identifier = n.Green
	}
	present, err := t.Present(ctx, n, identifier)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if !present {
		return t.gone(ctx, run, n, identifier)
	}
	now, _, open, err := t.settled(ctx, run, n, never)
	if err != nil || open != nil {
		return orZero(open), err
	}
	seen := now.split()
	next, removed := seen, now.blue
	if side == upgrade.Green {
		next.GreenValue, removed = "", now.green
	} else {
		next.BlueValue = ""
	}
	if seen.Weights != opposite(side) {
		return upgrade.Progress{}, upgrade.KindStillServing.Errorf("remove record set", "%s still has traffic: %s", identifier, seen.Weights).
			WithRemedy("shift all traffic to the other cluster first")
	}
	c := change{Before: seen, After: next, TTL: upgrade.Duration(now.ttl()),
		Comment: fmt.Sprintf("EKS upgrade %s: %s is removed", run.ID, identifier)}
	return t.submit(ctx, run, n, c, []types.Change{{Action: types.ChangeActionDelete, ResourceRecordSet: removed}})
}

// gone sees the removal through. A name that this upgrade never changed needs
// nothing, whatever record sets it has.
func (t *Traffic) gone(ctx context.Context, run upgrade.Run, n Name, identifier string) (upgrade.Progress, error) {
	last, err := t.load(ctx, run, n)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if !last.MadeAt.IsZero() {
		if _, _, open, err := t.settled(ctx, run, n, never); err != nil || open != nil {
			return orZero(open), err
		}
	}
	return upgrade.Progress{Done: true, Note: identifier + " has no record set"}, nil
}

func never(upgrade.Weights) bool { return false }

func opposite(side upgrade.Side) upgrade.Weights {
	if side == upgrade.Green {
		return upgrade.AllBlue
	}
	return upgrade.AllGreen
}
