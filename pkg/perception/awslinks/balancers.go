package awslinks

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// BalancerAPI is *elasticloadbalancingv2.Client.
type BalancerAPI interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
	DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error)
}

// ClassicAPI is *elasticloadbalancing.Client.
type ClassicAPI interface {
	DescribeLoadBalancers(context.Context, *elasticloadbalancing.DescribeLoadBalancersInput, ...func(*elasticloadbalancing.Options)) (*elasticloadbalancing.DescribeLoadBalancersOutput, error)
	DescribeTags(context.Context, *elasticloadbalancing.DescribeTagsInput, ...func(*elasticloadbalancing.Options)) (*elasticloadbalancing.DescribeTagsOutput, error)
}

const (
	describedTags = 20  // resources whose tags one call tells
	maxForeign    = 200 // target groups that no controller made and whose targets are looked at
)

// loadBalancers returns the load balancers of the cluster's VPC that carry a
// cluster's tags, of every kind.
func (c *Collector) loadBalancers(ctx context.Context, t target) ([]upgrade.LoadBalancer, error) {
	var all []upgrade.LoadBalancer
	pages := elb.NewDescribeLoadBalancersPaginator(c.api.Balancers, &elb.DescribeLoadBalancersInput{})
	err := paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe load balancers", err)
		}
		for _, b := range page.LoadBalancers {
			if aws.ToString(b.VpcId) != t.vpc {
				continue
			}
			one := upgrade.LoadBalancer{Name: aws.ToString(b.LoadBalancerName), ARN: aws.ToString(b.LoadBalancerArn), Host: strings.ToLower(aws.ToString(b.DNSName)), Type: string(b.Type),
				VPC: t.vpc, Groups: b.SecurityGroups}
			for _, z := range b.AvailabilityZones {
				one.Zones = append(one.Zones, aws.ToString(z.ZoneName))
			}
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	owners, err := c.owners(ctx, arns(all, func(b upgrade.LoadBalancer) string { return b.ARN }))
	if err != nil {
		return nil, err
	}
	found := []upgrade.LoadBalancer{}
	for _, b := range all {
		if b.Owner = owners[b.ARN]; b.Owner.Cluster != "" {
			found = append(found, b)
		}
	}
	classic, err := c.classic(ctx, t)
	return append(found, classic...), err
}

