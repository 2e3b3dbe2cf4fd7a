// Package awslinks perceives what a cluster shares with other clusters and what
// its workloads use outside of it: roles that trust its tokens, load balancers,
// target groups, databases, caches and who owns names in DNS.
package awslinks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// ClusterAPI describes the cluster and who may use it; *eks.Client.
type ClusterAPI interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	ListPodIdentityAssociations(context.Context, *eks.ListPodIdentityAssociationsInput, ...func(*eks.Options)) (*eks.ListPodIdentityAssociationsOutput, error)
	ListIdentityProviderConfigs(context.Context, *eks.ListIdentityProviderConfigsInput, ...func(*eks.Options)) (*eks.ListIdentityProviderConfigsOutput, error)
}

// Clients are the services that are asked; the SDK's clients satisfy them.
type Clients struct {
	Clusters  ClusterAPI
	Network   NetworkAPI
	Identity  IdentityAPI
	Balancers BalancerAPI
	Classic   ClassicAPI
	Databases DatabaseAPI
	Caches    CacheAPI
	Records   RecordAPI
}

// Base is the collector of the cluster itself.
type Base interface {
	Collect(context.Context, upgrade.PerceiveInput) (upgrade.Snapshot, string, error)
}

// Collector adds a cluster's surroundings to what another collector sees of it.
type Collector struct {
	base Base
	api  Clients
}

// Around returns a collector that adds the surroundings to the snapshot of base.
func Around(base Base, api Clients) *Collector {
	return &Collector{base: base, api: api}
}

const (
	// parallel parts are looked at; each makes its calls one after the other.
	parallel = 6
	// patience bounds each part: a network without a way to one of the services
	// must not keep the rest from being seen.
	patience = time.Minute
)

// Collect implements perception.Collector. It errs as base does. A part of the
// surroundings that may not be seen, or whose service does not answer, is left
// nil and named in NotChecked.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	var (
		around upgrade.Surroundings
		unseen []upgrade.NotChecked
		failed error
		both   sync.WaitGroup
	)
	both.Go(func() { around, unseen, failed = c.look(ctx, in) })
	snapshot, summary, err := c.base.Collect(ctx, in)
	both.Wait()
	switch {
	case err != nil:
		return snapshot, summary, err
	case failed != nil:
		return upgrade.Snapshot{}, "", failed
	}
	snapshot.AWS.Surroundings = &around
	snapshot.NotChecked = append(snapshot.NotChecked, unseen...)
	return snapshot, summary + fmt.Sprintf(", %d load balancers, %d databases and caches, %d roles for service accounts",
		len(around.LoadBalancers), len(around.Databases)+len(around.Caches), len(around.Roles)), nil
}

// part is one thing to look at; each writes to fields of its own.
type part struct {
	id     upgrade.Part // as package checks names it
	what   string
	action string // of IAM, that looking needs
	look   func(context.Context) error
}

// target is what is known of the cluster before looking around.
type target struct {
	name, issuer, vpc, securityGroup string
	subnets                          []string
}

