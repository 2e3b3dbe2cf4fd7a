// Package tabletest is a DynamoDB that holds state in memory, for tests of the
// packages that keep documents in tables. It knows the requests that package
// table makes and refuses all others.
package tabletest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Fake is a DynamoDB. The zero value has no tables; they begin empty when used.
type Fake struct {
	// Before is called before each request, after the writes of earlier ones; an
	// error fails the request before its effect. May write to the Fake itself.
	Before func(operation string) error
	// After is called after the effect of a PutItem; an error loses the answer.
	After func() error
	// PageSize limits the items of a Query page; 0 means no limit.
	PageSize int

	mu     sync.Mutex
	tables map[string]map[string]item
	writes int
}

type item = map[string]types.AttributeValue

// Writes returns how many writes took effect.
func (f *Fake) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// Corrupt replaces the document of every item of a table.
func (f *Fake) Corrupt(table, data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range f.tables[table] {
		it["data"] = &types.AttributeValueMemberS{Value: data}
	}
}

// Documents returns the documents of a table, in the order of their keys.
func (f *Fake) Documents(table string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var docs []string
	for _, id := range slices.Sorted(maps.Keys(f.tables[table])) {
		docs = append(docs, text(f.tables[table][id]["data"]))
	}
	return docs
}

// GetItem implements table.API.
func (f *Fake) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if err := f.before(ctx, "GetItem"); err != nil {
		return nil, err
	}
	if in.ConsistentRead == nil || !*in.ConsistentRead {
		return nil, fmt.Errorf("tabletest: a read that is not consistent may miss the last write")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: maps.Clone(f.tables[*in.TableName][identity(in.Key)])}, nil
}

// PutItem implements table.API.
func (f *Fake) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if err := f.before(ctx, "PutItem"); err != nil {
		return nil, err
	}
	if err := f.put(in); err != nil {
		return nil, err
	}
	if f.After != nil {
		if err := f.After(); err != nil {
			return nil, err
		}
	}
	return &dynamodb.PutItemOutput{}, nil
}

func (f *Fake) put(in *dynamodb.PutItemInput) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := maps.Clone(in.Item)
	delete(key, "data")
	delete(key, "version")
	id := identity(key)
	if in.ConditionExpression == nil {
		return fmt.Errorf("tabletest: an unconditional write could overwrite another")
	}
	old := text(f.tables[*in.TableName][id][in.ExpressionAttributeNames["#version"]])
	var holds bool
	switch *in.ConditionExpression {
	case "attribute_not_exists(#version)":
		holds = old == ""
	case "#version = :version":
		holds = old == text(in.ExpressionAttributeValues[":version"])
	default:
		return fmt.Errorf("tabletest: condition %q is not known", *in.ConditionExpression)
	}
	if !holds {
		message := "The conditional request failed"
		return &types.ConditionalCheckFailedException{Message: &message}
	}
	if f.tables == nil {
		f.tables = map[string]map[string]item{}
	}
	if f.tables[*in.TableName] == nil {
		f.tables[*in.TableName] = map[string]item{}
	}
	f.tables[*in.TableName][id] = maps.Clone(in.Item)
	f.writes++
	return nil
}

// Query implements table.API.
func (f *Fake) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if err := f.before(ctx, "Query"); err != nil {
		return nil, err
	}
	if *in.KeyConditionExpression != "#partition = :partition AND begins_with(#sort, :prefix)" {
		return nil, fmt.Errorf("tabletest: key condition %q is not known", *in.KeyConditionExpression)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	partition, sort := in.ExpressionAttributeNames["#partition"], in.ExpressionAttributeNames["#sort"]
	after := text(in.ExclusiveStartKey[sort])
	var found []item
	for _, it := range f.tables[*in.TableName] {
		if text(it[partition]) == text(in.ExpressionAttributeValues[":partition"]) && text(it[sort]) > after &&
			strings.HasPrefix(text(it[sort]), text(in.ExpressionAttributeValues[":prefix"])) {
			found = append(found, maps.Clone(it))
		}
	}
	slices.SortFunc(found, func(a, b item) int { return strings.Compare(text(a[sort]), text(b[sort])) })
	out := &dynamodb.QueryOutput{Items: found}
	if f.PageSize > 0 && len(found) > f.PageSize {
		out.Items = found[:f.PageSize]
		last := out.Items[f.PageSize-1]
		out.LastEvaluatedKey = item{partition: last[partition], sort: last[sort]}
	}
	return out, nil
}

func (f *Fake) before(ctx context.Context, operation string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Before != nil {
		return f.Before(operation)
	}
	return nil
}

func identity(key item) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(key)) {
		fmt.Fprintf(&b, "%s=%q,", name, text(key[name]))
	}
	return b.String()
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}
