// Package resource holds the resource types that CloudFormation can create,
// update and delete in the simulated AWS. They do so by calls of the services'
// own operations, by whom the stack acts for; nothing pokes into a service.
//
// Names, replacement and return values are those of the "AWS resource and
// property types reference".
package resource

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Context is a stack's resource that something is done with.
type Context struct {
	// Call makes one call of a service, named as its SDK package.
	Call                       func(service, operation string, in any) (any, error)
	Account, Region, Partition string
	Stack, StackID, LogicalID  string
	// Tags are the stack's, which its resources get too; Before are those that
	// they have had until this update.
	Tags, Before []Tag
	// Attempt tells apart the resources that a logical id had one after another.
	Attempt int
	// Part counts the calls of Update that belong together, see ErrMore.
	Part int
}

// ErrMore is what Update returns that has done a part: it is to be called again
// when the resource is ready, with the next Part.
var ErrMore = errors.New("there is more to update")

// ARN is the ARN of something in the stack's account and region.
func (x *Context) ARN(service, rest string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", x.Partition, service, x.Region, x.Account, rest)
}

var suffixes = base32.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").WithPadding(base32.NoPadding)

// Name makes a name for a resource that the template gives none.
func (x *Context) Name(longest int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", x.StackID, x.LogicalID, x.Attempt))
	suffix := "-" + suffixes.EncodeToString(sum[:])[:12]
	front := x.Stack + "-" + x.LogicalID
	if room := longest - len(suffix); len(front) > room { // as AWS does, both parts stay visible
		keep := min(len(x.LogicalID), (room-1)/2)
		front = x.Stack[:min(len(x.Stack), room-1-keep)] + "-" + x.LogicalID[:keep]
	}
	return front + suffix
}

// Or is the name that the template gives, or one that is made.
func (x *Context) Or(given *string, longest int) *string {
	if given != nil {
		return given
	}
	name := x.Name(longest)
	return &name
}