// classic returns the classic load balancers that Kubernetes' own cloud provider
// made.
func (c *Collector) classic(ctx context.Context, t target) ([]upgrade.LoadBalancer, error) {
	var all, found []upgrade.LoadBalancer
	pages := elasticloadbalancing.NewDescribeLoadBalancersPaginator(c.api.Classic, &elasticloadbalancing.DescribeLoadBalancersInput{})
	err := paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe classic load balancers", err)
		}
		for _, b := range page.LoadBalancerDescriptions {
			if aws.ToString(b.VPCId) == t.vpc {
				all = append(all, upgrade.LoadBalancer{Name: aws.ToString(b.LoadBalancerName), Host: strings.ToLower(aws.ToString(b.DNSName)), Type: "classic", VPC: t.vpc, Groups: b.SecurityGroups, Zones: b.AvailabilityZones})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(all, describedTags) {
		out, err := c.api.Classic.DescribeTags(ctx, &elasticloadbalancing.DescribeTagsInput{LoadBalancerNames: arns(some, func(b upgrade.LoadBalancer) string { return b.Name })})
		if err != nil {
			return nil, awserr.Wrap("describe the tags of classic load balancers", err)
		}
		for _, d := range out.TagDescriptions {
			tags := map[string]string{}
			for _, tag := range d.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			i := slices.IndexFunc(some, func(b upgrade.LoadBalancer) bool { return b.Name == aws.ToString(d.LoadBalancerName) })
			if o := owner(tags); i >= 0 && o.Cluster != "" {
				one := some[i]
				one.Owner = o
				found = append(found, one)
			}
		}
	}
	return found, nil
}

// targetGroups returns the target groups of the cluster's VPC; those of the
// cluster, and those that a person may have bound to it, with their targets.
func (c *Collector) targetGroups(ctx context.Context, t target) ([]upgrade.TargetGroup, error) {
	found := []upgrade.TargetGroup{}
	pages := elb.NewDescribeTargetGroupsPaginator(c.api.Balancers, &elb.DescribeTargetGroupsInput{})
	err := paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe target groups", err)
		}
		for _, g := range page.TargetGroups {
			if aws.ToString(g.VpcId) == t.vpc {
				found = append(found, upgrade.TargetGroup{Name: aws.ToString(g.TargetGroupName), ARN: aws.ToString(g.TargetGroupArn), Type: string(g.TargetType), Protocol: string(g.Protocol),
					Port: int(aws.ToInt32(g.Port)), LoadBalancers: g.LoadBalancerArns})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	owners, err := c.owners(ctx, arns(found, func(g upgrade.TargetGroup) string { return g.ARN }))
	if err != nil {
		return nil, err
	}
	foreign := 0
	for i := range found {
		g := &found[i]
		g.Owner = owners[g.ARN]
		if g.Owner.Cluster == "" {
			foreign++
		}
		if g.Owner.Cluster != t.name && (g.Owner.Cluster != "" || foreign > maxForeign) {
			continue
		}
		if err := c.targets(ctx, g); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (c *Collector) targets(ctx context.Context, g *upgrade.TargetGroup) error {
	health, err := c.api.Balancers.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &g.ARN})
	if awserr.Is(err, "TargetGroupNotFound") {
		return nil // it went away meanwhile
	}
	if err != nil {
		return awserr.Wrap("describe the targets of "+g.Name, err)
	}
	g.Targets = &upgrade.TargetHealth{}
	for _, d := range health.TargetHealthDescriptions {
		if d.TargetHealth == nil {
			continue
		}
		switch d.TargetHealth.State {
		case types.TargetHealthStateEnumHealthy:
			g.Targets.Healthy++
		case types.TargetHealthStateEnumUnhealthy, types.TargetHealthStateEnumUnhealthyDraining:
			g.Targets.Unhealthy++
			g.Targets.Why = strings.TrimSpace(string(d.TargetHealth.Reason) + " " + aws.ToString(d.TargetHealth.Description))
		case types.TargetHealthStateEnumDraining:
			g.Targets.Draining++
		default:
			g.Targets.Other++
		}
	}
	attributes, err := c.api.Balancers.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &g.ARN})
	if err != nil {
		return awserr.Wrap("describe the attributes of "+g.Name, err)
	}
	for _, a := range attributes.Attributes {
		if seconds, err := strconv.Atoi(aws.ToString(a.Value)); err == nil && aws.ToString(a.Key) == "deregistration_delay.timeout_seconds" {
			g.Delay = &seconds
		}
	}
	return nil
}

// owners says by their tags whose the load balancers and target groups are.
func (c *Collector) owners(ctx context.Context, all []string) (map[string]upgrade.TagOwner, error) {
	found := map[string]upgrade.TagOwner{}
	for some := range slices.Chunk(all, describedTags) {
		out, err := c.api.Balancers.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: some})
		if err != nil {
			return nil, awserr.Wrap("describe the tags of load balancers", err)
		}
		for _, d := range out.TagDescriptions {
			tags := map[string]string{}
			for _, tag := range d.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			found[aws.ToString(d.ResourceArn)] = owner(tags)
		}
	}
	return found, nil
}

// owner reads tags as the controllers write them. Sources:
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#resource-tags
// https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
// and Kubernetes' own cloud provider for AWS.
func owner(tags map[string]string) upgrade.TagOwner {
	stack := func(domain string) string {
		if s := tags["ingress."+domain+"/stack"]; s != "" {
			return s
		}
		return tags["service."+domain+"/stack"]
	}
	if cluster := tags["elbv2.k8s.aws/cluster"]; cluster != "" {
		return upgrade.TagOwner{Cluster: cluster, Stack: stack("k8s.aws"), By: "controller"}
	}
	if cluster := tags["eks:eks-cluster-name"]; cluster != "" {
		return upgrade.TagOwner{Cluster: cluster, Stack: stack("eks.amazonaws.com"), By: "autoMode"}
	}
	for key, value := range tags {
		if cluster, ok := strings.CutPrefix(key, "kubernetes.io/cluster/"); ok && value == "owned" {
			return upgrade.TagOwner{Cluster: cluster, Stack: tags["kubernetes.io/service-name"], By: "cloudProvider"}
		}
	}
	return upgrade.TagOwner{}
}

func arns[T any](list []T, of func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = of(x)
	}
	return out
}
