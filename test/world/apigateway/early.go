package apigateway

import (
	"regexp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

var bodySelection = regexp.MustCompile(`^\$request\.body(\.[A-Za-z0-9_-]+)+$`)

const closeGoingAway = 1001

type grant struct{}
type connection struct{}

func (c *connection) end(int, string) {}

func (s *Service) connectionsOf(string, string) []*connection { return nil }

type providers struct{}

func newProviders(clock.Clock) *providers { return &providers{} }
