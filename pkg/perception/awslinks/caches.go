package awslinks

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// CacheAPI is *elasticache.Client.
type CacheAPI interface {
	DescribeCacheClusters(context.Context, *elasticache.DescribeCacheClustersInput, ...func(*elasticache.Options)) (*elasticache.DescribeCacheClustersOutput, error)
	DescribeReplicationGroups(context.Context, *elasticache.DescribeReplicationGroupsInput, ...func(*elasticache.Options)) (*elasticache.DescribeReplicationGroupsOutput, error)
	DescribeServerlessCaches(context.Context, *elasticache.DescribeServerlessCachesInput, ...func(*elasticache.Options)) (*elasticache.DescribeServerlessCachesOutput, error)
}

// caches returns the region's caches by ARN. What ElastiCache says of the members
// of a replication group only, such as security groups, counts for the group.
func (c *Collector) caches(ctx context.Context) ([]upgrade.Datastore, error) {
	found := []upgrade.Datastore{}
	groups := elasticache.NewDescribeReplicationGroupsPaginator(c.api.Caches, &elasticache.DescribeReplicationGroupsInput{})
	err := paged(groups.HasMorePages, func() error {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe replication groups", err)
		}
		for _, from := range page.ReplicationGroups {
			found = append(found, replicationGroup(from))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	clusters := elasticache.NewDescribeCacheClustersPaginator(c.api.Caches, &elasticache.DescribeCacheClustersInput{ShowCacheNodeInfo: aws.Bool(true)})
	err = paged(clusters.HasMorePages, func() error {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe cache clusters", err)
		}
		for _, from := range page.CacheClusters {
			one := cacheCluster(from)
			i := slices.IndexFunc(found, func(d upgrade.Datastore) bool {
				return from.ReplicationGroupId != nil && d.Kind == "replicationGroup" && d.ID == *from.ReplicationGroupId
			})
			if i < 0 {
				found = append(found, one)
				continue
			}
			group := &found[i]
			group.Groups, group.Window, group.Version = one.Groups, one.Window, one.Version
			group.Hosts = append(group.Hosts, one.Hosts...)
			for _, p := range one.Pending {
				group.Pending = append(group.Pending, one.ID+": "+p)
			}
			if group.Port == 0 {
				group.Port = one.Port
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	serverless := elasticache.NewDescribeServerlessCachesPaginator(c.api.Caches, &elasticache.DescribeServerlessCachesInput{})
	err = paged(serverless.HasMorePages, func() error {
		page, err := serverless.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe serverless caches", err)
		}
		for _, from := range page.ServerlessCaches {
			one := upgrade.Datastore{ID: aws.ToString(from.ServerlessCacheName), ARN: aws.ToString(from.ARN), Kind: "serverlessCache", Engine: aws.ToString(from.Engine), Version: aws.ToString(from.FullEngineVersion),
				Status: aws.ToString(from.Status), Groups: from.SecurityGroupIds, MultiZone: true} // it always is
			addEndpoints(&one, from.Endpoint, from.ReaderEndpoint)
			found = append(found, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		slices.Sort(found[i].Hosts)
		found[i].Hosts = slices.Compact(found[i].Hosts)
	}
	slices.SortFunc(found, func(a, b upgrade.Datastore) int { return strings.Compare(a.ARN, b.ARN) })
	return found, nil
}

func replicationGroup(from types.ReplicationGroup) upgrade.Datastore {
	d := upgrade.Datastore{ID: aws.ToString(from.ReplicationGroupId), ARN: aws.ToString(from.ARN), Kind: "replicationGroup", Engine: aws.ToString(from.Engine), Status: aws.ToString(from.Status),
		MultiZone: from.MultiAZ == types.MultiAZStatusEnabled}
	addEndpoints(&d, from.ConfigurationEndpoint)
	for _, n := range from.NodeGroups {
		addEndpoints(&d, n.PrimaryEndpoint, n.ReaderEndpoint)
	}
	if p := from.PendingModifiedValues; p != nil && p.PrimaryClusterId != nil {
		d.Pending = append(d.Pending, "primary "+*p.PrimaryClusterId)
	}
	return d
}

func cacheCluster(from types.CacheCluster) upgrade.Datastore {
	d := upgrade.Datastore{ID: aws.ToString(from.CacheClusterId), ARN: aws.ToString(from.ARN), Kind: "cacheCluster", Engine: aws.ToString(from.Engine), Version: aws.ToString(from.EngineVersion),
		Status: aws.ToString(from.CacheClusterStatus), Window: aws.ToString(from.PreferredMaintenanceWindow), MultiZone: aws.ToString(from.PreferredAvailabilityZone) == "Multiple"}
	for _, g := range from.SecurityGroups {
		d.Groups = append(d.Groups, aws.ToString(g.SecurityGroupId))
	}
	addEndpoints(&d, from.ConfigurationEndpoint)
	for _, n := range from.CacheNodes {
		addEndpoints(&d, n.Endpoint)
	}
	if p := from.PendingModifiedValues; p != nil {
		d.Pending = pending(map[string]*string{"engine version": p.EngineVersion, "node type": p.CacheNodeType, "nodes": number(p.NumCacheNodes)})
	}
	return d
}

// addEndpoints adds those that are set; the first one's port counts.
func addEndpoints(d *upgrade.Datastore, all ...*types.Endpoint) {
	for _, e := range all {
		if e == nil {
			continue
		}
		d.Hosts = append(d.Hosts, hosts(e.Address)...)
		if d.Port == 0 {
			d.Port = int(aws.ToInt32(e.Port))
		}
	}
}
