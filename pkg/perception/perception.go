// Package perception looks at a cluster and at what is published about its
// target version, and writes what it saw to the artifact store. It changes
// nothing. What it cannot see it names (upgrade.NotChecked) instead of leaving
// it out.
package perception

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Collector looks at one source. It sets the source's part of the snapshot,
// NotChecked for what it could not see, and nothing else; summary is one line
// for people. An error means that nothing useful was seen at all.
type Collector interface {
	Collect(ctx context.Context, in upgrade.PerceiveInput) (snapshot upgrade.Snapshot, summary string, err error)
}

// Artifacts stores what was seen.
type Artifacts interface {
	Put(ctx context.Context, prefix string, v any) (upgrade.Ref, error)
}

// Handler is the perceive phase.
type Handler struct {
	Collectors map[upgrade.Source]Collector
	Artifacts  Artifacts
	Clock      clock.Clock
}

// Handle looks at one source and stores the snapshot under
// "snapshots/<upgrade>/<source>". It errs as the source's collector does; a
// source without a collector is an InvalidRequest.
func (h *Handler) Handle(ctx context.Context, in upgrade.PerceiveInput) (upgrade.PerceiveOutput, error) {
	collector, ok := h.Collectors[in.Source]
	if !ok {
		return upgrade.PerceiveOutput{}, upgrade.KindInvalidInput.Field("perceive", "source",
			"there is no collector for \""+string(in.Source)+"\"", "name aws, kubernetes, releaseNotes or scanners")
	}
	takenAt := upgrade.At(h.Clock.Now()) // before the look: a snapshot is never younger than what it shows
	snapshot, summary, err := collector.Collect(ctx, in)
	if in.Source == upgrade.SourceKubernetes && upgrade.CodeOf(err) == upgrade.CodeUnavailable {
		err = upgrade.KindClusterUnreachable.Errorf("perceive", "cluster %s: %w", in.Run.Request.Cluster, err)
	}
	if err != nil {
		return upgrade.PerceiveOutput{}, err
	}
	snapshot.Source, snapshot.Cluster, snapshot.TakenAt = in.Source, in.Run.Request.Cluster, takenAt
	ref, err := h.Artifacts.Put(ctx, "snapshots/"+in.Run.ID+"/"+string(in.Source), snapshot)
	if err != nil {
		return upgrade.PerceiveOutput{}, err
	}
	return upgrade.PerceiveOutput{Source: in.Source, Snapshot: ref, Summary: summary}, nil
}
