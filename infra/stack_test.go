package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

var update = flag.Bool("update", false, "write the golden files")

// The syntheses that all tests look at: jsii is slow, so each is made once.
var (
	full  template // testdata/full.yaml: every setting is used
	least template // testdata/least.yaml: only what must be given
	spoke template // the stack of full's spoke
)

// template is a synthesized stack as plain data.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct {
		Description string
		Value       any
	}
	Parameters map[string]any

	raw []byte
	nag []finding
}

type resource struct {
	Type                string
	Properties          map[string]any
	Metadata            map[string]any
	DependsOn           []string
	DeletionPolicy      string
	UpdateReplacePolicy string
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := synthesized(m.Run)
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func synthesized(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "infra-test-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing depends on it any more
	dist := filepath.Join(dir, "dist")
	if err := fakeDist(dist); err != nil {
		return 1, err
	}
	var cdk struct{ Context map[string]any }
	data, err := os.ReadFile("../cdk.json")
	if err == nil {
		err = json.Unmarshal(data, &cdk)
	}
	if err != nil {
		return 1, err
	}
	for _, c := range []struct {
		name       string
		hub, spoke *template
	}{{"full", &full, &spoke}, {"least", &least, nil}} {
		s, err := deploy.Load(filepath.Join("testdata", c.name+".yaml"), nil)
		if err != nil {
			return 1, err
		}
		out := filepath.Join(dir, c.name)
		app := awscdk.NewApp(&awscdk.AppProps{Context: &cdk.Context, Outdir: jsii.String(out)})
		awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true), Reports: jsii.Bool(true)}), nil)
		newHub(app, s, dist)
		for _, one := range s.Spokes {
			newSpoke(app, s, one)
		}
		app.Synth(nil)
		if err := c.hub.read(out, access.Stack); err != nil {
			return 1, err
		}
		if c.spoke != nil {
			if err := c.spoke.read(out, spokeStack(s.Spokes[0])); err != nil {
				return 1, err
			}
		}
	}
	return run(), nil
}

// read reads a synthesized stack and what cdk-nag found in it.
func (t *template) read(dir, stack string) error {
	data, err := os.ReadFile(filepath.Join(dir, stack+".template.json"))
	if err != nil {
		return err
	}
	t.raw = data
	if err := json.Unmarshal(data, t); err != nil {
		return err
	}
	t.nag, err = findings(filepath.Join(dir, "AwsSolutions-"+stack+"-NagReport.csv"))
	return err
}

// fakeDist writes what `make build` writes, with other content.
func fakeDist(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "source"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "source", "eks-upgrade"), []byte("a program"), 0o755); err != nil {
		return err
	}
	for _, f := range access.Functions() {
		if err := os.WriteFile(zipOf(dir, f.Name), []byte("the zip of "+f.Name), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// of returns the resources of a type, by logical id.
func (t template) of(kind string) map[string]resource {
	out := map[string]resource{}
	for id, r := range t.Resources {
		if r.Type == kind {
			out[id] = r
		}
	}
	return out
}

// named returns the resource of a type whose property has a value.
func (t template) named(tb testing.TB, kind, property, value string) resource {
	tb.Helper()
	for _, r := range t.Resources {
		if r.Type == kind && r.Properties[property] == value {
			return r
		}
	}
	tb.Fatalf("there is no %s with %s %q", kind, property, value)
	return resource{}
}

// at returns what is in a value: "Environment.Variables", "Targets.0.Arn".
func at(value any, path string) any {
	for _, key := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// list returns what CloudFormation writes as one value or as a list of them.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// written returns a value as one line; texts as they are.
func written(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
