package execution

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// HealthRecords keeps the latest verdict on each cluster.
type HealthRecords interface {
	Health(ctx context.Context, upgradeID, cluster string) (h upgrade.Health, found bool, err error)
	PutHealth(ctx context.Context, upgradeID string, h upgrade.Health) error
}

// HealthChecker looks at a whole cluster now: its nodes, its applications and
// the endpoint that takes the traffic. What it could not see is a verdict too,
// Inconclusive; an error means that there is no verdict at all.
type HealthChecker interface {
	Check(ctx context.Context, run upgrade.Run, cluster string, service upgrade.ObjectName) (upgrade.Health, error)
}

// Health answers whether a cluster has a fresh passing verdict, and looks
// again when it has none. All fields are needed.
type Health struct {
	Records HealthRecords
	Checker HealthChecker
	Clock   clock.Clock
	MaxAge  time.Duration // an older verdict is stale; 5 minutes is usual
}

// Fresh returns the recorded verdict on the cluster when it passes and is
// fresh, or else the verdict of a check made now, which it records. The caller
// decides on its status: only Pass is a pass.
func (h Health) Fresh(ctx context.Context, run upgrade.Run, cluster string) (upgrade.Health, error) {
	recorded, found, err := h.Records.Health(ctx, run.ID, cluster)
	if err != nil {
		return upgrade.Health{}, err
	}
	if found && recorded.Fresh(h.Clock.Now(), h.MaxAge) {
		return recorded, nil
	}
	now, err := h.Checker.Check(ctx, run, cluster, run.Request.Traffic.Service)
	if err != nil {
		return upgrade.Health{}, fmt.Errorf("check health of %s: %w", cluster, err)
	}
	return now, h.Records.PutHealth(ctx, run.ID, now)
}
