// Package survey wires the survey, which is no phase of an upgrade.
package survey

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/survey"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// New returns the handler; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[survey.Output], error) {
	if c.Events.Bus == "" {
		return nil, upgrade.KindInvalidConfiguration.Field("survey", "events.bus", "is missing", "give the name of the event bus that takes the findings")
	}
	handler := &survey.Handler{
		EKS:    eks.NewFromConfig(cfg),
		Events: eventbridge.NewFromConfig(cfg),
		Bus:    c.Events.Bus,
		Memory: survey.NewMemory(dynamodb.NewFromConfig(cfg), c.Tables.Records, clk),
		Clock:  clk,
	}
	return boundary.Wrap(ctx, "survey", handler.Handle), nil
}
