package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
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
		set, err := manifests.ScanFiles(folder)
		var pathError *fs.PathError
		switch {
		case errors.As(err, &pathError) && pathError.Path == folder && errors.Is(err, fs.ErrNotExist):
			return usage("--manifests", fmt.Sprintf("%s does not exist", folder), "name a folder of Kubernetes manifests")
		case errors.As(err, &pathError):
			return usage("--manifests", fmt.Sprintf("%s cannot be read: %v", pathError.Path, pathError.Err), "make it readable")
		case err != nil:
			return usage("--manifests", err.Error(), "name a folder of Kubernetes manifests")
		case len(set.Problems) > 0:
			p := set.Problems[0]
			return usage("--manifests", fmt.Sprintf("%s, document %d, line %d: %s", p.File, p.Document, p.Line, p.Text), p.Remedy)
		case len(set.Manifests) == 0:
			return usage("--manifests", fmt.Sprintf("%s holds no Kubernetes object", folder), "name a folder with .yaml, .yml or .json files")
		}
	}
	return nil
}
