package scanners_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/scanners"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var proof = upgrade.Proof{Version: v(35), Against: v(34), Tried: 2, BySource: map[string]int{upgrade.FromLive: 2}, Unchanged: 1,
	Results: []upgrade.ProofResult{{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "web"},
		Source: upgrade.ManifestSource{From: upgrade.FromLive}, Verdict: upgrade.ProofPruned, Words: []string{`unknown field "spec.foo"`}, Fields: []string{"spec.foo"}}}}

func TestProof(t *testing.T) {
	whole, err := json.Marshal(proof)
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) []byte { return []byte(strings.Replace(string(whole), old, new, 1)) }
	const ran = `[{"tool":"prove","version":"1","status":"ok","detail":""}]`
	tests := []struct {
		name   string
		status string
		file   []byte
		unseen string // "": it is there
	}{
		{"it was made", ran, whole, ""},
		{"there was nothing to try on", `[{"tool":"prove","version":"","status":"failed","detail":"there is no API server"}]`, nil, "failed: there is no API server"},
		{"the build is older than the proof", `[]`, nil, "no word of it"},
		{"it is cut off", ran, whole[:40], "not valid JSON"},
		{"it is an error", ran, []byte(`{"kind":"error"}`), "kind"},
		{"a verdict that is new", ran, with(`"pruned"`, `"liked"`), `"liked"`},
		{"a result without words", ran, with(`["unknown field \"spec.foo\""]`, `[]`), "no words"},
		{"no version", ran, with(`"version":"1.35",`, `"version":"",`), "version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bucket{"scans/b1/tool-status.json": []byte(tt.status)}
			if tt.file != nil {
				b["scans/b1/proof.json"] = tt.file
			}
			snapshot, text, err := (&scanners.Collector{Artifacts: b, Table: lifecycle.All()}).Collect(t.Context(), upgrade.PerceiveInput{Scan: "b1"})
			if err != nil {
				t.Fatal(err)
			}
			var unseen []string
			for _, n := range snapshot.NotChecked {
				if n.Part == "scanners.proof" {
					unseen = append(unseen, n.Why)
				}
			}
			if tt.unseen == "" {
				if diff := cmp.Diff(&proof, snapshot.Proof); diff != "" || len(unseen) > 0 || !strings.Contains(text, "2 manifests tried on 1.35, 1 results") {
					t.Error(diff, unseen, text)
				}
				return
			}
			if snapshot.Proof != nil || len(unseen) != 1 || !strings.Contains(unseen[0], tt.unseen) {
				t.Errorf("%+v, %v", snapshot.Proof, unseen)
			}
		})
	}
}

func FuzzParseProof(f *testing.F) {
	whole, err := json.Marshal(proof)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"version":"1.35","results":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := scanners.ParseProof(data)
		if err != nil {
			return
		}
		for _, r := range p.Results {
			if r.Object.Kind == "" || len(r.Words) == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}
