// Package perceive wires the perceive phase.
package perceive

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/awsstate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/scanners"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/clusters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// AWS returns the collector that looks at AWS: the cluster and what is around it.
// Its clients keep to rates well below AWS's own, which others of the account use
// too.
func AWS(cfg aws.Config, clk clock.Clock) perception.Collector {
	cfg = awsclient.Limited(cfg)
	return surroundings(cfg, awsstate.New(eks.NewFromConfig(cfg), ec2.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg), servicequotas.NewFromConfig(cfg), clk))
}

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.PerceiveOutput], error) {
	store := artifacts.New(awsclient.S3(cfg), c.Bucket)
	handler := &perception.Handler{
		Collectors: map[upgrade.Source]perception.Collector{
			upgrade.SourceAWS:          AWS(cfg, clk),
			upgrade.SourceKubernetes:   ruled{kubestate.Collector{Connect: clusters.New(cfg, c.Kubernetes).Connect, Table: lifecycle.All(), Newest: lifecycle.Newest()}, store, c.Rules.Key},
			upgrade.SourceReleaseNotes: notes(cfg, c, clk, store),
			upgrade.SourceScanners:     &scanners.Collector{Artifacts: store, Table: lifecycle.All()},
		},
		Artifacts: store,
		Clock:     clk,
	}
	return boundary.Wrap(ctx, upgrade.PhasePerceive, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}

// ruled looks at a cluster with what the users' rules say of their own APIs.
type ruled struct {
	kubestate.Collector
	store *artifacts.Store
	key   string // of the rules
}

// Collect implements perception.Collector.
func (r ruled) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	set, err := rules.Load(ctx, r.store, r.key)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	collector := r.Collector
	collector.Table = collector.Table.With(set.APIs)
	return collector.Collect(ctx, in)
}

func notes(cfg aws.Config, c config.Config, clk clock.Clock, store *artifacts.Store) *releasenotes.Collector {
	clusters := eks.NewFromConfig(cfg)
	return &releasenotes.Collector{
		Client:  releasenotes.NewClient(c.ReleaseNotes.Timeout.D()),
		URL:     c.ReleaseNotes.URL,
		EKSURL:  c.ReleaseNotes.EKSURL,
		Token:   c.ReleaseNotes.Token.Reveal(),
		Offline: c.ReleaseNotes.URL == config.Bundled,
		Cache:   store.Cache(),
		Clock:   clk,
		Version: func(ctx context.Context, name string) (upgrade.Version, error) {
			out, err := clusters.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
			if err != nil {
				return upgrade.Version{}, awserr.Wrap("look at cluster "+name, err)
			}
			return upgrade.ParseVersion(aws.ToString(out.Cluster.Version))
		},
	}
}
