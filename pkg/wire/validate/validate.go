// Package validate wires the validate phase.
package validate

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/adapters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/clusters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.ValidateOutput], error) {
	store := records.New(dynamodb.NewFromConfig(cfg), c.Tables.Records, clk)
	eksAPI := eks.NewFromConfig(cfg)
	connect := clusters.New(cfg, c.Kubernetes)
	handler := &validation.Handler{
		Plans:   documents.Store{Store: artifacts.New(awsclient.S3(cfg), c.Bucket)},
		Records: store,
		Checkers: map[upgrade.CriterionKind]validation.Checker{
			upgrade.ClusterActive:   validation.ClusterActive{EKS: eksAPI},
			upgrade.ClusterGone:     validation.ClusterGone{EKS: eksAPI},
			upgrade.NodesReady:      validation.NodesReady{Connect: adapters.ForValidation(connect)},
			upgrade.WorkloadsReady:  validation.WorkloadsReady{Connect: adapters.ForValidation(connect)},
			upgrade.EndpointAnswers: adapters.Endpoint(cfg, connect, c.Verify),
			upgrade.ErrorRate:       validation.ErrorRate{CloudWatch: cloudwatch.NewFromConfig(cfg), Namespace: c.Metrics.Namespace, Period: c.Metrics.Period.D(), MaxLag: c.Metrics.MaxLag.D(), Clock: clk},
			upgrade.WeightsHold:     validation.WeightsHold{Traffic: adapters.Weights{Reader: adapters.ReadTraffic(cfg, store, clk)}},
		},
		Clock: clk,
	}
	return boundary.Wrap(ctx, upgrade.PhaseValidate, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
