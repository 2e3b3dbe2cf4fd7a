package scanners

import (
	"context"
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	// proofTool is what the build calls `eks-upgrade prove`.
	proofTool = "prove"
	proofFile = "proof.json"
	proofWhat = "what the target version takes"

	proofPart upgrade.Part = "scanners.proof"
)

// proof adds what API servers said of the manifests, and returns it in short.
func (c *Collector) proof(ctx context.Context, folder string, status []toolStatus, snapshot *upgrade.Snapshot) (string, error) {
	data, _, err := c.output(ctx, status, proofTool, folder+proofFile)
	var p upgrade.Proof
	if err == nil {
		p, err = ParseProof(data)
	}
	if err != nil {
		unseen, err := partial.Unseen(proofWhat, err)
		if err != nil {
			return "", err
		}
		unseen.Part = proofPart
		snapshot.NotChecked = append(snapshot.NotChecked, unseen)
		return "", nil
	}
	snapshot.Proof = &p
	return fmt.Sprintf("; %d manifests tried on %s, %d results", p.Tried, p.Version, len(p.Results)), nil
}

var verdicts = []upgrade.ProofVerdict{upgrade.ProofRejected, upgrade.ProofPruned, upgrade.ProofWarned}

// ParseProof reads the JSON of `eks-upgrade prove --output json`, strictly: what
// it does not know would be overlooked otherwise.
func ParseProof(data []byte) (upgrade.Proof, error) {
	wrong := func(format string, args ...any) (upgrade.Proof, error) {
		return upgrade.Proof{}, upgrade.KindScanUnreadable.Errorf("read the proof", format, args...).WithRemedy("let the build have the command line tool of the very version that is deployed")
	}
	p, err := upgrade.Decode[upgrade.Proof](data)
	switch {
	case err != nil:
		return wrong("%w", err)
	case p.Version == (upgrade.Version{}) || p.Results == nil:
		return wrong("it names no version or no results")
	}
	for i := range p.Results {
		r := &p.Results[i]
		if !slices.Contains(verdicts, r.Verdict) || r.Object.Kind == "" || len(r.Words) == 0 {
			return wrong("result %d has no object, no words or the verdict %q", i, r.Verdict)
		}
		for j, w := range r.Words { // servers quote what people wrote
			r.Words[j] = logging.Line(w, 2*maxDetail)
		}
	}
	return p, nil
}
