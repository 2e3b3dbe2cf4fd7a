// Package cluster runs real Kubernetes control planes for simulated EKS clusters:
// etcd, kube-apiserver at the cluster's version, kube-controller-manager and
// kube-scheduler as processes, and KWOK, which makes nodes Ready and pods Running
// without running a container. Everything listens on loopback only.
package cluster

import (
	"context"
	_ "embed" // defaults.yaml
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/supervise"
)

// startTimeout bounds a start or a version change (real time). An API server is
// ready in 3 s on a quiet machine and in 20 s on a very busy one.
const startTimeout = 2 * time.Minute

var errClosed = errors.New("cluster: the fleet is closed")

//go:embed defaults.yaml
var defaults []byte

// Options configure a fleet.
type Options struct {
	// Assets are the programs; see FindAssets.
	Assets Assets
	// Dir is where a folder for all state is made; the folder is removed by
	// Close. Empty is the system's folder for temporary files.
	Dir string
	// Hold slows the clock of the rehearsal to real time until the returned
	// function is called; nil when there is no such clock.
	Hold func() func()
	// TokenWebhook returns the URL that a cluster's API server asks about bearer
	// tokens (authentication.k8s.io/v1 TokenReview); nil or "" is none.
	TokenWebhook func(cluster string) string
	// DefaultService answers for / of a cluster's ingress, as namespace/name;
	// empty is default/frontend.
	DefaultService string
	// Observe is told of every request that a cluster's ingress has answered; the
	// latency is real time. It must not block. nil: nobody wants to know.
	Observe func(cluster string, status int, latency time.Duration)
	// Log receives one line per event worth telling; nil discards.
	Log io.Writer
}

// Endpoint is how to reach a cluster's API server.
type Endpoint struct {
	URL    string // https://127.0.0.1:PORT
	CAData []byte // PEM
}

// Fleet is a set of clusters by name. Its methods may be called concurrently;
// those on the same cluster wait for each other.
type Fleet struct {
	options    Options
	dir        string
	supervisor *controlplane.Supervisor
	drainStall time.Duration

	mu       sync.Mutex
	clusters map[string]*locked
	ports    map[int]bool
	closed   bool
}

// locked is a cluster with its lock. A nil instance is one that is not there.
type locked struct {
	sync.Mutex
	instance *instance
}

