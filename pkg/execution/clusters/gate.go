package clusters

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// GateRecords is what the gate of the point of no return stands on.
type GateRecords interface {
	Approval(ctx context.Context, upgradeID, planHash string) (a upgrade.ApprovalRecord, found bool, err error)
	Steps(ctx context.Context, upgradeID string) ([]upgrade.StepRecord, error)
	Gate(ctx context.Context, upgradeID, step string) (g upgrade.Gate, found bool, err error)
	OpenGate(ctx context.Context, g upgrade.Gate) error
}

// Assessments reads stored assessments.
type Assessments interface {
	Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error)
}

// Gatekeeper decides whether blue may be destroyed. Before each delete, not
// only the first, all of this must hold: no traffic on blue, in sync; the plan
// approved; every soak verified; a fresh pass on green. All fields are needed.
type Gatekeeper struct {
	Records     GateRecords
	Assessments Assessments
	Weights     interface {
		Weights(ctx context.Context, run upgrade.Run, n traffic.Name) (w upgrade.Weights, inSync bool, err error)
	}
	Health   execution.Health
	Guard    execution.Guard
	Clock    clock.Clock
	Patience time.Duration // how long green may be not healthy, from the start of the step, before the step fails
}

// pass returns nil, nil when blue may be destroyed now, and has opened the
// gate by then; progress when it may become so; or a Precondition error.
func (g *Gatekeeper) pass(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, record upgrade.StepRecord, n traffic.Name) (*upgrade.Progress, error) {
	refuse := func(format string, args ...any) error {
		return upgrade.KindGateClosed.Errorf("decommission "+plan.Cluster, format, args...).WithRemedy("nothing was deleted by this call; find out why before you delete the cluster by hand")
	}
	weights, inSync, err := g.Weights.Weights(ctx, run, n)
	if err != nil {
		return nil, err
	}
	if weights != upgrade.AllGreen || !inSync {
		return nil, refuse("traffic must be all on %s and in sync, but it is %s (in sync: %t)", plan.Green, weights, inSync)
	}
	agreed, err := g.agreed(ctx, run, plan)
	if err != nil {
		return nil, err
	}
	if agreed == "" {
		return nil, refuse("plan %.12s has no approval that was used to start it", plan.Hash)
	}
	soaked, err := g.soaked(ctx, plan, record.Index)
	if err != nil {
		return nil, err
	}
	if soaked == "" {
		return nil, refuse("no soak before this step was verified")
	}
	health, err := g.Health.Fresh(ctx, run, plan.Green)
	if err != nil {
		return nil, err
	}
	if health.Status != upgrade.Pass {
		if g.Clock.Now().Sub(record.StartedAt.Time) < g.Patience {
			return &upgrade.Progress{Note: fmt.Sprintf("waiting until %s is healthy: %s", plan.Green, health.Evidence)}, nil
		}
		return nil, refuse("%s is not healthy (%s): %s", plan.Green, health.Status, health.Evidence)
	}
	return nil, g.open(ctx, run, plan, step, fmt.Sprintf("%s, in sync; %s; %s; %s: %s", weights, agreed, soaked, plan.Green, health.Evidence))
}

func (g *Gatekeeper) open(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, evidence string) error {
	gate, found, err := g.Records.Gate(ctx, run.ID, step.ID)
	if err != nil {
		return err
	}
	if found && gate.PlanHash == plan.Hash {
		return nil
	}
	if err := g.Guard.Check(ctx, run, execution.Lease); err != nil {
		return err
	}
	return g.Records.OpenGate(ctx, upgrade.Gate{Upgrade: run.ID, Step: step.ID, PlanHash: plan.Hash, Evidence: evidence, OpenedAt: upgrade.At(g.Clock.Now())})
}

// agreed says who agreed to the plan, or "". Without an approval only a request
// that asks for none when nothing serious is found will do, and only with an
// assessment that found nothing serious.
func (g *Gatekeeper) agreed(ctx context.Context, run upgrade.Run, plan upgrade.Plan) (string, error) {
	approval, found, err := g.Records.Approval(ctx, run.ID, plan.Hash)
	if err != nil {
		return "", err
	}
	if found {
		if !approval.Approved || approval.UsedAt.IsZero() || approval.PlanHash != plan.Hash {
			return "", nil
		}
		return "approved by " + approval.By, nil
	}
	if run.Request.Approval.Mode != upgrade.ApprovalOnFindings {
		return "", nil
	}
	assessment, err := g.Assessments.Assessment(ctx, plan.Assessment)
	if err != nil {
		return "", err
	}
	if assessment.Decision != upgrade.Go {
		return "", nil
	}
	return "the request asks for approval on findings only, and the assessment says go", nil
}

// soaked says that every soak step before index was verified, or "" when one
// was not or there is none.
func (g *Gatekeeper) soaked(ctx context.Context, plan upgrade.Plan, index int) (string, error) {
	records, err := g.Records.Steps(ctx, plan.Upgrade)
	if err != nil {
		return "", err
	}
	verified := map[string]bool{}
	for _, r := range records {
		verified[r.Step] = verified[r.Step] || (r.Mode == upgrade.Forward && !r.VerifiedAt.IsZero())
	}
	evidence := ""
	for _, step := range plan.Steps[:index] {
		if step.Kind != upgrade.StepSoak {
			continue
		}
		if !verified[step.ID] {
			return "", nil
		}
		evidence = "step " + step.ID + " is verified"
	}
	return evidence, nil
}
