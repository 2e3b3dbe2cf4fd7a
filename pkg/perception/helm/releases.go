package helm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Part of the snapshot that this package fills.
const Part upgrade.Part = "kubernetes.helmReleases"

// maxObjects is how many objects of a kind are kept of one release, and maxTold
// how many revisions that could not be read are named.
const (
	maxObjects = 100
	maxTold    = 20
)

// Stored is a Secret or ConfigMap of Helm.
type Stored struct {
	Storage         string // Secret, ConfigMap
	Namespace, Name string
	Data            []byte // under the key "release"
}

// Scanner takes revisions one by one and keeps of each what matters. It is not
// safe for concurrent use.
type Scanner struct {
	table    lifecycle.Table
	target   upgrade.Version
	served   func(apiVersion, kind string) bool
	decoder  decoder
	releases map[upgrade.ObjectName]*release
	unread   []upgrade.NotChecked
	kinds    map[[2]string]look // what is known of an API, as found before
}

// look is what to look for in objects of an API.
type look struct {
	api          lifecycle.API
	ages, served bool
}

// release is what was seen of one.
type release struct {
	storage   string
	revisions []scanned
}

// scanned is a revision without its manifests.
type scanned struct {
	upgrade.HelmRevision
	objects []found
}

// found is an object with an API version that is deprecated, or not served.
type found struct {
	upgrade.HelmObject
	ages, served bool
}

// NewScanner returns a scanner for the APIs that age by the target release.
// Served says what the cluster serves now; nil: not known.
func NewScanner(table lifecycle.Table, target upgrade.Version, served func(apiVersion, kind string) bool) *Scanner {
	return &Scanner{table: table, target: target, served: served, releases: map[upgrade.ObjectName]*release{}, kinds: map[[2]string]look{}}
}

// Add reads one revision. What cannot be read is named by Releases.
func (s *Scanner) Add(x Stored) {
	r, err := s.decoder.decode(x.Data)
	if err != nil {
		s.miss(fmt.Sprintf("%s %s/%s of Helm", x.Storage, x.Namespace, x.Name), err.Error())
		return
	}
	name := upgrade.ObjectName{Namespace: x.Namespace, Name: r.Name} // Helm trusts the namespace that it finds it in
	known := s.releases[name]
	if known == nil {
		known = &release{storage: x.Storage}
		s.releases[name] = known
	}
	seen := scanned{HelmRevision: r.HelmRevision}
	bad := s.scan(&seen, r.Manifest, "", x.Namespace, false)
	for _, hook := range r.Hooks {
		bad += s.scan(&seen, hook.Manifest, hook.Path, x.Namespace, true)
	}
	if bad > 0 {
		s.miss(fmt.Sprintf("%d documents of Helm release %s, revision %d", bad, name, r.Revision), "they are no Kubernetes objects that can be read")
	}
	known.revisions = append(known.revisions, seen)
}

func (s *Scanner) miss(what, why string) {
	s.unread = append(s.unread, upgrade.NotChecked{Part: Part, What: what, Why: why, Remedy: "look at the release with helm get manifest; repair or remove what is damaged"})
}

// scan looks at the documents of a manifest and returns how many could not be
// read.
func (s *Scanner) scan(into *scanned, manifest, template, namespace string, hook bool) int {
	bad := 0
	manifests.Split([]byte(manifest), func(d manifests.Document) bool {
		apiVersion, kind, ok := d.Header()
		if ok && !strings.HasSuffix(kind, "List") && !s.worth(apiVersion, kind) {
			return true // most are
		}
		if d.Template == "" {
			d.Template = template
		}
		objects, problems := d.Manifests("")
		bad += len(problems)
		for _, m := range objects {
			ref := m.Ref()
			if s.worth(ref.APIVersion, ref.Kind) && len(into.objects) < maxObjects {
				into.objects = append(into.objects, s.describe(ref, d.Template, namespace, hook))
			}
		}
		return true
	})
	return bad
}

func (s *Scanner) look(apiVersion, kind string) look {
	k := [2]string{apiVersion, kind}
	l, known := s.kinds[k]
	if !known {
		l.api, l.ages = s.table.Aged(apiVersion, kind, s.target)
		l.served = s.served == nil || s.served(apiVersion, kind)
		s.kinds[k] = l
	}
	return l
}

func (s *Scanner) worth(apiVersion, kind string) bool {
	l := s.look(apiVersion, kind)
	return l.ages || !l.served
}

func (s *Scanner) describe(ref upgrade.ObjectRef, template, namespace string, hook bool) found {
	l := s.look(ref.APIVersion, ref.Kind)
	if ref.Namespace == "" && !lifecycle.ClusterScoped(ref.Kind) {
		ref.Namespace = namespace // as Helm does
	}
	f := found{HelmObject: upgrade.HelmObject{Object: ref, Template: template, Hook: hook}, ages: l.ages, served: l.served}
	if l.ages {
		f.Deprecated, f.Removed, f.Replacement, f.Product = l.api.Deprecated, l.api.Removed, l.api.ReplacedBy(), l.api.Product
	}
	return f
}

// Forget drops what was seen, for a list that begins anew.
func (s *Scanner) Forget() { s.releases, s.unread = map[upgrade.ObjectName]*release{}, nil }

// Releases returns every release, by namespace and name, and what could not be
// read.
func (s *Scanner) Releases() ([]upgrade.HelmRelease, []upgrade.NotChecked) {
	all := []upgrade.HelmRelease{}
	for name, r := range s.releases {
		all = append(all, r.summary(name))
	}
	slices.SortFunc(all, func(a, b upgrade.HelmRelease) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	unread := s.unread
	if more := len(unread) - maxTold; more > 0 {
		unread = append(slices.Clone(unread[:maxTold]), upgrade.NotChecked{Part: Part, What: fmt.Sprintf("%d more revisions of Helm releases", more), Why: "they cannot be read", Remedy: unread[0].Remedy})
	}
	return all, unread
}

func (r *release) summary(name upgrade.ObjectName) upgrade.HelmRelease {
	slices.SortFunc(r.revisions, func(a, b scanned) int { return b.Revision - a.Revision }) // newest first
	out := upgrade.HelmRelease{Name: name.Name, Namespace: name.Namespace, Storage: r.storage, Revisions: len(r.revisions), Last: r.revisions[0].HelmRevision}
	current := r.current()
	seen := map[upgrade.ObjectRef]bool{}
	if current >= 0 {
		out.Deployed = r.revisions[current].HelmRevision
		for _, o := range r.revisions[current].objects {
			if o.ages {
				out.Deprecated = append(out.Deprecated, o.HelmObject)
				seen[o.Object] = true
			}
			if !o.served {
				out.Unserved = append(out.Unserved, o.HelmObject)
			}
		}
	}
	for i, revision := range r.revisions {
		for _, o := range revision.objects {
			if i == current || !o.ages || seen[o.Object] || len(out.Old) == maxObjects {
				continue
			}
			seen[o.Object] = true
			o.Revision = revision.Revision
			out.Old = append(out.Old, o.HelmObject)
		}
	}
	return out
}

// current returns the index of the revision that "helm upgrade" compares the
// next one with, or -1: the newest that is deployed, or else the newest when it
// failed or was superseded.
// Source: https://github.com/helm/helm/blob/v3.19.0/pkg/action/upgrade.go, prepareUpgrade
func (r *release) current() int {
	for i, revision := range r.revisions {
		if revision.Status == "deployed" {
			return i
		}
	}
	if last := r.revisions[0].Status; last == "failed" || last == "superseded" {
		return 0
	}
	return -1
}
