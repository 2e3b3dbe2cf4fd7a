// Command gen writes table.go: which feature gates, flags and configuration
// keys the components of a node accept, release by release, and where each one
// ends. It downloads the releases through the Go module proxy and reads their
// sources; nothing of them is run.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// releases holds one release of each minor: what an older one has and a newer
// one lacks is gone since the newer one.
var releases = []string{"28.15", "29.6", "30.14", "31.14", "32.13", "33.13", "34.4", "35.4", "36.3", "37.2"}

// libraries are the modules beside k8s.io/kubernetes that declare feature gates
// of the kubelet, kube-proxy and kube-scheduler, with the folders that do.
var libraries = map[string][]string{
	"k8s.io/apiserver":               {"pkg/features"},
	"k8s.io/apiextensions-apiserver": {"pkg/features"},
	"k8s.io/client-go":               {"features"},
	"k8s.io/cloud-provider":          {"names", "controllers/..."},
	"k8s.io/controller-manager":      {"pkg/features"},
	"k8s.io/component-base":          {"..."},
}

// flagFolders are where a component declares its flags.
var flagFolders = map[string][]string{
	"kubelet":        {"k8s.io/kubernetes/cmd/kubelet/app/options", "k8s.io/kubernetes/pkg/kubelet/config", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1", "k8s.io/component-base/cli/globalflag", "k8s.io/component-base/version/verflag"},
	"kube-proxy":     {"k8s.io/kubernetes/cmd/kube-proxy/app", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1"},
	"kube-scheduler": {"k8s.io/kubernetes/cmd/kube-scheduler/app/options", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1", "k8s.io/component-base/config/options", "k8s.io/component-base/metrics"},
}

// keyFiles are where the configuration file of a component is declared.
var keyFiles = map[string]struct{ module, file, kind string }{
	"kubelet": {"k8s.io/kubelet", "config/v1beta1/types.go", "KubeletConfiguration"},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	all := newHistory()
	for _, release := range releases {
		found, err := read(release)
		if err != nil {
			return fmt.Errorf("release 1.%s: %w", release, err)
		}
		if err := all.add(found); err != nil {
			return fmt.Errorf("release 1.%s: %w", release, err)
		}
	}
	return all.write("table.go")
}

// read returns what one release accepts.
func read(release string) (found, error) {
	f := found{gates: map[string]gate{}, flags: map[string]map[string]bool{}, keys: map[string]map[string]bool{}}
	minor, _, _ := strings.Cut(release, ".")
	if _, err := fmt.Sscanf(minor, "%d", &f.version.Minor); err != nil {
		return f, err
	}
	f.version.Major = 1
	folders := map[string]string{}
	folder := func(module string) (string, error) {
		if dir, ok := folders[module]; ok {
			return dir, nil
		}
		dir, err := latest(module, release)
		folders[module] = dir
		return dir, err
	}
	kubernetes, err := folder("k8s.io/kubernetes")
	if err != nil {
		return f, err
	}
	gates := []string{filepath.Join(kubernetes, "pkg/features")}
	for module, inside := range libraries {
		dir, err := folder(module)
		if err != nil {
			return f, err
		}
		for _, sub := range inside {
			gates = append(gates, filepath.Join(dir, sub))
		}
	}
	if err := readGates(gates, f); err != nil {
		return f, err
	}
	for component, places := range flagFolders {
		f.flags[component] = map[string]bool{}
		for _, place := range places {
			module := strings.Join(strings.SplitN(place, "/", 3)[:2], "/")
			dir, err := folder(module)
			if err != nil {
				return f, err
			}
			if err := readFlags(filepath.Join(dir, strings.TrimPrefix(place, module)), f.flags[component]); err != nil {
				return f, err
			}
		}
		if len(f.flags[component]) < 10 {
			return f, fmt.Errorf("only %d flags of %s were found: have its sources moved?", len(f.flags[component]), component)
		}
	}
	for component, at := range keyFiles {
		dir, err := folder(at.module)
		if err != nil {
			return f, err
		}
		if f.keys[component], err = readKeys(filepath.Join(dir, at.file), at.kind); err != nil {
			return f, err
		}
	}
	return f, nil
}

// latest downloads a release of a module or, when the proxy does not have it,
// the patch release before it: what is accepted differs by minor.
func latest(module, release string) (string, error) {
	major := "v0."
	if module == "k8s.io/kubernetes" {
		major = "v1."
	}
	var minor, patch int
	if _, err := fmt.Sscanf(release, "%d.%d", &minor, &patch); err != nil {
		return "", err
	}
	dir, err := "", error(nil)
	for ; patch >= 0; patch-- {
		if dir, err = download(module, fmt.Sprintf("%s%d.%d", major, minor, patch)); err == nil {
			return dir, nil
		}
	}
	return "", err
}

func download(module, version string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", module+"@"+version).Output()
	if err != nil {
		return "", fmt.Errorf("download %s %s: %w: %s", module, version, err, out)
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", err
	}
	if answer.Dir == "" {
		return "", errors.New("no folder of " + module)
	}
	return answer.Dir, nil
}

// found is what one release accepts.
type found struct {
	version upgrade.Version
	gates   map[string]gate
	flags   map[string]map[string]bool // by component
	keys    map[string]map[string]bool // by component
}

// gate of one release.
type gate struct{ value, locked bool }