// invoke makes the call whose Input is in.
func invoke[Out any](x *Context, in any) (*Out, error) {
	t := reflect.TypeOf(in).Elem()
	out, err := x.Call(path.Base(t.PkgPath()), strings.TrimSuffix(t.Name(), "Input"), in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// do makes a call whose Output tells nothing.
func do(x *Context, in any) error {
	t := reflect.TypeOf(in).Elem()
	_, err := x.Call(path.Base(t.PkgPath()), strings.TrimSuffix(t.Name(), "Input"), in)
	return err
}

// made is what a creation of one call returns: where it failed there is nothing
// that a rollback may delete, be the name somebody else's.
func made(id string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return id, nil
}

// gone reports whether an error says that what was called upon is not there.
func gone(err error) bool {
	if err == nil {
		return false
	}
	code := wire.Describe(err).Code
	return strings.Contains(code, "NotFound") || strings.HasPrefix(code, "NoSuch") || strings.Contains(code, "DoesNotExist") || code == "NonExistentQueue"
}

// unlessGone is err but for what is not there any more.
func unlessGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// State is what is known of a resource.
type State struct {
	// Attributes are what Fn::GetAtt gives, by name; those of structures with
	// dots.
	Attributes map[string]any
	// Busy says that the resource is not ready yet.
	Busy bool
}

// Type is a resource type.
type Type interface {
	// Name is the type's, such as AWS::SNS::Topic.
	Name() string
	// Check refuses properties that the type does not have, lacks or that are of
	// the wrong type. What is not known (template.Unknown) passes.
	Check(properties map[string]any) error
	// Replaces lists the properties, sorted, whose change needs another resource.
	Replaces(old, changed map[string]any) []string
	// NameProperty is the property that names the resource; "" for none.
	NameProperty() string
	// Attributes are the names that Fn::GetAtt knows.
	Attributes() []string
	// Updatable reports whether there is anything that Update could change.
	Updatable() bool
	// Duration is how long creating takes on AWS, about.
	Duration() time.Duration

	// Create makes the resource and returns its physical id, which may be set
	// beside an error: what was made in part is to be deleted.
	Create(x *Context, properties map[string]any) (id string, err error)
	Read(x *Context, id string, properties map[string]any) (State, error)
	Update(x *Context, id string, old, changed map[string]any) error
	// Delete begins to delete; what is gone already is no error.
	Delete(x *Context, id string, properties map[string]any) error
	// Deleted reports whether the deletion is over.
	Deleted(x *Context, id string, properties map[string]any) (bool, error)
}

// definition is a type whose properties are P.
type definition[P any] struct {
	name, nameProperty string
	// replace are the properties whose change needs another resource.
	replace    []string
	replaces   func(old, changed *P) []string // further ones, by their values
	attributes []string
	takes      time.Duration

	create  func(x *Context, p *P) (string, error)
	read    func(x *Context, id string, p *P) (State, error)
	update  func(x *Context, id string, old, changed *P) error
	remove  func(x *Context, id string, p *P) error
	removed func(x *Context, id string, p *P) (bool, error)
}

// usually is how long a resource takes that nothing else is known of.
const usually = 2 * time.Second

// Name implements Type.
func (d definition[P]) Name() string { return d.name }

// NameProperty implements Type.
func (d definition[P]) NameProperty() string { return d.nameProperty }

// Attributes implements Type.
func (d definition[P]) Attributes() []string { return d.attributes }

// Updatable implements Type.
func (d definition[P]) Updatable() bool { return d.update != nil }

// Duration implements Type.
func (d definition[P]) Duration() time.Duration { return max(d.takes, usually) }

func (d definition[P]) properties(m map[string]any) (*P, error) {
	p := new(P)
	return p, decode(m, p)
}

// Check implements Type.
func (d definition[P]) Check(m map[string]any) error {
	_, err := d.properties(m)
	return err
}

// Replaces implements Type.
func (d definition[P]) Replaces(old, changed map[string]any) []string {
	out := map[string]bool{}
	for _, name := range d.replace {
		if !template.Equal(old[name], changed[name]) {
			out[name] = true
		}
	}
	if d.replaces != nil {
		was, err := d.properties(old)
		is, err2 := d.properties(changed)
		if err == nil && err2 == nil {
			for _, name := range d.replaces(was, is) {
				out[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// Create implements Type.
func (d definition[P]) Create(x *Context, m map[string]any) (string, error) {
	p, err := d.properties(m)
	if err != nil {
		return "", fmt.Errorf("Properties validation failed for resource %s with message:\n%w", x.LogicalID, err)
	}
	return d.create(x, p)
}

// Read implements Type.
func (d definition[P]) Read(x *Context, id string, m map[string]any) (State, error) {
	p, err := d.properties(m)
	if err != nil || d.read == nil {
		return State{}, err
	}
	return d.read(x, id, p)
}

// Update implements Type.
func (d definition[P]) Update(x *Context, id string, old, changed map[string]any) error {
	is, err := d.properties(changed)
	if err != nil {
		return fmt.Errorf("Properties validation failed for resource %s with message:\n%w", x.LogicalID, err)
	}
	was, err := d.properties(old)
	if err != nil {
		return err
	}
	if d.update == nil {
		return fmt.Errorf("a resource of type %s cannot be updated", d.name)
	}
	return d.update(x, id, was, is)
}

// Delete implements Type.
func (d definition[P]) Delete(x *Context, id string, m map[string]any) error {
	p, err := d.properties(m)
	if err != nil {
		p = new(P) // what could not be created has nothing that its properties would tell
	}
	if d.remove == nil {
		return nil
	}
	return unlessGone(d.remove(x, id, p))
}

// Deleted implements Type.
func (d definition[P]) Deleted(x *Context, id string, m map[string]any) (bool, error) {
	p, err := d.properties(m)
	if err != nil || d.removed == nil {
		return true, nil
	}
	return d.removed(x, id, p)
}

var catalogue = map[string]Type{}

func register(all ...Type) {
	for _, t := range all {
		if catalogue[t.Name()] != nil {
			panic("resource: " + t.Name() + " is there twice")
		}
		catalogue[t.Name()] = t
	}
}

// Find returns the type of a name.
func Find(name string) (Type, bool) {
	t, ok := catalogue[name]
	return t, ok
}

// Names lists the types, sorted.
func Names() []string { return slices.Sorted(maps.Keys(catalogue)) }

var errRefused = errors.New("the simulated AWS does not serve it")

// refuse names what the simulated AWS does not serve.
func refuse(property string) error { return fmt.Errorf("%s: %w", property, errRefused) }
