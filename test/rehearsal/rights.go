package rehearsal

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
)

// rightsLeft says what the agent may still write to when an upgrade has
// succeeded: it must have given back what it had to fill green.
func (s *stage) rightsLeft(ctx context.Context) ([]string, error) {
	rc, err := s.fleet.RESTConfig(Green)
	if err != nil {
		return nil, err
	}
	client, err := kube.New(rc, Green, kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute})
	if err != nil {
		return nil, err
	}
	allowed, err := client.Review(ctx, []string{string(access.Writers), "system:authenticated"}, kube.Attributes{Verb: "create", Group: "*", Resource: "*"})
	if err != nil || !allowed {
		return nil, err
	}
	return []string{fmt.Sprintf("the upgrade has ended, and the agent may still write to %s", Green)}, nil
}
