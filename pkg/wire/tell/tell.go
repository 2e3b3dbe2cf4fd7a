// Package tell wires what the phases tell: their progress events.
package tell

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
)

// Publisher returns the publisher of progress events; nil when no bus is
// configured.
func Publisher(cfg aws.Config, c config.Config, clk clock.Clock) *events.Publisher {
	if c.Events.Bus == "" {
		return nil
	}
	return &events.Publisher{API: eventbridge.NewFromConfig(cfg), Bus: c.Events.Bus, Documents: documents.Store{Store: artifacts.New(awsclient.S3(cfg), c.Bucket)}, Clock: clk}
}
