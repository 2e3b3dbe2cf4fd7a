// Package lease keeps the right to change a cluster: one holder per cluster,
// with a generation that rises at each acquisition. Whoever is about to change
// something checks its generation first; a stale one changes nothing.
//
// A lease that was never used for a change is free again when it expires. Once
// a change was begun it is kept until its own upgrade releases it, whatever its
// expiry: an upgrade that was stopped half way leaves a cluster that a person
// has to look at before anything else changes it.
//
// The DynamoDB table has the string key "cluster".
package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Margin is how much longer than asked for a lease is held. Between two checks
// lie a wait (handed in), the run time of a handler (at most 15 minutes in
// Lambda) and the state machine's retries.
const Margin = 30 * time.Minute

// Store is the leases of all clusters.
type Store struct {
	table table.Table
	name  string
	clock clock.Clock
}

// New returns the store in the DynamoDB table of that name.
func New(api table.API, name string, c clock.Clock) *Store {
	return &Store{table: table.New(api, name), name: name, clock: c}
}

// state is the document of a cluster.
type state struct {
	upgrade.Lease
	Released bool   `json:"released,omitempty"`
	Dirty    bool   `json:"dirty,omitempty"` // a change was begun and its upgrade has not ended cleanly
	Why      string `json:"why,omitempty"`   // of dirty
}

// Acquire takes the lease of a cluster for an upgrade. The same upgrade gets
// the same lease again. LeaseHeld says that another upgrade has it; Conflict
// that this upgrade had it and has ended.
func (s *Store) Acquire(ctx context.Context, cluster, owner string) (upgrade.Lease, error) {
	now := s.clock.Now()
	taken := false
	held, err := table.Update(ctx, s.table, key(cluster), func(old state, found bool) (state, bool, error) {
		taken = false
		switch {
		case found && old.Owner == owner && old.Released:
			return old, false, upgrade.KindUpgradeEnded.Errorf("acquire lease", "upgrade %q has already ended", owner).
				WithRemedy("start a new upgrade under another execution name")
		case found && old.Owner == owner && now.Before(old.ExpiresAt.Time):
			return old, false, nil
		case found && old.Owner == owner: // nobody took it: it lives on
			next := old
			next.ExpiresAt = upgrade.At(now.Add(Margin))
			return next, true, nil
		case found && !old.Released && (old.Dirty || now.Before(old.ExpiresAt.Time)):
			return old, false, s.heldByAnother(old)
		}
		taken = true
		return state{Lease: upgrade.Lease{Cluster: cluster, Owner: owner, Generation: old.Generation + 1, ExpiresAt: upgrade.At(now.Add(Margin))}}, true, nil
	})
	if err == nil && taken {
		metrics.From(ctx).Add(metrics.UpgradesStarted, 1, nil)
	}
	return held.Lease, err
}

func (s *Store) heldByAnother(held state) error {
	release := fmt.Sprintf(`aws dynamodb delete-item --table-name %s --key '{"cluster":{"S":"%s"}}'`, s.name, held.Cluster)
	if held.Dirty {
		return upgrade.KindLeaseDirty.Errorf("acquire lease", "cluster %s is held by upgrade %q, which began to change it and has not ended cleanly: %s", held.Cluster, held.Owner, held.Why).
			WithRemedy("wait for its end; if it is no longer running, inspect clusters and traffic weights, then run: " + release)
	}
	return upgrade.KindLeaseHeld.Errorf("acquire lease", "cluster %s is held by upgrade %q until %s", held.Cluster, held.Owner, held.ExpiresAt.Format(time.RFC3339)).
		WithRemedy("wait for its end; if it is no longer running, wait for the expiry or run: " + release)
}

// Renew extends the lease to at least the given time and Margin from now; it
// never shortens it. LeaseLost says that the lease is not of this owner and
// generation any more. An expired lease that nobody took is still its owner's.
func (s *Store) Renew(ctx context.Context, cluster, owner string, generation int64, atLeast time.Duration) error {
	return s.renew(ctx, cluster, owner, generation, atLeast, "")
}

// MarkDirty records why the cluster must not be changed by another upgrade
// before a person has looked at it. Release by the same owner clears it.
func (s *Store) MarkDirty(ctx context.Context, cluster, owner string, generation int64, why string) error {
	return s.renew(ctx, cluster, owner, generation, 0, why)
}

// Guard is what whoever changes a cluster asks first.
type Guard interface {
	// Check returns nil when the run's lease is its own, for at least the
	// given time and a margin. Any error means: change nothing.
	Check(ctx context.Context, run upgrade.Run, atLeast time.Duration) error
}

var _ Guard = (*Store)(nil)

const begun = "changes were begun"

// Check implements Guard. The first check marks the lease dirty, because a
// change follows.
func (s *Store) Check(ctx context.Context, run upgrade.Run, atLeast time.Duration) error {
	return s.renew(ctx, run.Request.Cluster, run.ID, run.Generation, atLeast, begun)
}

// Keep renews the lease of a run that waits and has changed nothing by it.
func (s *Store) Keep(ctx context.Context, run upgrade.Run, atLeast time.Duration) error {
	return s.renew(ctx, run.Request.Cluster, run.ID, run.Generation, atLeast, "")
}

// renew extends the lease and, with a why, marks it dirty. A renewal that adds
// less than half the margin is not written: a step that is polled every few
// seconds then costs a read each time, not a write.
func (s *Store) renew(ctx context.Context, cluster, owner string, generation int64, atLeast time.Duration, why string) error {
	now := s.clock.Now()
	_, err := table.Update(ctx, s.table, key(cluster), func(old state, found bool) (state, bool, error) {
		if !found || old.Owner != owner || old.Generation != generation || old.Released {
			return old, false, lost("renew lease", cluster, owner, generation, old, found)
		}
		next := old
		if why != "" && (!next.Dirty || why != begun) { // what ended it says more than that it was begun
			next.Dirty, next.Why = true, why
		}
		if until := now.Add(max(atLeast, 0) + Margin); until.Sub(next.ExpiresAt.Time) > Margin/2 {
			next.ExpiresAt = upgrade.At(until)
		}
		return next, next != old, nil
	})
	return err
}

// Release gives the lease back. It is called when the upgrade has ended in a
// clean state only. Releasing again is no error, nor is it when a person
// removed the lease; a lease that another upgrade holds is LeaseLost.
func (s *Store) Release(ctx context.Context, cluster, owner string, generation int64) error {
	_, err := table.Update(ctx, s.table, key(cluster), func(old state, found bool) (state, bool, error) {
		switch {
		case !found:
			return old, false, nil
		case old.Owner != owner || old.Generation != generation:
			return old, false, lost("release lease", cluster, owner, generation, old, found)
		case old.Released:
			return old, false, nil
		}
		next := old
		next.Released, next.Dirty, next.Why = true, false, ""
		return next, true, nil
	})
	return err
}

func lost(op, cluster, owner string, generation int64, now state, found bool) error {
	holder := "nobody"
	if found && !now.Released {
		holder = fmt.Sprintf("upgrade %q with generation %d", now.Owner, now.Generation)
	}
	return upgrade.KindLeaseLost.Errorf(op, "upgrade %q with generation %d no longer holds cluster %s; %s does", owner, generation, cluster, holder).
		WithRemedy("this upgrade changes nothing any more; inspect clusters and traffic weights before you start another")
}

func key(cluster string) table.Key { return table.Key{"cluster": cluster} }
