// Package elasticache simulates as much of Amazon ElastiCache as an upgrade
// looks at: which caches there are. Its content is set from Go; the API only
// describes it.
package elasticache

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awselasticache "github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/rds/pages"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Service is ElastiCache. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string

	mu         sync.Mutex
	clusters   map[string]types.CacheCluster
	groups     map[string]types.ReplicationGroup
	serverless map[string]types.ServerlessCache
}

// New returns an ElastiCache without caches.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, clusters: map[string]types.CacheCluster{}, groups: map[string]types.ReplicationGroup{}, serverless: map[string]types.ServerlessCache{}}
}

func (s *Service) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:elasticache:%s:%s:%s:%s", s.region, s.account, kind, id)
}

func (s *Service) now() *time.Time { return aws.Time(s.clock.Now()) }

func orString(p **string, def string) {
	if *p == nil {
		*p = &def
	}
}

// PutCluster adds a cache cluster, or replaces the one of its id. What is not
// set of status, ARN, number of nodes and time of creation is made up. It panics
// without an id.
func (s *Service) PutCluster(c types.CacheCluster) {
	id := strings.ToLower(*c.CacheClusterId)
	c.CacheClusterId = &id
	orString(&c.CacheClusterStatus, "available")
	orString(&c.ARN, s.arn("cluster", id))
	if c.CacheClusterCreateTime == nil {
		c.CacheClusterCreateTime = s.now()
	}
	if c.NumCacheNodes == nil {
		c.NumCacheNodes = aws.Int32(1)
	}
	if c.CacheNodes == nil {
		for n := range *c.NumCacheNodes {
			c.CacheNodes = append(c.CacheNodes, types.CacheNode{CacheNodeId: aws.String(fmt.Sprintf("%04d", n+1)), CacheNodeStatus: aws.String("available"),
				CacheNodeCreateTime: c.CacheClusterCreateTime, ParameterGroupStatus: aws.String("in-sync")})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters[id] = c
}

// PutReplicationGroup adds a replication group, or replaces the one of its id.
func (s *Service) PutReplicationGroup(g types.ReplicationGroup) {
	id := strings.ToLower(*g.ReplicationGroupId)
	g.ReplicationGroupId = &id
	orString(&g.Status, "available")
	orString(&g.ARN, s.arn("replicationgroup", id))
	if g.ReplicationGroupCreateTime == nil {
		g.ReplicationGroupCreateTime = s.now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[id] = g
}

// PutServerlessCache adds a serverless cache, or replaces the one of its name.
func (s *Service) PutServerlessCache(c types.ServerlessCache) {
	name := strings.ToLower(*c.ServerlessCacheName)
	c.ServerlessCacheName = &name
	orString(&c.Status, "available")
	orString(&c.ARN, s.arn("serverlesscache", name))
	if c.CreateTime == nil {
		c.CreateTime = s.now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serverless[name] = c
}

func notFound(code, format string, args ...any) error {
	return &wire.Error{Code: code, Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// pick lists the values of a map by key: one of them, or all that keep takes.
func pick[T any](m map[string]T, id *string, keep func(T) bool) []T {
	out := []T{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if (id == nil || strings.EqualFold(*id, key)) && keep(m[key]) {
			out = append(out, m[key])
		}
	}
	return out
}

// DescribeCacheClusters lists clusters by id, their nodes only when asked to.
func (s *Service) DescribeCacheClusters(_ *wire.Call, in *awselasticache.DescribeCacheClustersInput) (*awselasticache.DescribeCacheClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := pick(s.clusters, in.CacheClusterId, func(c types.CacheCluster) bool {
		return !aws.ToBool(in.ShowCacheClustersNotInReplicationGroups) || c.ReplicationGroupId == nil
	})
	if len(found) == 0 && in.CacheClusterId != nil {
		return nil, notFound("CacheClusterNotFound", "CacheCluster not found: %s", *in.CacheClusterId)
	}
	items, next, err := pages.Cut(found, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &awselasticache.DescribeCacheClustersOutput{CacheClusters: slices.Clone(items), Marker: next}
	if !aws.ToBool(in.ShowCacheNodeInfo) {
		for i := range out.CacheClusters {
			out.CacheClusters[i].CacheNodes = nil
		}
	}
	return out, nil
}

// DescribeReplicationGroups lists replication groups by id.
func (s *Service) DescribeReplicationGroups(_ *wire.Call, in *awselasticache.DescribeReplicationGroupsInput) (*awselasticache.DescribeReplicationGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := pick(s.groups, in.ReplicationGroupId, func(types.ReplicationGroup) bool { return true })
	if len(found) == 0 && in.ReplicationGroupId != nil {
		return nil, notFound("ReplicationGroupNotFoundFault", "ReplicationGroup %s not found.", *in.ReplicationGroupId)
	}
	items, next, err := pages.Cut(found, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &awselasticache.DescribeReplicationGroupsOutput{ReplicationGroups: items, Marker: next}, nil
}

// DescribeServerlessCaches lists serverless caches by name.
func (s *Service) DescribeServerlessCaches(_ *wire.Call, in *awselasticache.DescribeServerlessCachesInput) (*awselasticache.DescribeServerlessCachesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := pick(s.serverless, in.ServerlessCacheName, func(types.ServerlessCache) bool { return true })
	if len(found) == 0 && in.ServerlessCacheName != nil {
		return nil, notFound("ServerlessCacheNotFoundFault", "ServerlessCache %s not found.", *in.ServerlessCacheName)
	}
	items, next, err := pages.Cut(found, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &awselasticache.DescribeServerlessCachesOutput{ServerlessCaches: items, NextToken: next}, nil
}
