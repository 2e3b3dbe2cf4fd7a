package eks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

const (
	// evictionLimit is how long pods may keep a node from being drained (EKS User
	// Guide, "Understand each phase of node updates").
	evictionLimit = 15 * time.Minute
	// evictionRetry is the time between two tries.
	evictionRetry = 15 * time.Second
)

// rollout is the rolling update of a node group, in the phases of the EKS User
// Guide, "Understand each phase of node updates".
//
// DEFAULT: set up; scale up by the larger of twice the number of zones and the
// maximum unavailable, though by no more nodes than are to be replaced; cordon
// all old nodes; drain as many of them at a time as may be unavailable, and
// terminate them; scale down. MINIMAL: no scale up; nodes are drained and
// terminated before new ones are launched.
//
// One that fails leaves the nodes that it has replaced as they are, makes those
// that it has not schedulable again, and removes what it launched too many. The
// node group is ACTIVE at its old version, and the next update goes on from
// there.
type rollout struct {
	s     *Service
	c     *cluster
	n     *nodegroup
	next  *nodegroup // what it becomes
	u     *update
	force bool
}

func (r *rollout) key() string { return *r.c.Name + "/" + *r.n.NodegroupName }

func (r *rollout) minimal() bool {
	return value(r.n.UpdateConfig).UpdateStrategy == types.NodegroupUpdateStrategiesMinimal
}

// outdated lists the nodes that are still to be replaced.
func (r *rollout) outdated() []*node {
	current := r.next.current(r.n.nodes)
	return slices.DeleteFunc(slices.Clone(r.n.nodes), func(m *node) bool { return slices.Contains(current, m) })
}

// begin sets up: a version of the launch template, the Auto Scaling group.
func (r *rollout) begin() {
	r.n.Status = types.NodegroupStatusUpdating
	struck := r.s.struck(r.c, *r.n.NodegroupName, "")
	r.s.after(r.s.takes(WorkNodegroupSetup, r.key()), nil, func(error) {
		switch {
		case struck != nil:
			r.fail(types.ErrorCode(struck.Code), struck.message(), struck.ResourceIDs...)
		case r.minimal():
			r.replaceSome()
		default:
			r.scaleUp()
		}
	})
}

// scaleUp launches new nodes and cordons all old ones.
func (r *rollout) scaleUp() {
	surge := max(2*len(r.s.zonesOf(r.n)), r.n.maxUnavailable())
	r.launch(min(surge, len(r.outdated())), func() {
		r.cordon(r.outdated(), true, r.replaceSome)
	})
}

// replaceSome drains and terminates up to the maximum unavailable of old nodes,
// and goes on until there are none.
func (r *rollout) replaceSome() {
	old := shuffled(r.outdated(), r.s.opts.Seed, *r.u.Id)
	desired := int(*r.n.ScalingConfig.DesiredSize)
	if len(old) == 0 {
		r.launch(desired-len(r.n.nodes), r.scaleDown) // Auto Scaling replaces what was lost meanwhile
		return
	}
	batch := old[:min(r.n.maxUnavailable(), len(old))]
	r.cordon(batch, true, func() {
		r.s.drain(r.c, batch, r.force, func(blocked []BlockedPod, err error) {
			switch {
			case err != nil:
				r.fail(types.ErrorCodeClusterUnreachable, err.Error(), namesOf(batch)...)
			case len(blocked) > 0:
				r.fail(types.ErrorCodePodEvictionFailure, evictionFailure(*r.n.NodegroupName, blocked), nodesOf(blocked)...)
			default:
				r.s.remove(r.c, r.n, batch, r.s.takes(WorkTerminateNode, r.key()), func(err error) {
					if err != nil {
						r.fail(types.ErrorCodeClusterUnreachable, err.Error(), namesOf(batch)...)
						return
					}
					fresh := len(r.n.nodes) - len(r.outdated())
					r.launch(min(len(batch), desired-fresh), r.replaceSome)
				})
			}
		})
	})
}

// scaleDown brings the Auto Scaling group's sizes back, and nodes that are too
// many.
func (r *rollout) scaleDown() {
	r.s.after(r.s.takes(WorkNodegroupSetup, r.key()), nil, func(error) {
		r.n.become(r.next)
		r.s.scaleIn(r.c, r.n, len(r.n.nodes)-int(*r.n.ScalingConfig.DesiredSize), func(err error) {
			if err != nil {
				r.end(types.ErrorCodeClusterUnreachable, err.Error(), *r.n.NodegroupName)
				return
			}
			r.end("", "")
		})
	})
}

