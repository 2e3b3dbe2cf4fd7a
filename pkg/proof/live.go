package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	pageSize = 500
	// restarts is how often a list that the server has forgotten begins anew.
	restarts = 3
	// tolerated is how many kinds may be unanswered: one can have a conversion
	// webhook that fails, many mean that the API server is away.
	tolerated = 5
	// bare is how many objects without an owner are asked for one by one, where
	// most have one, before their kind is read whole.
	bare = 200
)

// written are kinds that controllers and nodes make of others or for themselves,
// so that a person's manifests of them are tried, and live ones not.
var written = []string{"/Endpoints", "discovery.k8s.io/EndpointSlice", "apps/ControllerRevision", "storage.k8s.io/CSINode", "storage.k8s.io/CSIStorageCapacity",
	"storage.k8s.io/VolumeAttachment", "certificates.k8s.io/CertificateSigningRequest", "certificates.k8s.io/PodCertificateRequest", "networking.k8s.io/IPAddress", "networking.k8s.io/ServiceCIDR",
	"coordination.k8s.io/LeaseCandidate", "resource.k8s.io/ResourceSlice"}

// made are kinds of which most are made by controllers, from templates that are
// tried: only those are tried that nobody made.
var made = []string{"/Pod", "apps/ReplicaSet", "batch/Job"}

// Cluster is what is read of a cluster before its objects.
type Cluster struct {
	Version upgrade.Version // that it serves
	// CRDs, Namespaces and Policies are for Options.
	CRDs, Namespaces, Policies []*unstructured.Unstructured

	client    *kube.Client
	resources kube.Resources
	refused   []upgrade.NotChecked
	failed    int // lists that ended in other errors
}