func (c *Collector) look(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Surroundings, []upgrade.NotChecked, error) {
	var s upgrade.Surroundings
	name := in.Run.Request.Cluster
	out, err := c.api.Clusters.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return s, nil, awserr.Wrap("describe cluster "+name, err)
	}
	t := targetOf(name, out.Cluster)
	s.SecurityGroup = t.securityGroup
	var aliases map[string][]string
	unseen, err := c.each(ctx, []part{
		{"aws.networks", "address blocks of the subnets", "ec2:DescribeSubnets", func(ctx context.Context) (err error) { s.Networks, err = c.networks(ctx, t.subnets); return }},
		{"aws.oidcProviders", "OpenID Connect providers of the account", "iam:ListOpenIDConnectProviders and iam:GetOpenIDConnectProvider",
			func(ctx context.Context) (err error) { s.Providers, err = c.providers(ctx, t.issuer); return }},
		{"aws.trustedRoles", "roles that trust the cluster's service accounts", "iam:ListRoles", func(ctx context.Context) (err error) { s.Roles, err = c.roles(ctx, t.issuer); return }},
		{"aws.podIdentities", "Pod Identity associations", "eks:ListPodIdentityAssociations", func(ctx context.Context) (err error) { s.PodIdentities, err = c.podIdentities(ctx, name); return }},
		{"aws.loginProviders", "identity providers of the cluster", "eks:ListIdentityProviderConfigs", func(ctx context.Context) (err error) { s.Logins, err = c.logins(ctx, name); return }},
		{"aws.loadBalancers", "load balancers", "elasticloadbalancing:DescribeLoadBalancers and elasticloadbalancing:DescribeTags",
			func(ctx context.Context) (err error) { s.LoadBalancers, err = c.loadBalancers(ctx, t); return }},
		{"aws.targetGroups", "target groups", "elasticloadbalancing:DescribeTargetGroups, DescribeTags, DescribeTargetHealth and DescribeTargetGroupAttributes",
			func(ctx context.Context) (err error) { s.TargetGroups, err = c.targetGroups(ctx, t); return }},
		{"aws.databases", "databases", "rds:DescribeDBInstances, rds:DescribeDBClusters and rds:DescribePendingMaintenanceActions",
			func(ctx context.Context) (err error) { s.Databases, err = c.databases(ctx); return }},
		{"aws.caches", "caches", "elasticache:DescribeCacheClusters, elasticache:DescribeReplicationGroups and elasticache:DescribeServerlessCaches",
			func(ctx context.Context) (err error) { s.Caches, err = c.caches(ctx); return }},
		{"aws.names", "owners of names in the hosted zone", "route53:ListResourceRecordSets", func(ctx context.Context) (err error) {
			s.Names, aliases, err = c.names(ctx, in.Run.Request.Traffic)
			return
		}},
	})
	if err != nil {
		return s, nil, err
	}
	alias(aliases, s.Databases, s.Caches)
	more, err := c.each(ctx, []part{{"aws.inbound", "who may connect to databases and caches", "ec2:DescribeSecurityGroups and ec2:DescribeInstances", func(ctx context.Context) (err error) {
		s.NodeSecurityGroups, err = c.inbound(ctx, t, s.Databases, s.Caches)
		return
	}}})
	return s, append(unseen, more...), err
}

func targetOf(name string, from *types.Cluster) target {
	t := target{name: name}
	if from.Identity != nil && from.Identity.Oidc != nil {
		t.issuer = strings.TrimSuffix(strings.TrimPrefix(aws.ToString(from.Identity.Oidc.Issuer), "https://"), "/")
	}
	if vpc := from.ResourcesVpcConfig; vpc != nil {
		t.vpc, t.securityGroup, t.subnets = aws.ToString(vpc.VpcId), aws.ToString(vpc.ClusterSecurityGroupId), vpc.SubnetIds
	}
	return t
}

// each looks at parts side by side and returns those that could not be seen. It
// errs when the look as a whole must be repeated.
func (c *Collector) each(ctx context.Context, parts []part) ([]upgrade.NotChecked, error) {
	all, err := partial.Each(ctx, parallel, parts, func(ctx context.Context, p part) (upgrade.NotChecked, error) {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := p.look(limited)
		if err == nil {
			return upgrade.NotChecked{}, nil
		}
		if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || upgrade.CodeOf(err) == upgrade.CodeUnavailable) {
			return upgrade.NotChecked{Part: p.id, What: p.what, Why: "the service gave no answer: " + logging.Line(err.Error(), 300),
				Remedy: "see that the agent's network reaches the service (NAT gateway or VPC endpoint), and look again"}, nil
		}
		denied := upgrade.CodeOf(err) == upgrade.CodePermissionDenied
		n, err := partial.Unseen(p.what, err)
		n.Part = p.id
		if denied {
			n.Remedy = "allow the agent's role " + p.action + "; eks-upgrade doctor says what is missing"
		}
		return n, err
	})
	if err != nil {
		return nil, err
	}
	var unseen []upgrade.NotChecked
	for _, n := range all {
		if n != (upgrade.NotChecked{}) {
			unseen = append(unseen, n)
		}
	}
	return unseen, nil
}
