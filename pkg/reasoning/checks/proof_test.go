package checks_test

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestProof(t *testing.T) {
	web := upgrade.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "web"}
	result := func(verdict upgrade.ProofVerdict, words string) upgrade.ProofResult {
		r := upgrade.ProofResult{Object: web, Source: upgrade.ManifestSource{From: upgrade.FromHelm, Name: "default/shop"}, Verdict: verdict, Words: []string{words}}
		if verdict == upgrade.ProofPruned {
			r.Fields = []string{"spec.foo"}
		}
		return r
	}
	results := func(all ...upgrade.ProofResult) func(*upgrade.Proof) {
		return func(p *upgrade.Proof) { p.Results = all }
	}
	tests := []struct {
		name     string
		change   func(*upgrade.Proof)
		check    string // "": no finding
		severity upgrade.Severity
		blocks   bool
		says     string
	}{
		{"all is taken", nil, "", "", false, ""},
		{"what both versions reject", func(p *upgrade.Proof) { p.Unchanged = 3 }, "", "", false, ""},
		{"the target rejects one", results(result(upgrade.ProofRejected, "spec.x: Invalid value")), "target-rejects", upgrade.Critical, true,
			`the API server of 1.35 says "spec.x: Invalid value"; tried: Helm release default/shop; that of 1.34 does not`},
		{"it may have rejected it before", func(p *upgrade.Proof) {
			p.Results, p.Against = []upgrade.ProofResult{result(upgrade.ProofRejected, "no")}, upgrade.Version{}
		}, "target-rejects", upgrade.Critical, false, "was not compared"},
		{"the target drops a field", results(result(upgrade.ProofPruned, `unknown field "spec.foo"`)), "target-prunes", upgrade.High, false, "does not keep spec.foo"},
		{"the target warns", results(result(upgrade.ProofWarned, "goes away"), result(upgrade.ProofWarned, "goes away")), "target-warns", upgrade.Low, false, `says "goes away" of 2 objects`},
		{"the version before does not know a kind", func(p *upgrade.Proof) {
			p.Version, p.Against, p.Results = v(33), v(34), []upgrade.ProofResult{result(upgrade.ProofRejected, "no matches for kind")}
		}, "lost-on-rollback", upgrade.Medium, false, "1.33 does not take it"},
		{"the version before only warns", func(p *upgrade.Proof) {
			p.Version, p.Against, p.Results = v(33), v(34), []upgrade.ProofResult{result(upgrade.ProofWarned, "old")}
		}, "", "", false, ""},
		{"some may not be listed", func(p *upgrade.Proof) {
			p.NotTried = []upgrade.NotChecked{{What: "Widget (example.com/v1)", Why: "forbidden", Remedy: "let it"}}
		}, "proof-complete", upgrade.Medium, false, "Widget (example.com/v1) could not be tried: forbidden"},
		{"it is of another version", func(p *upgrade.Proof) {
			p.Version, p.Results = v(36), []upgrade.ProofResult{result(upgrade.ProofRejected, "no")}
		}, "proof-complete", upgrade.Medium, false, "tried on 1.36, not on 1.35"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) {
				if tt.change != nil {
					tt.change(c.Proof)
				}
			})
			if tt.check == "" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Check != tt.check || got[0].Severity != tt.severity || got[0].Blocks != tt.blocks || !strings.Contains(got[0].Evidence, tt.says) ||
				got[0].NotChecked != (tt.check == "proof-complete") {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("there is none", func(t *testing.T) {
		got := run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) { c.Proof = nil })
		if len(got) != 1 || !got[0].NotChecked || got[0].Blocks || !strings.Contains(got[0].Evidence, "tried on the target version were not seen, so that 5 checks") {
			t.Errorf("%+v", got)
		}
	})
}
