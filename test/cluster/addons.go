package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
)

// addonManager owns the fields that EKS sets on the objects of add-ons.
const addonManager = "eks"

// ApplyAddon installs or changes an add-on by server-side apply, as EKS does.
// Fields that somebody else has changed are conflicts: overwrite takes them,
// preserve leaves them as they are; with neither nothing changes and they are
// returned, as "DaemonSet.apps aws-node - .spec.template.spec...".
func (f *Fleet) ApplyAddon(ctx context.Context, cluster string, w Workload, overwrite, preserve bool) ([]string, error) {
	all, err := w.manifests()
	if err != nil {
		return nil, err
	}
	var conflicts []string
	err = f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		if !overwrite { // look before anything changes
			for _, m := range all {
				fields, err := applyAddonObject(ctx, client, m.Object, false, true)
				if err != nil {
					return err
				}
				for _, field := range fields {
					conflicts = append(conflicts, describeKind(m.Object)+" "+m.Object.GetName()+" - "+field)
				}
				if preserve {
					for _, field := range fields {
						dropField(m.Object.Object, field)
					}
				}
			}
			if len(conflicts) > 0 && !preserve {
				return nil
			}
			conflicts = nil
		}
		slices.SortStableFunc(all, func(a, b manifests.Manifest) int { return stage(a.Object) - stage(b.Object) })
		for _, m := range all {
			fields, err := applyAddonObject(ctx, client, m.Object, overwrite, false)
			if err == nil && len(fields) > 0 {
				err = fmt.Errorf("cluster: %v changed while the add-on %s was applied: %v", m, w.Addon, fields)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(conflicts) == 0 {
		f.logf("cluster %s: add-on %s is at %s", cluster, w.Addon, w.Version)
	}
	return conflicts, err
}

// RemoveAddon deletes the objects of an add-on.
func (f *Fleet) RemoveAddon(ctx context.Context, cluster string, w Workload) error {
	all, err := w.manifests()
	if err != nil {
		return err
	}
	return f.work(ctx, cluster, func(ctx context.Context, client dynamic.Interface) error {
		var errs []error
		for _, m := range slices.Backward(all) {
			background := metav1.DeletePropagationBackground
			errs = append(errs, controlplane.Retry(ctx, fmt.Sprintf("deleting %v", m), func(ctx context.Context) error {
				return ignoreNotFound(addonResource(client, m.Object).Delete(ctx, m.Object.GetName(), metav1.DeleteOptions{PropagationPolicy: &background}))
			}))
		}
		return errors.Join(errs...)
	})
}

const (
	// readyTimeout bounds a look at an add-on (real time).
	readyTimeout = 2 * time.Second
	// readyStall is how long pods may take to start (real time).
	readyStall = 10 * time.Second
)

// AddonReady reports whether the Deployments of an add-on have the replicas that
// they want: at once or, with wait, after as long as real pods may need. The
// error says that the cluster does not answer.
func (f *Fleet) AddonReady(ctx context.Context, cluster string, w Workload, wait bool) (bool, error) {
	for began := time.Now(); ; {
		ready, err := f.addonReady(ctx, cluster, w)
		if err != nil || ready || !wait || time.Since(began) > readyStall {
			return ready, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *Fleet) addonReady(ctx context.Context, cluster string, w Workload) (bool, error) {
	all, err := w.manifests()
	if err != nil {
		return false, err
	}
	config, err := f.RESTConfig(cluster)
	if err != nil {
		return false, err
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		return false, err
	}
	defer disconnect()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, m := range all {
		if m.Object.GetKind() != "Deployment" {
			continue
		}
		object, err := addonResource(client, m.Object).Get(ctx, m.Object.GetName(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("cluster: the add-on %s of %s: %w", w.Addon, cluster, err)
		case complete(object, []string{"spec", "replicas"}, []string{"status", "availableReplicas"}) != nil:
			return false, nil
		}
	}
	return true, nil
}

// applyAddonObject applies one object; with dry, nothing changes. It returns the
// fields that others own, if any.
func applyAddonObject(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured, force, dry bool) (conflicts []string, err error) {
	options := metav1.ApplyOptions{FieldManager: addonManager, Force: force}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	err = controlplane.Retry(ctx, "applying "+describeKind(object)+" "+object.GetName(), func(ctx context.Context) error {
		_, err := addonResource(client, object).Apply(ctx, object.GetName(), object, options)
		return err
	})
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil, err
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			conflicts = append(conflicts, cause.Field)
		}
	}
	if len(conflicts) == 0 {
		return nil, err
	}
	slices.Sort(conflicts)
	return slices.Compact(conflicts), nil
}

// addonResource finds an object's resource. Add-ons consist of few kinds, all
// namespaced.
func addonResource(client dynamic.Interface, object *unstructured.Unstructured) dynamic.ResourceInterface {
	resource := map[string]schema.GroupVersionResource{
		"DaemonSet": daemonSets, "Deployment": deployments, "Service": services,
		"ServiceAccount":      {Version: "v1", Resource: "serviceaccounts"},
		"ConfigMap":           {Version: "v1", Resource: "configmaps"},
		"PodDisruptionBudget": {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	}[object.GetKind()]
	return client.Resource(resource).Namespace(object.GetNamespace())
}

func describeKind(object *unstructured.Unstructured) string {
	if group := object.GroupVersionKind().Group; group != "" {
		return object.GetKind() + "." + group
	}
	return object.GetKind()
}

// dropField removes a field, such as
// .spec.template.spec.containers[name="coredns"].image, from an object.
func dropField(object map[string]any, path string) {
	var at any = object
	segments := fieldSegments(path)
	for i, s := range segments {
		last := i == len(segments)-1
		switch here := at.(type) {
		case map[string]any:
			if last {
				delete(here, s)
				return
			}
			at = here[s]
		case []any:
			if at = listItem(here, s); at == nil {
				return
			}
		default:
			return
		}
	}
}

// listItem finds the item that a selector such as [name="coredns"] or [0] means.
func listItem(list []any, selector string) any {
	inner := strings.Trim(selector, "[]")
	if n, err := strconv.Atoi(inner); err == nil && n < len(list) {
		return list[n]
	}
	for _, item := range list {
		m, ok := item.(map[string]any)
		matches := ok
		for pair := range strings.SplitSeq(inner, ",") {
			key, want, _ := strings.Cut(pair, "=")
			matches = matches && fmt.Sprint(m[key]) == strings.Trim(want, `"`)
		}
		if matches {
			return m
		}
	}
	return nil
}

// fieldSegments splits a path at its dots and before its brackets; dots within
// brackets or quotes are none.
func fieldSegments(path string) []string {
	var out []string
	var part strings.Builder
	flush := func() {
		if part.Len() > 0 {
			out = append(out, part.String())
			part.Reset()
		}
	}
	depth := 0
	for _, r := range path {
		switch {
		case r == '.' && depth == 0:
			flush()
			continue
		case r == '[' && depth == 0:
			flush()
			depth++
		case r == '[':
			depth++
		case r == ']':
			depth--
		}
		part.WriteRune(r)
		if r == ']' && depth == 0 {
			flush()
		}
	}
	flush()
	return out
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