// NewFleet makes an empty fleet. Close it.
func NewFleet(options Options) (*Fleet, error) {
	for name, command := range map[string]Command{
		"etcd": options.Assets.Etcd, "kube-apiserver": options.Assets.APIServer,
		"kube-controller-manager": options.Assets.ControllerManager, "kube-scheduler": options.Assets.Scheduler,
		"kwok": options.Assets.KWOK,
	} {
		if len(command) == 0 {
			return nil, fmt.Errorf("cluster: Options.Assets has no %s: use FindAssets", name)
		}
	}
	if options.Hold == nil {
		options.Hold = func() func() { return func() {} }
	}
	if options.TokenWebhook == nil {
		options.TokenWebhook = func(string) string { return "" }
	}
	if options.DefaultService == "" {
		options.DefaultService = "default/frontend"
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	dir, err := os.MkdirTemp(options.Dir, "eks-upgrade-clusters-")
	if err != nil {
		return nil, fmt.Errorf("cluster: cannot make the state folder: %w", err)
	}
	supervisor, err := controlplane.NewSupervisor(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Fleet{options: options, dir: dir, supervisor: supervisor, drainStall: drainStall,
		clusters: map[string]*locked{}, ports: map[int]bool{}}, nil
}

var (
	namePattern    = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)
	versionPattern = regexp.MustCompile(`^1\.[1-9][0-9]$`)
)

// CreateCluster starts a cluster of a Kubernetes minor version such as "1.34" and
// returns when its API server answers without turning requests away and the
// default namespace has its service account.
func (f *Fleet) CreateCluster(ctx context.Context, name, version string) (Endpoint, error) {
	if !namePattern.MatchString(name) {
		return Endpoint{}, fmt.Errorf("cluster: name %q is not an EKS cluster name: letters, digits, - and _, at most 100", name)
	}
	if err := checkVersion(version); err != nil {
		return Endpoint{}, err
	}
	c, err := f.lock(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer c.Unlock()
	if c.instance != nil {
		return Endpoint{}, fmt.Errorf("cluster: %s exists already, at %s", name, c.instance.version)
	}
	defer f.options.Hold()()
	began := time.Now()
	i := &instance{name: name, version: version, dir: filepath.Join(f.dir, name)}
	if err := f.create(ctx, i); err != nil {
		return Endpoint{}, errors.Join(err, f.remove(i))
	}
	c.instance = i
	f.logf("cluster %s: Kubernetes %s at %s after %v", name, version, i.url(), time.Since(began).Round(time.Millisecond))
	return Endpoint{URL: i.url(), CAData: i.pki.CA}, nil
}

func (f *Fleet) create(ctx context.Context, i *instance) error {
	etcdPort, err := f.reservePort()
	if err != nil {
		return err
	}
	peerPort, err := f.reservePort()
	if err != nil {
		return err
	}
	if i.apiPort, err = f.reservePort(); err != nil {
		return err
	}
	i.etcdURL = fmt.Sprintf("http://127.0.0.1:%d", etcdPort)
	if err := i.prepare(f.options.TokenWebhook(i.name)); err != nil {
		return err
	}
	i.etcd, err = f.start("etcd of "+i.name, f.options.Assets.Etcd, controlplane.EtcdArgs(filepath.Join(i.dir, "etcd"), i.etcdURL, fmt.Sprintf("http://127.0.0.1:%d", peerPort)), controlplane.Environment(), i.logFile("etcd"))
	if err != nil {
		return err
	}
	if err := f.startControlPlane(ctx, i); err != nil {
		return err
	}
	if err := f.startKWOK(i); err != nil {
		return err
	}
	all, err := manifests.Parse("defaults.yaml", defaults)
	if err != nil {
		return err
	}
	if err := apply(ctx, i.adminConfig(), all); err != nil {
		return err
	}
	if i.settler, err = startSettler(i.adminConfig(), f.options.Hold); err != nil {
		return err
	}
	i.ingress, err = startIngress(i.name, f.options.DefaultService, i.adminConfig(), f.options.Observe)
	return err
}

// UpgradeCluster restarts the control plane at another version over the same
// data; back is possible as well. The API server is away for some seconds.
// Workloads go on. When the start fails the cluster is left without an API
// server; RestartAPIServer brings back the version before.
func (f *Fleet) UpgradeCluster(ctx context.Context, name, version string) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	c, err := f.existing(name)
	if err != nil {
		return err
	}
	defer c.Unlock()
	defer f.options.Hold()()
	began, before := time.Now(), c.instance.version
	if err := f.stopControlPlane(c.instance); err != nil {
		return err
	}
	c.instance.version = version
	if err := f.startControlPlane(ctx, c.instance); err != nil {
		c.instance.version = before
		return errors.Join(err, f.stopControlPlane(c.instance))
	}
	f.logf("cluster %s: Kubernetes %s to %s after %v", name, before, version, time.Since(began).Round(time.Millisecond))
	return nil
}

// DeleteCluster stops the cluster and removes its state.
func (f *Fleet) DeleteCluster(_ context.Context, name string) error {
	c, err := f.existing(name)
	if err != nil {
		return err
	}
	defer c.Unlock()
	if err := f.remove(c.instance); err != nil {
		return err
	}
	c.instance = nil
	f.logf("cluster %s: deleted", name)
	return nil
}

// KillAPIServer ends the API server as a crash would; workloads go on.
func (f *Fleet) KillAPIServer(name string) error {
	c, err := f.existing(name)
	if err != nil {
		return err
	}
	defer c.Unlock()
	if c.instance.apiServer == nil {
		return nil
	}
	err = c.instance.apiServer.Kill()
	return errors.Join(err, f.stopProcess(&c.instance.apiServer))
}

// RestartAPIServer brings back what KillAPIServer ended.
func (f *Fleet) RestartAPIServer(ctx context.Context, name string) error {
	c, err := f.existing(name)
	if err != nil {
		return err
	}
	defer c.Unlock()
	defer f.options.Hold()()
	if err := f.stopControlPlane(c.instance); err != nil {
		return err
	}
	return f.startControlPlane(ctx, c.instance)
}

// RESTConfig returns the administrator's access to a cluster, which is in
// system:masters.
func (f *Fleet) RESTConfig(name string) (*rest.Config, error) {
	c, err := f.existing(name)
	if err != nil {
		return nil, err
	}
	defer c.Unlock()
	return c.instance.adminConfig(), nil
}

// Close deletes every cluster and the state folder. Calls after the first do
// nothing.
func (f *Fleet) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	clusters := f.clusters
	f.clusters = nil
	f.mu.Unlock()
	failures := make(chan error, len(clusters))
	for _, c := range clusters {
		go func() {
			c.Lock() // waits for a start that is under way
			defer c.Unlock()
			var err error
			if c.instance != nil {
				err = f.remove(c.instance)
				c.instance = nil
			}
			failures <- err
		}()
	}
	var err error
	for range clusters {
		err = errors.Join(err, <-failures)
	}
	return errors.Join(err, f.supervisor.Close(), os.RemoveAll(f.dir))
}

// start starts a component of a cluster.
func (f *Fleet) start(name string, command Command, args, env []string, logFile string) (*controlplane.Process, error) {
	p, err := f.supervisor.Run(name, command, args, env, logFile)
	if errors.Is(err, supervise.ErrClosed) {
		return nil, errClosed
	}
	return p, err
}

func checkVersion(version string) error {
	if !versionPattern.MatchString(version) {
		return fmt.Errorf("cluster: version %q is not a Kubernetes minor version such as 1.34", version)
	}
	return nil
}

// lock returns the named cluster locked, whether it exists or not.
func (f *Fleet) lock(name string) (*locked, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, errClosed
	}
	c := f.clusters[name]
	if c == nil {
		c = &locked{}
		f.clusters[name] = c
	}
	f.mu.Unlock()
	c.Lock()
	return c, nil
}

// existing returns the named cluster locked; it is an error if there is none.
func (f *Fleet) existing(name string) (*locked, error) {
	c, err := f.lock(name)
	if err != nil {
		return nil, err
	}
	if c.instance == nil {
		c.Unlock()
		return nil, fmt.Errorf("cluster: there is no cluster %q", name)
	}
	return c, nil
}

// reservePort picks a free port below the range that systems use for outgoing
// connections, so that it is still free when an API server comes back.
func (f *Fleet) reservePort() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range 200 {
		port := 15000 + rand.IntN(15000)
		if f.ports[port] {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		f.ports[port] = true
		return port, listener.Close()
	}
	return 0, errors.New("cluster: no free port on 127.0.0.1 between 15000 and 29999")
}

func (f *Fleet) logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.options.Log, format+"\n", args...)
}
