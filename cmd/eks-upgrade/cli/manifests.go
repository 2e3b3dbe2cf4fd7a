package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

const modulePath = "github.com/eks-upgrade-agent/eks-upgrade-agent"

// bundled are the workloads that a rehearsal loads when none are named.
var bundled = []string{"online-boutique", "kube-prometheus"}

// bundledManifests finds the bundled workloads in the source tree around dir.
func bundledManifests(dir string) ([]string, error) {
	root, err := sourceRoot(dir)
	if err != nil {
		return nil, usage("--manifests", err.Error(), "name a folder of Kubernetes manifests, or run this inside the source tree, which has some")
	}
	folders := make([]string, len(bundled))
	for i, name := range bundled {
		folders[i] = filepath.Join(root, "test", "testdata", "clusters", name)
	}
	return folders, nil
}

// sourceRoot returns the folder of this module that dir is in.
func sourceRoot(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		file, err := os.Open(filepath.Join(d, "go.mod"))
		if err == nil {
			first, readErr := bufio.NewReader(file).ReadString('\n')
			file.Close()
			if readErr == nil && strings.TrimSpace(first) == "module "+modulePath {
				return d, nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is not inside the source tree", dir)
		}
	}
}

// checkManifests reads every manifest, so that a mistake shows before anything
// is started.
func checkManifests(folders []string) error {
	for _, folder := range folders {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return usage("--manifests", fmt.Sprintf("%s does not exist", folder), "name a folder of Kubernetes manifests")
		}
		objects := 0
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !isManifest(path) {
				return err
			}
			n, err := checkManifest(path)
			objects += n
			return err
		})
		var pathError *fs.PathError
		switch {
		case errors.As(err, &pathError):
			return usage("--manifests", fmt.Sprintf("%s cannot be read: %v", pathError.Path, pathError.Err), "make it readable")
		case err != nil:
			return err
		case objects == 0:
			return usage("--manifests", fmt.Sprintf("%s holds no Kubernetes object", folder), "name a folder with .yaml, .yml or .json files")
		}
	}
	return nil
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// checkManifest returns how many objects a file holds.
func checkManifest(path string) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(file), 4096)
	objects := 0
	for i := 1; ; i++ {
		var object struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		err := decoder.Decode(&object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return 0, usage("--manifests", fmt.Sprintf("%s, document %d is not valid YAML: %v", path, i, err), "correct the file or take it out of the folder")
		case object.APIVersion == "" && object.Kind == "": // an empty document
		case object.APIVersion == "" || object.Kind == "":
			return 0, usage("--manifests", fmt.Sprintf("%s, document %d has no apiVersion and kind", path, i), "correct the file or take it out of the folder")
		default:
			objects++
		}
	}
}
