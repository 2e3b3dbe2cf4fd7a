// Package kubetest is an API server for tests: it holds objects in memory and
// answers discovery, paged lists, metadata-only lists, reads, deletions and
// server-side apply over real HTTP. Rules of the real one that tests rely on are kept:
// pages and their continue tokens, and 404, 410 and 403 as Status objects.
package kubetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
)

// Server is the API server. Set its fields before the first request.
type Server struct {
	GitVersion string          // of /version
	Stale      []kube.Resource // of API servers behind it that do not answer
	Metrics    string          // of /metrics
	Issuer     string          // of service account tokens
	*httptest.Server

	mu        sync.Mutex
	resources []kube.Resource
	objects   map[string][]*unstructured.Unstructured // by "group/version/plural"
	failures  map[string][]int                        // HTTP statuses to answer with, by path
	requests  []string
}

// New starts a server of a version and stops it with the test.
func New(t testing.TB, gitVersion string) *Server {
	t.Helper()
	s := &Server{GitVersion: gitVersion, objects: map[string][]*unstructured.Unstructured{}, failures: map[string][]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// KubeClient returns a client of the server, as of cluster "shop".
func (s *Server) KubeClient(t testing.TB) *kube.Client {
	t.Helper()
	client, err := kube.New(&rest.Config{Host: s.URL}, "shop", kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Serve adds a resource with its objects: structs, maps or typed objects that
// marshal to Kubernetes JSON.
func (s *Server) Serve(t testing.TB, resource kube.Resource, objects ...any) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if resource.Verbs == nil {
		resource.Verbs = []string{"get", "list", "patch", "create", "update", "delete", "watch"}
	}
	s.resources = append(s.resources, resource)
	for _, object := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pointer(object))
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetAPIVersion(resource.APIVersion())
		u.SetKind(resource.Kind)
		s.objects[key(resource)] = append(s.objects[key(resource)], u)
	}
}

// Fail answers the next requests for a path with these HTTP statuses.
func (s *Server) Fail(path string, statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[path] = append(s.failures[path], statuses...)
}

// Requests returns "GET /api/v1/nodes?limit=500" of every request so far.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	if statuses := s.failures[r.URL.Path]; len(statuses) > 0 {
		s.failures[r.URL.Path] = statuses[1:]
		if statuses[0] != http.StatusOK {
			refuse(w, statuses[0])
			return
		}
	}
	switch path := r.URL.Path; path {
	case "/version":
		answer(w, map[string]string{"gitVersion": s.GitVersion})
	case "/metrics":
		fmt.Fprint(w, s.Metrics)
	case "/.well-known/openid-configuration":
		answer(w, map[string]string{"issuer": s.Issuer})
	case "/api", "/apis":
		answer(w, s.discovery(path == "/api"))
	default:
		s.object(w, r)
	}
}

func (s *Server) discovery(core bool) apidiscovery.APIGroupDiscoveryList {
	out := apidiscovery.APIGroupDiscoveryList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2"}}
	add := func(r kube.Resource, freshness apidiscovery.DiscoveryFreshness) {
		if (r.Group == "") != core {
			return
		}
		i := slices.IndexFunc(out.Items, func(g apidiscovery.APIGroupDiscovery) bool { return g.Name == r.Group })
		if i < 0 {
			i = len(out.Items)
			out.Items = append(out.Items, apidiscovery.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: r.Group}})
		}
		group := &out.Items[i]
		j := slices.IndexFunc(group.Versions, func(v apidiscovery.APIVersionDiscovery) bool { return v.Version == r.Version })
		if j < 0 {
			j = len(group.Versions)
			group.Versions = append(group.Versions, apidiscovery.APIVersionDiscovery{Version: r.Version, Freshness: freshness})
		}
		if freshness == apidiscovery.DiscoveryFreshnessStale {
			return
		}
		scope := apidiscovery.ScopeCluster
		if r.Namespaced {
			scope = apidiscovery.ScopeNamespace
		}
		group.Versions[j].Resources = append(group.Versions[j].Resources, apidiscovery.APIResourceDiscovery{
			Resource: r.Name, Scope: scope, Verbs: r.Verbs, ResponseKind: &metav1.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}})
	}
	for _, r := range s.resources {
		add(r, apidiscovery.DiscoveryFreshnessCurrent)
	}
	for _, r := range s.Stale {
		add(r, apidiscovery.DiscoveryFreshnessStale)
	}
	return out
}

