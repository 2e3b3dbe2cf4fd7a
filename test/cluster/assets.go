package cluster

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// The versions that scripts/build-control-plane.sh builds.
const (
	kubernetesVersion = "v1.37.2"
	kwokVersion       = "v0.8.0"
	modulePath        = "github.com/eks-upgrade-agent/eks-upgrade-agent"
)

// BuildCommand is what a person runs when the assets are missing.
const BuildCommand = "scripts/build-control-plane.sh"

// A Command is a program with the arguments that always come first.
type Command []string

// Assets are the programs that a simulated cluster consists of.
type Assets struct {
	Etcd              Command
	APIServer         Command
	ControllerManager Command
	Scheduler         Command
	KWOK              Command

	// Bundled says that these are the programs of test/controlplane, which can
	// answer on /version with the version of the cluster instead of their own.
	Bundled bool
}

// FindAssets looks for the programs: with KUBEBUILDER_ASSETS set in that folder
// and nowhere else (but for kwok, which may also be in the cache), else in the
// cache that scripts/build-control-plane.sh fills. It builds nothing. The error
// names what is missing and how to get it.
func FindAssets() (Assets, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Assets{}, fmt.Errorf("cluster: cannot tell the current folder: %w", err)
	}
	return findAssets(os.Getenv, wd)
}

func findAssets(getenv func(string) string, dir string) (Assets, error) {
	cache, err := cacheDir(getenv)
	if err != nil {
		return Assets{}, err
	}
	folder := getenv("KUBEBUILDER_ASSETS")
	kwok, kwokErr := findBuilt(cache, dir, "kwok-"+kwokVersion)
	if folder == "" {
		binary, err := findBuilt(cache, dir, "controlplane")
		if err != nil {
			return Assets{}, err
		}
		if kwokErr != nil {
			return Assets{}, kwokErr
		}
		return Assets{
			Etcd:              Command{binary, "etcd"},
			APIServer:         Command{binary, "kube-apiserver"},
			ControllerManager: Command{binary, "kube-controller-manager"},
			Scheduler:         Command{binary, "kube-scheduler"},
			KWOK:              Command{kwok},
			Bundled:           true,
		}, nil
	}

	var assets Assets
	for name, command := range map[string]*Command{
		"etcd": &assets.Etcd, "kube-apiserver": &assets.APIServer,
		"kube-controller-manager": &assets.ControllerManager, "kube-scheduler": &assets.Scheduler,
	} {
		file := filepath.Join(folder, name)
		if !executable(file) {
			return Assets{}, fmt.Errorf("cluster: KUBEBUILDER_ASSETS is %s, but there is no program %s: "+
				"put it there (setup-envtest brings etcd and kube-apiserver, a Kubernetes server release the others), "+
				"or unset KUBEBUILDER_ASSETS and run %s", folder, file, BuildCommand)
		}
		*command = Command{file}
	}
	if file := filepath.Join(folder, "kwok"); executable(file) {
		kwok, kwokErr = file, nil
	}
	if kwokErr != nil {
		return Assets{}, fmt.Errorf("cluster: no program kwok in KUBEBUILDER_ASSETS (%s) nor in the cache: "+
			"put it there, or run %s, which then builds only that", folder, BuildCommand)
	}
	assets.KWOK = Command{kwok}
	return assets, nil
}

// cacheDir is where builds are kept: EKS_UPGRADE_AGENT_CACHE, else under the
// XDG cache folder.
func cacheDir(getenv func(string) string) (string, error) {
	if dir := getenv("EKS_UPGRADE_AGENT_CACHE"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("cluster: EKS_UPGRADE_AGENT_CACHE must be an absolute path, not %q", dir)
		}
		return dir, nil
	}
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "eks-upgrade-agent"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "eks-upgrade-agent"), nil
	}
	return "", errors.New("cluster: cannot tell where the cache is: set EKS_UPGRADE_AGENT_CACHE or HOME")
}

// findBuilt returns the program name of the build that belongs to the source
// tree around dir or, outside a source tree, of the newest build that has it.
func findBuilt(cache, dir, name string) (string, error) {
	key := kubernetesVersion + "-*"
	if root, ok := sourceRoot(dir); ok {
		var err error
		if key, err = buildKey(filepath.Join(root, "test", "controlplane")); err != nil {
			return "", err
		}
	}
	pattern := filepath.Join(cache, "controlplane", key, name)
	files, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	var newest string
	var built time.Time
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		if executable(file) && info.ModTime().After(built) {
			newest, built = file, info.ModTime()
		}
	}
	if newest == "" {
		return "", missing(pattern)
	}
	return newest, nil
}

func missing(what string) error {
	return fmt.Errorf("cluster: the Kubernetes control plane is not built (no %s): "+
		"run %s (6 to 12 minutes on two cores, once), or set KUBEBUILDER_ASSETS to a folder with "+
		"etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok", what, BuildCommand)
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+(\S+)\s*$`)

// sourceRoot walks up from dir to the folder whose go.mod is this module's.
func sourceRoot(dir string) (string, bool) {
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if m := moduleLine.FindSubmatch(text); err == nil && m != nil && string(m[1]) == modulePath {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// buildKey names a build after what went into it; the script computes the same.
func buildKey(source string) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("cluster: the control plane's source is incomplete: %w", err)
		}
		hash.Write(text)
	}
	return fmt.Sprintf("%s-%x", kubernetesVersion, hash.Sum(nil)[:6]), nil
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
