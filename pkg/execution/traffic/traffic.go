package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Endpoints finds the host name of the load balancer of a Service; "" while it
// has none.
type Endpoints interface {
	Hostname(ctx context.Context, cluster string, service upgrade.ObjectName) (string, error)
}

// Traffic reads and changes the weights. All fields are needed.
type Traffic struct {
	Route53   API
	States    execution.States
	Guard     execution.Guard
	Health    execution.Health
	Endpoints Endpoints
	Clock     clock.Clock
	// Patience is how long a cluster that is to get traffic may be not healthy,
	// counted from the start of the step, before the step fails. Pods restart
	// now and then: one look is not enough to give up an upgrade.
	Patience time.Duration
}

// spreading is when to look again at a change that Route 53 is spreading,
// which takes up to 60 seconds as a rule.
const spreading = upgrade.Duration(10 * time.Second)

// change is the last change of this upgrade, kept as a state: first as an
// intent, then with the id that Route 53 gave it, then with the time at which
// all name servers had it.
type change struct {
	Before   split            `json:"before"`
	After    split            `json:"after"`
	TTL      upgrade.Duration `json:"ttl"`               // the longest that a client holds an older answer
	ID       string           `json:"id,omitempty"`      // empty: the answer of Route 53 is not known
	InSyncAt upgrade.Time     `json:"inSyncAt,omitzero"` // zero: not known to be in sync
	MadeAt   upgrade.Time     `json:"madeAt,omitzero"`   // zero: there was no change yet
	Comment  string           `json:"comment,omitempty"` // as sent to Route 53
}

func stateKey(n Name) string { return "traffic#" + n.Zone + "#" + canonical(n.Record) }

func (t *Traffic) load(ctx context.Context, run upgrade.Run, n Name) (change, error) {
	return execution.LoadState[change](ctx, t.States, run.ID, stateKey(n))
}

func (t *Traffic) save(ctx context.Context, run upgrade.Run, n Name, c change) error {
	return execution.SaveState(ctx, t.States, run.ID, stateKey(n), c)
}

// Weights returns how traffic is split now, and whether the last change of
// this upgrade, if there was one, is known to have reached all name servers. It
// is Drift when the record sets are not as that change left them: the weights
// may be right and still lead elsewhere.
func (t *Traffic) Weights(ctx context.Context, run upgrade.Run, n Name) (w upgrade.Weights, inSync bool, err error) {
	last, err := t.load(ctx, run, n)
	if err != nil {
		return upgrade.Weights{}, false, err
	}
	now, err := read(ctx, t.Route53, n)
	if err != nil {
		return upgrade.Weights{}, false, err
	}
	if err := drift(last, now.split(), n); err != nil {
		return upgrade.Weights{}, false, err
	}
	return now.split().Weights, last.MadeAt.IsZero() || !last.InSyncAt.IsZero(), nil
}

// drift is the error that somebody else changed what this upgrade left, or nil.
// A change whose answer is not known may have been made or not.
func drift(last change, seen split, n Name) error {
	if last.MadeAt.IsZero() || seen == last.After || (last.ID == "" && seen == last.Before) {
		return nil
	}
	return upgrade.KindTrafficDrift.Errorf("read the record sets of "+n.Record,
		"somebody else changed them: this upgrade left %s, but there is %s", last.After, seen).
		WithRemedy("find out who did; set the weights back to " + last.After.Weights.String() + " before the upgrade goes on")
}

// Present reports whether the name has a record set of that identifier,
// whatever else it has.
func (t *Traffic) Present(ctx context.Context, n Name, identifier string) (bool, error) {
	all, err := list(ctx, t.Route53, n.Zone, n.Record)
	if err != nil {
		return false, awserr.Wrap("read the record sets of "+n.Record, err)
	}
	for _, set := range all {
		if set.SetIdentifier != nil && *set.SetIdentifier == identifier {
			return true, nil
		}
	}
	return false, nil
}

