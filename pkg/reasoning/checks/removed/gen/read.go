package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// parseFolder parses the Go files of a folder, without tests; one that ends in
// "..." stands for everything under it.
func parseFolder(folder string) ([]*ast.File, error) {
	root, deep := strings.CutSuffix(folder, "...")
	var files []*ast.File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil // this release does not have it
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != filepath.Clean(root) && (!deep || name == "testdata" || name == "vendor") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err == nil {
			files = append(files, f)
		}
		return err
	})
	return files, err
}

// readGates reads the feature gates: constants of type Feature, and the maps
// from them to their specs. A constant without a spec is not a gate that a
// binary knows.
func readGates(folders []string, out found) error {
	names := map[string]string{} // of constants
	var specs []*ast.KeyValueExpr
	for _, folder := range folders {
		files, err := parseFolder(folder)
		if err != nil {
			return err
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.ValueSpec:
					readConstant(x, names)
				case *ast.CompositeLit:
					if m, ok := x.Type.(*ast.MapType); ok && endsIn(m.Key, "Feature") && (endsIn(m.Value, "FeatureSpec") || endsIn(m.Value, "VersionedSpecs")) {
						for _, e := range x.Elts {
							specs = append(specs, e.(*ast.KeyValueExpr))
						}
					}
				}
				return true
			})
		}
	}
	for _, s := range specs {
		name, ok := names[last(s.Key)]
		if !ok {
			continue // of a package that is no part of a node: a test's
		}
		g, err := readSpec(s.Value, out.version)
		if err != nil {
			return fmt.Errorf("feature gate %s: %w", name, err)
		}
		out.gates[name] = g
	}
	if len(out.gates) < 100 {
		return fmt.Errorf("only %d feature gates were found: have the sources moved?", len(out.gates))
	}
	return nil
}

func readConstant(s *ast.ValueSpec, names map[string]string) {
	if !endsIn(s.Type, "Feature") || len(s.Values) != 1 {
		return
	}
	if lit, ok := s.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if value, err := strconv.Unquote(lit.Value); err == nil {
			names[s.Names[0].Name] = value
		}
	}
}

// readSpec reads {Default: true, LockToDefault: true}, or the last of a list of
// such that is not newer than the release.
func readSpec(e ast.Expr, release upgrade.Version) (gate, error) {
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return gate{}, fmt.Errorf("a spec is a %T", e)
	}
	var g gate
	for _, element := range lit.Elts {
		if inner, ok := element.(*ast.CompositeLit); ok { // versioned: oldest first
			var since upgrade.Version
			for _, f := range inner.Elts {
				if kv := f.(*ast.KeyValueExpr); last(kv.Key) == "Version" {
					var err error
					if since, err = readVersion(kv.Value); err != nil {
						return g, err
					}
				}
			}
			if since.Compare(release) > 0 {
				continue
			}
			var err error
			if g, err = readSpec(inner, release); err != nil {
				return g, err
			}
			continue
		}
		kv, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return g, fmt.Errorf("a field of a spec is a %T", element)
		}
		switch last(kv.Key) {
		case "Default":
			g.value = last(kv.Value) == "true"
		case "LockToDefault":
			g.locked = last(kv.Value) == "true"
		}
	}
	return g, nil
}

// readVersion reads version.MustParse("1.35") and version.MajorMinor(1, 35).
func readVersion(e ast.Expr) (upgrade.Version, error) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return upgrade.Version{}, fmt.Errorf("a version is a %T", e)
	}
	var text []string
	for _, a := range call.Args {
		text = append(text, strings.Trim(last(a), `"`))
	}
	return upgrade.ParseVersion(strings.Join(text, "."))
}

// readFlags collects the names that flags are declared with: the first string
// among the arguments of fs.StringVar(&x, "name", ...) and the like, and of the
// helpers that take the name of a flag of a library.
func readFlags(folder string, out map[string]bool) error {
	files, err := parseFolder(folder)
	if err != nil {
		return err
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := last(call.Fun)
			if !strings.HasSuffix(name, "Var") && !strings.HasSuffix(name, "VarP") && name != "register" && name != "registerDeprecated" && !strings.HasPrefix(name, "add") && !flagMakers[name] {
				return true
			}
			for i, a := range call.Args {
				if i == 0 && strings.HasPrefix(name, "register") {
					break // register("text", ...) names a format of logs, register(global, local, "name") a flag
				}
				if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if value, err := strconv.Unquote(lit.Value); err == nil && isFlag(value) {
						out[value] = true
					}
					break
				}
			}
			return true
		})
		readFlagConstants(f, out)
	}
	return nil
}

// flagMakers are functions that declare a flag and return where its value goes.
var flagMakers = map[string]bool{"Bool": true, "String": true, "Int": true, "Duration": true, "Float32": true, "Float64": true}

// readFlagConstants collects constants that name flags.
func readFlagConstants(f *ast.File, out map[string]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range s.Names {
			if i < len(s.Values) && strings.HasSuffix(name.Name, "FlagName") || i < len(s.Values) && strings.HasSuffix(name.Name, "Flag") {
				if lit, ok := s.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if value, err := strconv.Unquote(lit.Value); err == nil && isFlag(value) {
						out[value] = true
					}
				}
			}
		}
		return true
	})
}

// isFlag leaves out names with an underscore: those of cAdvisor, which the kubelet
// registers under names that its sources do not spell out.
func isFlag(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// readKeys collects the JSON names of a struct's fields.
func readKeys(path, kind string) (map[string]bool, error) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok || t.Name.Name != kind {
			return true
		}
		for _, field := range t.Type.(*ast.StructType).Fields.List {
			if field.Tag == nil {
				continue
			}
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				continue
			}
			if name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ","); name != "" {
				keys[name] = true
			}
		}
		return false
	})
	if len(keys) < 10 {
		return nil, fmt.Errorf("only %d keys of %s were found in %s", len(keys), kind, path)
	}
	return keys, nil
}

// last returns the last name of a.b.C, and the text of a basic literal.
func last(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.BasicLit:
		return x.Value
	}
	return ""
}

func endsIn(e ast.Expr, name string) bool { return e != nil && last(e) == name }
