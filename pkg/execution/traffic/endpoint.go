package traffic

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Services reads the Services of one cluster.
type Services interface {
	Service(ctx context.Context, name upgrade.ObjectName) (*objects.Service, error)
}

// LoadBalancers finds the load balancers of Services; it implements Endpoints.
type LoadBalancers struct {
	Connect func(ctx context.Context, cluster string) (Services, error)
}

// Hostname implements Endpoints. It is NotFound when there is no such Service,
// and a Precondition error when its load balancer has an address only: a CNAME
// cannot point there.
func (l LoadBalancers) Hostname(ctx context.Context, cluster string, name upgrade.ObjectName) (string, error) {
	client, err := l.Connect(ctx, cluster)
	if err != nil {
		return "", err
	}
	service, err := client.Service(ctx, name)
	if err != nil {
		return "", err
	}
	ingress := service.Status.LoadBalancer.Ingress
	switch {
	case service.Spec.Type != objects.LoadBalancer:
		return "", upgrade.KindLoadBalancerMissing.Errorf("find the load balancer", "Service %s of %s has type %s", name, cluster, service.Spec.Type).
			WithRemedy("name a Service of type LoadBalancer in traffic.service")
	case len(ingress) == 0:
		return "", nil
	case ingress[0].Hostname == "":
		return "", upgrade.KindLoadBalancerMissing.Errorf("find the load balancer", "Service %s of %s has a load balancer without a host name", name, cluster)
	}
	return ingress[0].Hostname, nil
}
