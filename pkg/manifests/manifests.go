// Package manifests reads Kubernetes objects from files, as people and Git have them.
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Manifest is one Kubernetes object as somebody wrote it.
type Manifest struct {
	File     string
	Document int // counted from 1
	Object   *unstructured.Unstructured
}

func (m Manifest) String() string {
	name := m.Object.GetName()
	if namespace := m.Object.GetNamespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return fmt.Sprintf("%s %s (%s, document %d)", m.Object.GetKind(), name, m.File, m.Document)
}

// Read reads all .yaml, .yml and .json files of the folders, or the
// files themselves: every document, lists as their items. Names that begin with a
// dot are left out. Errors name the file and the document.
func Read(paths ...string) ([]Manifest, error) {
	var all []Manifest
	for _, path := range paths {
		var found []Manifest
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fmt.Errorf("manifests: cannot read manifests: %w", err)
			case file != path && strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
				return fs.SkipDir
			case entry.IsDir(), file != path && strings.HasPrefix(entry.Name(), "."):
				return nil
			case !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)):
				if file == path {
					return fmt.Errorf("manifests: %s is no manifest: want a folder or a file that ends in .yaml, .yml or .json", path)
				}
				return nil
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("manifests: cannot read manifests: %w", err)
			}
			manifests, err := Parse(file, text)
			found = append(found, manifests...)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("manifests: there is no manifest in %s: want files that end in .yaml, .yml or .json", path)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Parse reads the documents of one file; empty ones are left out.
func Parse(file string, text []byte) ([]Manifest, error) {
	var all []Manifest
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for document := 1; ; document++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("manifests: %s, document %d: %w", file, document, fmt.Errorf(format, args...))
		}
		if err != nil {
			return nil, wrong("%w", err)
		}
		var content any
		text, err := yaml.YAMLToJSONStrict(part)
		if err == nil {
			err = json.Unmarshal(text, &content) // keeps integers exact
		}
		if err != nil {
			if bytes.Contains(part, []byte("{{")) {
				return nil, wrong("%w (if this is a Helm template, render it first: helm template)", err)
			}
			return nil, wrong("%w", err)
		}
		if content == nil {
			continue
		}
		object, ok := content.(map[string]any)
		if !ok {
			return nil, wrong("want an object with apiVersion and kind, not a %T", content)
		}
		objects, err := expand(object)
		if err != nil {
			return nil, wrong("%w", err)
		}
		for _, object := range objects {
			all = append(all, Manifest{File: file, Document: document, Object: object})
		}
	}
}

// expand returns the object, or the items if it is a list.
func expand(content map[string]any) ([]*unstructured.Unstructured, error) {
	apiVersion, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	if apiVersion == "" || kind == "" {
		return nil, errors.New("apiVersion and kind must be given")
	}
	if strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/") {
		return nil, errors.New("is for kustomize; render it first (kubectl kustomize) and give the result")
	}
	items, isList := content["items"].([]any)
	if itemKind, hasSuffix := strings.CutSuffix(kind, "List"); isList && hasSuffix {
		var all []*unstructured.Unstructured
		for number, item := range items {
			object, ok := item.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("items[%d] is no object", number)
			}
			if itemKind != "" && object["kind"] == nil && object["apiVersion"] == nil {
				object["kind"], object["apiVersion"] = itemKind, apiVersion
			}
			objects, err := expand(object)
			if err != nil {
				return nil, fmt.Errorf("items[%d]: %w", number, err)
			}
			all = append(all, objects...)
		}
		return all, nil
	}
	metadata, _ := content["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if generate, _ := metadata["generateName"].(string); name == "" && generate == "" {
		return nil, fmt.Errorf("%s: metadata.name must be given", kind)
	}
	if namespace, given := metadata["namespace"]; given {
		if _, ok := namespace.(string); !ok {
			return nil, fmt.Errorf("%s: metadata.namespace must be a string", kind)
		}
	}
	return []*unstructured.Unstructured{{Object: content}}, nil
}
