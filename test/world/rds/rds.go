// Package rds simulates as much of Amazon RDS as an upgrade looks at: which
// databases there are. Its content is set from Go; the API only describes it.
package rds

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/rds/pages"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Service is RDS. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string

	mu        sync.Mutex
	instances map[string]types.DBInstance
	clusters  map[string]types.DBCluster
	waiting   map[string][]types.PendingMaintenanceAction // by ARN
}

// New returns an RDS without databases.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, instances: map[string]types.DBInstance{}, clusters: map[string]types.DBCluster{}, waiting: map[string][]types.PendingMaintenanceAction{}}
}

func (s *Service) arn(kind, id string) *string {
	return aws.String(fmt.Sprintf("arn:aws:rds:%s:%s:%s:%s", s.region, s.account, kind, id))
}

// PutInstance adds an instance, or replaces the one of its identifier. Status,
// ARN, endpoint and time of creation are made up unless they are set. It panics
// without an identifier.
func (s *Service) PutInstance(i types.DBInstance) {
	id := strings.ToLower(*i.DBInstanceIdentifier)
	i.DBInstanceIdentifier = &id
	orString(&i.DBInstanceStatus, "available")
	orString(&i.DBInstanceArn, *s.arn("db", id))
	orString(&i.DbiResourceId, "db-"+strings.ToUpper(base64.RawURLEncoding.EncodeToString([]byte(id))))
	if i.InstanceCreateTime == nil {
		i.InstanceCreateTime = s.now()
	}
	if i.Endpoint == nil {
		i.Endpoint = &types.Endpoint{Address: aws.String(fmt.Sprintf("%s.c9akciq32rgw.%s.rds.amazonaws.com", id, s.region)), Port: aws.Int32(port(aws.ToString(i.Engine)))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[id] = i
}

// PutCluster adds a cluster, or replaces the one of its identifier; what is not
// set is made up as for instances.
func (s *Service) PutCluster(c types.DBCluster) {
	id := strings.ToLower(*c.DBClusterIdentifier)
	c.DBClusterIdentifier = &id
	orString(&c.Status, "available")
	orString(&c.DBClusterArn, *s.arn("cluster", id))
	orString(&c.Endpoint, fmt.Sprintf("%s.cluster-c9akciq32rgw.%s.rds.amazonaws.com", id, s.region))
	orString(&c.DbClusterResourceId, "cluster-"+strings.ToUpper(base64.RawURLEncoding.EncodeToString([]byte(id))))
	if c.ClusterCreateTime == nil {
		c.ClusterCreateTime = s.now()
	}
	if c.Port == nil {
		c.Port = aws.Int32(port(aws.ToString(c.Engine)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters[id] = c
}

// Delete removes the instance or cluster of an identifier.
func (s *Service) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.instances, strings.ToLower(id))
	delete(s.clusters, strings.ToLower(id))
}

func (s *Service) now() *time.Time { return aws.Time(s.clock.Now()) }

func orString(p **string, def string) {
	if *p == nil {
		*p = &def
	}
}

// port is the default port of an engine.
func port(engine string) int32 {
	switch {
	case strings.Contains(engine, "postgres"):
		return 5432
	case strings.HasPrefix(engine, "oracle"):
		return 1521
	case strings.HasPrefix(engine, "sqlserver"):
		return 1433
	}
	return 3306
}

// known refuses filters that an operation does not know, or that have no
// values.
func known(filters []types.Filter, names ...string) error {
	for _, f := range filters {
		if !slices.Contains(names, aws.ToString(f.Name)) {
			return wire.Errorf("InvalidParameterValue", "Unrecognized filter name: %s", aws.ToString(f.Name))
		}
		if len(f.Values) == 0 {
			return wire.Errorf("InvalidParameterCombination", "The filter %s has no values.", aws.ToString(f.Name))
		}
	}
	return nil
}

// keeps reports whether an item passes the filters of a request; of gives what
// the item has for the name of a filter.
func keeps(filters []types.Filter, of func(name string) []string) bool {
	for _, f := range filters {
		have := of(*f.Name)
		if !slices.ContainsFunc(f.Values, func(v string) bool {
			return slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(h, v) })
		}) {
			return false
		}
	}
	return true
}

func notFound(code, format string, args ...any) error {
	return &wire.Error{Code: code, Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// plain is the identifier in a request: a name or an ARN; case does not count.
func plain(id string) string { return strings.ToLower(id[strings.LastIndex(id, ":")+1:]) }

// DescribeDBInstances lists instances by identifier.
func (s *Service) DescribeDBInstances(_ *wire.Call, in *awsrds.DescribeDBInstancesInput) (*awsrds.DescribeDBInstancesOutput, error) {
	if err := known(in.Filters, "db-instance-id", "db-cluster-id", "dbi-resource-id", "engine", "domain"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.DBInstance{}
	for _, id := range slices.Sorted(maps.Keys(s.instances)) {
		i := s.instances[id]
		if in.DBInstanceIdentifier != nil && plain(*in.DBInstanceIdentifier) != id {
			continue
		}
		if keeps(in.Filters, func(name string) []string {
			switch name {
			case "db-instance-id":
				return []string{id, *i.DBInstanceArn}
			case "db-cluster-id":
				cluster := aws.ToString(i.DBClusterIdentifier)
				return []string{cluster, *s.arn("cluster", cluster)}
			case "dbi-resource-id":
				return []string{*i.DbiResourceId}
			case "engine":
				return []string{aws.ToString(i.Engine)}
			case "domain":
				var out []string
				for _, m := range i.DomainMemberships {
					out = append(out, aws.ToString(m.Domain))
				}
				return out
			}
			return nil
		}) {
			found = append(found, i)
		}
	}
	if len(found) == 0 && in.DBInstanceIdentifier != nil {
		return nil, notFound("DBInstanceNotFound", "DBInstance %s not found.", plain(*in.DBInstanceIdentifier))
	}
	items, next, err := pages.Cut(found, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &awsrds.DescribeDBInstancesOutput{DBInstances: items, Marker: next}, nil
}

// DescribeDBClusters lists clusters by identifier.
func (s *Service) DescribeDBClusters(_ *wire.Call, in *awsrds.DescribeDBClustersInput) (*awsrds.DescribeDBClustersOutput, error) {
	if err := known(in.Filters, "db-cluster-id", "db-cluster-resource-id", "clone-group-id", "engine", "domain"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.DBCluster{}
	for _, id := range slices.Sorted(maps.Keys(s.clusters)) {
		c := s.clusters[id]
		if in.DBClusterIdentifier != nil && plain(*in.DBClusterIdentifier) != id {
			continue
		}
		if keeps(in.Filters, func(name string) []string {
			switch name {
			case "db-cluster-id":
				return []string{id, *c.DBClusterArn}
			case "db-cluster-resource-id":
				return []string{*c.DbClusterResourceId}
			case "clone-group-id":
				return []string{aws.ToString(c.CloneGroupId)}
			case "engine":
				return []string{aws.ToString(c.Engine)}
			case "domain":
				var out []string
				for _, m := range c.DomainMemberships {
					out = append(out, aws.ToString(m.Domain))
				}
				return out
			}
			return nil
		}) {
			found = append(found, c)
		}
	}
	if len(found) == 0 && in.DBClusterIdentifier != nil {
		return nil, notFound("DBClusterNotFoundFault", "DBCluster %s not found.", plain(*in.DBClusterIdentifier))
	}
	items, next, err := pages.Cut(found, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &awsrds.DescribeDBClustersOutput{DBClusters: items, Marker: next}, nil
}
