package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestScanSaysWhereObjectsStandAndWhatWasNotRead(t *testing.T) {
	const text = `# a chart
---
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
---

apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a}
- apiVersion: v1
  kind: Pod
  metadata:
    labels: {}

- apiVersion: v1
  kind: Pod
  metadata: {name: c}
---
name: {{ .Values.name }}
---
a: b
 c: d
---
replicas: 3
---
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
--- {apiVersion: v1, kind: Namespace, metadata: {name: last}}
`
	set := Scan("all.yaml", []byte(text))
	var got []string
	for _, m := range set.Manifests {
		got = append(got, fmt.Sprintf("%s at %d in document %d %s", m.Ref(), m.Line, m.Document, m.Template))
	}
	want := []string{
		"Service shop/web (v1) at 4 in document 2 shop/templates/web.yaml",
		"Pod a (v1) at 14 in document 3 ", "Pod c (v1) at 22 in document 3 ", "Namespace last (v1) at 35 in document 8 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = nil
	for _, p := range set.Problems {
		got = append(got, fmt.Sprintf("%s at %d: %s", p.Fault, p.Line, p.Text))
		if p.Remedy == "" {
			t.Errorf("%v has no remedy", p)
		}
	}
	want = []string{
		"badObject at 17: items[1]: Pod: metadata.name must be given",
		"template at 26: a template that is not rendered:", "badYAML at 28: not valid YAML:", "noObject at 31: apiVersion and kind must be given",
		"kustomize at 33: an input of kustomize, whose result is not known",
	}
	if len(got) != len(want) {
		t.Fatalf("problems %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %q, want %q", got[i], want[i])
		}
	}
	if !strings.Contains(set.Problems[2].Text, "line 29:") {
		t.Errorf("%q does not tell the line of the file", set.Problems[2].Text)
	}
}

func TestHeaderReadsTheUsualWayAndLeavesTheRestToAParser(t *testing.T) {
	tests := []struct{ name, text, apiVersion, kind string }{
		{"plain", "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  kind: x\n", "policy/v1beta1", "PodDisruptionBudget"},
		{"quoted, with a comment", "kind: \"Pod\" # a pod\napiVersion: 'v1'\n", "v1", "Pod"},
		{"Windows", "apiVersion: v1\r\nkind: Pod\r\n", "v1", "Pod"},
		{"a block of text with keys in it", "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    kind: Pod\n", "v1", "ConfigMap"},
		{"flow style", "{apiVersion: v1, kind: Pod}\n", "", ""},
		{"a quoted key", "\"apiVersion\": v1\nkind: Pod\n", "", ""},
		{"an anchor", "apiVersion: &a v1\nkind: Pod\n", "", ""},
		{"twice", "apiVersion: v1\nkind: Pod\nkind: Secret\n", "", ""},
		{"no text", "apiVersion: v1\nkind: true\n", "", ""},
		{"without a kind", "apiVersion: v1\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			Split([]byte(tt.text), func(d Document) bool {
				apiVersion, kind, ok := d.Header()
				if ok != (tt.kind != "") || ok && (apiVersion != tt.apiVersion || kind != tt.kind) {
					t.Errorf("%q %q %v", apiVersion, kind, ok)
				}
				return true
			})
		})
	}
}

// What the quick look says, the parser must say too.
func FuzzHeaderAgreesWithTheParser(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n# Source: a\napiVersion: v1\nkind: List\nitems: []\n"))
	f.Add([]byte("kind: 'Pod'\na: \"\n\nkind: x\"\napiVersion: v1 # c\nmetadata: {name: a}"))
	f.Add([]byte("apiVersion: v1\nkind: Pod\na: |\nmetadata:\n  name: x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.Count(string(text), "\n") + 1
		Split(text, func(d Document) bool {
			if d.Line < 1 || d.Line > lines || d.Number < 1 {
				t.Fatalf("document %d at line %d of %d", d.Number, d.Line, lines)
			}
			apiVersion, kind, ok := d.Header()
			manifests, problems := d.Manifests("f.yaml")
			if ok && len(problems) == 0 && len(manifests) == 1 && !strings.HasSuffix(kind, "List") &&
				(manifests[0].Object.GetAPIVersion() != apiVersion || manifests[0].Object.GetKind() != kind) {
				t.Errorf("%q: %s %s, and the parser says %s", d.Text, apiVersion, kind, manifests[0].Ref())
			}
			return true
		})
	})
}

func TestDeprecatedFindsOldAPIsInFiles(t *testing.T) {
	set, err := ScanFiles(filepath.Join("..", "..", "test", "testdata", "clusters", "legacy"))
	if err != nil {
		t.Fatal(err)
	}
	found := Deprecated(set.Manifests, lifecycle.All(), upgrade.Version{Major: 1, Minor: 34})
	if len(found) != 6 || len(set.Problems) > 0 {
		t.Fatalf("%d of 6 objects, problems %v", len(found), set.Problems)
	}
	for _, d := range found {
		if e := d.Evidence[0]; d.Removed == (upgrade.Version{}) || e.File == "" || e.Line == 0 {
			t.Errorf("%+v", d)
		}
	}
	set, err = ScanFiles(filepath.Join("..", "..", "test", "testdata", "clusters", "kube-prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	if found := Deprecated(set.Manifests, lifecycle.All(), upgrade.Version{Major: 1, Minor: 37}); len(found) > 0 {
		t.Errorf("kube-prometheus has nothing old: %+v", found)
	}
}

func TestScanFilesGoesOnAfterABadFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "a: [", "b.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := ScanFiles(dir)
	if err != nil || set.Files != 2 || len(set.Manifests) != 1 || len(set.Problems) != 1 {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestSplitLosesNoDocument(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"one object of JSON", "\n{\"kind\": \"A\"}\n", []string{"1 at 2"}},
		{"objects of JSON one after the other", "{\"kind\": \"A\"}\n{\n\"kind\": \"B\"} {}", []string{"1 at 1", "2 at 2", "3 at 3"}},
		{"YAML in flow style", "{kind: A}\n---\n{kind: B}\n", []string{"1 at 1", "2 at 3"}},
		{"JSON as documents of YAML", "{\"kind\": \"A\"}\n---\n{\"kind\": \"B\"}\n", []string{"1 at 1", "2 at 3"}},
		{"JSON that is cut off", "{\"kind\": \"A\"}\n{\"kind\": ", []string{"1 at 1"}}, // the parser says so
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			Split([]byte(tt.text), func(d Document) bool {
				got = append(got, fmt.Sprintf("%d at %d", d.Number, d.Line))
				return true
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if set := Scan("cut.json", []byte("{\"kind\": \"A\"}\n{\"kind\": ")); len(set.Problems) != 1 {
		t.Errorf("what is cut off is no problem: %+v", set)
	}
}
