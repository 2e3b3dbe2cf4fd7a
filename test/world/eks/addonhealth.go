package eks

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// degradedAfter is how long an add-on may lack replicas before EKS says so. An
// estimate: people report from seconds to some minutes.
const degradedAfter = 2 * time.Minute

// insufficientReplicas is what EKS says about them.
const insufficientReplicas = "The add-on is unhealthy because it doesn't have the desired number of replicas."

// AddonObserver is a ClusterBackend that sees whether the pods of add-ons run.
type AddonObserver interface {
	// AddonReady reports whether the Deployments of a workload have the replicas
	// that they want: at once or, with wait, after the time that pods on their way
	// need.
	AddonReady(ctx context.Context, cluster string, w Workload, wait bool) (bool, error)
}

// rests reports whether the health of an add-on follows from its pods now: not
// while it or the control plane changes.
func (c *cluster) rests(a *types.Addon) bool {
	return c.Status == types.ClusterStatusActive && a != nil && (a.Status == types.AddonStatusActive || a.Status == types.AddonStatusDegraded)
}

// watchAddon looks at an add-on's pods. The lock is held.
func (s *Service) watchAddon(c *cluster, name string) {
	observer, ok := s.opts.Clusters.(AddonObserver)
	if !ok || !c.rests(c.addons[name]) {
		return
	}
	w, ready := workload(c.addons[name], ""), false
	s.after(0, func(ctx context.Context) (err error) {
		ready, err = observer.AddonReady(ctx, *c.Name, w, true)
		return err
	}, func(err error) {
		if err != nil { // nobody can tell
			delete(c.unready, name)
			return
		}
		s.noteAddon(c, name, ready)
	})
}

// seeAddon looks at an add-on's pods. When they are there, it is ACTIVE; when not,
// somebody looks more closely. The lock must not be held.
func (s *Service) seeAddon(ctx context.Context, c *cluster, name string) {
	observer, ok := s.opts.Clusters.(AddonObserver)
	if !ok {
		return
	}
	s.mu.Lock()
	a := c.addons[name]
	if !c.rests(a) {
		s.mu.Unlock()
		return
	}
	w := workload(a, "")
	s.mu.Unlock()
	if ctx == nil {
		ctx = s.ctx
	}
	ready, err := observer.AddonReady(ctx, *c.Name, w, false)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, lacking := c.unready[name]; ready {
		s.noteAddon(c, name, true)
	} else if !lacking {
		s.watchAddon(c, name)
	}
}

// noteAddon makes an add-on DEGRADED that has lacked replicas for a while, and
// ACTIVE again when it has them. The lock is held.
func (s *Service) noteAddon(c *cluster, name string, ready bool) {
	a := c.addons[name]
	if !c.rests(a) {
		return
	}
	mine := func(i types.AddonIssue) bool {
		return i.Code == types.AddonIssueCodeInsufficientNumberOfReplicas && value(i.Message) == insufficientReplicas
	}
	reported := slices.ContainsFunc(a.Health.Issues, mine)
	since, lacking := c.unready[name]
	switch now := s.opts.Clock.Now(); {
	case ready:
		delete(c.unready, name)
		if !reported {
			return
		}
		a.Health = &types.AddonHealth{Issues: slices.DeleteFunc(slices.Clone(a.Health.Issues), mine)}
		if a.ModifiedAt = s.now(); len(a.Health.Issues) == 0 {
			a.Status = types.AddonStatusActive
		}
	case !lacking:
		c.unready[name] = now
		s.after(degradedAfter, nil, func(error) { s.watchAddon(c, name) })
	case now.Sub(since) >= degradedAfter && !reported:
		a.Status, a.ModifiedAt = types.AddonStatusDegraded, s.now()
		a.Health = &types.AddonHealth{Issues: append(slices.Clone(a.Health.Issues), types.AddonIssue{
			Code: types.AddonIssueCodeInsufficientNumberOfReplicas, Message: ptr(insufficientReplicas), ResourceIds: []string{}})}
	}
}
