package awslinks

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// NetworkAPI is *ec2.Client.
type NetworkAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
}

// filterValues is how many values a filter of EC2 may have.
const filterValues = 200

// networks returns the address blocks of subnets.
func (c *Collector) networks(ctx context.Context, subnets []string) ([]string, error) {
	found := []string{}
	if len(subnets) == 0 {
		return found, nil // without ids EC2 would describe all subnets
	}
	pages := ec2.NewDescribeSubnetsPaginator(c.api.Network, &ec2.DescribeSubnetsInput{SubnetIds: subnets})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("describe the cluster's subnets", err)
		}
		for _, s := range page.Subnets {
			found = append(found, aws.ToString(s.CidrBlock))
		}
	}
	slices.Sort(found)
	return found, nil
}

// inbound sets who may connect to databases and caches, and returns those of
// their callers' security groups that the cluster's instances are in.
func (c *Collector) inbound(ctx context.Context, t target, lists ...[]upgrade.Datastore) ([]string, error) {
	var ids []string
	for _, list := range lists {
		for _, d := range list {
			ids = append(ids, d.Groups...)
		}
	}
	slices.Sort(ids)
	groups, err := c.securityGroups(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var callers []string
	for _, list := range lists {
		for i := range list {
			d := &list[i]
			d.Inbound = []upgrade.InboundRule{}
			for _, id := range d.Groups {
				g, ok := groups[id]
				if !ok {
					continue // of another account, or gone
				}
				if d.VPC == "" {
					d.VPC = aws.ToString(g.VpcId)
				}
				for _, p := range g.IpPermissions {
					if r, ok := rule(p, d.Port); ok {
						d.Inbound = append(d.Inbound, r)
						callers = append(callers, r.Groups...)
					}
				}
			}
		}
	}
	slices.Sort(callers)
	return c.ofNodes(ctx, t, slices.Compact(callers))
}

func (c *Collector) securityGroups(ctx context.Context, ids []string) (map[string]types.SecurityGroup, error) {
	found := map[string]types.SecurityGroup{}
	for some := range slices.Chunk(ids, filterValues) {
		// A filter, because one id that does not exist would be an error.
		pages := ec2.NewDescribeSecurityGroupsPaginator(c.api.Network, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: some}}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, awserr.Wrap("describe the security groups of databases and caches", err)
			}
			for _, g := range page.SecurityGroups {
				found[aws.ToString(g.GroupId)] = g
			}
		}
	}
	return found, nil
}

// rule reads a permission that concerns a TCP port; port 0 is not known, so that
// every one does.
func rule(p types.IpPermission, port int) (upgrade.InboundRule, bool) {
	switch aws.ToString(p.IpProtocol) {
	case "-1":
	case "tcp", "6":
		from, to := int(aws.ToInt32(p.FromPort)), int(aws.ToInt32(p.ToPort))
		if port != 0 && from >= 0 && (port < from || port > to) {
			return upgrade.InboundRule{}, false
		}
	default:
		return upgrade.InboundRule{}, false
	}
	var r upgrade.InboundRule
	for _, g := range p.UserIdGroupPairs {
		r.Groups = append(r.Groups, aws.ToString(g.GroupId))
	}
	for _, n := range p.IpRanges {
		r.Networks = append(r.Networks, aws.ToString(n.CidrIp))
	}
	for _, n := range p.Ipv6Ranges {
		r.Networks = append(r.Networks, aws.ToString(n.CidrIpv6))
	}
	for _, l := range p.PrefixListIds {
		r.PrefixLists = append(r.PrefixLists, aws.ToString(l.PrefixListId))
	}
	return r, true
}

// ofNodes returns those security groups that instances of the cluster are in.
func (c *Collector) ofNodes(ctx context.Context, t target, groups []string) ([]string, error) {
	found := []string{}
	for some := range slices.Chunk(groups, filterValues) {
		pages := ec2.NewDescribeInstancesPaginator(c.api.Network, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
			{Name: aws.String("instance.group-id"), Values: some}, {Name: aws.String("tag-key"), Values: []string{"kubernetes.io/cluster/" + t.name, "aws:eks:cluster-name"}},
			{Name: aws.String("vpc-id"), Values: []string{t.vpc}}, {Name: aws.String("instance-state-name"), Values: []string{"pending", "running"}}}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, awserr.Wrap("describe the cluster's instances", err)
			}
			for _, r := range page.Reservations {
				for _, i := range r.Instances {
					if !ofCluster(i.Tags, t.name) {
						continue
					}
					for _, g := range i.SecurityGroups {
						if id := aws.ToString(g.GroupId); slices.Contains(some, id) && !slices.Contains(found, id) {
							found = append(found, id)
						}
					}
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// ofCluster reports whether tags say that an instance is a node of the cluster.
func ofCluster(tags []types.Tag, cluster string) bool {
	return slices.ContainsFunc(tags, func(t types.Tag) bool {
		key := aws.ToString(t.Key)
		return key == "kubernetes.io/cluster/"+cluster || key == "aws:eks:cluster-name" && aws.ToString(t.Value) == cluster
	})
}
