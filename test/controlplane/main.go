// Command controlplane is a Kubernetes control plane in one binary: its first
// argument names the component that this process becomes, the rest are that
// component's own flags. Rehearsals and tests start one process per component.
//
// It is a Go module of its own because k8s.io/kubernetes can only be imported
// with a replace line for each staging module, and because nothing else should
// compile it.
package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	etcdversion "go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/server/v3/etcdmain"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/cli"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// reportVersionEnv names the version that kube-apiserver answers on /version,
// such as v1.34.9-eks-0123abc. Unset, it answers as upstream does: with the
// binary's version, whatever it emulates.
const reportVersionEnv = "CONTROLPLANE_REPORT_VERSION"

func main() {
	os.Exit(run(os.Args[1:], map[string]func() int{
		"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
		"kube-apiserver":          kubeAPIServer,
		"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"version": func() int {
			fmt.Printf("controlplane: Kubernetes %s, etcd %s\n", version.Get().GitVersion, etcdversion.Version)
			return 0
		},
	}, os.Stderr))
}

// run becomes the component that args[0] names and returns the exit code; 2
// means that there is no such component. Components read their flags from
// os.Args, so it is rewritten.
func run(args []string, components map[string]func() int, stderr io.Writer) int {
	names := make([]string, 0, len(components))
	for name := range components {
		names = append(names, name)
	}
	sort.Strings(names)
	usage := "usage: controlplane " + strings.Join(names, "|") + " [flags]"
	if len(args) == 0 {
		fmt.Fprintln(stderr, usage)
		return 2
	}
	component, known := components[args[0]]
	if !known {
		fmt.Fprintf(stderr, "controlplane: unknown component %q\n%s\n", args[0], usage)
		return 2
	}
	os.Args = args
	return component()
}

func kubeAPIServer() int {
	if reported := os.Getenv(reportVersionEnv); reported != "" {
		// The registry already holds the default; the entry can only be replaced whole.
		registry := compatibility.DefaultComponentGlobalsRegistry
		registry.Reset()
		err := registry.Register(basecompatibility.DefaultKubeComponent,
			reporting{compatibility.DefaultBuildEffectiveVersion(), reported}, utilfeature.DefaultMutableFeatureGate)
		if err != nil {
			fmt.Fprintln(os.Stderr, "controlplane:", err)
			return 1
		}
	}
	return cli.Run(apiserver.NewAPIServerCommand())
}

// reporting makes /version show the emulated minor, as a cluster that really
// runs that version would, instead of the binary's.
type reporting struct {
	basecompatibility.MutableEffectiveVersion
	gitVersion string
}

func (r reporting) Info() *apiversion.Info {
	info := r.MutableEffectiveVersion.Info()
	if info == nil {
		return nil
	}
	info.Major, info.Minor, info.GitVersion = info.EmulationMajor, info.EmulationMinor, r.gitVersion
	return info
}
