package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
)

// status changes the stack's status and tells of it; s.mu is held.
func (s *Service) status(st *stack, status types.StackStatus, reason string) {
	st.status, st.reason = status, reason
	s.event(st, st.name, "AWS::CloudFormation::Stack", st.id, types.ResourceStatus(status), reason, nil)
}

// startCreate begins to create a stack's resources; s.mu is held.
func (s *Service) startCreate(st *stack, in input, reason string) {
	s.operation(st, types.OperationTypeCreateStack)
	st.now = in
	s.status(st, types.StackStatusCreateInProgress, reason)
	if st.timeout != nil {
		run := len(st.operations)
		s.clock.AfterFunc(time.Duration(*st.timeout)*time.Minute, func() { s.timeUp(st, run) })
	}
	s.clock.AfterFunc(0, func() {
		s.deploy(st, in, true, func(failed []string) { s.created(st, in, failed) })
	})
}

// timeUp fails a stack that takes longer to create than it may.
func (s *Service) timeUp(st *stack, operation int) {
	s.mu.Lock()
	g := st.run
	if st.status != types.StackStatusCreateInProgress || len(st.operations) != operation || g == nil || g.over {
		s.mu.Unlock()
		return
	}
	g.failed = append(g.failed, "")
	g.stop()
	s.mu.Unlock()
	s.advance(g)
}

func (s *Service) created(st *stack, in input, failed []string) {
	if len(failed) == 0 {
		if err := s.tell(st, in); err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.status(st, types.StackStatusCreateComplete, "")
			s.over(st)
			return
		} else {
			s.mu.Lock()
			st.reason = reasonOf(err)
			s.mu.Unlock()
		}
	}
	s.mu.Lock()
	reason := why("create", failed, st.reason)
	if st.disableRollback {
		s.status(st, types.StackStatusCreateFailed, reason)
		s.over(st)
		s.mu.Unlock()
		return
	}
	doomed := slices.Collect(maps.Values(st.resources))
	if st.onFailure == types.OnFailureDelete {
		s.status(st, types.StackStatusDeleteInProgress, reason+" Delete requested by user.")
		s.mu.Unlock()
		s.remove(st, doomed, onCreate, nil, func(failed []string) { s.deleted(st, failed) })
		return
	}
	s.status(st, types.StackStatusRollbackInProgress, reason+" Rollback requested by user.")
	s.mu.Unlock()
	s.takeBack(st, doomed)
}

// takeBack deletes what a creation that failed has made.
func (s *Service) takeBack(st *stack, doomed []*resourceState) {
	s.remove(st, doomed, onCreate, nil, func(failed []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(failed) > 0 {
			s.status(st, types.StackStatusRollbackFailed, why("delete", failed, ""))
		} else {
			s.status(st, types.StackStatusRollbackComplete, "")
		}
		s.over(st)
	})
}

// why words the reason of a failed operation.
func why(verb string, failed []string, reason string) string {
	failed = slices.DeleteFunc(slices.Sorted(slices.Values(failed)), func(id string) bool { return id == "" })
	if len(failed) == 0 {
		return strings.TrimSpace(reason)
	}
	return fmt.Sprintf("The following resource(s) failed to %s: [%s].", verb, strings.Join(failed, ", "))
}

// tell evaluates the stack's outputs and keeps them.
func (s *Service) tell(st *stack, in input) error {
	scope := s.live(st, s.scope(st, in))
	outputs, err := scope.Outputs()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range outputs {
		if o.Export == "" {
			continue
		}
		for _, other := range s.stacks {
			if other != st && other.status != types.StackStatusDeleteComplete && slices.ContainsFunc(other.outputs, func(e template.Evaluated) bool { return e.Export == o.Export }) {
				return &template.Error{Message: fmt.Sprintf("Export with name %s is already exported by stack %s. Rollback requested by user.", o.Export, other.name)}
			}
		}
	}
	if used := s.usedExports(st, outputs); used != "" {
		return &template.Error{Message: used}
	}
	st.outputs = outputs
	return nil
}

// over ends an operation; s.mu is held.
func (s *Service) over(st *stack) {
	st.run, st.token = nil, nil
	if n := len(st.operations); n > 0 {
		st.operations[n-1].end = s.clock.Now()
		st.operations[n-1].status = st.status
	}
}

// startUpdate begins an update; s.mu is held.
func (s *Service) startUpdate(st *stack, in input, reason string) {
	s.operation(st, types.OperationTypeUpdateStack)
	before := st.now
	st.before, st.now, st.cleanup = &before, in, nil
	now := s.clock.Now()
	st.updated = &now
	s.status(st, types.StackStatusUpdateInProgress, reason)
	snapshot := map[string]saved{}
	for id, r := range st.resources {
		snapshot[id] = saved{r, *r}
	}
	st.snapshot = snapshot
	s.clock.AfterFunc(0, func() {
		s.deploy(st, in, false, func(failed []string) { s.updatedAll(st, in, snapshot, failed) })
	})
}

