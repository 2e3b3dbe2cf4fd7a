package checks_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// program adds a Deployment that runs an image with flags.
func program(image string, flags ...string) func(*upgrade.Request, *reasoningtest.Cluster) {
	return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		w := reasoningtest.Frontend()
		w.Object.Namespace, w.Object.Name = "kube-system", "controller"
		w.Template.Containers[0].Image, w.Template.Containers[0].Flags = image, flags
		c.Kubernetes.Workloads = append(c.Kubernetes.Workloads, w)
	}
}

const dns = "registry.k8s.io/external-dns/external-dns:v0.18.0"

func TestTwoExternalDNS(t *testing.T) {
	counted := func(r *upgrade.Request, c *reasoningtest.Cluster) {
		program(dns, "--provider=aws", "--txt-owner-id=blue", "--policy=sync")(r, c)
		c.AWS.Surroundings.Names.Owners = map[string]int{"blue": 7}
	}
	try(t, "external-dns-owner", []trial{
		{"sync", program(dns, "--provider=aws", "--txt-owner-id=blue", "--policy=sync"), []outcome{{upgrade.Critical, true, false, "--txt-owner-id=blue and --policy=sync; in green"}}},
		{"sync by default, of the default owner", program(dns + "@sha256:abc"), []outcome{{upgrade.Critical, true, false, "--txt-owner-id=default and --policy=sync"}}},
		{"with its records", counted, []outcome{{upgrade.Critical, true, false, "owns 7 records of hosted zone Z0123456789ABC"}}},
		{"no registry", program(dns, "--registry=noop", "--policy=upsert-only"), []outcome{{upgrade.Critical, true, false, "--registry=noop"}}},
		{"upsert-only", program(dns, "--txt-owner-id=blue", "--policy=upsert-only"), []outcome{{upgrade.High, false, false, "again and again"}}},
		{"the owner stands in a variable", program(dns, "--txt-owner-id=$(CLUSTER)"), []outcome{{upgrade.High, false, true, "not known"}}},
		{"the policy's value was left out", program(dns, "--policy"), []outcome{{upgrade.High, false, true, "not known"}}},
		{"it only creates", program(dns, "--policy=create-only"), nil},
		{"its names are not in Route 53", program(dns, "--provider=cloudflare"), nil},
		{"in place", inPlace(program(dns, "--policy=sync")), nil},
		{"another program", program("example.com/external-secrets:1"), nil},
		{"an image of a repository of that name", program("example.com/external-dns/webhook:1"), nil},
	})
}

func TestWhoOwnsTheNameThatIsShifted(t *testing.T) {
	owned := func(name string, flags ...string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return func(r *upgrade.Request, c *reasoningtest.Cluster) {
			if len(flags) > 0 {
				program(dns, flags...)(r, c)
			}
			c.AWS.Surroundings.Names.Traffic = []upgrade.OwnedName{{Name: name, Owner: "blue", Resource: "ingress/default/web"}}
		}
	}
	found := []outcome{{upgrade.Critical, true, false, "owner id blue keeps shop.example.com for ingress/default/web"}}
	try(t, "external-dns-owns-name", []trial{
		{"by its own name", owned("shop.example.com"), found},
		{"by its type", owned("cname-shop.example.com"), found},
		{"with a prefix", owned("dns.cname-shop.example.com", "--txt-prefix=dns."), found},
		{"with a prefix that says where the type stands", owned("dns-cname-shop.example.com", "--txt-prefix=dns-%{record_type}-"), found},
		{"with a suffix", owned("a-shop-owner.example.com", "--txt-suffix=-owner"), found},
		{"another name that holds it", owned("cname-workshop.example.com"), nil},
		{"a prefix that is not its own", owned("x.cname-shop.example.com"), nil},
		{"in place", inPlace(owned("cname-shop.example.com")), nil},
		{"encrypted records", func(_ *upgrade.Request, c *reasoningtest.Cluster) { c.AWS.Surroundings.Names.Encrypted = 3 }, []outcome{{upgrade.Medium, false, true, "3 TXT records"}}},
		{"no zone was named", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			owned("cname-shop.example.com")(r, c)
			c.AWS.Surroundings.Names.Zone = ""
		}, nil},
	})
}

func TestTwoLoadBalancerControllers(t *testing.T) {
	const image = "public.ecr.aws/eks/aws-load-balancer-controller:v2.13.0"
	made := func(r *upgrade.Request, c *reasoningtest.Cluster) {
		program(image, "--cluster-name=shop")(r, c)
		c.AWS.Surroundings.LoadBalancers = []upgrade.LoadBalancer{{Name: "a", Owner: upgrade.TagOwner{Cluster: "shop", By: "controller"}}, {Name: "b", Owner: upgrade.TagOwner{Cluster: "other", By: "controller"}}}
	}
	try(t, "load-balancer-controller-name", []trial{
		{"with the cluster's name", made, []outcome{{upgrade.Critical, true, false, "--cluster-name=shop; with the same flag in green it takes the load balancers that are tagged so (1 now)"}}},
		{"the flag was not seen", program(image), []outcome{{upgrade.High, false, true, "was not seen"}}},
		{"in place", inPlace(made), nil},
		{"no controller", nil, nil},
	})
	try(t, "load-balancers-left", []trial{
		{"one of the cluster", made, []outcome{{upgrade.Low, false, false, "1 load balancers were made by controllers of the cluster, and nobody removes them when it goes: a"}}},
		{"in place", inPlace(made), nil},
		{"one of another cluster", func(r *upgrade.Request, c *reasoningtest.Cluster) {
			made(r, c)
			c.AWS.Surroundings.LoadBalancers = c.AWS.Surroundings.LoadBalancers[1:]
		}, nil},
	})
}

const webARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"

func bound(change func(*upgrade.TargetGroup, *upgrade.TargetGroupBinding)) func(*upgrade.Request, *reasoningtest.Cluster) {
	return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		delay := 300
		g := upgrade.TargetGroup{Name: "web", ARN: webARN, LoadBalancers: []string{"arn"}, Targets: &upgrade.TargetHealth{Healthy: 2}, Delay: &delay}
		b := upgrade.TargetGroupBinding{Object: upgrade.ObjectRef{APIVersion: "elbv2.k8s.aws/v1beta1", Kind: "TargetGroupBinding", Namespace: "default", Name: "web"}, TargetGroupARN: webARN, Service: "web"}
		if change != nil {
			change(&g, &b)
		}
		c.AWS.Surroundings.TargetGroups = []upgrade.TargetGroup{g}
		c.Kubernetes.TargetGroupBindings = []upgrade.TargetGroupBinding{b}
	}
}

func TestTargetGroupsOfTwoClusters(t *testing.T) {
	type group = upgrade.TargetGroup
	type binding = upgrade.TargetGroupBinding
	try(t, "target-group-shared", []trial{
		{"made by hand", bound(nil), []outcome{{upgrade.Critical, true, false, "targets of web, which no controller made; the controller of each cluster removes the targets of the other"}}},
		{"made by another cluster's controller", bound(func(g *group, _ *binding) { g.Owner.Cluster = "other" }), []outcome{{upgrade.Critical, true, false, "cluster other made"}}},
		{"it was not found", bound(func(g *group, _ *binding) { g.ARN = "x" }), []outcome{{upgrade.Critical, true, false, "or gone"}}},
		{"open to several clusters", bound(func(_ *group, b *binding) { b.MultiCluster = true }), []outcome{{upgrade.High, false, false, "whatever the weights say"}}},
		{"the controller made the binding", bound(func(_ *group, b *binding) { b.Controlled = true }), nil},
		{"in place", inPlace(bound(nil)), nil},
	})
	try(t, "target-health", []trial{
		{"one is unhealthy", bound(func(g *group, _ *binding) {
			g.Targets = &upgrade.TargetHealth{Healthy: 1, Unhealthy: 1, Why: "Target.Timeout"}
		}), []outcome{{upgrade.Medium, false, false, "1 of 2 targets of web are unhealthy: Target.Timeout"}}},
		{"none is healthy", inPlace(bound(func(g *group, _ *binding) { g.Targets = &upgrade.TargetHealth{Unhealthy: 2} })), []outcome{{upgrade.High, false, false, "none is healthy"}}},
		{"not seen", bound(func(g *group, _ *binding) { g.Targets = nil }), []outcome{{upgrade.Low, false, true, "not seen"}}},
		{"of another cluster", bound(func(g *group, _ *binding) { g.Targets, g.Owner.Cluster = &upgrade.TargetHealth{Unhealthy: 2}, "other" }), nil},
		{"nobody's", bound(func(g *group, b *binding) { g.Targets, b.TargetGroupARN = &upgrade.TargetHealth{Unhealthy: 2}, "x" }), nil},
		{"no load balancer uses it", bound(func(g *group, _ *binding) { g.Targets, g.LoadBalancers = &upgrade.TargetHealth{Unhealthy: 2}, nil }), nil},
		{"some are draining", bound(func(g *group, _ *binding) { g.Targets.Draining = 2 }), nil},
	})
	try(t, "deregistration-delay", []trial{
		{"none", bound(func(g *group, _ *binding) { *g.Delay = 0 }), []outcome{{upgrade.Low, false, false, "delay of 0 seconds"}}},
		{"short", bound(func(g *group, _ *binding) { *g.Delay = 5 }), nil},
		{"not seen", bound(func(g *group, _ *binding) { g.Delay = nil }), nil},
	})
}

func TestLoadBalancersThatCannotBeMadeTwice(t *testing.T) {
	ingress := func(key, value string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
			c.Kubernetes.Ingresses = []upgrade.Ingress{{Object: upgrade.ObjectRef{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: "default", Name: "web"}, Annotations: map[string]string{key: value}}}
		}
	}
	service := func(kind string) func(*upgrade.Request, *reasoningtest.Cluster) {
		return func(_ *upgrade.Request, c *reasoningtest.Cluster) {
			c.Kubernetes.Services = []upgrade.Service{{Object: upgrade.ObjectRef{APIVersion: "v1", Kind: "Service", Namespace: "default", Name: "web"}, Type: kind,
				Annotations: map[string]string{"service.beta.kubernetes.io/aws-load-balancer-eip-allocations": "eipalloc-1"}}}
		}
	}
	try(t, "load-balancer-name-taken", []trial{
		{"a name", ingress("alb.ingress.kubernetes.io/load-balancer-name", "web"), []outcome{{upgrade.High, false, false, "name web (alb.ingress"}}},
		{"addresses", service("LoadBalancer"), []outcome{{upgrade.High, false, false, "Elastic IP addresses eipalloc-1"}}},
		{"addresses of a Service that has no load balancer", service("ClusterIP"), nil},
		{"a group's name", ingress("alb.ingress.kubernetes.io/group.name", "web"), nil},
		{"in place", inPlace(service("LoadBalancer")), nil},
	})
}
