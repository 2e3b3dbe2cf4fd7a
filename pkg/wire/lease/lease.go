// Package lease wires the lease phase.
package lease

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.LeaseOutput], error) {
	store := lease.New(dynamodb.NewFromConfig(cfg), c.Tables.Leases, clk)
	return boundary.Wrap(ctx, upgrade.PhaseLease, events.Around(tell.Publisher(cfg, c, clk), lease.NewHandler(store, c.Requests()).Handle)), nil
}
