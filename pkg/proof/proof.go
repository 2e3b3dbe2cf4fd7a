// Package proof tries manifests on real API servers: one of the version that an
// upgrade (or a rollback) reaches, and one of the version that runs, which only
// what the first does not take as it is is tried on. Servers run on this machine,
// with the cluster's definitions and namespaces and nothing else of it; manifests
// are dry runs, so that nothing is stored.
package proof

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Manifest is one object as somebody wrote it, or as a cluster serves it. It is
// not changed.
type Manifest struct {
	Object *unstructured.Unstructured
	Source upgrade.ManifestSource
}

// Ref names the object.
func (m Manifest) Ref() upgrade.ObjectRef {
	name := m.Object.GetName()
	if name == "" {
		name = m.Object.GetGenerateName()
	}
	return upgrade.ObjectRef{APIVersion: m.Object.GetAPIVersion(), Kind: m.Object.GetKind(), Namespace: m.Object.GetNamespace(), Name: name}
}

// Options say what is tried, and on what. Programs, Version and Manifests are
// needed.
type Options struct {
	Programs controlplane.Programs
	Version  upgrade.Version
	// Against is the version to compare with; zero: results are all that Version
	// does not take as it is.
	Against upgrade.Version
	// CRDs, Namespaces and Policies (ValidatingAdmissionPolicies and their
	// bindings) are what the cluster has. Manifests of CRDs are loaded as well.
	CRDs, Namespaces, Policies []*unstructured.Unstructured
	// Manifests are read once. An error among them ends the run.
	Manifests iter.Seq2[Manifest, error]
	// Helm has OfCluster read the releases that Helm has deployed: they are Secrets
	// of type helm.sh/release.v1, of which only the manifests are decoded.
	Helm bool
	// NotTried is what the caller could not read.
	NotTried []upgrade.NotChecked
	// Parallel is how many are tried at a time; 0: eight a processor.
	Parallel int
	// Dir is where the servers keep their state; "": the system's folder for
	// temporary files.
	Dir string

	defined []Manifest // every definition, of the cluster or a manifest
}

// Run tries all manifests. An API server that does not start, or ends, is an
// Unavailable; a version that the programs cannot be is an InvalidRequest. Of
// Against they are not errors: the proof then has none, and says so in NotTried.
func Run(ctx context.Context, o Options) (upgrade.Proof, error) {
	if o.Parallel <= 0 {
		o.Parallel = 8 * runtime.GOMAXPROCS(0)
	}
	minor, err := o.Programs.Minor()
	if err != nil {
		return upgrade.Proof{}, upgrade.KindProofUnavailable.Errorf("prove", "%w", err)
	}
	if !served(o.Version, minor) {
		return upgrade.Proof{}, upgrade.KindInvalidInput.Field("prove", "target", fmt.Sprintf("%s cannot be tried on an API server built of 1.%d, which can be 1.%d to 1.%d", o.Version, minor, minor-controlplane.Emulated, minor),
			"name the programs of that version: --control-plane FOLDER with its kube-apiserver and etcd")
	}
	proof := upgrade.Proof{Version: o.Version, Against: o.Against, BySource: map[string]int{}, Results: []upgrade.ProofResult{}, NotTried: o.NotTried}
	kept, err := o.try(ctx, &proof)
	if err != nil {
		return upgrade.Proof{}, err
	}
	switch {
	case len(kept) == 0 || o.Against == (upgrade.Version{}):
	case !served(o.Against, minor):
		proof.Against = upgrade.Version{}
		proof.NotTried = append(proof.NotTried, upgrade.NotChecked{What: "the comparison with " + o.Against.String(),
			Why:    fmt.Sprintf("an API server built of 1.%d can be 1.%d to 1.%d, so that results may be nothing new", minor, minor-controlplane.Emulated, minor),
			Remedy: "name the programs of an older version with --control-plane"})
	default:
		if err := o.compare(ctx, &proof, kept); err != nil {
			return upgrade.Proof{}, err
		}
	}
	for _, k := range kept {
		proof.Results = append(proof.Results, k.results()...)
	}
	slices.SortStableFunc(proof.Results, func(a, b upgrade.ProofResult) int {
		if a.Verdict != b.Verdict {
			return rank(a.Verdict) - rank(b.Verdict)
		}
		return strings.Compare(a.Object.String()+a.Source.String(), b.Object.String()+b.Source.String())
	})
	return proof, nil
}

// served reports whether programs built of a minor can be a version.
func served(v upgrade.Version, minor int) bool {
	return v.Major == 1 && v.Minor <= minor && v.Minor >= minor-controlplane.Emulated
}

func rank(v upgrade.ProofVerdict) int {
	return slices.Index([]upgrade.ProofVerdict{upgrade.ProofRejected, upgrade.ProofPruned, upgrade.ProofWarned}, v)
}

// kept is a manifest that Version does not take as it is, with what it says.
type kept struct {
	manifest Manifest
	outcome  outcome
}

// try tries everything on Version and returns what is worth comparing.
func (o *Options) try(ctx context.Context, proof *upgrade.Proof) ([]*kept, error) {
	s, err := o.start(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var all []*kept
	var mu sync.Mutex
	note := func(m Manifest, out outcome) {
		mu.Lock()
		defer mu.Unlock()
		if out.problem != "" {
			proof.NotTried = append(proof.NotTried, upgrade.NotChecked{What: m.Ref().String() + ", " + m.Source.String(), Why: out.problem, Remedy: "run the proof again"})
			return
		}
		proof.Tried++
		proof.BySource[m.Source.From]++
		if !out.clean() {
			all = append(all, &kept{m, out})
		}
	}
	if err := s.prepareCluster(ctx, *o); err != nil {
		return nil, err
	}
	definitions := make([]Manifest, len(o.CRDs))
	for i, crd := range o.CRDs {
		definitions[i] = Manifest{crd, upgrade.ManifestSource{From: upgrade.FromLive}}
	}
	o.defined = definitions
	if err := s.define(ctx, definitions, note); err != nil {
		return nil, err
	}
	// What is of a kind that is not known comes last: its definition may be a manifest, too.
	var late []Manifest
	definitions = nil
	p := s.newPool(ctx, o.Parallel, note)
	for m, err := range o.Manifests {
		if err != nil {
			p.cancel(err)
			break
		}
		switch {
		case never(m.Object):
			proof.LeftOut++
		case isCRD(m.Object):
			definitions = append(definitions, m)
		case !s.knows(m.Object):
			late = append(late, m)
		default:
			p.add(m)
		}
	}
	if err := p.wait(); err != nil {
		return nil, err
	}
	o.defined = append(o.defined, definitions...)
	if err := s.define(ctx, definitions, note); err != nil {
		return nil, err
	}
	p = s.newPool(ctx, o.Parallel, note)
	for _, m := range late {
		p.add(m)
	}
	if err := p.wait(); err != nil {
		return nil, err
	}
	proof.NotTried = append(proof.NotTried, s.notes...)
	return all, nil
}
