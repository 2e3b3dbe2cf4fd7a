package kubestate

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// scan is one look at a cluster. Each resource is listed once.
type scan struct {
	client    *kube.Client
	served    []kube.Resource // what can be listed, each once, in the preferred version
	others    []kube.Resource // the same in every version
	listeners listeners
	silent    []string // "metrics.k8s.io/v1beta1": groups whose own server does not answer

	mu      sync.Mutex
	counts  map[string]int
	unseen  []upgrade.NotChecked
	refused map[upgrade.Part]bool // parts that are not seen for it
	listed  map[string]bool       // "group/resource"
}

func newScan(client *kube.Client, resources kube.Resources, l ...Listener) *scan {
	s := &scan{client: client, listeners: l, silent: resources.Unanswered, counts: map[string]int{}, refused: map[upgrade.Part]bool{}, listed: map[string]bool{}}
	cannot := func(r kube.Resource) bool { return !r.Can("list") }
	s.served, s.others = slices.DeleteFunc(resources.Preferred(), cannot), slices.DeleteFunc(slices.Clone(resources.All), cannot)
	for _, version := range resources.Unanswered {
		s.unseen = append(s.unseen, upgrade.NotChecked{What: "objects of " + version, Why: "the API server behind it does not answer",
			Remedy: "repair or remove the APIService; kubectl get apiservices shows it"})
	}
	return s
}

// unanswered reports whether the server of a group, "metrics.k8s.io/", does not
// answer.
func (s *scan) unanswered(group string) bool {
	return slices.ContainsFunc(s.silent, func(version string) bool { return strings.HasPrefix(version, group) })
}

// find returns the resource of a reading as the cluster serves it. Custom
// resources are read in the version that the server prefers.
func (s *scan) find(r reading) (kube.Resource, bool) {
	if len(r.versions) == 0 {
		i := slices.IndexFunc(s.served, func(x kube.Resource) bool { return x.Group == r.group && x.Name == r.name })
		if i < 0 {
			return kube.Resource{}, false
		}
		return s.served[i], true
	}
	for _, version := range r.versions {
		if i := slices.IndexFunc(s.others, func(x kube.Resource) bool {
			return x.Group == r.group && x.Name == r.name && x.Version == version
		}); i >= 0 {
			return s.others[i], true
		}
	}
	return kube.Resource{}, false
}

// read does the readings, some at a time. What the cluster does not serve is
// seen to be empty.
func (s *scan) read(ctx context.Context, readings []reading) error {
	_, err := partial.Each(ctx, parallel, readings, func(ctx context.Context, r reading) (struct{}, error) {
		resource, ok := s.find(r)
		if !ok {
			return struct{}{}, nil
		}
		s.mu.Lock()
		s.listed[r.group+"/"+r.name] = true
		s.mu.Unlock()
		return struct{}{}, s.refuse(r.part, r.what, grant(resource), r.essential, r.from.list(ctx, s, resource))
	})
	return err
}

// rest lists the metadata of what listeners want and nobody listed.
func (s *scan) rest(ctx context.Context) error {
	var wanted []kube.Resource
	for _, r := range s.served {
		if !s.listed[r.Group+"/"+r.Name] && s.listeners.wants(r) {
			wanted = append(wanted, r)
		}
	}
	_, err := partial.Each(ctx, parallel, wanted, func(ctx context.Context, r kube.Resource) (struct{}, error) {
		_, err := gather(ctx, s, r, func(*objects.Metadata) (struct{}, bool) { return struct{}{}, false })
		return struct{}{}, s.refuse("", "objects of "+r.APIVersion()+", "+r.Kind, grant(r), false, err)
	})
	return err
}

// refuse notes what may not be seen. An error that passes by itself is returned:
// the whole look is then repeated.
func (s *scan) refuse(part upgrade.Part, what string, g upgrade.Grant, essential bool, err error) error {
	if err == nil {
		return nil
	}
	unseen, err := partial.Unseen(what, err)
	if err != nil {
		return err
	}
	unseen.Part = part
	unseen.Grant = &g
	s.add(unseen)
	if essential {
		s.mu.Lock()
		s.refused[part] = true
		s.mu.Unlock()
	}
	return nil
}

func (s *scan) add(unseen upgrade.NotChecked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen = append(s.unseen, unseen)
}

func grant(r kube.Resource) upgrade.Grant {
	return upgrade.Grant{Verbs: []string{"list"}, APIGroups: []string{r.Group}, Resources: []string{r.Name}}
}

// described has metadata for listeners.
type described interface{ Meta() *objects.ObjectMeta }

// gather lists a resource and returns what convert makes of its objects, never
// nil without an error.
func gather[T, R any](ctx context.Context, s *scan, r kube.Resource, convert func(*T) (R, bool)) ([]R, error) {
	return gatherSome(ctx, s, r, kube.Selection{}, true, convert)
}

// gatherSome lists a part of a resource. heard: it counts, and listeners hear
// of it.
func gatherSome[T, R any](ctx context.Context, s *scan, r kube.Resource, selection kube.Selection, heard bool, convert func(*T) (R, bool)) ([]R, error) {
	out, count := []R{}, 0
	hear := func(*objects.ObjectMeta) {}
	begin := func() {
		out, count = out[:0], 0
		if heard {
			hear = s.listeners.begin(r)
		}
	}
	err := kube.Each(ctx, s.client, r, selection, begin, func(object *T) {
		count++
		if d, ok := any(object).(described); ok {
			hear(d.Meta())
		}
		if one, ok := convert(object); ok {
			out = append(out, one)
		}
	})
	if err != nil {
		return nil, err
	}
	if heard && count > 0 {
		s.mu.Lock()
		s.counts[r.APIVersion()+", "+r.Kind] = count
		s.mu.Unlock()
	}
	return out, nil
}

// notChecked returns what could not be seen, in the order of parts and names.
func (s *scan) notChecked() []upgrade.NotChecked {
	return slices.SortedFunc(slices.Values(s.unseen), func(a, b upgrade.NotChecked) int {
		return slices.Compare([]string{string(a.Part), a.What}, []string{string(b.Part), b.What})
	})
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
