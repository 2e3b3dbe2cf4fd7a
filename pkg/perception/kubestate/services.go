package kubestate

import (
	"maps"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func service(s *objects.Service) (upgrade.Service, bool) {
	return upgrade.Service{Object: ref("v1", "Service", &s.ObjectMeta), Type: or(&s.Spec.Type, "ClusterIP"), Selector: s.Spec.Selector, ExternalName: s.Spec.ExternalName,
		LoadBalancerClass: text(s.Spec.LoadBalancerClass), LoadBalancerHosts: balancers(s.Status), Annotations: outward(s.Annotations), Metrics: onlyMetrics(s.Spec.Ports), ReadyEndpoints: -1}, true
}

// onlyMetrics reports whether all ports are named for what monitoring reads, as charts
// do ("http-metrics", "tcp-prometheus-servicemonitor").
func onlyMetrics(ports []objects.ServicePort) bool {
	return len(ports) > 0 && !slices.ContainsFunc(ports, func(p objects.ServicePort) bool {
		return !strings.Contains(p.Name, "metrics") && !strings.Contains(p.Name, "prometheus")
	})
}

func balancers(s objects.ServiceStatus) []string {
	var out []string
	for _, i := range s.LoadBalancer.Ingress {
		if i.Hostname != "" {
			out = append(out, i.Hostname)
		} else if i.IP != "" {
			out = append(out, i.IP)
		}
	}
	return out
}

// outward keeps the annotations that load balancers and external-dns go by.
// Sources: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/,
// https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/
func outward(annotations map[string]string) map[string]string {
	var out map[string]string
	for key, value := range annotations {
		domain, _, _ := strings.Cut(key, "/")
		switch domain {
		case "service.beta.kubernetes.io", "alb.ingress.kubernetes.io", "external-dns.alpha.kubernetes.io", "kubernetes.io":
			if domain == "kubernetes.io" && key != "kubernetes.io/ingress.class" {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
		}
	}
	return out
}

// endpoints are what an EndpointSlice has.
type endpoints struct {
	service, family string // "namespace/name", IPv4
	ready           []string
}

func endpointSlice(s *objects.EndpointSlice) (endpoints, bool) {
	name := s.Labels["kubernetes.io/service-name"]
	out := endpoints{service: s.Namespace + "/" + name, family: s.AddressType}
	for _, e := range s.Endpoints {
		if e.Conditions.Ready == nil || *e.Conditions.Ready {
			out.ready = append(out.ready, e.Addresses...)
		}
	}
	return out, name != ""
}

// countEndpoints sets how many addresses of each Service are ready. A Service of
// two families has each address twice: the larger number counts.
func countEndpoints(services []upgrade.Service, all []endpoints) {
	addresses := map[string]map[string]map[string]bool{}
	for _, e := range all {
		if addresses[e.service] == nil {
			addresses[e.service] = map[string]map[string]bool{}
		}
		if addresses[e.service][e.family] == nil {
			addresses[e.service][e.family] = map[string]bool{}
		}
		for _, a := range e.ready { // slices may overlap for a moment
			addresses[e.service][e.family][a] = true
		}
	}
	for i := range services {
		services[i].ReadyEndpoints = 0
		for _, family := range addresses[services[i].Object.Namespace+"/"+services[i].Object.Name] {
			services[i].ReadyEndpoints = max(services[i].ReadyEndpoints, len(family))
		}
	}
}

func ingress(i *objects.Ingress) (upgrade.Ingress, bool) {
	out := upgrade.Ingress{Object: ref("networking.k8s.io/v1", "Ingress", &i.ObjectMeta), Class: text(i.Spec.IngressClassName), LoadBalancerHosts: balancers(i.Status), Annotations: outward(i.Annotations)}
	if out.Class == "" {
		out.Class = i.Annotations["kubernetes.io/ingress.class"]
	}
	hosts, services := map[string]bool{}, map[string]bool{}
	backend := func(b *objects.IngressBackend) {
		if b != nil && b.Service != nil {
			services[b.Service.Name] = true
		}
	}
	backend(i.Spec.DefaultBackend)
	for _, rule := range i.Spec.Rules {
		if rule.Host != "" {
			hosts[rule.Host] = true
		}
		if rule.HTTP != nil {
			for p := range rule.HTTP.Paths {
				backend(&rule.HTTP.Paths[p].Backend)
			}
		}
	}
	out.Hosts, out.Services = slices.Sorted(maps.Keys(hosts)), slices.Sorted(maps.Keys(services))
	return out, true
}

func ingressClass(c *objects.IngressClass) (upgrade.IngressClass, bool) {
	return upgrade.IngressClass{Name: c.Name, Controller: c.Spec.Controller, Default: c.Annotations["ingressclass.kubernetes.io/is-default-class"] == "true"}, true
}

func serviceAccount(s *objects.Metadata) (upgrade.ServiceAccount, bool) {
	role := s.Annotations["eks.amazonaws.com/role-arn"]
	return upgrade.ServiceAccount{Object: ref("v1", "ServiceAccount", &s.ObjectMeta), RoleARN: role}, role != ""
}
