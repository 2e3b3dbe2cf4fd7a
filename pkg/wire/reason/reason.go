// Package reason wires the reason phase.
package reason

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.ReasonOutput], error) {
	handler := &reasoning.Handler{Artifacts: artifacts.New(awsclient.S3(cfg), c.Bucket), Clock: clk, ProvisionTimeout: c.Terraform.Timeout, MetricsPeriod: c.Metrics.Period, Rules: c.Rules.Key}
	return boundary.Wrap(ctx, upgrade.PhaseReason, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
