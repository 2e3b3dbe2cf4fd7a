// Package report wires the report phase.
package report

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/outcome"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.ReportOutput], error) {
	store := artifacts.New(awsclient.S3(cfg), c.Bucket)
	handler := &outcome.Handler{
		Documents: documents.Store{Store: store},
		Records:   records.New(dynamodb.NewFromConfig(cfg), c.Tables.Records, clk),
		Route53:   route53.NewFromConfig(cfg),
		EKS:       eks.NewFromConfig(cfg),
		Results:   store,
		Hook:      webhook.New(c.Notification.Webhook.Reveal()),
		Clock:     clk,
	}
	return boundary.Wrap(ctx, upgrade.PhaseReport, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
