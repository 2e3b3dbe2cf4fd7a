package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	externalDNSGuide = "https://kubernetes-sigs.github.io/external-dns/latest/docs/registry/registry/"
	controllerGuide  = "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/configurations/"
)

var trafficChecks = []Check{
	{ID: "external-dns-owner", Family: Traffic, Title: "external-dns of two clusters would own the same records", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{KubeWorkloads},
		Source: externalDNSGuide, Remedy: "keep external-dns out of green until blue is gone, or give it there another --txt-owner-id than blue's", run: externalDNS},
	{ID: "external-dns-owns-name", Family: Traffic, Title: "external-dns owns the name that the upgrade shifts", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{AWSNames, KubeWorkloads},
		Source: "https://kubernetes-sigs.github.io/external-dns/latest/docs/registry/txt/", Remedy: "take the host name off the resource (its rule or external-dns annotation) and delete the TXT record, so that the weights are the agent's alone", run: ownedName},
	{ID: "load-balancer-controller-name", Family: Traffic, Title: "Load balancer controllers of two clusters would have the same name", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{KubeWorkloads},
		Source: controllerGuide, Remedy: "keep the controller out of what is delivered to green, and install it there with --cluster-name of green", run: controllerName},
	{ID: "target-group-shared", Family: Traffic, Title: "Two clusters would register their pods in one target group", Severity: upgrade.Critical, Blocks: BlocksBlueGreen, Needs: []upgrade.Part{TargetBindings, AWSTargetGroups},
		Source: "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/use_cases/multi_cluster/", Remedy: "give green a target group of its own behind a load balancer of its own, or set multiClusterTargetGroup: true on the TargetGroupBinding in both clusters", run: sharedTargets},
	{ID: "load-balancer-name-taken", Family: Traffic, Title: "A second cluster cannot make this load balancer", Severity: upgrade.High, Blocks: BlocksNever, Needs: []upgrade.Part{Services, Ingresses},
		Source: "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/", Remedy: "give the object another value in green, or none", run: takenNames},
	{ID: "target-health", Family: Traffic, Title: "Targets of a load balancer are unhealthy", Severity: upgrade.Medium, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSTargetGroups},
		Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html", Remedy: "repair the targets first: an upgrade that drains nodes takes more of them away", run: targetHealth},
	{ID: "deregistration-delay", Family: Traffic, Title: "Connections are cut when a pod goes", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSTargetGroups},
		Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html", Remedy: "set deregistration_delay.timeout_seconds to what requests take at most", run: noDelay},
	{ID: "load-balancers-left", Family: Traffic, Title: "Load balancers stay when the cluster goes", Severity: upgrade.Low, Blocks: BlocksNever, Needs: []upgrade.Part{AWSCluster, AWSLoadBalancers},
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/delete-cluster.html", Remedy: "delete the Services and Ingresses of blue before blue is removed, or the load balancers afterwards: they cost money", run: leftBehind},
}

// running returns the workloads that run an image whose name holds a text, with
// their flags.
func running(v View, image string) []program {
	var out []program
	for _, w := range v.Kubernetes.Workloads {
		for _, c := range w.Template.Containers {
			name, _, _ := strings.Cut(path.Base(c.Image), "@")
			if name, _, _ = strings.Cut(name, ":"); strings.Contains(name, image) {
				out = append(out, program{w.Object, c.Flags})
				break
			}
		}
	}
	return out
}

// program is a container that runs something.
type program struct {
	object upgrade.ObjectRef
	flags  []string
}

// flag returns the value of a flag; false when it is not given. A value that was
// left out, or that stands in a variable, is not known.
func (p program) flag(name string) (value string, given, known bool) {
	for _, f := range p.flags {
		if f == "--"+name {
			return "", true, false
		}
		if value, ok := strings.CutPrefix(f, "--"+name+"="); ok {
			return value, true, !strings.Contains(value, "$(")
		}
	}
	return "", false, true
}

func externalDNS(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for _, p := range running(v, "external-dns") {
		if provider, given, known := p.flag("provider"); given && known && provider != "aws" {
			continue // names elsewhere than in Route 53
		}
		registry, _, _ := p.flag("registry")
		policy, given, known := p.flag("policy")
		if !given {
			policy = "sync" // the default
		}
		owner, named, ownerKnown := p.flag("txt-owner-id")
		if !named {
			owner = "default"
		}
		whose := fmt.Sprintf("--txt-owner-id=%s and --policy=%s", owner, policy)
		if v.AWS != nil && v.AWS.Surroundings != nil && v.AWS.Surroundings.Names != nil {
			if n := v.AWS.Surroundings.Names.Owners[owner]; n > 0 {
				whose += fmt.Sprintf(" and owns %d records of hosted zone %s", n, v.AWS.Surroundings.Names.Zone)
			}
		}
		switch {
		case registry == "noop":
			out = append(out, on(c.found(v, "external-dns has --registry=noop: it knows no owners, so that the one in green overwrites and deletes blue's records"), p.object))
		case policy == "create-only":
		case !ownerKnown || !known:
			out = append(out, on(at(c.unseen("flags of external-dns get their values from elsewhere: whether both clusters would have one owner id is not known", c.Remedy), upgrade.High), p.object))
		case policy == "sync":
			out = append(out, on(c.found(v, "external-dns has "+whose+"; in green, with the same flags, it deletes blue's records that green has no resource for, and each points the rest to itself"), p.object))
		default:
			out = append(out, on(at(c.finding("external-dns has "+whose+"; in green, with the same flags, each points the names of both clusters to itself, again and again", c.Remedy), upgrade.High), p.object))
		}
	}
	return out
}

func ownedName(v View, c Check) []upgrade.Finding {
	names := v.AWS.Surroundings.Names
	record := strings.ToLower(strings.TrimSuffix(v.Request.Traffic.Record, "."))
	if v.Request.Strategy != upgrade.BlueGreen || names.Zone == "" {
		return nil
	}
	prefix, suffix := "", ""
	for _, p := range running(v, "external-dns") {
		if value, given, known := p.flag("txt-prefix"); given && known {
			prefix = strings.ToLower(value)
		}
		if value, given, known := p.flag("txt-suffix"); given && known {
			suffix = strings.ToLower(value)
		}
	}
	var out []upgrade.Finding
	for _, o := range names.Traffic {
		if slices.Contains(registryNames(record, prefix, suffix), o.Name) {
			resource := ""
			if o.Resource != "" {
				resource = " for " + o.Resource
			}
			out = append(out, on(c.found(v, fmt.Sprintf("TXT record %s says that external-dns with owner id %s keeps %s%s: it would undo the agent's weights", o.Name, o.Owner, record, resource)),
				upgrade.ObjectRef{APIVersion: "route53.amazonaws.com", Kind: "ResourceRecordSet", Name: o.Name}))
		}
	}
	if len(out) == 0 && names.Encrypted > 0 {
		out = append(out, at(c.unseen(fmt.Sprintf("%d TXT records of hosted zone %s look like encrypted ones of external-dns, which do not say whose %s is", names.Encrypted, names.Zone, record),
			"see that no resource with an external-dns annotation or rule names the host"), upgrade.Medium))
	}
	return out
}

// registryNames are the names of TXT records by which external-dns can own a
// record: with its type before the first label, and before it a prefix or after
// it a suffix, in which %{record_type} stands for the type.
func registryNames(record, prefix, suffix string) []string {
	label, rest, _ := strings.Cut(record, ".")
	var out []string
	for _, kind := range []string{"", "a", "aaaa", "cname"} {
		pre, post, typed := prefix, suffix, label
		switch {
		case strings.Contains(prefix+suffix, "%{record_type}"):
			pre, post = strings.ReplaceAll(prefix, "%{record_type}", kind), strings.ReplaceAll(suffix, "%{record_type}", kind)
		case kind != "":
			typed = kind + "-" + label
		}
		out = append(out, pre+typed+post+"."+rest)
	}
	return append(out, record)
}

func controllerName(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for _, p := range running(v, "aws-load-balancer-controller") {
		name, given, known := p.flag("cluster-name")
		if !given || !known {
			out = append(out, on(at(c.unseen("the controller's flag --cluster-name was not seen: whether it would have the same value in green is not known", c.Remedy), upgrade.High), p.object))
			continue
		}
		made := ""
		if v.Seen(AWSLoadBalancers) {
			n := 0
			for _, b := range v.AWS.Surroundings.LoadBalancers {
				if b.Owner.Cluster == name && b.Owner.By == "controller" {
					n++
				}
			}
			made = fmt.Sprintf(" (%d now)", n)
		}
		out = append(out, on(c.found(v, fmt.Sprintf("the controller has --cluster-name=%s; with the same flag in green it takes the load balancers that are tagged so%s for its own, and changes or deletes them", name, made)), p.object))
	}
	return out
}

func targetGroup(arn string) upgrade.ObjectRef {
	name := arn
	if p := strings.Split(arn, "/"); len(p) == 3 {
		name = p[1]
	}
	return upgrade.ObjectRef{APIVersion: "elasticloadbalancing.amazonaws.com", Kind: "TargetGroup", Name: name}
}

// sharedTargets names bindings that a person made: green gets them too, with the
// same target group. Those that the controller makes it makes anew in green.
func sharedTargets(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	for _, b := range v.Kubernetes.TargetGroupBindings {
		if b.Controlled {
			continue
		}
		i := slices.IndexFunc(v.AWS.Surroundings.TargetGroups, func(g upgrade.TargetGroup) bool { return g.ARN == b.TargetGroupARN })
		about := "which is not of the cluster's VPC, or gone"
		switch {
		case i < 0:
		case v.AWS.Surroundings.TargetGroups[i].Owner.Cluster != "":
			about = "which the controller of cluster " + v.AWS.Surroundings.TargetGroups[i].Owner.Cluster + " made"
		default:
			about = "which no controller made"
		}
		evidence := fmt.Sprintf("the pods of Service %s are targets of %s, %s", b.Service, targetGroup(b.TargetGroupARN).Name, about)
		if b.MultiCluster {
			out = append(out, on(at(c.finding(evidence+"; it is open to several clusters, so that traffic goes to green as soon as its pods are ready, whatever the weights say",
				"take the binding out of what is delivered to green until all traffic is to go there"), upgrade.High), b.Object))
			continue
		}
		out = append(out, on(c.found(v, evidence+"; the controller of each cluster removes the targets of the other"), b.Object))
	}
	return out
}

// fixed are annotations whose values only one load balancer of a region can have.
var fixed = map[string]string{
	"alb.ingress.kubernetes.io/load-balancer-name":                        "name",
	"service.beta.kubernetes.io/aws-load-balancer-name":                   "name",
	"service.beta.kubernetes.io/aws-load-balancer-eip-allocations":        "Elastic IP addresses",
	"service.beta.kubernetes.io/aws-load-balancer-private-ipv4-addresses": "private addresses",
	"service.beta.kubernetes.io/aws-load-balancer-ipv6-addresses":         "IPv6 addresses",
}

func takenNames(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var out []upgrade.Finding
	look := func(o upgrade.ObjectRef, annotations map[string]string) {
		var taken []string
		for key, what := range fixed {
			if value := annotations[key]; value != "" {
				taken = append(taken, fmt.Sprintf("%s %s (%s)", what, value, key))
			}
		}
		if len(taken) > 0 {
			slices.Sort(taken)
			out = append(out, on(c.found(v, "its load balancer has "+strings.Join(taken, ", ")+", which a second one cannot have"), o))
		}
	}
	for _, s := range v.Kubernetes.Services {
		if s.Type == "LoadBalancer" {
			look(s.Object, s.Annotations)
		}
	}
	for _, i := range v.Kubernetes.Ingresses {
		look(i.Object, i.Annotations)
	}
	return out
}

// own reports whether a target group takes traffic to this cluster's pods.
func (v View) own(g upgrade.TargetGroup) bool {
	if g.Owner.Cluster != "" {
		return g.Owner.Cluster == v.AWS.Name
	}
	return v.Kubernetes != nil && slices.ContainsFunc(v.Kubernetes.TargetGroupBindings, func(b upgrade.TargetGroupBinding) bool { return b.TargetGroupARN == g.ARN })
}

func targetHealth(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.Surroundings.TargetGroups {
		if !v.own(g) {
			continue
		}
		if g.Targets == nil {
			out = append(out, on(at(c.unseen("the targets of "+g.Name+" were not seen", "see whether they are healthy"), upgrade.Low), targetGroup(g.ARN)))
			continue
		}
		evidence := fmt.Sprintf("%d of %d targets of %s are unhealthy: %s", g.Targets.Unhealthy, g.Targets.Healthy+g.Targets.Unhealthy+g.Targets.Draining+g.Targets.Other, g.Name, g.Targets.Why)
		switch {
		case g.Targets.Unhealthy == 0 || len(g.LoadBalancers) == 0:
		case g.Targets.Healthy == 0:
			out = append(out, on(at(c.found(v, evidence+"; none is healthy"), upgrade.High), targetGroup(g.ARN)))
		default:
			out = append(out, on(c.found(v, evidence), targetGroup(g.ARN)))
		}
	}
	return out
}

func noDelay(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, g := range v.AWS.Surroundings.TargetGroups {
		if v.own(g) && g.Delay != nil && *g.Delay == 0 && len(g.LoadBalancers) > 0 {
			out = append(out, on(c.found(v, "target group "+g.Name+" has a deregistration delay of 0 seconds: requests in flight end when their pod is drained"), targetGroup(g.ARN)))
		}
	}
	return out
}

func leftBehind(v View, c Check) []upgrade.Finding {
	if v.Request.Strategy != upgrade.BlueGreen {
		return nil
	}
	var names []string
	for _, b := range v.AWS.Surroundings.LoadBalancers {
		if b.Owner.Cluster == v.AWS.Name {
			names = append(names, b.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []upgrade.Finding{c.found(v, fmt.Sprintf("%d load balancers were made by controllers of the cluster, and nobody removes them when it goes: %s", len(names), some(names)))}
}
