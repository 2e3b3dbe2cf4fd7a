// Package stream wires the progress stream.
package stream

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// New returns the handler of the stream; its logger and metrics are the
// context's. It is InvalidRequest when stream.url is not set.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[stream.Response], error) {
	if c.Stream.URL == "" {
		return nil, upgrade.KindInvalidConfiguration.Field("configuration", "stream.url", "is missing", "give the callback URL (@connections) of the WebSocket API")
	}
	handler := &stream.Handler{
		Connections: stream.Connections{API: dynamodb.NewFromConfig(cfg), Table: c.Tables.Connections},
		Posts:       apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) { o.BaseEndpoint = &c.Stream.URL }),
		Clock:       clk,
	}
	return boundary.Serve(ctx, "stream", handler.Handle), nil
}
