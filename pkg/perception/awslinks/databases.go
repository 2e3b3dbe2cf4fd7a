package awslinks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// DatabaseAPI is *rds.Client.
type DatabaseAPI interface {
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
	DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error)
	DescribePendingMaintenanceActions(context.Context, *rds.DescribePendingMaintenanceActionsInput, ...func(*rds.Options)) (*rds.DescribePendingMaintenanceActionsOutput, error)
}

// databases returns the region's databases by id, in any VPC: workloads may use
// those of another one. An instance of a cluster counts as a part of it.
func (c *Collector) databases(ctx context.Context) ([]upgrade.Datastore, error) {
	clusters := map[string]*upgrade.Datastore{}
	pages := rds.NewDescribeDBClustersPaginator(c.api.Databases, &rds.DescribeDBClustersInput{})
	err := paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe database clusters", err)
		}
		for _, from := range page.DBClusters {
			d := databaseCluster(from)
			clusters[d.ID] = &d
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := []upgrade.Datastore{}
	zones := map[string]map[string]bool{} // of clusters
	members := map[string]string{}        // ARNs of clusters, by those of their instances
	instances := rds.NewDescribeDBInstancesPaginator(c.api.Databases, &rds.DescribeDBInstancesInput{})
	err = paged(instances.HasMorePages, func() error {
		page, err := instances.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe databases", err)
		}
		for _, from := range page.DBInstances {
			cluster, member := clusters[aws.ToString(from.DBClusterIdentifier)]
			d := databaseInstance(from)
			if !member {
				found = append(found, d)
				continue
			}
			cluster.Hosts, cluster.VPC, members[d.ARN] = append(cluster.Hosts, d.Hosts...), d.VPC, cluster.ARN
			if zones[cluster.ID] == nil {
				zones[cluster.ID] = map[string]bool{}
			}
			zones[cluster.ID][aws.ToString(from.AvailabilityZone)] = true
			for _, p := range d.Pending {
				cluster.Pending = append(cluster.Pending, d.ID+": "+p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(clusters)) {
		d := clusters[id]
		d.MultiZone = d.MultiZone || len(zones[id]) > 1
		found = append(found, *d)
	}
	slices.SortFunc(found, func(a, b upgrade.Datastore) int { return strings.Compare(a.ARN, b.ARN) })
	return found, c.waiting(ctx, found, members)
}

func databaseInstance(from types.DBInstance) upgrade.Datastore {
	d := upgrade.Datastore{ID: aws.ToString(from.DBInstanceIdentifier), ARN: aws.ToString(from.DBInstanceArn), Kind: "instance", Engine: aws.ToString(from.Engine), Version: aws.ToString(from.EngineVersion),
		Status: aws.ToString(from.DBInstanceStatus), MultiZone: aws.ToBool(from.MultiAZ), Window: aws.ToString(from.PreferredMaintenanceWindow)}
	if e := from.Endpoint; e != nil {
		d.Hosts, d.Port = hosts(e.Address), int(aws.ToInt32(e.Port))
	}
	if from.DBSubnetGroup != nil {
		d.VPC = aws.ToString(from.DBSubnetGroup.VpcId)
	}
	for _, g := range from.VpcSecurityGroups {
		d.Groups = append(d.Groups, aws.ToString(g.VpcSecurityGroupId))
	}
	if from.MasterUserSecret != nil {
		d.Secret = aws.ToString(from.MasterUserSecret.SecretArn)
	}
	if p := from.PendingModifiedValues; p != nil {
		d.Pending = pending(map[string]*string{"engine version": p.EngineVersion, "class": p.DBInstanceClass, "identifier": p.DBInstanceIdentifier, "certificate authority": p.CACertificateIdentifier,
			"storage type": p.StorageType, "subnet group": p.DBSubnetGroupName, "port": number(p.Port), "storage": number(p.AllocatedStorage), "IOPS": number(p.Iops)})
		if p.MasterUserPassword != nil {
			d.Pending = append(d.Pending, "master password")
		}
		if p.MultiAZ != nil {
			d.Pending = append(d.Pending, fmt.Sprintf("several zones %t", *p.MultiAZ))
		}
	}
	return d
}

func databaseCluster(from types.DBCluster) upgrade.Datastore {
	d := upgrade.Datastore{ID: aws.ToString(from.DBClusterIdentifier), ARN: aws.ToString(from.DBClusterArn), Kind: "cluster", Engine: aws.ToString(from.Engine), Version: aws.ToString(from.EngineVersion),
		Status: aws.ToString(from.Status), Port: int(aws.ToInt32(from.Port)), MultiZone: aws.ToBool(from.MultiAZ), Window: aws.ToString(from.PreferredMaintenanceWindow),
		Hosts: append(hosts(from.Endpoint, from.ReaderEndpoint), lower(from.CustomEndpoints)...)}
	for _, g := range from.VpcSecurityGroups {
		d.Groups = append(d.Groups, aws.ToString(g.VpcSecurityGroupId))
	}
	if from.MasterUserSecret != nil {
		d.Secret = aws.ToString(from.MasterUserSecret.SecretArn)
	}
	if p := from.PendingModifiedValues; p != nil {
		d.Pending = pending(map[string]*string{"engine version": p.EngineVersion, "identifier": p.DBClusterIdentifier, "storage type": p.StorageType})
		if p.MasterUserPassword != nil {
			d.Pending = append(d.Pending, "master password")
		}
	}
	return d
}

// waiting adds what waits for a maintenance window; what waits for an instance of
// a cluster waits for the cluster.
func (c *Collector) waiting(ctx context.Context, found []upgrade.Datastore, members map[string]string) error {
	pages := rds.NewDescribePendingMaintenanceActionsPaginator(c.api.Databases, &rds.DescribePendingMaintenanceActionsInput{})
	return paged(pages.HasMorePages, func() error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("describe pending maintenance", err)
		}
		for _, resource := range page.PendingMaintenanceActions {
			arn := aws.ToString(resource.ResourceIdentifier)
			i := slices.IndexFunc(found, func(d upgrade.Datastore) bool { return d.ARN == cmp.Or(members[arn], arn) })
			if i < 0 {
				continue // made meanwhile
			}
			for _, a := range resource.PendingMaintenanceActionDetails {
				one := upgrade.MaintenanceAction{Action: aws.ToString(a.Action), Description: aws.ToString(a.Description)}
				switch {
				case a.ForcedApplyDate != nil:
					one.At, one.Forced = upgrade.At(*a.ForcedApplyDate), true
				case a.CurrentApplyDate != nil:
					one.At = upgrade.At(*a.CurrentApplyDate)
				case a.AutoAppliedAfterDate != nil:
					one.At = upgrade.At(*a.AutoAppliedAfterDate)
				}
				found[i].Actions = append(found[i].Actions, one)
			}
		}
		return nil
	})
}

// hosts are the names that are set, in lower case.
func hosts(names ...*string) []string {
	var out []string
	for _, n := range names {
		if aws.ToString(n) != "" {
			out = append(out, strings.ToLower(*n))
		}
	}
	return out
}

func lower(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, strings.ToLower(n))
	}
	return out
}

// pending writes the changes that are set, by name.
func pending(changes map[string]*string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if value := changes[name]; value != nil {
			out = append(out, name+" "+*value)
		}
	}
	return out
}

func number(n *int32) *string {
	if n == nil {
		return nil
	}
	return aws.String(fmt.Sprint(*n))
}
