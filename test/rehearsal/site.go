package rehearsal

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// Site is the account and the cluster that an agent is deployed to.
type Site struct {
	World      *world.World
	Clock      *clock.Fast
	AWS        aws.Config      // of the account's administrator, who made blue
	Blue       *rest.Config    // of blue's administrator
	HostedZone string          // id
	Request    upgrade.Request // what a person would send to upgrade blue

	stage *stage
}

func (s *stage) site() Site {
	// Blue is there: it was loaded before.
	blue, err := s.fleet.RESTConfig(Cluster)
	if err != nil {
		s.fail(err)
	}
	return Site{World: s.world, Clock: s.clock, AWS: s.aws, Blue: blue, HostedZone: s.zone, Request: s.request(), stage: s}
}

// InProcess replaces the code of the functions of phases by handlers in this
// process; who may do what stays.
func (s Site) InProcess(ctx context.Context) error { return s.stage.registerFunctions(ctx) }

// FunctionsActive waits until no function is pending.
func (s Site) FunctionsActive(ctx context.Context) error { return s.stage.functionsActive(ctx) }
