package assess

import (
	"context"
	"fmt"
	"iter"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/proof"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// prover tries manifests on an API server of the target version on this
// machine: those of the cluster, if there is one, and those of the files.
type prover struct {
	connect   func(context.Context, string) (*kube.Client, error) // nil: no cluster
	manifests []manifests.Manifest
	from      upgrade.Version
}

// Collect implements perception.Collector. Without the programs nothing was
// tried, and the snapshot says so.
func (p *prover) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	programs, err := controlplane.Find("")
	if err != nil {
		return upgrade.Snapshot{NotChecked: []upgrade.NotChecked{{Part: "scanners.proof", What: "what an API server of the target says of the manifests", Why: err.Error(),
			Remedy: "let " + controlplane.PathVariable + " name the program, or build it: " + controlplane.BuildCommand}}}, "no API server to try manifests on", nil
	}
	o := proof.Options{Programs: programs, Version: in.Run.Request.Target, Against: p.from, Manifests: p.files(), Helm: p.connect != nil}
	var result upgrade.Proof
	try := func(o proof.Options) (upgrade.Proof, error) { return proof.Run(ctx, o) }
	if p.connect != nil {
		client, err := p.connect(ctx, in.Run.Request.Cluster)
		if err != nil {
			return upgrade.Snapshot{}, "", err
		}
		try = func(o proof.Options) (upgrade.Proof, error) { return proof.OfCluster(ctx, client, o) }
	}
	if result, err = try(o); err != nil {
		return upgrade.Snapshot{}, "", err
	}
	// What the cluster stores is of its version already; files may be ahead of it,
	// and are lost when the control plane goes back.
	if in.Run.Request.Strategy == upgrade.InPlace && p.from != (upgrade.Version{}) && len(p.manifests) > 0 {
		o.Version, o.Against = p.from, in.Run.Request.Target
		back, err := try(o)
		if err != nil {
			return upgrade.Snapshot{}, "", err
		}
		result.Back = &back
	}
	return upgrade.Snapshot{Proof: &result, NotChecked: result.NotTried}, fmt.Sprintf("%d manifests tried on Kubernetes %s: %d are not taken as they are", result.Tried, result.Version, len(result.Results)), nil
}

func (p *prover) files() iter.Seq2[proof.Manifest, error] {
	return func(yield func(proof.Manifest, error) bool) {
		for _, m := range p.manifests {
			if !yield(proof.Manifest{Object: m.Object, Source: upgrade.ManifestSource{From: upgrade.FromFile, Name: shown(m.File)}}, nil) {
				return
			}
		}
	}
}
