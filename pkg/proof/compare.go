package proof

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// compare tries what was kept on the other version too, and leaves of each
// outcome what is new.
func (o Options) compare(ctx context.Context, proof *upgrade.Proof, all []*kept) error {
	s, err := o.start(ctx, o.Against)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		proof.Against = upgrade.Version{}
		proof.NotTried = append(proof.NotTried, upgrade.NotChecked{What: "the comparison with " + o.Against.String(), Why: line(err.Error()), Remedy: "run the proof again; until then results may be nothing new"})
		return nil
	}
	defer s.close()
	if err := s.prepareCluster(ctx, o); err != nil {
		return err
	}
	groups := map[string]bool{}
	for _, k := range all {
		groups[k.manifest.Object.GroupVersionKind().Group] = true
	}
	var mu sync.Mutex
	now := map[*unstructured.Unstructured]outcome{}
	note := func(m Manifest, out outcome) {
		mu.Lock()
		defer mu.Unlock()
		now[m.Object] = out
	}
	var definitions, rest []Manifest
	have := map[string]bool{}
	for _, k := range all { // those that were kept first: of two with one name, the second is only tried
		if isCRD(k.manifest.Object) && !have[k.manifest.Object.GetName()] {
			have[k.manifest.Object.GetName()] = true
			definitions = append(definitions, k.manifest)
		} else {
			rest = append(rest, k.manifest)
		}
	}
	for _, d := range o.defined {
		group, _, _ := unstructured.NestedString(d.Object.Object, "spec", "group")
		if groups[group] && !have[d.Object.GetName()] {
			definitions = append(definitions, d)
		}
	}
	if err := s.define(ctx, definitions, note); err != nil {
		return err
	}
	p := s.newPool(ctx, o.Parallel, note)
	for _, m := range rest {
		p.add(m)
	}
	if err := p.wait(); err != nil {
		return err
	}
	for _, k := range all {
		if !k.less(now[k.manifest.Object]) {
			proof.Unchanged++
		}
	}
	return nil
}

// less takes from an outcome what the other version says as well, and reports
// whether anything is left. What neither version takes is no news, unless the
// reason is another field, or one of the object as a whole (the API has gone).
func (k *kept) less(now outcome) bool {
	if now.problem != "" {
		return !k.outcome.clean()
	}
	if len(now.refused) > 0 {
		k.outcome.refused = slices.DeleteFunc(k.outcome.refused, func(c cause) bool {
			return slices.ContainsFunc(now.refused, func(n cause) bool { return n.field == c.field })
		})
	}
	k.outcome.pruned = slices.DeleteFunc(k.outcome.pruned, func(f string) bool { return slices.Contains(now.pruned, f) })
	k.outcome.words = slices.DeleteFunc(k.outcome.words, func(w string) bool { return slices.Contains(now.words, w) })
	k.outcome.warnings = slices.DeleteFunc(k.outcome.warnings, func(w string) bool { return slices.Contains(now.warnings, w) })
	if len(now.refused) > 0 && len(k.outcome.refused) == 0 { // what it would prune or warn about is of no use when it is refused now
		k.outcome.pruned, k.outcome.warnings = nil, nil
	}
	return !k.outcome.clean()
}

// results are one for each thing that the version says.
func (k *kept) results() []upgrade.ProofResult {
	var out []upgrade.ProofResult
	add := func(v upgrade.ProofVerdict, words, fields []string) {
		out = append(out, upgrade.ProofResult{Object: k.manifest.Ref(), Source: k.manifest.Source, Verdict: v, Words: words, Fields: fields})
	}
	if len(k.outcome.refused) > 0 {
		var words []string
		for _, c := range k.outcome.refused {
			words = append(words, c.String())
		}
		add(upgrade.ProofRejected, words, nil)
	}
	if len(k.outcome.pruned) > 0 {
		words := k.outcome.words
		if len(words) == 0 {
			words = []string{"it is taken, and these fields are not in what the server would store"}
		}
		add(upgrade.ProofPruned, words, k.outcome.pruned)
	}
	if len(k.outcome.warnings) > 0 {
		add(upgrade.ProofWarned, k.outcome.warnings, nil)
	}
	return out
}
