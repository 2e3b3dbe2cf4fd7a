package upgrade

import (
	"fmt"
	"time"
)

// Defaults are what a request leaves to the configuration. All fields are
// needed.
type Defaults struct {
	Soak         Duration
	Decommission Decommission
	Approval     Approval

	// Of Request.Traffic.
	Steps        []int
	Bake         Duration
	TTL          Duration
	MaxErrorRate float64
	MinRequests  int
}

// StandardDefaults are those of an agent that is not configured otherwise.
func StandardDefaults() Defaults {
	return Defaults{
		Soak: Duration(time.Hour), Decommission: DestroyBlue,
		Approval: Approval{Mode: ApprovalRequired, Timeout: Duration(24 * time.Hour)},
		Steps:    []int{10, 25, 50, 75, 100}, Bake: Duration(10 * time.Minute), TTL: Duration(time.Minute),
		MaxErrorRate: 0.01, MinRequests: 20,
	}
}

// Defaults returns the part of the request that has defaults.
func (r Request) Defaults() Defaults {
	t := r.Traffic
	return Defaults{Soak: r.Soak, Decommission: r.Decommission, Approval: r.Approval,
		Steps: t.Steps, Bake: t.Bake, TTL: t.TTL, MaxErrorRate: t.MaxErrorRate, MinRequests: t.MinRequests}
}

// MaxWaiting is how long an upgrade may wait by request. The state machine ends
// an execution after 30 days without another word; the rest is for the work.
const MaxWaiting = 28 * 24 * time.Hour

// Validate checks every field, and names the first that is wrong as a request
// names it.
func (d Defaults) Validate() error {
	if d.Soak < 0 {
		return invalid("soak", "is negative", "give a duration of 0s or more")
	}
	if err := oneOf("decommission", d.Decommission, DestroyBlue, KeepBlue); err != nil {
		return err
	}
	if err := oneOf("approval.mode", d.Approval.Mode, ApprovalRequired, ApprovalOnFindings); err != nil {
		return err
	}
	if d.Approval.Timeout.D() < time.Minute || d.Approval.Timeout.D() > 14*24*time.Hour {
		return invalid("approval.timeout", fmt.Sprintf("%s is out of range", d.Approval.Timeout), "give 1m to 336h")
	}
	if err := d.validateTraffic(); err != nil {
		return under("traffic", err)
	}
	return d.validateLength()
}

func (d Defaults) validateTraffic() error {
	switch {
	case d.Bake.D() < time.Minute || d.Bake.D() > 7*24*time.Hour:
		return invalid("bake", fmt.Sprintf("%s is out of range", d.Bake), "give 1m to 168h: metrics have a resolution of one minute")
	case d.TTL.D() < time.Second || d.TTL.D() > time.Hour:
		return invalid("ttl", fmt.Sprintf("%s is out of range", d.TTL), "give 1s to 1h: clients keep the old answer for as long")
	case d.MaxErrorRate < 0 || d.MaxErrorRate >= 1:
		return invalid("maxErrorRate", fmt.Sprintf("%v is out of range", d.MaxErrorRate), "give a share from 0 to below 1")
	case d.MinRequests < 1:
		return invalid("minRequests", fmt.Sprintf("%d is out of range", d.MinRequests), "give 1 or more: no request is no evidence")
	}
	previous := 0
	for i, step := range d.Steps {
		if step <= previous || step > 100 {
			return invalid(fmt.Sprintf("steps[%d]", i), fmt.Sprintf("%d does not continue the rise from %d", step, previous), "give rising percentages that end with 100")
		}
		previous = step
	}
	if previous != 100 {
		return invalid("steps", "the last step is not 100", "give rising percentages that end with 100")
	}
	return nil
}

func (d Defaults) validateLength() error {
	bakes := d.Bake.D() * time.Duration(len(d.Steps))
	if left := MaxWaiting - bakes - d.Approval.Timeout.D(); d.Soak.D() > left {
		return invalid("soak", fmt.Sprintf("%s, with %s of bakes and %s for the approval, is longer than an upgrade may wait", d.Soak, bakes, d.Approval.Timeout),
			fmt.Sprintf("shorten soak, traffic.bake or approval.timeout to %s together", MaxWaiting))
	}
	return nil
}
