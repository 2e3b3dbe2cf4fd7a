package traffic_test

import (
	"context"
	"testing"
	"time"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// unreachable is a lease store that does not answer.
type unreachable struct{}

func (unreachable) Check(context.Context, upgrade.Run, time.Duration) error {
	return upgrade.Errorf(upgrade.CodeUnavailable, "check lease", "no answer")
}

type services struct{ service objects.Service }

func (s services) Service(context.Context, upgrade.ObjectName) (*objects.Service, error) {
	return &s.service, nil
}

func TestHostname(t *testing.T) {
	balanced := func(ingress ...objects.LoadBalancerIngress) objects.Service {
		return objects.Service{Spec: objects.ServiceSpec{Type: objects.LoadBalancer},
			Status: objects.ServiceStatus{LoadBalancer: objects.LoadBalancerStatus{Ingress: ingress}}}
	}
	for what, c := range map[string]struct {
		service objects.Service
		want    string
		code    upgrade.Code
	}{
		"a host name":             {balanced(objects.LoadBalancerIngress{Hostname: "a.example"}), "a.example", ""},
		"not yet":                 {balanced(), "", ""},
		"an address only":         {balanced(objects.LoadBalancerIngress{IP: "192.0.2.1"}), "", upgrade.CodePrecondition},
		"another type of Service": {objects.Service{Spec: objects.ServiceSpec{Type: "ClusterIP"}}, "", upgrade.CodePrecondition},
	} {
		t.Run(what, func(t *testing.T) {
			finder := traffic.LoadBalancers{Connect: func(context.Context, string) (traffic.Services, error) { return services{c.service}, nil }}
			got, err := finder.Hostname(t.Context(), lab.Green, lab.Service)
			if got != c.want || upgrade.CodeOf(err) != c.code {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
