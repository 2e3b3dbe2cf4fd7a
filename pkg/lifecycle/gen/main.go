// Command gen writes table.go: the lifecycle of every API version that one of
// the listed releases of k8s.io/api, or of the two servers beside it, declares. It downloads the releases
// through the Go module proxy.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// releases holds one release of each minor: types vanish from newer modules,
// and the first minor without a type caps its removal.
var releases = []string{"v0.20.6", "v0.21.1", "v0.22.17", "v0.23.16", "v0.24.3", "v0.25.16", "v0.26.9", "v0.27.3", "v0.28.3",
	"v0.29.15", "v0.30.14", "v0.31.14", "v0.32.13", "v0.33.13", "v0.34.13", "v0.35.6", "v0.36.6", "v0.37.2"}

// modules are what declares APIs that an API server serves, with the pattern of
// the folders of their packages.
var modules = []struct{ path, packages string }{
	{"k8s.io/api", "*/v*"},
	{"k8s.io/apiextensions-apiserver", "pkg/apis/*/v*"}, // CustomResourceDefinition
	{"k8s.io/kube-aggregator", "pkg/apis/*/v*"},         // APIService
}

// elsewhere names other patches where a module has not the one of k8s.io/api.
var elsewhere = map[string]string{
	"k8s.io/apiextensions-apiserver@v0.23.16": "v0.23.17",
	"k8s.io/kube-aggregator@v0.23.16":         "v0.23.17",
	"k8s.io/kube-aggregator@v0.31.14":         "v0.31.10",
}

type kind struct{ Group, Version, Kind string }

type entry struct {
	introduced, deprecated, removed upgrade.Version
	replacement                     kind
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	table := map[kind]entry{}
	last := upgrade.Version{}
	for _, release := range releases {
		minor, err := minorOf(release)
		if err != nil {
			return err
		}
		if last != (upgrade.Version{}) && minor != last.Next() {
			return fmt.Errorf("%s does not follow %s: a missing minor would blur removals", release, last)
		}
		last = minor
		declared, present := map[kind]entry{}, map[kind]bool{}
		for _, m := range modules {
			folder, err := download(m.path, release)
			if err != nil {
				return err
			}
			if err := readModule(filepath.Join(folder, m.packages), declared, present); err != nil {
				return fmt.Errorf("%s %s: %w", m.path, release, err)
			}
		}
		for k, e := range table {
			if !present[k] && (e.removed == (upgrade.Version{}) || e.removed.Compare(minor) > 0) {
				e.removed = minor
				table[k] = e
			}
		}
		for k, e := range declared {
			table[k] = e // the latest declaration counts: removals are sometimes put off
		}
	}
	return write(table, last)
}

func minorOf(release string) (upgrade.Version, error) {
	_, minor, _ := strings.Cut(semver.MajorMinor(release), ".")
	n, err := strconv.Atoi(minor)
	return upgrade.Version{Major: 1, Minor: n}, err
}

func download(module, release string) (string, error) {
	if other, ok := elsewhere[module+"@"+release]; ok {
		release = other
	}
	out, err := exec.Command("go", "mod", "download", "-json", module+"@"+release).Output()
	if err != nil {
		return "", fmt.Errorf("download %s %s: %w: %s", module, release, err, out)
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", err
	}
	return answer.Dir, nil
}

