// Package execute wires the execute phase.
package execute

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	executors "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/clusters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/workloads"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/adapters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/clusters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/tell"
)

// New returns the handler of the phase; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[upgrade.ExecuteOutput], error) {
	db := dynamodb.NewFromConfig(cfg)
	store := records.New(db, c.Tables.Records, clk)
	leases := lease.New(db, c.Tables.Leases, clk)
	objects := artifacts.New(awsclient.S3(cfg), c.Bucket)
	eksAPI, builds := eks.NewFromConfig(cfg), codebuild.NewFromConfig(cfg)
	connect := clusters.New(cfg, c.Kubernetes)
	health := execution.Health{Records: store, Checker: adapters.Health(cfg, connect, c.Verify, clk), Clock: clk, MaxAge: c.Verify.HealthMaxAge.D()}
	shifts := adapters.ReadTraffic(cfg, store, clk)
	shifts.Guard, shifts.Health, shifts.Endpoints, shifts.Patience = leases, health, adapters.LoadBalancers(connect), c.Verify.Patience.D()
	handler := &execution.Handler{
		Plans:   documents.Store{Store: objects},
		Guard:   leases,
		Records: store,
		Executors: map[upgrade.StepKind]execution.Executor{
			upgrade.StepVerify:    execution.Verify{},
			upgrade.StepProvision: &executors.Provision{Builds: builds, EKS: eksAPI, Specs: objects, States: store, Guard: leases, Project: c.Terraform.Project},
			upgrade.StepSync:      &workloads.Sync{Connect: adapters.ForDelivery(connect), States: store, Guard: leases, Clock: clk, Slice: c.Kubernetes.Slice.D(), Parallelism: c.Kubernetes.Parallelism, Rights: access.DeliverRole},
			upgrade.StepShift:     shifts,
			upgrade.StepSoak:      execution.Soak{Clock: clk},
			upgrade.StepDecommission: &executors.Decommission{EKS: eksAPI, Traffic: shifts, Builds: builds, States: store, Guard: leases,
				Gate: executors.Gatekeeper{Records: store, Assessments: documents.Store{Store: objects}, Weights: shifts, Health: health, Guard: leases, Clock: clk, Patience: c.Verify.Patience.D()}},
		},
		Clock: clk,
	}
	return boundary.Wrap(ctx, upgrade.PhaseExecute, events.Around(tell.Publisher(cfg, c, clk), handler.Handle)), nil
}
