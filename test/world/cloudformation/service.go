// Package cloudformation simulates AWS CloudFormation: templates, stacks and
// change sets, whose resources are made by the other services' own operations,
// by whom the stack acts for. Creating, updating and rolling back take the
// world's time.
package cloudformation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// principal is the name by which CloudFormation assumes roles.
const principal = "cloudformation.amazonaws.com"

// Service is AWS CloudFormation. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string
	mux             *wire.Mux

	mu     sync.Mutex
	stacks []*stack // in the order of their creation, deleted ones too
	count  int
}

// New returns CloudFormation without stacks; resources are made through mux.
func New(c clock.Clock, account, region string, mux *wire.Mux) *Service {
	return &Service{clock: c, account: account, region: region, mux: mux}
}

// newID returns the next id in the form of a UUID; ids repeat from run to run.
// s.mu is held.
func (s *Service) newID() string {
	s.count++
	sum := sha256.Sum256(fmt.Appendf(nil, "cloudformation/%s/%s/%d", s.account, s.region, s.count))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (s *Service) arn(rest string) string {
	return "arn:aws:cloudformation:" + s.region + ":" + s.account + ":" + rest
}

// caller is who a stack acts for.
type caller struct {
	role                string // of the stack; "" for the one who called
	accessKey, function string
}

// callerOf is who made c, or the role that the stack was given.
func callerOf(c *wire.Call, role string) caller {
	if role != "" {
		return caller{role: role}
	}
	return caller{role: c.Role, accessKey: c.AccessKeyID, function: c.Caller}
}

// call makes one call of another service, for who.
func (s *Service) call(who caller, source, service, operation string, in any) (any, error) {
	c := &wire.Call{Context: context.Background(), Service: service, Operation: operation, RequestID: s.mux.NewRequestID(), Region: s.region,
		AccessKeyID: who.accessKey, Caller: who.function, UserAgent: principal, Time: s.clock.Now()}
	if who.role != "" {
		c.Role, c.Principal, c.SourceArn, c.AccessKeyID, c.Caller = who.role, principal, source, "", ""
	}
	return s.mux.Invoke(c, in)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// refused turns the template's errors into the API's.
func refused(err error) error {
	var t *template.Error
	if errors.As(err, &t) {
		return invalid("%s", t.Message)
	}
	return err
}

// find returns a stack by its name, if it is not deleted, or its id; s.mu is
// held.
func (s *Service) find(nameOrID *string) (*stack, error) {
	if nameOrID == nil || *nameOrID == "" {
		return nil, invalid("1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null")
	}
	for i := len(s.stacks) - 1; i >= 0; i-- {
		st := s.stacks[i]
		if st.id == *nameOrID || st.name == *nameOrID && st.status != types.StackStatusDeleteComplete {
			return st, nil
		}
	}
	return nil, invalid("Stack with id %s does not exist", *nameOrID)
}

// stack is one of the account's.
type stack struct {
	id, name, changeSet   string
	status                types.StackStatus
	reason                string
	created               time.Time
	updated, deleted      *time.Time
	terminationProtection bool
	policy                string
	who                   caller
	role                  string // as it was given
	disableRollback       bool
	onFailure             types.OnFailure
	timeout               *int32
	rollbackConfiguration *types.RollbackConfiguration
	now                   input // what the stack is, or is becoming
	before                *input
	snapshot              map[string]saved // before the update
	resources             map[string]*resourceState
	cleanup               []*resourceState // to be deleted when an update is complete: replaced and removed ones
	doomed                []*resourceState // made by an update whose rollback failed
	outputs               []template.Evaluated
	imports               map[string]bool // names of exports that are used
	events                []types.StackEvent
	operations            []operationRecord
	changeSets            []*changeSet
	token                 *string // of the request that runs
	run                   *stage  // what runs; nil for nothing
	retainExceptOnCreate  bool
}

// input is what a stack is made from.
type input struct {
	template      *template.Template
	given         map[string]string // parameters
	values        map[string]any    // what Ref gives for them
	resolved      map[string]string // of those from the Parameter Store
	capabilities  []types.Capability
	tags          []types.Tag
	notifications []string
	adopt         bool // resources of the template that are there and not a stack's
}

// resourceState is a resource of a stack.
type resourceState struct {
	logical, typ, physical string
	status                 types.ResourceStatus
	reason                 string
	changed                time.Time
	properties             map[string]any // evaluated; what it was made with
	attributes             map[string]any
	definition             template.Resource
	dependsOn              []string
	attempt                int
}

func (st *stack) busy() bool { return strings.HasSuffix(string(st.status), "_IN_PROGRESS") }

// scope is what the stack's template is evaluated in. Its functions take s.mu
// themselves.
func (s *Service) scope(st *stack, in input) *template.Scope {
	return &template.Scope{
		Template: in.template, Parameters: in.values,
		Pseudo: template.Pseudo{Account: s.account, Partition: "aws", Region: s.region, StackID: st.id, StackName: st.name, URLSuffix: "amazonaws.com", Notifications: in.notifications},
		Import: func(name string) (string, error) { return s.export(st, name) },
		Zones:  func(region string) ([]string, error) { return s.zones(st.who, region) },
		Dynamic: func(_, key string) (string, error) {
			return s.parameter(st.who, st.id, key)
		},
	}
}

// live adds what is known of the stack's resources.
func (s *Service) live(st *stack, scope *template.Scope) *template.Scope {
	scope.Ref = func(id string) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r := st.resources[id]; r != nil && r.physical != "" {
			return r.physical, nil
		}
		return nil, &template.Error{Message: "Template format error: Unresolved resource dependencies [" + id + "] in the Resources block of the template"}
	}
	scope.Attribute = func(id, name string) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r := st.resources[id]; r != nil {
			if v, ok := r.attributes[name]; ok {
				return v, nil
			}
		}
		return nil, noAttribute(id, name)
	}
	return scope
}

func noAttribute(id, name string) error {
	return &template.Error{Message: fmt.Sprintf("Template error: resource %s does not support attribute type %s in Fn::GetAtt", id, name)}
}
