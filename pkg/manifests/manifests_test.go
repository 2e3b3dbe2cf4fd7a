package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string // kind/namespace/name
		err  []string
	}{
		{name: "empty", text: "# nothing\n---\n\n---\n"},
		{name: "two documents", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: a}\n",
			want: []string{"Namespace//a", "Secret/a/b"}},
		{name: "JSON", text: `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}`, want: []string{"Namespace//a"}},
		{name: "lists within lists", text: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, metadata: {name: p}}\n",
			want: []string{"Pod//p"}},
		{name: "a typed list lends its kind", text: "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList\nitems:\n- metadata: {name: r}\n", want: []string{"Role//r"}},
		{name: "no YAML", text: "apiVersion: v1\n---\na: [", err: []string{"shop.yaml, document 1", "apiVersion and kind"}},
		{name: "bad second document", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\na: [", err: []string{"shop.yaml, document 2"}},
		{name: "key twice", text: "apiVersion: v1\nkind: Pod\nkind: Secret\nmetadata: {name: a}\n", err: []string{"document 1", "kind"}},
		{name: "no object", text: "- a\n", err: []string{"want an object"}},
		{name: "no name", text: "apiVersion: v1\nkind: Pod\nmetadata: {labels: {a: b}}\n", err: []string{"Pod: metadata.name"}},
		{name: "a generated name", text: "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", want: []string{"Pod//"}},
		{name: "namespace is no string", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 7}\n", err: []string{"metadata.namespace"}},
		{name: "bad item", text: "apiVersion: v1\nkind: List\nitems: [{}, 1]\n", err: []string{"items[0]"}},
		{name: "kustomization", text: "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", err: []string{"kubectl kustomize"}},
		{name: "Helm template", text: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-a\n", err: []string{"document 1", "helm template"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			manifests, err := Parse("shop.yaml", []byte(test.text))
			if (err != nil) != (test.err != nil) {
				t.Fatalf("err = %v", err)
			}
			for _, want := range test.err {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q in it", err, want)
				}
			}
			var got []string
			for _, m := range manifests {
				got = append(got, m.Object.GetKind()+"/"+m.Object.GetNamespace()+"/"+m.Object.GetName())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"))
	f.Add([]byte("---\n---\na: &a [*a]\n"))
	f.Add([]byte("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\"}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		manifests, err := Parse("f.yaml", text)
		if err != nil {
			if !strings.Contains(err.Error(), "f.yaml, document ") {
				t.Errorf("the error does not say where: %v", err)
			}
			return
		}
		for _, m := range manifests {
			if m.Object.GetName()+m.Object.GetGenerateName() == "" || m.Object.GetKind() == "" || m.Object.GetAPIVersion() == "" || m.Document < 1 {
				t.Errorf("incomplete: %v", m)
			}
			m.Object.DeepCopy() // panics on what is no JSON
		}
	})
}

func TestReadManifestsOfRealApplications(t *testing.T) {
	for folder, want := range map[string]int{"online-boutique": 35, "kube-prometheus": 131, "legacy": 6} {
		manifests, err := Read(filepath.Join("../../test/testdata/clusters", folder))
		if err != nil {
			t.Fatal(err)
		}
		if len(manifests) != want {
			t.Errorf("%s: %d objects, want %d", folder, len(manifests), want)
		}
	}
}

func TestReadManifestsPaths(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, path := range map[string]string{
		"nothing in it": write("empty/README.md", "text"), "not there": filepath.Join(dir, "none"),
	} {
		if filepath.Base(path) == "README.md" {
			path = filepath.Dir(path)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if _, err := Read(write("notes.txt", "")); err == nil {
		t.Error("a text file was taken for a manifest")
	}
	object := "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
	write("app/sub/a.yml", object)
	write("app/.git/b.yaml", "a: [")
	write("app/.hidden.yaml", "a: [")
	if got, err := Read(filepath.Join(dir, "app")); err != nil || len(got) != 1 {
		t.Errorf("%d manifests, %v", len(got), err)
	}
	if _, err := Read(filepath.Join(dir, "app", ".hidden.yaml")); err == nil {
		t.Error("a named file was left out")
	}
}
