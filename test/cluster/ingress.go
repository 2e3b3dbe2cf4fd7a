package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Ingress is a cluster's way in: an HTTP server on loopback that answers for the
// workloads of which the cluster says that they are ready.
//
//	GET /                     the default service
//	GET /svc/NAMESPACE/NAME   any service
//
// The answer is 200 with a small JSON object when the service has a ready
// endpoint, else 503. As a data plane does, it goes by what it knew last while
// the API server is away.
type Ingress struct {
	cluster  string
	service  string // namespace/name of the default service
	observe  func(cluster string, status int, latency time.Duration)
	server   *http.Server
	listener net.Listener
	unwatch  context.CancelFunc
	done     sync.WaitGroup

	mu     sync.RWMutex
	ready  map[string]map[types.UID]int // endpoints by service and slice
	errors errorRate
}

// errorRate spreads failures evenly: of n requests, n times the rate fail.
type errorRate struct {
	sync.Mutex
	rate, due float64
}

func (e *errorRate) fails() bool {
	e.Lock()
	defer e.Unlock()
	if e.due += e.rate; e.due < 1 {
		return false
	}
	e.due--
	return true
}

func startIngress(cluster, service string, config *rest.Config, observe func(string, int, time.Duration)) (*Ingress, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cluster: cannot listen for the ingress of %s: %w", cluster, err)
	}
	i := &Ingress{cluster: cluster, service: service, observe: observe, listener: listener, ready: map[string]map[types.UID]int{}}
	i.unwatch, err = watchAll(config, &i.done, map[schema.GroupVersionResource]cache.ResourceEventHandler{
		endpointSlices: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { i.see(object, false) },
			UpdateFunc: func(_, object any) { i.see(object, false) },
			DeleteFunc: func(object any) { i.see(object, true) },
		},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	i.server = &http.Server{Handler: http.HandlerFunc(i.serve), ReadHeaderTimeout: 5 * time.Second}
	i.done.Go(func() {
		// It ends with ErrServerClosed, or because the listener broke, which
		// requests then show.
		_ = i.server.Serve(listener)
	})
	return i, nil
}

// Address is where the ingress listens, 127.0.0.1:PORT.
func (i *Ingress) Address() string { return i.listener.Addr().String() }

// SetErrorRate makes a fraction of all requests, from 0 to 1, be answered with 500.
func (i *Ingress) SetErrorRate(fraction float64) error {
	if !(fraction >= 0 && fraction <= 1) {
		return fmt.Errorf("cluster: error rate %v is not between 0 and 1", fraction)
	}
	i.errors.Lock()
	defer i.errors.Unlock()
	i.errors.rate, i.errors.due = fraction, 0
	return nil
}

// close lets requests under way end, for a second at most.
func (i *Ingress) close() error {
	i.unwatch()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := i.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = i.server.Close()
	}
	i.done.Wait()
	return err
}

func (i *Ingress) serve(w http.ResponseWriter, r *http.Request) {
	began := time.Now() // real time: a real request's latency
	status := i.answer(w, r)
	if i.observe != nil {
		i.observe(i.cluster, status, time.Since(began))
	}
}

func (i *Ingress) answer(w http.ResponseWriter, r *http.Request) int {
	service := i.service
	if name, ok := strings.CutPrefix(r.URL.Path, "/svc/"); ok {
		service = name
	} else if r.URL.Path != "/" {
		http.NotFound(w, r)
		return http.StatusNotFound
	}
	if i.errors.fails() {
		http.Error(w, "an injected error", http.StatusInternalServerError)
		return http.StatusInternalServerError
	}
	endpoints := i.Endpoints(service)
	status := http.StatusOK
	if endpoints == 0 {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here means that the client has gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"cluster": i.cluster, "service": service, "endpoints": endpoints})
	return status
}

// Endpoints counts the ready endpoints of a service, given as namespace/name.
func (i *Ingress) Endpoints(service string) int {
	i.mu.RLock()
	defer i.mu.RUnlock()
	sum := 0
	for _, n := range i.ready[service] {
		sum += n
	}
	return sum
}

func (i *Ingress) see(object any, deleted bool) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	raw, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	slice, err := typed[discoveryv1.EndpointSlice](raw)
	count := 0
	if err == nil && !deleted { // what cannot be read has no ready endpoint
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; ready == nil || *ready {
				count++
			}
		}
	}
	service := raw.GetNamespace() + "/" + raw.GetLabels()[discoveryv1.LabelServiceName]
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ready[service] == nil {
		i.ready[service] = map[types.UID]int{}
	}
	if deleted {
		delete(i.ready[service], raw.GetUID())
		return
	}
	i.ready[service][raw.GetUID()] = count
}

// Ingress returns the cluster's ingress.
func (f *Fleet) Ingress(name string) (*Ingress, error) {
	c, err := f.existing(name)
	if err != nil {
		return nil, err
	}
	defer c.Unlock()
	return c.instance.ingress, nil
}
