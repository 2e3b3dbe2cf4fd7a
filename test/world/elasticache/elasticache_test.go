package elasticache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

func newWorld(t *testing.T) (*world.World, *elasticache.Client) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w, elasticache.NewFromConfig(w.AWSConfig())
}

func TestCacheClusters(t *testing.T) {
	w, api := newWorld(t)
	for n := range 30 {
		c := types.CacheCluster{CacheClusterId: aws.String(fmt.Sprintf("Cache-%02d", n)), Engine: aws.String("redis"), NumCacheNodes: aws.Int32(2),
			SecurityGroups: []types.SecurityGroupMembership{{SecurityGroupId: aws.String("sg-1"), Status: aws.String("active")}}}
		if n == 0 {
			c.ReplicationGroupId = aws.String("sessions")
		}
		w.ElastiCache().PutCluster(c)
	}
	var pages []int
	p := elasticache.NewDescribeCacheClustersPaginator(api, &elasticache.DescribeCacheClustersInput{MaxRecords: aws.Int32(20), ShowCacheClustersNotInReplicationGroups: aws.Bool(true)})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.CacheClusters))
		if len(out.CacheClusters[0].CacheNodes) != 0 {
			t.Error("nodes come unasked")
		}
	}
	if fmt.Sprint(pages) != "[20 9]" {
		t.Errorf("pages = %v", pages)
	}
	out, err := api.DescribeCacheClusters(t.Context(), &elasticache.DescribeCacheClustersInput{CacheClusterId: aws.String("cache-00"), ShowCacheNodeInfo: aws.Bool(true)})
	if err != nil || len(out.CacheClusters) != 1 {
		t.Fatalf("out = %+v, %v", out, err)
	}
	if c := out.CacheClusters[0]; len(c.CacheNodes) != 2 || *c.CacheNodes[1].CacheNodeId != "0002" || len(c.SecurityGroups) != 1 || *c.ARN != "arn:aws:elasticache:eu-west-1:123456789012:cluster:cache-00" {
		t.Errorf("cluster = %+v", c)
	}
	_, err = api.DescribeCacheClusters(t.Context(), &elasticache.DescribeCacheClustersInput{CacheClusterId: aws.String("none")})
	if e, ok := errors.AsType[*types.CacheClusterNotFoundFault](err); !ok || e.ErrorMessage() != "CacheCluster not found: none" {
		t.Errorf("error = %v", err)
	}
}

func TestReplicationGroupsAndServerlessCaches(t *testing.T) {
	w, api := newWorld(t)
	w.ElastiCache().PutReplicationGroup(types.ReplicationGroup{ReplicationGroupId: aws.String("sessions"), MemberClusters: []string{"sessions-001", "sessions-002"},
		NodeGroups: []types.NodeGroup{{NodeGroupId: aws.String("0001"), PrimaryEndpoint: &types.Endpoint{Address: aws.String("sessions.abc.cache.amazonaws.com"), Port: aws.Int32(6379)},
			NodeGroupMembers: []types.NodeGroupMember{{CacheClusterId: aws.String("sessions-001")}, {CacheClusterId: aws.String("sessions-002")}}}}})
	groups, err := api.DescribeReplicationGroups(t.Context(), nil)
	if err != nil || len(groups.ReplicationGroups) != 1 {
		t.Fatalf("groups = %+v, %v", groups, err)
	}
	if g := groups.ReplicationGroups[0]; len(g.MemberClusters) != 2 || len(g.NodeGroups) != 1 || len(g.NodeGroups[0].NodeGroupMembers) != 2 || *g.NodeGroups[0].PrimaryEndpoint.Port != 6379 || *g.Status != "available" {
		t.Errorf("group = %+v", g)
	}
	_, err = api.DescribeReplicationGroups(t.Context(), &elasticache.DescribeReplicationGroupsInput{ReplicationGroupId: aws.String("none")})
	if _, ok := errors.AsType[*types.ReplicationGroupNotFoundFault](err); !ok {
		t.Errorf("error = %v", err)
	}
	w.ElastiCache().PutServerlessCache(types.ServerlessCache{ServerlessCacheName: aws.String("carts"), SecurityGroupIds: []string{"sg-1"}, SubnetIds: []string{"subnet-1"}})
	caches, err := api.DescribeServerlessCaches(t.Context(), nil)
	if err != nil || len(caches.ServerlessCaches) != 1 || fmt.Sprint(caches.ServerlessCaches[0].SubnetIds) != "[subnet-1]" {
		t.Errorf("caches = %+v, %v", caches, err)
	}
}
