package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// startControlPlane starts what has the cluster's version and waits until the
// API server serves.
func (f *Fleet) startControlPlane(ctx context.Context, i *instance) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%v have passed", startTimeout))
	defer cancel()
	var env []string
	if f.options.Assets.Bundled {
		env = append(env, "CONTROLPLANE_REPORT_VERSION="+GitVersion(i.version))
	}
	webhook := f.options.TokenWebhook(i.name) != ""
	var err error
	i.apiServer, err = f.start("kube-apiserver of "+i.name, f.options.Assets.APIServer,
		i.apiServerArgs(webhook), controlplane.Environment(env...), i.logFile("kube-apiserver"))
	if err != nil {
		return err
	}
	if err := f.waitServing(ctx, i); err != nil {
		return err
	}
	i.controllerManager, err = f.start("kube-controller-manager of "+i.name, f.options.Assets.ControllerManager,
		i.controllerManagerArgs(f.options.Assets.Bundled), controlplane.Environment(), i.logFile("kube-controller-manager"))
	if err != nil {
		return err
	}
	i.scheduler, err = f.start("kube-scheduler of "+i.name, f.options.Assets.Scheduler,
		i.schedulerArgs(), controlplane.Environment(), i.logFile("kube-scheduler"))
	if err != nil {
		return err
	}
	return f.waitDefaults(ctx, i)
}

// stopControlPlane stops what has the cluster's version, clients first.
func (f *Fleet) stopControlPlane(i *instance) error {
	return errors.Join(
		f.stopTogether(&i.scheduler, &i.controllerManager),
		f.stopProcess(&i.apiServer))
}

// remove stops all of the cluster and removes its state. What is nil is skipped,
// so it also cleans up after a start that failed.
func (f *Fleet) remove(i *instance) error {
	var err error
	if i.ingress != nil {
		err = i.ingress.close()
		i.ingress = nil
	}
	if i.settler != nil {
		i.settler.stop()
		i.settler = nil
	}
	// Nothing here is worth a graceful end: the data goes as well.
	for _, p := range []*controlplane.Process{i.kwok, i.scheduler, i.controllerManager, i.apiServer, i.etcd} {
		if p != nil {
			err = errors.Join(err, p.Kill())
		}
	}
	err = errors.Join(err, f.stopTogether(&i.kwok, &i.scheduler, &i.controllerManager, &i.apiServer, &i.etcd))
	return errors.Join(err, os.RemoveAll(i.dir))
}

func (f *Fleet) stopTogether(processes ...**controlplane.Process) error {
	failures := make(chan error, len(processes))
	for _, p := range processes {
		go func() { failures <- f.stopProcess(p) }()
	}
	var err error
	for range processes {
		err = errors.Join(err, <-failures)
	}
	return err
}

func (f *Fleet) stopProcess(p **controlplane.Process) error {
	err := f.supervisor.End(*p)
	*p = nil
	return err
}

// waitServing waits for /readyz and then for a read and a write of what is
// stored: for some seconds after it says that it is ready, the API server answers
// 429 while it fills its caches.
func (f *Fleet) waitServing(ctx context.Context, i *instance) error {
	client, err := rest.HTTPClientFor(i.adminConfig())
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer client.CloseIdleConnections()
	for _, path := range []string{
		"/readyz",
		"/api/v1/namespaces/default", // made by the API server itself after it is ready
		"/api/v1/nodes?limit=1", "/api/v1/pods?limit=1", "/apis/apps/v1/deployments?limit=1",
		"/apis/coordination.k8s.io/v1/leases?limit=1",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit=1",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin",
	} {
		if err := f.waitFor(ctx, i, client, path); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) waitDefaults(ctx context.Context, i *instance) error {
	client, err := rest.HTTPClientFor(i.adminConfig())
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer client.CloseIdleConnections()
	return f.waitFor(ctx, i, client, "/api/v1/namespaces/default/serviceaccounts/default")
}

// waitFor polls a path of the API server until it answers 200. It gives up at
// once when one of the processes has ended.
func (f *Fleet) waitFor(ctx context.Context, i *instance, client *http.Client, path string) error {
	return controlplane.WaitFor(ctx, path+" of cluster "+i.name, client, i.url()+path, func() error {
		for _, p := range []*controlplane.Process{i.etcd, i.apiServer, i.controllerManager, i.scheduler} {
			if p == nil {
				continue
			}
			if err := p.Exited(); err != nil {
				return err
			}
		}
		return nil
	})
}

func (i *instance) adminConfig() *rest.Config {
	return &rest.Config{
		Host: i.url(),
		TLSClientConfig: rest.TLSClientConfig{
			CAData: i.pki.CA, CertData: i.admin.Certificate, KeyData: i.admin.Key,
		},
		QPS: -1, // the server's own limits are what a client should meet
	}
}

// GitVersion is what an EKS cluster of a minor version such as "1.34" and its
// kubelets report, such as "v1.34.1-eks-3025e55".
func GitVersion(minor string) string { return controlplane.GitVersion(minor) }