// settled sees the last change through: it proves that what Route 53 holds is
// what this upgrade left there (or Drift), that the change is INSYNC, and that
// every client's cached answer has run out since. It returns progress that is
// not done while any of this is open. The cached answers are not waited for when
// the weights that hold now are urgent to leave.
func (t *Traffic) settled(ctx context.Context, run upgrade.Run, n Name, urgent func(upgrade.Weights) bool) (sets, change, *upgrade.Progress, error) {
	last, err := t.load(ctx, run, n)
	if err != nil {
		return sets{}, change{}, nil, err
	}
	now, err := read(ctx, t.Route53, n)
	if err != nil {
		return sets{}, change{}, nil, err
	}
	if last.MadeAt.IsZero() {
		return now, last, nil, nil
	}
	seen := now.split()
	if err := drift(last, seen, n); err != nil {
		return sets{}, change{}, nil, err
	}
	switch {
	case last.ID == "" && seen == last.Before: // the intent was recorded, but nothing was changed
		return now, last, nil, nil
	case last.ID == "": // changed, but the id was lost: the same batch again changes nothing and gives us one
		p, err := t.submit(ctx, run, n, last, same(now))
		return now, last, &p, err
	case last.InSyncAt.IsZero():
		synced, err := t.inSync(ctx, last.ID)
		if err != nil {
			return sets{}, change{}, nil, err
		}
		if !synced {
			return now, last, &upgrade.Progress{After: spreading, Note: fmt.Sprintf("%s: Route 53 is spreading the change", last.After.Weights)}, nil
		}
		last.InSyncAt = upgrade.At(t.Clock.Now())
		if err := t.save(ctx, run, n, last); err != nil {
			return sets{}, change{}, nil, err
		}
	}
	if left := last.TTL.D() - t.Clock.Now().Sub(last.InSyncAt.Time); left > 0 && !urgent(seen.Weights) {
		return now, last, &upgrade.Progress{After: upgrade.Duration(left), Note: fmt.Sprintf("%s: in sync, waiting %s for answers that clients still hold", last.After.Weights, left.Round(time.Second))}, nil
	}
	return now, last, nil, nil
}

func (t *Traffic) inSync(ctx context.Context, id string) (bool, error) {
	out, err := t.Route53.GetChange(ctx, &route53.GetChangeInput{Id: &id})
	if err != nil {
		return false, awserr.Wrap("get Route 53 change "+id, err)
	}
	return out.ChangeInfo != nil && out.ChangeInfo.Status == types.ChangeStatusInsync, nil
}

// submit records the intent, changes the record sets in one batch and records
// the id. A batch that Route 53 cannot take yet is tried again at the next
// look, where the intent is found unfulfilled.
func (t *Traffic) submit(ctx context.Context, run upgrade.Run, n Name, c change, changes []types.Change) (upgrade.Progress, error) {
	if err := t.Guard.Check(ctx, run, execution.Lease); err != nil {
		return upgrade.Progress{}, err
	}
	c.ID, c.InSyncAt, c.MadeAt = "", upgrade.Time{}, upgrade.At(t.Clock.Now())
	if err := t.save(ctx, run, n, c); err != nil {
		return upgrade.Progress{}, err
	}
	out, err := t.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &n.Zone,
		ChangeBatch:  &types.ChangeBatch{Changes: changes, Comment: &c.Comment},
	})
	if awserr.Is(err, "PriorRequestNotComplete") {
		return upgrade.Progress{After: spreading, Note: "Route 53 is still busy with an earlier change of this hosted zone"}, nil
	}
	if err != nil {
		return upgrade.Progress{}, awserr.Wrap("change the record sets of "+n.Record, err)
	}
	c.ID = *out.ChangeInfo.Id
	if err := t.save(ctx, run, n, c); err != nil {
		return upgrade.Progress{}, err
	}
	return upgrade.Progress{After: spreading, Note: fmt.Sprintf("%s: changed, Route 53 is spreading it", c.After.Weights)}, nil
}

// String returns "blue 90, green 10 (blue: a.example, green: b.example)".
func (s split) String() string {
	return fmt.Sprintf("%s (blue: %s, green: %s)", s.Weights, orNone(s.BlueValue), orNone(s.GreenValue))
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
