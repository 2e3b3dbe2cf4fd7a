package controlplane

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
)

// startTimeout bounds a start (real time): 3 s on a quiet machine, 20 s on a very busy one.
const startTimeout = 2 * time.Minute

// Server is an API server with its etcd, both on loopback, without controllers.
// Nobody but the holder of its configuration may speak to it, and it stops with
// this program. It calls nobody: webhooks and API services do not work.
type Server struct {
	dir             string
	supervisor      *Supervisor
	etcd, apiServer *Process
	etcdURL         string
	config          *rest.Config
}

// unwanted would turn away, for lack of others, what is only tried: quotas,
// service accounts and priorities come from controllers and from the cluster.
const unwanted = "ServiceAccount,ResourceQuota,LimitRanger,Priority,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,MutatingAdmissionPolicy,DefaultTolerationSeconds,RuntimeClass,NodeRestriction"

// Start starts an API server of a minor version such as "1.35". State goes into a
// new folder under dir ("": the system's for temporary files). Stop it.
func Start(ctx context.Context, programs Programs, version, dir string) (*Server, error) {
	folder, err := os.MkdirTemp(dir, "eks-upgrade-apiserver-")
	if err != nil {
		return nil, fmt.Errorf("controlplane: cannot make the state folder: %w", err)
	}
	supervisor, err := NewSupervisor(folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	s := &Server{dir: folder, supervisor: supervisor}
	if err := s.start(ctx, programs, version); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, programs Programs, version string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%v have passed", startTimeout))
	defer cancel()
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	pki, err := ForAPIServer("proof", filepath.Join(s.dir, "pki"))
	if err != nil {
		return err
	}
	admin, err := pki.Client("eks-upgrade", "system:masters")
	if err != nil {
		return err
	}
	s.config = &rest.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", ports[0]),
		TLSClientConfig: rest.TLSClientConfig{CAData: pki.CA, CertData: admin.Certificate, KeyData: admin.Key},
		QPS:             -1, // the server's own limits are what a client should meet
	}
	s.etcdURL = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	etcdURL := s.etcdURL
	s.etcd, err = s.supervisor.Run("etcd", programs.Etcd, EtcdArgs(filepath.Join(s.dir, "etcd"), etcdURL, fmt.Sprintf("http://127.0.0.1:%d", ports[2])),
		Environment(), filepath.Join(s.dir, "etcd.log"))
	if err != nil {
		return err
	}
	env := []string{"GOGC=200"} // it lives for seconds: time is worth more than memory
	if programs.Bundled {
		env = append(env, "CONTROLPLANE_REPORT_VERSION="+GitVersion(version))
	}
	args := append(APIServerArgs(pki, version, etcdURL, ports[0]),
		"--authorization-mode=AlwaysAllow", // of whom it knows: nobody else has a certificate
		"--anonymous-auth=false",
		"--disable-admission-plugins="+unwanted,
		"--watch-cache=false", // what is kept is little, and filling the cache takes the first seconds
		"--max-requests-inflight=400",
		"--max-mutating-requests-inflight=200",
		"--enable-priority-and-fairness=false")
	s.apiServer, err = s.supervisor.Run("kube-apiserver", programs.APIServer, args, Environment(env...), filepath.Join(s.dir, "kube-apiserver.log"))
	if err != nil {
		return err
	}
	return s.waitServing(ctx)
}

// GitVersion is what an EKS cluster of a minor version such as "1.34" and its
// kubelets report, such as "v1.34.1-eks-3025e55".
func GitVersion(minor string) string { return "v" + minor + ".1-eks-3025e55" }

// Config is the administrator's access.
func (s *Server) Config() *rest.Config { return rest.CopyConfig(s.config) }

// Etcd is the URL of its etcd.
func (s *Server) Etcd() string { return s.etcdURL }

// Exited returns an error with the end of its log when one of the two programs
// has ended.
func (s *Server) Exited() error {
	for _, p := range []*Process{s.etcd, s.apiServer} {
		if p != nil {
			if err := p.Exited(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Stop ends both at once and removes the state.
func (s *Server) Stop() error {
	var err error
	for _, p := range []*Process{s.apiServer, s.etcd} { // nothing is worth a graceful end: the data goes as well
		if p != nil {
			err = errors.Join(err, s.supervisor.Stop(p.Process, 0))
		}
	}
	return errors.Join(err, s.supervisor.Close(), os.RemoveAll(s.dir))
}

// waitServing waits until the API server is ready, has made its own namespaces
// and serves definitions: for some seconds after /readyz it may turn others away.
func (s *Server) waitServing(ctx context.Context) error {
	client, err := rest.HTTPClientFor(s.config)
	if err != nil {
		return fmt.Errorf("controlplane: %w", err)
	}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit=1"} {
		if err := s.waitFor(ctx, client, path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) waitFor(ctx context.Context, client *http.Client, path string) error {
	return WaitFor(ctx, path+" of the API server", client, s.config.Host+path, s.Exited)
}

// WaitFor polls an address of an API server until it answers 200; what names it
// in errors. It gives up at once when exited says that a process has ended.
func WaitFor(ctx context.Context, what string, client *http.Client, address string, exited func() error) error {
	return Poll(ctx, what, func(ctx context.Context) (bool, error, error) {
		if err := exited(); err != nil {
			return false, nil, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false, nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return false, err, nil
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, errors.New(response.Status), nil
	})
}

// freePorts picks free ports of loopback below the range that systems use for
// outgoing connections.
func freePorts(n int) ([]int, error) {
	ports := map[int]bool{}
	var out []int
	for range 200 {
		port := 15000 + rand.IntN(15000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || ports[port] {
			continue
		}
		if err := listener.Close(); err != nil {
			return nil, fmt.Errorf("controlplane: %w", err)
		}
		ports[port] = true
		if out = append(out, port); len(out) == n {
			return out, nil
		}
	}
	return nil, errors.New("controlplane: no free port on 127.0.0.1 between 15000 and 29999")
}
