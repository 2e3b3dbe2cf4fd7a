// Package rollback wires the rollback phase.
package rollback

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	planner "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation/rollback"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.RollbackOutput], error) {
	handler := &planner.Handler{
		Plans:   documents.Store{Store: artifacts.New(awsclient.S3(cfg), c.Bucket)},
		Records: records.New(dynamodb.NewFromConfig(cfg), c.Tables.Records, clk),
		Clock:   clk,
	}
	return boundary.Wrap(ctx, upgrade.PhaseRollback, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
