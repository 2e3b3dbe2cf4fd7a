package importrules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/importrules"
)

// root is the repository's folder.
const root = "../.."

func TestTheRepositoryKeepsTheRules(t *testing.T) {
	g := graph(t)
	for _, must := range []string{"pkg/upgrade", "pkg/asl", "pkg/execution", "lambdas/lease"} {
		if _, ok := g[must]; !ok {
			t.Errorf("%s is not in the graph: the rules are not checked", must)
		}
	}
	for _, broken := range importrules.Check(g, importrules.Rules()) {
		t.Error(broken)
	}
}

// graph asks Go for all packages that the module's packages depend on.
func graph(t *testing.T) importrules.Graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := importrules.Graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Standard {
			continue // imports nothing of anybody else
		}
		imports := make([]string, len(p.Imports))
		for i, imported := range p.Imports {
			imports[i] = relative(imported)
		}
		g[relative(p.ImportPath)] = imports
	}
}

func relative(path string) string { return strings.TrimPrefix(path, importrules.Module+"/") }

func TestALambdaIsShort(t *testing.T) {
	mains, err := filepath.Glob(root + "/lambdas/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("%d Lambdas, %v", len(mains), err)
	}
	for _, name := range mains {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > 40 {
			t.Errorf("%s has %d lines: a Lambda's main only wires, in 40 lines at most", name, n)
		}
		files, err := os.ReadDir(filepath.Dir(name))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %d files beside main.go, %v: the work belongs into pkg", filepath.Dir(name), len(files)-1, err)
		}
	}
}

// Each rule is shown an import that it must forbid and one that it must allow.
func TestTheRulesForbidWhatTheySay(t *testing.T) {
	sdk, clientset := "github.com/aws/aws-sdk-go-v2/service/eks", "k8s.io/client-go/kubernetes"
	for name, c := range map[string]struct {
		graph importrules.Graph
		want  string // of the rule's name; empty: allowed
	}{
		"domain imports the SDK":              {importrules.Graph{"pkg/upgrade": {"fmt", sdk}}, "standard library only"},
		"domain imports another package":      {importrules.Graph{"pkg/upgrade": {"pkg/clock"}}, "standard library only"},
		"domain imports the standard library": {importrules.Graph{"pkg/upgrade": {"fmt", "encoding/json", "testing/iotest"}}, ""},
		"phase imports a phase":               {importrules.Graph{"pkg/validation": {"pkg/execution/traffic"}}, "phases do not import each other"},
		"phase imports a phase by a detour":   {importrules.Graph{"pkg/reasoning/planner": {"pkg/shared"}, "pkg/shared": {"pkg/perception"}}, "pkg/reasoning/planner -> pkg/shared -> pkg/perception"},
		"phase imports itself":                {importrules.Graph{"pkg/execution": {"pkg/execution/traffic", "pkg/upgrade"}}, ""},
		"a name that merely begins alike":     {importrules.Graph{"pkg/execution": {"pkg/validationrules"}}, ""},
		"product imports the world":           {importrules.Graph{"pkg/kube": {"test/world"}}, "does not import tests"},
		"product imports the CLI":             {importrules.Graph{"pkg/kube": {"cmd/eks-upgrade/cli"}}, "does not import tests"},
		"CLI imports the rehearsal":           {importrules.Graph{"cmd/eks-upgrade": {"test/rehearsal"}}, ""},
		"rehearsal imports a Lambda":          {importrules.Graph{"test/rehearsal": {"lambdas/lease"}}, "nothing imports a Lambda"},
		"rehearsal imports wiring":            {importrules.Graph{"test/rehearsal": {"pkg/wire/lease"}}, ""},
		"phase imports wiring":                {importrules.Graph{"pkg/execution": {"pkg/wire/awsclient"}}, "only wiring and commands"},
		"interpreter imports the SDK":         {importrules.Graph{"pkg/asl": {"pkg/x"}, "pkg/x": {sdk}}, "knows no AWS SDK"},
		"Lambda imports a phase":              {importrules.Graph{"lambdas/execute": {"pkg/execution"}}, "imports wiring only"},
		"Lambda imports its wiring":           {importrules.Graph{"lambdas/execute": {"pkg/wire/execute", "os"}, "pkg/wire/execute": {"pkg/execution", sdk}}, ""},
		"Lambda carries a clientset":          {importrules.Graph{"lambdas/execute": {"pkg/wire/execute"}, "pkg/wire/execute": {"pkg/kube"}, "pkg/kube": {clientset}}, "no typed clientset"},
		"product imports a fake":              {importrules.Graph{"pkg/lease": {"pkg/records/table/tabletest"}}, "stay in tests"},
		"product imports testing":             {importrules.Graph{"pkg/lease": {"testing"}}, "stay in tests"},
		"a fake imports testing":              {importrules.Graph{"pkg/kube/kubetest": {"testing", "pkg/kube"}}, ""},
		"httptest is not one of ours":         {importrules.Graph{"test/world": {"net/http/httptest"}}, ""},
		"root imports Kubernetes":             {importrules.Graph{"test/cluster": {"k8s.io/kubernetes/cmd/kube-apiserver/app"}}, "its own module"},
		"root imports the control plane":      {importrules.Graph{"cmd/eks-upgrade": {"test/controlplane"}}, "its own module"},
		"others may do as they like":          {importrules.Graph{"k8s.io/api/core/v1": {clientset, "testing"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(importrules.Check(c.graph, importrules.Rules()), "\n")
			if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Errorf("%q, want it to say %q", got, c.want)
			}
		})
	}
}

func TestTheControlPlaneIsAModuleOfItsOwn(t *testing.T) {
	for file, module := range map[string]string{"go.mod": importrules.Module, "test/controlplane/go.mod": importrules.Module + "/test/controlplane"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "module "+module+"\n") {
			t.Errorf("%s is not of module %s", file, module)
		}
	}
}
