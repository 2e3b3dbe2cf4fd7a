// Package invariants holds what must be true at every instant of an upgrade, as
// functions over the world and the records. A rehearsal and its tests check all
// of them after every AWS call.
package invariants

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

// Invariant is one rule. Number and Rule are those of the design.
type Invariant struct {
	Number int
	Rule   string
	check  func(context.Context, *Checker, world.CallRecord) error
}

// All lists the invariants in order.
func All() []Invariant {
	return []Invariant{
		{1, "effective traffic weights sum to 100 and are never all zero", weightsSum},
		{2, "weight rises only for a cluster with a fresh passing verdict", risesOnlyWhenHealthy},
		{3, "forward shifts go by the plan's steps; jumps go only toward the safe side", shiftsGoBySteps},
		{4, "no shift before the last one is INSYNC, was read again, and the TTL has passed (a return to the safe side does not wait for the TTL)", shiftsWaitForTheLast},
		{6, "blue is destroyed only with weight 0, the soak complete, the plan approved and a fresh pass on green", blueGoesLast},
		{7, "a point of no return has its gate record before the act", gateBeforeTheAct},
		{11, "who changes a cluster holds its lease", changesNeedTheLease},
		{13, "idempotency tokens are derived: the same intent has the same token, another intent another one", tokensAreDerived},
		{16, "node groups are never newer than their control plane, nor more than three minors older", skewIsAllowed},
	}
}

// Store is what the checker reads of the records.
type Store interface {
	Health(ctx context.Context, upgradeID, cluster string) (upgrade.Health, bool, error)
	Gate(ctx context.Context, upgradeID, step string) (upgrade.Gate, bool, error)
	Steps(ctx context.Context, upgradeID string) ([]upgrade.StepRecord, error)
	Approval(ctx context.Context, upgradeID, planHash string) (upgrade.ApprovalRecord, bool, error)
}

// DNS is what the checker sees of Route 53.
type DNS interface {
	Resolve(name string) []route53.Answer
	OnChange(func(route53.ChangeEvent))
}

// Caller is the name under which the checker's own calls are made: they are not
// checked. Its Store and Leases must use a configuration of this function name.
const Caller = "invariants"

// Options say what is watched.
type Options struct {
	Clock       clock.Clock
	DNS         DNS
	Store       Store
	Leases      table.API // to read the lease table by
	LeaseTable  string
	Upgrade     func() string // the execution's name; empty before it has started
	Cluster     string        // blue
	Green       string
	Request     upgrade.Request
	HealthLimit time.Duration // age up to which a verdict is fresh
	Version     func(cluster string) (upgrade.Version, bool)
}

// Checker watches one upgrade.
type Checker struct {
	Options

	mu         sync.Mutex
	violations []string
	weights    upgrade.Weights // as last accepted by Route 53
	last       route53.ChangeEvent
	insync     time.Time             // of the last change; zero while it is pending
	reread     bool                  // the record sets were listed after that
	news       []route53.ChangeEvent // accepted since the last call
	tokens     map[string]string
	intents    map[string]string
}

// World is what the checker hears of the world.
type World interface {
	OnCall(func(world.CallRecord))
}

// Watch checks all invariants after every call that the world serves.
func Watch(w World, o Options) *Checker {
	c := &Checker{Options: o, weights: upgrade.AllBlue, reread: true, tokens: map[string]string{}, intents: map[string]string{}}
	o.DNS.OnChange(c.changed)
	w.OnCall(c.check)
	return c
}

// Violations lists what did not hold, in order, each with the call after which
// it was seen. Empty is good.
func (c *Checker) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.violations...)
}

func (c *Checker) check(call world.CallRecord) {
	if call.Caller == Caller {
		return
	}
	for _, i := range All() {
		if err := i.check(context.Background(), c, call); err != nil {
			c.mu.Lock()
			c.violations = append(c.violations, fmt.Sprintf("invariant %d (%s): %v, after call %s", i.Number, i.Rule, err, call))
			c.mu.Unlock()
		}
	}
	c.observe(call)
}
