// Package manifests reads Kubernetes objects from YAML and JSON as kubectl does:
// files of a Git repository, rendered charts, releases of Helm. It says where
// each object stands, and what it could not read, and why.
package manifests

import (
	"bytes"
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Manifest is one Kubernetes object as somebody wrote it. An item of a List is
// one of its own.
type Manifest struct {
	File     string // as given
	Document int    // that it stands in, counted from 1
	Line     int    // that it begins in, counted from 1
	Template string // of a rendered chart, when "# Source:" names it
	Object   *unstructured.Unstructured
}

// String returns "Deployment default/web (web.yaml, document 2)".
func (m Manifest) String() string {
	name := m.Object.GetName()
	if namespace := m.Object.GetNamespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return fmt.Sprintf("%s %s (%s, document %d)", m.Object.GetKind(), name, m.File, m.Document)
}

// Ref names the object.
func (m Manifest) Ref() upgrade.ObjectRef {
	return upgrade.ObjectRef{APIVersion: m.Object.GetAPIVersion(), Kind: m.Object.GetKind(), Namespace: m.Object.GetNamespace(), Name: m.Object.GetName()}
}

// Fault is why a document was not read.
type Fault string

// The faults.
const (
	BadYAML   Fault = "badYAML"   // it is no YAML
	NoObject  Fault = "noObject"  // it has no apiVersion and kind: most likely no manifest at all
	BadObject Fault = "badObject" // it has no name, or a part of it is of the wrong type
	Template  Fault = "template"  // a template that was not rendered
	Kustomize Fault = "kustomize" // an input of kustomize
	TooLarge  Fault = "tooLarge"
)

// Problem is a document, or an item of a List, that was not read.
type Problem struct {
	File     string
	Line     int
	Document int
	Fault    Fault
	Text     string // what is wrong
	Remedy   string
}

// Error returns "web.yaml, document 2, line 12: not valid YAML ... (correct ...)".
func (p Problem) Error() string {
	return fmt.Sprintf("%s, document %d, line %d: %s (%s)", p.File, p.Document, p.Line, p.Text, p.Remedy)
}

// Set is what was read, and what could not be.
type Set struct {
	Manifests []Manifest
	Problems  []Problem
	Files     int
}

func (s *Set) add(more Set) {
	s.Files += more.Files
	s.Manifests, s.Problems = append(s.Manifests, more.Manifests...), append(s.Problems, more.Problems...)
}

// maxFile is the largest file that is read, in bytes. The API server takes
// objects of 3 MiB at most.
const maxFile = 64 << 20

// Parse reads the documents of one file; empty ones are left out. The first
// problem is the error.
func Parse(file string, text []byte) ([]Manifest, error) {
	set := Scan(file, text)
	if len(set.Problems) > 0 {
		return nil, fmt.Errorf("manifests: %w", set.Problems[0])
	}
	return set.Manifests, nil
}

// Scan reads what it can of one file, and names what it cannot. The file's name
// is only told.
func Scan(file string, text []byte) Set {
	set := Set{Files: 1}
	if len(text) > maxFile {
		set.Problems = append(set.Problems, Problem{File: file, Line: 1, Document: 1, Fault: TooLarge,
			Text: fmt.Sprintf("it has %d bytes and is not read", len(text)), Remedy: "take it out of the folder, or split it"})
		return set
	}
	Split(text, func(d Document) bool {
		manifests, problems := d.Manifests(file)
		set.Manifests, set.Problems = append(set.Manifests, manifests...), append(set.Problems, problems...)
		return true
	})
	return set
}

// Manifests reads a document, strictly: a key that is there twice is a problem.
func (d Document) Manifests(file string) ([]Manifest, []Problem) {
	r := reader{file: file, document: d}
	text, err := yaml.YAMLToJSONStrict(d.Text)
	var content any
	if err == nil {
		err = json.Unmarshal(text, &content) // keeps integers exact
	}
	switch {
	case err != nil && bytes.Contains(d.Text, []byte("{{")):
		return nil, []Problem{r.problem(d.Line, Template, "a template that is not rendered: "+r.words(err), "render it first, as with helm template, and give the result")}
	case err != nil:
		return nil, []Problem{r.problem(d.Line, BadYAML, "not valid YAML: "+r.words(err), correct)}
	case content == nil:
		return nil, nil
	}
	r.read(content, d.Line, "")
	return r.manifests, r.problems
}

const correct = "correct the document or take it out of the folder"

// reader reads one document.
type reader struct {
	file      string
	document  Document
	manifests []Manifest
	problems  []Problem
}

func (r *reader) problem(line int, fault Fault, text, remedy string) Problem {
	return Problem{File: r.file, Line: line, Document: r.document.Number, Fault: fault, Text: text, Remedy: remedy}
}

func (r *reader) bad(line int, fault Fault, where, text string) {
	if where != "" {
		text = where + ": " + text
	}
	r.problems = append(r.problems, r.problem(line, fault, text, correct))
}

// words tells an error of the parser with the lines of the file in place of
// those of the document.
func (r *reader) words(err error) string {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", "; "), "yaml: ")
	var line int
	if i := strings.Index(text, "line "); i >= 0 && r.document.first > 1 {
		if n, _ := fmt.Sscanf(text[i:], "line %d", &line); n == 1 {
			text = strings.Replace(text, fmt.Sprintf("line %d", line), fmt.Sprintf("line %d", line+r.document.first-1), 1)
		}
	}
	return text
}

// read reads an object or, of a List, its items; where is the path of an item.
func (r *reader) read(content any, line int, where string) {
	object, ok := content.(map[string]any)
	if !ok {
		r.bad(line, NoObject, where, fmt.Sprintf("want an object with apiVersion and kind, not a %T", content))
		return
	}
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	if apiVersion == "" || kind == "" {
		r.bad(line, NoObject, where, "apiVersion and kind must be given")
		return
	}
	if strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/") {
		r.problems = append(r.problems, r.problem(line, Kustomize, "an input of kustomize, whose result is not known", "render it first (kubectl kustomize) and give the result"))
		return
	}
	items, isList := object["items"].([]any)
	if itemKind, hasSuffix := strings.CutSuffix(kind, "List"); isList && hasSuffix {
		r.items(items, line, where, apiVersion, itemKind)
		return
	}
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if generate, _ := metadata["generateName"].(string); name == "" && generate == "" {
		r.bad(line, BadObject, where, kind+": metadata.name must be given")
		return
	}
	if namespace, given := metadata["namespace"]; given {
		if _, ok := namespace.(string); !ok {
			r.bad(line, BadObject, where, kind+": metadata.namespace must be a string")
			return
		}
	}
	r.manifests = append(r.manifests, Manifest{File: r.file, Document: r.document.Number, Line: line, Template: r.document.Template,
		Object: &unstructured.Unstructured{Object: object}})
}

// items reads the items of a List. A list of one kind lends it to items that
// name none.
func (r *reader) items(items []any, line int, where, apiVersion, kind string) {
	var lines []int
	if where == "" {
		lines = r.itemLines()
	} else {
		where += "."
	}
	for i, item := range items {
		at := line
		if i < len(lines) {
			at = lines[i]
		}
		if object, ok := item.(map[string]any); ok && kind != "" && object["kind"] == nil && object["apiVersion"] == nil {
			object["kind"], object["apiVersion"] = kind, apiVersion
		}
		r.read(item, at, fmt.Sprintf("%sitems[%d]", where, i))
	}
}

// itemLines returns in which lines of the file the items of a List begin.
func (r *reader) itemLines() []int {
	var root yamlv3.Node
	if yamlv3.Unmarshal(r.document.Text, &root) != nil || len(root.Content) == 0 || root.Content[0].Kind != yamlv3.MappingNode {
		return nil
	}
	fields := root.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Value == "items" {
			var lines []int
			for _, item := range fields[i+1].Content {
				lines = append(lines, item.Line+r.document.first-1)
			}
			return lines
		}
	}
	return nil
}