// Read reads what proofs of a cluster's objects need of it. Only an API server
// that does not answer is an error; what may not be read is in NotTried.
func Read(ctx context.Context, client *kube.Client) (*Cluster, error) {
	c := &Cluster{client: client}
	var err error
	if _, c.Version, err = client.Version(ctx); err != nil {
		return nil, err
	}
	if c.resources, err = client.Resources(ctx); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		kind schema.GroupVersionKind
		into *[]*unstructured.Unstructured
		lost string
	}{
		{schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, &c.Namespaces, "Pod Security of namespaces"},
		{schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, &c.CRDs, "custom resources and their definitions"},
		{schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"}, &c.Policies, "what admission policies refuse"},
		{schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBinding"}, &c.Policies, "what admission policies refuse"},
	} {
		r, ok := c.resources.ByKind(part.kind)
		if !ok {
			continue
		}
		err := c.list(ctx, r, metav1.ListOptions{}, func(o *unstructured.Unstructured) bool {
			*part.into = append(*part.into, o)
			return true
		})
		if err := c.unread(ctx, r, part.lost, err); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Manifests are the cluster's objects: each as it is served, and, where it was
// last written in another version, in that one, too. Secrets, ConfigMaps and what
// others make are left out.
func (c *Cluster) Manifests(ctx context.Context) iter.Seq2[Manifest, error] {
	return func(yield func(Manifest, error) bool) {
		for _, r := range c.resources.Preferred() {
			if !c.wanted(r) {
				continue
			}
			older := map[string]map[string]bool{} // names by the version that they were written in
			more := true
			visit := func(o *unstructured.Unstructured) bool {
				more = c.one(o, r, older, yield)
				return more
			}
			var err error
			if slices.Contains(made, r.Group+"/"+r.Kind) {
				err = c.unowned(ctx, r, visit)
			} else {
				err = c.list(ctx, r, metav1.ListOptions{}, visit)
			}
			for _, version := range slices.Sorted(maps.Keys(older)) {
				other, served := c.resources.ByKind(schema.GroupVersionKind{Group: r.Group, Version: version, Kind: r.Kind})
				if err != nil || !more || !served {
					continue // nobody can write it any more
				}
				err = c.list(ctx, other, metav1.ListOptions{}, func(o *unstructured.Unstructured) bool {
					if older[version][o.GetNamespace()+"/"+o.GetName()] {
						more = yield(Manifest{o, upgrade.ManifestSource{From: upgrade.FromLive}}, nil)
					}
					return more
				})
			}
			if err := c.unread(ctx, r, r.Kind+" ("+r.APIVersion()+")", err); err != nil {
				yield(Manifest{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// wanted reports whether the live objects of a resource are tried: those that
// can be made and listed, and that the API server keeps itself.
func (c *Cluster) wanted(r kube.Resource) bool {
	kind := r.Group + "/" + r.Kind
	if strings.Contains(r.Group, ".") && !strings.HasSuffix(r.Group, ".k8s.io") && !c.defines(r.Group) {
		return false // of an API server behind this one, or of definitions that may not be read
	}
	return r.Can("create") && r.Can("list") && !slices.Contains(neverTried, kind) && !slices.Contains(written, kind) && kind != "/Namespace" &&
		kind != "apiextensions.k8s.io/CustomResourceDefinition" && !slices.Contains(c.resources.Unanswered, r.APIVersion())
}

func (c *Cluster) defines(group string) bool {
	return slices.ContainsFunc(c.CRDs, func(o *unstructured.Unstructured) bool {
		of, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		return of == group
	})
}

// one yields an object, and what it was made from by kubectl apply if that was
// in another version; it notes which other versions it was written in.
func (c *Cluster) one(o *unstructured.Unstructured, r kube.Resource, older map[string]map[string]bool, yield func(Manifest, error) bool) bool {
	if o.GetDeletionTimestamp() != nil {
		return true
	}
	for _, entry := range o.GetManagedFields() {
		gv, err := schema.ParseGroupVersion(entry.APIVersion)
		if err != nil || entry.Subresource != "" || gv.Group != r.Group || gv.Version == r.Version {
			continue
		}
		if older[gv.Version] == nil {
			older[gv.Version] = map[string]bool{}
		}
		older[gv.Version][o.GetNamespace()+"/"+o.GetName()] = true
	}
	var applied map[string]any
	if text := o.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]; text != "" && json.Unmarshal([]byte(text), &applied) == nil {
		if m := (&unstructured.Unstructured{Object: applied}); m.GetAPIVersion() != r.APIVersion() && m.GetKind() == r.Kind {
			if m.GetNamespace() == "" {
				m.SetNamespace(o.GetNamespace())
			}
			if !yield(Manifest{m, upgrade.ManifestSource{From: upgrade.FromLastApplied}}, nil) {
				return false
			}
		}
	}
	return yield(Manifest{o, upgrade.ManifestSource{From: upgrade.FromLive}}, nil)
}

// unowned visits the objects that no controller of Kubernetes made. It reads
// metadata first, for there can be a hundred thousand others.
func (c *Cluster) unowned(ctx context.Context, r kube.Resource, visit func(*unstructured.Unstructured) bool) error {
	var alone []upgrade.ObjectName
	err := kube.Each(ctx, c.client, r, kube.Selection{}, func() { alone = nil }, func(m *objects.Metadata) {
		if !slices.ContainsFunc(m.OwnerReferences, func(o objects.OwnerReference) bool { return ofKubernetes(o.APIVersion, o.Controller) }) {
			alone = append(alone, upgrade.ObjectName{Namespace: m.Namespace, Name: m.Name})
		}
	})
	if err != nil || len(alone) == 0 {
		return err
	}
	if len(alone) > bare {
		return c.list(ctx, r, metav1.ListOptions{}, func(o *unstructured.Unstructured) bool { return owned(o.GetOwnerReferences()) || visit(o) })
	}
	more := true
	for _, m := range alone {
		if !more {
			return nil
		}
		// A list of one, because the right to list is enough for it.
		err := c.listIn(ctx, r, m.Namespace, metav1.ListOptions{FieldSelector: "metadata.name=" + m.Name}, func(o *unstructured.Unstructured) bool {
			more = visit(o)
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// owned reports whether Kubernetes's own controllers made an object.
func owned(owners []metav1.OwnerReference) bool {
	return slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool { return ofKubernetes(o.APIVersion, o.Controller) })
}

func ofKubernetes(apiVersion string, controller *bool) bool {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	return controller != nil && *controller && slices.Contains([]string{"", "apps", "batch"}, group)
}

func (c *Cluster) list(ctx context.Context, r kube.Resource, options metav1.ListOptions, visit func(*unstructured.Unstructured) bool) error {
	return c.listIn(ctx, r, "", options, visit)
}

// listIn visits objects page by page. A list that the server has forgotten
// begins anew; what was visited is passed over then.
func (c *Cluster) listIn(ctx context.Context, r kube.Resource, namespace string, options metav1.ListOptions, visit func(*unstructured.Unstructured) bool) error {
	options.Limit = pageSize
	client := c.client.Dynamic().Resource(r.GVR()).Namespace(namespace)
	seen := map[string]bool{}
	for left := restarts; ; {
		page, err := client.List(ctx, options)
		if err != nil {
			wrapped := kube.Wrap("list "+r.Name+" of "+c.client.Cluster(), err)
			if options.Continue != "" && upgrade.CodeOf(wrapped) == upgrade.CodeUnavailable && left > 0 && ctx.Err() == nil {
				left--
				options.Continue = ""
				continue
			}
			return wrapped
		}
		for i := range page.Items {
			o := &page.Items[i]
			if key := o.GetNamespace() + "/" + o.GetName(); !seen[key] {
				seen[key] = true
				if o.GetKind() == "" { // some servers leave it out in lists
					o.SetGroupVersionKind(r.GVK())
				}
				if !visit(o) {
					return nil
				}
			}
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// unread notes what may not, or cannot, be read. An error is that the cluster as a
// whole does not answer.
func (c *Cluster) unread(ctx context.Context, r kube.Resource, what string, err error) error {
	code := upgrade.CodeOf(err)
	n := upgrade.NotChecked{What: what, Remedy: "repair what the error names, and run the proof again"}
	switch {
	case err == nil, code == upgrade.CodeNotFound: // a definition that has gone meanwhile
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case code == upgrade.CodePermissionDenied:
		for i := range c.refused { // one for each group: kinds of one maker are granted together
			if g := c.refused[i].Grant; g != nil && g.APIGroups[0] == r.Group && !slices.Contains(g.Resources, r.Name) {
				g.Resources = append(g.Resources, r.Name)
				c.refused[i].What = fmt.Sprintf("%s of group %q", strings.Join(g.Resources, ", "), r.Group)
				return nil
			}
		}
		n.Grant = &upgrade.Grant{Verbs: []string{"list"}, APIGroups: []string{r.Group}, Resources: []string{r.Name}}
		n.Remedy = "let the reader list them; for custom resources see docs/proof.md#permissions"
	default:
		if c.failed++; c.failed > tolerated {
			return err
		}
	}
	n.Why = line(err.Error())
	c.refused = append(c.refused, n)
	return nil
}

// OfCluster tries the objects of a cluster, with o.Helm the manifests of its
// releases, and o.Manifests if there are any, on o.Version. Against is, unless it is given, the version that the cluster serves.
func OfCluster(ctx context.Context, client *kube.Client, o Options) (upgrade.Proof, error) {
	c, err := Read(ctx, client)
	if err != nil {
		return upgrade.Proof{}, err
	}
	if o.Against == (upgrade.Version{}) {
		o.Against = c.Version
	}
	o.CRDs, o.Namespaces, o.Policies = c.CRDs, c.Namespaces, c.Policies
	more := o.Manifests
	o.Manifests = func(yield func(Manifest, error) bool) {
		for m, err := range c.Manifests(ctx) {
			if !yield(m, err) {
				return
			}
		}
		if o.Helm && !c.releases(ctx, yield) || more == nil {
			return
		}
		for m, err := range more {
			if !yield(m, err) {
				return
			}
		}
	}
	p, err := Run(ctx, o)
	p.NotTried = append(p.NotTried, c.refused...)
	return p, err
}
