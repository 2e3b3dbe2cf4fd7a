package cloudformation

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// occasion is why resources are deleted: which policy holds.
type occasion int

const (
	onDelete occasion = iota // the stack goes, or the resource left the template
	onUpdate                 // an update replaced or removed it
	onCreate                 // what was made is taken back
)

// kept reports whether a policy of the template keeps a resource.
func kept(st *stack, r *resourceState, why occasion) bool {
	switch why {
	case onCreate:
		// RetainExceptOnCreate and, unless asked otherwise, Delete.
		return r.definition.DeletionPolicy == "Retain" && !st.retainExceptOnCreate
	case onUpdate:
		if st.resources[r.logical] != nil {
			return r.definition.UpdateReplacePolicy == "Retain"
		}
	}
	return r.definition.DeletionPolicy != "Delete"
}

// remove deletes resources, each after what depends on it. retain are logical
// ids that stay though no policy says so.
func (s *Service) remove(st *stack, doomed []*resourceState, why occasion, retain []string, finish func(failed []string)) {
	g := &stage{steps: map[string]*step{}, goOn: true, finish: finish}
	key := func(r *resourceState) string { return fmt.Sprintf("%s#%d", r.logical, r.attempt) }
	for _, r := range doomed {
		if r.status == types.ResourceStatusDeleteComplete {
			continue
		}
		var after []string
		for _, other := range doomed {
			if other != r && slices.Contains(other.dependsOn, r.logical) {
				after = append(after, key(other))
			}
		}
		g.steps[key(r)] = s.deletion(st, r, after, why, slices.Contains(retain, r.logical))
	}
	s.begin(st, g)
}

func (s *Service) deletion(st *stack, r *resourceState, after []string, why occasion, retain bool) *step {
	typ := typeOf(r.typ)
	x := s.context(st, st.now, r.logical, r.attempt)
	forget := func() {
		if st.resources[r.logical] == r && why != onDelete {
			delete(st.resources, r.logical)
		}
	}
	skipped := false
	return &step{logical: r.logical, after: after,
		run: func() (time.Duration, error) {
			s.mu.Lock()
			if skipped = retain || kept(st, r, why); skipped || r.physical == "" {
				s.mu.Unlock()
				return -1, nil
			}
			s.set(st, r, types.ResourceStatusDeleteInProgress, "")
			s.mu.Unlock()
			if err := typ.Delete(x, r.physical, r.properties); err != nil {
				return 0, err
			}
			return time.Second, nil
		},
		ready: func() (bool, error) { return typ.Deleted(x, r.physical, r.properties) },
		ended: func(err error) {
			switch {
			case err != nil:
				s.set(st, r, types.ResourceStatusDeleteFailed, reasonOf(err))
			case skipped:
				s.set(st, r, types.ResourceStatusDeleteSkipped, "")
				forget()
			default:
				s.set(st, r, types.ResourceStatusDeleteComplete, "")
				forget()
			}
		},
	}
}

// startDelete begins to delete a stack; s.mu is held.
func (s *Service) startDelete(st *stack, retain []string) {
	s.operation(st, types.OperationTypeDeleteStack)
	s.status(st, types.StackStatusDeleteInProgress, "User Initiated")
	var doomed []*resourceState
	for _, r := range st.resources {
		doomed = append(doomed, r)
	}
	doomed = append(append(doomed, st.cleanup...), st.doomed...)
	s.clock.AfterFunc(0, func() {
		s.remove(st, doomed, onDelete, retain, func(failed []string) { s.deleted(st, failed) })
	})
}

func (s *Service) deleted(st *stack, failed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(failed) > 0 {
		s.status(st, types.StackStatusDeleteFailed, why("delete", failed, ""))
		s.over(st)
		return
	}
	now := s.clock.Now()
	st.deleted, st.outputs, st.changeSets, st.imports = &now, nil, nil, map[string]bool{}
	s.status(st, types.StackStatusDeleteComplete, "")
	s.over(st)
}
