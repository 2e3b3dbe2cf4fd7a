package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// BuildCommand is what a person runs when the assets are missing.
const BuildCommand = controlplane.BuildCommand

// A Command is a program with the arguments that always come first.
type Command = controlplane.Command

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

// Path is where the API server is, as controlplane.Find takes it.
func (a Assets) Path() string {
	if a.Bundled {
		return a.APIServer[0]
	}
	return filepath.Dir(a.APIServer[0])
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
	cache, err := controlplane.CacheDir(getenv)
	if err != nil {
		return Assets{}, err
	}
	folder := getenv("KUBEBUILDER_ASSETS")
	kwok, kwokErr := controlplane.FindBuilt(cache, dir, "kwok-"+controlplane.KWOKVersion)
	if folder == "" {
		binary, err := controlplane.FindBuilt(cache, dir, "controlplane")
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
		if !controlplane.Executable(file) {
			return Assets{}, fmt.Errorf("cluster: KUBEBUILDER_ASSETS is %s, but there is no program %s: "+
				"put it there (setup-envtest brings etcd and kube-apiserver, a Kubernetes server release the others), "+
				"or unset KUBEBUILDER_ASSETS and run %s", folder, file, BuildCommand)
		}
		*command = Command{file}
	}
	if file := filepath.Join(folder, "kwok"); controlplane.Executable(file) {
		kwok, kwokErr = file, nil
	}
	if kwokErr != nil {
		return Assets{}, fmt.Errorf("cluster: no program kwok in KUBEBUILDER_ASSETS (%s) nor in the cache: "+
			"put it there, or run %s, which then builds only that", folder, BuildCommand)
	}
	assets.KWOK = Command{kwok}
	return assets, nil
}
