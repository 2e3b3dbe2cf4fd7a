package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Reconcile implements execution.Executor for shiftTraffic steps. A step is
// done when Route 53 has its weights, in sync, read again, and the TTL has
// passed since. It begins when the same holds of the last change, but for the
// TTL when traffic returns to the safe side.
func (t *Traffic) Reconcile(ctx context.Context, run upgrade.Run, _ upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) (upgrade.Progress, error) {
	in, err := execution.Input[upgrade.ShiftInput](step)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if err := in.Weights.Validate(); err != nil {
		return upgrade.Progress{}, fmt.Errorf("input of step %s: %w", step.ID, err)
	}
	n := Name{Zone: in.HostedZone, Record: in.Record, Blue: in.Blue, Green: in.Green}
	home := func(w upgrade.Weights) bool { return in.Weights.Of(in.Safe) == 100 && w != in.Weights } // users suffer: do not let them wait
	now, last, open, err := t.settled(ctx, run, n, home)
	switch {
	case err != nil:
		return upgrade.Progress{}, err
	case open != nil:
		return *open, nil
	}
	seen := now.split()
	if seen.Weights == in.Weights {
		return upgrade.Progress{Done: true, Note: seen.Weights.String()}, nil
	}
	if problem := upgrade.AllowedShift(seen.Weights, in.Weights, in.Steps, in.Safe); problem != "" {
		return upgrade.Progress{}, refuse(step, last, problem)
	}
	if now.blue == nil && in.Weights.Blue > 0 {
		return upgrade.Progress{}, upgrade.KindRecordSetsUnusable.Errorf("shift traffic", "there is no record set of %s to give weight to", in.Blue).
			WithRemedy("create it with the host name of the cluster's load balancer and the weight 0")
	}
	if old := now.ttl(); old+room > step.Timeout.D() && in.Weights.Of(in.Safe) != 100 {
		return upgrade.Progress{}, upgrade.KindTTLTooLong.Errorf("shift traffic", "clients hold answers for %s, longer than step %s may take (%s)", old, step.ID, step.Timeout).
			WithRemedy(fmt.Sprintf("lower the TTL of the record set of %s to %s, wait for %s, then start a new upgrade", in.Record, in.TTL, old))
	}
	if open, err := t.healthy(ctx, run, in, seen.Weights, record); err != nil || open != nil {
		return orZero(open), err
	}
	next := split{Weights: in.Weights, BlueValue: seen.BlueValue, GreenValue: seen.GreenValue}
	if in.Weights.Green > 0 {
		hostname, err := t.Endpoints.Hostname(ctx, in.Green, in.Service)
		if err != nil {
			return upgrade.Progress{}, err
		}
		if hostname == "" {
			return upgrade.Progress{Note: fmt.Sprintf("the Service %s of %s has no load balancer yet", in.Service, in.Green)}, nil
		}
		next.GreenValue = canonical(hostname)
	}
	again, err := read(ctx, t.Route53, n) // the checks took time: act on what is true now
	if err != nil {
		return upgrade.Progress{}, err
	}
	if again.split() != seen {
		return upgrade.Progress{After: upgrade.Duration(time.Second), Note: "the record sets changed while the clusters were checked"}, nil
	}
	c := change{Before: seen, After: next, TTL: max(in.TTL, upgrade.Duration(now.ttl())),
		Comment: fmt.Sprintf("EKS upgrade %s, %s: %s", run.ID, step.ID, in.Weights)}
	return t.submit(ctx, run, n, c, upsert(n, now, next, in.TTL))
}

// room is what a shift needs besides the TTL: health checks, a busy zone and the
// spreading of the change.
const room = 10 * time.Minute

func refuse(step upgrade.Step, last change, problem string) error {
	e := upgrade.KindShiftRefused.Errorf("shift traffic", "step %s may not run: %s", step.ID, problem)
	if last.MadeAt.IsZero() {
		return e.WithRemedy("give all weight to the cluster that is upgraded, then start a new upgrade")
	}
	return e
}

// healthy makes sure that each cluster with weight has a fresh verdict. One
// whose weight rises must pass: traffic never moves toward a cluster that is
// not known to be healthy, and may always move away from one.
func (t *Traffic) healthy(ctx context.Context, run upgrade.Run, in upgrade.ShiftInput, now upgrade.Weights, record upgrade.StepRecord) (*upgrade.Progress, error) {
	for _, side := range []upgrade.Side{upgrade.Green, upgrade.Blue} {
		cluster := in.Blue
		if side == upgrade.Green {
			cluster = in.Green
		}
		if in.Weights.Of(side) == 0 {
			continue
		}
		health, err := t.Health.Fresh(ctx, run, cluster)
		if err != nil {
			return nil, err
		}
		if health.Status == upgrade.Pass || in.Weights.Of(side) <= now.Of(side) {
			continue
		}
		if t.Clock.Now().Sub(record.StartedAt.Time) < t.Patience {
			return &upgrade.Progress{Note: fmt.Sprintf("waiting until %s is healthy: %s", cluster, health.Evidence)}, nil
		}
		return nil, upgrade.KindTargetUnhealthy.Errorf("shift traffic", "%s gets no more traffic, it is not healthy (%s): %s", cluster, health.Status, health.Evidence)
	}
	return nil, nil
}

func orZero(p *upgrade.Progress) upgrade.Progress {
	if p == nil {
		return upgrade.Progress{}
	}
	return *p
}

// upsert returns the one batch that makes next of now. A record set that is
// there keeps all that people gave it, but for weight, TTL and value.
func upsert(n Name, now sets, next split, ttl upgrade.Duration) []types.Change {
	var changes []types.Change
	add := func(set *types.ResourceRecordSet, identifier, value string, weight int) {
		if value == "" {
			return
		}
		made := types.ResourceRecordSet{Name: aws.String(n.Record), Type: types.RRTypeCname, SetIdentifier: &identifier}
		if set != nil {
			made = *set
		}
		made.Weight, made.TTL = aws.Int64(int64(weight)), aws.Int64(int64(ttl.Seconds()))
		made.ResourceRecords = []types.ResourceRecord{{Value: &value}}
		changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &made})
	}
	add(now.blue, n.Blue, next.BlueValue, next.Weights.Blue)
	add(now.green, n.Green, next.GreenValue, next.Weights.Green)
	return changes
}

// same returns a batch that changes nothing, to get the id of a change again.
func same(now sets) []types.Change {
	var changes []types.Change
	for _, set := range []*types.ResourceRecordSet{now.blue, now.green} {
		if set != nil {
			changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: set})
		}
	}
	return changes
}
