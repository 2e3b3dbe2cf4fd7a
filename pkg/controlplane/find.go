// Package controlplane runs the real Kubernetes programs that the product needs on
// this machine: it finds them, makes their certificates, starts them on loopback,
// waits until they serve, and sees to it that nothing outlives this program.
package controlplane

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
	KubernetesVersion = "v1.37.2"
	KWOKVersion       = "v0.8.0"
	modulePath        = "github.com/eks-upgrade-agent/eks-upgrade-agent"
)

// BuildCommand is what a person runs when the programs are missing.
const BuildCommand = "scripts/build-control-plane.sh"

// A Command is a program with the arguments that always come first.
type Command []string

// CacheDir is where builds are kept: EKS_UPGRADE_AGENT_CACHE, else under the
// XDG cache folder.
func CacheDir(getenv func(string) string) (string, error) {
	if dir := getenv("EKS_UPGRADE_AGENT_CACHE"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("controlplane: EKS_UPGRADE_AGENT_CACHE must be an absolute path, not %q", dir)
		}
		return dir, nil
	}
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "eks-upgrade-agent"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "eks-upgrade-agent"), nil
	}
	return "", errors.New("controlplane: cannot tell where the cache is: set EKS_UPGRADE_AGENT_CACHE or HOME")
}

// FindBuilt returns the program name of the build that belongs to the source
// tree around dir or, outside a source tree, of the newest build that has it.
func FindBuilt(cache, dir, name string) (string, error) {
	key := KubernetesVersion + "-*"
	if root, ok := SourceRoot(dir); ok {
		var err error
		if key, err = BuildKey(filepath.Join(root, "test", "controlplane")); err != nil {
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
		if Executable(file) && info.ModTime().After(built) {
			newest, built = file, info.ModTime()
		}
	}
	if newest == "" {
		return "", Missing(pattern)
	}
	return newest, nil
}

// Missing is the error that says how to get a program that was looked for.
func Missing(what string) error {
	return fmt.Errorf("controlplane: the Kubernetes control plane is not built (no %s): "+
		"run %s (6 to 12 minutes on two cores, once), or set KUBEBUILDER_ASSETS to a folder with "+
		"etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok", what, BuildCommand)
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+(\S+)\s*$`)

// SourceRoot walks up from dir to the folder whose go.mod is this module's.
func SourceRoot(dir string) (string, bool) {
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

// BuildKey names a build after what went into it; the script computes the same.
func BuildKey(source string) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("controlplane: the control plane's source is incomplete: %w", err)
		}
		hash.Write(text)
	}
	return fmt.Sprintf("%s-%x", KubernetesVersion, hash.Sum(nil)[:6]), nil
}

// Executable reports whether a file is a program.
func Executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
