package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeTable writes what the SDK's source says of the structures of a module
// and reflection does not: required members, and names on the wire where they
// do not follow from the rules of package naming.
func (m *module) writeTable() error {
	names, err := m.names()
	if err != nil {
		return err
	}
	required, err := m.required()
	if err != nil {
		return err
	}
	var lines []string
	for structure, fields := range required {
		for field := range fields {
			lines = append(lines, line(structure, field, names[structure][field], true))
		}
	}
	for structure, fields := range names {
		for field, props := range fields {
			if !required[structure][field] {
				lines = append(lines, line(structure, field, props, false))
			}
		}
	}
	slices.Sort(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Generated from %s by go generate; do not edit.\n", filepath.Base(m.dir))
	operations, err := m.operations()
	if err != nil {
		return err
	}
	b.WriteString("operations " + strings.Join(operations, " ") + "\n")
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	return os.WriteFile(filepath.Join("tables", m.name+".txt"), b.Bytes(), 0o644)
}

// operations lists the operations of the module.
func (m *module) operations() ([]string, error) {
	files, err := fs.Glob(os.DirFS(m.dir), "api_op_*.go")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(strings.TrimPrefix(f, "api_op_"), ".go"); !strings.HasSuffix(name, "_test") {
			names = append(names, name)
		}
	}
	return names, nil
}

// requiredMark is how the SDK's documentation says that a member is required.
const requiredMark = "This member is required."

// required returns the required members of each structure.
func (m *module) required() (map[string]map[string]bool, error) {
	out := map[string]map[string]bool{}
	for _, dir := range []string{m.dir, filepath.Join(m.dir, "types")} {
		files, err := fs.Glob(os.DirFS(dir), "*.go")
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || (!strings.HasPrefix(name, "api_op_") && name != "types.go" && name != "errors.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			for _, d := range f.Decls {
				addRequired(out, d)
			}
		}
	}
	return out, nil
}

func addRequired(out map[string]map[string]bool, d ast.Decl) {
	decl, ok := d.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range decl.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range s.Fields.List {
			if len(f.Names) == 1 && strings.Contains(f.Doc.Text(), requiredMark) {
				if out[t.Name.Name] == nil {
					out[t.Name.Name] = map[string]bool{}
				}
				out[t.Name.Name][f.Names[0].Name] = true
			}
		}
	}
}
