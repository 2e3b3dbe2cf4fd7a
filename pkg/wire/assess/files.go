package assess

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	manifestsFlag = "--manifests"
	stdin         = "-"
	// maxStdin is the most that is read of standard input, in bytes.
	maxStdin = 256 << 20
)

// files are the manifests that were read.
type files struct {
	manifests []manifests.Manifest
	unread    []upgrade.NotChecked
}

// readManifests reads files and folders. What is no YAML is a mistake; what is
// YAML and still no manifest (templates that are not rendered, inputs of
// kustomize) was not checked. Files in folders that hold no object are passed
// over.
func readManifests(paths []string, in io.Reader) (files, error) {
	var f files
	for _, path := range paths {
		set, err := scan(path, in)
		if err != nil {
			return f, err
		}
		info, statErr := os.Stat(path)
		folder := statErr == nil && info.IsDir()
		for _, p := range set.Problems {
			switch {
			case p.Fault == manifests.NoObject && folder:
			case p.Fault == manifests.Template || p.Fault == manifests.Kustomize || p.Fault == manifests.TooLarge:
				f.unread = append(f.unread, upgrade.NotChecked{What: fmt.Sprintf("%s, line %d", shown(p.File), p.Line), Why: p.Text, Remedy: p.Remedy})
			default:
				return f, invalid(manifestsFlag, fmt.Sprintf("%s, line %d (document %d): %s", shown(p.File), p.Line, p.Document, p.Text), p.Remedy)
			}
		}
		if len(set.Manifests) == 0 && len(set.Problems) == 0 {
			return f, invalid(manifestsFlag, path+" holds no Kubernetes object", "name a file or folder with manifests (.yaml, .yml, .json)")
		}
		f.manifests = append(f.manifests, set.Manifests...)
	}
	return f, nil
}

func scan(path string, in io.Reader) (manifests.Set, error) {
	if path == stdin {
		text, err := io.ReadAll(io.LimitReader(in, maxStdin))
		if err != nil {
			return manifests.Set{}, invalid(manifestsFlag, "standard input cannot be read: "+err.Error(), "give manifests on standard input, or name a file")
		}
		return manifests.Scan("<stdin>", text), nil
	}
	set, err := manifests.ScanFiles(path)
	var pathError *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return set, invalid(manifestsFlag, path+" does not exist", `name a file or folder with manifests, or "-" for standard input`)
	case errors.As(err, &pathError):
		return set, invalid(manifestsFlag, fmt.Sprintf("%s cannot be read: %v", pathError.Path, pathError.Err), "make it readable")
	case err != nil:
		return set, invalid(manifestsFlag, err.Error(), "name a file or folder with manifests (.yaml, .yml, .json)")
	}
	return set, nil
}

// into gives what the files say to an assessment.
func (f files) into(o *assess.Options, paths []string, table lifecycle.Table) {
	if len(paths) == 0 {
		return
	}
	o.Manifests = paths
	objects := make([]kubestate.Object, len(f.manifests))
	for i, m := range f.manifests {
		objects[i] = kubestate.Object{Unstructured: *m.Object, Source: shown(m.File)}
	}
	state, unread := kubestate.FromObjects(objects)
	state.DeprecatedAPIs = manifests.Deprecated(f.manifests, table, o.Request.Target)
	if state.DeprecatedAPIs == nil {
		state.DeprecatedAPIs = []upgrade.DeprecatedAPI{}
	}
	o.Static = []upgrade.Snapshot{{Source: upgrade.SourceManifests, Kubernetes: &state, NotChecked: slices.Concat(f.unread, unread)}}
	o.Locate = f.locate
}

// locate finds the manifest of an object: one of the same version, or else of
// the same group. Manifests without a namespace are meant for any.
func (f files) locate(object upgrade.ObjectRef) *assess.Location {
	group := groupOf(object.APIVersion)
	best, score := -1, 0
	for i, m := range f.manifests {
		have := m.Ref()
		if have.Kind != object.Kind || have.Name != object.Name || have.Namespace != object.Namespace && have.Namespace != "" && object.Namespace != "" {
			continue
		}
		s := 1
		if groupOf(have.APIVersion) == group {
			s += 2
		}
		if have.APIVersion == object.APIVersion {
			s += 4
		}
		if have.Namespace == object.Namespace {
			s += 8
		}
		if s > score {
			best, score = i, s
		}
	}
	if best < 0 {
		return nil
	}
	return &assess.Location{File: shown(f.manifests[best].File), Line: max(f.manifests[best].Line, 1)}
}

func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

// shown is how a file is named: with slashes, and relative to the working
// directory where it is below it.
func shown(file string) string {
	wd, err := os.Getwd()
	if err != nil || !filepath.IsAbs(file) {
		return filepath.ToSlash(filepath.Clean(file))
	}
	relative, err := filepath.Rel(wd, file)
	if err != nil || slices.Contains(strings.Split(filepath.ToSlash(relative), "/"), "..") {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(relative)
}
