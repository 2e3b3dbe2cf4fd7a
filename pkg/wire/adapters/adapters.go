// Package adapters connects what phases need of each other and of the outside,
// where more than one phase needs it.
package adapters

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/workloads"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/clusters"
)

// ForValidation is Connect as validation declares it.
func ForValidation(c clusters.Clusters) validation.Connect {
	return func(ctx context.Context, cluster string) (validation.Cluster, error) { return c.Connect(ctx, cluster) }
}

// ForDelivery is Connect as the delivery of workloads declares it.
func ForDelivery(c clusters.Clusters) func(context.Context, string) (workloads.Cluster, error) {
	return func(ctx context.Context, cluster string) (workloads.Cluster, error) { return c.Connect(ctx, cluster) }
}

// LoadBalancers finds the load balancers of Services.
func LoadBalancers(c clusters.Clusters) traffic.LoadBalancers {
	return traffic.LoadBalancers{Connect: func(ctx context.Context, cluster string) (traffic.Services, error) { return c.Connect(ctx, cluster) }}
}

// Endpoint checks the endpoint of a cluster over HTTP.
func Endpoint(cfg aws.Config, c clusters.Clusters, v config.Verify) validation.EndpointAnswers {
	return validation.EndpointAnswers{Endpoints: LoadBalancers(c), HTTP: prober(cfg, v.ProbeTimeout.D())}
}

// Health looks at a whole cluster now.
func Health(cfg aws.Config, c clusters.Clusters, v config.Verify, clk clock.Clock) validation.HealthCheck {
	return validation.HealthCheck{
		Nodes:     validation.NodesReady{Connect: ForValidation(c)},
		Workloads: validation.WorkloadsReady{Connect: ForValidation(c)},
		Endpoint:  Endpoint(cfg, c, v),
		Clock:     clk,
	}
}

// ReadTraffic returns what reads the traffic weights. To shift them it needs
// Guard, Health, Endpoints and Patience too.
func ReadTraffic(cfg aws.Config, states *records.Store, clk clock.Clock) *traffic.Traffic {
	return &traffic.Traffic{Route53: route53.NewFromConfig(cfg), States: states, Clock: clk}
}

// Weights reads weights as validation declares it.
type Weights struct{ Reader *traffic.Traffic }

// Weights returns the weights and whether the last change is in sync.
func (w Weights) Weights(ctx context.Context, run upgrade.Run, zone, record, blue, green string) (upgrade.Weights, bool, error) {
	return w.Reader.Weights(ctx, run, traffic.Name{Zone: zone, Record: record, Blue: blue, Green: green})
}
