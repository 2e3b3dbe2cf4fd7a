package resource

import (
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// readAll reads an object that a template names.
func readAll(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, 16<<20))
	return string(b), err
}

type table struct {
	AttributeDefinitions             []types.AttributeDefinition
	BillingMode                      types.BillingMode
	DeletionProtectionEnabled        *bool
	GlobalSecondaryIndexes           []types.GlobalSecondaryIndex
	KeySchema                        []types.KeySchemaElement `cfn:"required"`
	LocalSecondaryIndexes            []types.LocalSecondaryIndex
	PointInTimeRecoverySpecification *types.PointInTimeRecoverySpecification
	ProvisionedThroughput            *types.ProvisionedThroughput
	SSESpecification                 *struct {
		KMSMasterKeyId *string `cfn:"name=KMSMasterKeyId"`
		SSEEnabled     *bool
		SSEType        types.SSEType
	}
	StreamSpecification     any
	TableClass              types.TableClass
	TableName               *string
	Tags                    []Tag
	TimeToLiveSpecification *struct {
		AttributeName *string
		Enabled       bool
	}
}

func (p *table) encryption() *types.SSESpecification {
	if p.SSESpecification == nil {
		return nil
	}
	return &types.SSESpecification{Enabled: p.SSESpecification.SSEEnabled, KMSMasterKeyId: p.SSESpecification.KMSMasterKeyId, SSEType: p.SSESpecification.SSEType}
}

func tableTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func init() {
	register(definition[table]{
		name: "AWS::DynamoDB::Table", nameProperty: "TableName", replace: []string{"KeySchema", "LocalSecondaryIndexes", "TableName"}, attributes: []string{"Arn", "StreamArn"}, takes: 5 * time.Second,
		create: createTable, read: readTable, update: updateTable,
		remove: func(x *Context, id string, _ *table) error { return do(x, &dynamodb.DeleteTableInput{TableName: &id}) },
		removed: func(x *Context, id string, _ *table) (bool, error) {
			_, err := invoke[dynamodb.DescribeTableOutput](x, &dynamodb.DescribeTableInput{TableName: &id})
			return gone(err), unlessGone(err)
		},
	})
}

func createTable(x *Context, p *table) (string, error) {
	if p.StreamSpecification != nil {
		return "", refuse("StreamSpecification")
	}
	name := x.Or(p.TableName, 255)
	billing := p.BillingMode
	if billing == "" {
		billing = types.BillingModeProvisioned
	}
	err := do(x, &dynamodb.CreateTableInput{TableName: name, AttributeDefinitions: p.AttributeDefinitions, BillingMode: billing, DeletionProtectionEnabled: p.DeletionProtectionEnabled,
		GlobalSecondaryIndexes: p.GlobalSecondaryIndexes, KeySchema: p.KeySchema, LocalSecondaryIndexes: p.LocalSecondaryIndexes, ProvisionedThroughput: p.ProvisionedThroughput,
		SSESpecification: p.encryption(), TableClass: p.TableClass, Tags: tagsAs(x.tags(p.Tags), tableTag)})
	if err != nil {
		return "", err
	}
	return *name, nil
}

// readTable also sets what DynamoDB takes only for a table that is there.
func readTable(x *Context, id string, p *table) (State, error) {
	out, err := invoke[dynamodb.DescribeTableOutput](x, &dynamodb.DescribeTableInput{TableName: &id})
	if err != nil {
		return State{}, err
	}
	if out.Table.TableStatus != types.TableStatusActive {
		return State{Busy: true}, nil
	}
	return State{Attributes: map[string]any{"Arn": *out.Table.TableArn}}, p.settle(x, id)
}

