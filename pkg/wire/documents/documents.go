// Package documents reads and writes the artifacts that several phases share,
// by their type.
package documents

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Store is the plans, assessments and snapshots in an artifact store.
type Store struct{ *artifacts.Store }

// Plan reads a plan and checks that its hash is its own.
func (s Store) Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error) {
	return artifacts.Get[upgrade.Plan](ctx, s.Store, ref)
}

// PutPlan stores a plan.
func (s Store) PutPlan(ctx context.Context, plan upgrade.Plan) (upgrade.Ref, error) {
	return s.Put(ctx, "plans/"+plan.Upgrade, plan)
}

// Assessment reads an assessment.
func (s Store) Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error) {
	return artifacts.Get[upgrade.Assessment](ctx, s.Store, ref)
}

// Snapshot reads a snapshot.
func (s Store) Snapshot(ctx context.Context, ref upgrade.Ref) (upgrade.Snapshot, error) {
	return artifacts.Get[upgrade.Snapshot](ctx, s.Store, ref)
}
