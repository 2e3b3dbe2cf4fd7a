package invariants

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

// weightsSum reads what DNS answers now, not what was asked for.
func weightsSum(_ context.Context, c *Checker, _ world.CallRecord) error {
	answers := c.DNS.Resolve(c.Request.Traffic.Record)
	if len(answers) == 0 {
		return fmt.Errorf("%s has no record set", c.Request.Traffic.Record)
	}
	var sum int64
	for _, a := range answers {
		sum += a.Weight
	}
	if sum != 100 {
		return fmt.Errorf("the weights sum to %d", sum)
	}
	return nil
}

// shift returns the weights that a call asked for, when it was accepted.
func (c *Checker) shift(call world.CallRecord) (upgrade.Weights, bool) {
	in, isChange := call.Input.(*sdk.ChangeResourceRecordSetsInput)
	if !isChange || call.Err != "" || in.ChangeBatch == nil {
		return upgrade.Weights{}, false
	}
	return c.apply(c.current(), in.ChangeBatch.Changes)
}

func risesOnlyWhenHealthy(ctx context.Context, c *Checker, call world.CallRecord) error {
	next, ok := c.shift(call)
	if !ok || call.Caller == "" { // people may do as they like
		return nil
	}
	before := c.current()
	for side, cluster := range map[upgrade.Side]string{upgrade.Blue: c.Cluster, upgrade.Green: c.Green} {
		if next.Of(side) <= before.Of(side) {
			continue
		}
		h, found, err := c.Store.Health(ctx, c.Upgrade(), cluster)
		if err != nil {
			return err
		}
		if !found || !h.Fresh(call.Time, c.HealthLimit) {
			return fmt.Errorf("%s rises from %d to %d, but its last verdict is %q of %s", cluster, before.Of(side), next.Of(side), h.Status, h.ObservedAt)
		}
	}
	return nil
}

func shiftsGoBySteps(_ context.Context, c *Checker, call world.CallRecord) error {
	next, ok := c.shift(call)
	if !ok || call.Caller == "" {
		return nil
	}
	if why := upgrade.AllowedShift(c.current(), next, c.Request.Traffic.Weights(), upgrade.Blue); why != "" {
		return fmt.Errorf("%s", why)
	}
	return nil
}

func shiftsWaitForTheLast(_ context.Context, c *Checker, call world.CallRecord) error {
	next, ok := c.shift(call)
	if !ok || call.Caller == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.last.ChangeID == "" || next == c.weights:
		return nil // the first; or the same again, which moves nobody
	case c.insync.IsZero():
		return fmt.Errorf("change %s is not INSYNC yet", c.last.ChangeID)
	case !c.reread:
		return fmt.Errorf("the record sets were not read again after change %s", c.last.ChangeID)
	case next != upgrade.AllBlue && call.Time.Sub(c.insync) < c.Request.Traffic.TTL.D():
		return fmt.Errorf("only %s have passed since the last change was INSYNC", call.Time.Sub(c.insync))
	}
	return nil
}

func (c *Checker) current() upgrade.Weights {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weights
}

// changed follows the changes of Route 53 itself, those that somebody else makes
// too. What was accepted counts from the next call on: the invariants judge a
// call on the state before it.
func (c *Checker) changed(e route53.ChangeEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Status {
	case types.ChangeStatusPending:
		c.news = append(c.news, e)
	case types.ChangeStatusInsync:
		if e.ChangeID == c.last.ChangeID {
			c.insync = e.Time
		}
		for i := range c.news {
			if c.news[i].ChangeID == e.ChangeID {
				c.news[i].Status = e.Status // before the call that made it was even answered
			}
		}
	}
}

// observe notes what a call did, for the next one.
func (c *Checker) observe(call world.CallRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, listed := call.Output.(*sdk.ListResourceRecordSetsOutput); listed && !c.insync.IsZero() {
		c.reread = true
	}
	for _, e := range c.news {
		next, concerned := c.apply(c.weights, e.Changes)
		if !concerned {
			continue
		}
		c.weights, c.last, c.insync, c.reread = next, e, time.Time{}, false
		if e.Status == types.ChangeStatusInsync {
			c.insync = call.Time
		}
	}
	c.news = nil
}

// apply returns the weights after changes, and whether they are about the
// watched record sets at all.
func (c *Checker) apply(w upgrade.Weights, changes []types.Change) (upgrade.Weights, bool) {
	concerned := false
	for _, ch := range changes {
		weight := int(aws.ToInt64(ch.ResourceRecordSet.Weight))
		if ch.Action == types.ChangeActionDelete {
			weight = 0
		}
		switch aws.ToString(ch.ResourceRecordSet.SetIdentifier) {
		case c.Cluster:
			w.Blue, concerned = weight, true
		case c.Green:
			w.Green, concerned = weight, true
		}
	}
	return w, concerned
}
