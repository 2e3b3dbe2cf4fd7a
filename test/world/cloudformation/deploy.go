package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/resource"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// attempts is how often a call is made that is throttled or fails on AWS's side.
const attempts = 5

// context is what a resource's calls are made in; attempt tells apart the
// resources that a logical id had.
func (s *Service) context(st *stack, in input, logical string, attempt int) *resource.Context {
	x := &resource.Context{Account: s.account, Region: s.region, Partition: "aws", Stack: st.name, StackID: st.id, LogicalID: logical, Attempt: attempt}
	x.Tags = tagsOf(in.tags)
	if x.Before = x.Tags; st.before != nil {
		x.Before = tagsOf(st.before.tags)
	}
	x.Call = func(service, operation string, in any) (out any, err error) {
		for range attempts {
			if out, err = s.call(st.who, st.id, service, operation, in); err == nil || !temporary(err) {
				return out, err
			}
		}
		return out, err
	}
	return x
}

func tagsOf(tags []types.Tag) []resource.Tag {
	var out []resource.Tag
	for _, t := range tags {
		out = append(out, resource.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

// typeOf finds a resource's type; templates with others are refused before.
func typeOf(name string) resource.Type {
	t, _ := resource.Find(name)
	return t
}

// reasonOf is the reason of a failure, as the handlers of AWS's own types word
// it.
func reasonOf(err error) string {
	info := wire.Describe(err)
	if info.Code == "InternalFailure" {
		return err.Error()
	}
	if _, ours := err.(*template.Error); ours || info.Code == "ValidationError" && !strings.Contains(err.Error(), "Service:") {
		return info.Message
	}
	kind := "GeneralServiceException"
	for _, k := range []struct{ part, kind string }{{"AccessDenied", "AccessDenied"}, {"Unauthorized", "AccessDenied"}, {"AuthorizationError", "AccessDenied"},
		{"AlreadyExist", "AlreadyExists"}, {"Conflict", "ResourceConflict"}, {"NotFound", "NotFound"}, {"NoSuch", "NotFound"}, {"Throttl", "Throttling"},
		{"Limit", "ServiceLimitExceeded"}, {"Invalid", "InvalidRequest"}, {"Validation", "InvalidRequest"}, {"Malformed", "InvalidRequest"}} {
		if strings.Contains(info.Code, k.part) {
			kind = k.kind
			break
		}
	}
	return fmt.Sprintf("Resource handler returned message: %q (%s, Status Code: %d) (HandlerErrorCode: %s)", info.Message, info.Code, info.Status, kind)
}

// set changes a resource's status and tells of it; s.mu is held.
func (s *Service) set(st *stack, r *resourceState, status types.ResourceStatus, reason string) {
	r.status, r.reason, r.changed = status, reason, s.clock.Now()
	s.event(st, r.logical, r.typ, r.physical, status, reason, r.properties)
}

// evaluate gives a resource's properties as they are to be.
func (s *Service) evaluate(scope *template.Scope, id, typ string) (map[string]any, error) {
	m, err := scope.Properties(id)
	if err != nil {
		return nil, err
	}
	v, err := scope.Resolve(m, typ+"/Properties")
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil // of a map
}

// create is the step that makes a resource anew, in the place of the one that
// the stack had under this id, if it had.
func (s *Service) create(st *stack, scope *template.Scope, in input, id string, begun, failed, complete types.ResourceStatus, replaced *resourceState) *step {
	definition := in.template.Resources[id]
	typ := typeOf(definition.Type)
	r := &resourceState{logical: id, typ: definition.Type, definition: definition, dependsOn: in.template.DependsOn(id), attributes: map[string]any{}}
	if replaced != nil {
		r.attempt = replaced.attempt + 1
	}
	x := s.context(st, in, id, r.attempt)
	adopted := false
	return &step{logical: id, after: r.dependsOn,
		run: func() (time.Duration, error) {
			s.mu.Lock()
			if replaced == nil {
				st.resources[id] = r
				s.set(st, r, begun, "")
			} else {
				r.physical = replaced.physical // until there is another
				s.set(st, r, begun, "Requested update requires the creation of a new physical resource; hence creating one.")
				r.physical = ""
			}
			s.mu.Unlock()
			properties, err := s.evaluate(scope, id, r.typ)
			if err != nil {
				return 0, err
			}
			if replaced != nil {
				if err := renamed(typ, replaced, properties); err != nil {
					return 0, err
				}
			}
			if id, ok := s.adoptable(x, typ, in, definition, properties); ok && replaced == nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				r.properties, r.physical, adopted = properties, id, true
				s.set(st, r, types.ResourceStatusImportInProgress, "Resource import started.")
				return typ.Duration(), nil
			}
			physical, err := typ.Create(x, properties)
			s.mu.Lock()
			defer s.mu.Unlock()
			r.properties, r.physical = properties, physical
			if replaced != nil && physical != "" {
				st.resources[id] = r
				st.cleanup = append(st.cleanup, replaced)
			}
			if err != nil {
				return 0, err
			}
			s.set(st, r, begun, "Resource creation Initiated")
			return typ.Duration(), nil
		},
		ready: func() (bool, error) { return s.read(st, x, typ, r) },
		ended: func(err error) {
			switch {
			case err != nil:
				s.set(st, r, failed, reasonOf(err))
			case adopted:
				s.set(st, r, types.ResourceStatusImportComplete, "Resource import completed.")
			default:
				s.set(st, r, complete, "")
			}
		},
		cancelled: func() { s.set(st, r, failed, "Resource creation cancelled") },
	}
}

// adoptable finds the resource of a custom name that is there and no stack's,
// which a change set that imports existing resources takes instead of making
// one. It must be one that is kept when the stack goes (source: "Import AWS
// resources into a CloudFormation stack automatically"). Resources whose
// physical id is not their name are not found.
func (s *Service) adoptable(x *resource.Context, typ resource.Type, in input, definition template.Resource, properties map[string]any) (string, bool) {
	id, named := properties[typ.NameProperty()].(string)
	if !in.adopt || !named || definition.DeletionPolicy == "Delete" || s.owned(definition.Type, id) {
		return "", false
	}
	_, err := typ.Read(x, id, properties)
	return id, err == nil
}

// owned reports whether a resource is of a stack.
func (s *Service) owned(typ, physical string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stacks {
		for _, r := range st.resources {
			if r.typ == typ && r.physical == physical && r.status != types.ResourceStatusDeleteComplete && r.status != types.ResourceStatusDeleteSkipped {
				return true
			}
		}
	}
	return false
}

// renamed refuses to replace a resource by one of the same name.
func renamed(typ resource.Type, old *resourceState, properties map[string]any) error {
	name := typ.NameProperty()
	if name == "" || properties[name] == nil || !template.Equal(old.properties[name], properties[name]) {
		return nil
	}
	return fmt.Errorf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", properties[name])
}

// read takes up a resource's attributes when it is ready.
func (s *Service) read(st *stack, x *resource.Context, typ resource.Type, r *resourceState) (bool, error) {
	state, err := typ.Read(x, r.physical, r.properties)
	if err != nil || state.Busy {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.attributes = state.Attributes
	return true, nil
}

// change is an update in place, in as many parts as the type has.
type change struct {
	s          *Service
	st         *stack
	x          *resource.Context
	typ        resource.Type
	r          *resourceState
	old, is    map[string]any
	unfinished bool
}

func (c *change) next() error {
	err := c.typ.Update(c.x, c.r.physical, c.old, c.is)
	if c.unfinished = errors.Is(err, resource.ErrMore); c.unfinished {
		c.x.Part++
		return nil
	}
	return err
}

// ready reports whether all parts are done and the resource is ready.
func (c *change) ready() (bool, error) {
	ready, err := c.s.read(c.st, c.x, c.typ, c.r)
	if err != nil || !ready || !c.unfinished {
		return ready, err
	}
	return false, c.next()
}

// update is the step that brings a resource to the template's state: nothing,
// an update in place, or another resource.
func (s *Service) update(st *stack, scope *template.Scope, in input, id string) *step {
	s.mu.Lock()
	r := st.resources[id]
	s.mu.Unlock()
	definition := in.template.Resources[id]
	typ := typeOf(definition.Type)
	var other *step // makes another resource
	var was resourceState
	x := s.context(st, in, id, r.attempt)
	begun := false
	c := &change{s: s, st: st, x: x, typ: typ, r: r}
	t := &step{logical: id, after: in.template.DependsOn(id)}
	t.run = func() (time.Duration, error) {
		properties, err := s.evaluate(scope, id, definition.Type)
		if err != nil {
			return 0, err
		}
		s.mu.Lock()
		same := r.typ == definition.Type && template.Equal(r.properties, properties) && (s.sameTags(st, in) || !typ.Updatable())
		if same || r.typ == definition.Type && len(typ.Replaces(r.properties, properties)) == 0 {
			r.definition, r.dependsOn = definition, in.template.DependsOn(id)
		}
		s.mu.Unlock()
		switch {
		case same:
			return -1, nil
		case r.typ != definition.Type, len(typ.Replaces(r.properties, properties)) > 0:
			other = s.create(st, scope, in, id, types.ResourceStatusUpdateInProgress, types.ResourceStatusUpdateFailed, types.ResourceStatusUpdateComplete, r)
			return other.run()
		}
		s.mu.Lock()
		was, begun = *r, true
		s.set(st, r, types.ResourceStatusUpdateInProgress, "")
		s.mu.Unlock()
		c.old, c.is = was.properties, properties
		err = c.next()
		s.mu.Lock()
		r.properties = properties // also of a failed one: some of it may have happened
		s.mu.Unlock()
		return typ.Duration(), err
	}
	t.ready = func() (bool, error) {
		if other != nil {
			return other.ready()
		}
		return c.ready()
	}
	t.ended = func(err error) {
		switch {
		case other != nil:
			other.ended(err)
		case err != nil:
			s.set(st, r, types.ResourceStatusUpdateFailed, reasonOf(err))
		case begun:
			s.set(st, r, types.ResourceStatusUpdateComplete, "")
		}
	}
	t.cancelled = func() {
		if other != nil {
			other.cancelled()
			return
		}
		s.set(st, r, types.ResourceStatusUpdateFailed, "Resource update cancelled")
	}
	return t
}

// sameTags reports whether an update leaves the stack's tags alone, which its
// resources have too; s.mu is held.
func (s *Service) sameTags(st *stack, in input) bool {
	return st.before != nil && tagsEqual(st.before.tags, in.tags)
}

func tagsEqual(a, b []types.Tag) bool {
	m := func(tags []types.Tag) map[string]string {
		out := map[string]string{}
		for _, t := range tags {
			out[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		return out
	}
	return maps.Equal(m(a), m(b))
}

// deploy makes the stack what in says: creates, updates, and marks for deletion
// what is no longer there. finish gets the logical ids that failed.
func (s *Service) deploy(st *stack, in input, creating bool, finish func(failed []string)) {
	scope := s.live(st, s.scope(st, in))
	g := &stage{steps: map[string]*step{}, finish: finish}
	wanted, err := scope.Wanted()
	if err != nil {
		s.clock.AfterFunc(0, func() {
			s.mu.Lock()
			st.reason = reasonOf(err)
			s.mu.Unlock()
			finish([]string{""})
		})
		return
	}
	for _, id := range wanted {
		s.mu.Lock()
		there := st.resources[id] != nil
		s.mu.Unlock()
		if there {
			g.steps[id] = s.update(st, scope, in, id)
			continue
		}
		g.steps[id] = s.create(st, scope, in, id, types.ResourceStatusCreateInProgress, types.ResourceStatusCreateFailed, types.ResourceStatusCreateComplete, nil)
	}
	if !creating {
		s.mu.Lock()
		for _, id := range slices.Sorted(maps.Keys(st.resources)) {
			if !slices.Contains(wanted, id) {
				st.cleanup = append(st.cleanup, st.resources[id])
			}
		}
		s.mu.Unlock()
	}
	s.begin(st, g)
}