func (p *table) settle(x *Context, id string) error {
	ttl, err := invoke[dynamodb.DescribeTimeToLiveOutput](x, &dynamodb.DescribeTimeToLiveInput{TableName: &id})
	if err != nil {
		return err
	}
	is := ttl.TimeToLiveDescription
	on := is != nil && (is.TimeToLiveStatus == types.TimeToLiveStatusEnabled || is.TimeToLiveStatus == types.TimeToLiveStatusEnabling)
	want := p.TimeToLiveSpecification
	switch {
	case want != nil && want.Enabled && !on:
		err = do(x, &dynamodb.UpdateTimeToLiveInput{TableName: &id, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: want.AttributeName, Enabled: &want.Enabled}})
	case (want == nil || !want.Enabled) && on:
		off := false
		err = do(x, &dynamodb.UpdateTimeToLiveInput{TableName: &id, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: is.AttributeName, Enabled: &off}})
	}
	if err != nil {
		return err
	}
	backups, err := invoke[dynamodb.DescribeContinuousBackupsOutput](x, &dynamodb.DescribeContinuousBackupsInput{TableName: &id})
	if err != nil {
		return err
	}
	now := false
	if d := backups.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil {
		now = d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
	}
	recovery := p.PointInTimeRecoverySpecification
	if recovery == nil {
		off := false
		recovery = &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &off}
	}
	if recovery.PointInTimeRecoveryEnabled != nil && *recovery.PointInTimeRecoveryEnabled != now {
		return do(x, &dynamodb.UpdateContinuousBackupsInput{TableName: &id, PointInTimeRecoverySpecification: recovery})
	}
	return nil
}

func updateTable(x *Context, id string, old, p *table) error {
	if p.StreamSpecification != nil {
		return refuse("StreamSpecification")
	}
	in := &dynamodb.UpdateTableInput{TableName: &id}
	changes := false
	if p.BillingMode != old.BillingMode {
		in.BillingMode, changes = p.BillingMode, true
	}
	if JSON(p.ProvisionedThroughput) != JSON(old.ProvisionedThroughput) && p.ProvisionedThroughput != nil {
		in.ProvisionedThroughput, changes = p.ProvisionedThroughput, true
	}
	if JSON(p.DeletionProtectionEnabled) != JSON(old.DeletionProtectionEnabled) {
		off := false
		in.DeletionProtectionEnabled, changes = p.DeletionProtectionEnabled, true
		if p.DeletionProtectionEnabled == nil {
			in.DeletionProtectionEnabled = &off
		}
	}
	if p.SSESpecification != nil && JSON(p.SSESpecification) != JSON(old.SSESpecification) {
		in.SSESpecification, changes = p.encryption(), true
	}
	if p.TableClass != old.TableClass && p.TableClass != "" {
		in.TableClass, changes = p.TableClass, true
	}
	if updates := indexUpdates(old, p); len(updates) > 0 {
		in.GlobalSecondaryIndexUpdates, in.AttributeDefinitions, changes = updates, p.AttributeDefinitions, true
	}
	if changes {
		if err := do(x, in); err != nil {
			return err
		}
	}
	arn := x.ARN("dynamodb", "table/"+id)
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &dynamodb.TagResourceInput{ResourceArn: &arn, Tags: tagsAs(tags, tableTag)})
		},
		func(keys []string) error {
			return do(x, &dynamodb.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
		})
}

// indexUpdates gives the indexes to make and to delete; one that changed is not
// made anew under its name, as AWS refuses it too.
func indexUpdates(old, p *table) []types.GlobalSecondaryIndexUpdate {
	names := func(t *table) map[string]types.GlobalSecondaryIndex {
		out := map[string]types.GlobalSecondaryIndex{}
		for _, index := range t.GlobalSecondaryIndexes {
			if index.IndexName != nil {
				out[*index.IndexName] = index
			}
		}
		return out
	}
	was, is := names(old), names(p)
	var out []types.GlobalSecondaryIndexUpdate
	for _, index := range old.GlobalSecondaryIndexes {
		if index.IndexName != nil {
			if _, stays := is[*index.IndexName]; !stays {
				out = append(out, types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: index.IndexName}})
			}
		}
	}
	for _, index := range p.GlobalSecondaryIndexes {
		if index.IndexName != nil {
			if _, there := was[*index.IndexName]; !there {
				out = append(out, types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: index.IndexName, KeySchema: index.KeySchema,
					Projection: index.Projection, ProvisionedThroughput: index.ProvisionedThroughput}})
			}
		}
	}
	return out
}
