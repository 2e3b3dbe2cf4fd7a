// Package approve wires the approve phase.
package approve

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.ApproveOutput], error) {
	db := dynamodb.NewFromConfig(cfg)
	handler := &approval.Handler{
		Questions: approval.NewQuestions(db, c.Tables.Approvals),
		Documents: documents.Store{Store: artifacts.New(awsclient.S3(cfg), c.Bucket)},
		Records:   records.New(db, c.Tables.Records, clk),
		Lease:     lease.New(db, c.Tables.Leases, clk),
		SNS:       sns.NewFromConfig(cfg),
		Topic:     c.Notification.Topic,
		Hook:      webhook.New(c.Notification.Webhook.Reveal()),
		URL:       c.Approval.URL,
		Clock:     clk,
	}
	return boundary.Wrap(ctx, upgrade.PhaseApprove, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
