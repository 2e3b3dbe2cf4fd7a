package checks

import (
	"fmt"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const dryRun = "https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run"

var proofChecks = []Check{
	{ID: "target-rejects", Family: Proof, Title: "The target version rejects a manifest", Severity: upgrade.Critical, Blocks: BlocksAlways, Needs: []upgrade.Part{TargetProof}, Source: dryRun,
		Remedy: "change the manifest where it is kept, until eks-upgrade prove --target VERSION --manifests FILE takes it", run: rejected},
	{ID: "target-prunes", Family: Proof, Title: "The target version drops fields of a manifest", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{TargetProof},
		Source: "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
		Remedy: "find what takes the fields' place at the target version, and change the manifest where it is kept", run: pruned},
	{ID: "target-warns", Family: Proof, Title: "The target version warns about manifests", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{TargetProof},
		Source: "https://kubernetes.io/blog/2020/09/03/warnings/", Remedy: "follow the warning; nothing breaks by this upgrade", run: warned},
	{ID: "lost-on-rollback", Family: Proof, Title: "A rollback would lose what only the newer version knows", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{TargetProof},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html",
		Remedy: "do without the kind or field until there is no way back any more, or delete the object before a rollback", run: lostOnRollback},
	{ID: "proof-complete", Family: Proof, Title: "Not every manifest could be tried on the target version", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{TargetProof},
		Source: dryRun, Remedy: "give the permission or repair what the evidence names, and look again", run: untried},
}

// ahead reports whether the proof is of the version to reach: one of a way back,
// or of another version, says nothing about it.
func ahead(v View) bool { return !v.Proof.Rollback() && v.Proof.Version == v.Request.Target }

func rejected(v View, c Check) []upgrade.Finding {
	return v.proved(c, upgrade.ProofRejected, func(r upgrade.ProofResult) string { return "says " + quoted(r.Words) })
}

func pruned(v View, c Check) []upgrade.Finding {
	return v.proved(c, upgrade.ProofPruned, func(r upgrade.ProofResult) string {
		return fmt.Sprintf("does not keep %s: %s", some(r.Fields), quoted(r.Words))
	})
}

// proved makes a finding of each result of a verdict. Without a comparison a
// result may be nothing new: it then asks a person and blocks nothing.
func (v View) proved(c Check, verdict upgrade.ProofVerdict, says func(upgrade.ProofResult) string) []upgrade.Finding {
	if !ahead(v) {
		return nil
	}
	var out []upgrade.Finding
	for _, r := range v.Proof.Results {
		if r.Verdict != verdict {
			continue
		}
		f := c.found(v, fmt.Sprintf("the API server of %s %s; tried: %s", v.Proof.Version, says(r), r.Source))
		if v.Proof.Against == (upgrade.Version{}) {
			f.Blocks = false
			f.Evidence += "; what the running version says was not compared"
		} else {
			f.Evidence += fmt.Sprintf("; that of %s does not", v.Proof.Against)
		}
		out = append(out, on(f, r.Object))
	}
	return out
}

// warned makes one finding of all objects that are warned about alike.
func warned(v View, c Check) []upgrade.Finding {
	if !ahead(v) {
		return nil
	}
	objects := map[string][]string{}
	var order []string
	for _, r := range v.Proof.Results {
		if r.Verdict != upgrade.ProofWarned {
			continue
		}
		for _, w := range r.Words {
			if objects[w] == nil {
				order = append(order, w)
			}
			objects[w] = append(objects[w], r.Object.String())
		}
	}
	var out []upgrade.Finding
	for _, w := range order {
		out = append(out, c.found(v, fmt.Sprintf("the API server of %s says %q of %d objects: %s", v.Proof.Version, w, len(objects[w]), some(objects[w]))))
	}
	return out
}

// lostOnRollback is of a proof of the version before.
func lostOnRollback(v View, c Check) []upgrade.Finding {
	back := v.Proof
	if back.Back != nil {
		back = back.Back
	}
	if !back.Rollback() {
		return nil
	}
	var out []upgrade.Finding
	for _, n := range back.NotTried {
		if back != v.Proof { // else proof-complete says it
			out = append(out, c.unseen(fmt.Sprintf("%s could not be tried on %s: %s", n.What, back.Version, n.Why), n.Remedy))
		}
	}
	for _, r := range back.Results {
		switch r.Verdict {
		case upgrade.ProofRejected:
			out = append(out, on(c.found(v, fmt.Sprintf("%s does not take it: %s", back.Version, quoted(r.Words))), r.Object))
		case upgrade.ProofPruned:
			out = append(out, on(c.found(v, fmt.Sprintf("%s does not keep %s", back.Version, some(r.Fields))), r.Object))
		}
	}
	return out
}

// untried says what was not tried; of another version than the target's, that is all.
func untried(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	if !v.Proof.Rollback() && v.Proof.Version != v.Request.Target {
		out = append(out, c.unseen(fmt.Sprintf("manifests were tried on %s, not on %s", v.Proof.Version, v.Request.Target), "run the proof again for the target"))
	}
	for _, n := range v.Proof.NotTried {
		out = append(out, c.unseen(fmt.Sprintf("%s could not be tried: %s", n.What, n.Why), n.Remedy))
	}
	return out
}

// quoted joins words of a server.
func quoted(words []string) string {
	const shown = 3
	more := ""
	if len(words) > shown {
		words, more = words[:shown], fmt.Sprintf(" and %d more", len(words)-shown)
	}
	return fmt.Sprintf("%q", strings.Join(words, "; ")) + more
}
