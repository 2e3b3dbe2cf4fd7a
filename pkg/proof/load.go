package proof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const podSecurity = "pod-security.kubernetes.io/"

// namespaceLabels are a namespace's labels, with Pod Security as the version
// would have it: what it enforces of pods it warns about of what makes pods.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
func namespaceLabels(labels map[string]string, version upgrade.Version) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if !strings.HasPrefix(k, podSecurity) && k != "kubernetes.io/metadata.name" {
			out[k] = v
		}
	}
	level := labels[podSecurity+"enforce"]
	if level == "" {
		return out
	}
	of := labels[podSecurity+"enforce-version"]
	if of == "" || of == "latest" {
		of = "v" + version.String()
	}
	for _, mode := range []string{"enforce", "warn"} {
		out[podSecurity+mode], out[podSecurity+mode+"-version"] = level, of
	}
	return out
}

// enforces reports whether a namespace enforces a level of Pod Security.
func (s *server) enforces(namespace string) bool {
	return s.labels[namespace][podSecurity+"enforce"] != ""
}

// namespace makes a namespace when it is first needed.
func (s *server) namespace(ctx context.Context, name string) error {
	once, _ := s.namespaces.LoadOrStore(name, &sync.Once{})
	var err error
	once.(*sync.Once).Do(func() {
		kind := schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
		o.SetLabels(s.labels[name])
		// That a name is none, which the answer would say, is said of the manifest itself.
		if _, err = s.post(ctx, s.resources[kind], o, false); err != nil {
			err = failed(ctx, "make namespace "+name, err)
		}
	})
	return err
}

// define loads definitions, tells what the server made of each, and waits until
// what they define is served.
func (s *server) define(ctx context.Context, all []Manifest, note func(Manifest, outcome)) error {
	if len(all) == 0 {
		return nil
	}
	var mu sync.Mutex
	var errs []error
	var taken []*unstructured.Unstructured
	wanted := map[schema.GroupVersionKind]string{}
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for _, m := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			o := prepare(m.Object)
			if !s.knows(o) { // a version of definitions that is not served
				note(m, outcome{refused: []cause{{"", fmt.Sprintf("no matches for kind %q in version %q", o.GetKind(), o.GetAPIVersion())}}})
				return
			}
			out, err := s.ask(ctx, false, o, false)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			note(m, out)
			if len(out.refused) == 0 && out.problem == "" {
				taken = append(taken, o)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, o := range taken {
		s.expect(o, wanted)
	}
	return s.waitServed(ctx, wanted)
}

// expect notes what a definition will serve.
func (s *server) expect(o *unstructured.Unstructured, wanted map[schema.GroupVersionKind]string) {
	group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		name, _ := version["name"].(string)
		gvk := schema.GroupVersionKind{Group: group, Version: name, Kind: kind}
		_, found, _ := unstructured.NestedFieldNoCopy(version, "subresources", "status")
		s.hasStatus[gvk] = found
		if served, _ := version["served"].(bool); served {
			wanted[gvk] = o.GetName()
		}
	}
}

// servedStall is how long definitions may take to be served (real time); one
// whose names another has taken is never.
const servedStall = 20 * time.Second

func (s *server) waitServed(ctx context.Context, wanted map[schema.GroupVersionKind]string) error {
	last := time.Now()
	before := len(wanted) + 1
	return controlplane.Poll(ctx, "the definitions to be served", func(ctx context.Context) (bool, error, error) {
		if err := s.discover(ctx); err != nil {
			return false, nil, failed(ctx, "load the definitions", err)
		}
		var missing []string
		for gvk, definition := range wanted {
			if _, ok := s.resources[gvk]; !ok {
				missing = append(missing, definition)
			}
		}
		if len(missing) < before {
			before, last = len(missing), time.Now()
		}
		if len(missing) > 0 && time.Since(last) > servedStall {
			for _, name := range missing {
				s.notes = append(s.notes, upgrade.NotChecked{What: "objects of " + name, Why: "the API server of " + s.version.String() + " took the definition and does not serve it",
					Remedy: "look for another definition with the same kind or short names"})
			}
			return true, nil, nil
		}
		return len(missing) == 0, upgrade.Detailf("%s is not served yet", strings.Join(missing, ", ")), nil
	})
}

// prepareCluster loads the admission policies of the cluster.
func (s *server) prepareCluster(ctx context.Context, o Options) error {
	var loaded int
	for _, p := range o.Policies {
		copy := prepare(p)
		_, parameters, _ := unstructured.NestedFieldNoCopy(copy.Object, "spec", "paramKind")
		_, reference, _ := unstructured.NestedFieldNoCopy(copy.Object, "spec", "paramRef")
		resource, ok := s.resources[copy.GroupVersionKind()]
		if parameters || reference || !ok {
			continue
		}
		delete(copy.Object, "status")
		a, err := s.post(ctx, resource, copy, false)
		if err != nil {
			return failed(ctx, "load "+copy.GetKind()+" "+copy.GetName(), err)
		}
		if a.code == http.StatusCreated {
			loaded++
		}
	}
	if loaded == 0 {
		return nil
	}
	return s.waitPolicies(ctx)
}