// readModule adds what one release of a module declares of its types and which
// types it has at all.
func readModule(pattern string, declared map[kind]entry, present map[kind]bool) error {
	packages, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	before := len(declared)
	for _, p := range packages {
		if err := readPackage(p, declared, present); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if len(declared) == before {
		return errors.New("no APILifecycle methods were found")
	}
	return nil
}

func readPackage(folder string, declared map[kind]entry, present map[kind]bool) error {
	files := token.NewFileSet()
	group := ""
	var parsed []*ast.File
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, file)
		return nil
	})
	if err != nil {
		return err
	}
	for _, file := range parsed {
		if name, ok := groupName(file); ok {
			group = name
		}
	}
	types := map[string]bool{}
	for _, file := range parsed {
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.TYPE {
				for _, spec := range decl.Specs {
					types[spec.(*ast.TypeSpec).Name.Name] = true
				}
			}
		}
	}
	version := filepath.Base(folder)
	for name := range types {
		present[kind{group, version, name}] = true
	}
	for _, file := range parsed {
		for _, d := range file.Decls {
			method, ok := d.(*ast.FuncDecl)
			if !ok || method.Recv == nil || !strings.HasPrefix(method.Name.Name, "APILifecycle") {
				continue
			}
			name := method.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
			if item, isList := strings.CutSuffix(name, "List"); isList && types[item] {
				continue // the item says the same
			}
			k := kind{group, version, name}
			e := declared[k]
			if err := readMethod(method, &e); err != nil {
				return fmt.Errorf("%s.%s: %w", name, method.Name.Name, err)
			}
			declared[k] = e
		}
	}
	return nil
}

// groupName finds: const GroupName = "policy"
func groupName(file *ast.File) (string, bool) {
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, spec := range decl.Specs {
			v := spec.(*ast.ValueSpec)
			if v.Names[0].Name == "GroupName" && len(v.Values) == 1 {
				if name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value); err == nil {
					return name, true
				}
			}
		}
	}
	return "", false
}

// readMethod reads: return 1, 25
// or: return schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
func readMethod(method *ast.FuncDecl, e *entry) error {
	results := method.Body.List[0].(*ast.ReturnStmt).Results
	if method.Name.Name == "APILifecycleReplacement" {
		for _, element := range results[0].(*ast.CompositeLit).Elts {
			pair := element.(*ast.KeyValueExpr)
			value, err := strconv.Unquote(pair.Value.(*ast.BasicLit).Value)
			if err != nil {
				return err
			}
			switch pair.Key.(*ast.Ident).Name {
			case "Group":
				e.replacement.Group = value
			case "Version":
				e.replacement.Version = value
			case "Kind":
				e.replacement.Kind = value
			}
		}
		return nil
	}
	v, err := upgrade.ParseVersion(results[0].(*ast.BasicLit).Value + "." + results[1].(*ast.BasicLit).Value)
	if err != nil {
		return err
	}
	switch method.Name.Name {
	case "APILifecycleIntroduced":
		e.introduced = v
	case "APILifecycleDeprecated":
		e.deprecated = v
	case "APILifecycleRemoved":
		e.removed = v
	default:
		return errors.New("a method that this generator does not know")
	}
	return nil
}

func write(table map[kind]entry, newest upgrade.Version) error {
	keys := make([]kind, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Version, b.Version))
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by ./gen from k8s.io/api, apiextensions-apiserver and kube-aggregator %s to %s; DO NOT EDIT.\n\npackage lifecycle\n\n", releases[0], releases[len(releases)-1])
	fmt.Fprintf(&b, "var newest = %s\n\nvar official = Table{\n", literal(newest))
	for _, k := range keys {
		e := table[k]
		fmt.Fprintf(&b, "{Group: %q, Version: %q, Kind: %q, Introduced: %s", k.Group, k.Version, k.Kind, literal(e.introduced))
		if e.deprecated != (upgrade.Version{}) {
			fmt.Fprintf(&b, ", Deprecated: %s", literal(e.deprecated))
		}
		if e.removed != (upgrade.Version{}) {
			fmt.Fprintf(&b, ", Removed: %s", literal(e.removed))
		}
		if e.replacement != (kind{}) {
			fmt.Fprintf(&b, ", Replacement: Kind{%q, %q, %q}", e.replacement.Group, e.replacement.Version, e.replacement.Kind)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	source, err := format.Source(b.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile("table.go", source, 0o644)
}

func literal(v upgrade.Version) string {
	return fmt.Sprintf("v(%d, %d)", v.Major, v.Minor)
}