func (r *rollout) end(code types.ErrorCode, message string, resources ...string) {
	r.n.rest(r.s.opts.Clock.Now())
	r.u.end(code, message, resources...)
	r.s.replenish(r.c, r.n)
}

// launch launches new nodes and goes on when they are Ready.
func (r *rollout) launch(count int, then func()) {
	if count <= 0 {
		then()
		return
	}
	r.s.launch(r.c, r.n, r.next, count, r.s.takes(WorkLaunchNode, r.key()), func(failure *issue) {
		if failure == nil {
			then()
			return
		}
		code := types.ErrorCodeNodeCreationFailure
		if failure.code == types.NodegroupIssueCodeInsufficientFreeAddresses {
			code = types.ErrorCodeInsufficientFreeAddresses
		}
		r.n.failed(*failure)
		r.fail(code, failure.message, failure.resources...)
	})
}

func (r *rollout) cordon(nodes []*node, on bool, then func()) {
	if len(nodes) == 0 {
		then()
		return
	}
	name, names := *r.c.Name, namesOf(nodes)
	r.s.after(0, func(ctx context.Context) error { return r.s.opts.Clusters.Cordon(ctx, name, names, on) }, func(err error) {
		if err != nil {
			r.end(types.ErrorCodeClusterUnreachable, err.Error(), names...)
			return
		}
		then()
	})
}

// fail ends the update: the old nodes that are left are used again, new ones
// that are too many go, but for those whose pods must not be evicted.
func (r *rollout) fail(code types.ErrorCode, message string, resources ...string) {
	end := func() { r.end(code, message, resources...) }
	r.cordon(r.outdated(), false, func() {
		fresh := r.next.current(r.n.nodes)
		extra := min(max(len(r.n.nodes)-int(*r.n.ScalingConfig.DesiredSize), 0), len(fresh))
		surplus := fresh[len(fresh)-extra:]
		if len(surplus) == 0 {
			end()
			return
		}
		r.cordon(surplus, true, func() {
			r.s.drainOnce(r.c, surplus, false, func(blocked []BlockedPod, err error) {
				stays := nodesOf(blocked)
				if err != nil {
					stays = namesOf(surplus)
				}
				gone := slices.DeleteFunc(slices.Clone(surplus), func(m *node) bool { return slices.Contains(stays, m.Name) })
				kept := slices.DeleteFunc(slices.Clone(surplus), func(m *node) bool { return slices.Contains(gone, m) })
				r.cordon(kept, false, func() {
					r.s.remove(r.c, r.n, gone, 0, func(error) { end() })
				})
			})
		})
	})
}

// drain tries to drain nodes until they are empty or the eviction limit has
// passed; blocked are the pods that are left then.
func (s *Service) drain(c *cluster, nodes []*node, force bool, done func(blocked []BlockedPod, err error)) {
	limit := s.opts.Clock.Now().Add(evictionLimit)
	var try func()
	try = func() {
		s.drainOnce(c, nodes, force, func(blocked []BlockedPod, err error) {
			left := limit.Sub(s.opts.Clock.Now())
			if err != nil || len(blocked) == 0 || left <= 0 {
				done(blocked, err)
				return
			}
			s.after(min(evictionRetry, left), nil, func(error) { try() })
		})
	}
	try()
}

func (s *Service) drainOnce(c *cluster, nodes []*node, force bool, done func(blocked []BlockedPod, err error)) {
	name, names := *c.Name, namesOf(nodes)
	var blocked []BlockedPod
	s.after(0, func(ctx context.Context) (err error) {
		blocked, err = s.opts.Clusters.Drain(ctx, name, names, force)
		return err
	}, func(err error) { done(blocked, err) })
}

// evictionFailure names the first pod of each node. AWS's own message is its
// first part.
func evictionFailure(nodegroup string, blocked []BlockedPod) string {
	text := fmt.Sprintf("Reached max retries while trying to evict pods from nodes in node group %s", nodegroup)
	seen := map[string]bool{}
	for _, b := range blocked {
		if seen[b.Node] {
			continue
		}
		seen[b.Node] = true
		text += fmt.Sprintf("; pod %s on node %s", b.Pod, b.Node)
		if b.Reason != "" {
			text += ": " + b.Reason
		}
	}
	return text
}

func nodesOf(blocked []BlockedPod) []string {
	names := []string{}
	for _, b := range blocked {
		if !slices.Contains(names, b.Node) {
			names = append(names, b.Node)
		}
	}
	return names
}
