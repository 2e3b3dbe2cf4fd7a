// Package kubeconfig reaches the API server that a kubeconfig names, as kubectl
// does: KUBECONFIG, exec plugins (aws eks get-token), certificates, tokens and
// proxies included. Functions do not use it: they ask EKS (package clusters).
package kubeconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// The flags that choose a connection, as errors name them.
const (
	FileFlag    = "--kubeconfig"
	ContextFlag = "--context"
)

// Selection chooses a connection.
type Selection struct {
	File    string // empty: KUBECONFIG, or ~/.kube/config
	Context string // empty: the current one
}

// Connection is how an API server is reached.
type Connection struct {
	Context string // empty: the service account of the pod that this runs in
	Cluster string // what to call the cluster: its name in EKS when the kubeconfig tells it, else the context's
	Server  string // URL
	EKS     EKS
	Config  *rest.Config // holds secrets: never print it
}

// EKS is the cluster of EKS that a connection leads to, as far as the kubeconfig
// tells.
type EKS struct{ Name, Region, Profile string }

// Limits are those of a person's connection: more than a function's, which
// shares the API server with others for hours.
func Limits() kube.Limits { return kube.Limits{QPS: 100, Burst: 200, Timeout: time.Minute} }

// Load finds the connection. Nothing is sent. What is missing or wrong in the
// files is an InvalidRequest that names the flag.
func Load(s Selection) (Connection, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath, rules.WarnIfAllMissing = s.File, false
	files, err := rules.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Connection{}, invalid(FileFlag, fmt.Sprintf("there is no file %s", s.File), "name a kubeconfig; aws eks update-kubeconfig --name CLUSTER writes one")
	case err != nil:
		return Connection{}, invalid(FileFlag, err.Error(), "correct the file, or name another one")
	}
	if clientcmdapi.IsConfigEmpty(files) {
		if s.File != "" || s.Context != "" {
			return Connection{}, invalid(FileFlag, fmt.Sprintf("%s names no cluster", where(s, rules)), "name another file; aws eks update-kubeconfig --name CLUSTER writes one")
		}
		return inCluster(s, rules)
	}
	name := s.Context
	if name == "" {
		name = files.CurrentContext
	}
	chosen, ok := files.Contexts[name]
	switch {
	case name == "":
		return Connection{}, invalid(ContextFlag, fmt.Sprintf("%s has no current context", where(s, rules)), "name one: "+contexts(files))
	case !ok && s.Context == "":
		return Connection{}, invalid(ContextFlag, fmt.Sprintf("the current context %q is not in %s", name, where(s, rules)), "name another one: "+contexts(files))
	case !ok:
		return Connection{}, invalid(ContextFlag, fmt.Sprintf("%q is not in %s", name, where(s, rules)), "use one of: "+contexts(files))
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*files, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return Connection{}, invalid(ContextFlag, fmt.Sprintf("context %q cannot be used: %v", name, err), "correct the kubeconfig, or name another context: "+contexts(files))
	}
	c := Connection{Context: name, Cluster: name, Server: config.Host, Config: config, EKS: eksOf(chosen.Cluster, files.AuthInfos[chosen.AuthInfo])}
	if c.EKS.Name != "" {
		c.Cluster = c.EKS.Name
	}
	return c, nil
}

// Connect returns a client. Nothing is sent yet.
func (c Connection) Connect(context.Context, string) (*kube.Client, error) {
	return kube.New(c.Config, c.Cluster, Limits())
}

// inCluster reaches the API server as a pod does.
func inCluster(s Selection, rules *clientcmd.ClientConfigLoadingRules) (Connection, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return Connection{}, invalid(FileFlag, fmt.Sprintf("there is no kubeconfig (%s)", where(s, rules)), "name one; aws eks update-kubeconfig --name CLUSTER writes one")
	}
	return Connection{Cluster: "in-cluster", Server: config.Host, Config: config}, nil
}

func where(s Selection, rules *clientcmd.ClientConfigLoadingRules) string {
	if s.File != "" {
		return s.File
	}
	return strings.Join(rules.Precedence, ", ")
}

func contexts(c *clientcmdapi.Config) string {
	const shown = 10
	names := slices.Sorted(maps.Keys(c.Contexts))
	switch {
	case len(names) == 0:
		return "the kubeconfig has none; aws eks update-kubeconfig --name CLUSTER adds one"
	case len(names) > shown:
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

func invalid(flag, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("", flag, message, remedy)
}

// eksOf finds the cluster of EKS behind a context. "aws eks update-kubeconfig"
// calls the cluster by its ARN; the command that gets tokens names cluster,
// region and profile. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
func eksOf(cluster string, user *clientcmdapi.AuthInfo) EKS {
	var e EKS
	if parts := strings.SplitN(cluster, ":", 6); len(parts) == 6 && parts[0] == "arn" && parts[2] == "eks" {
		if name, ok := strings.CutPrefix(parts[5], "cluster/"); ok {
			e.Name, e.Region = name, parts[3]
		}
	}
	if user == nil || user.Exec == nil {
		return e
	}
	if command := filepath.Base(user.Exec.Command); e.Name == "" && (command == "aws" || command == "aws-iam-authenticator") {
		e.Name = argument(user.Exec.Args, e.Name, "--cluster-name", "--cluster-id", "-i")
		e.Region = argument(user.Exec.Args, e.Region, "--region")
	}
	e.Profile = argument(user.Exec.Args, "", "--profile")
	for _, v := range user.Exec.Env {
		if v.Name == "AWS_PROFILE" && e.Profile == "" {
			e.Profile = v.Value
		}
	}
	return e
}

func argument(args []string, otherwise string, names ...string) string {
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case !slices.Contains(names, name):
		case joined:
			return value
		case i+1 < len(args):
			return args[i+1]
		}
	}
	return otherwise
}

// Host is the name of the API server, without what a URL can hide.
func (c Connection) Host() string {
	u, err := url.Parse(c.Server)
	if err != nil || u.Host == "" {
		return "the API server"
	}
	return u.Host
}
