package rds_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

func newWorld(t *testing.T) (*world.World, *rds.Client) {
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
	return w, rds.NewFromConfig(w.AWSConfig())
}

func TestInstancesComeAsTheyWerePut(t *testing.T) {
	w, api := newWorld(t)
	w.RDS().PutInstance(types.DBInstance{
		DBInstanceIdentifier: aws.String("Orders"), Engine: aws.String("postgres"), EngineVersion: aws.String("16.3"), DBInstanceClass: aws.String("db.r6g.large"),
		MultiAZ: aws.Bool(true), AllocatedStorage: aws.Int32(100),
		VpcSecurityGroups: []types.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-1"), Status: aws.String("active")}},
		DBSubnetGroup: &types.DBSubnetGroup{DBSubnetGroupName: aws.String("private"), VpcId: aws.String("vpc-1"),
			Subnets: []types.Subnet{{SubnetIdentifier: aws.String("subnet-1"), SubnetAvailabilityZone: &types.AvailabilityZone{Name: aws.String("eu-west-1a")}}}},
		ReadReplicaDBInstanceIdentifiers: []string{"orders-replica"}, TagList: []types.Tag{{Key: aws.String("app"), Value: aws.String("shop")}},
		DBParameterGroups: []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String("default.postgres16")}},
	})
	out, err := api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("ORDERS")})
	if err != nil || len(out.DBInstances) != 1 {
		t.Fatalf("out = %+v, %v", out, err)
	}
	i := out.DBInstances[0]
	if *i.DBInstanceIdentifier != "orders" || *i.DBInstanceArn != "arn:aws:rds:eu-west-1:123456789012:db:orders" || *i.DBInstanceStatus != "available" || *i.Endpoint.Port != 5432 ||
		len(i.VpcSecurityGroups) != 1 || *i.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-1" || len(i.DBSubnetGroup.Subnets) != 1 ||
		*i.DBSubnetGroup.Subnets[0].SubnetAvailabilityZone.Name != "eu-west-1a" || fmt.Sprint(i.ReadReplicaDBInstanceIdentifiers) != "[orders-replica]" ||
		len(i.TagList) != 1 || *i.TagList[0].Value != "shop" || len(i.DBParameterGroups) != 1 || !*i.MultiAZ {
		t.Errorf("instance = %+v", i)
	}
	_, err = api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("none")})
	if e, ok := errors.AsType[*types.DBInstanceNotFoundFault](err); !ok || e.ErrorMessage() != "DBInstance none not found." {
		t.Errorf("error = %v", err)
	}
}

func TestInstancesAreFilteredAndPaged(t *testing.T) {
	w, api := newWorld(t)
	for n := range 45 {
		engine := "mysql"
		if n%9 == 0 {
			engine = "aurora-postgresql"
		}
		w.RDS().PutInstance(types.DBInstance{DBInstanceIdentifier: aws.String(fmt.Sprintf("db-%02d", n)), Engine: aws.String(engine), DBClusterIdentifier: aws.String("cluster-a")})
	}
	var pages []int
	p := rds.NewDescribeDBInstancesPaginator(api, &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(20)})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.DBInstances))
	}
	if fmt.Sprint(pages) != "[20 20 5]" {
		t.Errorf("pages = %v", pages)
	}
	out, err := api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{Filters: []types.Filter{
		{Name: aws.String("engine"), Values: []string{"aurora-postgresql"}}, {Name: aws.String("db-cluster-id"), Values: []string{"arn:aws:rds:eu-west-1:123456789012:cluster:cluster-a"}}}})
	if err != nil || len(out.DBInstances) != 5 {
		t.Errorf("filtered: %d, %v", len(out.DBInstances), err)
	}
	_, err = api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{Filters: []types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidParameterValue" || e.ErrorMessage() != "Unrecognized filter name: colour" {
		t.Errorf("error = %v", err)
	}
	_, err = api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(5)})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidParameterValue" {
		t.Errorf("error = %v", err)
	}
}

func TestClusters(t *testing.T) {
	w, api := newWorld(t)
	w.RDS().PutCluster(types.DBCluster{DBClusterIdentifier: aws.String("orders"), Engine: aws.String("aurora-mysql"), AvailabilityZones: []string{"eu-west-1a", "eu-west-1b"},
		DBClusterMembers:  []types.DBClusterMember{{DBInstanceIdentifier: aws.String("orders-1"), IsClusterWriter: aws.Bool(true)}},
		VpcSecurityGroups: []types.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-1")}}})
	out, err := api.DescribeDBClusters(t.Context(), nil)
	if err != nil || len(out.DBClusters) != 1 {
		t.Fatalf("out = %+v, %v", out, err)
	}
	if c := out.DBClusters[0]; len(c.DBClusterMembers) != 1 || !*c.DBClusterMembers[0].IsClusterWriter || len(c.AvailabilityZones) != 2 || *c.Port != 3306 || len(c.VpcSecurityGroups) != 1 {
		t.Errorf("cluster = %+v", c)
	}
	_, err = api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("none")})
	if _, ok := errors.AsType[*types.DBClusterNotFoundFault](err); !ok {
		t.Errorf("error = %v", err)
	}
}

func TestWhatWaitsForAMaintenanceWindow(t *testing.T) {
	w, api := newWorld(t)
	const arn = "arn:aws:rds:eu-west-1:123456789012:db:orders"
	at := time.Date(2026, 7, 5, 5, 0, 0, 0, time.UTC)
	w.RDS().PutMaintenance(arn, types.PendingMaintenanceAction{Action: aws.String("system-update"), Description: aws.String("New Operating System update is available"), CurrentApplyDate: &at})
	w.RDS().PutMaintenance(arn + "-2")
	out, err := api.DescribePendingMaintenanceActions(t.Context(), nil)
	if err != nil || len(out.PendingMaintenanceActions) != 1 {
		t.Fatalf("out = %+v, %v", out, err)
	}
	if got := out.PendingMaintenanceActions[0]; *got.ResourceIdentifier != arn || len(got.PendingMaintenanceActionDetails) != 1 || !got.PendingMaintenanceActionDetails[0].CurrentApplyDate.Equal(at) {
		t.Errorf("waiting = %+v", got)
	}
	out, err = api.DescribePendingMaintenanceActions(t.Context(), &rds.DescribePendingMaintenanceActionsInput{Filters: []types.Filter{{Name: aws.String("db-instance-id"), Values: []string{"another"}}}})
	if err != nil || len(out.PendingMaintenanceActions) != 0 {
		t.Errorf("filtered = %+v, %v", out, err)
	}
}
