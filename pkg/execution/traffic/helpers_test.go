package traffic_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// unreachable is a lease store that does not answer.
type unreachable struct{}

func (unreachable) Check(context.Context, upgrade.Run, time.Duration) error {
	return upgrade.Errorf(upgrade.CodeUnavailable, "check lease", "no answer")
}

type services struct{ service corev1.Service }

func (s services) Service(context.Context, upgrade.ObjectName) (*corev1.Service, error) {
	return &s.service, nil
}

func TestHostname(t *testing.T) {
	balanced := func(ingress ...corev1.LoadBalancerIngress) corev1.Service {
		return corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: ingress}}}
	}
	for what, c := range map[string]struct {
		service corev1.Service
		want    string
		code    upgrade.Code
	}{
		"a host name":             {balanced(corev1.LoadBalancerIngress{Hostname: "a.example"}), "a.example", ""},
		"not yet":                 {balanced(), "", ""},
		"an address only":         {balanced(corev1.LoadBalancerIngress{IP: "192.0.2.1"}), "", upgrade.CodePrecondition},
		"another type of Service": {corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP}}, "", upgrade.CodePrecondition},
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