// saved is a resource as it was before an update.
type saved struct {
	at  *resourceState
	was resourceState
}

func (s *Service) updatedAll(st *stack, in input, snapshot map[string]saved, failed []string) {
	var err error
	if len(failed) == 0 {
		err = s.tell(st, in)
	}
	s.mu.Lock()
	if len(failed) == 0 && err == nil {
		doomed := st.cleanup
		for id, r := range st.resources {
			if slices.Contains(doomed, r) {
				delete(st.resources, id)
			}
		}
		s.status(st, types.StackStatusUpdateCompleteCleanupInProgress, "")
		s.mu.Unlock()
		s.remove(st, doomed, onUpdate, nil, func([]string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			st.before, st.cleanup = nil, nil
			s.status(st, types.StackStatusUpdateComplete, "")
			s.over(st)
		})
		return
	}
	reason := why("update", failed, st.reason)
	if err != nil {
		reason = reasonOf(err)
	}
	if made := createdAmong(failed, snapshot); made != "" {
		reason = made
	}
	if st.disableRollback {
		s.status(st, types.StackStatusUpdateFailed, reason)
		s.over(st)
		s.mu.Unlock()
		return
	}
	s.status(st, types.StackStatusUpdateRollbackInProgress, reason)
	s.mu.Unlock()
	s.restore(st, snapshot)
}

// createdAmong words the failure as AWS does when some of the resources were
// new.
func createdAmong(failed []string, snapshot map[string]saved) string {
	var made, changed []string
	for _, id := range failed {
		if _, ok := snapshot[id]; ok {
			changed = append(changed, id)
		} else if id != "" {
			made = append(made, id)
		}
	}
	if len(made) == 0 {
		return ""
	}
	text := why("create", made, "")
	if len(changed) > 0 {
		text += " " + why("update", changed, "")
	}
	return text
}

// restore brings back what the stack was before an update.
func (s *Service) restore(st *stack, snapshot map[string]saved) {
	s.mu.Lock()
	in := *st.before
	tags := st.now.tags
	doomed := st.doomed
	st.doomed = nil
	g := &stage{steps: map[string]*step{}, goOn: true}
	for _, id := range slices.Sorted(maps.Keys(st.resources)) {
		r := st.resources[id]
		old, ok := snapshot[id]
		switch {
		case !ok:
			doomed = append(doomed, r)
			delete(st.resources, id)
		case r != old.at:
			doomed = append(doomed, r)
			*old.at = old.was
			st.resources[id] = old.at
			s.set(st, old.at, types.ResourceStatusUpdateInProgress, "")
			s.set(st, old.at, types.ResourceStatusUpdateComplete, "")
		case !template.Equal(r.properties, old.was.properties) || r.status == types.ResourceStatusUpdateFailed || !tagsEqual(tags, in.tags) && r.status == types.ResourceStatusUpdateComplete && old.was.changed.Before(r.changed):
			g.steps[id] = s.undo(st, in, tags, r, old.was)
		default:
			r.definition, r.dependsOn = old.was.definition, old.was.dependsOn
		}
	}
	st.now = in
	s.mu.Unlock()
	g.finish = func(failed []string) {
		s.mu.Lock()
		if len(failed) > 0 {
			st.doomed = doomed
			s.status(st, types.StackStatusUpdateRollbackFailed, why("update", failed, ""))
			s.over(st)
			s.mu.Unlock()
			return
		}
		s.status(st, types.StackStatusUpdateRollbackCompleteCleanupInProgress, "")
		s.mu.Unlock()
		s.remove(st, doomed, onCreate, nil, func([]string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			st.before, st.cleanup = nil, nil
			s.status(st, types.StackStatusUpdateRollbackComplete, "")
			s.over(st)
		})
	}
	s.begin(st, g)
}

// undo is the step that gives a resource its former properties back.
func (s *Service) undo(st *stack, in input, tags []types.Tag, r *resourceState, was resourceState) *step {
	typ := typeOf(r.typ)
	x := s.context(st, in, r.logical, r.attempt)
	x.Tags, x.Before = tagsOf(in.tags), tagsOf(tags)
	c := &change{s: s, st: st, x: x, typ: typ, r: r}
	return &step{logical: r.logical, after: was.dependsOn,
		run: func() (time.Duration, error) {
			s.mu.Lock()
			is := r.properties
			s.set(st, r, types.ResourceStatusUpdateInProgress, "")
			s.mu.Unlock()
			c.old, c.is = is, was.properties
			if err := c.next(); err != nil {
				return 0, err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			r.properties, r.definition, r.dependsOn = was.properties, was.definition, was.dependsOn
			return typ.Duration(), nil
		},
		ready: c.ready,
		ended: func(err error) {
			if err != nil {
				s.set(st, r, types.ResourceStatusUpdateFailed, reasonOf(err))
				return
			}
			s.set(st, r, types.ResourceStatusUpdateComplete, "")
		},
		cancelled: func() { s.set(st, r, types.ResourceStatusUpdateFailed, "Resource update cancelled") },
	}
}
