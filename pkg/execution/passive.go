package execution

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Verify is the executor of steps that change nothing: only their criteria
// count.
type Verify struct{}

// Reconcile implements Executor.
func (Verify) Reconcile(context.Context, upgrade.Run, upgrade.Plan, upgrade.Step, upgrade.StepRecord) (upgrade.Progress, error) {
	return upgrade.Progress{Done: true, Note: "nothing to change"}, nil
}

// Soak is the executor of steps that wait and watch. The time counts from the
// first call, as recorded.
type Soak struct{ Clock clock.Clock }

// Reconcile implements Executor.
func (s Soak) Reconcile(_ context.Context, _ upgrade.Run, _ upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) (upgrade.Progress, error) {
	in, err := Input[upgrade.SoakInput](step)
	if err != nil {
		return upgrade.Progress{}, err
	}
	remaining := in.For.D() - s.Clock.Now().Sub(record.StartedAt.Time)
	if remaining > 0 {
		return upgrade.Progress{After: upgrade.Duration(remaining), Note: fmt.Sprintf("soaking: %s of %s to go", remaining.Round(time.Second), in.For)}, nil
	}
	return upgrade.Progress{Done: true, Note: fmt.Sprintf("soaked for %s", in.For)}, nil
}
