package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// PathVariable names the environment variable that says where the programs are.
const PathVariable = "EKS_UPGRADE_CONTROL_PLANE"

// Programs are an API server and its store.
type Programs struct {
	Etcd      Command
	APIServer Command
	// Bundled says that they are the one program of test/controlplane, which can
	// answer on /version with the version that it emulates.
	Bundled bool
}

// Find looks for the programs. path is the bundled program, or a folder that
// holds it (as "controlplane") or kube-apiserver and etcd. Empty, it is
// EKS_UPGRADE_CONTROL_PLANE, else KUBEBUILDER_ASSETS, else the program beside
// this one, else the cache that scripts/build-control-plane.sh fills. The error
// names what is missing and how to get it.
func Find(path string) (Programs, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Programs{}, fmt.Errorf("controlplane: cannot tell the current folder: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return Programs{}, fmt.Errorf("controlplane: cannot tell where this program is: %w", err)
	}
	return find(path, os.Getenv, wd, filepath.Dir(self))
}

func find(path string, getenv func(string) string, dir, beside string) (Programs, error) {
	for _, named := range []string{path, getenv(PathVariable), getenv("KUBEBUILDER_ASSETS")} {
		if named != "" {
			return at(named)
		}
	}
	if file := filepath.Join(beside, "controlplane"); Executable(file) {
		return bundled(file), nil
	}
	cache, err := CacheDir(getenv)
	if err != nil {
		return Programs{}, err
	}
	file, err := FindBuilt(cache, dir, "controlplane")
	if err != nil {
		return Programs{}, fmt.Errorf("controlplane: there is no API server to try manifests on (%s): name one that you have, or run make control-plane in the source tree "+
			"(6 to 12 minutes on two cores, once)", filepath.Join(cache, "controlplane"))
	}
	return bundled(file), nil
}

func bundled(file string) Programs {
	return Programs{Etcd: Command{file, "etcd"}, APIServer: Command{file, "kube-apiserver"}, Bundled: true}
}

// at returns the programs of a file or folder that somebody named.
func at(path string) (Programs, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Programs{}, fmt.Errorf("controlplane: %w", err)
	}
	if Executable(path) {
		return bundled(path), nil
	}
	if file := filepath.Join(path, "controlplane"); Executable(file) {
		return bundled(file), nil
	}
	p := Programs{Etcd: Command{filepath.Join(path, "etcd")}, APIServer: Command{filepath.Join(path, "kube-apiserver")}}
	for _, file := range []string{p.APIServer[0], p.Etcd[0]} {
		if !Executable(file) {
			return Programs{}, fmt.Errorf("controlplane: there is no program %s: name the program of make control-plane, or a folder with kube-apiserver and etcd "+
				"(setup-envtest brings them)", file)
		}
	}
	return p, nil
}

var reported = regexp.MustCompile(`Kubernetes v1\.([0-9]+)\.`)

// Minor is the minor of Kubernetes that the API server is built of. It can
// emulate that one and the three before it.
func (p Programs) Minor() (int, error) {
	command := append(Command{}, p.APIServer...)
	if p.Bundled {
		command = Command{p.APIServer[0], "version"}
	} else {
		command = append(command, "--version")
	}
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return 0, fmt.Errorf("controlplane: %s does not tell its version: %w", strings.Join(command, " "), err)
	}
	m := reported.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("controlplane: %s tells no version of Kubernetes: %.100q", strings.Join(command, " "), out)
	}
	return strconv.Atoi(string(m[1]))
}

// Emulated is how many minors back an API server can go. Source:
// https://kubernetes.io/docs/concepts/cluster-administration/compatibility-version/
const Emulated = 3
