package dynamodb

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// createTime is how long a new table stays CREATING.
const createTime = 5 * time.Second

var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.\-]{3,255}$`)

// plainTableName is what requests about items may name: a table of another
// length is one that is not there.
var plainTableName = regexp.MustCompile(`^[a-zA-Z0-9_.\-]+$`)

// keySchema names the attributes of a primary key; sort may be "".
type keySchema struct{ hash, sort string }

type table struct {
	name        string
	in          *awsddb.CreateTableInput
	key         keySchema
	attrTypes   map[string]string // of key attributes: S, N or B
	indexes     map[string]keySchema
	projections map[string]*types.Projection
	created     time.Time
	activeAt    time.Time
	ttl         string // the attribute by which items expire, or ""
	ttlChanged  time.Time
	recovery    bool // point-in-time recovery
	tags        map[string]string
	items       map[string]attr.Item // by encoded key
}

// newTable checks a CreateTable request.
func newTable(in *awsddb.CreateTableInput, now time.Time) (*table, error) {
	t := &table{name: aws.ToString(in.TableName), in: in, attrTypes: map[string]string{}, indexes: map[string]keySchema{},
		projections: map[string]*types.Projection{}, created: now, items: map[string]attr.Item{}, tags: map[string]string{}}
	for _, tag := range in.Tags {
		t.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if !tableName.MatchString(t.name) {
		return nil, validation("TableName must be at least 3 characters long and at most 255 characters long, of a-z, A-Z, 0-9, '_', '-' and '.'")
	}
	for _, d := range in.AttributeDefinitions {
		t.attrTypes[aws.ToString(d.AttributeName)] = string(d.AttributeType)
	}
	used := map[string]bool{}
	var err error
	if t.key, err = t.readKey(in.KeySchema, used); err != nil {
		return nil, err
	}
	for _, g := range in.GlobalSecondaryIndexes {
		if t.indexes[aws.ToString(g.IndexName)], err = t.readKey(g.KeySchema, used); err != nil {
			return nil, err
		}
		t.projections[aws.ToString(g.IndexName)] = g.Projection
	}
	for _, l := range in.LocalSecondaryIndexes {
		if t.indexes[aws.ToString(l.IndexName)], err = t.readKey(l.KeySchema, used); err != nil {
			return nil, err
		}
		t.projections[aws.ToString(l.IndexName)] = l.Projection
	}
	if len(used) != len(t.attrTypes) {
		if len(t.indexes) == 0 {
			return nil, validation("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
		}
		return nil, validation("One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]",
			strings.Join(slices.Sorted(maps.Keys(t.attrTypes)), ", "), strings.Join(slices.Sorted(maps.Keys(used)), ", "))
	}
	switch in.BillingMode {
	case types.BillingModePayPerRequest:
		if in.ProvisionedThroughput != nil {
			return nil, validation("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
	case types.BillingModeProvisioned, "":
		if in.ProvisionedThroughput == nil {
			return nil, validation("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
		}
	}
	return t, nil
}

func (t *table) readKey(schema []types.KeySchemaElement, used map[string]bool) (keySchema, error) {
	var k keySchema
	for i, e := range schema {
		name := aws.ToString(e.AttributeName)
		if !slices.Contains([]string{"S", "N", "B"}, t.attrTypes[name]) {
			return k, validation("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s]", name)
		}
		used[name] = true
		switch {
		case i == 0 && e.KeyType == types.KeyTypeHash:
			k.hash = name
		case i == 1 && e.KeyType == types.KeyTypeRange:
			k.sort = name
		default:
			return k, validation("Invalid KeySchema: The first KeySchemaElement must be HASH, the second RANGE")
		}
	}
	if k.hash == "" {
		return k, validation("Invalid KeySchema: Some index key attribute have no definition")
	}
	return k, nil
}

// keyOf returns the encoded primary key of an item or a key, which must hold
// the key attributes with their types and, if exact, nothing else.
func (t *table) keyOf(item attr.Item, exact bool) (string, error) {
	parts := []string{}
	for _, name := range []string{t.key.hash, t.key.sort} {
		if name == "" {
			continue
		}
		v, ok := item[name]
		switch {
		case !ok && exact:
			return "", validation("The provided key element does not match the schema")
		case !ok:
			return "", validation("One or more parameter values were invalid: Missing the key %s in the item", name)
		case attr.Type(v) != t.attrTypes[name] && exact:
			return "", validation("The provided key element does not match the schema")
		case attr.Type(v) != t.attrTypes[name]:
			return "", validation("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", name, t.attrTypes[name], attr.Type(v))
		}
		if n, sized := attr.Size(v); sized && n == 0 {
			return "", validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", name)
		}
		parts = append(parts, encodeScalar(v))
	}
	if exact && len(item) != len(parts) {
		return "", validation("The provided key element does not match the schema")
	}
	return strings.Join(parts, "\x00"), nil
}

func encodeScalar(v attr.Value) string {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		return base64.StdEncoding.EncodeToString([]byte(x.Value))
	case *types.AttributeValueMemberB:
		return base64.StdEncoding.EncodeToString(x.Value)
	case *types.AttributeValueMemberN:
		return x.Value // normalised by attr.Check
	}
	return ""
}

// onlyKey returns the attributes of an item that make up the keys.
func (t *table) onlyKey(item attr.Item, index string) attr.Item {
	out := attr.Item{}
	keys := []keySchema{t.key}
	if index != "" {
		keys = append(keys, t.indexes[index])
	}
	for _, k := range keys {
		for _, name := range []string{k.hash, k.sort} {
			if v, ok := item[name]; ok && name != "" {
				out[name] = v
			}
		}
	}
	return out
}

// CreateTable implements the API operation.
func (s *Service) CreateTable(_ *wire.Call, in *awsddb.CreateTableInput) (*awsddb.CreateTableOutput, error) {
	now := s.clock.Now()
	t, err := newTable(in, now)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.tables[t.name]; ok {
		return nil, &types.ResourceInUseException{Message: aws.String("Table already exists: " + t.name)}
	}
	t.activeAt = now.Add(createTime)
	s.tables[t.name] = t
	return &awsddb.CreateTableOutput{TableDescription: s.describe(t)}, nil
}

// AddTable makes a table that is active at once, without an API call.
func (s *Service) AddTable(in *awsddb.CreateTableInput) error {
	now := s.clock.Now()
	t, err := newTable(in, now)
	if err != nil {
		return err
	}
	t.activeAt = now
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.tables[t.name]; ok {
		return fmt.Errorf("dynamodb: table %s exists", t.name)
	}
	s.tables[t.name] = t
	return nil
}

func (s *Service) describe(t *table) *types.TableDescription {
	status := types.TableStatusActive
	if s.clock.Now().Before(t.activeAt) {
		status = types.TableStatusCreating
	}
	size := 0
	for _, item := range t.items {
		size += sizeOf(item)
	}
	d := &types.TableDescription{
		TableName: &t.name, TableArn: aws.String(s.arn(t.name)), TableStatus: status, KeySchema: t.in.KeySchema,
		AttributeDefinitions: t.in.AttributeDefinitions, CreationDateTime: &t.created, ItemCount: aws.Int64(int64(len(t.items))),
		TableSizeBytes: aws.Int64(int64(size)), DeletionProtectionEnabled: aws.Bool(aws.ToBool(t.in.DeletionProtectionEnabled)), TableId: aws.String(t.id()),
	}
	if t.in.BillingMode == types.BillingModePayPerRequest {
		d.BillingModeSummary = &types.BillingModeSummary{BillingMode: t.in.BillingMode}
		if status == types.TableStatusActive {
			d.BillingModeSummary.LastUpdateToPayPerRequestDateTime = &t.created
		}
	}
	provisioned := &types.ProvisionedThroughputDescription{NumberOfDecreasesToday: aws.Int64(0), ReadCapacityUnits: aws.Int64(0), WriteCapacityUnits: aws.Int64(0)}
	if p := t.in.ProvisionedThroughput; p != nil {
		provisioned.ReadCapacityUnits, provisioned.WriteCapacityUnits = p.ReadCapacityUnits, p.WriteCapacityUnits
	}
	d.ProvisionedThroughput = provisioned
	if sse := t.in.SSESpecification; sse != nil && aws.ToBool(sse.Enabled) {
		d.SSEDescription = &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSETypeKms, KMSMasterKeyArn: sse.KMSMasterKeyId}
	}
	for _, l := range t.in.LocalSecondaryIndexes {
		d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, types.LocalSecondaryIndexDescription{IndexName: l.IndexName, KeySchema: l.KeySchema, Projection: l.Projection})
	}
	for _, g := range t.in.GlobalSecondaryIndexes {
		d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, types.GlobalSecondaryIndexDescription{
			IndexName: g.IndexName, KeySchema: g.KeySchema, Projection: g.Projection, IndexStatus: types.IndexStatus(status),
		})
	}
	return d
}

// id is the table's id, which another table of the same name does not have.
func (t *table) id() string {
	h := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "dynamodb/%s/%d", t.name, t.created.UnixNano())))
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:32]}, "-")
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", s.region, s.account, name)
}

// DescribeTable implements the API operation.
func (s *Service) DescribeTable(_ *wire.Call, in *awsddb.DescribeTableInput) (*awsddb.DescribeTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[s.plainName(in.TableName)]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Requested resource not found: Table: %s not found", aws.ToString(in.TableName)))}
	}
	return &awsddb.DescribeTableOutput{Table: s.describe(t)}, nil
}

// DeleteTable implements the API operation.
func (s *Service) DeleteTable(_ *wire.Call, in *awsddb.DeleteTableInput) (*awsddb.DeleteTableOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(t.in.DeletionProtectionEnabled) {
		return nil, validation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	delete(s.tables, t.name)
	d := s.describe(t)
	d.TableStatus = types.TableStatusDeleting
	return &awsddb.DeleteTableOutput{TableDescription: d}, nil
}

// ListTables implements the API operation.
func (s *Service) ListTables(_ *wire.Call, in *awsddb.ListTablesInput) (*awsddb.ListTablesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsddb.ListTablesOutput{TableNames: []string{}}
	for name := range s.tables {
		if name > aws.ToString(in.ExclusiveStartTableName) {
			out.TableNames = append(out.TableNames, name)
		}
	}
	sort.Strings(out.TableNames)
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if len(out.TableNames) > limit {
		out.TableNames = out.TableNames[:limit]
		out.LastEvaluatedTableName = &out.TableNames[limit-1]
	}
	return out, nil
}
