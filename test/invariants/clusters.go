package invariants

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// destroys reports whether an accepted call begins or goes on to delete blue.
func (c *Checker) destroys(call world.CallRecord) bool {
	if call.Err != "" {
		return false
	}
	switch in := call.Input.(type) {
	case *eks.DeleteClusterInput:
		return aws.ToString(in.Name) == c.Cluster
	case *eks.DeleteNodegroupInput:
		return aws.ToString(in.ClusterName) == c.Cluster
	case *eks.DeleteAddonInput:
		return aws.ToString(in.ClusterName) == c.Cluster
	}
	return false
}

func blueGoesLast(ctx context.Context, c *Checker, call world.CallRecord) error {
	if !c.destroys(call) {
		return nil
	}
	for _, a := range c.DNS.Resolve(c.Request.Traffic.Record) {
		if a.SetIdentifier == c.Cluster && a.Weight > 0 {
			return fmt.Errorf("%s still has the weight %d", c.Cluster, a.Weight)
		}
	}
	steps, err := c.Store.Steps(ctx, c.Upgrade())
	if err != nil {
		return err
	}
	soaked := false
	for _, s := range steps {
		soaked = soaked || (s.Kind == upgrade.StepSoak && s.Mode == upgrade.Forward && !s.VerifiedAt.IsZero())
	}
	if !soaked {
		return fmt.Errorf("the soak is not verified")
	}
	gate, found, err := c.gate(ctx)
	if err != nil || !found {
		return err // the missing gate is invariant 7's
	}
	approval, found, err := c.Store.Approval(ctx, c.Upgrade(), gate.PlanHash)
	if err != nil {
		return err
	}
	if c.Request.Approval.Mode == upgrade.ApprovalRequired && (!found || !approval.Approved || approval.UsedAt.IsZero()) {
		return fmt.Errorf("plan %.12s has no approval that was used", gate.PlanHash)
	}
	h, found, err := c.Store.Health(ctx, c.Upgrade(), c.Green)
	if err != nil {
		return err
	}
	if !found || h.Status != upgrade.Pass {
		return fmt.Errorf("the last verdict on %s is %q", c.Green, h.Status)
	}
	return nil
}

func gateBeforeTheAct(ctx context.Context, c *Checker, call world.CallRecord) error {
	if !c.destroys(call) {
		return nil
	}
	if _, found, err := c.gate(ctx); err != nil || !found {
		return fmt.Errorf("no gate record of the decommission step (%v)", err)
	}
	return nil
}

// gate returns the gate of the forward decommission step.
func (c *Checker) gate(ctx context.Context) (upgrade.Gate, bool, error) {
	steps, err := c.Store.Steps(ctx, c.Upgrade())
	if err != nil {
		return upgrade.Gate{}, false, err
	}
	for _, s := range steps {
		if s.Kind == upgrade.StepDecommission && s.Mode == upgrade.Forward {
			return c.Store.Gate(ctx, c.Upgrade(), s.Step)
		}
	}
	return upgrade.Gate{}, false, nil
}

func skewIsAllowed(_ context.Context, c *Checker, call world.CallRecord) error {
	in, creates := call.Input.(*eks.CreateNodegroupInput)
	if !creates || call.Err != "" {
		return nil
	}
	server, known := c.Version(aws.ToString(in.ClusterName))
	if !known || in.Version == nil {
		return nil // EKS takes the control plane's version
	}
	kubelet, err := upgrade.ParseVersion(*in.Version)
	if err != nil {
		return err
	}
	if problem := upgrade.SkewProblem(server, kubelet); problem != "" {
		return fmt.Errorf("%s", problem)
	}
	return nil
}

// governed are the services whose changes need the lease.
var governed = map[string]bool{"eks": true, "route53": true, "codebuild": true}

func changesNeedTheLease(ctx context.Context, c *Checker, call world.CallRecord) error {
	if !call.Mutating || call.Err != "" || !governed[call.Service] || !strings.HasPrefix(call.Caller, "eks-upgrade-") {
		return nil
	}
	owner, err := c.leaseOwner(ctx)
	if err != nil {
		return err
	}
	if owner != c.Upgrade() {
		return fmt.Errorf("%s changes, but the lease is of %q", c.Upgrade(), owner)
	}
	return nil
}