// object answers reads, lists and applies of
// /api/v1[/namespaces/NS]/PLURAL[/NAME] and /apis/GROUP/VERSION/...
func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	id, rest := "", []string(nil)
	switch {
	case parts[0] == "api" && len(parts) > 2:
		id, rest = "/"+parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		id, rest = parts[1]+"/"+parts[2], parts[3:]
	default:
		refuse(w, http.StatusNotFound)
		return
	}
	namespace := ""
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	i := slices.IndexFunc(s.resources, func(x kube.Resource) bool { return key(x) == id+"/"+rest[0] })
	if i < 0 {
		refuse(w, http.StatusNotFound)
		return
	}
	resource := s.resources[i]
	switch {
	case len(rest) == 1 && r.Method == http.MethodGet:
		s.list(w, r, resource, namespace)
	case len(rest) == 2 && r.Method == http.MethodGet:
		for _, o := range s.objects[key(resource)] {
			if o.GetName() == rest[1] && o.GetNamespace() == namespace {
				answer(w, o)
				return
			}
		}
		refuse(w, http.StatusNotFound)
	case len(rest) == 2 && r.Method == http.MethodPatch && strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch"):
		s.apply(w, r, resource, namespace, rest[1])
	case len(rest) == 2 && r.Method == http.MethodDelete:
		all := s.objects[key(resource)]
		kept := slices.DeleteFunc(slices.Clone(all), func(o *unstructured.Unstructured) bool {
			return o.GetName() == rest[1] && o.GetNamespace() == namespace
		})
		if len(kept) == len(all) {
			refuse(w, http.StatusNotFound)
			return
		}
		s.objects[key(resource)] = kept
		answer(w, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess})
	default:
		refuse(w, http.StatusMethodNotAllowed)
	}
}

func (s *Server) apply(w http.ResponseWriter, r *http.Request, resource kube.Resource, namespace, name string) {
	body, err := io.ReadAll(r.Body)
	object := &unstructured.Unstructured{}
	if err != nil || json.Unmarshal(body, &object.Object) != nil || r.URL.Query().Get("fieldManager") == "" {
		refuse(w, http.StatusBadRequest)
		return
	}
	object.SetNamespace(namespace)
	all := s.objects[key(resource)]
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return o.GetName() == name && o.GetNamespace() == namespace })
	if i < 0 {
		s.objects[key(resource)] = append(all, object)
	} else {
		all[i] = object
	}
	answer(w, object)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, resource kube.Resource, namespace string) {
	var items []*unstructured.Unstructured
	for _, o := range s.objects[key(resource)] {
		if namespace == "" || o.GetNamespace() == namespace {
			items = append(items, o)
		}
	}
	query := r.URL.Query()
	start, _ := strconv.Atoi(query.Get("continue"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	end := len(items)
	if limit > 0 {
		end = min(start+limit, end)
	}
	next := ""
	if end < len(items) {
		next = strconv.Itoa(end)
	}
	content := make([]any, 0, end-start)
	partial := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList")
	for _, o := range items[start:end] {
		if partial {
			content = append(content, map[string]any{"metadata": o.Object["metadata"]})
			continue
		}
		content = append(content, o.Object)
	}
	kind, version := resource.Kind+"List", resource.APIVersion()
	if partial {
		kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
	}
	answer(w, map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{"continue": next, "resourceVersion": "1"}, "items": content})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err) // the test's own data does not marshal
	}
}

func refuse(w http.ResponseWriter, status int) {
	reasons := map[int]metav1.StatusReason{400: metav1.StatusReasonBadRequest, 401: metav1.StatusReasonUnauthorized, 403: metav1.StatusReasonForbidden,
		404: metav1.StatusReasonNotFound, 409: metav1.StatusReasonConflict, 410: metav1.StatusReasonExpired,
		429: metav1.StatusReasonTooManyRequests, 500: metav1.StatusReasonInternalError, 503: metav1.StatusReasonServiceUnavailable}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(status)
	answer(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Code: int32(status), Reason: reasons[status], Message: fmt.Sprintf("as told: %d", status)})
}

func key(r kube.Resource) string { return r.Group + "/" + r.Version + "/" + r.Name }

// pointer returns what ToUnstructured takes: a pointer to a struct or a map.
func pointer(object any) any {
	if m, ok := object.(map[string]any); ok {
		return &m
	}
	return object
}
