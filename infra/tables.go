package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newTables makes the tables. They outlive the stack: they are the evidence of
// what was done, and the leases keep others from clusters that are not clean.
// Only connections go: nobody listens to an agent that is not there.
func newTables(scope constructs.Construct, a agent) {
	for _, t := range []struct {
		id, name, partition, sort, index, expiry string
		keep                                     bool
	}{
		{"Leases", access.Leases, "cluster", "", "", "", true},
		{"Records", access.Records, "upgrade", "key", "", "", true},
		{"Approvals", access.Approvals, "upgrade", "", "", "", true},
		{"Connections", access.Connections, "connection", "", access.ConnectionIndex, "expiresAt", false},
	} {
		attributes := []any{attribute(t.partition)}
		keys := []any{element(t.partition, "HASH")}
		if t.sort != "" {
			attributes, keys = append(attributes, attribute(t.sort)), append(keys, element(t.sort, "RANGE"))
		}
		props := &awsdynamodb.CfnTableProps{
			TableName:                        jsii.String(t.name),
			BillingMode:                      jsii.String("PAY_PER_REQUEST"),
			KeySchema:                        keys,
			SseSpecification:                 &awsdynamodb.CfnTable_SSESpecificationProperty{SseEnabled: jsii.Bool(true), SseType: jsii.String("KMS"), KmsMasterKeyId: jsii.String(a.Key)},
			PointInTimeRecoverySpecification: &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{PointInTimeRecoveryEnabled: jsii.Bool(true)},
			DeletionProtectionEnabled:        jsii.Bool(t.keep),
		}
		if t.index != "" {
			attributes = append(attributes, attribute(t.index))
			props.GlobalSecondaryIndexes = []any{&awsdynamodb.CfnTable_GlobalSecondaryIndexProperty{
				IndexName: jsii.String(t.index), KeySchema: []any{element(t.index, "HASH")}, Projection: &awsdynamodb.CfnTable_ProjectionProperty{ProjectionType: jsii.String("ALL")}}}
		}
		if t.expiry != "" {
			props.TimeToLiveSpecification = &awsdynamodb.CfnTable_TimeToLiveSpecificationProperty{AttributeName: jsii.String(t.expiry), Enabled: jsii.Bool(true)}
		}
		props.AttributeDefinitions = attributes
		table := awsdynamodb.NewCfnTable(scope, jsii.String(t.id), props)
		if t.keep {
			keep(table)
		}
	}
}

func attribute(name string) any {
	return &awsdynamodb.CfnTable_AttributeDefinitionProperty{AttributeName: jsii.String(name), AttributeType: jsii.String("S")}
}

func element(name, kind string) any {
	return &awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: jsii.String(name), KeyType: jsii.String(kind)}
}
