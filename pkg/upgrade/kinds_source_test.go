package upgrade

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source calls visit for each file of the product, without tests, generated
// data, helpers of tests and generators.
func source(t *testing.T, visit func(path string, f *ast.File, at func(ast.Node) string)) {
	t.Helper()
	root, files := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if top, _, _ := strings.Cut(rel, "/"); rel != "." && !slices.Contains([]string{"pkg", "cmd", "lambdas"}, top) || d.Name() == "testdata" ||
				strings.HasSuffix(d.Name(), "test") || d.Name() == "gen" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		visit(rel, f, func(n ast.Node) string { return rel + ":" + strconv.Itoa(set.Position(n.Pos()).Line) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("only %d files were seen", files)
	}
}

// of reports whether an expression is a name of a package.
func of(e ast.Expr, pkg string, names ...string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && slices.Contains(names, s.Sel.Name)
}

// generic are the packages whose errors are no errors of an upgrade, each with
// the reason.
var generic = map[string]string{
	"pkg/upgrade":      "declares the kinds",
	"pkg/asl":          "interprets a language; its errors are that language's",
	"pkg/clock":        "serves rehearsals too; its errors are programming errors",
	"pkg/metrics":      "errors are of the writer",
	"pkg/supervise":    "starts programs for rehearsals too; who calls it gives the kind",
	"pkg/controlplane": "starts programs for rehearsals too; who calls it gives the kind",
	"pkg/manifests":    "reads files for rehearsals too; who calls it gives the kind",
}

func TestErrorsAreOfADeclaredKind(t *testing.T) {
	source(t, func(path string, f *ast.File, at func(ast.Node) string) {
		if _, free := generic[filepath.ToSlash(filepath.Dir(path))]; free || !strings.HasPrefix(path, "pkg/") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if of(n.Type, "upgrade", "Error") {
					t.Errorf("%s: an upgrade.Error by hand; use Errorf or Field of its kind", at(n))
				}
			case *ast.CallExpr:
				switch {
				case of(n.Fun, "upgrade", "Errorf"):
					t.Errorf("%s: an error with a code and no kind; use Errorf or Field of its kind", at(n))
				case of(n.Fun, "errors", "New"):
					t.Errorf("%s: an error with neither code nor kind; use Errorf or Field of its kind, or upgrade.Detailf for a part of one", at(n))
				case of(n.Fun, "fmt", "Errorf") && !wraps(n):
					t.Errorf("%s: an error with neither code nor kind; wrap one with %%w, or use upgrade.Detailf for a part of one", at(n))
				}
			}
			return true
		})
	})
}

func wraps(call *ast.CallExpr) bool {
	format, ok := call.Args[0].(*ast.BasicLit)
	return ok && strings.Contains(format.Value, "%w")
}

func TestEachDeclaredKindIsUsed(t *testing.T) {
	unused := map[string]bool{}
	source(t, func(path string, f *ast.File, _ func(ast.Node) string) {
		if !strings.HasPrefix(path, "pkg/upgrade/kinds") {
			return
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					unused[name.Name] = true
				}
			}
		}
	})
	if len(unused) != len(Kinds()) {
		t.Errorf("%d names for %d kinds", len(unused), len(Kinds()))
	}
	source(t, func(path string, f *ast.File, _ func(ast.Node) string) {
		if strings.HasPrefix(path, "pkg/upgrade/kinds") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				delete(unused, name.Name)
			}
			return true
		})
	})
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		t.Errorf("%s is declared and never used", name)
	}
}
