package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestBadInputOfProve(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere/config")
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\na: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"no target":                  {nil, "--target: is missing"},
		"a rollback of files":        {[]string{"--rollback", "--manifests", "."}, "--target: is missing"},
		"no version":                 {[]string{"--target", "newest"}, `--target: "newest" is no version`},
		"against what is none":       {[]string{"--target", "1.36", "--against", "x"}, "--against"},
		"two ways to a cluster":      {[]string{"--target", "1.36", "--cluster", "shop", "--context", "shop"}, "--cluster: is given with"},
		"a bad name":                 {[]string{"--target", "1.36", "--cluster", "a b"}, "is not an EKS cluster name"},
		"no such programs":           {[]string{"--target", "1.36", "--control-plane", "/nowhere"}, "there is no program /nowhere/kube-apiserver"},
		"no such folder":             {[]string{"--target", "1.36", "--manifests", "/nowhere"}, "--manifests"},
		"no YAML":                    {[]string{"--target", "1.36", "--manifests", file}, "document 2"},
		"unknown output":             {[]string{"--target", "1.36", "-o", "xml"}, "table, json"},
		"no kubeconfig":              {[]string{"--target", "1.36"}, "--kubeconfig"},
		"a version out of its reach": {[]string{"--target", "1.30", "--manifests", good(t)}, "--control-plane FOLDER"},
	} {
		t.Run(what, func(t *testing.T) {
			if code, stdout, stderr := in(t, nil, "", append([]string{"prove"}, c.args...)...); code != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("%d: %s%s", code, stdout, stderr)
			}
		})
	}
}

func TestProveFiles(t *testing.T) {
	code, stdout, stderr := in(t, nil, "", "prove", "--target", "1.36", "--manifests", "../../../test/testdata/clusters/legacy", "--output", "json")
	var p upgrade.Proof
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != exitRejected || stderr != "" || len(p.Results) != 6 || p.Tried != 6 {
		t.Fatalf("%d, %v: %s%s", code, err, stdout, stderr)
	}
	if s := p.Results[0].Source; s.From != upgrade.FromFile || !strings.HasSuffix(s.Name, ".yaml, document 1") {
		t.Errorf("source %+v", s)
	}
}

func TestTheTableOfAProof(t *testing.T) {
	result := func(name string, verdict upgrade.ProofVerdict, words ...string) upgrade.ProofResult {
		return upgrade.ProofResult{Object: upgrade.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name}, Source: upgrade.ManifestSource{From: upgrade.FromLive},
			Verdict: verdict, Words: words, Fields: []string{"spec.foo"}}
	}
	p := upgrade.Proof{Version: upgrade.Version{Major: 1, Minor: 36}, Against: upgrade.Version{Major: 1, Minor: 35}, Tried: 10, Unchanged: 2, LeftOut: 3, Results: []upgrade.ProofResult{
		result("a", upgrade.ProofRejected, "no", "not at all"), result("b", upgrade.ProofPruned, "unknown field"), result("c", upgrade.ProofWarned, "goes away"), result("d", upgrade.ProofWarned, "goes away")},
		NotTried: []upgrade.NotChecked{{What: "widgets", Why: "forbidden", Remedy: "let it"}}}
	var b strings.Builder
	if err := printProof(&b, p, 1234*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no; not at all", "not kept: spec.foo", "shop/c (apps/v1) and 1 more", "forbidden → let it", "10 manifests tried on 1.36 in 1.2s: 4 results that 1.35 does not give, 2 alike; 3 Secrets"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "shop/d ") {
		t.Errorf("what is warned about alike shares a line:\n%s", b.String())
	}
}
